"""Reads compiled HTML as a person would without pictures: words, headings, lists, links."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree
from lxml import html as lxml_html

_SPACED = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "table", "ul"})
_BLOCKS = _SPACED | {"caption", "div", "hr", "li", "td", "th", "tr"}
_CELLS = frozenset({"td", "th"})
_SILENT = frozenset({"head", "script", "style", "title"})
# Invisible characters that pad the preview of a message.
_SPACES = re.compile(r"[ \t\r\n\f\v\u00a0\u034f\u200b\u200c\u200d]+")


@dataclass(slots=True)
class Page:
    """What a page of HTML says.

    `labels` by mark for the links that the caller marked; `other_links` and `images` in order.
    """

    marked: Mapping[str, str]
    text: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    other_links: list[tuple[str, str]] = field(default_factory=list)
    images: list[tuple[str, str]] = field(default_factory=list)


def read(html: str, marked: Mapping[str, str]) -> Page:
    """The page in an HTML document made by the compiler. `marked`: mark -> URL it stands for."""
    document = lxml_html.document_fromstring(html)
    page = Page(marked=marked)
    lines = _Lines()
    body = document.find("body")
    if body is not None:
        _walk(body, page, lines, inside_list="")
    page.text = lines.finish()
    return page


class _Lines:
    """Text under work: words join into lines, blocks begin new ones."""

    def __init__(self) -> None:
        self._lines: list[str] = [""]
        self._space = False

    def add(self, text: str) -> None:
        words = _SPACES.sub(" ", text)
        if not words:
            return
        if words.startswith(" ") or self._space:
            self._glue()
        self._lines[-1] += words.strip(" ")
        self._space = words.endswith(" ")

    def _glue(self) -> None:
        self._space = False
        if self._lines[-1] and not self._lines[-1].endswith(" "):
            self._lines[-1] += " "

    def begin_line(self, start: str = "") -> None:
        self._space = False
        if self._lines[-1].strip() or start:
            if not self._lines[-1].strip():
                self._lines[-1] = start
            else:
                self._lines.append(start)

    def begin_block(self) -> None:
        self.begin_line()
        if len(self._lines) > 1 and self._lines[-2] != "":
            self._lines.insert(-1, "")

    def finish(self) -> str:
        text = "\n".join(line.rstrip() for line in self._lines)
        return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _walk(element: etree._Element, page: Page, lines: _Lines, *, inside_list: str) -> None:
    tag = element.tag
    if not isinstance(tag, str) or tag in _SILENT or _is_hidden(element):
        return
    _open(element, tag, lines, inside_list)
    if tag == "a":
        _add_link(element, page, lines)
        return
    if tag == "img":
        alt = element.get("alt", "")
        page.images.append((element.get("src", ""), alt))
        lines.add(alt)
        return
    lines.add(element.text or "")
    for number, child in enumerate(element, 1):
        marker = {"ul": "- ", "ol": f"{number}. "}.get(tag, "")
        _walk(child, page, lines, inside_list=marker)
        lines.add(child.tail or "")
    _close(tag, lines)


def _open(element: etree._Element, tag: str, lines: _Lines, marker: str) -> None:
    if tag == "li":
        lines.begin_line(marker or "- ")
    elif tag == "br":
        lines.begin_line()
    elif tag in _CELLS and _is_data_cell(element):
        lines.add(" | " if element.getprevious() is not None else "")
    elif tag in _SPACED:
        lines.begin_block()
    elif tag in _BLOCKS:
        lines.begin_line()


def _close(tag: str, lines: _Lines) -> None:
    if tag in _SPACED:
        lines.begin_block()
    elif tag in _BLOCKS and tag not in _CELLS:
        lines.begin_line()


def _is_data_cell(element: etree._Element) -> bool:
    # The cells of a table of facts stay on one line; those of a layout do not.
    table = next(element.iterancestors("table"), None)
    return table is not None and table.get("role") != "presentation"


def _is_hidden(element: etree._Element) -> bool:
    return "display:none" in (element.get("style") or "").replace(" ", "")


def _add_link(element: etree._Element, page: Page, lines: _Lines) -> None:
    inner = _Lines()
    inner.add(element.text or "")
    for child in element:
        _walk(child, page, inner, inside_list="")
        inner.add(child.tail or "")
    label = " ".join(inner.finish().split())
    address = element.get("href", "").strip()
    url = page.marked.get(address)
    if url is None:
        page.other_links.append((address, label))
        url = address
    else:
        page.labels[address] = label
    lines.add(_shown(label, address, url))


def _shown(label: str, address: str, url: str) -> str:
    # The address is said once, and not at all when it leads nowhere.
    url = url.removeprefix("mailto:").removeprefix("tel:")
    address = address.removeprefix("mailto:").removeprefix("tel:")
    if not url or url.startswith("#"):
        return label
    if not label or label.rstrip("/") == url.rstrip("/"):
        return address
    return f"{label} ({address})"
