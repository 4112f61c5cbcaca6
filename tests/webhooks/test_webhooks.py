"""What happened is told to those who want it, if and only if it was committed."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from redis import Redis
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.audit import AuditEntry
from mailer.campaigns import lifecycle
from mailer.campaigns.models import Campaign
from mailer.config import ROOT, Settings, SettingsError, from_environment
from mailer.contacts import confirming, removal, suppression
from mailer.contacts.suppression import Entry, Finding, of_address, of_domain, suppress
from mailer.webhooks import delivery, jobs, outbox, signing, subscriptions
from mailer.webhooks.models import Webhook, WebhookDelivery
from mailer.webhooks.outbox import EVENTS
from mailer.webhooks.subscriptions import Wanted
from tests.contacts.files import import_file, make_file, make_row
from tests.contacts.joining import make_form, type_in
from tests.contacts.staff import make_staff
from tests.contacts.test_sign_ups import ANNA
from tests.segments.register import publish_notice
from tests.webhooks.receiver import Receiver, listening, make_webhook

Sessions = sessionmaker[Session]
NOWHERE = "https://crm.example/events"


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture(autouse=True)
def here(connected_settings: Settings, sessions: Sessions, redis: Redis) -> None:
    installation.use(
        installation.Installation(connected_settings, sessions.kw["bind"], sessions, redis)
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.fixture
def user_id(sessions: Sessions, now: datetime) -> int:
    with sessions.begin() as session:
        publish_notice(session, now)
        return make_staff(session, now)


@pytest.fixture
def webhook(sessions: Sessions, now: datetime, user_id: int, receiver: Receiver) -> Webhook:
    with sessions.begin() as session:
        return make_webhook(session, now, user_id, receiver.url)


def note(sessions: Sessions, now: datetime, *ids: int, kind: str = "contact.changed") -> None:
    with sessions.begin() as session:
        outbox.note(session, kind, ids, now=now)


def told(sessions: Sessions) -> list[WebhookDelivery]:
    with sessions() as session:
        return session.query(WebhookDelivery).order_by(WebhookDelivery.id).all()


def events(sessions: Sessions) -> list[tuple[str, list[int]]]:
    return [(each.event, json.loads(each.body)["ids"]) for each in told(sessions)]


def failures(sessions: Sessions) -> tuple[int, str | None]:
    with sessions() as session:
        (webhook,) = session.query(Webhook)
        return webhook.failures, webhook.pause_reason


# The outbox


def test_what_was_rolled_back_is_never_told(
    sessions: Sessions, webhook: Webhook, now: datetime
) -> None:
    with sessions() as session:
        outbox.note(session, "contact.changed", [1], now=now)
        session.rollback()
        session.commit()
    with sessions.begin() as session:
        outbox.note(session, "contact.changed", [2], now=now)
        inner = session.begin_nested()
        outbox.note(session, "contact.changed", [3], now=now)
        inner.rollback()
    assert events(sessions) == [("contact.changed", [2])]


def test_one_transaction_is_one_event_of_a_kind_with_each_record_once(
    sessions: Sessions, webhook: Webhook, now: datetime
) -> None:
    with sessions.begin() as session:
        for number in (3, 1, 3):
            with session.begin_nested():
                outbox.note(session, "contact.changed", [number], now=now)
        outbox.note(session, "contact.erased", range(2500), now=now)
        outbox.note(session, "contact.created", [], now=now)
    counted = [(kind, len(ids)) for kind, ids in events(sessions)]
    assert counted == [
        ("contact.changed", 2), ("contact.erased", 1000), ("contact.erased", 1000),
        ("contact.erased", 500),
    ]  # fmt: skip
    assert events(sessions)[0] == ("contact.changed", [3, 1])


def test_only_wanted_events_are_written_and_each_webhook_gets_its_own(
    sessions: Sessions, now: datetime, user_id: int
) -> None:
    with sessions.begin() as session:
        make_webhook(session, now, user_id, NOWHERE, "contact.erased", name="A")
        make_webhook(session, now, user_id, NOWHERE, "contact.erased", "import.finished", name="B")
        assert outbox.wanted(session, "import.finished")
        assert not outbox.wanted(session, "contact.changed")
    note(sessions, now, 1)
    note(sessions, now, 7, kind="contact.erased")
    first, second = told(sessions)
    assert first.body == second.body
    assert first.webhook_id != second.webhook_id


def test_an_event_that_does_not_exist_is_a_fault(sessions: Sessions, now: datetime) -> None:
    with pytest.raises(KeyError):
        note(sessions, now, 1, kind="contact.renamed")


def test_people_are_told_by_id_and_never_by_name_or_address(
    sessions: Sessions, webhook: Webhook, user_id: int, now: datetime
) -> None:
    with sessions.begin() as session:
        form = make_form(session, now, user_id)
        sign_up = type_in(session, form, now)
        assert sign_up is not None
    with sessions.begin() as session:
        confirming.confirm(session, sign_up.id, sign_up.address_key, now=now)
    with sessions.begin() as session:
        (contact_id,) = session.execute(text("SELECT id FROM contacts")).scalars()
        again = type_in(session, form, now + timedelta(hours=1), title="Talousjohtaja, osakas")
        assert again is not None
        confirming.confirm(session, again.id, again.address_key, now=now + timedelta(hours=1))
    with sessions.begin() as session:
        suppression.opt_out(session, sign_up.address_key, origin="stop_page", now=now)
        suppression.opt_out(session, sign_up.address_key, origin="stop_page", now=now)
    with sessions.begin() as session:
        for kind in ("hard_bounce", "complaint", "manual"):
            suppress(session, [of_address(ANNA)], kind, origin="ses_event", now=now)
        suppress(session, [of_domain("puutyo.example")], "domain_ban", origin="staff", now=now)
    with sessions.begin() as session:
        removal.remove_all(session, [contact_id], now=now)
    with sessions.begin() as session:
        stranger = Finding(Entry("address", b"x" * 16), "optout")
        suppression.suppress_all(session, [stranger], origin="import", now=now)
    kinds = [kind.removeprefix("contact.") for kind, _ in events(sessions)]
    assert kinds == ["created", "changed", "opted_out", "bounced", "complained", "erased"]
    assert all(ids == [contact_id] for _, ids in events(sessions))
    for entry in told(sessions):
        assert set(json.loads(entry.body)) == {"id", "type", "at", "ids"}
        assert "@" not in entry.body


def test_an_import_is_one_event_however_many_rows_it_has(
    sessions: Sessions, webhook: Webhook, now: datetime
) -> None:
    rows = [
        make_row(Sähköposti=f"henkilo.{number}@yritys.example", Sukunimi=f"S{number}")
        for number in range(40)
    ]
    with sessions() as session:
        entry = import_file(session, make_file(*rows), now=now)
        session.commit()
    assert events(sessions) == [("import.finished", [entry.id])]


def test_a_campaign_is_told_when_it_is_over(
    sessions: Sessions, webhook: Webhook, now: datetime
) -> None:
    with sessions.begin() as session:
        campaign = Campaign(name="a", state="sending", created_at=now, updated_at=now)
        session.add(campaign)
        session.flush()
        lifecycle.move(session, campaign.id, to="paused", now=now)
        lifecycle.move(session, campaign.id, to="stopped", now=now)
    assert events(sessions) == [("campaign.finished", [campaign.id])]


def test_an_opt_out_does_not_wait_for_whoever_changes_a_webhook(
    sessions: Sessions, webhook: Webhook, now: datetime
) -> None:
    with sessions.begin() as first:
        first.execute(text("SELECT * FROM webhooks FOR UPDATE"))
        with sessions.begin() as second:
            second.execute(text("SET LOCAL lock_timeout = '20s'"))
            outbox.note(second, "contact.opted_out", [1], now=now)
    assert len(told(sessions)) == 1


# Telling


def test_what_is_told_is_signed_and_carries_its_id(
    sessions: Sessions, webhook: Webhook, receiver: Receiver, now: datetime,
    connected_settings: Settings,
) -> None:  # fmt: skip
    note(sessions, now, 5)
    jobs.deliver()
    ((path, headers, body),) = receiver.requests
    assert path == "/events?of=lupaposti"
    assert json.loads(body)["ids"] == [5]
    assert headers["Content-Type"] == "application/json"
    assert headers["Lupaposti-Event"] == "contact.changed"
    assert headers["Lupaposti-Event-Id"] == json.loads(body)["id"]
    moment, mark = (part.split("=")[1] for part in headers["Lupaposti-Signature"].split(","))
    assert int(moment) == int(now.timestamp())
    secret = subscriptions.secret_of(webhook, connected_settings)
    expected = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    assert mark == expected
    (entry,) = told(sessions)
    assert (entry.state, entry.status, entry.delivered_at) == ("delivered", 204, now)
    jobs.deliver()
    assert len(receiver.requests) == 1


def test_what_the_documentation_says_of_checking_works(
    sessions: Sessions, webhook: Webhook, receiver: Receiver, now: datetime,
    connected_settings: Settings,
) -> None:  # fmt: skip
    page = (ROOT / "docs" / "webhooks.md").read_text()
    found: dict[str, Any] = {"hmac": hmac, "hashlib": hashlib}
    exec(page.split("```python\n")[1].split("```")[0], found)
    is_ours = found["is_ours"]
    note(sessions, now, 5)
    jobs.deliver()
    _, headers, body = receiver.requests[0]
    header, moment = headers["Lupaposti-Signature"], now.timestamp()
    secret = subscriptions.secret_of(webhook, connected_settings)
    assert is_ours(secret, header, body, moment)
    assert not is_ours(secret + "x", header, body, moment)
    assert not is_ours(secret, header, body + b" ", moment)
    assert not is_ours(secret, header, body, moment + 301)
    assert not is_ours(secret, header.replace("t=1", "t=2"), body, moment)
    assert not is_ours(secret, "", body, moment)
    for kind in EVENTS:
        assert f"`{kind}`" in page


def test_a_signature_holds_for_no_other_body_time_or_secret(now: datetime) -> None:
    whole = signing.header(["a"], b"{}", at=now)
    assert whole == signing.header(["a"], b"{}", at=now)
    assert whole != signing.header(["a"], b"{ }", at=now)
    assert whole.split(",")[1] != signing.header(["b"], b"{}", at=now).split(",")[1]
    later = signing.header(["a"], b"{}", at=now + timedelta(seconds=1))
    assert whole.split(",")[1] != later.split(",")[1]
    assert signing.secret("k", b"1") != signing.secret("k", b"2") != signing.secret("l", b"2")


def test_after_a_change_of_the_secret_key_receivers_may_still_know_the_old_one(
    sessions: Sessions, webhook: Webhook, receiver: Receiver, now: datetime,
    connected_settings: Settings, redis: Redis,
) -> None:  # fmt: skip
    old = subscriptions.secret_of(webhook, connected_settings)
    rotated = replace(
        connected_settings,
        secret_key="n" * 40,
        retired_secret_keys=(connected_settings.secret_key,),
    )
    installation.use(installation.Installation(rotated, sessions.kw["bind"], sessions, redis))
    note(sessions, now, 5)
    jobs.deliver()
    _, headers, body = receiver.requests[0]
    header = headers["Lupaposti-Signature"]
    assert header.count("v1=") == 2
    assert set(signing.header([old], body, at=now).split(",")) < set(header.split(","))


def test_a_crash_between_the_commit_and_the_call_loses_nothing(
    sessions: Sessions, webhook: Webhook, receiver: Receiver, now: datetime,
    clock: time_machine.Traveller,
) -> None:  # fmt: skip
    note(sessions, now, 5)
    with sessions.begin() as session:
        assert len(delivery.claim(session, now=now)[0]) == 1
    jobs.deliver()
    assert receiver.requests == [], "another worker may have it"
    clock.shift(delivery.LEASE + timedelta(seconds=1))
    jobs.deliver()
    assert [event["ids"] for event in receiver.events] == [[5]]


def test_a_crash_after_the_call_tells_it_again_under_the_same_id(
    sessions: Sessions, webhook: Webhook, receiver: Receiver, now: datetime,
    clock: time_machine.Traveller, connected_settings: Settings,
) -> None:  # fmt: skip
    note(sessions, now, 5)
    with sessions.begin() as session:
        ((telling,),) = delivery.claim(session, now=now)
    delivery.tell(telling, connected_settings, now=now)
    clock.shift(delivery.LEASE + timedelta(seconds=1))
    jobs.deliver()
    first, second = receiver.events
    assert first == second


def test_two_workers_tell_each_event_once(
    sessions: Sessions, webhook: Webhook, now: datetime
) -> None:
    for number in range(30):
        note(sessions, now, number)
    with sessions.begin() as first, sessions.begin() as second:
        one = delivery.claim(first, now=now)[0]
        two = delivery.claim(second, now=now)[0]
        assert len(one) == delivery.EACH
        assert len(two) == 10
        assert not {t.id for t in one} & {t.id for t in two}


def test_a_late_answer_does_not_undo_what_another_worker_wrote(
    sessions: Sessions, webhook: Webhook, now: datetime
) -> None:
    note(sessions, now, 5)
    with sessions.begin() as session:
        ((telling,),) = delivery.claim(session, now=now)
        assert delivery.record(session, telling, outgoing_answer(204), now=now)
    with sessions.begin() as session:
        delivery.record(session, telling, outgoing_answer(500, "status"), now=now)
    assert told(sessions)[0].state == "delivered"
    assert failures(sessions) == (0, None)


def outgoing_answer(status: int | None, error: str | None = None) -> Any:
    return delivery.Answer(status, error)


@pytest.mark.parametrize(
    ("status", "error"), [(500, "status"), (302, "redirected"), (410, "status")]
)
def test_what_fails_is_tried_again_ever_more_rarely_for_a_day(
    sessions: Sessions, webhook: Webhook, receiver: Receiver, now: datetime,
    clock: time_machine.Traveller, status: int, error: str,
) -> None:  # fmt: skip
    receiver.status = status
    note(sessions, now, 5)
    jobs.deliver()
    jobs.deliver()
    (entry,) = told(sessions)
    assert (entry.state, entry.status, entry.error, entry.attempts) == ("waiting", status, error, 1)
    assert entry.next_at == now + timedelta(seconds=10)
    for _ in range(200):
        clock.shift(timedelta(minutes=10))
        jobs.deliver()
    (entry,) = told(sessions)
    assert (entry.state, entry.next_at) == ("failed", None)
    assert 10 <= len(receiver.requests) <= 20
    assert failures(sessions)[0] == len(receiver.requests)


def test_one_that_works_again_is_told_what_waited_and_its_failures_are_forgotten(
    sessions: Sessions, webhook: Webhook, receiver: Receiver, now: datetime,
    clock: time_machine.Traveller,
) -> None:  # fmt: skip
    receiver.status = 503
    for number in range(3):
        note(sessions, now, number)
    jobs.deliver()
    assert len(receiver.requests) == 1, "the others need not knock at a closed door"
    assert [entry.attempts for entry in told(sessions)] == [1, 0, 0]
    receiver.status = 204
    clock.shift(timedelta(seconds=11))
    jobs.deliver()
    assert sorted(event["ids"][0] for event in receiver.events[1:]) == [0, 1, 2]
    assert failures(sessions) == (0, None)


def test_after_fifty_failures_in_a_row_it_pauses_and_keeps_what_happens(
    sessions: Sessions, webhook: Webhook, receiver: Receiver, now: datetime,
    clock: time_machine.Traveller, user_id: int,
) -> None:  # fmt: skip
    receiver.status = 500
    with sessions.begin() as session:
        session.execute(text("UPDATE webhooks SET failures = 48"))
    note(sessions, now, 1)
    jobs.deliver()
    clock.shift(timedelta(seconds=20))
    jobs.deliver()
    assert failures(sessions) == (50, "failures")
    note(sessions, now, 2)
    clock.shift(timedelta(days=3))
    jobs.deliver()
    assert len(receiver.requests) == 2
    with sessions() as session:
        assert session.query(AuditEntry).filter_by(action="webhook.paused").count() == 1
    receiver.status = 204
    with sessions.begin() as session:
        found = session.get_one(Webhook, webhook.id)
        subscriptions.resume(session, found, now=now + timedelta(days=3), actor_id=user_id)
    jobs.deliver()
    assert sorted(event["ids"] for event in receiver.events[2:]) == [[1], [2]]
    assert failures(sessions) == (0, None)


def test_a_slow_receiver_delays_no_other(
    sessions: Sessions, webhook: Webhook, receiver: Receiver, now: datetime, user_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The other is told while the slow one has not answered yet."""
    import threading

    reached = threading.Event()
    with listening() as slow:

        def wait(handler: Any) -> None:
            slow.status = 200 if reached.wait(60) else 500
            handler.send_response(slow.status)
            handler.end_headers()

        def reach(handler: Any) -> None:
            reached.set()
            handler.send_response(204)
            handler.end_headers()

        slow.answer, receiver.answer = wait, reach
        monkeypatch.setattr("mailer.adapters.outgoing.SECONDS", 60)
        with sessions.begin() as session:
            make_webhook(session, now, user_id, slow.url, name="Slow")
        note(sessions, now, 5)
        jobs.deliver()
        assert [len(r.requests) for r in (slow, receiver)] == [1, 1]
        assert slow.status == 200


