"""Whose opens and clicks may be recorded."""

from sqlalchemy import ColumnElement, and_, case, cast, func, literal, select, true

from mailer.contacts.countries import OPEN_TRACKING_NEEDS_CONSENT
from mailer.contacts.models import ConsentState, Contact
from mailer.notice.schema import Notice, Tracking


def tracked(notice: Notice | None, kind: str) -> ColumnElement[bool]:
    """SQL: whether this person's opens or clicks may be recorded by the notice and by themselves.

    Asked when a message is made, again at each hit, and by segments about clicks.
    """
    tracking: Tracking | None = getattr(notice, kind) if notice else None
    if tracking is None or tracking.mode == "off":
        return literal(value=False)
    said = (
        select(ConsentState.event)
        .where(ConsentState.contact_id == Contact.id, ConsentState.kind == "email_tracking")
        .correlate_except(ConsentState)
        .scalar_subquery()
    )
    given = func.coalesce(said == "given", literal(value=False))
    if tracking.basis == "consent":
        return given
    free = func.coalesce(said.in_(["given", "lifted"]), true())
    if kind != "opens":
        return free
    strict = Contact.countries.overlap(
        cast(sorted(OPEN_TRACKING_NEEDS_CONSENT), Contact.countries.type)
    )
    return case((strict, given), else_=and_(free, true()))
