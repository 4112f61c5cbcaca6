"""The pixel and the links always answer, and no hit that was answered is lost."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import time_machine
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session, sessionmaker

from mailer import installation
from mailer.adapters.queue import make_redis
from mailer.adapters.tracking import GROUP, STREAM, HitStream, StreamUnavailableError
from mailer.config import Settings
from mailer.contacts.models import Suppression
from mailer.events import jobs
from mailer.events.marks import HitMark
from mailer.events.models import Event
from mailer.sending.envelope import TRAP
from mailer.sending.models import Message
from mailer.tokens import Purpose, Recipient, Signer
from mailer.web import tracking
from mailer.web.tracking import PIXEL, Tracking
from tests.events.register import make_campaign, make_contact, make_link, make_message, publish
from tests.web.people import Browser

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(now + timedelta(hours=1), tick=False) as traveller:
        yield traveller


class Mail:
    """One delivered message with its pixel and a link."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings, now: datetime) -> None:
        with sessions.begin() as session:
            publish(session, now)
            self.contact = make_contact(session, now)
            self.campaign = make_campaign(session, now)
            self.message = make_message(
                session, now, contact=self.contact, campaign=self.campaign, delivered_at=now
            )
            self.link = make_link(session, self.campaign)
            self.other_link = make_link(session, make_campaign(session, now))
        signer = Signer(settings.secret_key)
        self.recipient = Recipient(self.message.id, self.contact.address_key)
        self.pixel = f"/o/{signer.make(Purpose.OPEN, self.recipient)}.gif"
        self.clicks = f"/c/{signer.make(Purpose.CLICK, self.recipient)}"
        self.click = f"{self.clicks}/{self.link.id}"


@pytest.fixture
def mail(
    client: Browser, sessions: sessionmaker[Session], connected_settings: Settings, now: datetime
) -> Mail:
    client.environ_base["HTTP_USER_AGENT"] = BROWSER
    client.environ_base["HTTP_ACCEPT_LANGUAGE"] = "fi"
    client.environ_base["HTTP_SEC_FETCH_MODE"] = "navigate"
    return Mail(sessions, connected_settings, now)


def events(sessions: sessionmaker[Session]) -> list[Event]:
    jobs.apply_tracking()
    with sessions() as session:
        return list(session.scalars(select(Event).order_by(Event.id)))


def lose_redis(app: Flask) -> None:
    """Point the tracking of the application at a Redis that is not there."""
    here = installation.current()
    gone = replace(here, redis=make_redis("redis://127.0.0.1:1/0", patient=False))
    app.wsgi_app = Tracking(app.wsgi_app._app, gone)  # type: ignore[method-assign]


def test_the_pixel_is_a_picture_that_is_never_kept(
    client: Browser, sessions: sessionmaker[Session], mail: Mail
) -> None:
    answer = client.get(mail.pixel)
    assert (answer.status_code, answer.mimetype, answer.data) == (200, "image/gif", PIXEL)
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Set-Cookie" not in answer.headers
    assert [(e.kind, e.actor) for e in events(sessions)] == [("open", "human")]


def test_a_link_leads_to_its_address(
    client: Browser, sessions: sessionmaker[Session], mail: Mail
) -> None:
    answer = client.get(mail.click)
    assert (answer.status_code, answer.location) == (302, "https://esimerkki.example/0")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    [event] = events(sessions)
    assert (event.kind, event.actor, event.link_id) == ("click", "human", mail.link.id)


def test_the_address_of_the_visitor_is_nowhere(
    client: Browser, sessions: sessionmaker[Session], redis: Redis, mail: Mail
) -> None:
    client.get(mail.click, environ_base={"REMOTE_ADDR": "93.184.216.34"})
    client.get(mail.click, environ_base={"REMOTE_ADDR": "10.0.0.8"})
    assert "93.184" not in str(redis.xrange(STREAM))
    assert "Chrome" not in str(redis.xrange(STREAM))
    first, second = events(sessions)
    assert set(first.details) == {"client", "signals", "network", "agent"}
    assert set(second.details) == {"client", "signals"}
    with sessions() as session:
        [mark] = session.scalars(select(HitMark))
    assert "93.184" not in f"{first.details}{mark.mark!r}"


