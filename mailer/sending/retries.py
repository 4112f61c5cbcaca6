"""Trying once more what a recipient's server could not take just then.

SES tries a mailbox for hours by itself before it reports a soft bounce, and then never again. A
message is tried again only where the bounce itself says that it may work later (a full mailbox, or
a 4.x.x status of the recipient's own server), at most twice, days apart, and through the
gate like any other: it goes back to the queue of its campaign. A bounce without a status is as
often an automatic reply to a message that arrived, so it proves nothing and nothing is tried.
No suppression is ever lifted by any of this.
"""

from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from mailer.campaigns import lifecycle

# Days to wait after the first and after the second bounce; a third one is the end of it.
WAITS = (timedelta(days=1), timedelta(days=2))
# Nobody wants last week's news.
NOT_AFTER = timedelta(days=6)

# The newest bounce of each message, how many there have been, and whether anything else came of it.
_DUE = text(
    """
    SELECT m.id, m.campaign_id
    FROM campaigns AS k
    JOIN LATERAL (
        SELECT e.message_id, count(*) AS bounces, max(e.at) AS at,
            bool_and(coalesce(e.details->>'subtype' = 'MailboxFull'
                OR e.details->>'status' LIKE '4._%._%', false)) AS says_so
        FROM events AS e
        WHERE e.campaign_id = k.id AND e.kind = 'soft_bounce' AND e.at >= :oldest
        GROUP BY e.message_id
    ) AS b ON true
    JOIN messages AS m ON m.id = b.message_id
    WHERE k.state IN ('sent', 'sending') AND k.launched_at >= :oldest
        AND m.state = 'sent' AND m.kind = 'campaign' AND b.says_so
        -- About this very attempt: the bounce of the one before has had its retry.
        AND b.at >= m.claimed_at
        AND b.at + CASE b.bounces WHEN 1 THEN CAST(:first AS interval)
            WHEN 2 THEN CAST(:second AS interval) END <= :now
        AND NOT EXISTS (
            SELECT FROM events AS d
            WHERE d.message_id = m.id AND d.kind IN ('delivery', 'hard_bounce', 'complaint')
        )
    ORDER BY m.id
    FOR UPDATE OF m SKIP LOCKED
    """
)
_REQUEUE = text(
    """
    UPDATE messages SET state = 'queued', error = 'soft_bounce', not_before = :now,
        claimed_at = NULL, sent_at = NULL, ses_message_id = NULL, confirmed_at = NULL
    WHERE id = ANY(:ids)
    """
)
# A message that never arrived informed nobody (Article 14) and must not count as the last one they
# got (the frequency cap would block its own retry).
_FORGET = text(
    """
    UPDATE contacts AS c SET
        last_marketing_at = (
            SELECT max(o.sent_at) FROM messages AS o
            WHERE o.contact_id = c.id AND o.id <> m.id AND o.kind = 'campaign'
        ),
        art14_informed_at = CASE
            WHEN c.art14_informed_at BETWEEN m.claimed_at AND m.sent_at + interval '1 minute'
            THEN NULL ELSE c.art14_informed_at END
    FROM messages AS m
    WHERE m.id = ANY(:ids) AND c.id = m.contact_id
    """
)


def requeue_soft_bounced(session: Session, *, now: datetime) -> int:
    """Put back what a soft bounce says may work now, and let its campaign go on; how many."""
    due = session.execute(
        _DUE,
        {"now": now, "oldest": now - NOT_AFTER, "first": WAITS[0], "second": WAITS[1]},
    ).all()
    if not due:
        return 0
    ids = [row.id for row in due]
    session.execute(_FORGET, {"ids": ids})
    session.execute(_REQUEUE, {"ids": ids, "now": now})
    for campaign_id in sorted({row.campaign_id for row in due}):
        lifecycle.go_on(session, campaign_id, now=now)
    return len(ids)
