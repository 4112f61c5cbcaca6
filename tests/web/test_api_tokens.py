"""The screen of API tokens."""

import re

import pytest
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.accounts import api_tokens
from mailer.accounts.models import ApiToken
from mailer.db import transaction
from tests.web.people import Browser, sign_in
from tests.web.register import audited

Sessions = sessionmaker[Session]
URL = "/settings/api-tokens"
FORM = {"name": " CRM  of sales ", "scopes": ["contacts.read", "reports.read"], "days": "90"}


def tokens(sessions: Sessions) -> list[ApiToken]:
    with transaction(sessions) as session:
        return [token for token, _user in api_tokens.listed(session)]


@pytest.mark.parametrize("role", ["marketer", "approver", "dpo", "auditor"])
def test_only_administrators_make_tokens(client: Browser, sessions: Sessions, role: str) -> None:
    sign_in(client, roles=[role])
    assert client.get(URL).status_code == 403
    assert client.get(f"{URL}/new").status_code == 403
    assert client.post(f"{URL}/new", data=FORM).status_code == 403
    assert tokens(sessions) == []


def test_a_wrong_form_makes_no_token_and_keeps_what_was_typed(
    client: Browser, sessions: Sessions
) -> None:
    sign_in(client)
    for change in ({"name": ""}, {"scopes": []}, {"scopes": ["all"]}, {"days": "9999"}):
        answer = client.post(f"{URL}/new", data={**FORM, **change})
        assert answer.status_code == 422
        assert "needs your attention" in answer.text
    assert tokens(sessions) == []


def test_the_secret_is_shown_once(client: Browser, sessions: Sessions) -> None:
    user = sign_in(client)
    answer = client.post(f"{URL}/new", data=FORM)
    found = re.search(r'id="secret">(lupa_[\w-]{43})<', answer.text)
    assert found
    assert answer.headers["Cache-Control"] == "no-store"
    with transaction(sessions) as session:
        caller = api_tokens.find(session, found[1], undertaking_version=1, now=clock.now())
    assert isinstance(caller, api_tokens.Caller)
    assert (caller.token.name, caller.user.id) == ("CRM of sales", user.id)
    page = client.get(URL).text
    assert "CRM of sales" in page
    assert found[1] not in page
    (entry,) = audited(sessions, "api_token.created")
    assert (entry.actor_id, entry.details["scopes"]) == (user.id, ["contacts.read", "reports.read"])
    assert found[1] not in str(entry.details)


def test_revoking_asks_first_and_is_for_good(client: Browser, sessions: Sessions) -> None:
    sign_in(client)
    client.post(f"{URL}/new", data=FORM)
    (token,) = tokens(sessions)
    assert "This cannot be undone" in client.get(f"{URL}/{token.id}/revoke").text
    assert tokens(sessions)[0].revoked_at is None
    assert client.post(f"{URL}/{token.id}/revoke").status_code == 303
    assert tokens(sessions)[0].revoked_at is not None
    assert "Revoked" in client.get(URL).text
    assert client.post(f"{URL}/{token.id}/revoke").status_code == 404
    assert client.get(f"{URL}/{2**70}/revoke").status_code == 404
    assert len(audited(sessions, "api_token.revoked")) == 1


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_pages_are_there_in_every_language(client: Browser, language: str) -> None:
    sign_in(client, language=language)
    assert client.get(URL).status_code == 200
    assert client.get(f"{URL}/new").status_code == 200
    assert client.post(f"{URL}/new", data=FORM).status_code == 200
    assert client.get(URL).status_code == 200
