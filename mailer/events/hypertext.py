"""The words of an HTML mail, without what it quotes.

Not an HTML parser: those of the standard library take minutes for a mail that was made to do so.
Every step here is linear in the length of the mail.
"""

import html
import re
from collections.abc import Iterator

LONGEST = 200_000
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,15})([^<>]{0,3000})>|<[!?/][^<>]{0,3000}>")
_MARKS = re.compile(r"(?:class|id)\s*=\s*[\"']?([^\"'>]{0,300})", re.IGNORECASE)
_HIDDEN = frozenset({"style", "script", "head", "title", "template"})
_QUOTES = frozenset({"blockquote"})
_QUOTE_MARKS = ("gmail_quote", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote")
# From here on Outlook repeats the mail that is answered.
_REST_MARKS = ("appendonsend", "divRplyFwdMsg", "mail-editor-reference-message-container")
_BREAKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "table", "ul", "ol", "hr"})
_VOID = frozenset({"br", "hr", "img", "meta", "link", "input", "col", "area", "base", "wbr"})


def plain(source: str) -> str:
    """HTML as lines of text; quoted mails are left out."""
    source = _without_comments(source[:LONGEST])
    return html.unescape("".join(_pieces(source)))


def _without_comments(source: str) -> str:
    kept, begin = [], 0
    while (start := source.find("<!--", begin)) >= 0:
        kept.append(source[begin:start])
        end = source.find("-->", start)
        if end < 0:
            return "".join(kept)
        begin = end + 3
    return "".join([*kept, source[begin:]])


def _pieces(source: str) -> Iterator[str]:
    skipped, depth, begin = "", 0, 0
    for match in _TAG.finditer(source):
        if not skipped:
            # Line ends in the source are spaces to a reader.
            yield source[begin : match.start()].replace("\n", " ")
        begin = match.end()
        closing, tag = match[1], (match[2] or "").lower()
        if tag in _BREAKS:
            yield "\n"
        if skipped:
            if tag == skipped and not (match[3] or "").endswith("/"):
                depth += -1 if closing else 1
            skipped = skipped if depth else ""
            continue
        marks = _marks(match[3] or "")
        if any(mark in marks for mark in _REST_MARKS):
            return
        if not closing and tag not in _VOID and _is_skipped(tag, marks):
            skipped, depth = tag, 1
    if not skipped:
        yield source[begin:].replace("\n", " ")


def _marks(attributes: str) -> str:
    return " ".join(_MARKS.findall(attributes)) if attributes else ""


def _is_skipped(tag: str, marks: str) -> bool:
    return tag in _HIDDEN or tag in _QUOTES or any(mark in marks for mark in _QUOTE_MARKS)
