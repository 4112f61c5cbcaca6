"""The certificate on paper, in the language in force.

What is signed is the JSON. The PDF carries it in a comment behind its last object, so that the one
file can be checked too (`extract`); people see its hash, signature and key.
"""

import base64
import binascii
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import reportlab
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from mailer.events import signing
from mailer.events.certificate import CHECKS, FAILS, HOLDS
from mailer.languages import current, format_datetime, format_number, gettext
from mailer.segments import build

# Bitstream Vera comes with reportlab, may be embedded, and has all letters of our languages and €.
_PLAIN, _BOLD = "Vera", "VeraBd"
_RED, _GREY, _LINE = (
    colors.HexColor("#a4161a"),
    colors.HexColor("#4a5763"),
    colors.HexColor("#c3ccd4"),
)
# Between the margins and the 6 points that a frame keeps on either side.
_WIDTH = A4[0] - 40 * mm - 12
_MARK = b"%lupaposti-certificate "
_CARRIED = re.compile(rb"^" + _MARK + rb"([A-Za-z0-9+/=]+)\r?$", re.MULTILINE)


def make(sealed: Mapping[str, Any], words: Mapping[str, Mapping[str, str]]) -> bytes:
    """The PDF of a signed certificate. `words`: what `states`, `actions`, `kinds` are called."""
    document = sealed["certificate"]
    output = io.BytesIO()
    campaign = document["campaign"]
    pdf = SimpleDocTemplate(
        output,
        pagesize=A4,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        title=_known(gettext("Certificate of the campaign %(name)s", name=campaign["name"])),
        author="Lupaposti",
        lang=current(),
        invariant=1,
    )
    pdf.build(list(_story(sealed, words)))
    return _with_attachment(output.getvalue(), sealed)


def extract(pdf: bytes) -> bytes | None:
    """The signed JSON that a PDF of `make` carries, if it is one."""
    found = _CARRIED.findall(pdf)
    try:
        return base64.b64decode(found[-1], validate=True) if found else None
    except binascii.Error:
        return None


def _with_attachment(pdf: bytes, sealed: Mapping[str, Any]) -> bytes:
    # A comment may stand anywhere; readers look for the last `startxref`, so it is repeated.
    start = pdf.rindex(b"startxref")
    carried = base64.b64encode(json.dumps(sealed, ensure_ascii=False).encode())
    return pdf.rstrip() + b"\n" + _MARK + carried + b"\n" + pdf[start:].rstrip() + b"\n"


def _story(sealed: Mapping[str, Any], words: Mapping[str, Mapping[str, str]]) -> Iterator[Any]:
    document = sealed["certificate"]
    campaign = document["campaign"]
    yield _text(gettext("Certificate of the campaign %(name)s", name=campaign["name"]), "title")
    if document["adds_up"]:
        yield _text(gettext("Everything adds up."), "verdict")
    elif any(check["result"] == FAILS for check in document["checks"]):
        yield _text(gettext("The numbers do not add up. See the checks marked below."), "bad")
    else:
        yield _text(gettext("Not everything is settled yet. See the checks below."), "verdict")
    yield _pairs(_facts(document))
    yield _text(gettext("Audience"), "heading")
    yield _numbers(_audience(document, words))
    yield _text(gettext("What Amazon's events say"), "heading")
    yield _numbers(_events(document, words))
    yield _text(gettext("Checks"), "heading")
    yield _checks(document)
    yield _text(gettext("Decisions"), "heading")
    yield _pairs(
        (
            _moment(each["at"]),
            ", ".join(filter(None, (words["actions"].get(each["action"]), each["by"]))),
        )
        for each in document["decisions"]
    )
    yield _text(gettext("Signature"), "heading")
    digest = hashlib.sha256(signing.canonical(document)).hexdigest()
    signature = sealed["signature"]
    yield _pairs(
        [
            (gettext("SHA-256 of the certificate"), digest),
            (gettext("Signature (%(name)s)", name=signature["algorithm"]), signature["value"]),
            (gettext("Public key"), signature["public_key"]),
        ]
    )
    yield _text(
        gettext(
            "This file carries the signed certificate as JSON: `mailer certificate verify` checks"
            " it and prints what it states."
        ),
        "small",
    )


