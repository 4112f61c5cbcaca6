"""Text -> moments and sums of money, as people and programs write them.

Pure. Each function gives None for what is not such a value, or could be two of them.
"""

import re
from datetime import datetime, time
from decimal import Decimal

from mailer.languages import TIMEZONE

_NORDIC = re.compile(
    r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})(?:,?\s+(?:klo|kl\.?)?\s*([0-9]{1,2})[.:]([0-9]{2}))?"
)
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_PLAIN = re.compile(r"[0-9]{1,15}(?:[.,][0-9]{1,2})?")
# What groups the digits is not what stands before the cents.
_GROUPED = re.compile(r"[0-9]{1,3}([.,'])[0-9]{3}(?:(?:\1[0-9]{3})+(?![0-9]|\1)|(?=(?!\1)[.,]))")
_LONGEST = 60


def moment(text: str) -> datetime | None:
    """A day (its midnight) or a moment; without a zone it is of the installation's zone."""
    plain = " ".join(text.split())
    if len(plain) > _LONGEST:
        return None
    try:
        found = _nordic(plain) or _iso(plain)
    except (ValueError, OverflowError):
        return None
    return found if found is not None and 1 < found.year < 9999 else None


def is_whole_day(at: datetime) -> bool:
    """Whether only the day of a moment is known."""
    return at.astimezone(TIMEZONE).time() == time()


def amount(text: str) -> Decimal | None:
    """A sum with at most two decimals: 1 234,50 or 1.234,50 or -99.95 €; `1,234` is two sums."""
    plain = "".join(text.split()).casefold()
    for word in ("€", "eur", "euroa"):
        plain = plain.removesuffix(word).removeprefix(word)
    sign = "-" if plain[:1] in ("-", "−", "–") else ""
    plain = plain[1:] if plain[:1] in ("-", "−", "–", "+") else plain
    grouped = _GROUPED.match(plain)
    if grouped is not None:
        plain = re.sub(r"[.,']", "", grouped.group(0)) + plain[grouped.end() :]
    if len(plain) > _LONGEST or _PLAIN.fullmatch(plain) is None:
        return None
    return Decimal(sign + plain.replace(",", "."))


def _nordic(text: str) -> datetime | None:
    match = _NORDIC.fullmatch(text)
    if match is None:
        return None
    day, month, year, hour, minute = (int(part or 0) for part in match.groups())
    return datetime(year, month, day, hour, minute, tzinfo=TIMEZONE)


def _iso(text: str) -> datetime | None:
    if _ISO.fullmatch(text) is None:
        return None
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=TIMEZONE)
