"""Links to recipients: opaque, hard to forge, one purpose each, valid for ever."""

import base64
import hashlib
import string
from datetime import UTC, datetime

import pytest
import time_machine
from hypothesis import assume, given
from hypothesis import strategies as st

from mailer.tokens import Purpose, Recipient, Signer, TokenError

SECRET = "a-secret-of-this-installation-0123456789"
PURPOSES = st.sampled_from(Purpose)
RECIPIENTS = st.builds(
    Recipient,
    message_id=st.integers(0, 2**63 - 1),
    address_key=st.binary(min_size=16, max_size=16),
)
SIGNER = Signer(SECRET)
ALPHABET = set(string.ascii_letters + string.digits + "-_")


def refused(signer: Signer, purpose: Purpose, token: str) -> bool:
    try:
        signer.read(purpose, token)
    except TokenError:
        return True
    return False


@given(RECIPIENTS, PURPOSES)
def test_a_token_tells_its_recipient_and_fits_a_header_and_a_url(
    recipient: Recipient, purpose: Purpose
) -> None:
    token = SIGNER.make(purpose, recipient)
    assert SIGNER.read(purpose, token) == recipient
    assert len(token) == 50
    assert set(token) <= ALPHABET


@given(RECIPIENTS, PURPOSES, PURPOSES)
def test_a_token_of_another_purpose_is_refused(
    recipient: Recipient, purpose: Purpose, other: Purpose
) -> None:
    assume(purpose != other)
    assert refused(SIGNER, other, SIGNER.make(purpose, recipient))


@given(RECIPIENTS, st.integers(0, 36), st.integers(1, 255))
def test_a_changed_byte_is_refused(recipient: Recipient, place: int, change: int) -> None:
    raw = bytearray(base64.urlsafe_b64decode(SIGNER.make(Purpose.STOP, recipient) + "=="))
    raw[place] ^= change
    assert refused(SIGNER, Purpose.STOP, base64.urlsafe_b64encode(raw).rstrip(b"=").decode())


@given(RECIPIENTS, st.integers(0, 49))
def test_a_truncated_token_is_refused(recipient: Recipient, length: int) -> None:
    assert refused(SIGNER, Purpose.STOP, SIGNER.make(Purpose.STOP, recipient)[:length])


@given(RECIPIENTS, st.text(min_size=1, max_size=60))
def test_a_token_with_something_after_it_is_refused_or_the_same(
    recipient: Recipient, more: str
) -> None:
    token = SIGNER.make(Purpose.STOP, recipient) + more
    try:
        assert SIGNER.read(Purpose.STOP, token) == recipient
    except TokenError:
        return


@given(st.text(max_size=200))
def test_whatever_comes_there_is_an_answer(text: str) -> None:
    assert refused(SIGNER, Purpose.ONE_CLICK, text)


@pytest.mark.parametrize(
    "text", ["", "=", "====", "A" * 50, "A" * 100_000, "ä" * 50, "\x00" * 50, "\ud800"]
)
def test_what_is_not_a_token_is_refused(text: str) -> None:
    assert refused(SIGNER, Purpose.ONE_CLICK, text)


@given(RECIPIENTS, st.text(min_size=1))
def test_a_token_of_another_key_is_refused(recipient: Recipient, secret: str) -> None:
    assume(secret != SECRET and not _has_surrogates(secret))
    assert refused(SIGNER, Purpose.STOP, Signer(secret).make(Purpose.STOP, recipient))


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


@given(RECIPIENTS)
def test_a_token_of_a_retired_key_is_still_read_and_new_ones_use_the_new_key(
    recipient: Recipient,
) -> None:
    old = Signer("retired-key-0")
    both = Signer(SECRET, "retired-key-1", "retired-key-0")
    assert both.read(Purpose.STOP, old.make(Purpose.STOP, recipient)) == recipient
    assert both.make(Purpose.STOP, recipient) == SIGNER.make(Purpose.STOP, recipient)


def test_a_retired_key_is_read_even_when_its_first_byte_is_that_of_the_new_key() -> None:
    def first_byte(secret: str) -> int:
        return hashlib.sha256(b"links:" + secret.encode()).digest()[0]

    twin = next(
        f"key-{number}"
        for number in range(10_000)
        if first_byte(f"key-{number}") == first_byte(SECRET)
    )
    recipient = Recipient(7, b"k" * 16)
    token = Signer(twin).make(Purpose.ONE_CLICK, recipient)
    both = Signer(SECRET, twin)
    assert both.read(Purpose.ONE_CLICK, token) == recipient
    assert both.read(Purpose.ONE_CLICK, both.make(Purpose.ONE_CLICK, recipient)) == recipient
    assert refused(SIGNER, Purpose.ONE_CLICK, token)


def test_a_link_made_ten_years_ago_works() -> None:
    recipient = Recipient(1, b"\xff" * 16)
    with time_machine.travel(datetime(2026, 11, 24, tzinfo=UTC)):
        token = Signer(SECRET).make(Purpose.STOP, recipient)
    with time_machine.travel(datetime(2036, 11, 25, tzinfo=UTC)):
        assert Signer(SECRET).read(Purpose.STOP, token) == recipient


def test_the_form_of_a_token_does_not_change() -> None:
    # Printed in mails that people keep: another form would break the links in them.
    assert (
        Signer("s").make(Purpose.STOP, Recipient(258, bytes(range(16))))
        == "uQAAAAAAAAECAAECAwQFBgcICQoLDA0ODy9BwMOWGh2WmKJq8A"
    )
