"""When two addresses are the same, and the keyed hashes by which suppressions know people.

The canonical form decides uniqueness; the keys decide suppression. Keys are truncated
HMAC-SHA256 (128 bits) under a key that is not in the database, so a list of suppressions tells
nobody who is on it (R90). Plus tags are dropped for the key only: anna+news@ and anna@ are one
mailbox to an opt-out, but two spellings to write to. Dots are kept: they matter at most companies.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

import idna

from mailer.keys import keyed_hash
from mailer.languages import N_

MAX_LENGTH = 254

# RFC 5321 dot-atom; SES takes ASCII local parts only (no SMTPUTF8).
_LOCAL = re.compile(r"[a-z0-9!#$%&'*/=?^_`{|}~+-]+(?:\.[a-z0-9!#$%&'*/=?^_`{|}~+-]+)*")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")

PROBLEMS = {
    "missing_address": N_("The e-mail address is missing."),
    "bad_address": N_("This is not an e-mail address. Write it as name@company.fi."),
    "non_ascii_local": N_(
        "The part before @ has letters that e-mail cannot deliver to (such as ä or ö)."
    ),
    "address_too_long": N_("The e-mail address is longer than 254 characters."),
}


class AddressError(ValueError):
    """The text is not a deliverable address; `code` is a key of PROBLEMS. Holds no address."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Address(NamedTuple):
    """A canonical address: lower case, NFKC, domain in its ASCII form."""

    local: str
    domain: str

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"

    @property
    def mailbox(self) -> str:
        """The address without a plus tag: what suppression keys are made of."""
        return f"{self.local.partition('+')[0] or self.local}@{self.domain}"


def canonical(raw: str) -> Address:
    """The canonical form of what somebody wrote. Raises AddressError."""
    if len(raw) > 4 * MAX_LENGTH:
        raise AddressError("address_too_long")
    # NFKC leaves ASCII as it is.
    cleaned = (raw if raw.isascii() else unicodedata.normalize("NFKC", raw)).strip().lower()
    if not cleaned:
        raise AddressError("missing_address")
    local, at, domain = cleaned.rpartition("@")
    if not at or not local or not domain:
        raise AddressError("bad_address")
    if not local.isascii():
        raise AddressError("non_ascii_local")
    canonical_domain = _domain(domain)
    if canonical_domain is None or len(local) > 64 or not _LOCAL.fullmatch(local):
        raise AddressError("bad_address")
    if len(local) + len(canonical_domain) + 1 > MAX_LENGTH:
        raise AddressError("address_too_long")
    return Address(local, canonical_domain)


@lru_cache(maxsize=50_000)
def _domain(domain: str) -> str | None:
    """A domain in its ASCII form, None if it is no mail domain."""
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    return domain if _DOMAIN.fullmatch(domain) else None


def masked(address: str) -> str:
    """An address a page may show to whoever holds the link: a•••@company.example."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••••@{domain}"


def address_key(address: Address) -> bytes:
    """The key of one mailbox."""
    return keyed_hash(f"address:{address.mailbox}")


def domain_key(domain: str) -> bytes:
    """The key of a whole mail domain (canonical form)."""
    return keyed_hash(f"domain:{domain}")


def company_key(business_id: str) -> bytes:
    """The key of a company by its Business ID."""
    return keyed_hash(f"company:{business_id}")


def person_key(first_name: str, last_name: str, employer: str) -> bytes | None:
    """The key of a person at an employer (Business ID, else mail domain); None without both names.

    So an opt-out also holds for the same person's other address at the same employer.
    """
    first, last = _folded(first_name), _folded(last_name)
    if not first or not last or not employer:
        return None
    return keyed_hash(f"person:{first} {last}|{employer}")


@lru_cache(maxsize=50_000)
def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
