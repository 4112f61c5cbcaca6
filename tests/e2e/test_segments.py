"""The segment builder in a browser: rows, focus, numbers while typing, saving."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.db import transaction
from mailer.segments.models import Segment, SegmentCount
from tests.segments.register import make_company, make_contact, make_source, publish_notice

pytestmark = pytest.mark.browser


@pytest.fixture
def register(sessions: sessionmaker[Session]) -> None:
    now = clock.now()
    with transaction(sessions) as session:
        publish_notice(session, now)
        source = make_source(session, now)
        large = make_company(session, source, now, name="Puutyö Oy", headcount=60)
        make_contact(
            session,
            source,
            now,
            first_name="Anna",
            last_name="Lehtonen",
            email="anna@puutyo.example",
            company_id=large.id,
            tags=["kilpailija"],
        )
        for _ in range(3):
            make_contact(session, source, now, functions=["it"], title="IT-päällikkö")


def test_a_segment_is_built_counted_explained_and_saved(
    page: Page,
    come_in: Callable[..., Any],
    check: Callable[..., Any],
    register: None,
    sessions: sessionmaker[Session],
) -> None:
    come_in(page, roles=["marketer"], language="en")
    page.goto("/segments")
    check(page, "segments-empty")
    page.get_by_role("link", name="Create a segment").click()
    page.get_by_label("Condition 1: field").select_option("function")
    picking = page.locator("#f-i0-r0-value-pick")
    picking.locator("summary").click()
    picking.get_by_label("Filter the choices").fill("fin")
    picking.get_by_label("Finance").check()
    expect(page.locator("#matching")).to_contain_text("1 / 4")
    expect(page.locator("#segment-sentence")).to_contain_text("job function is Finance")
    picking.locator("summary").click()

    page.get_by_role("button", name="Add a condition").click()
    expect(page.get_by_label("Condition 2: field")).to_be_focused()
    page.get_by_label("Condition 2: field").select_option("headcount")
    page.get_by_label("Condition 2: value").fill("500")
    expect(page.locator("#numbers")).to_contain_text("Condition 2 leaves everyone out.")
    page.get_by_label("Condition 2: value").fill("50")
    expect(page.locator("#matching")).to_contain_text("1 / 4")

    page.get_by_role("button", name="Add an exclusion").click()
    expect(page.get_by_label("Condition 3: field")).to_be_focused()
    page.get_by_label("Condition 3: field").select_option("tag")
    page.locator("#f-x-r0-value-pick summary").click()
    page.locator("#f-x-r0-value-pick").get_by_label("kilpailija").check()
    expect(page.locator("#matching")).to_contain_text("0 / 4")
    page.get_by_role("button", name="Remove condition 3").click()
    expect(page.get_by_role("button", name="Add an exclusion")).to_be_focused()
    expect(page.locator("#matching")).to_contain_text("1 / 4")

    page.get_by_label("E-mail address").fill("anna@puutyo.example")
    page.get_by_role("button", name="Explain").click()
    expect(page.locator("#explained")).to_contain_text("In the segment")
    check(page, "segment-builder")

    page.get_by_label("Name of the segment").fill("Finance, 50+")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Finance, 50+")
    with sessions() as session:
        tree = session.scalars(select(Segment.tree)).one()
    assert [rule["field"] for rule in tree["include"][0]["rules"]] == ["function", "headcount"]
    page.goto("/segments")
    expect(page.get_by_role("row", name="Finance, 50+")).to_contain_text("1 can be mailed")
    check(page, "segments-list")


def test_alternative_groups_are_added_and_removed(
    page: Page, come_in: Callable[..., Any], check: Callable[..., Any], register: None
) -> None:
    come_in(page, roles=["marketer"], language="en")
    page.goto("/segments/new?preset=finance")
    expect(page.locator("#matching")).to_contain_text("1 / 4")
    page.get_by_role("button", name="Add an alternative group").click()
    expect(page.get_by_label("Condition 4: field")).to_be_focused()
    page.get_by_label("Condition 4: field").select_option("title")
    page.get_by_label("Condition 4: value").fill("it-")
    expect(page.locator("#matching")).to_contain_text("4 / 4")
    check(page, "segment-groups")
    page.get_by_role("button", name="Remove the group").first.click()
    expect(page.locator("input#f-i0-r0-value")).to_have_value("it-")
    expect(page.locator("#matching")).to_contain_text("3 / 4")


def test_groups_are_nested_moved_and_saved_by_keyboard_alone(
    page: Page,
    come_in: Callable[..., Any],
    check: Callable[..., Any],
    register: None,
    sessions: sessionmaker[Session],
) -> None:
    come_in(page, roles=["marketer"], language="en")
    page.goto("/segments/new?preset=finance")
    page.get_by_role("button", name="Add a group inside").first.press("Enter")
    expect(page.get_by_label("Condition 4: field")).to_be_focused()
    page.keyboard.type("Company name")
    expect(page.get_by_label("Condition 4: value")).to_be_visible()
    page.get_by_label("Condition 4: value").press_sequentially("puu")
    way = page.get_by_label("Group 1.1: which of its conditions")
    way.focus()
    page.keyboard.type("None of these")
    expect(way).to_have_value("not_or")
    expect(page.locator("#matching")).to_contain_text("0 / 4")
    expect(page.locator("#segment-sentence")).to_contain_text("none of these is true:")

    page.get_by_role("button", name="Move condition 3 to another group").press("Enter")
    expect(page.get_by_role("button", name="Move here: Group 1.1")).to_be_focused()
    check(page, "segment-moving")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Condition 4: field")).to_be_focused()
    expect(page.locator("#f-i0-g2-r1")).to_have_value("headcount")

    page.get_by_role("button", name="Move: Group 1.1").press("Enter")
    expect(page.get_by_role("button", name="Move here: Leave out")).to_be_focused()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Do not move").press("Enter")
    expect(page.get_by_role("button", name="Move: Group 1.1")).to_be_focused()
    page.get_by_label("Name of the segment").press_sequentially(", not wood")
    check(page, "segment-nested")
    page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    check(page, "segment-nested-dark")
    page.get_by_label("Name of the segment").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("not wood")
    with sessions() as session:
        tree = session.scalars(select(Segment.tree)).one()
    inner = tree["include"][0]["rules"][2]["not"]
    assert inner["op"] == "or"
    assert [rule["field"] for rule in inner["rules"]] == ["company", "headcount"]


def test_people_are_fixed_and_the_days_before_are_drawn(
    page: Page,
    come_in: Callable[..., Any],
    check: Callable[..., Any],
    register: None,
    sessions: sessionmaker[Session],
) -> None:
    now = clock.now()
    tree = {"field": "function", "is": "any_of", "value": ["it"]}
    with transaction(sessions) as session:
        segment = Segment(name="IT", tree=tree, created_at=now, updated_at=now)
        session.add(segment)
        session.flush()
        session.add_all(
            SegmentCount(
                segment_id=segment.id,
                day=now.date() - timedelta(days=day),
                people=3 + (day * 7) % 11,
            )
            for day in range(40)
        )
        path = f"/segments/{segment.id}"
    come_in(page, roles=["marketer"], language="fi")
    page.goto(path)
    page.locator("#f-list-name").fill("IT-messut")
    page.locator("#fixed-lists form button").press("Enter")
    expect(page.locator("#fixed-lists")).to_contain_text("IT-messut")
    page.locator("#history summary").press("Enter")
    check(page, "segment-fixed")
    page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    check(page, "segment-fixed-dark")
    page.goto("/segments")
    check(page, "segments-with-lists")
