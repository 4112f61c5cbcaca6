"""Reads MJML strictly: what this accepts is all that can ever reach the compiler.

The compiler lets nearly everything pass, and what it lets pass ends up in people's mail programs.
So the source is parsed as XML without entities, network or DTD, held against
mailer.campaigns.vocabulary, and the tree that was checked, not the source, goes on to be compiled.
Comments are dropped: Outlook's conditional ones could hold anything.
"""

import html.entities
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from lxml import etree

from mailer.campaigns import merge, vocabulary
from mailer.campaigns.problems import ContentError, Problem

LONGEST = 200_000
MOST_ELEMENTS = 5_000
DEEPEST = 60
MOST_PROBLEMS = 50

_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_ENTITY = re.compile(r"&(#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};)?")
_XML_DECLARATION = re.compile(r"\A\ufeff?\s*<\?xml[^>]*\?>")
_FORBIDDEN_DECLARATION = re.compile(r"<!(?:DOCTYPE|ENTITY|\[CDATA\[)|<\?", re.IGNORECASE)
_VOID_TAG = re.compile(r"<(br|hr)(\s[^<>]*?)?\s*(?<!/)>", re.IGNORECASE)
_URL_ATTRIBUTES = frozenset({"href", "src", "background-url"})
_WITH_FIELDS = frozenset({"alt", "title"})
_PLAIN_URL = re.compile(r"[A-Za-z0-9:/._~%?&=+@,;!#-]*")
# What a style must not hold: a way out of the attribute or element, code, or a fetch.
_BAD_STYLE = re.compile(
    r"[<>\\]|url\s*\(|@import|expression\s*\(|javascript:|behaviou?r\s*:|-moz-binding|image-set",
    re.IGNORECASE,
)


def read(source: str) -> etree._Element:
    """The checked tree of an MJML document. Raises ContentError with every problem found."""
    problems = list(_faults_of_text(source))
    if problems:
        raise ContentError(problems)
    root = _parse(_as_xml(source))
    problems = list(_faults_of_shape(root))
    if not problems:
        problems = [problem for element in root.iter() for problem in _faults(element)]
    if problems:
        raise ContentError(problems[:MOST_PROBLEMS])
    return root


def _faults_of_text(source: str) -> Iterator[Problem]:
    if not source.strip():
        yield Problem(None, "empty")
    elif len(source) > LONGEST:
        yield Problem(None, "too_large", str(LONGEST))
    elif merge.has_bad_characters(source):
        number = next(
            (n for n, line in enumerate(source.split("\n"), 1) if merge.has_bad_characters(line)),
            None,
        )
        yield Problem(number, "characters")
    else:
        found = _FORBIDDEN_DECLARATION.search(_XML_DECLARATION.sub("", source))
        if found is not None:
            line = source.count("\n", 0, source.find(found.group())) + 1
            yield Problem(line, "declaration")


def _as_xml(source: str) -> str:
    # People write &nbsp;, bare & and <br> as in HTML. The number of lines stays the same.
    source = _XML_DECLARATION.sub(lambda match: "\n" * match.group().count("\n"), source)
    source = _ENTITY.sub(_as_xml_entity, source)
    return _VOID_TAG.sub(lambda match: f"<{match.group(1).lower()}{match.group(2) or ''}/>", source)


def _as_xml_entity(match: re.Match[str]) -> str:
    name = match.group(1)
    if name is None:
        return "&amp;"
    if name.startswith("#") or name[:-1] in _XML_ENTITIES:
        return match.group()
    known = html.entities.html5.get(name)
    return f"&amp;{name}" if known is None else "".join(f"&#{ord(char)};" for char in known)


