"""Makes a message of what somebody wrote: subject, HTML and plain text with places to be filled.

Compiled once per campaign and language; per recipient only the slots are filled, and whoever fills
them escapes them. The opt-out, the sender and the source of the data are not here: the send layer
puts them before `</body>`, of which there is exactly one.
"""

import html as html_text
import re
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache

from lxml import etree

from mailer.adapters import mjml as compiler
from mailer.campaigns import markup, merge, plain_text, vocabulary
from mailer.campaigns.merge import Parts, Slot, Template
from mailer.campaigns.problems import ContentError, Problem

__all__ = [
    "Compiled",
    "ContentError",
    "ImageSpot",
    "LinkSpot",
    "Problem",
    "Slot",
    "Template",
    "compile_content",
]

LONGEST_SUBJECT = 200
LONGEST_PREHEADER = 200

# Private-use characters mark places while the compilers work; markup refuses them in the source.
_FIELD_MARK = "\ue000{}\ue001"
_LINK_MARK = "\ue002{}\ue003"
_MARKS = re.compile("\ue000([0-9]+)\ue001|\ue002([0-9]+)\ue003")
# A numbered character beyond ASCII.
_NUMBERED = re.compile(r"&#(1(?:2[89]|[3-9][0-9])|[2-9][0-9]{2}|[0-9]{4,7});")
_ANCHOR = re.compile(r'(<a\b[^>]*?\bhref=")([^"]*)(")')
_DARK = '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes"'
_DARK += ' content="light dark">'
# Keeps mail programs from filling the preview with the first words of the message.
_FILLER = "&#847;&zwnj;&nbsp;" * 60
_HIDDEN = "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;"
_HIDDEN += "overflow:hidden;mso-hide:all;"


@dataclass(frozen=True, slots=True)
class LinkSpot:
    """A link of the content. `position` counts from 1; `label` is what the reader sees."""

    position: int
    url: str
    label: str


@dataclass(frozen=True, slots=True)
class ImageSpot:
    """An image of the content."""

    url: str
    alt: str


@dataclass(frozen=True, slots=True)
class Compiled:
    """A message in one language, ready to be filled.

    Slots are merge fields, and `link:<position>` with the link's own URL as fallback. `links` are
    the http(s) ones; `other_links` (mailto, tel, empty, `#`) stay as written and have position 0.
    """

    language: str
    subject: Template
    preheader: Template
    html: Template
    text: Template
    links: tuple[LinkSpot, ...]
    other_links: tuple[LinkSpot, ...] = ()
    images: tuple[ImageSpot, ...] = ()


@dataclass(slots=True)
class _Marks:
    """What the marks in the text under work stand for."""

    fields: list[Slot] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def field_mark(self, slot: Slot) -> str:
        self.fields.append(slot)
        return _FIELD_MARK.format(len(self.fields) - 1)

    def link_mark(self, url: str) -> str:
        self.links.append(url)
        return _LINK_MARK.format(len(self.links))

    def template(self, marked: str) -> Template:
        parts: Parts = []
        end = 0
        for match in _MARKS.finditer(marked):
            parts.append(marked[end : match.start()])
            parts.append(self._slot(match))
            end = match.end()
        parts.append(marked[end:])
        return merge.template(parts)

    def _slot(self, match: re.Match[str]) -> Slot:
        if match.group(1) is not None:
            return self.fields[int(match.group(1))]
        return Slot(f"link:{match.group(2)}", self.links[int(match.group(2)) - 1])

    def plain(self, marked: str) -> str:
        """The text as read by somebody whose every field is empty."""
        return _MARKS.sub(lambda match: self._slot(match).fallback, marked)