def test_a_name_that_leads_inside_later_is_refused_when_it_is_called(
    sessions: Sessions, now: datetime, user_id: int, connected_settings: Settings, redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import ipaddress

    from mailer.adapters import outgoing

    wanted = Wanted("CRM", NOWHERE, ["contact.changed"])
    with sessions.begin() as session:
        assert subscriptions.problems(session, wanted, connected_settings) == {}
        make_webhook(session, now, user_id, NOWHERE)
    monkeypatch.setattr(outgoing, "resolve", lambda *_: [ipaddress.ip_address("169.254.169.254")])
    note(sessions, now, 5)
    jobs.deliver()
    (entry,) = told(sessions)
    assert (entry.state, entry.error, entry.status) == ("waiting", "own_network", None)


# Making and repeating


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"), ({"name": "x" * 101}, "name"), ({"url": "x"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"), ({"url": "http://crm.example/"}, "url"),
        ({"events": ()}, "events"), ({"events": ("contact.renamed",)}, "events"),
    ],
)  # fmt: skip
def test_a_wrong_webhook_is_refused(
    sessions: Sessions, connected_settings: Settings, change: dict[str, Any], field: str
) -> None:
    wanted = Wanted(**{"name": "CRM", "url": NOWHERE, "events": tuple(EVENTS), **change})
    with sessions() as session:
        assert list(subscriptions.problems(session, wanted, connected_settings)) == [field]


