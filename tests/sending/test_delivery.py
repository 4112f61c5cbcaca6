"""Claiming messages and writing down what became of them."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from redis import Redis
from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, sessionmaker

from mailer.adapters.ses import BulkCall, Outcome, Result, SingleMail
from mailer.campaigns import lifecycle
from mailer.campaigns.models import Campaign
from mailer.config import Settings
from mailer.contacts import consents, suppression
from mailer.contacts.address import canonical
from mailer.contacts.consents import Statement
from mailer.contacts.models import Company, Contact
from mailer.contacts.tracking import tracked as may_be_tracked
from mailer.db import transaction
from mailer.sending import answers, delivery, handover, jobs, launch, rendering, sender
from mailer.sending.claims import Claim, Claimed, Claims
from mailer.sending.models import Message
from mailer.sending.rendering import OptOutMissingError
from tests.segments.register import notice_with
from tests.sending.scene import Scene, make_scene


class Recorder:
    """An SES that answers as it is told and keeps what it was handed."""

    def __init__(self, *answers: Result) -> None:
        self.answers = list(answers)
        self.calls: list[BulkCall] = []

    def send_bulk(self, call: BulkCall) -> list[Result]:
        self.calls.append(call)
        answer = self.answers.pop(0) if self.answers else None
        return [
            answer or Result(Outcome.ACCEPTED, message_id=f"0110-{entry.to}")
            for entry in call.entries
        ]

    def send_single(self, mail: SingleMail) -> Result:
        raise NotImplementedError

    @property
    def addresses(self) -> list[str]:
        return [entry.to for call in self.calls for entry in call.entries]


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(delivery, "ses_of", lambda _: recorder)
    return recorder


@pytest.fixture
def scene(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[Scene]:
    with time_machine.travel(now, tick=True):
        yield make_scene(
            connected_settings, sessions, redis, now, ses_endpoint_url="http://127.0.0.1:1"
        )


@pytest.fixture
def frozen(scene: Scene) -> int:
    """A launched campaign to three people."""
    campaign_id = scene.make_campaign()
    scene.launch(campaign_id)
    return campaign_id


def claims(session: Session, scene: Scene, campaign_id: int) -> Claims:
    campaign = session.get_one(Campaign, campaign_id)
    ask = launch.ask(session, campaign, now=scene.now, asks_ledger=False)
    return Claims(campaign, ask)


def claim(scene: Scene, campaign_id: int, *, limit: int = 50, later: float = 0) -> Claim:
    with transaction(scene.sessions) as session:
        return claims(session, scene, campaign_id).take(
            session, limit=limit, now=scene.now + timedelta(seconds=later)
        )


def record(scene: Scene, outcomes: Sequence[tuple[Claimed, Result]], *, later: float = 0) -> None:
    with transaction(scene.sessions) as session:
        answers.record(session, outcomes, now=scene.now + timedelta(seconds=later))


def change(scene: Scene, statement: Any) -> None:
    with transaction(scene.sessions) as session:
        session.execute(statement)


def states(scene: Scene, campaign_id: int) -> list[str]:
    return [message.state for message in scene.messages(campaign_id)]


# Between the freeze and the claim


def opt_out(session: Session, contact: Contact, now: datetime) -> None:
    suppression.opt_out(session, contact.address_key, origin="one_click", now=now)


def ban_company(session: Session, contact: Contact, now: datetime) -> None:
    company = session.get_one(Company, contact.company_id)
    company.business_id, company.company_key = "1234567-1", suppression.of_company("1234567-1").key
    entry = suppression.of_company("1234567-1")
    suppression.suppress(session, [entry], "company_ban", origin="staff", now=now)


def ban_domain(session: Session, contact: Contact, now: datetime) -> None:
    entry = suppression.of_domain("yritys.example")
    suppression.suppress(session, [entry], "domain_ban", origin="staff", now=now)


def restrict(session: Session, contact: Contact, now: datetime) -> None:
    contact.restricted_at = now


def remove(session: Session, contact: Contact, now: datetime) -> None:
    session.delete(contact)


def erase(session: Session, contact: Contact, now: datetime) -> None:
    contact.erased_at = now


def object_to(session: Session, contact: Contact, now: datetime) -> None:
    consents.record(
        session, [Statement(contact.id, "email_marketing", "objected")], actor="staff", now=now
    )


@pytest.mark.parametrize(
    ("happens", "verdict", "everybody"),
    [
        (opt_out, "suppressed_optout", False),
        (ban_company, "suppressed_company_ban", True),
        (ban_domain, "suppressed_domain_ban", True),
        (restrict, "restricted", False),
        (remove, "erased", False),
        (erase, "erased", False),
        (object_to, "banned", False),
    ],
)
def test_what_happens_after_the_freeze_blocks_the_claim_with_its_reason(
    happens: Any, verdict: str, everybody: bool, scene: Scene, frozen: int
) -> None:
    with transaction(scene.sessions) as session:
        contact = session.scalars(select(Contact).order_by(Contact.id)).first()
        assert contact is not None
        happens(session, contact, scene.now)
    taken = claim(scene, frozen)
    assert (len(taken.messages), taken.blocked) == ((0, 3) if everybody else (2, 1))
    messages = scene.messages(frozen)
    assert (messages[0].state, messages[0].verdict) == ("blocked", verdict)
    assert {m.state for m in messages[1:]} == ({"blocked"} if everybody else {"sending"})


def test_a_paused_campaign_is_not_claimed(scene: Scene, frozen: int) -> None:
    with transaction(scene.sessions) as session:
        ready = claims(session, scene, frozen)
    with transaction(scene.sessions) as session:
        lifecycle.pause(session, frozen, reason="user", now=scene.now)
    with transaction(scene.sessions) as session:
        assert ready.take(session, limit=50, now=scene.now).empty
    assert states(scene, frozen) == ["queued"] * 3
    with transaction(scene.sessions) as session:
        lifecycle.resume(session, frozen, now=scene.now)
    assert len(claim(scene, frozen).messages) == 3


def test_a_message_that_must_wait_is_not_claimed_early(scene: Scene, frozen: int) -> None:
    change(scene, update(Message).values(not_before=scene.now + timedelta(seconds=5)))
    assert claim(scene, frozen, later=4).empty
    assert len(claim(scene, frozen, later=5).messages) == 3


def test_what_is_planned_first_is_taken_first(scene: Scene, frozen: int) -> None:
    first, second, third = (message.id for message in scene.messages(frozen))
    change(
        scene,
        update(Message)
        .where(Message.id == first)
        .values(not_before=scene.now + timedelta(seconds=5)),
    )
    taken = claim(scene, frozen, limit=2, later=5)
    assert {m.person.message_id for m in taken.messages} == {second, third}
    assert [m.person.message_id for m in claim(scene, frozen, later=5).messages] == [first]


def test_a_claim_takes_no_more_than_it_may_and_the_oldest_first(scene: Scene, frozen: int) -> None:
    first = claim(scene, frozen, limit=2)
    assert [m.person.message_id for m in first.messages] == [
        m.id for m in scene.messages(frozen)[:2]
    ]
    assert states(scene, frozen) == ["sending", "sending", "queued"]


def test_concurrent_claims_never_take_the_same_message(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=60)
    scene.launch(campaign_id)
    taken: list[int] = []

    def work() -> None:
        while messages := claim(scene, campaign_id, limit=7).messages:
            taken.extend(m.person.message_id for m in messages)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 60


def test_what_another_session_holds_is_skipped_and_not_waited_for(
    scene: Scene, frozen: int
) -> None:
    with scene.sessions() as one, scene.sessions() as other:
        first = claims(one, scene, frozen).take(one, limit=2, now=scene.now)
        other.execute(text("SET LOCAL lock_timeout = '3s'"))
        second = claims(other, scene, frozen).take(other, limit=50, now=scene.now)
        one.rollback()
        other.commit()
    assert (len(first.messages), len(second.messages)) == (2, 1)
    assert sorted(states(scene, frozen)) == ["queued", "queued", "sending"]


def test_a_claim_that_is_rolled_back_took_nothing(scene: Scene, frozen: int) -> None:
    with scene.sessions() as session:
        claims(session, scene, frozen).take(session, limit=50, now=scene.now)
        session.rollback()
    assert [(m.state, m.attempt) for m in scene.messages(frozen)] == [("queued", 0)] * 3


def test_a_stop_during_a_claim_leaves_nothing_queued(scene: Scene, frozen: int) -> None:
    with scene.sessions() as session:
        claims(session, scene, frozen).take(session, limit=2, now=scene.now)
        stopper = threading.Thread(target=stop, args=(scene, frozen))
        stopper.start()
        session.commit()
        stopper.join()
    assert sorted(states(scene, frozen)) == ["cancelled", "sending", "sending"]
    assert claim(scene, frozen).empty


def stop(scene: Scene, campaign_id: int) -> None:
    with transaction(scene.sessions) as session:
        launch.stop(session, campaign_id, now=scene.now)


# Handing over


def test_two_languages_are_two_calls_with_the_right_people(scene: Scene, ses: Recorder) -> None:
    campaign_id = scene.make_campaign(people=4, languages=("fi", "sv"))
    change(scene, update(Contact).where(Contact.id % 2 == 0).values(language="sv"))
    scene.launch(campaign_id)
    jobs.send(campaign_id)
    assert len(ses.calls) >= 2
    for call in ses.calls:
        languages = {
            contact.language
            for contact in _contacts(scene)
            if contact.email in {entry.to for entry in call.entries}
        }
        assert len(languages) == 1
    assert sorted(ses.addresses) == sorted(scene.addresses())


def _contacts(scene: Scene) -> list[Contact]:
    with scene.sessions() as session:
        return list(session.scalars(select(Contact)))


def test_nobody_is_sent_to_when_anybody_of_a_claim_lacks_the_opt_out(
    scene: Scene, ses: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Had the first language gone out before the second was found broken, a resumed campaign would
    send to it again."""
    campaign_id = scene.make_campaign(people=4, languages=("fi", "sv"))
    change(scene, update(Contact).where(Contact.id % 2 == 0).values(language="sv"))
    scene.launch(campaign_id)
    original = rendering.Rendering.entry

    def entry(self: Any, person: Any) -> Any:
        if person.language == "sv":
            raise OptOutMissingError("sv")
        return original(self, person)

    monkeypatch.setattr(rendering.Rendering, "entry", entry)
    jobs.send(campaign_id)
    campaign = scene.campaign(campaign_id)
    assert (campaign.state, campaign.pause_reason) == ("paused", "opt_out_missing")
    assert scene.states(campaign_id) == {"queued": 4}
    assert ses.calls == []