def test_the_link_that_nobody_sees_leads_to_the_notice_and_makes_a_machine(
    client: Browser, sessions: sessionmaker[Session], mail: Mail, connected_settings: Settings
) -> None:
    answer = client.get(f"{mail.clicks}/{TRAP}")
    assert (answer.status_code, answer.location) == (
        302,
        f"{connected_settings.public_url}/privacy",
    )
    [event] = events(sessions)
    assert (event.kind, event.link_id, event.actor, event.reasons) == (
        "click",
        None,
        "machine",
        ["trap", "no_page"],
    )
    with sessions() as session:
        assert session.scalars(select(Suppression)).all() == []


def test_a_forged_token_of_the_unseen_link_is_not_found(client: Browser, mail: Mail) -> None:
    assert client.get(f"{mail.clicks[:-3]}abc/{TRAP}").status_code == 404


def test_head_is_answered_and_is_a_machines(
    client: Browser, sessions: sessionmaker[Session], mail: Mail
) -> None:
    picture, link = client.head(mail.pixel), client.head(mail.click)
    assert (picture.status_code, picture.data, link.status_code) == (200, b"", 302)
    assert {event.actor for event in events(sessions)} == {"machine"}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_fetching_is_taken(client: Browser, mail: Mail, method: str) -> None:
    for path in (mail.pixel, mail.click):
        answer = client.open(path, method=method, csrf=False)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_it_is_no_open_redirector(
    client: Browser, sessions: sessionmaker[Session], mail: Mail
) -> None:
    stop = Signer("another secret").make(Purpose.CLICK, mail.recipient)
    for path in (
        f"{mail.clicks}/{mail.other_link.id}",
        f"{mail.clicks}/999999",
        f"{mail.clicks}/-1",
        f"{mail.clicks}/٣",
        f"{mail.clicks}/{'9' * 30}",
        f"{mail.clicks}/https://evil.example",
        mail.clicks,
        f"/c/{stop}/{mail.link.id}",
        mail.pixel.replace("/o/", "/c/").replace(".gif", f"/{mail.link.id}"),
        "/c/",
        "/c//",
    ):
        answer = client.get(path)
        assert answer.status_code == 404, path
        assert "Location" not in answer.headers
    assert events(sessions) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(max_size=80))
def test_any_path_is_answered(client: Browser, rest: str) -> None:
    from urllib.parse import quote

    rest = quote(rest.encode("utf-8", "replace"))
    assert client.get(f"/o/{rest}").status_code == 200
    assert client.get(f"/c/{rest}").status_code == 404


