"""Starting and ending a campaign: the audience frozen into the ledger, the rest cancelled."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, exists, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer import audit, gate
from mailer.adapters.pace import Quota
from mailer.adapters.queue import enqueue_after_commit
from mailer.campaigns import lifecycle, question
from mailer.campaigns.content import Compiled, compile_content
from mailer.campaigns.models import Campaign, CampaignContent, Link, SenderDomain
from mailer.config import Settings
from mailer.notice import switches
from mailer.segments import build
from mailer.segments.models import Segment
from mailer.sending import plan
from mailer.sending.models import Message
from mailer.sending.rendering import Rendering
from mailer.webhooks import outbox

# How many sender jobs a launch rings for; further ones end at once when nothing is left.
SENDER_JOBS = 4
ANALYZE_FROM = 1_000
# For sorting a million people without a file; until the end of the launch's own transaction.
FREEZE_MEMORY = "128MB"
# People who came into the register together, often of one company, are sent to far apart. Their
# mail server sees no burst; and since their rows lie side by side, each page of `contacts` gets one
# change in a call and finds room for it, where fifty at once would rewrite all its indexes.
APART = 64


class LaunchError(Exception):
    """The campaign cannot be sent as it is; `code` is a pause reason (mailer.sending.pacing)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Frozen:
    """How an audience went into the ledger."""

    queued: int
    blocked: int


def launch(
    session: Session, campaign_id: int, *, now: datetime, quota: Quota | None = None
) -> Frozen | None:
    """Move a campaign from its hold to sending, freeze its audience and plan when each one goes.

    None if another did. One transaction: either everybody is in the ledger, sent to or left out
    with the reason, or nobody is. `quota`: SES's limits, where known. Raises LaunchError.
    """
    # Not a paused one: somebody holds that back.
    if not lifecycle.move(session, campaign_id, to="sending", now=now, allowed_from={"starting"}):
        return None
    campaign = session.get_one(Campaign, campaign_id)
    rendering_check(session, campaign, now)
    _freeze_links(session, campaign)
    frozen = _freeze_audience(session, campaign, now)
    campaign.launched_at = now
    if frozen.queued:
        plan.make(session, campaign, quota, now=now)
    outbox.note(session, "campaign.launched", [campaign_id], now=now)
    audit.record(
        session,
        "campaign.launched",
        "campaign",
        campaign_id,
        now=now,
        queued=frozen.queued,
        blocked=frozen.blocked,
    )
    for _ in range(SENDER_JOBS):
        enqueue_after_commit(session, "send", "mailer.sending.jobs.send", campaign_id)
    return frozen


def stop(session: Session, campaign_id: int, *, now: datetime, actor_id: int | None = None) -> bool:
    """Stop a campaign for good; what has not been claimed is cancelled. False if it had ended."""
    if not lifecycle.move(session, campaign_id, to="stopped", now=now, actor_id=actor_id):
        return False
    session.execute(
        update(Message)
        .where(Message.campaign_id == campaign_id, Message.state == "queued")
        .values(state="cancelled")
    )
    return True


def finish(session: Session, campaign_id: int, *, now: datetime) -> bool:
    """Call a campaign sent once nothing of it is waiting, under way or still to be settled."""
    # Two questions, because each has a small index of its own, in one statement: between two of
    # them a message that SES could not take just then would go back to the queue unseen.
    some_wait, some_open = (
        exists().where(Message.campaign_id == campaign_id, Message.state.in_(states))
        for states in (["queued"], ["sending", "uncertain"])
    )
    if session.scalar(select(or_(some_wait, some_open))):
        return False
    return lifecycle.move(session, campaign_id, to="sent", now=now)


def rendering(
    session: Session, campaign: Campaign, settings: Settings, *, now: datetime
) -> Rendering:
    """The campaign's content ready to be filled per person. Raises LaunchError or ContentError."""
    notice = switches.in_force(session, now)
    if notice is None:
        raise LaunchError("no_notice")
    entity = notice.entity(campaign.entity)
    if entity is None:
        raise LaunchError("entity_not_declared")
    ids = {
        (link.language, link.position): link.id
        for link in session.scalars(select(Link).where(Link.campaign_id == campaign.id))
    }
    return Rendering(
        settings,
        campaign_id=campaign.id,
        notice=notice,
        entity=entity,
        sender_name=campaign.sender_name,
        sender_address=campaign.sender_address,
        reply_to=campaign.reply_to,
        contents=compiled(session, campaign.id),
        link_ids=ids,
    )