def _parse(source: str) -> etree._Element:
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        strip_cdata=False,
    )
    try:
        return etree.fromstring(source.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise ContentError([Problem(error.lineno or 1, "syntax", _said(error))]) from None


def _said(error: etree.XMLSyntaxError) -> str:
    return re.sub(r", line \d+, column \d+.*$", "", str(error.msg))[:200]


def _faults_of_shape(root: etree._Element) -> Iterator[Problem]:
    for count, element in enumerate(root.iter(), 1):
        if count > MOST_ELEMENTS or sum(1 for _ in element.iterancestors()) > DEEPEST:
            yield Problem(element.sourceline, "too_deep")
            return
    if root.tag != "mjml" or len(root.findall("mj-body")) != 1 or len(root.findall("mj-head")) > 1:
        yield Problem(root.sourceline or 1, "root")


def _faults(element: etree._Element) -> Iterator[Problem]:
    tag = element.tag
    if not isinstance(tag, str) or element.nsmap:
        yield Problem(element.sourceline, "unknown_tag", str(tag)[:60])
        return
    parent = element.getparent()
    within = str(parent.tag) if parent is not None else ""
    misplaced = _fault_of_place(element, tag, within)
    if misplaced is not None:
        yield misplaced
        return
    for name, value in element.attrib.items():
        code, detail = _fault_of_attribute(tag, within, str(name), str(value))
        if code:
            yield Problem(element.sourceline, code, detail[:60])
    # Once more, because a character may have come as a number: &#57344;
    if any(merge.has_bad_characters(text) for text in _texts(element)):
        yield Problem(element.sourceline, "characters")
    if tag == "mj-social-element" and not element.get("src"):
        yield Problem(element.sourceline, "missing_source", tag)
    yield from _faults_of_words(element, tag)


def _texts(element: etree._Element) -> Iterator[str]:
    yield element.text or ""
    yield element.tail or ""
    yield from (str(value) for value in element.attrib.values())


def _fault_of_place(element: etree._Element, tag: str, within: str) -> Problem | None:
    if within == "mj-attributes":
        known = tag in vocabulary.COMPONENTS or tag in ("mj-all", "mj-class")
        return None if known else Problem(element.sourceline, "unknown_tag", tag)
    if tag in ("mj-preview", "mj-title"):
        return Problem(element.sourceline, tag.removeprefix("mj-"))
    if tag in vocabulary.INLINE or tag in vocabulary.IN_TABLES:
        return None if _may_hold(element) else Problem(element.sourceline, "misplaced", tag)
    if tag not in vocabulary.ATTRIBUTES:
        return Problem(element.sourceline, "unknown_tag", tag[:60])
    if tag != "mjml" and within not in vocabulary.PARENTS[tag]:
        return Problem(element.sourceline, "misplaced", tag)
    return Problem(element.sourceline, "misplaced", tag) if tag == "mjml" and within else None


def _may_hold(element: etree._Element) -> bool:
    # HTML stands among words only; the parts of a table in mj-table only; a link in no link.
    inside = {str(ancestor.tag) for ancestor in element.iterancestors()}
    if element.tag in vocabulary.IN_TABLES:
        return "mj-table" in inside
    if element.tag == "a":
        return bool(inside & {"mj-text", "mj-raw", "mj-table"}) and "a" not in inside
    return bool(inside & vocabulary.WORDED)


def _fault_of_attribute(tag: str, within: str, name: str, value: str) -> tuple[str, str]:
    if name not in _allowed_attributes(tag, within):
        return "unknown_attribute", name
    if name not in _WITH_FIELDS and ("{" in value or "}" in value):
        return "field_in_address", name
    if name in _URL_ATTRIBUTES:
        return _fault_of_url(name, value)
    if name in _WITH_FIELDS:
        return next(((fault.code, fault.detail) for fault in merge.split(value)[1]), ("", ""))
    if name == "style":
        return ("style", value) if _BAD_STYLE.search(value) else ("", "")
    bad = len(value) > 300 or re.search(r"[<>;\\]|url\s*\(|expression", value, re.IGNORECASE)
    return ("attribute_value", name) if bad else ("", "")


def _allowed_attributes(tag: str, within: str) -> frozenset[str]:
    if within == "mj-attributes":
        return vocabulary.EVERY_ATTRIBUTE | ({"name"} if tag == "mj-class" else frozenset())
    if tag.startswith("mj"):
        classes = {"mj-class"} if tag in vocabulary.COMPONENTS else frozenset()
        return vocabulary.ATTRIBUTES[tag] | classes
    return vocabulary.html_attributes(tag)


def _fault_of_url(name: str, value: str) -> tuple[str, str]:
    value = value.strip()
    if name == "background-url" and not _PLAIN_URL.fullmatch(value):
        return "attribute_value", name
    if name == "href" and (not value or value.startswith("#")):
        return "", ""  # harmless; the checks before sending name it (B9)
    wanted = ("http", "https", "mailto", "tel") if name == "href" else ("http", "https")
    try:
        parts = urlsplit(value)
        known = parts.scheme.lower() in wanted and not re.search(r"[\s<>\"\\^`]", value)
        complete = bool(parts.hostname) or parts.scheme.lower() in ("mailto", "tel")
    except ValueError:
        known = complete = False
    if known and complete:
        return "", ""
    return ("url" if name == "href" else "image_url"), name


def _faults_of_words(element: etree._Element, tag: str) -> Iterator[Problem]:
    words = [(element.text or "", element.sourceline)]
    words += [(child.tail or "", child.sourceline) for child in element]
    worded = tag in vocabulary.WORDED or not tag.startswith("mj")
    for text, line in words:
        if tag == "mj-style":
            bad = _BAD_STYLE.search(text.replace(">", " "))
            if bad is not None:
                yield Problem(line, "style", bad.group())
        elif worded:
            for fault in merge.split(text)[1]:
                number = None if line is None else line + text.count("\n", 0, fault.at)
                yield Problem(number, fault.code, fault.detail)
        elif text.strip():
            yield Problem(line, "stray_text", tag)
