"""A user of the register, for what notes who did it."""

from datetime import datetime

from sqlalchemy.orm import Session

from mailer.accounts.models import User


def make_staff(session: Session, now: datetime) -> int:
    """The id of a new user."""
    user = User(
        user_name="maija.virtanen",
        name="Maija Virtanen",
        email="maija.virtanen@yritys.example",
        password_hash="",
        roles=[],
        created_at=now,
    )
    session.add(user)
    session.flush()
    return user.id