@pytest.mark.parametrize(
    ("url", "location"),
    [
        (
            "https://esimerkki.example/a b?q=ä&x=%20#osa",
            "https://esimerkki.example/a%20b?q=%C3%A4&x=%20#osa",
        ),
        ("https://käännös.example/", "https://xn--knns-noa2ap.example/"),
        ("https://a.example/\r\nSet-Cookie: x=1", "https://a.example/%0D%0ASet-Cookie:%20x=1"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("/relative", None),
        ("https://[broken", None),
    ],
)
def test_a_location_is_a_web_address_in_plain_ascii(url: str, location: str | None) -> None:
    found = tracking._location(url)
    if location is None:
        assert found is None
    else:
        assert found is not None
        assert found.isascii()
        assert "\n" not in found
        if "\r" not in url and "ä" not in url.partition("?")[0]:
            assert found == location


def test_old_links_lead_on_when_the_message_is_deleted_and_record_nothing(
    client: Browser, sessions: sessionmaker[Session], mail: Mail
) -> None:
    with sessions.begin() as session:
        session.execute(delete(Message))
    assert client.get(mail.click).status_code == 302
    assert client.get(mail.pixel).status_code == 200
    assert events(sessions) == []


def test_a_message_made_after_its_neighbours_were_looked_up_is_found(
    client: Browser, sessions: sessionmaker[Session], mail: Mail, now: datetime, settings: Settings
) -> None:
    assert client.get(mail.click).status_code == 302
    with sessions.begin() as session:
        newer = make_message(
            session,
            now,
            campaign=mail.campaign,
            contact=make_contact(
                session, now, email="uusi@puutyo.example", source_id=mail.contact.source_id
            ),
        )
    signer = Signer(installation.current().settings.secret_key)
    token = signer.make(Purpose.CLICK, Recipient(newer.id, b"k" * 16))
    assert client.get(f"/c/{token}/{mail.link.id}").status_code == 302
    assert client.get(f"/c/{token}/{mail.other_link.id}").status_code == 404


def test_without_redis_a_hit_is_written_to_the_database_at_once(
    client: Browser, app: Flask, sessions: sessionmaker[Session], mail: Mail
) -> None:
    lose_redis(app)
    assert client.get(mail.pixel).status_code == 200
    assert client.get(mail.click).status_code == 302
    with sessions() as session:
        assert set(session.scalars(select(Event.kind))) == {"open", "click"}


def test_without_redis_and_database_the_answer_is_given_all_the_same(
    client: Browser, app: Flask, sessions: sessionmaker[Session], mail: Mail
) -> None:
    lose_redis(app)
    assert client.get(mail.click).status_code == 302
    with sessions.begin() as session:
        session.execute(text("ALTER TABLE events RENAME TO gone"))
        session.execute(text("ALTER TABLE links RENAME TO gone_too"))
    assert client.get(mail.pixel).data == PIXEL
    assert client.get(mail.click).status_code == 302  # remembered
    unknown = client.get(f"{mail.clicks}/{mail.link.id + 77}")
    assert (unknown.status_code, unknown.headers["Retry-After"]) == (503, "10")


def test_what_a_dead_worker_took_is_given_to_the_next(
    client: Browser,
    sessions: sessionmaker[Session],
    redis: Redis,
    mail: Mail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client.get(mail.pixel)
    stream = HitStream(redis)
    assert len(stream.take(10)) == 1  # and dies before committing
    assert events(sessions) == []

    monkeypatch.setattr("mailer.adapters.tracking.UNFINISHED_AFTER_MS", 0)
    assert len(events(sessions)) == 1
    assert stream.waiting() == 0


def test_what_was_committed_but_not_finished_is_not_counted_twice(
    client: Browser,
    sessions: sessionmaker[Session],
    redis: Redis,
    mail: Mail,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client.get(mail.pixel)
    monkeypatch.setattr("mailer.adapters.tracking.UNFINISHED_AFTER_MS", 0)

    def die(self: HitStream, ids: list[str]) -> None:
        raise StreamUnavailableError("ConnectionError")

    with monkeypatch.context() as broken:
        broken.setattr(HitStream, "finish", die)
        assert len(events(sessions)) == 1
    assert len(events(sessions)) == 1
    assert redis.xlen(STREAM) == 0


def test_a_flushed_redis_loses_no_more_than_what_was_in_it(
    client: Browser, sessions: sessionmaker[Session], redis: Redis, mail: Mail
) -> None:
    client.get(mail.pixel)
    events(sessions)
    redis.flushall()
    client.get(mail.pixel)
    assert len(events(sessions)) == 2


def test_a_line_that_cannot_be_read_is_dropped_and_the_next_one_kept(
    client: Browser, sessions: sessionmaker[Session], redis: Redis, mail: Mail
) -> None:
    redis.xadd(STREAM, {"h": "nonsense"})
    redis.xadd(STREAM, {"other": b"\xff"})
    redis.xadd(STREAM, {"h": "k,open,1,0,99999999999999999999,browser,"})
    client.get(mail.pixel)
    assert len(events(sessions)) == 1
    assert redis.xlen(STREAM) == 0
    assert redis.xpending(STREAM, GROUP)["pending"] == 0


def test_with_redis_away_the_job_ends_quietly(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    here = installation.current()
    gone = replace(here, redis=make_redis("redis://127.0.0.1:1/0", patient=False))
    monkeypatch.setattr(installation, "current", lambda: gone)
    jobs.apply_tracking()


def test_other_paths_go_on_to_the_application(client: Browser) -> None:
    assert client.get("/healthz").status_code == 200
    assert client.get("/other").status_code == 404