def test_what_cannot_be_put_together_is_not_called_uncertain(
    scene: Scene, frozen: int, ses: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError("h_first_name")

    monkeypatch.setattr(rendering.Rendering, "entry", fail)
    jobs.send(frozen)
    campaign = scene.campaign(frozen)
    assert (campaign.state, campaign.pause_reason) == ("paused", "content_broken")
    assert scene.states(frozen) == {"queued": 3}
    assert ses.calls == []


def test_a_footer_without_the_opt_out_pauses_the_campaign(
    scene: Scene, frozen: int, ses: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering.Rendering, "_footer", lambda *_: "no link")
    jobs.send(frozen)
    assert scene.campaign(frozen).pause_reason == "opt_out_missing"
    assert ses.calls == []


def test_a_claim_too_old_is_not_handed_over(
    scene: Scene, frozen: int, ses: Recorder, settings: Settings
) -> None:
    """A process that was asleep since its claim must not send what others may have sent."""
    taken = claim(scene, frozen)
    with scene.sessions() as session:
        campaign = session.get_one(Campaign, frozen)
        made = launch.rendering(session, campaign, scene.here.settings, now=scene.now)
    handovers = handover.prepare(made, taken.messages)
    outcomes = handover.hand_over(ses, handovers, lease=handover.Lease(-1))
    assert {result.outcome for _, result in outcomes} == {Outcome.NOT_NOW}
    assert ses.calls == []
    outcomes = handover.hand_over(ses, handovers, lease=handover.Lease(3600))
    assert {result.outcome for _, result in outcomes} == {Outcome.ACCEPTED}


# Writing down


@pytest.mark.parametrize(
    ("outcome", "state", "error"),
    [
        (Outcome.UNKNOWN, "uncertain", "x"),
        (Outcome.REFUSED, "failed", "x"),
        (Outcome.NOT_NOW, "queued", "x"),
        (Outcome.QUOTA, "queued", "x"),
        (Outcome.HALT, "queued", "x"),
        (Outcome.ACCEPTED, "sent", None),
    ],
)
def test_each_outcome_has_its_state(
    outcome: Outcome, state: str, error: str | None, scene: Scene, frozen: int
) -> None:
    taken = claim(scene, frozen)
    result = Result(outcome, message_id="0110" if error is None else None, error=error)
    record(scene, [(message, result) for message in taken.messages])
    for message in scene.messages(frozen):
        assert (message.state, message.error, message.attempt) == (state, error, 1)
        assert (message.not_before > scene.now) == (state == "queued")
        assert (message.sent_at == scene.now) == (state == "sent")


def test_waits_grow_and_the_last_attempt_fails(scene: Scene, frozen: int) -> None:
    result = Result(Outcome.NOT_NOW, error="TRANSIENT_FAILURE")
    waits, moment = [], 0.0
    for attempt in range(1, answers.MAX_ATTEMPTS + 1):
        [message] = claim(scene, frozen, limit=1, later=moment).messages
        assert message.attempt == attempt
        record(scene, [(message, result)], later=moment)
        after = scene.messages(frozen)[0]
        if after.state == "failed":
            break
        waits.append((after.not_before - scene.now).total_seconds() - moment)
        change(scene, update(Message).where(Message.id != after.id).values(state="cancelled"))
        moment += waits[-1]
    assert waits == sorted(waits)
    assert (waits[0], waits[1], waits[-1]) == (5, 10, 600)
    assert len(waits) == answers.MAX_ATTEMPTS - 1
    assert (after.state, after.error) == ("failed", "TRANSIENT_FAILURE")


@pytest.mark.parametrize("error", ["connection", "TooManyRequestsException", "ACCOUNT_THROTTLED"])
def test_a_long_outage_gives_nobody_up(error: str, scene: Scene, frozen: int) -> None:
    change(scene, update(Message).values(attempt=500))
    taken = claim(scene, frozen)
    result = Result(Outcome.NOT_NOW, error=error)
    record(scene, [(message, result) for message in taken.messages])
    message = scene.messages(frozen)[0]
    assert (message.state, message.not_before) == ("queued", scene.now + answers.RETRY_AT_MOST)


@pytest.mark.parametrize(
    ("state", "outcome", "after"),
    [
        ("delivered", Outcome.ACCEPTED, "delivered"),
        ("complained", Outcome.ACCEPTED, "complained"),
        ("bounced", Outcome.ACCEPTED, "bounced"),
        ("failed", Outcome.ACCEPTED, "failed"),
        ("uncertain", Outcome.ACCEPTED, "sent"),
        # Taken for lost in the meantime; the answer proves that it left.
        ("queued", Outcome.ACCEPTED, "sent"),
        ("cancelled", Outcome.ACCEPTED, "sent"),
        ("blocked", Outcome.ACCEPTED, "sent"),
        ("delivered", Outcome.UNKNOWN, "delivered"),
        ("sent", Outcome.NOT_NOW, "sent"),
        ("bounced", Outcome.REFUSED, "bounced"),
        ("uncertain", Outcome.NOT_NOW, "uncertain"),
        ("cancelled", Outcome.NOT_NOW, "cancelled"),
    ],
)
def test_an_answer_never_undoes_what_was_told_before_it(
    state: str, outcome: Outcome, after: str, scene: Scene, frozen: int
) -> None:
    [message] = claim(scene, frozen, limit=1).messages
    earlier = scene.now - timedelta(seconds=3)
    accepted = state in {"delivered", "complained", "bounced", "sent"}
    change(
        scene,
        update(Message)
        .where(Message.id == message.person.message_id)
        .values(state=state, sent_at=earlier if accepted else None),
    )
    record(scene, [(message, Result(outcome, message_id="0110", error=None))])
    found = scene.messages(frozen)[0]
    assert found.state == after
    if accepted:
        assert found.sent_at == earlier


@pytest.mark.parametrize("outcome", [Outcome.NOT_NOW, Outcome.HALT, Outcome.REFUSED])
def test_a_late_answer_does_not_touch_the_claim_of_another_sender(
    outcome: Outcome, scene: Scene, frozen: int
) -> None:
    [late] = claim(scene, frozen, limit=1).messages
    change(
        scene, update(Message).where(Message.id == late.person.message_id).values(state="queued")
    )
    [current] = claim(scene, frozen, limit=1).messages
    assert current.person == late.person
    record(scene, [(late, Result(outcome, error="x"))])
    assert scene.messages(frozen)[0].state == "sending"


def test_acceptance_is_noted_at_the_person(scene: Scene, frozen: int) -> None:
    informed = scene.now - timedelta(days=100)
    first = scene.messages(frozen)[0].contact_id
    change(scene, update(Contact).where(Contact.id == first).values(art14_informed_at=informed))
    taken = claim(scene, frozen, limit=2)
    record(scene, [(m, Result(Outcome.ACCEPTED, message_id="1")) for m in taken.messages])
    contacts = sorted(_contacts(scene), key=lambda contact: contact.id)
    assert [c.art14_informed_at for c in contacts] == [informed, scene.now, None]
    assert [c.last_marketing_at for c in contacts] == [scene.now, scene.now, None]


def test_an_answer_about_a_contact_deleted_meanwhile_is_still_written(
    scene: Scene, frozen: int
) -> None:
    taken = claim(scene, frozen)
    change(scene, delete(Contact))
    record(scene, [(m, Result(Outcome.ACCEPTED, message_id="1")) for m in taken.messages])
    assert states(scene, frozen) == ["sent"] * 3


# One answer about all


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Result(Outcome.QUOTA, error="ACCOUNT_DAILY_QUOTA_EXCEEDED"), "daily_quota"),
        (Result(Outcome.HALT, error="no_credentials"), "no_credentials"),
        (Result(Outcome.HALT, error="MessageRejected"), "MessageRejected"),
    ],
)
def test_an_answer_about_more_than_one_message_pauses_and_loses_nobody(
    answer: Result, reason: str, scene: Scene, ses: Recorder
) -> None:
    campaign_id = scene.make_campaign(people=120)
    scene.launch(campaign_id)
    ses.answers = [answer] * 2
    jobs.send(campaign_id)
    campaign = scene.campaign(campaign_id)
    assert (campaign.state, campaign.pause_reason) == ("paused", reason)
    assert set(scene.states(campaign_id)) <= {"queued", "sent"}
    ses.answers = []  # the first call may have stopped the second before it left
    with transaction(scene.sessions) as session:
        lifecycle.resume(session, campaign_id, now=scene.now)
    change(scene, update(Message).values(not_before=scene.now))
    jobs.send(campaign_id)
    assert scene.states(campaign_id) == {"sent": 120}
    accepted = ses.addresses[len(ses.addresses) - 120 :]
    assert len(set(accepted)) == 120


