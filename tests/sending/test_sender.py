"""One send job serves all campaigns in turn, and finds the one entry that spoils a call."""

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from redis import Redis
from rq import Queue
from sqlalchemy.orm import Session, sessionmaker

from mailer import stopping
from mailer.adapters.ses import BulkCall, BulkEntry, Outcome, Result, SingleMail
from mailer.campaigns import lifecycle
from mailer.config import Settings
from mailer.db import transaction
from mailer.notice import profiles, switches
from mailer.sending import delivery, handover, jobs, sender, stops
from mailer.sending.claims import Claimed
from tests.sending.scene import Scene, make_scene

BAD = Result(Outcome.HALT, error="BadRequestException")


class Ses:
    """Accepts everybody but the addresses at fault, which spoil the calls they are in."""

    def __init__(self) -> None:
        self.calls: list[BulkCall] = []
        self.at_fault: set[str] = set()
        self.answer = BAD
        self.before_answer: Callable[[int], None] = lambda _: None

    def send_bulk(self, call: BulkCall) -> list[Result]:
        self.calls.append(call)
        self.before_answer(len(self.calls))
        if self.at_fault & {entry.to for entry in call.entries}:
            return [self.answer] * len(call.entries)
        return [Result(Outcome.ACCEPTED, message_id=f"0110-{each.to}") for each in call.entries]

    def send_single(self, mail: SingleMail) -> Result:
        raise NotImplementedError

    def campaigns(self) -> list[str]:
        """Whose call each was."""
        return [call.entries[0].tags["campaign"] for call in self.calls]


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Ses:
    recorder = Ses()
    monkeypatch.setattr(delivery, "ses_of", lambda _: recorder)
    monkeypatch.setattr(sender, "LOOK_SECONDS", 0.0)
    return recorder


@pytest.fixture
def scene(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Redis, now: datetime
) -> Iterator[Scene]:
    with time_machine.travel(now, tick=True):
        yield make_scene(
            connected_settings,
            sessions,
            redis,
            now,
            ses_endpoint_url="http://127.0.0.1:1",
        )


def own_people(scene: Scene, people: int) -> int:
    """A launched campaign to `people` people of its own: those before it are in other duties."""
    with transaction(scene.sessions) as session:
        session.connection().exec_driver_sql("UPDATE contacts SET functions = '{payroll}'")
    campaign_id = scene.make_campaign(people=people)
    scene.launch(campaign_id)
    with transaction(scene.sessions) as session:
        session.connection().exec_driver_sql("UPDATE contacts SET functions = '{finance,payroll}'")
    return campaign_id


# Fairness


def test_a_small_campaign_beside_a_large_one_is_out_after_a_few_calls(
    scene: Scene, ses: Ses
) -> None:
    small, large = own_people(scene, 20), own_people(scene, 400)
    with transaction(scene.sessions) as session:
        lifecycle.pause(session, small, reason="user", now=scene.now)

    def let_go(call: int) -> None:
        if call == 3:
            with transaction(scene.sessions) as session:
                lifecycle.resume(session, small, now=scene.now)

    ses.before_answer = let_go
    jobs.send(large)
    calls_of_small = [n for n, of in enumerate(ses.campaigns(), 1) if of == str(small)]
    assert scene.campaign(small).state == "sent"
    # Three calls had been made, and each thread had at most one more under way.
    assert calls_of_small[0] <= 3 + 2 * scene.here.settings.sender_threads + 1
    assert scene.states(large) == {"sent": 400}


def test_campaigns_take_turns_call_by_call(scene: Scene, ses: Ses) -> None:
    first, second = own_people(scene, 200), own_people(scene, 200)
    jobs.send(first)
    assert scene.campaign(first).state == scene.campaign(second).state == "sent"
    half = ses.campaigns()[:4]
    assert set(half) == {str(first), str(second)}


def test_the_bell_of_one_campaign_is_answered_for_all(scene: Scene, ses: Ses) -> None:
    first, second = own_people(scene, 3), own_people(scene, 3)
    jobs.send(first)
    assert scene.campaign(second).state == "sent"
    jobs.send(first)
    jobs.send(999)
    assert len(ses.calls) == 2


def test_a_campaign_that_cannot_be_put_together_does_not_hold_up_the_others(
    scene: Scene, ses: Ses
) -> None:
    broken, sound = own_people(scene, 3), own_people(scene, 3)
    with transaction(scene.sessions) as session:
        session.connection().exec_driver_sql(
            f"UPDATE campaigns SET entity = 'nobody' WHERE id = {broken}"
        )
    jobs.send(broken)
    assert scene.campaign(broken).pause_reason == "entity_not_declared"
    assert scene.campaign(sound).state == "sent"


