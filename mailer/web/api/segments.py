"""Segments through the API: their rules, and how many people they reach and leave out."""

from typing import Any

from sqlalchemy import select

from mailer.campaigns.drafts import functions_of
from mailer.languages import N_
from mailer.segments import build
from mailer.segments.models import Segment
from mailer.segments.rules import SegmentError
from mailer.web.api import paging
from mailer.web.api.operations import Call, Record, Reply, operation
from mailer.web.api.problems import Problem
from mailer.web.api.schemas import COUNT, ID, MOMENT, VERSION, Schema, component, record

_HEAD: dict[str, Schema] = {
    "id": ID,
    "name": {"type": "string"},
    "version": VERSION,
    "updated_at": MOMENT,
}
SEGMENT = component("Segment", record(_HEAD))
SEGMENT_SHOWN = component(
    "SegmentShown",
    record({**_HEAD, "rules": {"type": "object", "description": N_("The stored rule tree.")}}),
)
SEGMENT_COUNT = component(
    "SegmentCount",
    record(
        {
            "people": {**COUNT, "description": N_("Who may be mailed now.")},
            "companies": COUNT,
            "left_out": {
                "type": "object",
                "additionalProperties": COUNT,
                "description": N_(
                    "How many others match, by the reason why they may not be mailed."
                ),
            },
        }
    ),
)


@operation(
    "GET",
    "/segments",
    scope="segments.read",
    summary=N_("List segments"),
    query=paging.QUERY,
    answers={200: ("A page of segments", paging.page_of(SEGMENT))},
)
def list_segments(call: Call) -> Reply:
    after, limit = paging.asked(call.query)
    rows = call.session.scalars(
        select(Segment).where(Segment.id > after).order_by(Segment.id).limit(limit + 1)
    ).all()
    return Reply(paging.page(rows, limit, number=lambda segment: segment.id, show=_head))


@operation(
    "GET",
    "/segments/{segment_id}",
    scope="segments.read",
    summary=N_("Show a segment"),
    answers={200: ("The segment with its rules", SEGMENT_SHOWN)},
)
def show_segment(call: Call) -> Reply:
    segment = _segment(call)
    return Reply({**_head(segment), "rules": segment.tree})


@operation(
    "GET",
    "/segments/{segment_id}/count",
    scope="segments.read",
    summary=N_("Count the people of a segment"),
    about=N_("By the same question that a campaign to the segment would ask at this moment."),
    answers={200: ("Who may be mailed, and who is left out", SEGMENT_COUNT)},
    may_fail=("segment_unusable",),
)
def count_segment(call: Call) -> Reply:
    segment = _segment(call)
    ask = build.usual_ask(call.session, frozenset(functions_of(segment.tree)), now=call.now)
    try:
        found = build.counts(call.session, segment.tree, ask)
    except SegmentError as error:
        raise Problem("segment_unusable", more={"reason": error.sentence()}) from None
    left_out = {code: n for code, n in found.by_verdict.items() if code != build.CLEAR}
    facts = {"people": found.people}
    return Reply(
        {"people": found.people, "companies": found.companies, "left_out": left_out},
        Record("segment", segment.id, facts),
    )


def _segment(call: Call) -> Segment:
    segment = call.session.get(Segment, call.path["segment_id"])
    if segment is None:
        raise Problem("not_found")
    return segment


def _head(segment: Segment) -> dict[str, Any]:
    return {
        "id": segment.id,
        "name": segment.name,
        "version": segment.version,
        "updated_at": segment.updated_at,
    }
