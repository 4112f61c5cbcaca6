"""A campaign from an empty list to its hold and its lists, in a browser."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from mailer import clock, installation
from mailer.campaigns.models import Campaign
from mailer.db import transaction
from mailer.sending import launch
from mailer.sending.models import Message
from tests.sending.scene import Scene

pytestmark = pytest.mark.browser


def test_a_campaign_is_made_and_its_message_written(
    page: Page, scene: Scene, come_in: Callable[..., Any], check: Callable[..., None]
) -> None:
    scene.make_campaign(people=12, state="draft", languages=("fi",))
    come_in(page, language="en")
    page.goto("/campaigns")
    check(page, "campaigns")
    page.get_by_role("link", name="New campaign").click()
    check(page, "campaign-new")
    page.get_by_label("Name").fill("Syyswebinaari: palkanlaskennan muutokset 2027")
    page.get_by_role("button", name="Create the campaign").click()

    page.get_by_label("Segment", exact=False).first.select_option(index=1)
    expect(page.get_by_label("Finance", exact=True)).to_be_checked()
    expect(page.locator("#waterfall .big")).to_have_text("12")
    page.get_by_label("Why does this message concern").fill("Finance leads choose the software.")
    page.get_by_label("Sender's address").fill("uutiset@esimerkki.example")
    check(page, "campaign-recipients")
    page.get_by_role("button", name="Save and go on to the content").click()

    check(page, "campaign-content-empty")
    page.get_by_role("button", name="Start from the starter message").click()
    page.get_by_label("Subject").fill("Mitä palkanlaskennassa muuttuu?")
    page.get_by_label("Preview text").fill("Kolme asiaa yhdellä silmäyksellä")
    expect(page.locator(".inbox")).to_contain_text("Kolme asiaa")
    frame = page.frame_locator("iframe.mail")
    expect(frame.get_by_role("contentinfo")).to_contain_text("Esimerkki Oy")
    check(page, "campaign-content")
    source = page.get_by_label("Message (MJML)")
    right = source.input_value()
    source.fill(right.replace("<mj-divider", "<mj-knob"))
    fault = page.locator("#look [data-line]").first
    expect(fault).to_contain_text("mj-knob")
    fault.click()
    expect(source).to_be_focused()
    check(page, "campaign-content-fault")
    source.fill(right)
    expect(page.locator("#look")).to_contain_text("The content can be made")
    page.get_by_label("Shown as").select_option("mobile")
    expect(page.locator("iframe.phone")).to_be_visible()
    page.get_by_role("button", name="Save and go on to the check").click()
    expect(page.get_by_role("button", name="Send 12 messages")).to_be_visible()
    check(page, "campaign-review")


def test_a_campaign_is_checked_held_and_cancelled(
    page: Page, scene: Scene, come_in: Callable[..., Any], check: Callable[..., None]
) -> None:
    campaign_id = scene.make_campaign(people=12, state="draft", languages=("fi",))
    come_in(page, language="en")
    page.goto(f"/campaigns/{campaign_id}/review")
    page.get_by_label("At a time").check()
    expect(page.get_by_role("button", name="Schedule 12 messages")).to_be_visible()
    page.get_by_label("Now", exact=True).check()
    page.get_by_role("link", name="Browse the recipients").click()
    check(page, "campaign-people")
    page.go_back()
    page.get_by_role("link", name="Send a test").first.click()
    check(page, "campaign-test")
    page.go_back()
    page.get_by_role("button", name="Send 12 messages").click()

    expect(page.get_by_role("timer")).to_contain_text("second")
    check(page, "campaign-hold")
    before = page.get_by_role("timer").inner_text()
    expect(page.get_by_role("timer")).not_to_have_text(before)
    page.goto("/campaigns")
    check(page, "campaigns-held")
    page.get_by_role("link", name="See the countdown or cancel").click()
    page.get_by_role("button", name="Cancel the sending").click()
    expect(page.get_by_role("status").first).to_contain_text("Nothing was sent")


def test_the_checks_name_every_fault_and_lead_to_the_field(
    page: Page, scene: Scene, come_in: Callable[..., Any], check: Callable[..., None]
) -> None:
    campaign_id = scene.make_campaign(people=2, state="draft")
    with transaction(scene.sessions) as session:
        session.get_one(Campaign, campaign_id).relevance_basis = ""
    come_in(page, language="fi")
    page.goto(f"/campaigns/{campaign_id}/review")
    page.locator("aside button.btn-primary").click()
    expect(page.locator("#errors")).to_be_focused()
    check(page, "campaign-review-blocked")
    page.locator(".tasks a[href$='#f-relevance_basis']").click()
    expect(page.locator("#f-relevance_basis")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_progress_is_followed_paused_and_stopped(
    page: Page,
    scene: Scene,
    come_in: Callable[..., Any],
    check: Callable[..., None],
    theme: str,
) -> None:
    campaign_id = scene.make_campaign(people=20)
    with transaction(scene.sessions) as session:
        launch.launch(session, campaign_id, now=scene.now)
        for message in session.scalars(select(Message).order_by(Message.id).limit(7)):
            message.state, message.sent_at = "delivered", clock.now()
    user = come_in(page, language="fi")
    with transaction(installation.current().sessions) as session:
        session.merge(user).theme = theme
    page.goto(f"/campaigns/{campaign_id}")
    expect(page.locator("#numbers")).to_contain_text("7 / 20")
    check(page, f"campaign-progress-{theme}")
    with transaction(scene.sessions) as session:
        for message in session.scalars(select(Message).where(Message.state == "queued").limit(3)):
            message.state, message.sent_at = "sent", clock.now()
    expect(page.locator("#numbers")).to_contain_text("10 / 20")
    page.locator("form[action$='/pause'] button").click()
    check(page, f"campaign-paused-{theme}")
    page.locator("a.btn-danger").click()
    check(page, f"campaign-stop-{theme}")
    page.locator("button.btn-danger").click()
    expect(page.locator(".pill-bad")).to_be_visible()
    check(page, f"campaign-stopped-{theme}")
    page.locator("a[href$='/list/not']").click()
    check(page, f"campaign-who-{theme}")