def test_production_takes_no_loopback_and_a_listed_network_is_let_through(
    sessions: Sessions, connected_settings: Settings
) -> None:
    production = replace(connected_settings, production=True)
    inside = Wanted("CRM", "https://10.20.0.5/", ["contact.changed"])
    local = Wanted("CRM", "http://127.0.0.1/", ["contact.changed"])
    listed = from_environment({"WEBHOOK_NETWORKS": "10.20.0.0/24, 10.30.0.0/16"}).webhook_networks
    with sessions() as session:
        assert not subscriptions.problems(session, local, connected_settings)
        assert subscriptions.problems(session, local, production)
        assert subscriptions.problems(session, inside, production)
        assert not subscriptions.problems(
            session, inside, replace(production, webhook_networks=listed)
        )
    with pytest.raises(SettingsError, match="WEBHOOK_NETWORKS"):
        from_environment({"WEBHOOK_NETWORKS": "10.20.0.5/24"})


def test_there_are_twenty_at_most(
    sessions: Sessions, now: datetime, user_id: int, connected_settings: Settings
) -> None:
    with sessions.begin() as session:
        for number in range(subscriptions.MOST):
            make_webhook(session, now, user_id, NOWHERE, name=f"n{number}")
        wanted = Wanted("CRM", NOWHERE, ["contact.changed"])
        assert list(subscriptions.problems(session, wanted, connected_settings)) == [""]
        assert not subscriptions.problems(session, wanted, connected_settings, new=False)


