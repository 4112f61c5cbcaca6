"""Choosing when a campaign goes and seeing when it will be done, in a browser."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from redis import Redis

from mailer import clock
from mailer.adapters.pace import Pace, Quota
from mailer.campaigns.models import Campaign, SenderDomain
from mailer.db import transaction
from mailer.sending import launch, warmup
from tests.sending.scene import Scene

pytestmark = pytest.mark.browser


@pytest.fixture
def quota() -> Quota:
    return Quota(rate=14, per_day=5, used=0, checked_at=clock.now().timestamp())


@pytest.fixture
def scene(scene: Scene, redis: Redis, quota: Quota) -> Scene:
    Pace(redis, 1).set_limit(quota)
    return scene


def test_the_forecast_follows_the_choices_and_consent_lets_it_go(
    page: Page, scene: Scene, come_in: Callable[..., Any], check: Callable[..., None]
) -> None:
    campaign_id = scene.make_campaign(people=12, state="draft", languages=("fi",))
    come_in(page, language="en")
    page.goto(f"/campaigns/{campaign_id}/review")
    forecast = page.locator("#forecast")
    expect(forecast).to_contain_text("larger than what is left of the quota")
    check(page, "schedule-refused")
    page.get_by_role("button", name="Send 12 messages").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was sent")

    page.get_by_label("May take several days").check()
    expect(forecast).to_contain_text("It will be done about")
    expect(forecast).not_to_contain_text("larger than what is left")
    page.get_by_label("At a time").check()
    page.get_by_label("Date").fill("2027-05-01")
    page.get_by_label("Only in the recipient's business hours").check()
    # The first of May is a holiday, and a Saturday.
    expect(forecast.get_by_role("row").first).to_contain_text("Mon 3 May 2027")
    check(page, "schedule-forecast")
    page.get_by_role("button", name="Schedule 12 messages").click()
    expect(page.locator("#countdown")).to_contain_text("1 May 2027")


def test_the_sending_tells_when_it_will_be_done(
    page: Page,
    scene: Scene,
    quota: Quota,
    come_in: Callable[..., Any],
    check: Callable[..., None],
) -> None:
    campaign_id = scene.make_campaign(people=12)
    with transaction(scene.sessions) as session:
        session.get_one(Campaign, campaign_id).spread_days = True
    with transaction(scene.sessions) as session:
        launch.launch(session, campaign_id, now=clock.now(), quota=quota)
    come_in(page, language="en")
    page.goto(f"/campaigns/{campaign_id}/progress")
    expect(page.locator("#numbers")).to_contain_text("It will be done about")
    check(page, "schedule-progress")


def test_quota_warm_up_and_caps_are_seen_and_set(
    page: Page, scene: Scene, come_in: Callable[..., Any], check: Callable[..., None]
) -> None:
    scene.make_campaign(people=1)
    with transaction(scene.sessions) as session:
        session.get_one(SenderDomain, "esimerkki.example").warming = True
        session.flush()
        warmup.turn(session, now=clock.now())
    come_in(page, language="en")
    page.goto("/settings")
    page.get_by_role("link", name="Sending", exact=True).click()
    expect(page.get_by_role("main")).to_contain_text("5 of 5 messages are left")
    check(page, "settings-sending")
    page.get_by_label("People of one company in one day").fill("many")
    page.get_by_role("button", name="Save the caps").click()
    expect(page.get_by_role("alert")).to_contain_text("One thing needs your attention")
    check(page, "settings-sending-fault")
    page.get_by_label("People of one company in one day").fill("25")
    page.get_by_role("button", name="Save the caps").click()
    expect(page.get_by_role("status").first).to_contain_text("Saved")
    page.get_by_role("link", name="End the warm-up").click()
    check(page, "settings-warmup-end")
    page.get_by_role("button", name="End the warm-up").click()
    expect(page.get_by_role("main")).to_contain_text("No warm-up")
