"""Fixed lists: the people of a segment as they were, fixed again, or deleted."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer import clock
from mailer.languages import format_date, format_number
from mailer.languages import gettext as _
from mailer.segments import fixing, saved
from mailer.segments.models import FixedList, Segment
from mailer.segments.rules import SegmentError
from mailer.web.guard import requires
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("segment_lists", __name__, url_prefix="/segments")


@dataclass(frozen=True, slots=True)
class Line:
    """A list as it is shown. `left`: how many of its people have not been erased since."""

    fixed: FixedList
    segment: str | None
    left: int
    uses: list[saved.Use]


def lines(session: Session, *, segment_id: int | None = None) -> list[Line]:
    """All fixed lists, or those of one segment; the newest first."""
    statement = (
        select(FixedList, Segment.name)
        .outerjoin(Segment, Segment.id == FixedList.segment_id)
        .order_by(FixedList.fixed_at.desc(), FixedList.id)
    )
    if segment_id is not None:
        statement = statement.where(FixedList.segment_id == segment_id)
    rows = session.execute(statement).all()
    ids = [fixed.id for fixed, _name in rows]
    left, uses = fixing.left(session, ids), fixing.used_by(session, ids)
    return [
        Line(fixed, name, left.get(fixed.id, 0), uses.get(fixed.id, [])) for fixed, name in rows
    ]


@blueprint.post("/<int:segment_id>/fix")
@requires("segments.edit")
def fix(segment_id: int) -> Any:
    """Fix the people whom the saved rules match now."""
    session = db_session()
    segment = session.get(Segment, segment_id) if segment_id < 2**63 else None
    if segment is None:
        abort(404)
    name = request.form.get("name", "").strip() or segment.name
    try:
        fixed = fixing.fix(session, segment_id, name, now=clock.now(), actor_id=signed_in_user().id)
    except (SegmentError, saved.NameProblem) as problem:
        return _not_fixed(segment, _words(problem)), 422
    if fixed is None:
        abort(404)
    flash(_fixed_words(fixed))
    return redirect(url_for("segments.show", segment_id=segment_id) + "#fixed-lists", 303)


@blueprint.get("/lists/<int:list_id>/fix")
@requires("segments.edit")
def ask_to_fix_again(list_id: int) -> str:
    """Asks before the people of a list are replaced."""
    fixed = _list_or_404(list_id)
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Fix the list “%(name)s” again?", name=fixed.name),
        text=_(
            "The people in it are replaced by those whom the rules match now. Campaigns that were"
            " sent keep theirs."
        ),
        facts=[*_facts(fixed), *_use_facts(fixed)],
        action=url_for("segment_lists.fix_again", list_id=list_id),
        button=_("Fix the list again"),
        back=_place(fixed),
        danger=False,
        hidden={},
    )


@blueprint.post("/lists/<int:list_id>/fix")
@requires("segments.edit")
def fix_again(list_id: int) -> Any:
    """Replace the people of a list by those whom the rules match now."""
    session = db_session()
    fixed = _list_or_404(list_id)
    try:
        done = fixing.fix_again(session, list_id, now=clock.now(), actor_id=signed_in_user().id)
    except SegmentError as problem:
        segment = session.get(Segment, fixed.segment_id) if fixed.segment_id else None
        return _not_fixed(segment, problem.sentence()), 422
    if not done:
        abort(404)
    flash(_fixed_words(fixed))
    return redirect(_place(fixed), 303)


@blueprint.get("/lists/<int:list_id>/delete")
@requires("segments.edit")
def ask_to_delete(list_id: int) -> str:
    """Asks before deleting; a list that rules name cannot be deleted and the page says by what."""
    fixed = _list_or_404(list_id)
    uses = fixing.used_by(db_session(), [list_id]).get(list_id, [])
    if uses:
        return _in_use(fixed, uses)
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Delete the list “%(name)s”?", name=fixed.name),
        text=_("The people stay in the register. Who was in the list is forgotten."),
        facts=_facts(fixed),
        action=url_for("segment_lists.delete", list_id=list_id),
        button=_("Delete the list"),
        back=_place(fixed),
        danger=True,
        hidden={},
    )


@blueprint.post("/lists/<int:list_id>/delete")
@requires("segments.edit")
def delete(list_id: int) -> Any:
    """Delete, unless rules name it by now."""
    fixed = _list_or_404(list_id)
    place = _place(fixed)
    uses = fixing.remove(db_session(), list_id, now=clock.now(), actor_id=signed_in_user().id)
    if uses is None:
        abort(404)
    if uses:
        return _in_use(fixed, uses), 409
    flash(_("The list was deleted."))
    return redirect(place, 303)


def _list_or_404(list_id: int) -> FixedList:
    fixed = db_session().get(FixedList, list_id) if list_id < 2**63 else None
    if fixed is None:
        abort(404)
    return fixed


def _place(fixed: FixedList) -> str:
    if fixed.segment_id is None:
        return url_for("segments.show_list") + "#fixed-lists"
    return url_for("segments.show", segment_id=fixed.segment_id) + "#fixed-lists"


def _facts(fixed: FixedList) -> list[tuple[str, str]]:
    return [
        (_("Fixed on"), format_date(fixed.fixed_at)),
        (_("People then"), format_number(fixed.people)),
        (_("People now"), format_number(fixing.left(db_session(), [fixed.id]).get(fixed.id, 0))),
    ]


def _use_facts(fixed: FixedList) -> list[tuple[str, str]]:
    uses = fixing.used_by(db_session(), [fixed.id]).get(fixed.id, [])
    return [(_("Used by"), ", ".join(use.name for use in uses))] if uses else []


def _fixed_words(fixed: FixedList) -> str:
    return _(
        "The list was fixed: %(label)s.",
        label=fixing.label(fixed.name, fixed.fixed_at, fixed.people),
    )


def _words(problem: SegmentError | saved.NameProblem) -> str:
    if isinstance(problem, SegmentError):
        return problem.sentence()
    return _(saved.NAME_PROBLEMS[problem.code])


def _not_fixed(segment: Segment | None, fault: str) -> str:
    return render_template("web/segments/not_fixed.html", segment=segment, fault=fault)


def _in_use(fixed: FixedList, uses: list[saved.Use]) -> str:
    return render_template(
        "web/segments/list_in_use.html", fixed=fixed, place=_place(fixed), uses=uses
    )
