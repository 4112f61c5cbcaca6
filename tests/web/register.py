"""A small register behind the screens, committed."""

from typing import Any

from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.audit import AuditEntry
from mailer.contacts.models import Company, Contact
from mailer.db import transaction
from tests.segments import register
from tests.segments.register import make_source, publish_notice

BUSINESS_ID = "1234567-1"


def publish(sessions: sessionmaker[Session], **changes: Any) -> None:
    """The example notice, in force since yesterday."""
    with transaction(sessions) as session:
        publish_notice(session, clock.now(), **changes)


def add_contact(sessions: sessionmaker[Session], **facts: Any) -> Contact:
    """A finance manager at Puutyö Oy who may be mailed, unless `facts` say otherwise."""
    now = clock.now()
    with transaction(sessions) as session:
        source = make_source(session, now)
        company = _company(session)
        facts = {
            "first_name": "Anna",
            "last_name": "Lehtonen",
            "email": "anna.lehtonen@puutyo.example",
            "company_id": company.id,
            **facts,
        }
        return register.make_contact(session, source, now, **facts)


def _company(session: Session) -> Company:
    known = session.query(Company).filter_by(business_id=BUSINESS_ID).one_or_none()
    if known is not None:
        return known
    now = clock.now()
    return register.make_company(
        session,
        make_source(session, now),
        now,
        name="Puutyö Oy",
        name_key="puutyö",
        business_id=BUSINESS_ID,
        domain="puutyo.example",
    )


def audited(sessions: sessionmaker[Session], action: str) -> list[AuditEntry]:
    """The lines of the audit log about an action."""
    with transaction(sessions) as session:
        return session.query(AuditEntry).filter_by(action=action).all()