def test_a_batch_refused_as_a_whole_pauses_before_everybody_is_given_up(
    scene: Scene, ses: Recorder
) -> None:
    campaign_id = scene.make_campaign(people=300)
    scene.launch(campaign_id)
    ses.answers = [Result(Outcome.REFUSED, error="INVALID_PARAMETER")] * 20
    jobs.send(campaign_id)
    assert scene.campaign(campaign_id).pause_reason == "all_refused"
    assert scene.states(campaign_id)["queued"] >= 100


def test_a_few_refused_people_stop_nobody_else(scene: Scene, frozen: int, ses: Recorder) -> None:
    ses.answers = [Result(Outcome.REFUSED, error="INVALID_PARAMETER")]
    jobs.send(frozen)
    assert scene.campaign(frozen).state == "sent"


def test_an_answer_is_written_again_after_a_deadlock(
    scene: Scene, frozen: int, ses: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "RECORD_PAUSES", (0.0, 0.0))
    original, failures = answers.record, [1, 1]

    def record_once_more(*args: Any, **named: Any) -> None:
        original(*args, **named)
        if failures:
            failures.pop()
            raise OperationalError("deadlock", {}, Exception())

    monkeypatch.setattr(answers, "record", record_once_more)
    jobs.send(frozen)
    assert scene.states(frozen) == {"sent": 3}
    assert len(ses.addresses) == 3