def _facts(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    campaign = document["campaign"]
    yield gettext("Stated"), f"{_moment(document['stated_at'])}, {document['software']}"
    yield gettext("Installation"), document["installation"]
    yield gettext("Campaign"), f"{campaign['id']}: {campaign['name']}"
    yield gettext("Sending began"), _moment(campaign["launched_at"])
    yield gettext("Ended"), _moment(campaign["finished_at"])
    yield gettext("Sender"), campaign["sender"]
    yield gettext("Segment"), campaign["segment"] or "–"
    yield gettext("Relevance basis"), campaign["relevance_basis"] or "–"
    yield gettext("Content hash"), campaign["content_hash"] or "–"
    yield gettext("Notice version"), str(campaign["notice_version"] or "–")


def _audience(
    document: Mapping[str, Any], words: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, int, bool]]:
    for name, number in document["states"].items():
        if name != "blocked" and number:
            yield words["states"][name], number, False
    for verdict, number in document["left_out"].items():
        reason = build.sentence(verdict)
        yield gettext("Left out: %(reason)s", reason=reason), number, False
    yield gettext("Audience"), document["audience"], True


def _events(
    document: Mapping[str, Any], words: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, int, bool]]:
    for kind, number in document["events"]["messages_by_kind"].items():
        yield words["kinds"].get(kind, kind), number, False
    yield (
        gettext("Messages with an id of Amazon's"),
        document["events"]["message_ids_of_amazon"],
        True,
    )


def _checks(document: Mapping[str, Any]) -> Table:
    rows, style = [], [*_LINES]
    for place, check in enumerate(document["checks"]):
        name = {HOLDS: "plain", FAILS: "bad"}.get(check["result"], "strong")
        result = {
            HOLDS: gettext("Holds"),
            FAILS: gettext("Does not hold"),
        }.get(check["result"], gettext("Open"))
        expected = "–" if check["expected"] is None else format_number(check["expected"])
        rows.append(
            [
                _text(gettext(CHECKS[check["name"]]), name),
                _text(f"{expected} / {format_number(check['found'])}", name + "-number"),
                _text(result, name),
            ]
        )
        if check["result"] == FAILS:
            style.append(("BACKGROUND", (0, place), (-1, place), colors.HexColor("#fdecea")))
    return Table(rows, colWidths=[_WIDTH - 65 * mm, 30 * mm, 35 * mm], style=TableStyle(style))


_LINES: list[tuple[Any, ...]] = [
    ("LINEBELOW", (0, 0), (-1, -1), 0.4, _LINE),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("TOPPADDING", (0, 0), (-1, -1), 2),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
]


def _pairs(pairs: Any) -> Any:
    rows = [[_text(term, "term"), _text(value, "plain")] for term, value in pairs]
    if not rows:
        return Spacer(1, 1)
    return Table(rows, colWidths=[45 * mm, _WIDTH - 45 * mm], style=TableStyle(_LINES))


def _numbers(rows: Iterator[tuple[str, int, bool]]) -> Table:
    cells = [
        [
            _text(label, "strong" if total else "plain"),
            _text(format_number(number), "strong-number" if total else "plain-number"),
        ]
        for label, number, total in rows
    ]
    return Table(cells, colWidths=[_WIDTH - 35 * mm, 35 * mm], style=TableStyle(_LINES))


def _text(words: str, style: str) -> Paragraph:
    return Paragraph(escape(_known(words)), _styles()[style])


def _moment(value: str | None) -> str:
    return format_datetime(datetime.fromisoformat(value)) if value else "–"


def _known(words: str) -> str:
    """What the font has no letter for becomes a question mark; the JSON has it as it is."""
    _styles()
    letters = pdfmetrics.getFont(_PLAIN).face.charToGlyph
    return "".join(each if ord(each) in letters else "?" for each in words)


@cache
def _styles() -> dict[str, ParagraphStyle]:
    fonts = Path(reportlab.__file__).parent / "fonts"
    for name in (_PLAIN, _BOLD):
        pdfmetrics.registerFont(TTFont(name, str(fonts / f"{name}.ttf")))
    # Hashes and addresses have no spaces to break a line at.
    plain = ParagraphStyle(
        "plain", fontName=_PLAIN, fontSize=8.5, leading=11.5, splitLongWords=1, wordWrap="CJK"
    )
    bold = ParagraphStyle("strong", plain, fontName=_BOLD)
    styles = {
        "plain": plain,
        "strong": bold,
        "term": ParagraphStyle("term", plain, textColor=_GREY),
        "bad": ParagraphStyle("bad", bold, textColor=_RED),
        "verdict": ParagraphStyle("verdict", bold, fontSize=10, spaceAfter=6),
        "title": ParagraphStyle("title", bold, fontSize=15, leading=19, spaceAfter=4),
        "heading": ParagraphStyle(
            "heading", bold, fontSize=10.5, leading=14, spaceBefore=10, spaceAfter=3
        ),
        "small": ParagraphStyle("small", plain, textColor=_GREY, fontSize=7.5, spaceBefore=6),
    }
    numbers = {
        f"{name}-number": ParagraphStyle(f"{name}-number", styles[name], alignment=2)
        for name in ("plain", "strong", "bad")
    }
    return styles | numbers
