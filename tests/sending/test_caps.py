"""Caps: the ones that come with the product, and those of the settings above them."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.sending import caps
from mailer.sending.caps import DOMAINS, Caps
from mailer.sending.plan_models import SendingCap


def test_without_settings_the_large_providers_have_caps_and_nobody_else(session: Session) -> None:
    assert caps.in_force(session) == Caps(dict(DOMAINS))


def test_saved_caps_are_in_force_and_a_default_can_be_taken_away(session: Session) -> None:
    wanted = Caps({"outlook.com": 7, "iso.example": 40}, others=300, company=25)
    caps.save(session, wanted)
    assert caps.in_force(session) == wanted
    caps.save(session, Caps({}))
    assert caps.in_force(session) == Caps({})


def test_defaults_that_are_saved_as_they_are_leave_no_rows(session: Session) -> None:
    caps.save(session, Caps(dict(DOMAINS)))
    assert session.scalar(select(func.count()).select_from(SendingCap)) == 0