# Tracking


@pytest.mark.parametrize(
    ("said", "countries", "opens", "clicks"),
    [
        (None, ["FI"], True, True),
        ("given", ["FI"], True, True),
        ("lifted", ["FI"], True, True),
        ("objected", ["FI"], False, False),
        ("withdrawn", ["FI"], False, False),
        (None, ["FI", "FR"], False, True),
        ("given", ["FI", "FR"], True, True),
        ("objected", ["FI", "FR"], False, False),
    ],
)
def test_a_person_is_tracked_as_they_and_their_country_allow(
    said: str | None, countries: list[str], opens: bool, clicks: bool, scene: Scene
) -> None:
    campaign_id = scene.make_campaign(people=1)
    change(scene, update(Contact).values(countries=countries))
    scene.launch(campaign_id)
    if said:
        with transaction(scene.sessions) as session:
            statement = Statement(
                scene.messages(campaign_id)[0].contact_id or 0, "email_tracking", said
            )
            consents.record(session, [statement], actor="staff", now=scene.now)
    [message] = claim(scene, campaign_id).messages
    assert (message.person.track_opens, message.person.track_clicks) == (opens, clicks)


def test_a_campaign_that_tracks_nothing_tracks_nobody(scene: Scene) -> None:
    campaign_id = scene.make_campaign(people=1)
    change(scene, update(Campaign).values(track_opens=False, track_clicks=False))
    scene.launch(campaign_id)
    [message] = claim(scene, campaign_id).messages
    assert (message.person.track_opens, message.person.track_clicks) == (False, False)


