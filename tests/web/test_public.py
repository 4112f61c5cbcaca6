"""Recipients can always stop, nothing stops by itself, and the pages tell nobody anything."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from mailer.config import Settings
from mailer.contacts.models import Contact, Suppression
from mailer.events.models import Event
from mailer.sending.models import Message
from mailer.tokens import Purpose, Recipient, Signer
from tests.events.register import make_campaign, make_contact, make_message, publish
from tests.web.people import Browser, sign_in

BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36"
BODIES: list[dict[str, Any]] = [
    {"data": "List-Unsubscribe=One-Click", "content_type": "application/x-www-form-urlencoded"},
    {"data": {"List-Unsubscribe": "One-Click"}, "content_type": "multipart/form-data"},
    {"data": b"", "content_type": None},
    {"data": b"\xff\x00", "content_type": "multipart/form-data; boundary="},
    {"data": b"{}", "content_type": "application/json"},
]


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


class Links:
    """One person with a message, and the addresses in it."""

    def __init__(self, sessions: sessionmaker[Session], settings: Settings, now: datetime) -> None:
        with sessions.begin() as session:
            publish(session, now)
            self.contact = make_contact(session, now)
            campaign = make_campaign(session, now)
            self.message = make_message(session, now, contact=self.contact, campaign=campaign)
        self.signer = Signer(settings.secret_key)
        self.recipient = Recipient(self.message.id, self.contact.address_key)
        self.one_click = f"/u/{self.signer.make(Purpose.ONE_CLICK, self.recipient)}"
        self.stop = f"/s/{self.signer.make(Purpose.STOP, self.recipient)}"
        self.test = f"/s/{self.signer.make(Purpose.TEST, self.recipient)}"


@pytest.fixture
def links(
    client: Browser, sessions: sessionmaker[Session], connected_settings: Settings, now: datetime
) -> Links:
    client.environ_base["HTTP_USER_AGENT"] = BROWSER
    return Links(sessions, connected_settings, now)


def in_force(sessions: sessionmaker[Session]) -> list[Suppression]:
    with sessions() as session:
        return list(
            session.scalars(
                select(Suppression)
                .where(Suppression.lifted_at.is_(None))
                .order_by(Suppression.scope)
            )
        )


def events(sessions: sessionmaker[Session]) -> list[str]:
    with sessions() as session:
        return list(session.scalars(select(Event.kind).order_by(Event.id)))


def shown(page: TestResponse) -> str:
    found = re.search(r'name="shown" value="([^"]+)"', page.text)
    assert found is not None
    return found[1]


def press(
    client: Browser, clock: time_machine.Traveller, page: TestResponse, path: str, **data: str
) -> TestResponse:
    """Read for a while, then send the form."""
    clock.shift(timedelta(seconds=10))
    return client.post(path, data={"shown": shown(page), **data}, csrf=False)


@pytest.mark.parametrize("body", BODIES)
def test_a_one_click_post_stops_at_once_whatever_its_body(
    client: Browser, sessions: sessionmaker[Session], links: Links, body: dict[str, Any]
) -> None:
    answer = client.post(links.one_click, csrf=False, **body)

    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    assert "Set-Cookie" not in answer.headers
    assert [(s.scope, s.kind, s.origin) for s in in_force(sessions)] == [
        ("address", "optout", "one_click"),
        ("person", "optout", "one_click"),
    ]
    assert not any(s.suspected_automation for s in in_force(sessions))
    assert events(sessions) == ["opt_out"]


def test_a_second_post_is_answered_alike_and_counts_once(
    client: Browser, sessions: sessionmaker[Session], links: Links
) -> None:
    answers = [client.post(links.one_click, csrf=False) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(in_force(sessions)) == 2
    assert events(sessions) == ["opt_out"]


def test_stopping_works_when_the_contact_and_the_message_are_gone(
    client: Browser, sessions: sessionmaker[Session], links: Links
) -> None:
    with sessions.begin() as session:
        session.execute(delete(Message))
        session.execute(delete(Contact))

    assert client.post(links.one_click, csrf=False).status_code == 200
    page = client.get(links.stop)
    assert page.status_code == 200
    assert "•" not in page.text
    assert client.post(links.stop, csrf=False).status_code == 200
    [entry] = in_force(sessions)
    assert (entry.scope, entry.key) == ("address", links.contact.address_key)


def test_stopping_holds_for_the_address_the_person_has_now(
    client: Browser, sessions: sessionmaker[Session], links: Links
) -> None:
    with sessions.begin() as session:
        contact = session.get_one(Contact, links.contact.id)
        contact.email, contact.address_key = "anna@uusi.example", b"k" * 16
    client.post(links.one_click, csrf=False)
    assert b"k" * 16 in {entry.key for entry in in_force(sessions)}


def test_a_link_signed_with_a_retired_secret_works_for_ever(
    client: Browser, sessions: sessionmaker[Session], links: Links, app: Any
) -> None:
    from dataclasses import replace

    from mailer import installation

    here = installation.current()
    changed = replace(
        here.settings,
        secret_key="another secret key of this installation",
        retired_secret_keys=(here.settings.secret_key,),
    )
    installation.use(replace(here, settings=changed))
    with time_machine.travel(datetime.fromisoformat("2036-11-24T09:00:00+00:00")):
        assert client.post(links.one_click, csrf=False).status_code == 200
    assert in_force(sessions)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(min_size=1, max_size=120).filter(lambda t: "/" not in t and t not in (".", "..")))
def test_any_text_for_a_token_is_answered_404(client: Browser, token: str) -> None:
    from urllib.parse import quote

    path = quote(token.encode("utf-8", "replace"))
    for answer in (
        client.post(f"/u/{path}", csrf=False),
        client.get(f"/s/{path}"),
        client.post(f"/s/{path}", csrf=False),
    ):
        assert answer.status_code == 404
        assert "Set-Cookie" not in answer.headers


def test_a_token_of_one_purpose_opens_no_other_door(
    client: Browser, sessions: sessionmaker[Session], links: Links
) -> None:
    for purpose in Purpose:
        token = links.signer.make(purpose, links.recipient)
        client.get(f"/s/{token}")
        if purpose is not Purpose.ONE_CLICK:
            client.post(f"/u/{token}", csrf=False)
        if purpose is not Purpose.STOP:
            client.post(f"/s/{token}", csrf=False)
            client.post(f"/s/{token}/not-my-work", csrf=False)
    assert in_force(sessions) == []
    assert events(sessions) == []


def test_when_the_database_fails_the_mail_program_is_told_to_come_again(
    client: Browser, sessions: sessionmaker[Session], links: Links
) -> None:
    with sessions.begin() as session:
        session.execute(text("ALTER TABLE suppressions RENAME TO gone"))
    for path in (links.one_click, links.stop):
        answer = client.post(path, csrf=False)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "60"
    # The page with the button shows all the same.
    assert client.get(links.stop).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_fetching_every_link_a_hundred_times_changes_nothing(
    client: Browser, sessions: sessionmaker[Session], links: Links, method: str
) -> None:
    for _ in range(25):
        for path in (
            links.one_click,
            links.stop,
            f"{links.stop}/not-my-work",
            f"{links.stop}/source",
        ):
            assert client.open(path, method=method).status_code == 200
    assert in_force(sessions) == []
    assert events(sessions) == []


def test_the_button_stops_and_the_page_says_so(
    client: Browser,
    sessions: sessionmaker[Session],
    links: Links,
    clock: time_machine.Traveller,
) -> None:
    page = client.get(f"{links.stop}?lang=en")
    assert "Do you want to stop marketing messages?" in page.text
    assert "a•••••@puutyo.example" in page.text
    assert "Esimerkki Oy" in page.text
    assert "anna" not in page.text.lower().replace("annat", "")

    done = press(client, clock, page, f"{links.stop}?lang=en")

    assert done.status_code == 200
    assert "Done. We won&#39;t send you any more marketing." in done.text
    assert "24 November 2026" in done.text
    assert {entry.origin for entry in in_force(sessions)} == {"stop_page"}
    assert not any(entry.suspected_automation for entry in in_force(sessions))


def test_a_button_pressed_faster_than_anybody_reads_counts_and_is_marked(
    client: Browser,
    sessions: sessionmaker[Session],
    links: Links,
    clock: time_machine.Traveller,
) -> None:
    page = client.get(links.stop)
    clock.shift(timedelta(seconds=1))
    client.post(links.stop, data={"shown": shown(page)}, csrf=False)
    assert [entry.suspected_automation for entry in in_force(sessions)] == [True, True]


@pytest.mark.parametrize("stamp", ["", "1.0", "9" * 40, "1.٣", "x"])
def test_a_form_that_is_not_from_our_page_counts_and_is_marked(
    client: Browser, sessions: sessionmaker[Session], links: Links, stamp: str
) -> None:
    assert client.post(links.stop, data={"shown": stamp}, csrf=False).status_code == 200
    assert all(entry.suspected_automation for entry in in_force(sessions))


def test_undo_takes_back_this_messages_opt_out_and_stopping_again_counts_again(
    client: Browser,
    sessions: sessionmaker[Session],
    links: Links,
    clock: time_machine.Traveller,
) -> None:
    page = client.get(links.stop)
    done = press(client, clock, page, links.stop)
    undone = press(client, clock, done, f"{links.stop}/undo?lang=en")

    assert "Undone." in undone.text
    assert in_force(sessions) == []

    press(client, clock, page, links.stop)
    assert len(in_force(sessions)) == 2
    assert events(sessions) == ["opt_out", "opt_out_undone", "opt_out"]


def test_undo_by_a_machine_is_asked_again_and_nothing_undone(
    client: Browser,
    sessions: sessionmaker[Session],
    links: Links,
    clock: time_machine.Traveller,
) -> None:
    done = press(client, clock, client.get(links.stop), links.stop)
    quick = client.post(f"{links.stop}/undo", data={"shown": shown(done)}, csrf=False)
    assert "undo" in quick.text
    clock.shift(timedelta(seconds=10))
    client.post(
        f"{links.stop}/undo",
        data={"shown": shown(done)},
        csrf=False,
        headers={"User-Agent": "python-requests/2.32"},
    )
    assert len(in_force(sessions)) == 2


def test_undo_does_not_touch_an_earlier_opt_out_or_an_old_one(
    client: Browser,
    sessions: sessionmaker[Session],
    links: Links,
    clock: time_machine.Traveller,
    now: datetime,
) -> None:
    with sessions.begin() as session:
        earlier = make_message(session, now, contact=session.get_one(Contact, links.contact.id))
    other = links.signer.make(Purpose.ONE_CLICK, Recipient(earlier.id, links.contact.address_key))
    client.post(f"/u/{other}", csrf=False)

    done = press(client, clock, client.get(links.stop), links.stop)
    assert "/undo" not in done.text
    page = press(client, clock, done, f"{links.stop}/undo?lang=en")
    assert "earlier opt-out" in page.text
    assert len(in_force(sessions)) == 2

    clock.shift(timedelta(days=2))
    stop = f"/s/{links.signer.make(Purpose.STOP, Recipient(earlier.id, b'x' * 16))}"
    client.post(f"{stop}/undo", data={"shown": shown(client.get(stop))}, csrf=False)
    assert len(in_force(sessions)) == 2


def test_a_reason_is_noted_and_the_last_one_stands(
    client: Browser,
    sessions: sessionmaker[Session],
    links: Links,
    clock: time_machine.Traveller,
) -> None:
    done = press(client, clock, client.get(links.stop), links.stop)
    for reason in ("too_many", "changed_job"):
        assert press(client, clock, done, f"{links.stop}/reason", reason=reason).status_code == 200
    wrong = press(client, clock, done, f"{links.stop}/reason", reason="'; DROP TABLE events")
    assert wrong.status_code == 422
    with sessions() as session:
        [event] = session.scalars(select(Event).where(Event.kind == "optout_reason"))
    assert event.details == {"reason": "changed_job"}


def test_not_my_work_is_noted_and_stops_nothing(
    client: Browser,
    sessions: sessionmaker[Session],
    links: Links,
    clock: time_machine.Traveller,
) -> None:
    page = client.get(f"{links.stop}/not-my-work")
    assert press(client, clock, page, f"{links.stop}/not-my-work").status_code == 200
    assert events(sessions) == ["not_my_work"]
    assert in_force(sessions) == []


def test_the_link_of_a_test_message_changes_nothing(
    client: Browser,
    sessions: sessionmaker[Session],
    links: Links,
    clock: time_machine.Traveller,
) -> None:
    page = client.get(f"{links.test}?lang=en")
    assert "test message" in page.text
    for path in ("", "/undo", "/reason", "/not-my-work"):
        answer = press(client, clock, page, f"{links.test}{path}?lang=en", reason="other")
        assert answer.status_code == 200
        assert "test message" in answer.text
    token = links.test.removeprefix("/s/")
    assert client.post(f"/u/{token}", csrf=False).status_code == 200
    assert in_force(sessions) == []
    assert events(sessions) == []


def test_the_source_of_the_address_is_told(client: Browser, links: Links) -> None:
    page = client.get(f"{links.stop}/source?lang=en")
    assert "Yritystieto (24 November 2026)" in page.text


class _Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_pages_are_small_private_and_without_script_cookie_or_third_party(
    client: Browser,
    links: Links,
    clock: time_machine.Traveller,
) -> None:
    done = press(client, clock, client.get(links.stop), links.stop)
    pages = [
        client.get(links.stop),
        done,
        client.get(links.one_click),
        client.get(f"{links.stop}/source"),
        client.get(f"{links.stop}/not-my-work"),
        press(client, clock, done, f"{links.stop}/reason", reason="other"),
        press(client, clock, done, f"{links.stop}/undo"),
        client.get("/privacy"),
        client.get("/s/nonsense"),
    ]
    for page in pages:
        assert len(page.data) < 10_000
        assert "Set-Cookie" not in page.headers
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in page.headers["X-Robots-Tag"]
        parts = _Parts()
        parts.feed(page.text)
        names = [name for name, _ in parts.tags]
        assert names.count("h1") == 1
        assert not {"script", "img", "iframe", "object", "style"} & set(names)
        for name, attributes in parts.tags:
            assert not [a for a in attributes if a.startswith("on") or a == "style"]
            if name in ("link", "form"):
                assert str(attributes.get("href") or attributes.get("action")).startswith("/")
        assert dict(parts.tags)["html"]["lang"] in ("fi", "sv", "en")


def test_no_cookie_is_set_even_on_a_page_that_asks_for_a_form(
    client: Browser, links: Links
) -> None:
    sign_in(client)
    assert "Set-Cookie" not in client.get(links.stop).headers


def test_the_page_speaks_the_language_of_the_message_then_of_the_browser(
    client: Browser, sessions: sessionmaker[Session], links: Links
) -> None:
    with sessions.begin() as session:
        session.get_one(Message, links.message.id).language = "sv"
    english = {"Accept-Language": "en"}
    assert '<html lang="sv">' in client.get(links.stop, headers=english).text
    chosen = client.get(f"{links.stop}?lang=en").text
    assert '<html lang="en">' in chosen
    assert f'action="{links.stop}?lang=en"' in chosen
    assert '<html lang="sv">' in client.get(f"{links.stop}?lang=xx").text
    with sessions.begin() as session:
        session.execute(delete(Message))
    assert '<html lang="en">' in client.get(links.stop, headers=english).text


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_notice_is_shown_to_anybody_in_three_languages(
    client: Browser, links: Links, language: str
) -> None:
    page = client.get(f"/privacy?lang={language}")
    assert page.status_code == 200
    assert f'<html lang="{language}">' in page.text
    for part in ("Esimerkki Oy", "1234567-1", "Maija Esimerkki", "Amazon SES", "tietosuoja.fi"):
        assert part in page.text


def test_each_published_version_of_the_notice_stays_readable(
    client: Browser, sessions: sessionmaker[Session], links: Links, now: datetime
) -> None:
    with sessions.begin() as session:
        publish(session, now, opens={"mode": "off"})
    assert "Version 2" in client.get("/privacy?lang=en").text
    first = client.get("/privacy/1?lang=en").text
    assert "Version 1" in first
    assert "Show the notice in force" in first
    assert client.get("/privacy/3").status_code == 404
    assert client.get("/privacy/99999999999999999999").status_code == 404


def test_before_the_first_notice_the_page_says_so(client: Browser) -> None:
    assert "No notice has been published yet." in client.get("/privacy?lang=en").text
