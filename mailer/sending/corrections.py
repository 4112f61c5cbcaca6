"""After a campaign: a new draft that says the same, to the rest or to those who got it.

Its audience is a segment on the old campaign's ledger ("was meant for them, but not got"), so it is
settled when the new one is frozen, by the gate asked anew: whoever has opted out meanwhile is left
out, and so is whoever is found to have got the first one after all. The one rule that a
correction is spared is the frequency cap, as far as it is the corrected message that it counts.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.campaigns import drafts, lifecycle
from mailer.campaigns.models import Campaign
from mailer.languages import N_, gettext
from mailer.segments import saved
from mailer.segments.models import Segment
from mailer.segments.rules import dump, parse
from mailer.segments.saved import LONGEST_NAME, NameProblem

# whom -> the names of the new segment and of the new campaign
WHOM = {
    "missed": (
        N_("Did not get: %(name)s"),
        N_("To the rest: %(name)s"),
    ),
    "got": (
        N_("Got: %(name)s"),
        N_("Correction: %(name)s"),
    ),
}


def begin(
    session: Session,
    original: Campaign,
    whom: str,
    *,
    with_unknown: bool,
    now: datetime,
    actor_id: int,
) -> Campaign | None:
    """A draft to those who got a campaign that has ended, or to those who did not; None while it
    goes on. `whom`: a key of WHOM. `with_unknown`: also to those of whom it is not known."""
    if original.state not in lifecycle.OVER:
        return None
    segment = _segment(session, original, whom, with_unknown, now=now, actor_id=actor_id)
    draft = drafts.copy(session, original, now=now, actor_id=actor_id)
    draft.segment_id = segment.id
    # A correction of a correction is a message like any other, or the limit on how often somebody
    # is written to would be none.
    if whom == "got" and original.corrects is None:
        draft.corrects = original.id
    draft.name = _cut(gettext(WHOM[whom][1], name=original.name))
    return draft


def _segment(
    session: Session,
    original: Campaign,
    whom: str,
    with_unknown: bool,
    *,
    now: datetime,
    actor_id: int,
) -> Segment:
    """The segment of those people: the one that there is already, or a new one."""
    asked = [whom, "open"] if with_unknown else [whom]
    tree = parse({"include": [_rule(original.id, comparison) for comparison in asked]})
    stored: Any = dump(tree)
    known = session.scalar(select(Segment).where(Segment.tree == stored).order_by(Segment.id))
    if known is not None:
        return known
    name = gettext(WHOM[whom][0], name=original.name)
    for ending in ("", f" ({original.id})", f" ({original.id}, {now:%Y-%m-%d %H:%M:%S})"):
        try:
            return saved.create(session, _cut(name, ending), tree, now=now, actor_id=actor_id)
        except NameProblem:
            continue
    raise RuntimeError("no name was free for the segment")


def _rule(campaign_id: int, comparison: str) -> dict[str, Any]:
    return {"field": "campaign", "is": comparison, "value": [campaign_id]}


def _cut(name: str, ending: str = "") -> str:
    return name[: LONGEST_NAME - len(ending)].rstrip() + ending
