"""Saved segments: making, changing and removing them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import column, delete, select, table, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mailer import audit
from mailer.languages import N_
from mailer.notice import switches
from mailer.segments.build import lookup_in
from mailer.segments.compiler import Compiler
from mailer.segments.models import FixedList, Segment
from mailer.segments.rules import SegmentError, Tree, check, dump, parse

LONGEST_NAME = 120
NAME_PROBLEMS = {
    "name_missing": N_("Give the segment a name."),
    "name_too_long": N_("The name can have at most 120 characters."),
    "name_taken": N_("Another segment has this name."),
}
# Campaigns are above segments, so the table is named instead of importing its model.
_campaigns = table(
    "campaigns", column("id"), column("name"), column("segment_id"), column("launched_at")
)


class NameProblem(ValueError):  # noqa: N818 - a problem of the name, told by its code
    """The name cannot be used; `code` is a key of NAME_PROBLEMS."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Use:
    """Something that stands on a segment: `kind` is "campaign" or "segment".

    `past`: a campaign whose people are frozen already, so that a change does not reach it.
    """

    kind: str
    id: int
    name: str
    past: bool = False


def create(
    session: Session, name: str, tree: Tree, *, now: datetime, actor_id: int | None
) -> Segment:
    """A new segment. Raises SegmentError and NameProblem."""
    clean = checked(session, name, tree, now=now, segment_id=None)
    segment = Segment(
        name=clean, tree=dump(tree), created_by=actor_id, created_at=now, updated_at=now
    )
    _write(session, segment)
    audit.record(session, "segment.created", "segment", segment.id, now=now, actor_id=actor_id)
    return segment


def change(
    session: Session,
    segment_id: int,
    name: str,
    tree: Tree,
    *,
    version: int,
    now: datetime,
    actor_id: int | None,
) -> bool:
    """Change what was read as `version`; False when somebody else has changed it since.

    Raises SegmentError and NameProblem.
    """
    clean = checked(session, name, tree, now=now, segment_id=segment_id)
    try:
        with session.begin_nested():
            changed = session.execute(
                update(Segment)
                .where(Segment.id == segment_id, Segment.version == version)
                .values(name=clean, tree=dump(tree), updated_at=now, version=version + 1)
                .returning(Segment.id)
            ).first()
    except IntegrityError:
        raise NameProblem("name_taken") from None
    if changed is None:
        return False
    audit.record(session, "segment.changed", "segment", segment_id, now=now, actor_id=actor_id)
    return True


def remove(session: Session, segment_id: int, *, now: datetime, actor_id: int | None) -> list[Use]:
    """Delete a segment, unless something uses it: then what does, and nothing is deleted."""
    session.execute(select(Segment.id).where(Segment.id == segment_id).with_for_update())
    uses = used_by(session, segment_id)
    if not uses:
        session.execute(delete(Segment).where(Segment.id == segment_id))
        audit.record(session, "segment.deleted", "segment", segment_id, now=now, actor_id=actor_id)
    return uses


def used_by(session: Session, segment_id: int) -> list[Use]:
    """Campaigns to the segment, and segments whose rules refer to it."""
    return uses(session).get(segment_id, [])


def reached_by_change(session: Session, segment_id: int) -> list[Use]:
    """What a change of the rules reaches: also through segments that refer to it. Nothing past."""
    used, reached = uses(session), dict[tuple[str, int], Use]()
    waiting = [segment_id]
    while waiting:
        for use in used.get(waiting.pop(), []):
            if use.past or (use.kind, use.id) in reached:
                continue
            reached[use.kind, use.id] = use
            if use.kind == "segment":
                waiting.append(use.id)
    return list(reached.values())


def uses(session: Session) -> dict[int, list[Use]]:
    """The same of all segments."""
    found: dict[int, list[Use]] = {}
    rows = session.execute(
        select(
            _campaigns.c.id,
            _campaigns.c.name,
            _campaigns.c.segment_id,
            _campaigns.c.launched_at.is_not(None).label("past"),
        )
        .where(_campaigns.c.segment_id.is_not(None))
        .order_by(_campaigns.c.id)
    )
    for row in rows:
        found.setdefault(row.segment_id, []).append(
            Use("campaign", row.id, row.name, past=row.past)
        )
    for other in session.execute(select(Segment.id, Segment.name, Segment.tree)):
        for referred in _references(other.tree):
            found.setdefault(referred, []).append(Use("segment", other.id, other.name))
    return found


def _references(tree: Any) -> frozenset[int]:
    try:
        return parse(tree).references()
    except SegmentError:
        return frozenset()


def checked(
    session: Session, name: str, tree: Tree, *, now: datetime, segment_id: int | None
) -> str:
    """The name as it will be saved. Raises SegmentError and NameProblem."""
    clean = clean_name(name)
    notice = switches.in_force(session, now)
    check(tree, notice)
    within = () if segment_id is None else (segment_id,)
    Compiler(now=now, lookup=lookup_in(session), notice=notice, within=within).matches(tree)
    _hold_lists(session, tree)
    return clean


def clean_name(name: str) -> str:
    """The name on one line. Raises NameProblem."""
    clean = " ".join(name.replace("\x00", " ").split())
    if not clean:
        raise NameProblem("name_missing")
    if len(clean) > LONGEST_NAME:
        raise NameProblem("name_too_long")
    return clean


def _hold_lists(session: Session, tree: Tree) -> None:
    """Keep the fixed lists that rules name from being deleted meanwhile; all must be there."""
    named = tree.fixed_lists()
    if not named:
        return
    held = session.scalars(
        select(FixedList.id)
        .where(FixedList.id.in_(named))
        .order_by(FixedList.id)
        .with_for_update(read=True, key_share=True)
    )
    missing = named - set(held)
    for rule in tree.rules():
        if rule.field.key == "fixed_list" and missing & set(rule.value):
            raise SegmentError("list_missing", rule.path)


def _write(session: Session, segment: Segment) -> None:
    try:
        with session.begin_nested():
            session.add(segment)
            session.flush()
    except IntegrityError:
        raise NameProblem("name_taken") from None
