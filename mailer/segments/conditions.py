"""What one rule asks of a contact, as SQL over Contact, Company and Source.

`holds` is true where the rule is known to be true; `known` where the register can tell at all.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    and_,
    cast,
    column,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    table,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, REAL, TEXT

from mailer.contacts.models import Company, ConsentState, Contact, Source
from mailer.contacts.tracking import tracked
from mailer.languages import TIMEZONE
from mailer.notice.schema import Notice
from mailer.roles.taxonomy import UNKNOWN, rank_level
from mailer.segments.fields import CAMPAIGN_STATES, CLICKS, Field
from mailer.segments.models import FixedPerson

# The ledger and what happened are above segments, so they are named instead of importing models.
_messages = table(
    "messages",
    column("id", BigInteger),
    column("campaign_id", BigInteger),
    column("contact_id", BigInteger),
    column("state"),
)
_events = table(
    "events", column("message_id", BigInteger), column("kind"), column("actor"), column("at")
)

Condition = Callable[[str, Any, datetime], ColumnElement[bool]]


def holds(
    field: Field, comparison: str, value: Any, now: datetime, notice: Notice | None
) -> ColumnElement[bool]:
    """SQL: the rule is true of the contact. NULL or false where the fact is not known."""
    known_too = comparison == "none_of" or field.needs == CLICKS
    asked = "any_of" if comparison == "none_of" else comparison
    condition = _CONDITIONS[field.key](asked, value, now)
    if comparison == "none_of":
        condition = not_(condition)
    return and_(known(field, comparison, value, notice), condition) if known_too else condition


def known(field: Field, comparison: str, value: Any, notice: Notice | None) -> ColumnElement[bool]:
    """SQL, never NULL: the register knows the fact that the rule is about."""
    if field.needs == CLICKS:
        # Of those whose clicks may not be recorded nobody knows whether they clicked (R110).
        return tracked(notice, "clicks")
    if field.key == "campaign" and comparison != "open":
        return not_(_in_campaign(value, CAMPAIGN_STATES["open"]))
    if field.key == "level" and comparison == "any_of" and UNKNOWN in value:
        return true()  # asked about the unknown itself
    return _KNOWN.get(field.key, true())


def _functions(_comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
    return _overlaps(Contact.functions, value)


def _tags(_comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
    return _overlaps(Contact.tags, value)


def _overlaps(column: Any, values: tuple[str, ...]) -> ColumnElement[bool]:
    overlap: ColumnElement[bool] = column.overlap(
        cast(literal(list(values), ARRAY(TEXT)), ARRAY(TEXT))
    )
    return overlap


def _level(comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
    if comparison == "any_of":
        return Contact.level.in_([rank_level(each) for each in value])
    if comparison == "at_least":
        return Contact.level >= rank_level(value)
    return and_(Contact.level <= rank_level(value), Contact.level > rank_level(UNKNOWN))


def _confidence(_comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
    # Compared as REAL: 0.7 stored in four bytes is less than 0.7 in eight.
    return Contact.role_confidence >= cast(literal(value / 100), REAL)


def _one_of(column: Any) -> Condition:
    def condition(_comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
        found: ColumnElement[bool] = column.in_(value)
        return found

    return condition


def _text(column: Any) -> Condition:
    def condition(comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
        if comparison == "any_of":
            # Lowered by the database on both sides, so that both follow one rule.
            return func.lower(column).in_([func.lower(literal(each)) for each in value])
        return or_(*(column.icontains(each, autoescape=True) for each in value))

    return condition


def _digits(column: Any) -> Condition:
    def condition(_comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
        bare = func.replace(func.replace(column, ".", ""), " ", "")
        return or_(*(bare.istartswith(each, autoescape=True) for each in value))

    return condition


def _number(column: Any) -> Condition:
    def condition(comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
        compared: ColumnElement[bool]
        if comparison == "between":
            compared = column.between(*value)
        elif comparison == "at_least":
            compared = column >= value
        else:
            compared = column <= value
        return compared

    return condition


def _has_phone(comparison: str, _value: Any, _now: datetime) -> ColumnElement[bool]:
    present = func.coalesce(Contact.phone, "") != ""
    return present if comparison == "yes" else not_(present)


def _import(_comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
    # Added by hand is known not to come from any import.
    return and_(Contact.import_id.is_not(None), Contact.import_id.in_(value))


def _added(comparison: str, value: Any, now: datetime) -> ColumnElement[bool]:
    match comparison:
        case "before":
            return Contact.created_at < _midnight(value)
        case "after":
            return Contact.created_at >= _midnight(value)
        case "within_days":
            return Contact.created_at >= now - timedelta(days=value)
    return Contact.created_at < now - timedelta(days=value)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), TIMEZONE)


def _last_marketing(comparison: str, value: Any, now: datetime) -> ColumnElement[bool]:
    if comparison == "never":
        return Contact.last_marketing_at.is_(None)
    recently = and_(
        Contact.last_marketing_at.is_not(None),
        Contact.last_marketing_at >= now - timedelta(days=value),
    )
    return recently if comparison == "within_days" else not_(recently)


def _campaign(comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
    return _in_campaign(value, CAMPAIGN_STATES[comparison])


def _consent(comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
    if comparison == "unsaid":
        return not_(_said(value, ("given", "objected", "withdrawn")))
    return _said(value, ("given",) if comparison == "given" else ("objected", "withdrawn"))


def _said(kinds: tuple[str, ...], events: tuple[str, ...]) -> ColumnElement[bool]:
    return (
        exists()
        .where(
            ConsentState.contact_id == Contact.id,
            ConsentState.kind.in_(kinds),
            ConsentState.event.in_(events),
        )
        .correlate_except(ConsentState)
    )


def _clicked(comparison: str, value: Any, now: datetime) -> ColumnElement[bool]:
    if comparison == "never":
        return not_(_clicks())
    lately = _clicks(_events.c.at >= now - timedelta(days=value))
    return lately if comparison == "within_days" else not_(lately)


def _clicked_in(_comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
    return _clicks(_messages.c.campaign_id.in_(value))


def _clicks(*also: ColumnElement[bool]) -> ColumnElement[bool]:
    """SQL: a click that looks like a person's. Gateways' clicks are not the contact's doing."""
    return (
        exists()
        .where(
            _messages.c.contact_id == Contact.id,
            _events.c.message_id == _messages.c.id,
            _events.c.kind == "click",
            _events.c.actor == "human",
            *also,
        )
        .correlate_except(_messages, _events)
    )


