"""Signed documents: whatever was changed after signing is found out."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events import signing
from mailer.events.signing import Finding

SECRET = "a-secret-of-at-least-thirty-two-characters"
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
documents = st.dictionaries(
    texts,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)
DOCUMENT = {"audience": 3, "name": "Syyskirje 10 € – äö", "checks": [{"found": 3}]}


def trusted() -> list[str]:
    return [signing.public_key(SECRET)]


@given(documents)
def test_what_was_signed_is_right_however_it_is_written_down(document: dict[str, Any]) -> None:
    sealed = signing.sign(document, SECRET)
    for text in (json.dumps(sealed), json.dumps(sealed, indent=3, ensure_ascii=False)):
        assert signing.verify(text, trusted()) == (Finding.RIGHT, document)


@given(documents, documents)
def test_another_document_is_not_what_was_signed(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    if signing.canonical(one) == signing.canonical(other):
        return
    sealed = signing.sign(one, SECRET)
    sealed["certificate"] = other
    assert signing.verify(json.dumps(sealed), trusted())[0] is Finding.CHANGED


def test_one_digit_more_is_found_out() -> None:
    text = json.dumps(signing.sign(DOCUMENT, SECRET)).replace('"found": 3', '"found": 33')
    assert signing.verify(text, trusted())[0] is Finding.CHANGED


def test_a_right_signature_by_a_stranger_is_not_trusted() -> None:
    forged = signing.sign(DOCUMENT, "the-secret-of-somebody-else-entirely")
    assert signing.verify(json.dumps(forged), trusted())[0] is Finding.UNKNOWN_KEY
    ours = signing.sign(DOCUMENT, SECRET)
    forged["signature"]["public_key"] = ours["signature"]["public_key"]
    assert signing.verify(json.dumps(forged), trusted())[0] is Finding.CHANGED


def test_the_signature_covers_every_byte_of_itself() -> None:
    sealed = signing.sign(DOCUMENT, SECRET)
    value = sealed["signature"]["value"]
    for place in range(0, len(value) - 2, 7):
        other = "A" if value[place] != "A" else "B"
        sealed["signature"]["value"] = value[:place] + other + value[place + 1 :]
        assert signing.verify(json.dumps(sealed), trusted())[0] is Finding.CHANGED


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\xff\xfe",
        "{}",
        "[]",
        "null",
        '{"certificate": {}}',
        '{"certificate": {}, "signature": 5}',
        '{"certificate": {}, "signature": {"algorithm": "Ed25519", "public_key": 1, "value": ""}}',
        '{"certificate": {"a": 1.5}, "signature": {}}',
        '{"certificate": {"a": NaN}, "signature": {}}',
        '{"certificate": {"a": 1, "a": 2}, "signature": {}}',
        "[" * 100_000,
        (
            '{"certificate": "\\ud800", "signature":'
            ' {"algorithm": "Ed25519", "public_key": "", "value": ""}}'
        ),
    ],
)
def test_what_is_no_signed_document_is_said_to_be_none(text: str | bytes) -> None:
    assert signing.verify(text, trusted()) == (Finding.UNREADABLE, {})


@pytest.mark.parametrize(
    ("part", "value"), [("algorithm", "none"), ("public_key", "AAAA"), ("value", "é")]
)
def test_a_seal_of_another_make_is_not_read(part: str, value: str) -> None:
    sealed = signing.sign(DOCUMENT, SECRET)
    sealed["signature"][part] = value
    assert signing.verify(json.dumps(sealed), trusted())[0] is Finding.UNREADABLE


def test_members_beside_the_signed_ones_are_not_passed_over() -> None:
    sealed = signing.sign(DOCUMENT, SECRET) | {"note": "all is well"}
    assert signing.verify(json.dumps(sealed), trusted())[0] is Finding.UNREADABLE


def test_the_key_depends_on_the_secret_and_on_nothing_else() -> None:
    assert signing.public_key(SECRET) == signing.public_key(SECRET)
    assert signing.public_key(SECRET) != signing.public_key(SECRET + " ")
