"""Segments: the list, the builder, who is in one, and why somebody is or is not."""

from dataclasses import dataclass
from typing import Any

from flask import (
    Blueprint,
    Response,
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
from mailer.languages import gettext as _
from mailer.segments import history, presets, saved, words
from mailer.segments.choices import names
from mailer.segments.models import Segment
from mailer.segments.rules import SegmentError, Tree
from mailer.web import segment_draft, segment_lists, segment_moves, segment_trees
from mailer.web.guard import requires
from mailer.web.paging import Paging, page_number, sorting
from mailer.web.request import db_session, notice_in_force, signed_in_user
from mailer.web.segment_numbers import count_draft, explain_address
from mailer.web.segment_pages import (
    begun_of_copy,
    begun_of_list,
    change_in_use_page,
    changed_page,
    conflict_page,
    number_in_form,
    page,
    parsed,
    reached_by,
    refused_page,
    rules_of,
    segment_or_404,
    told,
)

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
    trees = {segment.id: parsed(segment) for segment, _owner in rows}
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
        return page(None, segment_trees.of_tree(tree), name=_(presets.PRESETS[key].name))
    begun = begun_of_copy() or begun_of_list()
    if begun is not None:
        draft, name = begun
        return page(None, draft, name=name)
    return page(None, segment_draft.empty())


@blueprint.get("/<int:segment_id>")
@requires("segments.view")
def show(segment_id: int) -> str:
    """The builder of a saved segment."""
    segment = segment_or_404(segment_id)
    tree = parsed(segment)
    if not isinstance(tree, Tree):
        return render_template("web/segments/closed.html", segment=segment, fault=tree)
    return page(segment, segment_trees.of_tree(tree), name=segment.name)


@blueprint.post("/new")
@requires("segments.edit")
def create() -> Any:
    """A button of the builder: one that changes the form, or the one that saves."""
    draft = segment_draft.read(request.form)
    if request.form.get("do") != "save":
        return changed_page(None, draft)
    session = db_session()
    name = request.form.get("name", "")
    try:
        tree = segment_trees.whole(draft)
        segment = saved.create(session, name, tree, now=clock.now(), actor_id=signed_in_user().id)
    except (SegmentError, saved.NameProblem) as problem:
        return refused_page(None, draft, problem)
    flash(_("Saved."))
    return redirect(url_for("segments.show", segment_id=segment.id), 303)


@blueprint.post("/<int:segment_id>")
@requires("segments.edit")
def change(segment_id: int) -> Any:
    """The same for a saved segment."""
    segment = segment_or_404(segment_id)
    draft = segment_draft.read(request.form)
    if request.form.get("do") != "save":
        return changed_page(segment, draft)
    name = request.form.get("name", "")
    try:
        tree = segment_trees.whole(draft)
        saved.checked(db_session(), name, tree, now=clock.now(), segment_id=segment_id)
        reaching = reached_by(segment, tree)
        if reaching and request.form.get("reaches") != told(reaching):
            return change_in_use_page(segment, name, tree, reaching)
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
        return refused_page(segment, draft, problem)
    if not changed:
        return conflict_page(segment, tree)
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
            "web/segments/rules.html",
            errors={},
            **rules_of(draft, number_in_form("segment"), focus),
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
        segment_id=number_in_form("segment"),
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
    segment = segment_or_404(segment_id)
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
    segment = segment_or_404(segment_id)
    uses = saved.remove(db_session(), segment_id, now=clock.now(), actor_id=signed_in_user().id)
    if uses:
        return render_template("web/segments/in_use.html", segment=segment, uses=uses), 409
    flash(_("The segment was deleted."))
    return redirect(url_for("segments.show_list"), 303)