@lru_cache(maxsize=64)
def compile_content(language: str, subject: str, preheader: str, mjml: str) -> Compiled:
    """The message in one language. Raises ContentError with every problem found."""
    subject_template, problems = merge.line(subject, "subject", LONGEST_SUBJECT)
    preheader_template, more = merge.line(preheader, "preheader", LONGEST_PREHEADER)
    problems += more
    try:
        tree = deepcopy(markup.read(mjml))
    except ContentError as error:
        raise ContentError(problems + error.problems) from None
    if problems:
        raise ContentError(problems)
    marks = _Marks()
    styles = _take_styles(tree)
    _name(tree, language, _marked(subject_template, marks))
    _mark_fields(tree, marks)
    html = _compile(tree)
    html = _dress(html, styles, _marked(preheader_template, marks))
    html = _ANCHOR.sub(lambda match: _mark_link(match, marks), html)
    page = plain_text.read(
        html, {_LINK_MARK.format(number): url for number, url in enumerate(marks.links, 1)}
    )
    if not page.text.strip() and not page.images:
        raise ContentError([Problem(None, "empty")])
    spots = [
        LinkSpot(number, url, _label(page.labels.get(_LINK_MARK.format(number), ""), marks))
        for number, url in enumerate(marks.links, 1)
    ]
    other = [LinkSpot(0, url, _label(label, marks)) for url, label in page.other_links]
    return Compiled(
        language=language,
        subject=subject_template,
        preheader=preheader_template,
        html=marks.template(html),
        text=marks.template(page.text),
        links=tuple(spots),
        other_links=tuple(other),
        images=tuple(ImageSpot(src, marks.plain(alt)) for src, alt in page.images),
    )


def _take_styles(tree: etree._Element) -> str:
    # The compiler does not unescape styles, so ours are put in after it.
    found = []
    for style in list(tree.iter("mj-style")):
        found.append((style.text or "").strip())
        parent = style.getparent()
        if parent is not None:
            parent.remove(style)
    return "\n".join(found)


def _name(tree: etree._Element, language: str, title: str) -> None:
    tree.set("lang", language)
    head = tree.find("mj-head")
    if head is None:
        head = etree.Element("mj-head")
        tree.insert(0, head)
    etree.SubElement(head, "mj-title").text = title or " "


def _marked(template: Template, marks: _Marks) -> str:
    return "".join(
        part if isinstance(part, str) else marks.field_mark(part) for part in template.parts
    )


def _mark_fields(tree: etree._Element, marks: _Marks) -> None:
    for element in tree.iter():
        tag = str(element.tag)
        if not tag.startswith("mj") and not element.text and tag not in vocabulary.VOID:
            element.text = ""  # <b></b>, not <b/>, which HTML takes for an opening tag
        if element.text:
            element.text = _marked_words(element.text, marks)
        if element.tail:
            element.tail = _marked_words(element.tail, marks)
        for name in ("alt", "title"):
            if element.get(name):
                element.set(name, _marked_words(element.get(name, ""), marks))


def _marked_words(text: str, marks: _Marks) -> str:
    return _marked(merge.template(merge.split(text)[0]), marks)


def _compile(tree: etree._Element) -> str:
    try:
        html = compiler.to_html(_as_ascii(tree))
    except compiler.MjmlError as error:
        raise ContentError([Problem(None, "compiler", str(error)[:200])]) from None
    html = _NUMBERED.sub(lambda match: chr(int(match.group(1))), html)
    if html.count("</body>") != 1 or html.count("<body") != 1 or html.count("</head>") != 1:
        raise ContentError([Problem(None, "compiler", "body")])
    return html


def _as_ascii(tree: etree._Element) -> str:
    # In attributes the compiler writes some characters as \u{a0} and doubles backslashes; numbers
    # it leaves alone.
    return etree.tostring(tree, encoding="ascii").decode().replace("\\", "&#92;")


def _dress(html: str, styles: str, preheader: str) -> str:
    head = _DARK if "prefers-color-scheme" in styles else ""
    if styles:
        head += f'<style type="text/css">\n{styles}\n</style>'
    html = html.replace("</head>", head + "</head>")
    if preheader:
        hidden = f'<div style="{_HIDDEN}">{html_text.escape(preheader)}{_FILLER}</div>'
        html = re.sub(r"<body\b[^>]*>", lambda match: match.group() + hidden, html, count=1)
    return html


def _mark_link(match: re.Match[str], marks: _Marks) -> str:
    url = html_text.unescape(match.group(2)).strip()
    if not url.lower().startswith(("http://", "https://")):
        return match.group()
    return f"{match.group(1)}{marks.link_mark(url)}{match.group(3)}"


def _label(marked: str, marks: _Marks) -> str:
    return " ".join(marks.plain(marked).split())[:200]
