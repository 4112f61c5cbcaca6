"""Segments: the list, the builder, who is in one, and why somebody is or is not."""

from dataclasses import dataclass
from typing import Any

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from markupsafe import Markup
from sqlalchemy import func, select

from mailer import clock
from mailer.accounts.models import User
from mailer.audit import AuditEntry
from mailer.languages import format_date, format_datetime
from mailer.languages import gettext as _
from mailer.segments import history, presets, saved, words
from mailer.segments.choices import names
from mailer.segments.models import FixedList, Segment
from mailer.segments.rules import SegmentError, Tree, dump, parse
from mailer.web import segment_draft, segment_lists, segment_moves, segment_trees
from mailer.web.guard import requires
from mailer.web.paging import Paging, page_number, sorting
from mailer.web.request import db_session, notice_in_force, signed_in_user
from mailer.web.segment_draft import Draft
from mailer.web.segment_form import lifted_of, rows_of
from mailer.web.segment_history import graph
from mailer.web.segment_numbers import count_draft, explain_address

blueprint = Blueprint("segments", __name__, url_prefix="/segments")

COLUMNS = {"name": func.lower(Segment.name), "changed": Segment.updated_at}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the list."""

    segment: Segment
    owner: str | None
    sentence: Markup
    fault: str
    uses: list[saved.Use]
    change: int | None


@blueprint.get("")
@requires("segments.view")
def show_list() -> str:
    """All segments, fifty a page; the numbers of people come after the page."""
    session = db_session()
    order = sorting(COLUMNS, "name")
    paging = Paging(page_number(), session.scalar(select(func.count()).select_from(Segment)) or 0)
    by = COLUMNS[order.key]
    rows = session.execute(
        select(Segment, User.name)
        .outerjoin(User, User.id == Segment.created_by)
        .order_by(by.desc() if order.descending else by, Segment.id)
        .limit(paging.size)
        .offset(paging.offset)
    ).all()
    used = saved.uses(session)
    changed = history.changes(session, [segment.id for segment, _owner in rows], now=clock.now())
    trees = {segment.id: _parsed(segment) for segment, _owner in rows}
    known = names(session, (tree for tree in trees.values() if isinstance(tree, Tree)))
    lines = [
        Line(
            segment,
            owner,
            words.sentence(tree, known) if isinstance(tree, Tree) else Markup(),
            "" if isinstance(tree, Tree) else tree,
            used.get(segment.id, []),
            changed.get(segment.id),
        )
        for segment, owner in rows
        for tree in [trees[segment.id]]
    ]
    return render_template(
        "web/segments/list.html",
        lines=lines,
        lists=segment_lists.lines(session),
        order=order,
        paging=paging,
        presets=presets.offered(notice_in_force()),
    )


@blueprint.get("/new")
@requires("segments.edit")
def start() -> str:
    """The builder with nothing in it, a preset, or a copy of another segment."""
    key = request.args.get("preset", "")
    tree = presets.tree_of(key)
    if tree is not None:
        return _page(None, segment_trees.of_tree(tree), name=_(presets.PRESETS[key].name))
    begun = _copied() or _of_list()
    if begun is not None:
        draft, name = begun
        return _page(None, draft, name=name)
    return _page(None, segment_draft.empty())


def _of_list() -> tuple[Draft, str] | None:
    number = _whole(request.args.get("fixed", ""))
    fixed = db_session().get(FixedList, number) if number else None
    if fixed is None:
        return None
    rule = {"field": "fixed_list", "is": "any_of", "value": [fixed.id]}
    name = _("%(name)s, fixed %(day)s", name=fixed.name, day=format_date(fixed.fixed_at))
    return segment_trees.of_tree(parse(rule)), name[: saved.LONGEST_NAME]


def _copied() -> tuple[Draft, str] | None:
    number = _whole(request.args.get("copy", ""))
    segment = db_session().get(Segment, number) if number else None
    tree = _parsed(segment) if segment else None
    if segment is None or not isinstance(tree, Tree):
        return None
    return segment_trees.of_tree(tree), _("Copy of %(name)s", name=segment.name)[
        : saved.LONGEST_NAME
    ]


@blueprint.get("/<int:segment_id>")
@requires("segments.view")
def show(segment_id: int) -> str:
    """The builder of a saved segment."""
    segment = _segment_or_404(segment_id)
    tree = _parsed(segment)
    if not isinstance(tree, Tree):
        return render_template("web/segments/closed.html", segment=segment, fault=tree)
    return _page(segment, segment_trees.of_tree(tree), name=segment.name)


@blueprint.post("/new")
@requires("segments.edit")
def create() -> Any:
    """A button of the builder: one that changes the form, or the one that saves."""
    draft = segment_draft.read(request.form)
    if request.form.get("do") != "save":
        return _changed_page(None, draft)
    session = db_session()
    name = request.form.get("name", "")
    try:
        tree = segment_trees.whole(draft)
        segment = saved.create(session, name, tree, now=clock.now(), actor_id=signed_in_user().id)
    except (SegmentError, saved.NameProblem) as problem:
        return _refused(None, draft, problem)
    flash(_("Saved."))
    return redirect(url_for("segments.show", segment_id=segment.id), 303)


@blueprint.post("/<int:segment_id>")
@requires("segments.edit")
def change(segment_id: int) -> Any:
    """The same for a saved segment."""
    segment = _segment_or_404(segment_id)
    draft = segment_draft.read(request.form)
    if request.form.get("do") != "save":
        return _changed_page(segment, draft)
    name = request.form.get("name", "")
    try:
        tree = segment_trees.whole(draft)
        saved.checked(db_session(), name, tree, now=clock.now(), segment_id=segment_id)
        reached = _reached(segment, tree)
        if reached and request.form.get("reaches") != _told(reached):
            return _in_use(segment, name, tree, reached)
        changed = saved.change(
            db_session(),
            segment_id,
            name,
            tree,
            version=request.form.get("version", -1, type=int),
            now=clock.now(),
            actor_id=signed_in_user().id,
        )
    except (SegmentError, saved.NameProblem) as problem:
        return _refused(segment, draft, problem)
    if not changed:
        return _conflict(segment, tree)
    flash(_("Saved."))
    return redirect(url_for("segments.show", segment_id=segment_id), 303)


@blueprint.post("/draft")
@requires("segments.edit")
def redraw() -> Response:
    """The rules of the form after a button or another field, for htmx."""
    draft = segment_draft.read(request.form)
    focus = segment_moves.apply(draft, request.form.get("do", ""))
    response = make_response(
        render_template(
            "web/segments/rules.html", errors={}, **_rules_of(draft, _number("segment"), focus)
        )
    )
    response.headers["HX-Trigger-After-Settle"] = "recount"
    return response


@blueprint.post("/count")
@requires("segments.view")
def count() -> str:
    """The numbers beside the builder, for htmx."""
    counted = count_draft(db_session(), segment_draft.read(request.form))
    return render_template(
        "web/segments/numbers.html",
        counted=counted,
        segment_id=_number("segment"),
        out_of_band=True,
    )


@blueprint.post("/explain")
@requires("segments.view")
def explain() -> str:
    """Why one person is in the segment of the form or not, for htmx."""
    draft = segment_draft.read(request.form)
    explained = explain_address(db_session(), draft, request.form.get("address", ""))
    return render_template("web/segments/explained.html", explained=explained)


@blueprint.get("/<int:segment_id>/delete")
@requires("segments.edit")
def ask_to_delete(segment_id: int) -> str:
    """Asks before deleting; a segment in use cannot be deleted and the page says by what."""
    segment = _segment_or_404(segment_id)
    uses = saved.used_by(db_session(), segment_id)
    if uses:
        return render_template("web/segments/in_use.html", segment=segment, uses=uses)
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Delete the segment “%(name)s”?", name=segment.name),
        text=_("The people stay in the register. Only the rules are deleted."),
        facts=[],
        action=url_for("segments.delete", segment_id=segment_id),
        button=_("Delete the segment"),
        back=url_for("segments.show", segment_id=segment_id),
        danger=True,
        hidden={},
    )


@blueprint.post("/<int:segment_id>/delete")
@requires("segments.edit")
def delete(segment_id: int) -> Any:
    """Delete, unless something has begun to use it meanwhile."""
    segment = _segment_or_404(segment_id)
    uses = saved.remove(db_session(), segment_id, now=clock.now(), actor_id=signed_in_user().id)
    if uses:
        return render_template("web/segments/in_use.html", segment=segment, uses=uses), 409
    flash(_("The segment was deleted."))
    return redirect(url_for("segments.show_list"), 303)


def _changed_page(segment: Segment | None, draft: Draft) -> str:
    focus = segment_moves.apply(draft, request.form.get("do", ""))
    return _page(segment, draft, name=request.form.get("name", ""), focus=focus)


def _refused(
    segment: Segment | None, draft: Draft, problem: SegmentError | saved.NameProblem
) -> tuple[str, int]:
    if isinstance(problem, SegmentError):
        errors = {problem.path: problem.sentence()}
    else:
        errors = {"name": _(saved.NAME_PROBLEMS[problem.code])}
    return _page(segment, draft, name=request.form.get("name", ""), errors=errors), 422


def _page(
    segment: Segment | None,
    draft: Draft,
    *,
    name: str = "",
    errors: dict[str, str] | None = None,
    focus: str | None = None,
) -> str:
    typed = request.form
    explained = None
    if typed.get("do") == "explain":
        explained = explain_address(db_session(), draft, typed.get("address", ""))
    version = typed.get("version") or (segment.version if segment else "")
    return render_template(
        "web/segments/edit.html",
        out_of_band=False,
        segment=segment,
        segment_id=segment.id if segment else None,
        name=name,
        version=version,
        errors=errors or {},
        counted=count_draft(db_session(), draft),
        address=typed.get("address", ""),
        explained=explained,
        uses=saved.used_by(db_session(), segment.id) if segment else [],
        lists=segment_lists.lines(db_session(), segment_id=segment.id) if segment else [],
        history=graph(history.days(db_session(), segment.id, now=clock.now())) if segment else None,
        presets=presets.offered(notice_in_force()),
        **_rules_of(draft, segment.id if segment else None, focus),
    )


def _rules_of(draft: Draft, segment_id: int | None, focus: str | None) -> dict[str, Any]:
    groups = rows_of(db_session(), draft, notice_in_force(), segment_id=segment_id)
    return {"groups": groups, "lifted": lifted_of(draft, groups), "focus": focus}


def _reached(segment: Segment, tree: Tree) -> list[saved.Use]:
    """What saving these rules reaches, if they are other rules than before."""
    now = _parsed(segment)
    if isinstance(now, Tree) and dump(now) == dump(tree):
        return []
    return saved.reached_by_change(db_session(), segment.id)


def _told(uses: list[saved.Use]) -> str:
    # What was shown when the user agreed: if more has come since, they are asked again.
    return ",".join(sorted(f"{use.kind}-{use.id}" for use in uses))


def _in_use(segment: Segment, name: str, mine: Tree, reached: list[saved.Use]) -> tuple[str, int]:
    theirs = _parsed(segment)
    known = names(db_session(), [tree for tree in (mine, theirs) if isinstance(tree, Tree)])
    page = render_template(
        "web/segments/change_in_use.html",
        segment=segment,
        name=name,
        version=request.form.get("version", ""),
        uses=reached,
        reaches=_told(reached),
        mine=words.outline(mine, known),
        theirs=words.outline(theirs, known) if isinstance(theirs, Tree) else theirs,
        fields=_typed(),
    )
    return page, 409


def _typed() -> list[tuple[str, str]]:
    """What was typed, to be sent again with another button."""
    left_out = {"csrf_token", "version", "do", "address", "reaches"}
    return [
        (key, value)
        for key, values in request.form.lists()
        if key not in left_out
        for value in values
    ]


def _conflict(segment: Segment, mine: Tree) -> tuple[str, int]:
    session = db_session()
    session.expire(segment)
    theirs = _parsed(segment)
    who = session.execute(
        select(User.name, AuditEntry.at)
        .join(User, User.id == AuditEntry.actor_id)
        .where(AuditEntry.object_kind == "segment", AuditEntry.object_id == segment.id)
        .order_by(AuditEntry.id.desc())
        .limit(1)
    ).first()
    trees = [tree for tree in (mine, theirs) if isinstance(tree, Tree)]
    known = names(session, trees)
    page = render_template(
        "web/segments/conflict.html",
        segment=segment,
        who=who.name if who else _("Somebody"),
        when=format_datetime(segment.updated_at),
        mine=words.outline(mine, known),
        theirs=words.outline(theirs, known) if isinstance(theirs, Tree) else theirs,
        name=request.form.get("name", ""),
        fields=_typed(),
    )
    return page, 409


def _segment_or_404(segment_id: int) -> Segment:
    segment = db_session().get(Segment, segment_id) if segment_id < 2**63 else None
    if segment is None:
        abort(404)
    return segment


def _parsed(segment: Segment) -> Tree | str:
    """The rules, or why they cannot be read."""
    try:
        return parse(segment.tree)
    except SegmentError as error:
        return error.sentence()


def _number(name: str) -> int | None:
    return _whole(request.form.get(name, ""))


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
