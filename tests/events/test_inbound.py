"""Mail that comes in is obeyed, shown to a person or let go, and forgotten in time."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock, installation
from mailer.accounts.models import User
from mailer.adapters import inbound as storage
from mailer.adapters import sns
from mailer.adapters.inbound import InboundError
from mailer.config import Settings
from mailer.contacts import suppression
from mailer.contacts.address import address_key, canonical
from mailer.contacts.models import Suppression
from mailer.db import make_engine, transaction
from mailer.events import inbound, intake, mail_jobs, replies
from mailer.events.mail_models import InboundMessage
from mailer.events.models import Event, RawNotification
from mailer.installation import Installation
from mailer.tokens import Purpose, Recipient
from tests.events.mail import (
    ANNA,
    FOOTER,
    MAILBOX,
    PUBLIC_URL,
    SIGNER,
    notification,
    raw_mail,
    receipt,
)
from tests.events.register import envelope, make_contact, make_message
from tests.events.test_mail_rules import bounce

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def key_of_anna() -> bytes:
    return address_key(canonical(ANNA))


def store(session: Session, message: str, *, sns_id: str = "a1", at: datetime = NOW) -> int:
    raw = RawNotification(
        sns_message_id=sns_id,
        topic_arn="t",
        body=envelope(message, sns_id=sns_id),
        received_at=at,
        state="mail",
    )
    session.add(raw)
    session.flush()
    return raw.id


def receive(session: Session, content: bytes | None, *, now: datetime = NOW, **more: Any) -> Any:
    count = session.scalar(select(func.count()).select_from(RawNotification))
    raw_id = store(session, notification(content), sns_id=f"a{count}")
    more.setdefault("ses_id", f"mail{count}")
    kind = inbound.receive(
        session,
        raw_id,
        receipt(content, **more),
        content,
        signer=SIGNER,
        public_url=PUBLIC_URL,
        now=now,
    )
    if kind is None:
        return None
    return session.scalars(select(InboundMessage).order_by(InboundMessage.id.desc())).first()


def is_stopped(session: Session, address: str = ANNA) -> bool:
    return any(each.kind == "optout" for each in suppression.find(session, canonical(address)))


def token_of(
    message_id: int, key: bytes | None = None, purpose: Purpose = Purpose.ONE_CLICK
) -> str:
    return SIGNER.make(purpose, Recipient(message_id, key or key_of_anna()))


def make_user(session: Session) -> User:
    user = User(
        user_name="maija",
        name="Maija",
        email="maija@esimerkki.example",
        roles=["dpo"],
        reason="test",
        created_at=NOW,
        password_hash="",
    )
    session.add(user)
    session.flush()
    return user


# Tokens


def test_a_token_opts_out_at_once_and_nothing_of_the_mail_is_kept(session: Session) -> None:
    message = make_message(session, NOW)
    row = receive(session, raw_mail("Hei, olen Anna.", subject=token_of(message.id)))
    assert (row.kind, row.state, row.message_id) == ("token", "obeyed", message.id)
    assert (row.sender, row.subject, row.excerpt, row.sender_key) == ("", "", "", None)
    assert is_stopped(session)
    line = session.scalars(select(Suppression)).first()
    assert line is not None
    assert (line.origin, line.message_id) == ("mail", message.id)
    raw = session.scalars(select(RawNotification)).one()
    assert raw.state == "applied"
    assert "Anna" not in raw.body


def test_the_same_opt_out_by_two_mails_counts_once(session: Session) -> None:
    message = make_message(session, NOW)
    for _ in range(2):
        receive(session, raw_mail(subject=token_of(message.id)))
    events = session.scalars(select(Event).where(Event.kind == "opt_out")).all()
    assert len(events) == 1


def test_a_token_works_when_message_and_contact_are_gone(session: Session) -> None:
    row = receive(session, raw_mail(subject=token_of(123_456_789)))
    assert (row.kind, row.message_id) == ("token", None)
    assert is_stopped(session)


@pytest.mark.parametrize("check", ["spf", "dkim", "dmarc", "spam", "virus"])
def test_a_token_needs_no_other_proof(session: Session, check: str) -> None:
    message = make_message(session, NOW)
    raw = raw_mail(sender="somebody@muu.example", subject=token_of(message.id))
    receive(session, raw, verdicts={check: "FAIL"})
    assert is_stopped(session)
    assert not is_stopped(session, "somebody@muu.example")


def test_the_same_mail_told_twice_is_taken_in_once(session: Session) -> None:
    raw = raw_mail("Hei", sender="a@muu.example")
    assert receive(session, raw, ses_id="same") is not None
    assert receive(session, raw, ses_id="same") is None
    assert session.scalar(select(func.count()).select_from(InboundMessage)) == 1


def test_a_mail_first_told_without_its_content_is_read_when_it_comes(session: Session) -> None:
    message = make_message(session, NOW)
    assert receive(session, None, ses_id="same").kind == "unreadable"
    assert receive(session, raw_mail(subject=token_of(message.id)), ses_id="same").kind == "token"
    assert is_stopped(session)


def test_a_token_in_the_headers_of_the_notification_is_enough(session: Session) -> None:
    message = make_message(session, NOW)
    headers = f"Subject: {token_of(message.id)}".encode()
    assert receive(session, None, headers=headers).kind == "token"
    assert is_stopped(session)


# Stop, by the very address that was mailed


def test_a_plain_stop_from_the_address_we_mailed_is_obeyed(session: Session) -> None:
    message = make_message(session, NOW)
    row = receive(session, raw_mail("Lopettakaa.\n\nt. Anna"))
    assert (row.kind, row.state, row.proven) == ("stop", "obeyed", True)
    assert (row.message_id, row.sender) == (message.id, ANNA)
    assert is_stopped(session)


def test_a_plus_tag_does_not_hide_who_writes(session: Session) -> None:
    make_message(session, NOW)
    row = receive(session, raw_mail("STOP", sender="anna.aalto+news@puutyo.example"))
    assert row.kind == "stop"


@pytest.mark.parametrize(
    ("verdicts", "source"),
    [
        ({"dmarc": "FAIL"}, ANNA),
        ({"dmarc": "GRAY", "spf": "FAIL"}, ANNA),
        ({"dmarc": "GRAY", "spf": "PASS"}, "x@muu.example"),
    ],
)
def test_a_forged_stop_is_shown_to_a_person_and_not_obeyed(
    session: Session, verdicts: dict[str, str], source: str
) -> None:
    make_message(session, NOW)
    row = receive(session, raw_mail("STOP"), verdicts=verdicts, source=source)
    assert (row.kind, row.state, row.reason) == ("request", "new", "not_proven")
    assert not is_stopped(session)


def test_whoever_repeats_the_persons_own_link_needs_no_other_proof(session: Session) -> None:
    message = make_message(session, NOW)
    quoted = FOOTER.format(token=token_of(message.id, purpose=Purpose.STOP)).replace("\n", "\n> ")
    row = receive(session, raw_mail(f"STOP\n\n> {quoted}"), verdicts={"dmarc": "FAIL"})
    assert (row.kind, row.proven) == ("stop", True)


def test_a_stop_from_an_address_we_never_mailed_is_shown(session: Session) -> None:
    make_contact(session, NOW)
    row = receive(session, raw_mail("STOP"))
    assert (row.kind, row.reason) == ("request", "not_mailed")
    assert not is_stopped(session)


def test_a_stop_from_another_address_than_we_mailed_is_shown(session: Session) -> None:
    message = make_message(session, NOW)
    quoted = FOOTER.format(token=token_of(message.id, purpose=Purpose.STOP)).replace("\n", "\n> ")
    row = receive(session, raw_mail(f"STOP\n\n> {quoted}", sender="boss@puutyo.example"))
    assert (row.kind, row.reason, row.message_id) == ("request", "not_mailed", message.id)
    assert not is_stopped(session)


def test_no_message_that_was_only_planned_makes_somebody_mailed(session: Session) -> None:
    make_message(session, NOW, state="queued")
    assert receive(session, raw_mail("STOP")).kind == "request"


@pytest.mark.parametrize(
    "text",
    [
        FOOTER.format(token="A" * 50),
        "> " + FOOTER.format(token="A" * 50).replace("\n", "\n> "),
        "Kiitos!\n\nFrom: Esimerkki\nSent: today\n\n" + FOOTER.format(token="A" * 50),
    ],
)
def test_our_own_footer_in_a_reply_opts_nobody_out(session: Session, text: str) -> None:
    make_message(session, NOW)
    row = receive(session, raw_mail(text))
    assert row.state == "new"
    assert not is_stopped(session)


def test_the_answered_message_is_the_one_the_mail_names(session: Session) -> None:
    contact = make_contact(session, NOW)
    first = make_message(session, NOW, contact=contact, ses_message_id="0110-first")
    make_message(session, NOW + timedelta(days=1), contact=contact, ses_message_id="0110-second")
    headers = {"In-Reply-To": "<0110-first@eu-north-1.amazonses.com>"}
    assert receive(session, raw_mail("Hei", headers=headers)).message_id == first.id


# Everything else


def test_other_replies_wait_for_a_person_with_their_words(session: Session) -> None:
    make_message(session, NOW)
    row = receive(session, raw_mail("Poistakaa Matti listalta, hän jäi eläkkeelle."))
    assert (row.kind, row.state, row.sender) == ("request", "new", ANNA)
    assert row.excerpt == "Poistakaa Matti listalta, hän jäi eläkkeelle."
    assert receive(session, raw_mail("Soittakaa!")).kind == "reply"
    assert replies.waiting(session) == 2


def test_automatic_mail_is_let_go_without_a_word(session: Session) -> None:
    make_message(session, NOW)
    automatic = raw_mail("Olen lomalla.", headers={"Auto-Submitted": "auto-replied"})
    for raw, kind in ((automatic, "auto"), (bounce(token_of(1)), "bounce")):
        row = receive(session, raw)
        assert (row.kind, row.state) == (kind, "closed")
        assert (row.sender, row.subject, row.excerpt) == ("", "", "")
    assert not is_stopped(session)


def test_who_has_left_is_a_hint_that_does_nothing(session: Session) -> None:
    message = make_message(session, NOW)
    headers = {"Auto-Submitted": "auto-replied"}
    row = receive(session, raw_mail("Anna no longer works here.", headers=headers))
    assert (row.kind, row.state, row.contact_id) == ("left", "closed", message.contact_id)
    assert not is_stopped(session)


@pytest.mark.parametrize("check", ["spam", "virus"])
def test_spam_from_strangers_is_let_go_and_from_people_we_know_is_shown(
    session: Session, check: str
) -> None:
    stranger = raw_mail("Buy now", sender="x@muu.example")
    assert receive(session, stranger, verdicts={check: "FAIL"}).kind == "spam"
    make_contact(session, NOW)
    assert receive(session, raw_mail("Hei"), verdicts={check: "FAIL"}).kind == "reply"


def test_a_mail_without_content_is_shown_to_a_person(session: Session) -> None:
    row = receive(session, None, headers=f"From: {ANNA}\r\nSubject: Hei".encode())
    assert (row.kind, row.state, row.sender, row.subject) == ("unreadable", "new", ANNA, "Hei")


# What a person does


def test_a_person_opts_out_the_sender_and_whom_we_mailed(session: Session) -> None:
    message = make_message(session, NOW)
    quoted = FOOTER.format(token=token_of(message.id, purpose=Purpose.STOP)).replace("\n", "\n> ")
    row = receive(session, raw_mail(f"Poistakaa Anna\n> {quoted}", sender="boss@puutyo.example"))
    user = make_user(session)

    assert replies.opt_out(session, row.id, now=NOW, actor_id=user.id)

    assert is_stopped(session)
    assert is_stopped(session, "boss@puutyo.example")
    session.refresh(row)
    assert (row.state, row.decided_by) == ("obeyed", user.id)
    assert not replies.opt_out(session, row.id, now=NOW, actor_id=user.id)
    lines = session.scalars(select(Suppression)).all()
    assert {(line.origin, line.actor_id) for line in lines} == {("reply", user.id)}


def test_a_stranger_can_be_opted_out_too(session: Session) -> None:
    row = receive(session, raw_mail("ei kiitos", sender="kuka@muu.example"))
    assert replies.opt_out(session, row.id, now=NOW, actor_id=make_user(session).id)
    assert is_stopped(session, "kuka@muu.example")


def test_without_sender_and_message_there_is_nobody_to_opt_out(session: Session) -> None:
    row = receive(session, raw_mail("ei kiitos", sender="nobody"))
    assert not replies.can_opt_out(row)
    assert not replies.opt_out(session, row.id, now=NOW, actor_id=make_user(session).id)


def test_what_is_no_request_is_dismissed_and_may_be_one_after_all(session: Session) -> None:
    row = receive(session, raw_mail("Hei", sender="kuka@muu.example"))
    user = make_user(session)
    assert replies.dismiss(session, row.id, now=NOW, actor_id=user.id)
    assert not replies.dismiss(session, row.id, now=NOW, actor_id=user.id)
    assert replies.waiting(session) == 0
    assert replies.opt_out(session, row.id, now=NOW, actor_id=user.id)


def test_an_obeyed_stop_can_be_undone_and_other_opt_outs_stay(session: Session) -> None:
    message = make_message(session, NOW)
    row = receive(session, raw_mail("STOP"))
    user = make_user(session)
    later = NOW + timedelta(hours=1)
    assert replies.undo(session, row.id, now=later, actor_id=user.id, reason="forged")
    assert not is_stopped(session)
    session.refresh(row)
    assert row.state == "undone"
    kinds = session.scalars(select(Event.kind).where(Event.message_id == message.id)).all()
    assert sorted(kinds) == ["opt_out", "opt_out_undone"]
    assert not replies.undo(session, row.id, now=later, actor_id=user.id, reason="again")


def test_an_opt_out_that_was_there_before_outlives_the_undoing(session: Session) -> None:
    make_message(session, NOW)
    suppression.opt_out(session, key_of_anna(), origin="stop_page", now=NOW)
    row = receive(session, raw_mail("STOP"))
    assert replies.undo(session, row.id, now=NOW, actor_id=make_user(session).id, reason="x")
    assert is_stopped(session)


def test_an_opt_out_by_token_is_not_ours_to_undo(session: Session) -> None:
    row = receive(session, raw_mail(subject=token_of(make_message(session, NOW).id)))
    assert not replies.undo(session, row.id, now=NOW, actor_id=make_user(session).id, reason="x")
    assert is_stopped(session)


# Forgetting


def test_words_are_forgotten_thirty_days_after_the_decision(session: Session) -> None:
    make_message(session, NOW)
    obeyed = receive(session, raw_mail("STOP"))
    waiting = receive(session, raw_mail("Poistakaa Matti listalta"))
    assert replies.forget(session, now=NOW + timedelta(days=29)) == 0
    assert replies.forget(session, now=NOW + timedelta(days=31)) == 1
    session.refresh(obeyed)
    session.refresh(waiting)
    assert (obeyed.sender, obeyed.excerpt, obeyed.sender_key) == ("", "", None)
    assert (obeyed.kind, obeyed.state) == ("stop", "obeyed")
    assert waiting.excerpt == "Poistakaa Matti listalta"
    assert replies.forget(session, now=NOW + timedelta(days=32)) == 0


@pytest.mark.parametrize(("text", "days"), [("Olen lomalla", 30), ("No longer works here", 90)])
def test_mail_that_needs_nobody_is_deleted(session: Session, text: str, days: int) -> None:
    receive(session, raw_mail(text, headers={"Auto-Submitted": "auto-replied"}))
    assert replies.forget(session, now=NOW + timedelta(days=days - 1)) == 0
    assert replies.forget(session, now=NOW + timedelta(days=days + 1)) == 1
    assert session.scalar(select(func.count()).select_from(InboundMessage)) == 0


# The job


@pytest.fixture
def here(
    connected_settings: Settings, sessions: sessionmaker[Session], redis: Any
) -> Iterator[Installation]:
    chosen = replace(
        connected_settings,
        inbound_bucket="our-mail",
        secret_key="test-secret-key-of-enough-characters",
    )
    engine = make_engine(chosen.database_url)
    installed = Installation(chosen, engine, sessions, redis)
    installation.use(installed)
    yield installed
    engine.dispose()


def rows(sessions: sessionmaker[Session]) -> list[tuple[str, str]]:
    with sessions() as session:
        found = session.scalars(select(InboundMessage).order_by(InboundMessage.id))
        return [(row.kind, row.state) for row in found]


IN_S3 = {"type": "S3", "bucketName": "our-mail", "objectKey": "abc"}


def test_a_stored_mail_is_read_by_its_own_job_and_left_alone_by_the_one_for_events(
    here: Installation, sessions: sessionmaker[Session]
) -> None:
    with transaction(sessions) as session:
        message = make_message(session, clock.now())
        body = envelope(notification(raw_mail(subject=token_of(message.id))))
        assert intake.store(session, sns.parse(body), body, now=clock.now())
        intake.apply_batch(session, now=clock.now())
    assert rows(sessions) == []
    mail_jobs.read_mail()
    mail_jobs.read_mail()
    assert rows(sessions) == [("token", "obeyed")]
    with sessions() as session:
        assert is_stopped(session)


def test_long_mail_is_fetched_from_our_bucket(
    here: Installation, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str, str]] = []

    def fetch(_: Settings, bucket: str, key: str, *, region: str, limit: int) -> bytes:
        asked.append((bucket, key, region))
        return raw_mail("Soittakaa!")[:limit]

    monkeypatch.setattr(storage, "fetch", fetch)
    with transaction(sessions) as session:
        store(session, notification(None, action=IN_S3), at=clock.now())
    mail_jobs.read_mail()
    assert rows(sessions) == [("reply", "new")]
    assert asked == [("our-mail", "abc", "eu-north-1")]


def test_a_token_in_the_headers_is_obeyed_without_fetching(
    here: Installation, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "fetch", None)
    with transaction(sessions) as session:
        message = make_message(session, clock.now())
        headers = [{"name": "Subject", "value": token_of(message.id)}]
        store(session, notification(None, action=IN_S3, headers=headers), at=clock.now())
    mail_jobs.read_mail()
    assert rows(sessions) == [("token", "obeyed")]


def test_a_mail_that_s3_does_not_give_is_tried_again_for_an_hour_and_then_shown(
    here: Installation, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*_: Any, **__: Any) -> bytes:
        raise InboundError("AccessDenied")

    monkeypatch.setattr(storage, "fetch", fetch)
    monkeypatch.setattr(mail_jobs, "SLICE_SECONDS", 0.05)
    with transaction(sessions) as session:
        raw_id = store(session, notification(None, action=IN_S3), at=clock.now())
    mail_jobs.read_mail()
    assert rows(sessions) == []
    with transaction(sessions) as session:
        raw = session.get_one(RawNotification, raw_id)
        assert (raw.state, raw.tries) == ("mail", 1)
        raw.received_at -= timedelta(hours=2)
    monkeypatch.setattr(mail_jobs, "SLICE_SECONDS", 60)
    mail_jobs.read_mail()
    assert rows(sessions) == [("unreadable", "new")]


def test_a_mail_that_cannot_be_kept_is_shown_at_last_and_holds_up_no_other(
    here: Installation, sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = inbound.receive

    def receive(session: Session, raw_id: int, got: Any, content: Any, **more: Any) -> Any:
        if content is not None and got.ses_id == "bad":
            raise DataError("INSERT", {}, ValueError(ANNA))
        return original(session, raw_id, got, content, **more)

    monkeypatch.setattr(inbound, "receive", receive)
    with transaction(sessions) as session:
        bad = store(session, notification(raw_mail("a"), ses_id="bad"), sns_id="1", at=clock.now())
        store(session, notification(raw_mail("b"), ses_id="ok"), sns_id="2", at=clock.now())
    monkeypatch.setattr(mail_jobs, "SLICE_SECONDS", 0.05)
    mail_jobs.read_mail()
    assert rows(sessions) == [("reply", "new")]
    with transaction(sessions) as session:
        session.get_one(RawNotification, bad).received_at -= timedelta(hours=2)
    mail_jobs.read_mail()
    assert rows(sessions) == [("reply", "new"), ("unreadable", "new")]


@pytest.mark.parametrize("message", ["{}", '{"notificationType": "Received"}', "x"])
def test_what_is_no_mail_after_all_is_ignored(
    here: Installation, sessions: sessionmaker[Session], message: str
) -> None:
    with transaction(sessions) as session:
        store(session, message, at=clock.now())
    mail_jobs.read_mail()
    with sessions() as session:
        assert session.scalars(select(RawNotification.state)).one() == "ignored"


def test_nothing_of_a_mail_is_in_the_log(
    here: Installation, sessions: sessionmaker[Session], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with transaction(sessions) as session:
        store(session, notification(raw_mail("Salaista")), at=clock.now())
    mail_jobs.read_mail()
    told = json.dumps([vars(record) for record in caplog.records], default=str)
    assert "mail_read" in told
    assert not [word for word in (ANNA, "Salaista", MAILBOX) if word in told]
