"""Fixing a segment's people at a moment, and using them later (the gate still decides at sending).

A list is used by rules ("is in the fixed list …"), so by segments and their campaigns.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, Executable, delete, exists, func, literal, not_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts.models import Contact
from mailer.languages import format_date, format_number, ngettext
from mailer.segments import build
from mailer.segments.models import FixedList, FixedPerson, Segment
from mailer.segments.rules import SegmentError, Tree, dump, parse
from mailer.segments.saved import Use, clean_name

TRIES = 3


def fix(
    session: Session, segment_id: int, name: str, *, now: datetime, actor_id: int | None
) -> FixedList | None:
    """A list of everybody the rules match now; None when the segment is gone.

    Raises SegmentError and NameProblem.
    """
    clean = clean_name(name)
    segment = session.get(Segment, segment_id)
    if segment is None:
        return None
    tree = parse(segment.tree)
    fixed = FixedList(
        name=clean, segment_id=segment_id, tree=dump(tree), fixed_at=now, people=0,
        created_by=actor_id,
    )  # fmt: skip
    session.add(fixed)
    session.flush()
    _fill(session, fixed, tree, now=now)
    audit.record(
        session, "segment.fixed", "fixed_list", fixed.id, now=now, actor_id=actor_id,
        people=fixed.people,
    )  # fmt: skip
    return fixed


def fix_again(session: Session, list_id: int, *, now: datetime, actor_id: int | None) -> bool:
    """Fill the list anew by what its segment's rules are now; False when the list is gone.

    A list whose segment was deleted is filled by the rules it was made of. Raises SegmentError.
    """
    fixed = _locked(session, list_id)
    if fixed is None:
        return False
    segment = session.get(Segment, fixed.segment_id) if fixed.segment_id else None
    tree = parse(segment.tree if segment else fixed.tree)
    fixed.tree = dump(tree)
    fixed.fixed_at = now
    _fill(session, fixed, tree, now=now)
    audit.record(
        session, "segment.fixed", "fixed_list", list_id, now=now, actor_id=actor_id,
        people=fixed.people,
    )  # fmt: skip
    return True


def remove(
    session: Session, list_id: int, *, now: datetime, actor_id: int | None
) -> list[Use] | None:
    """Delete a list unless segments use it: then those, and nothing is deleted. None: it is gone"""
    fixed = _locked(session, list_id)
    if fixed is None:
        return None
    uses = used_by(session, [list_id]).get(list_id, [])
    if not uses:
        session.delete(fixed)
        session.flush()
        audit.record(
            session, "segment.list_deleted", "fixed_list", list_id, now=now, actor_id=actor_id
        )
    return uses


def used_by(session: Session, list_ids: Iterable[int]) -> dict[int, list[Use]]:
    """The segments whose rules name these lists."""
    wanted = set(list_ids)
    found: dict[int, list[Use]] = {}
    for row in session.execute(select(Segment.id, Segment.name, Segment.tree).order_by(Segment.id)):
        try:
            named = parse(row.tree).fixed_lists()
        except SegmentError:
            continue
        for list_id in named & wanted:
            found.setdefault(list_id, []).append(Use("segment", row.id, row.name))
    return found


def left(session: Session, list_ids: Iterable[int]) -> dict[int, int]:
    """How many people are still in each list; those erased since are not."""
    counted = (
        select(FixedPerson.list_id, func.count())
        .where(FixedPerson.list_id.in_(list(list_ids)))
        .group_by(FixedPerson.list_id)
    )
    return {row[0]: row[1] for row in session.execute(counted)}


def label(name: str, fixed_at: datetime, people: int) -> str:
    """A list as it is told from others: its name, day and number."""
    return ngettext(
        "%(name)s (%(number)s person on %(day)s)",
        "%(name)s (%(number)s people on %(day)s)",
        people,
        name=name,
        number=format_number(people),
        day=format_date(fixed_at),
    )


def _locked(session: Session, list_id: int) -> FixedList | None:
    # Also against a segment that is being saved with a rule on it (saved.py).
    return session.get(FixedList, list_id, with_for_update=True, populate_existing=True)


def _fill(session: Session, fixed: FixedList, tree: Tree, *, now: datetime) -> None:
    ask = build.usual_ask(session, tree.functions(), now=now)
    build.prepare(session)
    matching = build.compiler_for(ask).matches(tree)
    for attempt in range(TRIES):
        try:
            with session.begin_nested():
                session.execute(_put_right(fixed.id, matching))
            break
        except IntegrityError:
            # Somebody was erased between being found and being written down.
            if attempt == TRIES - 1:
                raise
    fixed.people = left(session, [fixed.id]).get(fixed.id, 0)
    session.flush()


def _put_right(list_id: int, matching: ColumnElement[bool]) -> Executable:
    """SQL: who matches is in the list and nobody else. One statement, so that rules may also ask
    who is in the list so far."""
    chosen = (
        build.everybody(Contact.id.label("contact_id"))
        .where(matching)
        .cte("chosen")
        .prefix_with("MATERIALIZED")
    )
    still = exists().where(chosen.c.contact_id == FixedPerson.contact_id)
    gone = delete(FixedPerson).where(FixedPerson.list_id == list_id, not_(still)).cte("gone")
    return (
        insert(FixedPerson)
        .from_select(["list_id", "contact_id"], select(literal(list_id), chosen.c.contact_id))
        .on_conflict_do_nothing()
        .add_cte(gone)
    )
