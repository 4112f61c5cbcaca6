"""A confirmation goes once, to nobody who said no, and says nothing but what was typed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import time_machine
from redis import Redis
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from mailer.adapters.ses import BulkCall, Outcome, Result, SingleMail
from mailer.campaigns.models import SenderDomain
from mailer.config import Settings
from mailer.contacts import sign_up_forms
from mailer.contacts.models import Contact
from mailer.contacts.sign_up_models import SignUp, SignUpForm
from mailer.contacts.suppression import of_address, suppress
from mailer.installation import Installation
from mailer.sending import confirmations, delivery, stops
from mailer.stand_in.server import StandIn
from mailer.tokens import Purpose, Signer
from tests.contacts.joining import make_form, type_in
from tests.contacts.staff import make_staff
from tests.contacts.test_sign_ups import ANNA, BLOCKS
from tests.segments.register import make_contact, make_source, publish_notice

Sessions = sessionmaker[Session]
ACCEPTED = Result(Outcome.ACCEPTED, message_id="ses-1")


class Ses:
    """Takes single messages and answers as told, the last answer for ever."""

    def __init__(self) -> None:
        self.mails: list[SingleMail] = []
        self.answers = [ACCEPTED]

    def send_bulk(self, call: BulkCall) -> list[Result]:  # noqa: ARG002 - the shape of Ses
        raise AssertionError("a confirmation is no bulk mail")

    def send_single(self, mail: SingleMail) -> Result:
        self.mails.append(mail)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[time_machine.Traveller]:
    with time_machine.travel(now, tick=False) as traveller:
        yield traveller


@pytest.fixture
def ses(monkeypatch: pytest.MonkeyPatch) -> Ses:
    ses = Ses()
    monkeypatch.setattr(delivery, "ses_of", lambda _settings: ses)
    return ses


@pytest.fixture
def here(connected_settings: Settings, sessions: Sessions, redis: Redis) -> Installation:
    settings = replace(connected_settings, fallback_rate=1000.0)
    return Installation(settings, sessions.kw["bind"], sessions, redis)


@pytest.fixture
def form(sessions: Sessions, now: datetime) -> SignUpForm:
    with sessions.begin() as session:
        publish_notice(session, now)
        session.add(SenderDomain(domain="esimerkki.example", verified=True))
        return make_form(session, now, make_staff(session, now))


@pytest.fixture
def typed(sessions: Sessions, form: SignUpForm, now: datetime) -> SignUp:
    with sessions.begin() as session:
        sign_up = type_in(session, form, now, language="en")
        assert sign_up is not None
        return sign_up


def state(sessions: Sessions) -> tuple[str, str | None]:
    with sessions() as session:
        (sign_up,) = session.query(SignUp)
        return sign_up.state, sign_up.error


@pytest.mark.parametrize("name", [n for n in BLOCKS if n != "company_ban"])
def test_whoever_could_not_confirm_is_not_written_to(
    here: Installation, sessions: Sessions, typed: SignUp, ses: Ses, now: datetime, name: str
) -> None:
    kind, entry, evidence = BLOCKS[name]()
    with sessions.begin() as session:
        suppress(session, [entry], kind, origin="staff", now=now, evidence=evidence)
    assert confirmations.send_due(here) == 0
    assert (ses.mails, state(sessions)) == ([], ("withheld", None))


def test_a_restricted_person_is_not_written_to(
    here: Installation, sessions: Sessions, typed: SignUp, ses: Ses, now: datetime
) -> None:
    with sessions.begin() as session:
        make_contact(session, make_source(session, now), now, email=str(ANNA), restricted_at=now)
    assert confirmations.send_due(here) == 0
    assert ses.mails == []


def test_whoever_only_opted_out_is_asked(
    here: Installation, sessions: Sessions, typed: SignUp, ses: Ses, now: datetime
) -> None:
    with sessions.begin() as session:
        suppress(session, [of_address(ANNA)], "optout", origin="stop_page", now=now)
    assert confirmations.send_due(here) == 1


def test_a_form_switched_off_meanwhile_asks_nobody(
    here: Installation, sessions: Sessions, form: SignUpForm, typed: SignUp, ses: Ses, now: datetime
) -> None:
    with sessions.begin() as session:
        found = session.get_one(SignUpForm, form.id)
        sign_up_forms.switch(session, found, active=False, now=now, actor_id=form.created_by or 0)
    assert confirmations.send_due(here) == 0
    assert (ses.mails, state(sessions)) == ([], ("withheld", None))


def test_nothing_goes_from_a_domain_that_is_not_verified_or_while_all_is_stopped(
    here: Installation, sessions: Sessions, typed: SignUp, ses: Ses, now: datetime,
    clock: time_machine.Traveller,
) -> None:  # fmt: skip
    with sessions.begin() as session:
        session.execute(text("UPDATE sender_domains SET verified = false"))
    assert confirmations.send_due(here) == 0
    assert state(sessions) == ("waiting", "sender_identity_unverified")
    with sessions.begin() as session:
        session.execute(text("UPDATE sender_domains SET verified = true"))
        stops.stop_all(session, reason="user", now=now)
    clock.shift(timedelta(minutes=11))
    assert confirmations.send_due(here) == 0
    assert ses.mails == []
    with sessions.begin() as session:
        session.execute(text("UPDATE sending_stops SET lifted_at = now()"))
    assert confirmations.send_due(here) == 1


def test_what_ses_surely_refused_for_now_goes_later_and_once(
    here: Installation, sessions: Sessions, typed: SignUp, ses: Ses, clock: time_machine.Traveller
) -> None:
    ses.answers = [Result(Outcome.NOT_NOW, error="connection"), ACCEPTED]
    assert confirmations.send_due(here) == 0
    assert state(sessions) == ("waiting", "connection")
    assert confirmations.send_due(here) == 0, "not at once"
    clock.shift(timedelta(minutes=2))
    assert confirmations.send_due(here) == 1
    clock.shift(timedelta(hours=2))
    assert confirmations.send_due(here) == 0
    assert len(ses.mails) == 2


def test_ses_away_for_a_day_is_given_up(
    here: Installation, sessions: Sessions, typed: SignUp, ses: Ses, clock: time_machine.Traveller
) -> None:
    ses.answers = [Result(Outcome.HALT, error="no_credentials")]
    for _ in range(40):
        confirmations.send_due(here)
        clock.shift(timedelta(hours=1))
    assert state(sessions)[0] == "failed"
    assert len(ses.mails) < 30


@pytest.mark.parametrize(("outcome", "ends"), [("UNKNOWN", "uncertain"), ("REFUSED", "failed")])
def test_a_lost_or_refused_call_is_not_repeated(
    here: Installation, sessions: Sessions, typed: SignUp, ses: Ses, outcome: str, ends: str,
    clock: time_machine.Traveller,
) -> None:  # fmt: skip
    ses.answers = [Result(Outcome[outcome], error="lost")]
    for _ in range(3):
        assert confirmations.send_due(here) == 0
        clock.shift(timedelta(hours=1))
    assert (len(ses.mails), state(sessions)[0]) == (1, ends)


def test_a_process_that_dies_between_claim_and_answer_is_not_repeated(
    here: Installation, sessions: Sessions, typed: SignUp, ses: Ses, clock: time_machine.Traveller,
    now: datetime,
) -> None:  # fmt: skip
    with sessions.begin() as session:
        assert confirmations.claim(session, here.settings, now=now) is not None
    clock.shift(timedelta(minutes=11))
    assert confirmations.send_due(here) == 0
    assert (ses.mails, state(sessions)) == ([], ("uncertain", "lost"))


def test_two_who_typed_one_address_far_apart_do_not_make_two_messages_at_once(
    here: Installation, sessions: Sessions, form: SignUpForm, typed: SignUp, ses: Ses,
    clock: time_machine.Traveller, now: datetime,
) -> None:  # fmt: skip
    clock.shift(timedelta(minutes=30))
    assert confirmations.send_due(here) == 1
    clock.shift(timedelta(minutes=1))
    with sessions.begin() as session:
        assert type_in(session, form, now + timedelta(minutes=31)) is not None
    assert confirmations.send_due(here) == 0, "the first went a minute ago"
    clock.shift(timedelta(minutes=10))
    assert confirmations.send_due(here) == 1


def test_two_workers_claim_one_confirmation_once(
    here: Installation, sessions: Sessions, typed: SignUp, now: datetime
) -> None:
    with sessions.begin() as first:
        assert confirmations.claim(first, here.settings, now=now) is not None
    with sessions.begin() as second:
        assert confirmations.claim(second, here.settings, now=now) is None


def test_the_message_is_one_that_ses_takes(
    here: Installation, sessions: Sessions, typed: SignUp, stand_in: StandIn
) -> None:
    settings = replace(here.settings, ses_endpoint_url=stand_in.url)
    with time_machine.travel(typed.created_at, tick=True):  # the stand-in has the same clock
        assert confirmations.send_due(replace(here, settings=settings)) == 1
    assert state(sessions) == ("sent", None)
    (arrived,) = stand_in.messages()
    assert "/confirm/" in arrived["html"]


def test_who_confirmed_before_the_answer_came_stays_confirmed(
    here: Installation, sessions: Sessions, typed: SignUp, ses: Ses, now: datetime
) -> None:
    from mailer.contacts import confirming

    with sessions.begin() as session:
        confirmations.claim(session, here.settings, now=now)
        confirming.confirm(session, typed.id, typed.address_key, now=now)
    with sessions.begin() as session:
        confirmations.record(session, typed.id, ACCEPTED, now=now)
    assert state(sessions)[0] == "confirmed"


def test_the_message_is_no_marketing_and_its_link_is_of_this_sign_up_alone(
    here: Installation, sessions: Sessions, typed: SignUp, ses: Ses, settings: Settings
) -> None:
    assert confirmations.send_due(here) == 1
    (mail,) = ses.mails
    assert mail.to == str(ANNA)
    assert mail.sender == "Esimerkki Oy <uutiset@esimerkki.example>"
    assert mail.subject == "Confirm your address"
    assert "List-Unsubscribe" not in dict(mail.headers)
    for part in (mail.html, mail.text):
        assert "I want the newsletter of Esimerkki Oy by e-mail." in part
        assert "/o/" not in part
        assert "/c/" not in part
        token = part.split("/confirm/")[1].split('"')[0].split()[0]
        found = Signer(settings.secret_key).read(Purpose.CONFIRM, token)
        assert (found.message_id, found.address_key) == (typed.id, typed.address_key)
    assert mail.tags == {"sign_up": str(typed.id)}
    assert "Lehtonen" not in mail.html + mail.text, "a stranger may have typed it"
    with sessions() as session:
        assert session.query(Contact).count() == 0
