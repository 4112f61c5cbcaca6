"""The page that tells what the API can do."""

import pytest

from mailer.web.api.operations import OPERATIONS
from mailer.web.api.problems import PROBLEMS
from mailer.web.api.reference import answered, sent
from tests.web.people import Browser, sign_in


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_every_call_and_every_problem_is_on_the_page(client: Browser, language: str) -> None:
    sign_in(client, roles=["dpo"], language=language)
    page = client.get("/settings/api").text
    for operation in OPERATIONS:
        assert f'id="{operation.name}"' in page
        assert f"{operation.method} {operation.path}</code>" in page
    for code in PROBLEMS:
        assert f'id="p-{code}"' in page


def test_only_who_sees_the_settings_sees_it(client: Browser) -> None:
    sign_in(client, roles=["marketer"])
    assert client.get("/settings/api").status_code == 403


def test_an_administrator_finds_both_pages_in_the_settings(client: Browser) -> None:
    sign_in(client, roles=["admin"])
    page = client.get("/settings").text
    assert 'href="/settings/api"' in page
    assert 'href="/settings/api-tokens"' in page


def test_members_are_told_as_deep_as_they_lie() -> None:
    by_name = {each.name: each for each in OPERATIONS}
    taken = {member.path: member for member in sent(by_name["add_contact"])}
    assert taken["source.kind"].required
    assert not taken["phone"].required
    assert taken["first_name"].form == "string ≤ 100"
    assert "items[].id" in {member.path for member in answered(by_name["list_contacts"])}
    assert answered(by_name["delete_contact"]) == []
    assert [m.path for m in sent(by_name["delete_contact"]) if m.required] == ["?reason"]