def test_a_campaign_paused_under_way_stops_and_the_other_goes_on(scene: Scene, ses: Ses) -> None:
    paused, other = own_people(scene, 300), own_people(scene, 300)

    def pause(call: int) -> None:
        if call == 2:
            with transaction(scene.sessions) as session:
                lifecycle.pause(session, paused, reason="user", now=scene.now)

    ses.before_answer = pause
    jobs.send(paused)
    assert scene.states(paused)["queued"] > 0
    assert scene.campaign(other).state == "sent"


def test_a_process_that_is_asked_to_stop_ends_after_the_call_in_hand(
    scene: Scene, ses: Ses, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = own_people(scene, 400)
    ses.before_answer = lambda _: monkeypatch.setattr(stopping, "asked", lambda: True)
    jobs.send(campaign_id)
    assert len(ses.calls) <= scene.here.settings.sender_threads
    states = scene.states(campaign_id)
    assert states["sent"] == sum(len(call.entries) for call in ses.calls)
    assert states["queued"] == 400 - states["sent"]


def test_what_is_left_at_the_end_of_a_slice_is_rung_for_once(
    scene: Scene, ses: Ses, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign_id = own_people(scene, 200)
    Queue("send", connection=redis).empty()
    ses.before_answer = lambda _: monkeypatch.setattr(stopping, "asked", lambda: True)
    jobs.send(campaign_id)
    assert [job.args for job in Queue("send", connection=redis).jobs] == [(campaign_id,)]


def test_while_everything_is_stopped_nobody_rings_in_vain(
    scene: Scene, ses: Ses, redis: Redis
) -> None:
    campaign_id = own_people(scene, 3)
    with transaction(scene.sessions) as session:
        stops.stop_all(session, reason="user", now=scene.now)
    Queue("send", connection=redis).empty()
    jobs.send(campaign_id)
    assert ses.calls == []
    assert Queue("send", connection=redis).jobs == []


def test_a_notice_published_under_way_is_heeded(
    scene: Scene, ses: Ses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "CLAIMS_KEPT", timedelta(0))
    campaign_id = own_people(scene, 400)
    content = profiles.load("example")
    published = threading.Event()

    def demand_more(call: int) -> None:
        if call > 1:
            published.wait(120)  # the other thread's call is under way meanwhile
            return
        targeting = {"evidence_minimum": 3, "confidence_minimum": 1.0}
        with transaction(scene.sessions) as session:
            switches.publish(session, {**content, "targeting": targeting}, now=scene.now)
        published.set()

    ses.before_answer = demand_more
    jobs.send(campaign_id)
    assert len(ses.calls) <= 1 + scene.here.settings.sender_threads
    blocked = {m.verdict for m in scene.messages(campaign_id) if m.state == "blocked"}
    assert blocked == {"duties_uncertain"}


# One entry at fault


def test_one_entry_that_spoils_its_call_fails_alone(scene: Scene, ses: Ses) -> None:
    campaign_id = own_people(scene, 50)
    ses.at_fault = {scene.addresses()[17]}
    jobs.send(campaign_id)
    assert scene.states(campaign_id) == {"sent": 49, "failed": 1}
    [failed] = [each for each in scene.messages(campaign_id) if each.state == "failed"]
    assert failed.error == "BadRequestException"
    assert scene.campaign(campaign_id).state == "sent"
    accepted = [
        entry.to
        for call in ses.calls
        for entry in call.entries
        if not ses.at_fault & {each.to for each in call.entries}
    ]
    assert len(accepted) == len(set(accepted)) == 49


def test_a_call_that_is_wrong_for_everybody_pauses_and_fails_nobody(scene: Scene, ses: Ses) -> None:
    campaign_id = own_people(scene, 50)
    ses.at_fault = set(scene.addresses())
    jobs.send(campaign_id)
    assert scene.campaign(campaign_id).pause_reason == "BadRequestException"
    assert scene.states(campaign_id) == {"queued": 50}
    assert len(ses.calls) < 20


def test_an_answer_about_the_account_is_not_asked_again_in_halves(scene: Scene, ses: Ses) -> None:
    campaign_id = own_people(scene, 50)
    ses.at_fault = {scene.addresses()[17]}
    ses.answer = Result(Outcome.HALT, error="MailFromDomainNotVerifiedException")
    jobs.send(campaign_id)
    assert len(ses.calls) == 1
    assert scene.states(campaign_id) == {"queued": 50}


@pytest.mark.parametrize("proven", [False, True])
def test_a_call_of_one_is_the_entrys_fault_only_once_others_were_accepted(
    proven: bool, ses: Ses
) -> None:
    entry = BulkEntry(to="a@b.example", data={}, headers=[], tags={})
    call = BulkCall("a@c.example", "", "s", "h", "t", [], [entry])
    ses.at_fault = {"a@b.example"}
    claimed: list[Claimed] = [None]  # type: ignore[list-item]
    [(_, result)] = handover.hand_over(
        ses, [handover.Handover(claimed, call)], lease=handover.Lease(3600), proven=proven
    )
    assert result.outcome is (Outcome.REFUSED if proven else Outcome.HALT)
