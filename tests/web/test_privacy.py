"""The public notice: complete, in order, in three languages, for people and for programs."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session, sessionmaker

from mailer.notice import profiles, switches
from mailer.notice.sections import TITLES
from mailer.web import privacy
from tests.notice.companies import NAMES, complete
from tests.web.people import Browser, sign_in


@pytest.fixture(autouse=True)
def _moment(now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailer.clock.now", lambda: now)


@pytest.fixture(autouse=True)
def _no_file_of_another_test() -> Iterator[None]:
    yield
    privacy._paper.cache_clear()


def publish(
    sessions: sessionmaker[Session], content: dict[str, Any], now: datetime, days: int = 1
) -> None:
    with sessions.begin() as session:
        switches.publish(session, content, now=now - timedelta(days=days))


def test_without_a_notice_the_page_says_so_and_the_files_are_not_there(client: Browser) -> None:
    assert "No notice has been published yet." in client.get("/privacy?lang=en").text
    for path in ("/privacy.json", "/privacy.pdf", "/privacy/1", "/privacy/1.json"):
        assert client.get(path).status_code == 404


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_each_companys_notice_has_all_parts_in_the_order_of_practice(
    client: Browser, sessions: sessionmaker[Session], now: datetime, name: str, language: str
) -> None:
    content = complete(name)
    publish(sessions, content, now)
    page = client.get(f"/privacy?lang={language}").text
    parts = re.findall(r'<h2 id="([a-z]+)">', page)
    assert parts == list(TITLES)
    for entity in content["entities"]:
        assert f"{entity['name']}, " in page
        assert entity["business_id"] in page
    for said in (content["register_name"], content["contact"]["email"], "Amazon SES"):
        assert said in page
    assert "tietosuoja.fi" in page


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_how_interests_were_weighed_is_told_to_nobody_but_the_staff(
    client: Browser, sessions: sessionmaker[Session], now: datetime, language: str
) -> None:
    publish(sessions, complete("puuha", test="Weighed in secret."), now)
    for path in ("/privacy", "/privacy.json"):
        answer = client.get(f"{path}?lang={language}").text
        assert "Weighed" not in answer
        assert "balancing_test" not in answer
    sign_in(client, roles=["dpo"], language=language)
    assert "Weighed in secret." in client.get("/settings/notice").text


def test_programs_read_the_version_the_dates_and_the_facts(
    client: Browser, sessions: sessionmaker[Session], now: datetime
) -> None:
    publish(sessions, complete("enexus"), now, days=9)
    answer = client.get("/privacy.json?lang=en")
    told = json.loads(answer.text)
    since = now - timedelta(days=9)
    assert told["version"] == 1
    assert datetime.fromisoformat(told["in_force_since"]) == since
    assert answer.last_modified == since
    assert told["notice"]["dated"] == "2020-02-20"
    assert told["notice"]["customer_months"] == 120
    assert told["notice"]["publication"] is True
    assert told["notice"]["purposes"] == {
        "after_sales_marketing": {"key": "after_sales_marketing", "basis": "contract"}
    }
    assert [each["key"] for each in told["sections"]] == list(TITLES)
    page = client.get("/privacy").text
    assert f'<time datetime="{since.isoformat()}" data-version="1">' in page
    assert '<time datetime="2020-02-20">' in page


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_pdf_is_a_file_in_the_readers_language(
    client: Browser, sessions: sessionmaker[Session], now: datetime, language: str
) -> None:
    publish(sessions, complete("ideafix"), now)
    answer = client.get(f"/privacy.pdf?lang={language}")
    assert answer.status_code == 200
    assert answer.mimetype == "application/pdf"
    assert answer.data.startswith(b"%PDF-")
    assert f"/Lang ({language})".encode() in answer.data
    assert f"privacy-notice-1-{language}.pdf" in answer.headers["Content-Disposition"]


def test_the_same_file_is_made_once(
    client: Browser,
    sessions: sessionmaker[Session],
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(sessions, complete("ideafix"), now, days=2)
    first = client.get("/privacy.pdf?lang=fi").data
    assert client.get("/privacy.pdf?lang=sv").data != first
    monkeypatch.setattr("mailer.notice.pdf.make", lambda *_: b"another")
    assert client.get("/privacy.pdf?lang=fi").data == first
    publish(sessions, complete("quux"), now, days=1)
    assert client.get("/privacy.pdf?lang=fi").data == b"another"
    assert client.get("/privacy/1.pdf?lang=fi").data == first


def test_letters_that_the_font_lacks_and_markup_do_not_break_the_pages(
    client: Browser, sessions: sessionmaker[Session], now: datetime
) -> None:
    strange = "<b>Öljy & 油</b> {{ 7*7 }} %(x)s" + "x" * 500
    content = profiles.load("example") | {"register_name": strange}
    publish(sessions, content, now)
    page = client.get("/privacy").text
    assert "&lt;b&gt;Öljy &amp; 油&lt;/b&gt; {{ 7*7 }} %(x)s" in page
    assert client.get("/privacy.pdf").data.startswith(b"%PDF-")
    assert json.loads(client.get("/privacy.json").text)["notice"]["register_name"] == strange


def test_older_versions_stay_in_all_forms(
    client: Browser, sessions: sessionmaker[Session], now: datetime
) -> None:
    publish(sessions, complete("proxion"), now, days=9)
    publish(sessions, complete("quux"), now, days=1)
    assert "Quux Oy" in client.get("/privacy").text
    for path in ("/privacy/1", "/privacy/1.json"):
        assert "Proxion Oy" in client.get(path).text
        assert "Quux Oy" not in client.get(path).text
    assert client.get("/privacy/1.pdf").status_code == 200
    for path in ("/privacy/3", "/privacy/3.json", "/privacy/3.pdf", "/privacy/0", "/privacy/x"):
        assert client.get(path).status_code == 404


def test_a_version_of_tomorrow_is_not_shown_today(
    client: Browser, sessions: sessionmaker[Session], now: datetime
) -> None:
    publish(sessions, complete("proxion"), now, days=-1)
    assert client.get("/privacy/1").status_code == 404
    assert client.get("/privacy.json").status_code == 404


def test_a_version_that_an_earlier_release_published_is_still_shown(
    client: Browser, sessions: sessionmaker[Session], now: datetime
) -> None:
    from mailer.notice.models import NoticeVersion

    content = profiles.load("example") | {"processors": ["Amazon SES, eu-north-1"]}
    for key in ("dated", "undertaking", "authority", "statutes", "measures", "recipients"):
        del content[key]
    del content["rights"]
    with sessions.begin() as session:
        moments = {"created_at": now, "published_at": now, "effective_from": now}
        session.add(NoticeVersion(number=1, content=content, **moments))
    assert "Amazon SES, eu-north-1" in client.get("/privacy").text
    assert client.get("/privacy.pdf").status_code == 200
    assert client.get("/privacy.json").status_code == 200


def test_neither_page_nor_files_set_a_cookie_run_a_script_or_call_another_site(
    client: Browser, sessions: sessionmaker[Session], now: datetime
) -> None:
    publish(sessions, complete("enexus"), now)
    for path in ("/privacy", "/privacy/1", "/privacy.json", "/privacy.pdf"):
        answer = client.get(path)
        assert "Set-Cookie" not in answer.headers
        assert "Content-Security-Policy" in answer.headers
    page = client.get("/privacy").text
    assert not re.findall(r"<(?:script|img|iframe|object|style)\b", page)
    assert set(re.findall(r'(?:href|src)="(?:https?:)?//([^/"]+)', page)) == {"tietosuoja.fi"}
    languages = re.findall(r'<a href="\?lang=(\w\w)" lang="(\w\w)"', page)
    assert languages == [("fi", "fi"), ("sv", "sv"), ("en", "en")]


@pytest.mark.parametrize(
    ("name", "said", "not_said"),
    [
        ("quux", ["Every user has signed", "Offer document"], ["Private persons"]),
        (
            "proxion",
            ["Opens: not", "for as long as the customership lasts"],
            ["Job title"],
        ),
        (
            "puuha",
            ["Profiling for", "IP addresses: may be"],
            ["Offer document"],
        ),
        ("enexus", ["address labels", "Private persons", "120 months"], ["B2B list supplier"]),
        ("ideafix", ["Kinkerips Oy", "Carriers", "duty of confidentiality"], ["Private persons"]),
    ],
)
def test_the_page_says_what_the_company_declares_and_nothing_else(
    client: Browser,
    sessions: sessionmaker[Session],
    now: datetime,
    name: str,
    said: list[str],
    not_said: list[str],
) -> None:
    publish(sessions, complete(name), now)
    page = client.get("/privacy?lang=en").text
    assert [each for each in said if each not in page] == []
    assert [each for each in not_said if each in page] == []
