"""The pages of the segment builder: the form as it is, refused, asked about, or in conflict."""

from typing import Any

from flask import abort, render_template, request
from sqlalchemy import select

from mailer import clock
from mailer.accounts.models import User
from mailer.audit import AuditEntry
from mailer.languages import format_date, format_datetime
from mailer.languages import gettext as _
from mailer.segments import history, presets, saved, words
from mailer.segments.choices import names
from mailer.segments.models import FixedList, Segment
from mailer.segments.rules import SegmentError, Tree, dump, parse
from mailer.web import segment_lists, segment_moves, segment_trees
from mailer.web.request import db_session, notice_in_force
from mailer.web.segment_draft import Draft
from mailer.web.segment_form import lifted_of, rows_of
from mailer.web.segment_history import graph
from mailer.web.segment_numbers import count_draft, explain_address


def begun_of_list() -> tuple[Draft, str] | None:
    """The form of a segment of the fixed list that the URL names, and its name."""
    number = _whole(request.args.get("fixed", ""))
    fixed = db_session().get(FixedList, number) if number else None
    if fixed is None:
        return None
    rule = {"field": "fixed_list", "is": "any_of", "value": [fixed.id]}
    name = _("%(name)s, fixed %(day)s", name=fixed.name, day=format_date(fixed.fixed_at))
    return segment_trees.of_tree(parse(rule)), name[: saved.LONGEST_NAME]


def begun_of_copy() -> tuple[Draft, str] | None:
    """The form of a copy of the segment that the URL names, and its name."""
    number = _whole(request.args.get("copy", ""))
    segment = db_session().get(Segment, number) if number else None
    tree = parsed(segment) if segment else None
    if segment is None or not isinstance(tree, Tree):
        return None
    return segment_trees.of_tree(tree), _("Copy of %(name)s", name=segment.name)[
        : saved.LONGEST_NAME
    ]


def changed_page(segment: Segment | None, draft: Draft) -> str:
    """The builder after one of its buttons."""
    focus = segment_moves.apply(draft, request.form.get("do", ""))
    return page(segment, draft, name=request.form.get("name", ""), focus=focus)


def refused_page(
    segment: Segment | None, draft: Draft, problem: SegmentError | saved.NameProblem
) -> tuple[str, int]:
    """The builder with what keeps it from being saved."""
    if isinstance(problem, SegmentError):
        errors = {problem.path: problem.sentence()}
    else:
        errors = {"name": _(saved.NAME_PROBLEMS[problem.code])}
    return page(segment, draft, name=request.form.get("name", ""), errors=errors), 422


def page(
    segment: Segment | None,
    draft: Draft,
    *,
    name: str = "",
    errors: dict[str, str] | None = None,
    focus: str | None = None,
) -> str:
    """The builder with everything beside it."""
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
        **rules_of(draft, segment.id if segment else None, focus),
    )


def rules_of(draft: Draft, segment_id: int | None, focus: str | None) -> dict[str, Any]:
    """What the rows of the builder are drawn from."""
    groups = rows_of(db_session(), draft, notice_in_force(), segment_id=segment_id)
    return {"groups": groups, "lifted": lifted_of(draft, groups), "focus": focus}


def reached_by(segment: Segment, tree: Tree) -> list[saved.Use]:
    """What saving these rules reaches, if they are other rules than before."""
    now = parsed(segment)
    if isinstance(now, Tree) and dump(now) == dump(tree):
        return []
    return saved.reached_by_change(db_session(), segment.id)


def told(uses: list[saved.Use]) -> str:
    """What was shown when the user agreed: if more has come since, they are asked again."""
    return ",".join(sorted(f"{use.kind}-{use.id}" for use in uses))


def change_in_use_page(
    segment: Segment, name: str, mine: Tree, reached: list[saved.Use]
) -> tuple[str, int]:
    """Asks before a change is saved that reaches others."""
    theirs = parsed(segment)
    known = names(db_session(), [tree for tree in (mine, theirs) if isinstance(tree, Tree)])
    answer = render_template(
        "web/segments/change_in_use.html",
        segment=segment,
        name=name,
        version=request.form.get("version", ""),
        uses=reached,
        reaches=told(reached),
        mine=words.outline(mine, known),
        theirs=words.outline(theirs, known) if isinstance(theirs, Tree) else theirs,
        fields=_typed(),
    )
    return answer, 409


def _typed() -> list[tuple[str, str]]:
    """What was typed, to be sent again with another button."""
    left_out = {"csrf_token", "version", "do", "address", "reaches"}
    return [
        (key, value)
        for key, values in request.form.lists()
        if key not in left_out
        for value in values
    ]


def conflict_page(segment: Segment, mine: Tree) -> tuple[str, int]:
    """Both versions, when somebody else has saved meanwhile."""
    session = db_session()
    session.expire(segment)
    theirs = parsed(segment)
    who = session.execute(
        select(User.name, AuditEntry.at)
        .join(User, User.id == AuditEntry.actor_id)
        .where(AuditEntry.object_kind == "segment", AuditEntry.object_id == segment.id)
        .order_by(AuditEntry.id.desc())
        .limit(1)
    ).first()
    trees = [tree for tree in (mine, theirs) if isinstance(tree, Tree)]
    known = names(session, trees)
    answer = render_template(
        "web/segments/conflict.html",
        segment=segment,
        who=who.name if who else _("Somebody"),
        when=format_datetime(segment.updated_at),
        mine=words.outline(mine, known),
        theirs=words.outline(theirs, known) if isinstance(theirs, Tree) else theirs,
        name=request.form.get("name", ""),
        fields=_typed(),
    )
    return answer, 409


def segment_or_404(segment_id: int) -> Segment:
    """The segment, or the page that says there is none."""
    segment = db_session().get(Segment, segment_id) if segment_id < 2**63 else None
    if segment is None:
        abort(404)
    return segment


def parsed(segment: Segment) -> Tree | str:
    """The rules, or why they cannot be read."""
    try:
        return parse(segment.tree)
    except SegmentError as error:
        return error.sentence()


def number_in_form(name: str) -> int | None:
    """A row id that a control holds."""
    return _whole(request.form.get(name, ""))


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None
