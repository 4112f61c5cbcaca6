"""A register of made-up people and a campaign that is about to start, put in set-wise."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign, CampaignContent, SenderDomain
from mailer.contacts.address import address_key, canonical, company_key, domain_key, person_key
from mailer.contacts.models import Company, Contact, Source
from mailer.notice import profiles, switches
from mailer.segments.models import Segment

FINANCE = {"field": "function", "is": "any_of", "value": ["finance"]}
MJML = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Hei {first_name|sinä}! <a href="https://esimerkki.example/uutiset">Lue</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""
PEOPLE_IN_A_COMPANY = 8


def business_id(company: int) -> str:
    return f"{company + 1_000_000:07}-0"


def domain(company: int) -> str:
    return f"yritys{company}.example"


def fill(session: Session, people: int, *, now: datetime, **changes: Any) -> int:
    """A campaign in its hold to `people` finance managers of many companies; its id."""
    # In force since yesterday: a process whose clock is behind must find it too.
    switches.publish(session, profiles.load("example"), now=now - timedelta(days=1))
    session.add(SenderDomain(domain="esimerkki.example", verified=True))
    source = Source(
        kind="public_web",
        name="Yritysten sivut",
        dated=now.date(),
        basis="legitimate_interest",
        created_at=now,
    )
    session.add(source)
    session.flush()
    _add_people(session, people, source.id, now - timedelta(days=30))
    return _add_campaign(session, now - timedelta(hours=1), **changes)


def _add_people(session: Session, people: int, source_id: int, at: datetime) -> None:
    companies = range(people // PEOPLE_IN_A_COMPANY + 1)
    ids = session.scalars(
        insert(Company).returning(Company.id, sort_by_parameter_order=True),
        [
            {
                "name": f"Yritys {number} Oy",
                "name_key": f"yritys {number}",
                "business_id": business_id(number),
                "company_key": company_key(business_id(number)),
                "domain": domain(number),
                "source_id": source_id,
                "created_at": at,
                "updated_at": at,
            }
            for number in companies
        ],
    ).all()
    session.execute(insert(Contact), [_person(n, ids, source_id, at) for n in range(people)])


def _person(number: int, companies: Any, source_id: int, at: datetime) -> dict[str, Any]:
    company = number // PEOPLE_IN_A_COMPANY
    address = canonical(f"henkilo.{number}@{domain(company)}")
    first, last = f"Etu{number}", f"Suku{number}"
    return {
        "email": str(address),
        "company_id": companies[company],
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
        "source_id": source_id,
        "collected_at": at,
        "created_at": at,
        "updated_at": at,
    }


def _add_campaign(session: Session, at: datetime, **changes: Any) -> int:
    segment = Segment(name="Talous", tree=FINANCE, created_at=at, updated_at=at)
    session.add(segment)
    session.flush()
    facts = {
        "name": "Uutiskirje",
        "state": "starting",
        "segment_id": segment.id,
        "target_functions": ["finance"],
        "relevance_basis": "Talousjohto päättää ohjelmistoista.",
        "entity": "esimerkki",
        "sender_name": "Esimerkki Äyriäinen",
        "sender_address": "uutiset@esimerkki.example",
        "starts_at": at,
        "created_at": at,
        "updated_at": at,
        **changes,
    }
    campaign = Campaign(**facts)
    session.add(campaign)
    session.flush()
    session.add(
        CampaignContent(
            campaign_id=campaign.id,
            language="fi",
            subject="Uutisia, {first_name|hyvä lukija}",
            preheader="Mitä uutta",
            mjml=MJML,
            updated_at=at,
        )
    )
    return campaign.id
