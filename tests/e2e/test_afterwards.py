"""What a person does when a campaign did not end well, in a browser: messages of which nobody knows
whether they left, the exact stop, the correction, the certificate and "why did X not get it?"."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select, text

from mailer import clock, installation
from mailer.db import transaction
from mailer.sending import launch
from mailer.sending.models import Message
from tests.sending.scene import Scene

pytestmark = pytest.mark.browser


def launch_with(scene: Scene, states: dict[str, int]) -> int:
    """A campaign under way with so many messages in each state; the rest is queued."""
    campaign_id = scene.make_campaign(people=12)
    with transaction(scene.sessions) as session:
        launch.launch(session, campaign_id, now=scene.now)
        messages = iter(session.scalars(select(Message).order_by(Message.id)).all())
        before = clock.now() - timedelta(hours=3)
        for state, number in states.items():
            for _ in range(number):
                message = next(messages)
                message.state, message.attempt, message.claimed_at = state, 1, before
                if state == "uncertain":
                    message.error = "http_503"
                else:
                    message.sent_at, message.ses_message_id = before, f"0110-{message.id}"
                    session.execute(
                        text(
                            "INSERT INTO events (message_id, campaign_id, kind, at, dedupe_key)"
                            " VALUES (:id, :campaign, 'send', :at, :key)"
                        ),
                        {
                            "id": message.id,
                            "campaign": campaign_id,
                            "at": before,
                            "key": str(message.id),
                        },
                    )
    return campaign_id


def use_theme(user: Any, theme: str) -> None:
    with transaction(installation.current().sessions) as session:
        session.merge(user).theme = theme


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_uncertain_messages_are_decided_one_by_one_and_all_together(
    page: Page,
    scene: Scene,
    come_in: Callable[..., Any],
    check: Callable[..., None],
    theme: str,
) -> None:
    campaign_id = launch_with(scene, {"delivered": 6, "uncertain": 4})
    use_theme(come_in(page, language="en"), theme)
    page.goto("/")
    check(page, f"uncertain-home-{theme}")
    page.goto("/campaigns/uncertain")
    check(page, f"uncertain-all-{theme}")
    page.get_by_role("link", name="Uutiskirje").click()
    check(page, f"uncertain-{theme}")
    page.get_by_role("button", name="Treat as sent").click()
    expect(page.locator("#errors")).to_be_focused()
    check(page, f"uncertain-nothing-ticked-{theme}")
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Treat as sent").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Treat these messages as sent?")
    check(page, f"uncertain-confirm-{theme}")
    page.get_by_role("button", name="Treat as sent").click()
    expect(page.get_by_role("status").first).to_contain_text("1 message was settled.")
    page.get_by_label("All 3 open messages of this campaign").check()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("may get it twice")).to_be_visible()
    check(page, f"uncertain-confirm-again-{theme}")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("status").first).to_contain_text("3 messages were settled.")
    assert scene.states(campaign_id) == {"delivered": 6, "sent": 1, "queued": 5}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_stop_leads_to_its_lists_the_correction_and_the_certificate(
    page: Page,
    scene: Scene,
    come_in: Callable[..., Any],
    check: Callable[..., None],
    theme: str,
) -> None:
    campaign_id = launch_with(scene, {"delivered": 5, "sent": 1, "uncertain": 1})
    use_theme(come_in(page, language="en"), theme)
    page.goto(f"/campaigns/{campaign_id}")
    check(page, f"after-sending-{theme}")
    page.get_by_role("link", name="Stop the sending").click()
    check(page, f"after-stop-{theme}")
    page.get_by_role("button", name="Stop the sending").click()
    expect(page.get_by_text("6 people got the message, 5 did not.")).to_be_visible()
    expect(page.get_by_text("Of 1 it is not known yet.")).to_be_visible()
    check(page, f"after-stopped-{theme}")

    page.locator("a[href$='/list/not']").click()
    expect(page.locator("tbody tr")).to_have_count(5)
    page.locator("tbody a").first.click()
    expect(page.get_by_text("No: the sending was stopped before it left.")).to_be_visible()
    check(page, f"after-why-{theme}")

    page.goto(f"/campaigns/{campaign_id}/certificate")
    expect(page.get_by_text("Not settled yet")).to_be_visible()
    check(page, f"certificate-open-{theme}")
    with transaction(scene.sessions) as session:
        session.execute(text("UPDATE messages SET state = 'cancelled' WHERE state = 'sent'"))
    page.reload()
    expect(page.get_by_text("The numbers do not add up.")).to_be_visible()
    check(page, f"certificate-wrong-{theme}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as PDF").click()
    assert download.value.path().read_bytes().startswith(b"%PDF")

    page.goto(f"/campaigns/{campaign_id}/progress")
    page.get_by_role("button", name="Send the corrected version to the rest").click()
    expect(page.locator("#f-name")).to_have_value("To the rest: Uutiskirje")
    expect(page.locator("#waterfall .big")).to_have_text("6")
    check(page, f"after-correction-{theme}")
