"""Replies in a browser: read, obeyed with one press, taken back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts import suppression
from mailer.contacts.address import address_key, canonical
from mailer.db import transaction
from mailer.events.mail_models import InboundMessage
from tests.events.register import make_campaign, make_contact, make_message

pytestmark = pytest.mark.browser

ANNA = "anna.aalto@puutyo.example"


def fill(sessions: sessionmaker[Session]) -> None:
    now = clock.now()
    with transaction(sessions) as session:
        campaign = make_campaign(session, now - timedelta(days=1))
        contact = make_contact(session, now, email=ANNA)
        message = make_message(session, now, campaign=campaign, contact=contact)

        def add(kind: str, state: str, **values: Any) -> None:
            defaults: dict[str, Any] = {
                "sender": ANNA,
                "sender_key": address_key(canonical(ANNA)),
                "subject": "VS: Mitä palkanlaskennassa muuttuu, Anna?",
                "proven": True,
                "message_id": message.id,
                "contact_id": contact.id,
                "received_at": now - timedelta(hours=3),
            }
            number = len(list(session.new)) + session.query(InboundMessage).count()
            session.add(
                InboundMessage(
                    kind=kind, state=state, ses_id=f"{kind}{number}", **(defaults | values)
                )
            )
            session.flush()

        add(
            "request",
            "new",
            excerpt="Hei,\n\npoistakaa Matti listalta. Hän jäi eläkkeelle jo keväällä.\n\nAnna",
        )
        add(
            "request",
            "new",
            excerpt="STOP",
            reason="not_proven",
            proven=False,
            sender="timo-pekka.rautavaara-hietaniemi@pitkanimisen-yrityksen-konserni.example",
        )
        add("reply", "new", excerpt="Kiitos, soittakaa huomenna iltapäivällä!", proven=False)
        add(
            "unreadable",
            "new",
            reason="no_content",
            sender="",
            sender_key=None,
            message_id=None,
            contact_id=None,
        )
        add("stop", "obeyed", excerpt="Lopettakaa.", reason="clear", decided_at=now)
        add(
            "token",
            "obeyed",
            sender="",
            sender_key=None,
            subject="",
            contact_id=None,
            decided_at=now,
        )
        add("left", "closed", excerpt="Anna Aalto ei työskentele enää Puutyössä.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_replies_are_accessible_in_every_view(
    page: Page,
    sessions: sessionmaker[Session],
    come_in: Callable[..., Any],
    check: Callable[..., None],
    scheme: Any,
) -> None:
    fill(sessions)
    page.emulate_media(color_scheme=scheme)
    come_in(page, roles=["dpo"], language="en")
    for view in ("", "?show=decided", "?show=left"):
        page.goto(f"/replies{view}")
        check(page, f"replies-{view.partition('=')[2] or 'waiting'}-{scheme}")
    page.goto("/replies?show=decided")
    page.get_by_role("link", name="Take the opt-out back").click()
    check(page, f"replies-undo-{scheme}")


def test_a_reply_is_obeyed_with_one_press_and_taken_back_with_a_reason(
    page: Page, sessions: sessionmaker[Session], come_in: Callable[..., Any]
) -> None:
    fill(sessions)
    come_in(page, roles=["dpo"], language="en")
    page.goto("/")
    page.get_by_role("link", name="Replies").first.click()
    expect(page.get_by_role("article")).to_have_count(4)
    first = page.get_by_role("article").first
    expect(first).to_contain_text("poistakaa Matti listalta")
    first.get_by_role("button", name="Opt out").click()
    expect(page.get_by_text("Opted out. It holds from now on.")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(3)
    with sessions() as session:
        assert suppression.find(session, canonical(ANNA))

    page.goto("/replies?show=decided")
    page.get_by_role("article").first.get_by_role("link", name="Take the opt-out back").click()
    page.get_by_label("Why it is taken back").fill("Anna soitti: vain Matti")
    page.get_by_role("button", name="Take the opt-out back").click()
    expect(page.get_by_text("The opt-out was taken back.")).to_be_visible()
    with sessions() as session:
        assert not suppression.find(session, canonical(ANNA))
