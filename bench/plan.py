"""How long it takes to plan when each message of a campaign goes: one JSON line.

    python -m bench.plan [--people N]

Three plans of one frozen campaign: business hours alone; with a cap of a large domain, a cap of
people of one company in a day, a 24-hour quota and a warm-up (most engaged first) as well; and the
same again when nothing has changed.
"""

import argparse
import time
from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import text

from bench import send
from bench.scratch import report, scratch
from mailer.adapters.pace import Quota
from mailer.campaigns.models import Campaign, SenderDomain
from mailer.db import transaction
from mailer.installation import Installation
from mailer.sending import caps, launch, plan
from mailer.sending.caps import Caps

FRIDAY_EVENING = datetime(2026, 11, 27, 17, tzinfo=UTC)
# Enough that a million fit into a month.
QUOTA = Quota(rate=500, per_day=100_000, used=0, checked_at=0)


def main() -> None:
    """Freeze a campaign, plan it in several ways, and print the seconds."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--people", type=int, default=200_000)
    given = arguments.parse_args()
    with scratch() as made:
        campaign_id = send.fill(made.here, given.people)
        with transaction(made.here.sessions) as session:
            # A tenth of the people are at one large provider; a company has fifty.
            session.execute(
                text(
                    "UPDATE contacts SET email = 'p' || id || '@outlook.com',"
                    " domain_key = :key WHERE id % 10 = 0"
                ),
                {"key": plan.domain_key("outlook.com")},
            )
        with made.here.engine.connect() as raw:
            raw.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")
        figures = {"freeze_without_limits": _seconds(_freeze, made.here, campaign_id)}
        _limit(made.here, campaign_id, business_hours=True)
        figures["business_hours"] = _seconds(_plan, made.here, campaign_id)
        _limit(made.here, campaign_id, everything=True)
        figures["everything"] = _seconds(_plan, made.here, campaign_id)
        figures["again"] = _seconds(_plan, made.here, campaign_id)
        with made.here.sessions() as session:
            found = plan.of(session, campaign_id)
            assert found is not None
            days, limits = len(found.days), sorted(found.limits)
        rounded = {name: round(seconds, 2) for name, seconds in figures.items()}
        report("plan", people=given.people, seconds=rounded, days=days, limits=limits)


def _seconds(
    action: Callable[[Installation, int], None], here: Installation, campaign_id: int
) -> float:
    started = time.perf_counter()
    action(here, campaign_id)
    return time.perf_counter() - started


def _freeze(here: Installation, campaign_id: int) -> None:
    with transaction(here.sessions) as session:
        caps.save(session, Caps({}))
        assert launch.launch(session, campaign_id, now=FRIDAY_EVENING, quota=QUOTA) is not None


def _plan(here: Installation, campaign_id: int) -> None:
    with transaction(here.sessions) as session:
        assert plan.remake(session, campaign_id, QUOTA, now=FRIDAY_EVENING)


def _limit(
    here: Installation, campaign_id: int, *, business_hours: bool = True, everything: bool = False
) -> None:
    with transaction(here.sessions) as session:
        campaign = session.get_one(Campaign, campaign_id)
        campaign.business_hours, campaign.spread_days = business_hours, everything
        if everything:
            caps.save(session, Caps({"outlook.com": 1_000}, company=20))
            domain = session.get_one(SenderDomain, plan.sender_domain(campaign))
            domain.warming = True


if __name__ == "__main__":
    main()