def _unclicked(_comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
    # Counted for everybody at once, not once per person.
    enough = (
        select(_messages.c.contact_id)
        .where(
            _messages.c.contact_id.is_not(None),
            _messages.c.campaign_id.is_not(None),
            _messages.c.state.in_(CAMPAIGN_STATES["got"]),
        )
        .group_by(_messages.c.contact_id)
        .having(func.count() >= value)
    )
    return and_(Contact.id.in_(enough), not_(_clicks()))


def _fixed_list(_comparison: str, value: Any, _now: datetime) -> ColumnElement[bool]:
    return (
        exists()
        .where(FixedPerson.list_id.in_(value), FixedPerson.contact_id == Contact.id)
        .correlate_except(FixedPerson)
    )


def _in_campaign(ids: tuple[int, ...], states: tuple[str, ...]) -> ColumnElement[bool]:
    return (
        exists()
        .where(
            _messages.c.campaign_id.in_(ids),
            _messages.c.contact_id == Contact.id,
            _messages.c.state.in_(states),
        )
        .correlate_except(_messages)
    )


_CONDITIONS: Mapping[str, Condition] = MappingProxyType(
    {
        "function": _functions,
        "level": _level,
        "title": _text(Contact.title),
        "role_confidence": _confidence,
        "language": _one_of(Contact.language),
        "kind": _one_of(Contact.kind),
        "relationship": _one_of(Contact.relationship_kind),
        "tag": _tags,
        "has_phone": _has_phone,
        "company": _text(Company.name),
        "business_id": _one_of(Company.business_id),
        "headcount": _number(Company.headcount),
        "headcount_year": _number(Company.headcount_year),
        "turnover_year": _number(Company.turnover_year),
        "turnover": _number(Company.turnover_eur),
        "industry_code": _digits(Company.industry_code),
        "industry": _text(Company.industry_name),
        "city": _text(Company.city),
        "postal_code": _digits(Company.postal_code),
        "country": _one_of(Company.country),
        "source": _one_of(Contact.source_id),
        "source_kind": _one_of(Source.kind),
        "import": _import,
        "added": _added,
        "last_marketing": _last_marketing,
        "campaign": _campaign,
        "consent": _consent,
        "clicked": _clicked,
        "clicked_in": _clicked_in,
        "unclicked": _unclicked,
        "fixed_list": _fixed_list,
    }
)


def _written(column: Any) -> ColumnElement[bool]:
    return func.coalesce(column, "") != ""


# Facts that may be missing. The others are columns that always hold a value.
_KNOWN: Mapping[str, ColumnElement[bool]] = MappingProxyType(
    {
        "function": func.cardinality(Contact.functions) > 0,
        "level": Contact.level > rank_level(UNKNOWN),
        "title": _written(Contact.title),
        "company": _written(Company.name),
        "business_id": _written(Company.business_id),
        "headcount": Company.headcount.is_not(None),
        "turnover": Company.turnover_eur.is_not(None),
        "headcount_year": Company.headcount_year.is_not(None),
        "turnover_year": Company.turnover_year.is_not(None),
        "industry_code": _written(Company.industry_code),
        "industry": _written(Company.industry_name),
        "city": _written(Company.city),
        "postal_code": _written(Company.postal_code),
        "country": _written(Company.country),
        "source_kind": Source.kind.is_not(None),
    }
)
