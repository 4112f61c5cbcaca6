"""The password policy and the hashes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.accounts import passwords


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        ("", passwords.TOO_SHORT),
        ("elevenchars", passwords.TOO_SHORT),
        ("x" * 257, passwords.TOO_LONG),
        ("my-Maija.Virtanen-pass", passwords.LIKE_NAME),
        ("Salasana123456", passwords.TOO_COMMON),
        ("password-password", passwords.TOO_COMMON),
        ("abababababababab", passwords.TOO_COMMON),
        ("abcdefghijklmno", passwords.TOO_COMMON),
        ("qwertyuiop12345", passwords.TOO_COMMON),
    ],
)
def test_weak_passwords_are_refused(password: str, problem: str) -> None:
    assert passwords.problem(password, "maija.virtanen") == problem


@pytest.mark.parametrize(
    "password", ["kettu juoksee metsän halki", "vX9#kQ2!mZ7p", "🦊🐻🐺🐗🐴🐝🐛🦋🐌🐞🐜🦟"]
)
def test_good_passwords_are_accepted(password: str) -> None:
    assert passwords.problem(password, "maija.virtanen") is None


def test_a_temporary_password_meets_the_policy() -> None:
    assert passwords.problem(passwords.temporary(), "maija.virtanen") is None


def test_only_the_right_password_matches() -> None:
    hashed = passwords.hashed("kettu juoksee metsän halki")
    assert hashed.startswith("$argon2id$")
    assert passwords.matches("kettu juoksee metsän halki", hashed)
    assert not passwords.matches("kettu juoksee metsän halk", hashed)


def test_nothing_matches_a_user_who_does_not_exist() -> None:
    assert not passwords.matches("", None)
    assert not passwords.matches("kettu juoksee metsän halki", None)


@pytest.mark.parametrize("broken", ["x", "$argon2id$v=19$", "plain-text-password"])
def test_a_broken_hash_matches_nothing(broken: str) -> None:
    assert not passwords.matches(broken, broken)


@settings(max_examples=200)
@given(st.text(max_size=300), st.text(max_size=30))
def test_any_text_is_judged_without_failing(password: str, name: str) -> None:
    passwords.problem(password, name)