def test_one_or_all_that_failed_are_told_again_under_their_ids(
    sessions: Sessions, webhook: Webhook, receiver: Receiver, now: datetime, user_id: int
) -> None:
    for number in range(4):
        note(sessions, now, number)
    jobs.deliver()
    before = {event["id"] for event in receiver.events}
    with sessions.begin() as session:
        session.execute(text("UPDATE webhook_deliveries SET state = 'failed' WHERE id % 2 = 0"))
        found = session.get_one(Webhook, webhook.id)
        assert subscriptions.replay(session, found, now=now, actor_id=user_id) == 2
        done = session.query(WebhookDelivery).filter_by(state="delivered").first()
        assert done is not None
        again = subscriptions.replay(session, found, now=now, actor_id=user_id, delivery_id=done.id)
        assert again == 1
        assert (
            subscriptions.replay(session, found, now=now, actor_id=user_id, delivery_id=9**9) == 0
        )
    jobs.deliver()
    assert len(receiver.requests) == 7
    assert {event["id"] for event in receiver.events} == before


def test_what_is_told_again_is_of_this_webhook_only(
    sessions: Sessions, webhook: Webhook, now: datetime, user_id: int
) -> None:
    note(sessions, now, 1)
    with sessions.begin() as session:
        other = make_webhook(session, now, user_id, NOWHERE, name="Other")
        mine = told(sessions)[0].id
        assert not subscriptions.replay(session, other, now=now, actor_id=user_id, delivery_id=mine)


def test_a_deleted_webhook_is_told_nothing(
    sessions: Sessions, webhook: Webhook, receiver: Receiver, now: datetime, user_id: int
) -> None:
    note(sessions, now, 1)
    with sessions.begin() as session:
        ((telling,),) = delivery.claim(session, now=now)
    with sessions.begin() as session:
        found = session.get_one(Webhook, webhook.id)
        subscriptions.delete(session, found, now=now, actor_id=user_id)
    assert told(sessions) == []
    note(sessions, now, 2)
    with sessions.begin() as session:
        assert not delivery.record(session, telling, outgoing_answer(500, "status"), now=now)
    jobs.deliver()
    assert receiver.requests == []


def test_the_log_is_kept_thirty_days(
    sessions: Sessions, webhook: Webhook, now: datetime, clock: time_machine.Traveller
) -> None:
    note(sessions, now, 1)
    clock.shift(timedelta(days=20))
    note(sessions, now + timedelta(days=20), 2)
    clock.shift(timedelta(days=11))
    jobs.forget_old()
    assert [ids for _, ids in events(sessions)] == [[2]]
