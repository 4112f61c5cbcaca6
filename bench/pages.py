"""How long the pages of the product take in the server, at a size of register and of history.

    python -m bench.pages [--people N] [--campaigns N] [--rounds N]

Each page is asked for by a signed-in administrator through the whole application, without a
network. One campaign went to half of the register; the others were small.
"""

import argparse
import statistics
import time

from sqlalchemy import text

from bench import register
from bench.scratch import Scratch, report, scratch
from mailer import clock
from mailer.accounts import signed_in, undertaking
from mailer.accounts.models import User
from mailer.adapters.pace import Pace, Quota
from mailer.app import create_app
from mailer.campaigns.models import SenderDomain
from mailer.db import transaction
from mailer.segments.models import Segment

FINANCE = {"field": "function", "is": "any_of", "value": ["finance", "payroll"]}
CAMPAIGNS = """
INSERT INTO campaigns (name, state, segment_id, target_functions, relevance_basis, entity,
  sender_address, starts_at, launched_at, finished_at, created_at, updated_at)
SELECT 'Kampanja ' || n, CASE WHEN n % 50 = 0 THEN 'draft' ELSE 'sent' END, :segment,
  '{finance,payroll}', 'Koskee työtä', 'esimerkki', 'uutiset@esimerkki.example', at, at,
  at + interval '1 hour', at, at
FROM generate_series(1, :campaigns) n,
  LATERAL (SELECT now() - make_interval(hours => 7 * n) AS at) moment
"""
CONTENTS = """
INSERT INTO campaign_contents (campaign_id, language, subject, preheader, mjml, updated_at)
SELECT id, 'fi', 'Uutisia talousväelle', '',
  '<mjml><mj-body><mj-section><mj-column><mj-text>Hei {first_name|sinä}! '
  '<a href="https://esimerkki.example/a">Lue</a></mj-text></mj-column></mj-section></mj-body></mjml>',
  now()
FROM campaigns
"""
# Campaign 1 to every second contact, each other one to thirty.
MESSAGES = """
INSERT INTO messages (campaign_id, contact_id, language, state, verdict, duties, created_at,
  claimed_at, sent_at, confirmed_at, delivered_at, ses_message_id, attempt)
SELECT k.id, c.id, 'fi', CASE WHEN c.id % 50 = 0 THEN 'bounced' WHEN c.id % 7 = 0 THEN 'blocked'
    ELSE 'delivered' END,
  CASE WHEN c.id % 7 = 0 THEN 'duties_not_matching' ELSE 'clear' END,
  '{"function": "finance", "title": "Talousjohtaja"}', k.launched_at, k.launched_at,
  CASE WHEN c.id % 7 > 0 THEN k.launched_at END, CASE WHEN c.id % 7 > 0 THEN k.launched_at END,
  CASE WHEN c.id % 7 > 0 THEN k.launched_at END, 'ses-' || k.id || '-' || c.id, 1
FROM campaigns k JOIN contacts c
  ON (k.id = :big AND c.id % 2 = 0) OR (k.id <> :big AND c.id BETWEEN k.id * 90 AND k.id * 90 + 29)
WHERE k.state = 'sent'
"""
EVENTS = """
INSERT INTO events (message_id, campaign_id, kind, at, dedupe_key, actor)
SELECT m.id, m.campaign_id, e.kind, m.sent_at + interval '1 minute', e.kind || e.actor || m.id,
  e.actor
FROM messages m, (VALUES ('send', 'ses', 1), ('delivery', 'ses', 1), ('open', 'human', 3),
  ('open', 'machine', 4), ('unsubscribe', 'human', 90)) AS e(kind, actor, every)
WHERE m.sent_at IS NOT NULL AND m.id % e.every = 0
"""


def fill(place: Scratch, people: int, campaigns: int) -> None:
    """A register with a history of campaigns."""
    now = clock.now()
    with transaction(place.here.sessions) as session:
        register.fill(session, people, now=now, suppression_key=place.here.settings.suppression_key)
        session.add(SenderDomain(domain="esimerkki.example", verified=True))
        segment = Segment(name="Talous", tree=FINANCE, created_at=now, updated_at=now)
        session.add(segment)
        session.flush()
        values = {"segment": segment.id, "campaigns": campaigns, "big": 1}
        for statement in (CAMPAIGNS, CONTENTS, MESSAGES, EVENTS):
            session.execute(text(statement), values)
    with place.here.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")
    Pace(place.here.redis, 10).set_limit(Quota(100, 50_000, 0, now.timestamp()))


def sign_in(place: Scratch) -> str:
    """The secret of a signed-in administrator."""
    now = clock.now()
    with transaction(place.here.sessions) as session:
        user = User(
            user_name="mittaaja",
            name="Mittaaja",
            email="mittaaja@esimerkki.example",
            password_hash="!",
            roles=["admin"],
            language="fi",
            created_at=now,
            must_change_password=False,
            undertaking_version=undertaking.VERSION,
            undertaking_at=now,
            undertaking_how="bench",
        )
        session.add(user)
        session.flush()
        return signed_in.begin(session, user, now=now)


PAGES = (
    "/",
    "/campaigns",
    "/campaigns?tab=sent&page=20",
    "/campaigns/50/recipients",
    "/campaigns/50/waterfall",
    "/campaigns/50/review",
    "/campaigns/1/progress",
    "/reports",
    "/reports/1",
    "/contacts",
    "/contacts?q=virtanen",
    "/contacts?mailable=yes",
    "/contacts/5000",
    "/companies",
    "/companies/500",
    "/segments",
    "/segments/1",
    "/suppressions",
    "/titles",
    "/import",
    "/audit",
    "/settings",
)


def main() -> None:
    """Ask for each page again and again, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--campaigns", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with scratch() as place:
        fill(place, given.people, given.campaigns)
        client = create_app().test_client()
        client.set_cookie("signed_in", sign_in(place))
        figures: dict[str, dict[str, float]] = {}
        for page in PAGES:
            status = client.get(page, follow_redirects=True).status_code
            took = []
            for _ in range(given.rounds):
                began = time.perf_counter()
                client.get(page)
                took.append((time.perf_counter() - began) * 1000)
            ordered = sorted(took)
            figures[page] = {
                "status": status,
                "p50_ms": round(statistics.median(ordered)),
                "p95_ms": round(ordered[max(0, round(len(ordered) * 0.95) - 1)]),
            }
        over = {page: each["p95_ms"] for page, each in figures.items() if each["p95_ms"] > 200}
        report(
            "pages", people=given.people, campaigns=given.campaigns, pages=figures, over_200_ms=over
        )


if __name__ == "__main__":
    main()
