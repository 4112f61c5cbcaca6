"""From stored content to a Notice. What is not there is off, so older versions stay readable."""

import re
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from mailer.languages import LANGUAGES
from mailer.notice import vocabulary
from mailer.notice.schema import (
    Cookies,
    Entity,
    Notice,
    Processor,
    Purpose,
    Rights,
    Tracking,
    Transfers,
)

# A century; more would leave the calendar.
MOST_MONTHS = 1200
LONGEST_TEXT = 20_000
# PostgreSQL stores neither NUL nor half a letter; a PDF shows no other control character either.
_UNSTORABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


class NoticeError(ValueError):
    """The content cannot be read as a notice. The text names the place."""


def parse(content: Mapping[str, Any]) -> Notice:
    """The notice in stored content. Raises NoticeError for a value outside its list."""
    contact = _section(content, "contact")
    retention = _section(content, "retention")
    targeting = _section(content, "targeting")
    tracking = _section(content, "tracking")
    declared = _purposes(content)
    return Notice(
        register_name=_text(content, "register_name"),
        dated=_date(content, "dated"),
        entities=_entities(content),
        contact_name=_text(contact, "name"),
        contact_email=_text(contact, "email"),
        contact_phone=_text(contact, "phone"),
        purposes={p.key: p for p in declared if p.key in vocabulary.PURPOSES},
        other_purposes={p.key: p for p in declared if p.key in vocabulary.OTHER_PURPOSES},
        person_kinds=_choices(content, "person_kinds", vocabulary.PERSON_KINDS),
        fields=_choices(content, "fields", vocabulary.FIELDS),
        other_data=_choices(content, "other_data", vocabulary.OTHER_DATA),
        source_kinds=_choices(content, "source_kinds", vocabulary.SOURCE_KINDS),
        interaction_kinds=_choices(content, "interaction_kinds", vocabulary.INTERACTION_KINDS),
        offering=frozenset(_texts(content, "offering")),
        opens=_tracking(tracking, "opens"),
        clicks=_tracking(tracking, "clicks"),
        ip_addresses=_flag(tracking, "ip_addresses"),
        publication=_flag(content, "publication"),
        recipients=_recipients(content),
        processors=_processors(content),
        transfers=_transfers(content),
        prospect_months=_months(retention, "prospect_months"),
        prospect_start=_choice(
            retention, "prospect_start", vocabulary.PROSPECT_STARTS, "collection"
        ),
        customer_months=_months(retention, "customer_months"),
        customer_start=_choice(
            retention, "customer_start", vocabulary.CUSTOMER_STARTS, "customership_end"
        ),
        revalidate_months=_months(retention, "revalidate_months") or 12,
        frequency_cap_days=int(_number(targeting, "frequency_cap_days", 7, most=3650)),
        evidence_minimum=int(_number(targeting, "evidence_minimum", 2, most=100)),
        confidence_minimum=_number(targeting, "confidence_minimum", 0.75, most=1),
        undertaking=_choice(content, "undertaking", vocabulary.UNDERTAKINGS, ""),
        undertaking_version=int(_number(content, "undertaking_version", 1, most=1_000_000)),
        measures=_choices(content, "measures", vocabulary.MEASURES),
        cookies=_cookies(content),
        rights=_rights(content),
        statutes=_choices(content, "statutes", vocabulary.STATUTES),
        authority=_choice(content, "authority", vocabulary.AUTHORITIES, ""),
        texts={lang: _text(_section(content, "texts"), lang) for lang in LANGUAGES},
    )


def _entities(content: Mapping[str, Any]) -> tuple[Entity, ...]:
    return tuple(
        Entity(
            key=_text(entry, "key"),
            name=_text(entry, "name"),
            business_id=_text(entry, "business_id"),
            street=_text(entry, "street"),
            postal_code=_text(entry, "postal_code"),
            city=_text(entry, "city"),
            country=_text(entry, "country") or "FI",
            sender_domains=tuple(each.lower() for each in _texts(entry, "sender_domains")),
        )
        for entry in (_table("entities", each) for each in _list(content, "entities"))
    )


def _purposes(content: Mapping[str, Any]) -> list[Purpose]:
    purposes = []
    for key, entry in _section(content, "purposes").items():
        if key not in vocabulary.ALL_PURPOSES or not isinstance(entry, Mapping):
            raise NoticeError(f"purposes.{key}: unknown purpose or basis")
        basis = _text(entry, "basis")
        if basis and basis not in vocabulary.BASES:
            raise NoticeError(f"purposes.{key}: unknown purpose or basis")
        purposes.append(Purpose(key, basis, _text(entry, "balancing_test")))
    return purposes


