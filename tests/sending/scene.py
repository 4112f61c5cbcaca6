"""A register and a campaign that is ready to go, on a database with real commits."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from redis import Redis
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.adapters.pace import Pace, Quota
from mailer.campaigns.models import Campaign, CampaignContent, SenderDomain
from mailer.config import Settings
from mailer.contacts.models import Contact
from mailer.db import transaction
from mailer.installation import Installation
from mailer.segments.models import Segment
from mailer.sending import launch
from mailer.sending.models import Message
from tests.segments.register import make_company, make_contact, make_source, publish_notice

FINANCE = {"field": "function", "is": "any_of", "value": ["finance"]}
MJML = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Hei {first_name|sinä}! <a href="https://esimerkki.example/uutiset">Lue</a></mj-text>
<mj-button href="https://esimerkki.example/ilmoittaudu">Ilmoittaudu</mj-button>
</mj-column></mj-section></mj-body></mjml>"""


class Scene:
    """What a test of sending works with."""

    def __init__(self, here: Installation, now: datetime) -> None:
        self.here = here
        self.now = now

    @property
    def sessions(self) -> sessionmaker[Session]:
        return self.here.sessions

    def make_campaign(
        self, people: int = 3, *, state: str = "starting", languages: Sequence[str] = ("fi",)
    ) -> int:
        """A campaign to `people` finance managers at one company; its id."""
        with transaction(self.sessions) as session:
            if session.get(SenderDomain, "esimerkki.example") is None:
                publish_notice(session, self.now)
                session.add(SenderDomain(domain="esimerkki.example", verified=True))
            source = make_source(session, self.now)
            company = make_company(session, source, self.now)
            for _ in range(people):
                make_contact(session, source, self.now, company_id=company.id)
            segment = Segment(
                name=f"Talous {source.id}",
                tree=FINANCE,
                created_at=self.now,
                updated_at=self.now,
            )
            session.add(segment)
            session.flush()
            campaign = Campaign(
                name="Uutiskirje",
                state=state,
                segment_id=segment.id,
                target_functions=["finance"],
                relevance_basis="Talousjohto päättää ohjelmistoista.",
                entity="esimerkki",
                sender_name="Esimerkki Äyriäinen",
                sender_address="uutiset@esimerkki.example",
                starts_at=self.now,
                created_at=self.now,
                updated_at=self.now,
            )
            session.add(campaign)
            session.flush()
            session.add_all(
                CampaignContent(
                    campaign_id=campaign.id,
                    language=language,
                    subject="Uutisia, {first_name|hyvä lukija}",
                    preheader="Mitä uutta",
                    mjml=MJML,
                    updated_at=self.now,
                )
                for language in languages
            )
            return campaign.id

    def launch(self, campaign_id: int) -> launch.Frozen | None:
        with transaction(self.sessions) as session:
            return launch.launch(session, campaign_id, now=self.now)

    def states(self, campaign_id: int) -> dict[str, int]:
        """How many messages of a campaign are in each state."""
        with self.sessions() as session:
            rows = session.execute(
                select(Message.state, func.count().label("messages"))
                .where(Message.campaign_id == campaign_id)
                .group_by(Message.state)
            )
            return {row.state: row.messages for row in rows}

    def messages(self, campaign_id: int) -> list[Message]:
        with self.sessions() as session:
            return list(
                session.scalars(
                    select(Message).where(Message.campaign_id == campaign_id).order_by(Message.id)
                )
            )

    def campaign(self, campaign_id: int) -> Campaign:
        with self.sessions() as session:
            return session.get_one(Campaign, campaign_id)

    def addresses(self) -> list[str]:
        with self.sessions() as session:
            return list(session.scalars(select(Contact.email).order_by(Contact.id)))


def make_scene(
    settings: Settings,
    sessions: sessionmaker[Session],
    redis: Redis,
    now: datetime,
    **changes: Any,
) -> Scene:
    """Install the parts in this process, with a rate that never makes a test wait."""
    settings = replace(settings, sender_threads=2, **changes)
    here = Installation(settings, sessions.kw["bind"], sessions, redis)
    installation.use(here)
    Pace(redis, settings.fallback_rate).set_limit(
        Quota(rate=10_000, per_day=-1, used=0, checked_at=now.timestamp())
    )
    return Scene(here, now)
