"""The notice on paper, in the language in force."""

import io
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import reportlab
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate

from mailer.languages import current, gettext
from mailer.notice.sections import Section

# Bitstream Vera comes with reportlab, may be embedded, and has all letters of our languages.
_PLAIN, _BOLD = "Vera", "VeraBd"


def make(sections: Sequence[Section], version: str) -> bytes:
    """The PDF; `version` is the sentence that says which version it is and since when."""
    output = io.BytesIO()
    document = SimpleDocTemplate(
        output,
        pagesize=A4,
        leftMargin=20 * mm,
        rightMargin=20 * mm,
        topMargin=18 * mm,
        bottomMargin=18 * mm,
        title=gettext("Privacy notice"),
        author="Lupaposti",
        subject=_known(version),
        lang=current(),
        invariant=1,
    )
    document.build(list(_story(sections, version)))
    return output.getvalue()


def _story(sections: Sequence[Section], version: str) -> Iterator[Paragraph]:
    yield _text(gettext("Privacy notice"), "title")
    yield _text(version, "plain")
    for number, section in enumerate(sections, 1):
        yield _text(f"{number}. {section.title}", "heading")
        for sentence in section.sentences:
            yield _text(sentence, "plain")
        if section.link:
            yield _text(section.link.removeprefix("mailto:"), "plain")
        for item in section.items:
            yield _text(item, "item")


def _text(words: str, style: str) -> Paragraph:
    bullet = "•" if style == "item" else None
    return Paragraph(escape(_known(words)), _styles()[style], bulletText=bullet)


def _known(words: str) -> str:
    """What the font has no letter for becomes a question mark; the page has it as it is."""
    _styles()
    letters: Any = pdfmetrics.getFont(_PLAIN).face.charToGlyph
    return "".join(each if ord(each) in letters else "?" for each in words.replace("\n", " "))


@cache
def _styles() -> dict[str, ParagraphStyle]:
    fonts = Path(reportlab.__file__).parent / "fonts"
    for name in (_PLAIN, _BOLD):
        pdfmetrics.registerFont(TTFont(name, str(fonts / f"{name}.ttf")))
    plain = ParagraphStyle(
        "plain", fontName=_PLAIN, fontSize=9.5, leading=13, spaceAfter=3, splitLongWords=1
    )
    heading = ParagraphStyle(
        "heading", plain, fontName=_BOLD, fontSize=11, leading=15, spaceBefore=9, keepWithNext=1
    )
    return {
        "plain": plain,
        "heading": heading,
        "title": ParagraphStyle("title", heading, fontSize=16, leading=21),
        "item": ParagraphStyle("item", plain, leftIndent=12, bulletIndent=2, spaceAfter=1),
    }
