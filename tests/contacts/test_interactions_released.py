"""The job that deletes what had stayed of deleted people for accounting only."""

from datetime import UTC, datetime

import pytest
import time_machine
from redis import Redis
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.config import Settings
from mailer.contacts import jobs, removal
from mailer.contacts.interaction_models import Interaction
from mailer.db import transaction
from mailer.stack.schedule import SCHEDULE
from tests.contacts.dealings import noted, publish_with_all_kinds
from tests.contacts.staff import make_staff
from tests.segments.register import make_contact, make_source


def test_what_is_held_no_longer_goes_and_what_has_its_person_stays(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> None:
    installation.use(
        installation.Installation(connected_settings, sessions.kw["bind"], sessions, redis)
    )
    with transaction(sessions) as session:
        publish_with_all_kinds(session, now)
        source = make_source(session, now, kind="system_entry", name="")
        gone, there = (make_contact(session, source, now) for _ in range(2))
        for contact in (gone, there):
            noted(session, source, now, contact_id=contact.id, kind="invoice")
        there_id = there.id
        removal.remove(session, gone, reason="left", now=now, actor_id=make_staff(session, now))

    def left() -> list[int | None]:
        with sessions() as session:
            return sorted(session.scalars(select(Interaction.contact_id)), key=lambda i: i or 0)

    for moment, expected in (
        (datetime(2032, 12, 31, 12, tzinfo=UTC), [None, there_id]),
        (datetime(2033, 1, 1, 12, tzinfo=UTC), [there_id]),
    ):
        with time_machine.travel(moment, tick=False):
            jobs.forget_released_dealings()
            jobs.forget_released_dealings()
        assert left() == expected


@pytest.mark.parametrize("job", ["mailer.contacts.jobs.forget_released_dealings"])
def test_the_job_returns(job: str) -> None:
    assert job in {returning.job for returning in SCHEDULE}
