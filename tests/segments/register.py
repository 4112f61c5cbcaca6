"""A register to ask questions of: plain functions that make what a test names and nothing else."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from mailer.contacts.address import (
    address_key,
    canonical,
    company_key,
    domain_key,
    person_key,
)
from mailer.contacts.merging import FIGURES
from mailer.contacts.models import Company, Contact, Source
from mailer.notice import profiles, switches
from mailer.notice.parsing import parse
from mailer.notice.schema import Notice

_numbers = count(1)


def notice_with(**changes: Any) -> Notice:
    """The example notice with some of its content changed."""
    return parse({**profiles.load("example"), **changes})


def publish_notice(session: Session, now: datetime, **changes: Any) -> None:
    switches.publish(session, {**profiles.load("example"), **changes}, now=now - timedelta(days=1))


def make_source(session: Session, now: datetime, **facts: Any) -> Source:
    facts = {
        "kind": "public_web",
        "name": "Company sites",
        "dated": now.date(),
        "basis": "legitimate_interest",
        "created_at": now,
        **facts,
    }
    source = Source(**facts)
    session.add(source)
    session.flush()
    return source


def make_company(session: Session, source: Source, now: datetime, **facts: Any) -> Company:
    number = next(_numbers)
    business_id = facts.get("business_id")
    facts = {
        "name": f"Yritys {number} Oy",
        "name_key": f"yritys {number}",
        "company_key": company_key(business_id) if business_id else None,
        "source_id": source.id,
        "created_at": now,
        "updated_at": now,
        **facts,
    }
    for figure, year in FIGURES.items():
        if facts.get(figure) is not None:
            facts.setdefault(year, now.year - 1)
    company = Company(**facts)
    session.add(company)
    session.flush()
    return company


def make_contact(session: Session, source: Source, now: datetime, **facts: Any) -> Contact:
    """A finance manager in Finland who may be mailed, unless `facts` say otherwise."""
    number = next(_numbers)
    address = canonical(facts.get("email", f"henkilo.{number}@yritys.example"))
    first, last = facts.get("first_name", f"Etu{number}"), facts.get("last_name", f"Suku{number}")
    facts = {
        "email": str(address),
        "first_name": first,
        "last_name": last,
        "title": "Talouspäällikkö",
        "functions": ["finance"],
        "level": 40,
        "role_confidence": 0.9,
        "role_evidence": 2,
        "countries": ["FI"],
        "basis": "legitimate_interest",
        "address_key": address_key(address),
        "person_key": person_key(first, last, address.domain),
        "domain_key": domain_key(address.domain),
        "source_id": source.id,
        "collected_at": now - timedelta(days=30),
        "created_at": now - timedelta(days=30),
        "updated_at": now,
        **facts,
        **({"email": str(address)} if "email" in facts else {}),
    }
    contact = Contact(**facts)
    session.add(contact)
    session.flush()
    return contact
