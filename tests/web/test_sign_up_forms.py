"""The screens of sign-up forms."""

import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from mailer.campaigns.models import SenderDomain
from mailer.contacts.sign_up_models import SignUp, SignUpForm, SignUpWording
from mailer.db import transaction
from tests.contacts.joining import TYPED
from tests.web.people import Browser, sign_in
from tests.web.register import audited, publish

Sessions = sessionmaker[Session]
URL = "/settings/forms"
FORM = {
    "name": "Uutiskirjeen tilaus",
    "entity": "esimerkki",
    "purpose": "e_marketing",
    "sender_address": "uutiset@esimerkki.example",
    "fields": ["first_name", "last_name", "title"],
    "required": ["last_name"],
    "title_fi": "Uutiskirje",
    "consent_fi": "Haluan uutiskirjeen <b>sähköpostiini</b>.",
    "title_en": "Newsletter",
    "consent_en": "I want the newsletter.",
    "embedded": "1",
}


def forms(sessions: Sessions) -> list[SignUpForm]:
    with transaction(sessions) as session:
        return session.query(SignUpForm).all()


@pytest.mark.parametrize("role", ["marketer", "approver", "auditor", "dpo"])
def test_only_administrators_make_forms(client: Browser, sessions: Sessions, role: str) -> None:
    publish(sessions)
    sign_in(client, roles=[role])
    assert client.get(URL).status_code == (200 if role == "dpo" else 403)
    assert client.get(f"{URL}/new").status_code == 403
    assert client.post(f"{URL}/new", data=FORM).status_code == 403
    assert forms(sessions) == []


@pytest.mark.parametrize("notice", [None, {"source_kinds": ["system_entry"]}])
def test_without_a_notice_that_has_forms_there_are_none(
    client: Browser, sessions: Sessions, notice: dict[str, Any] | None
) -> None:
    if notice is not None:
        publish(sessions, **notice)
    sign_in(client)
    assert "note-warn" in client.get(URL).text
    assert client.get(f"{URL}/new").status_code == 303
    assert client.post(f"{URL}/new", data=FORM).status_code == 303
    assert forms(sessions) == []


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""}, {"entity": "x"}, {"purpose": "profiling"}, {"sender_address": "a@b.example"},
        {"fields": ["note"]}, {"required": ["phone"]}, {"consent_en": ""},
        {"title_fi": "", "consent_fi": "", "title_en": "", "consent_en": ""},
    ],
)  # fmt: skip
def test_a_wrong_form_is_not_made_and_keeps_what_was_typed(
    client: Browser, sessions: Sessions, change: dict[str, Any]
) -> None:
    publish(sessions)
    sign_in(client)
    answer = client.post(f"{URL}/new", data={**FORM, **change})
    assert answer.status_code == 422
    assert re.search("needs? your attention", answer.text)
    assert forms(sessions) == []


def test_a_form_is_made_used_changed_and_taken_out_of_use(
    client: Browser, sessions: Sessions
) -> None:
    publish(sessions)
    sign_in(client)
    assert client.post(f"{URL}/new", data=FORM).status_code == 303
    (form,) = forms(sessions)
    page = client.get(f"{URL}/{form.id}").text
    assert f"https://mail.lupaposti.example/join/{form.key}" in page
    assert client.get(f"/join/{form.key}").status_code == 200
    changed = {**FORM, "consent_fi": "Toiset sanat."}
    assert client.post(f"{URL}/{form.id}/edit", data=changed).status_code == 303
    with transaction(sessions) as session:
        assert session.query(SignUpWording).count() == 2
    assert client.post(f"{URL}/{form.id}/switch", data={"active": "0"}).status_code == 303
    assert client.get(f"/join/{form.key}").status_code == 410
    assert client.post(f"{URL}/{form.id}/switch", data={"active": "1"}).status_code == 303
    assert client.get(f"/join/{form.key}").status_code == 200
    assert len(audited(sessions, "sign_up_form.switched")) == 2


def test_what_is_copied_to_another_site_works_as_it_is(client: Browser, sessions: Sessions) -> None:
    publish(sessions)
    sign_in(client)
    client.post(f"{URL}/new", data=FORM)
    (form,) = forms(sessions)
    page = client.get(f"{URL}/{form.id}").text
    snippets = [
        unescape(each) for each in re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
    ]
    assert [re.findall(r'lang="(\w\w)"', each)[0] for each in snippets] == ["fi", "en"]
    snippet = snippets[0]
    assert "<b>" not in snippet, "the words are no markup"
    assert "<script" not in snippet
    assert snippet.count(" *</label>") == 3
    assert "/privacy?lang=fi" in snippet
    action = re.findall(r'action="https://mail.lupaposti.example([^"]+)"', snippet)[0]
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', snippet))
    stranger = client.application.test_client()
    answer = stranger.post(action, data={**TYPED, **hidden})
    assert answer.status_code == 200
    with transaction(sessions) as session:
        (sign_up,) = session.query(SignUp)
        assert sign_up.language == "fi"


def test_a_sender_that_is_not_verified_is_told(client: Browser, sessions: Sessions) -> None:
    publish(sessions)
    sign_in(client)
    client.post(f"{URL}/new", data=FORM)
    (form,) = forms(sessions)
    assert "has not verified the domain" in client.get(f"{URL}/{form.id}").text
    with transaction(sessions) as session:
        session.add(SenderDomain(domain="esimerkki.example", verified=True))
    assert "has not verified the domain" not in client.get(f"{URL}/{form.id}").text


def test_a_form_that_the_notice_no_longer_has_is_told(client: Browser, sessions: Sessions) -> None:
    publish(sessions)
    sign_in(client)
    client.post(f"{URL}/new", data={**FORM, "purpose": "market_research"})
    (form,) = forms(sessions)
    publish(sessions, purposes={"e_marketing": {"basis": "consent"}})
    for url in (URL, f"{URL}/{form.id}"):
        assert "Not in the notice" in client.get(url).text


@pytest.mark.parametrize("number", [0, 99, 2**70])
def test_there_is_no_form_of_another_number(
    client: Browser, sessions: Sessions, number: int
) -> None:
    publish(sessions)
    sign_in(client)
    for path in ("", "/edit"):
        assert client.get(f"{URL}/{number}{path}").status_code == 404
    assert client.post(f"{URL}/{number}/switch").status_code == 404


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_pages_are_there_in_every_language(
    client: Browser, sessions: Sessions, language: str
) -> None:
    publish(sessions)
    sign_in(client, language=language)
    client.post(f"{URL}/new", data=FORM)
    (form,) = forms(sessions)
    for path in ("", "/new", f"/{form.id}", f"/{form.id}/edit"):
        assert client.get(URL + path).status_code == 200
