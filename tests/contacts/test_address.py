"""When two addresses are the same, and the keys that stand for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.contacts.address import (
    PROBLEMS,
    AddressError,
    address_key,
    canonical,
    company_key,
    domain_key,
    masked,
    person_key,
)
from mailer.keys import use_suppression_key

REFUSED = [
    ("", "missing_address"),
    (" \t\n\u00a0", "missing_address"),
    ("anna", "bad_address"),
    ("@yritys.example", "bad_address"),
    ("anna@", "bad_address"),
    ("anna@yritys", "bad_address"),
    ("anna@yritys..example", "bad_address"),
    ("anna@.example", "bad_address"),
    ("anna@yritys.example.", "bad_address"),
    ("anna@-yritys.example", "bad_address"),
    ("anna@yritys.123", "bad_address"),
    ("anna@127.0.0.1", "bad_address"),
    ("anna@[127.0.0.1]", "bad_address"),
    ("anna@@yritys.example", "bad_address"),
    ("anna aalto@yritys.example", "bad_address"),
    (".anna@yritys.example", "bad_address"),
    ("anna.@yritys.example", "bad_address"),
    ("an..na@yritys.example", "bad_address"),
    ('"anna"@yritys.example', "bad_address"),
    ("Anna <anna@yritys.example>", "bad_address"),
    ("anna@yritys.example, b@yritys.example", "bad_address"),
    ("anna@yritys.example\r\nBcc: b@muu.example", "bad_address"),
    ("anna\x00@yritys.example", "bad_address"),
    ("a" * 65 + "@yritys.example", "bad_address"),
    ("äiti@yritys.example", "non_ascii_local"),
    ("\ud800@yritys.example", "non_ascii_local"),
    ("anna@\ud800.example", "bad_address"),
    ("anna@" + "ä" * 64 + ".example", "bad_address"),
    ("a@" + "b" * 60 + "." + "c" * 60 + "." + "d" * 60 + "." + "e" * 60 + "." + "f" * 20 + ".fi",
     "address_too_long"),
    ("a" * 5000, "address_too_long"),
]  # fmt: skip
SAME = [
    ("anna@yritys.example", "anna@yritys.example"),
    ("  ANNA@Yritys.EXAMPLE \n", "anna@yritys.example"),
    ("\uff41nna\uff20yritys.example", "anna@yritys.example"),  # full-width letters
    ("anna@YRITYS\u3002example", "anna@yritys.example"),  # an ideographic full stop
    ("anna@Äyri.example", "anna@xn--yri-pla.example"),
    ("anna@a\u0308yri.example", "anna@xn--yri-pla.example"),  # ä in two characters
    ("anna@XN--YRI-PLA.example", "anna@xn--yri-pla.example"),
    ("Anna+Uutiset@yritys.example", "anna+uutiset@yritys.example"),
    ("a.n.n.a@yritys.example", "a.n.n.a@yritys.example"),
    ("o'brien_x!#$%&*/=?^`{|}~@yritys.example", "o'brien_x!#$%&*/=?^`{|}~@yritys.example"),
    ("\u212aari@yritys.example", "kari@yritys.example"),  # the Kelvin sign
]


@pytest.mark.parametrize(("raw", "code"), REFUSED)
def test_what_cannot_be_delivered_to_is_refused_by_name(raw: str, code: str) -> None:
    with pytest.raises(AddressError) as caught:
        canonical(raw)
    assert caught.value.code == code
    assert str(caught.value) == code
    assert code in PROBLEMS


@pytest.mark.parametrize(("raw", "text"), SAME)
def test_each_spelling_has_one_canonical_form(raw: str, text: str) -> None:
    assert str(canonical(raw)) == text


@given(
    st.one_of(
        st.text(max_size=80),
        st.text(alphabet="aA+.@-_ ä\u3002\uff41İ\u0130ßﬁ\r\n", max_size=30),
        st.builds("{}@{}.example".format, st.text(max_size=20), st.text(max_size=20)),
    )
)
def test_a_canonical_address_is_its_own_canonical_form_and_plain_ascii(raw: str) -> None:
    try:
        address = canonical(raw)
    except AddressError:
        return
    text = str(address)
    assert canonical(text) == address
    assert text.isascii()
    assert text == text.lower()
    assert len(text) <= 254
    assert not set(text) & set(' \r\n\t<>,;"\\()[]:')
    assert canonical(address.mailbox) == canonical(canonical(address.mailbox).mailbox)


@pytest.mark.parametrize(
    "other",
    [
        "anna+uutiset@yritys.example",
        "ANNA@YRITYS.EXAMPLE",
        " anna+a+b@yritys.example",
        "anna+@yritys.example",
    ],
)
def test_all_spellings_of_a_mailbox_share_its_key(other: str) -> None:
    assert address_key(canonical(other)) == address_key(canonical("anna@yritys.example"))


@pytest.mark.parametrize(
    "other",
    ["an.na@yritys.example", "anna@muu.example", "anna@sub.yritys.example", "+anna@yritys.example"],
)
def test_other_mailboxes_have_other_keys(other: str) -> None:
    assert address_key(canonical(other)) != address_key(canonical("anna@yritys.example"))


def test_a_local_part_that_is_all_tag_keeps_its_own_key() -> None:
    first, second = canonical("+a@yritys.example"), canonical("+b@yritys.example")
    assert address_key(first) != address_key(second)


def test_a_key_does_not_tell_its_kind_apart_by_chance() -> None:
    keys = {domain_key("x"), company_key("x"), address_key(canonical("x@x.example")), b""}
    assert len(keys) == 4


def test_another_suppression_key_makes_other_hashes() -> None:
    address = canonical("anna@yritys.example")
    before = address_key(address)
    assert len(before) == 16
    use_suppression_key("another-suppression-key-of-enough-length")
    assert address_key(address) != before


def test_without_a_suppression_key_there_is_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.keys._begun", [])
    with pytest.raises(IndexError):
        domain_key("yritys.example")


@pytest.mark.parametrize(
    ("first", "last", "same"),
    [
        ("ANNA", " aalto ", True),
        ("anna", "AALTO", True),
        ("Anna", "Aa\u00adlto", False),
        ("Aalto", "Anna", False),
        ("", "Aalto", None),
        ("Anna", " ", None),
    ],
)
def test_a_person_is_known_by_both_names_at_one_employer(
    first: str, last: str, same: bool | None
) -> None:
    key = person_key(first, last, "yritys.example")
    assert (None if key is None else key == person_key("Anna", "Aalto", "yritys.example")) is same


def test_a_person_at_another_employer_is_another() -> None:
    assert person_key("Anna", "Aalto", "a.example") != person_key("Anna", "Aalto", "b.example")
    assert person_key("Anna", "Aalto", "") is None


def test_a_masked_address_shows_one_letter() -> None:
    assert masked("anna.aalto@yritys.example") == "a•••••@yritys.example"
    assert masked("a@yritys.example") == "a•••••@yritys.example"
    assert masked("") == "•••••@"