def compiled(session: Session, campaign_id: int) -> list[Compiled]:
    """The campaign's versions, compiled. Raises ContentError."""
    contents = session.scalars(
        select(CampaignContent)
        .where(CampaignContent.campaign_id == campaign_id, CampaignContent.mjml != "")
        .order_by(CampaignContent.language)
    )
    return [compile_content(c.language, c.subject, c.preheader, c.mjml) for c in contents]


def ask(session: Session, campaign: Campaign, *, now: datetime, asks_ledger: bool) -> gate.Ask:
    """What the gate is asked for this campaign.

    The freeze and the claim do not ask whether the person already got it: one row for each person
    (a unique key) and the state of the very row being claimed hold that, at no cost.
    """
    return question.ask(
        session,
        campaign,
        now=now,
        asks_ledger=asks_ledger,
        sender_verified=sender_verified(session, campaign),
    )


def sender_verified(session: Session, campaign: Campaign) -> bool:
    """Whether SES last said that the campaign's domain may send."""
    domain = session.get(SenderDomain, campaign.sender_address.rpartition("@")[2])
    return domain is not None and domain.verified


def rendering_check(session: Session, campaign: Campaign, now: datetime) -> None:
    """Refuse a launch whose notice, entity or content is not there. Raises LaunchError."""
    notice = switches.in_force(session, now)
    if notice is None:
        raise LaunchError("no_notice")
    if notice.entity(campaign.entity) is None:
        raise LaunchError("entity_not_declared")
    if not sender_verified(session, campaign):
        raise LaunchError("sender_identity_unverified")
    if not compiled(session, campaign.id):
        raise LaunchError("no_content")


def _freeze_links(session: Session, campaign: Campaign) -> None:
    rows = [
        {
            "campaign_id": campaign.id,
            "language": content.language,
            "position": spot.position,
            "url": spot.url,
            "label": spot.label[:200],
        }
        for content in compiled(session, campaign.id)
        for spot in content.links
    ]
    if rows:
        session.execute(insert(Link).on_conflict_do_nothing(), rows)


def _freeze_audience(session: Session, campaign: Campaign, now: datetime) -> Frozen:
    segment = session.get(Segment, campaign.segment_id) if campaign.segment_id else None
    if segment is None:
        raise LaunchError("no_segment")
    everybody = build.audience(segment.tree, ask(session, campaign, now=now, asks_ledger=False))
    # Kept apart by the offset: else the planner asks the gate anew for each use of its verdict.
    audience = everybody.offset(0).subquery("audience")
    clear = audience.c.verdict == gate.CLEAR
    session.execute(text(f"SET LOCAL work_mem = '{FREEZE_MEMORY}'"))
    session.execute(
        insert(Message).from_select(
            [
                "campaign_id",
                "contact_id",
                "language",
                "verdict",
                "duties",
                "state",
                "created_at",
                "not_before",
            ],
            select(
                literal(campaign.id),
                audience.c.contact_id,
                audience.c.language,
                audience.c.verdict,
                audience.c.duties,
                case((clear, "queued"), else_="blocked"),
                literal(now),
                literal(now),
            ).order_by(audience.c.contact_id % APART, audience.c.contact_id),
        )
    )
    rows = session.execute(
        select(Message.state, func.count().label("messages"))
        .where(Message.campaign_id == campaign.id)
        .group_by(Message.state)
    )
    states = {row.state: row.messages for row in rows}
    frozen = Frozen(queued=states.get("queued", 0), blocked=states.get("blocked", 0))
    if frozen.queued + frozen.blocked >= ANALYZE_FROM:
        # The planner still thinks the ledger small, and the claims are about to ask it.
        session.execute(text("ANALYZE messages"))
    return frozen
