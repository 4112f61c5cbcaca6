"""Passwords: hashed with argon2id, at least twelve characters, none that everybody tries first."""

import secrets
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailer.languages import N_

SHORTEST = 12
LONGEST = 256

TOO_SHORT = N_("Use at least 12 characters. Four words in a row are easy to remember.")
TOO_LONG = N_("Use at most 256 characters.")
LIKE_NAME = N_("The password must not contain the user name.")
TOO_COMMON = N_("That password is among the first that others would try. Choose another.")

# What the length alone does not stop; compared without case, digits at the end or separators.
_COMMON_WORDS = """
password passwordpassword salasana salasanasalasana losenord lösenord lösenordlösenord qwerty
qwertyuiop qwertyuiopå qwertyuiopasdfghjkl asdfghjkl asdfghjklöä zxcvbnm administrator
administraattori ylläpitäjä welcome letmein iloveyou football jalkapallo suomifinland
correcthorsebatterystaple changeme changemenow vaihdaminut lupaposti lupapostilupaposti trustno
princess sunshine superman
"""
_COMMON = frozenset(_COMMON_WORDS.split())

_hasher = PasswordHasher()
# Checked when the user name is unknown, so that both answers take the same time.
_NOBODY = _hasher.hash(secrets.token_urlsafe(16))


def problem(password: str, user_name: str) -> str | None:
    """Why a password cannot be used, as a message to translate; None when it can."""
    folded = password.casefold()
    if len(password) < SHORTEST:
        return TOO_SHORT
    if len(password) > LONGEST:
        return TOO_LONG
    if user_name and user_name.casefold() in folded:
        return LIKE_NAME
    core = "".join(character for character in folded if character.isalpha())
    if core in _COMMON or len(set(folded)) < 5 or _is_run(folded):
        return TOO_COMMON
    return None


def _is_run(text: str) -> bool:
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return len(steps) == 1


def hashed(password: str) -> str:
    """The argon2id hash to keep."""
    return _hasher.hash(password)


def matches(password: str, password_hash: str | None) -> bool:
    """Whether the password is right; takes as long when there is no hash to compare with."""
    # A longer one cannot have been set, and must not cost us time.
    password = password if len(password) <= LONGEST else ""
    try:
        _hasher.verify(password_hash or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return password_hash is not None


def is_outdated(password_hash: str) -> bool:
    """Whether it was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def temporary() -> str:
    """A password to hand over once; to be changed at the first sign-in (R71)."""
    return secrets.token_urlsafe(12)
