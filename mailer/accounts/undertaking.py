"""The confidentiality undertaking: nobody sees personal data before accepting it (R72)."""

from datetime import datetime

from sqlalchemy.orm import Session

from mailer import audit
from mailer.accounts.models import User
from mailer.languages import N_

# Raise it when the text below changes: everybody is asked again.
VERSION = 1

PARAGRAPHS = (
    N_(
        "The register holds personal data. I use it only for my work duties, and only as far as"
        " they need it."
    ),
    N_(
        "I keep what I learn from it secret. I do not hand it on, copy it elsewhere or show it to"
        " anyone who has no right to it."
    ),
    N_(
        "My user name and password are mine alone. I do not give them to anyone, and I tell the"
        " administrator at once if somebody may have learned them."
    ),
    N_(
        "I tell the data protection officer without delay if I notice that personal data has been"
        " lost, changed or seen by an outsider."
    ),
    N_("I know that what I do with personal data is recorded."),
    N_("The duty of confidentiality goes on when this work or employment ends."),
)


def accepted(user: User, version: int = VERSION) -> bool:
    """Whether the user has accepted that version, or a later one."""
    return user.undertaking_version is not None and user.undertaking_version >= version


def accept(
    session: Session, user: User, *, how: str, now: datetime, version: int = VERSION
) -> None:
    """Note that the user accepted a version; `how` says by which act."""
    user.undertaking_version = version
    user.undertaking_at = now
    user.undertaking_how = how
    audit.record(
        session,
        "user.undertaking_accepted",
        "user",
        user.id,
        now=now,
        actor_id=user.id,
        version=version,
        how=how,
    )
