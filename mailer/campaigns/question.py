"""What the gate is asked about a campaign: read off it in one place."""

from datetime import datetime

from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign
from mailer.segments import build


def ask(
    session: Session,
    campaign: Campaign,
    *,
    now: datetime,
    asks_ledger: bool = False,
    sender_verified: bool = True,
) -> build.Question:
    """The question. `asks_ledger`: also whether the person has already got this campaign.

    `sender_verified` is told where messages are sent. Before that the sender's domain has a check
    of its own: were it asked here too, nobody would be left to count until it is verified.
    """
    return build.ask_for(
        session,
        purpose=campaign.purpose,
        functions=frozenset(campaign.target_functions),
        now=now,
        campaign_id=campaign.id if asks_ledger else None,
        sender_verified=sender_verified,
        corrects=campaign.corrects,
    )