@pytest.mark.parametrize(
    ("mode", "basis", "said", "tracked"),
    [
        ("off", None, None, False),
        ("individual", "consent", None, False),
        ("individual", "consent", "given", True),
        ("aggregate", None, None, True),
    ],
)
def test_the_notice_decides_whether_anything_is_tracked(
    mode: str, basis: str | None, said: str | None, tracked: bool, scene: Scene, frozen: int
) -> None:
    notice = notice_with()
    notice = replace(notice, opens=replace(notice.opens, mode=mode, basis=basis))
    with transaction(scene.sessions) as session:
        contact_id = scene.messages(frozen)[0].contact_id or 0
        if said:
            statement = Statement(contact_id, "email_tracking", said)
            consents.record(session, [statement], actor="staff", now=scene.now)
        found = session.scalar(
            select(may_be_tracked(notice, "opens")).where(Contact.id == contact_id)
        )
        assert found is tracked
        assert session.scalar(select(may_be_tracked(None, "opens")).limit(1)) is False


def test_the_address_of_a_claim_is_the_contacts_of_that_moment(scene: Scene, frozen: int) -> None:
    new = canonical("uusi.osoite@yritys.example")
    change(
        scene,
        update(Contact)
        .where(Contact.email == scene.addresses()[0])
        .values(email=str(new), address_key=suppression.of_address(new).key),
    )
    [message] = claim(scene, frozen, limit=1).messages
    assert message.person.address == "uusi.osoite@yritys.example"
    assert message.person.address_key == suppression.of_address(new).key
