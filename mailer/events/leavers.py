"""Who has probably left their employer: a mailbox that is gone where colleagues' mail arrives.

A server that says "no such mailbox" may be wrong or out of order; where it takes mail for others,
or a title or employer has changed lately, or a mail says so, the person has rather left (R103).
Asked set-wise and again and again, because the colleague's delivery may come after the bounce.
"""

from datetime import datetime, timedelta

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts.detectors import domain_kind
from mailer.contacts.models import Contact

WITHIN = timedelta(days=90)
# "No such mailbox": Amazon's word for it, and RFC 3463's. X.1.10 is how Exchange says it.
NO_MAILBOX = ("5.1.1", "5.1.6", "5.1.10")

_GONE = text(
    """
    SELECT c.id, split_part(c.email, '@', 2) AS domain, min(e.at) AS at
    FROM suppressions AS s
    JOIN contacts AS c ON c.address_key = s.key
    JOIN events AS e ON e.message_id = s.message_id AND e.kind = 'hard_bounce'
        AND e.at > CAST(:since AS timestamptz) - interval '1 day'
    WHERE s.kind = 'hard_bounce' AND s.lifted_at IS NULL AND s.at > :since
      AND (e.details ->> 'subtype' = 'NoEmail' OR e.details ->> 'status' = ANY(:no_mailbox))
      AND c.kind = 'organisation_contact'
      AND c.left_at IS NULL AND c.erased_at IS NULL AND c.restricted_at IS NULL
      AND (c.stays_at IS NULL OR e.at > c.stays_at)
      AND (
        EXISTS (
            SELECT FROM contacts AS o JOIN messages AS m ON m.contact_id = o.id
            WHERE o.domain_key = c.domain_key AND o.address_key <> c.address_key
              AND m.state IN ('delivered', 'complained') AND m.delivered_at > :since
        )
        OR EXISTS (
            SELECT FROM field_changes AS f
            WHERE f.contact_id = c.id AND f.at > :since
              AND f.field IN ('title', 'company', 'company_name')
        )
        -- Somebody answered that the person works there no more.
        OR EXISTS (
            SELECT FROM inbound_messages AS i
            WHERE i.contact_id = c.id AND i.kind = 'left' AND i.received_at > :since
        )
      )
    GROUP BY c.id
    ORDER BY c.id
    """
)
# Delivered after all, or the address is not the one that bounced any more.
_BACK = text(
    """
    SELECT c.id FROM contacts AS c
    WHERE c.left_at IS NOT NULL AND (
        EXISTS (
            SELECT FROM messages AS m
            WHERE m.contact_id = c.id AND m.state IN ('delivered', 'complained')
              AND m.delivered_at > c.left_at
        )
        OR NOT EXISTS (
            SELECT FROM suppressions AS s
            WHERE s.key = c.address_key AND s.kind = 'hard_bounce' AND s.lifted_at IS NULL
        )
    )
    ORDER BY c.id
    """
)


def mark(session: Session, *, now: datetime) -> int:
    """Mark those who have probably left; how many are marked now."""
    found = session.execute(_GONE, {"since": now - WITHIN, "no_mailbox": list(NO_MAILBOX)})
    # At a mail service for everybody a closed mailbox says nothing about an employer.
    gone = [row for row in found if domain_kind(row.domain) == "work"]
    for row in gone:
        session.execute(
            update(Contact).where(Contact.id == row.id).values(left_at=row.at, updated_at=now)
        )
        audit.record(session, "contact.probably_left", "contact", row.id, now=now)
    return len(gone)


def unmark(session: Session, *, now: datetime) -> int:
    """Take the mark from those whose mail arrives again or who have another address; how many."""
    back = list(session.scalars(_BACK))
    if back:
        session.execute(
            update(Contact)
            .where(Contact.id.in_(back))
            .values(left_at=None, successor_id=None, updated_at=now)
        )
        for contact_id in back:
            audit.record(session, "contact.back", "contact", contact_id, now=now)
    return len(back)
