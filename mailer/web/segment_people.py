"""Who is in a saved segment, page by page, and the numbers of the list."""

from flask import Blueprint, abort, render_template, request
from sqlalchemy.orm import Session

from mailer import clock
from mailer.segments import build
from mailer.segments.models import Segment
from mailer.segments.rules import SegmentError, Tree, parse
from mailer.web.guard import requires
from mailer.web.paging import SIZE
from mailer.web.request import db_session

blueprint = Blueprint("segment_people", __name__, url_prefix="/segments/<int:segment_id>")


@blueprint.get("/people")
@requires("contacts.view")
def browse(segment_id: int) -> str:
    """The people of a segment; `verdict` in the URL keeps those with that answer of the gate."""
    session = db_session()
    segment, tree, fault = _read(session, segment_id)
    verdict = request.args.get("verdict") or None
    after = request.args.get("after", "0")
    people: list[build.Person] = []
    counted = build.Audience(0, 0, {})
    if tree is not None:
        ask = build.usual_ask(session, tree.functions(), now=clock.now())
        try:
            counted = build.counts(session, tree, ask)
            people = build.people(
                session,
                tree,
                ask,
                verdict=verdict,
                limit=SIZE + 1,
                after=int(after)
                if after.isascii() and after.isdecimal() and len(after) < 19
                else 0,
            )
        except SegmentError as error:
            fault = error.sentence()
    return render_template(
        "web/segments/people.html",
        segment=segment,
        fault=fault,
        people=[(person, build.sentence(person.verdict)) for person in people[:SIZE]],
        next_after=people[SIZE - 1].contact_id if len(people) > SIZE else None,
        verdict=verdict,
        verdicts=[(code, build.sentence(code), n) for code, n in counted.by_verdict.items()],
        total=counted.matching,
    )


@blueprint.get("/now")
@requires("segments.view")
def now(segment_id: int) -> str:
    """How many people are in a segment now: a cell of the list, for htmx."""
    session = db_session()
    _segment, tree, fault = _read(session, segment_id)
    counted = None
    if tree is not None:
        try:
            counted = build.counts(
                session, tree, build.usual_ask(session, tree.functions(), now=clock.now())
            )
        except SegmentError as error:
            fault = error.sentence()
    return render_template("web/segments/now.html", counted=counted, fault=fault)


def _read(session: Session, segment_id: int) -> tuple[Segment, Tree | None, str]:
    segment = session.get(Segment, segment_id) if segment_id < 2**63 else None
    if segment is None:
        abort(404)
    try:
        return segment, parse(segment.tree), ""
    except SegmentError as error:
        return segment, None, error.sentence()
