"""The public form bombs nobody and tells nobody anything; only a pressed button adds a person."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
import time_machine
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.test import TestResponse

from mailer.config import Settings
from mailer.contacts import sign_up_forms, sign_ups
from mailer.contacts.models import Contact, Suppression
from mailer.contacts.sign_up_models import SignUp, SignUpForm
from mailer.contacts.suppression import of_address, suppress
from mailer.tokens import Purpose, Recipient, Signer
from tests.contacts.joining import TYPED, make_form
from tests.contacts.staff import make_staff
from tests.contacts.test_sign_ups import ANNA
from tests.segments.register import make_contact, make_source, publish_notice
from tests.web.people import Browser

BROWSER = {
    "User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0"
}
_STAMP = re.compile(r'name="shown" value="([^"]+)"')
Sessions = sessionmaker[Session]


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def form(client: Browser, sessions: Sessions, now: datetime) -> SignUpForm:
    with sessions.begin() as session:
        publish_notice(session, now)
        return make_form(session, now, make_staff(session, now))


def get(client: Browser, url: str, **more: Any) -> TestResponse:
    return client.get(url, headers=BROWSER, **more)


def fill_in(
    client: Browser,
    form: SignUpForm,
    clock: time_machine.Traveller,
    *,
    wait: float = 30,
    **typed: str,
) -> TestResponse:
    page = get(client, f"/join/{form.key}?lang=fi").text
    shown = _STAMP.search(page)
    assert shown
    clock.shift(wait)
    return client.post(
        f"/join/{form.key}",
        data={**TYPED, "wording": "1", "language": "fi", "shown": shown[1], **typed},
        headers=BROWSER,
        csrf=False,
    )


def link_of(settings: Settings, sign_up: SignUp, purpose: Purpose = Purpose.CONFIRM) -> str:
    signer = Signer(settings.secret_key)
    return f"/confirm/{signer.make(purpose, Recipient(sign_up.id, sign_up.address_key))}"


def press(
    client: Browser, link: str, clock: time_machine.Traveller, wait: float = 5
) -> TestResponse:
    shown = _STAMP.search(get(client, link).text)
    clock.shift(wait)
    data = {"shown": shown[1]} if shown else {}
    return client.post(link, data=data, headers=BROWSER, csrf=False)


def kept(sessions: Sessions) -> list[SignUp]:
    with sessions() as session:
        return session.query(SignUp).order_by(SignUp.id).all()


def people(sessions: Sessions) -> int:
    with sessions() as session:
        return session.query(Contact).count()


# Bad things first


def test_robots_that_fill_in_everything_are_thanked_and_nothing_is_kept(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller
) -> None:
    honest = fill_in(client, form, clock, email="eero@puutyo.example")
    answer = fill_in(client, form, clock, website="http://spam.example")
    assert (answer.status_code, answer.text) == (honest.status_code, honest.text)
    assert len(kept(sessions)) == 1


@pytest.mark.parametrize("wait", [0.5, 100_000])
def test_a_form_that_comes_back_too_soon_or_too_late_is_shown_once_more(
    client: Browser,
    form: SignUpForm,
    sessions: Sessions,
    clock: time_machine.Traveller,
    wait: float,
) -> None:
    answer = fill_in(client, form, clock, wait=wait)
    assert answer.status_code == 422
    assert TYPED["email"] in answer.text
    assert kept(sessions) == []


@pytest.mark.parametrize("shown", ["", "1", "1.aa", "1795510800000." + "0" * 32])
def test_a_form_without_a_stamp_of_ours_is_shown_once_more_unless_it_stands_elsewhere_too(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller, shown: str
) -> None:
    assert fill_in(client, form, clock, shown=shown).status_code == 422
    with sessions.begin() as session:
        session.execute(text("UPDATE sign_up_forms SET embedded = true"))
    answer = fill_in(client, form, clock, shown=shown)
    assert answer.status_code == (422 if shown else 200)
    assert len(kept(sessions)) == (0 if shown else 1)


def test_what_the_form_answers_does_not_depend_on_who_is_known(
    client: Browser,
    form: SignUpForm,
    sessions: Sessions,
    clock: time_machine.Traveller,
    now: datetime,
) -> None:
    with sessions.begin() as session:
        make_contact(session, make_source(session, now), now, email=str(ANNA))
        suppress(session, [of_address(ANNA)], "complaint", origin="staff", now=now)
    answers = {
        (answer.status_code, answer.text)
        for email in (str(ANNA), str(ANNA), "uusi@puutyo.example")
        for answer in [fill_in(client, form, clock, email=email)]
    }
    assert len(answers) == 1


def test_a_network_that_sends_too_much_is_told_to_wait(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller
) -> None:
    for number in range(sign_ups.MOST_FROM_NETWORK):
        assert fill_in(client, form, clock, email=f"n{number}@y{number}.example").status_code == 200
    answer = fill_in(client, form, clock, email="n@viimeinen.example")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "3600")
    assert len(kept(sessions)) == sign_ups.MOST_FROM_NETWORK


@pytest.mark.parametrize(
    "typed",
    [
        {"email": "anna"}, {"email": "a\0b@puutyo.example"}, {"email": "x" * 9000},
        {"last_name": ""}, {"company_name": "\0"}, {"email": "anna@gmail.com"},
    ],
)  # fmt: skip
def test_what_is_wrong_is_marked_and_nothing_is_kept(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller,
    typed: dict[str, str],
) -> None:  # fmt: skip
    answer = fill_in(client, form, clock, **typed)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert kept(sessions) == []


def test_what_is_typed_cannot_break_out_of_the_page(
    client: Browser, form: SignUpForm, clock: time_machine.Traveller
) -> None:
    answer = fill_in(client, form, clock, email="", last_name='"><script>alert(1)</script>')
    assert "<script>" not in answer.text


def test_a_body_of_another_kind_or_size_is_refused_without_a_trace(
    client: Browser, form: SignUpForm, sessions: Sessions
) -> None:
    url = f"/join/{form.key}"
    assert client.post(url, data=b"\xff\x00", csrf=False).status_code == 422
    assert client.post(url, json={"email": "a"}, csrf=False).status_code == 422
    assert client.post(url, data={"email": "x" * 100_000}, csrf=False).status_code == 413
    assert kept(sessions) == []


@pytest.mark.parametrize("key", ["x", "A" * 16, "../settings", "a" * 5000, "%00"])
def test_there_is_no_form_at_another_address(client: Browser, form: SignUpForm, key: str) -> None:
    assert client.get(f"/join/{key}").status_code == 404
    assert client.post(f"/join/{key}", csrf=False).status_code == 404


def test_a_form_out_of_use_takes_nothing_and_confirms_nothing(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller,
    connected_settings: Settings,
) -> None:  # fmt: skip
    page = get(client, f"/join/{form.key}").text
    fill_in(client, form, clock)
    (sign_up,) = kept(sessions)
    with sessions.begin() as session:
        found = session.get_one(SignUpForm, form.id)
        sign_up_forms.switch(session, found, active=False, now=found.created_at, actor_id=1)
    assert client.get(f"/join/{form.key}").status_code == 410
    shown = _STAMP.search(page)
    assert shown
    data = {**TYPED, "email": "b@puutyo.example", "shown": shown[1]}
    assert client.post(f"/join/{form.key}", data=data, csrf=False).status_code == 410
    assert press(client, link_of(connected_settings, sign_up), clock).status_code == 410
    assert (len(kept(sessions)), people(sessions)) == (1, 0)


# The link


def test_scanners_that_fetch_the_link_confirm_nothing(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller,
    connected_settings: Settings,
) -> None:  # fmt: skip
    fill_in(client, form, clock)
    link = link_of(connected_settings, kept(sessions)[0])
    for method in ("GET", "HEAD", "OPTIONS") * 5:
        assert client.open(link, method=method, headers=BROWSER).status_code == 200
    assert people(sessions) == 0


def test_scanners_that_press_at_once_or_without_the_page_confirm_nothing(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller,
    connected_settings: Settings,
) -> None:  # fmt: skip
    fill_in(client, form, clock)
    link = link_of(connected_settings, kept(sessions)[0])
    assert "button" in press(client, link, clock, wait=0.4).text
    client.post(link, headers=BROWSER, csrf=False)
    client.post(link, data={"shown": "1.x"}, headers=BROWSER, csrf=False)
    assert people(sessions) == 0


@pytest.mark.parametrize("purpose", [p for p in Purpose if p is not Purpose.CONFIRM])
def test_a_token_of_another_purpose_opens_nothing(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller,
    connected_settings: Settings, purpose: Purpose,
) -> None:  # fmt: skip
    fill_in(client, form, clock)
    link = link_of(connected_settings, kept(sessions)[0], purpose)
    assert client.get(link).status_code == 404
    assert client.post(link, csrf=False).status_code == 404
    assert people(sessions) == 0


def test_a_forged_token_opens_nothing_and_a_confirmation_opens_no_other_page(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller,
    connected_settings: Settings,
) -> None:  # fmt: skip
    fill_in(client, form, clock)
    link = link_of(connected_settings, kept(sessions)[0])
    forged = link[:-2] + ("AA" if link[-2:] != "AA" else "BB")
    for bad in (forged, "/confirm/", "/confirm/x", f"/confirm/{'x' * 3000}"):
        assert client.get(bad).status_code == 404
    token = link.removeprefix("/confirm/")
    assert client.post(f"/u/{token}", csrf=False).status_code == 404
    assert client.get(f"/s/{token}").status_code == 404
    with sessions() as session:
        assert session.query(Suppression).count() == 0


def test_a_link_is_gone_after_a_week_and_after_its_data_was_deleted(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller,
    connected_settings: Settings,
) -> None:  # fmt: skip
    fill_in(client, form, clock)
    link = link_of(connected_settings, kept(sessions)[0])
    clock.shift(timedelta(days=8))
    assert press(client, link, clock).status_code == 410
    with sessions.begin() as session:
        session.query(SignUp).delete()
    assert press(client, link, clock).status_code == 410
    assert people(sessions) == 0


def test_a_database_that_is_away_is_told_and_nobody_is_thanked(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller
) -> None:
    with sessions.begin() as session:
        session.execute(text("ALTER TABLE sign_ups RENAME COLUMN typed TO typed_away"))
    try:
        answer = fill_in(client, form, clock)
    finally:
        with sessions.begin() as session:
            session.execute(text("ALTER TABLE sign_ups RENAME COLUMN typed_away TO typed"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")


# And good ones


def test_pressing_the_button_adds_the_person_once(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller,
    connected_settings: Settings,
) -> None:  # fmt: skip
    assert fill_in(client, form, clock).status_code == 200
    assert people(sessions) == 0
    link = link_of(connected_settings, kept(sessions)[0])
    page = get(client, link).text
    assert "a•••••@puutyo.example" in page
    assert str(ANNA) not in page
    for shown in ("Anna", "Lehtonen", "Talousjohtaja", "Puutyö Oy"):
        assert shown in page, "somebody else may have typed it"
    assert "Haluan Esimerkki Oy:n uutiskirjeen" in page
    answer = press(client, link, clock)
    assert answer.status_code == 200
    assert people(sessions) == 1
    assert press(client, link, clock).status_code == 200
    with sessions() as session:
        assert session.execute(text("SELECT count(*) FROM consent_events")).scalar() == 1


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.required: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        if tag == "input" and "required" in found:
            self.required.append(str(found["name"]))


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_form_marks_what_must_be_filled_in_and_is_light(
    client: Browser, form: SignUpForm, language: str
) -> None:
    answer = get(client, f"/join/{form.key}?lang={language}")
    page = _Page()
    page.feed(answer.text)
    assert page.required == ["email", "last_name", "company_name"]
    assert answer.text.count(" *</label>") == 3
    assert "/privacy" in answer.text
    assert len(answer.data) < 10_000
    assert "script" not in page.tags
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    # There are no Swedish words in this form: what is read is what is consented to.
    assert ('lang="en"' in answer.text.split("<head>")[0]) == (language == "en")


def test_the_words_of_an_older_copy_of_the_form_are_those_consented_to(
    client: Browser, form: SignUpForm, sessions: Sessions, clock: time_machine.Traveller
) -> None:
    from tests.contacts.joining import wanted

    with sessions.begin() as session:
        found = session.get_one(SignUpForm, form.id)
        texts = {"fi": ("Uusi", "Uudet sanat.")}
        sign_up_forms.change(
            session,
            found,
            wanted(texts=texts),
            now=found.created_at,
            actor_id=found.created_by or 0,
        )
        first = sign_up_forms.wording(session, form.id, 1).id
    fill_in(client, form, clock, wording="1")
    fill_in(client, form, clock, wording="77", email="eero@puutyo.example")
    assert [each.wording_id == first for each in kept(sessions)] == [True, False]