def _tracking(section: Mapping[str, Any], kind: str) -> Tracking:
    entry = _section(section, kind)
    mode = _text(entry, "mode") or "off"
    basis = _text(entry, "basis") or None
    if mode not in vocabulary.TRACKING_MODES or basis not in (
        None,
        "consent",
        "legitimate_interest",
    ):
        raise NoticeError(f"tracking.{kind}: unknown mode or basis")
    return Tracking(mode, basis, _text(entry, "balancing_test"))


def _recipients(content: Mapping[str, Any]) -> dict[str, str]:
    """Kinds of recipient with the ground; "" when no ground is said, "off" is as if not there."""
    section = _section(content, "recipients")
    grounds = {kind: _text(section, kind) for kind in section}
    for kind, ground in grounds.items():
        if kind not in vocabulary.RECIPIENTS or ground not in ("", "off", *vocabulary.BASES):
            raise NoticeError(f"recipients.{kind}: unknown kind of recipient or ground")
    return {kind: ground for kind, ground in grounds.items() if ground != "off"}


def _processors(content: Mapping[str, Any]) -> tuple[Processor, ...]:
    """Versions of before 2027 hold names only."""
    found = []
    for each in _list(content, "processors"):
        entry = {"name": each} if isinstance(each, str) else _table("processors", each)
        country = _text(entry, "country").upper()
        if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
            raise NoticeError("processors.country: must be a country code of two letters")
        service = _choice(entry, "service", vocabulary.SERVICES, "")
        found.append(Processor(_text(entry, "key"), _text(entry, "name"), service, country))
    return tuple(found)


def _transfers(content: Mapping[str, Any]) -> Transfers:
    section = _section(content, "transfers")
    return Transfers(
        _flag(section, "outside_eea"), _choices(section, "bases", vocabulary.TRANSFER_BASES)
    )


def _rights(content: Mapping[str, Any]) -> Rights:
    section = _section(content, "rights")
    return Rights(
        channels=_choices(section, "channels", vocabulary.REQUEST_CHANNELS),
        languages=_choices(section, "languages", LANGUAGES),
        identity=_choice(section, "identity", vocabulary.IDENTITY_LEVELS, "facts"),
        refusal_certificate=_flag(section, "refusal_certificate"),
        anonymisation=_flag(section, "anonymisation"),
        erasure_limits=_choices(section, "erasure_limits", vocabulary.ERASURE_LIMITS),
    )


def _cookies(content: Mapping[str, Any]) -> Cookies:
    section = _section(content, "cookies")
    return Cookies(
        used_for=_choices(section, "used_for", vocabulary.COOKIES),
        services=tuple(_texts(section, "services")),
        refusable=_flag(section, "refusable"),
        linked_to_person=_flag(section, "linked_to_person"),
    )


def _section(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return _table(key, content.get(key, {}))


def _table(key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise NoticeError(f"{key}: must be a table")
    return value


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    value = content.get(key, [])
    if not isinstance(value, list):
        raise NoticeError(f"{key}: must be a list")
    return value


def _texts(content: Mapping[str, Any], key: str) -> list[str]:
    return [_text({key: value}, key) for value in _list(content, key)]


def _text(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    if isinstance(value, Mapping | list):
        raise NoticeError(f"{key}: must be text")
    text = str(value or "").strip()
    if len(text) > LONGEST_TEXT:
        raise NoticeError(f"{key}: longer than {LONGEST_TEXT} characters")
    if _UNSTORABLE.search(text):
        raise NoticeError(f"{key}: holds a character that cannot be shown")
    return text


def _flag(content: Mapping[str, Any], key: str) -> bool:
    value = content.get(key, False)
    if not isinstance(value, bool):
        raise NoticeError(f"{key}: must be true or false")
    return value


def _date(content: Mapping[str, Any], key: str) -> date | None:
    text = _text(content, key)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise NoticeError(f"{key}: must be a date such as 2026-11-24") from None


def _choice(content: Mapping[str, Any], key: str, known: Collection[str], default: str) -> str:
    chosen = _text(content, key) or default
    if chosen and chosen not in known:
        raise NoticeError(f"{key}: unknown {chosen[:100]}")
    return chosen


def _choices(content: Mapping[str, Any], key: str, known: Collection[str]) -> frozenset[str]:
    chosen = frozenset(_texts(content, key))
    unknown = chosen - frozenset(known)
    if unknown:
        raise NoticeError(f"{key}: unknown {', '.join(each[:100] for each in sorted(unknown))}")
    return chosen


def _number(content: Mapping[str, Any], key: str, default: float, *, most: float) -> float:
    value = content.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise NoticeError(f"{key}: must be a number from 0 to {most}")
    return float(value)


def _months(content: Mapping[str, Any], key: str) -> int | None:
    value = content.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_MONTHS:
        raise NoticeError(f"retention.{key}: must be a number of months")
    return value
