"""One incoming mail, read from bytes that anybody may have made: never trusted, never too long.

Only the beginning is read, where a person's own words are. Nothing here raises for what a mail may
hold; what cannot be read is left out and said (`tangled`).
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.policy import EmailPolicy, default
from itertools import islice
from typing import Any

from mailer.contacts.address import AddressError, canonical
from mailer.events.hypertext import plain

# A mail is read so far; attachments come after the text.
READ_BYTES = 512 * 1024
LONGEST_HEADER = 2000
LONGEST_TEXT = 50_000
LONGEST_SUBJECT = 500
MOST_PARTS = 60
# Each level of parts multiplies the work on every line below it.
MOST_BOUNDARIES = 24
MOST_WORK = 400_000
_BOUNDARY = re.compile(rb"boundary|message/", re.IGNORECASE)
_ID = re.compile(r"<([^<>\s]{3,200})>")
_ADDRESS = re.compile(r"[^\s<>\"(),:;@\\]{1,64}@[^\s<>\"(),:;@\\]{3,190}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029\ud800-\udfff]")
# Invisible characters that would hide a word from us and not from a reader.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_CHARSETS = re.compile(
    r"(?:utf-?(?:8|16|32).*|ascii|us-ascii|latin-?1|iso-?8859-?\d{1,2}|cp\d{3,4}|windows-\d{3,4}"
    r"|koi8-[ru]|mac-?roman|gb2312|gbk|gb18030|big5|shift_jis|euc-(?:jp|kr)|iso-?2022-jp)"
)
KEPT_HEADERS = (
    "auto-submitted",
    "precedence",
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-response-suppress",
    "return-path",
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as far as it matters here. Texts have no control characters but line ends."""

    sender: str = ""  # canonical; empty when there is none that can be used
    subject: str = ""
    text: str = ""
    to: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()  # Message-IDs of In-Reply-To and References
    headers: dict[str, str] = field(default_factory=dict)
    report: str = ""  # report-type of a multipart/report
    tangled: bool = False  # its structure was not followed


class _Tolerant(EmailPolicy):
    """policy.default for hostile mail: short headers, and no exception from reading one."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        """Headers are cut, so that no parser meets a long one."""
        name, value = super().header_source_parse(sourcelines)
        return name, value[:LONGEST_HEADER]

    def header_fetch_parse(self, name: str, value: str) -> Any:
        """What the strict parser cannot take is returned as it is."""
        try:
            return super().header_fetch_parse(name, value)
        except Exception:  # noqa: BLE001 - the parser raises nearly anything on made-up headers
            return _clean(value)


_POLICY = _Tolerant(**{name: getattr(default, name) for name in ("utf8", "max_line_length")})


def read(raw: bytes) -> Letter:
    """A mail from its bytes."""
    head = raw[:READ_BYTES]
    levels = len(_BOUNDARY.findall(head))
    if levels > MOST_BOUNDARIES or levels * head.count(b"\n") > MOST_WORK:
        return _of_headers(head)
    try:
        message = message_from_bytes(head, _class=EmailMessage, policy=_POLICY)
        return _letter(message, _text_of(message))
    except (RecursionError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return _of_headers(head)


def _of_headers(head: bytes) -> Letter:
    """What the headers alone say."""
    try:
        message = BytesHeaderParser(policy=_POLICY).parsebytes(head)
        return _letter(message, "", tangled=True)
    except (RecursionError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return Letter(tangled=True)


def _letter(message: Message, text: str, *, tangled: bool = False) -> Letter:
    return Letter(
        sender=_sender(message),
        subject=" ".join(_header(message, "subject").split())[:LONGEST_SUBJECT],
        text=text,
        to=_addresses(message),
        answers=_ids(message),
        headers={name: _header(message, name) for name in KEPT_HEADERS if name in message},
        report=_report_type(message),
        tangled=tangled,
    )


def _header(message: Message, name: str) -> str:
    return _clean(str(message.get(name, "")))[:LONGEST_HEADER]


def _sender(message: Message) -> str:
    """The one address of From; none when there are more, since nobody could say whose mail it is.

    A name or a comment may look like an address too, so the parser's own word comes first.
    """
    parsed = getattr(message.get("from", ""), "addresses", ())
    found = [each.addr_spec for each in parsed] or _ADDRESS.findall(_header(message, "from"))
    if len(found) != 1:
        return ""
    try:
        return str(canonical(_clean(found[0])))
    except AddressError:
        return ""


def _addresses(message: Message) -> tuple[str, ...]:
    found: list[str] = []
    for name in ("to", "cc", "delivered-to", "x-original-to"):
        values = (value for key, value in message.raw_items() if key.lower() == name)
        for value in islice(values, 5):
            found += _ADDRESS.findall(_clean(str(_POLICY.header_fetch_parse(name, value))))
    return tuple(dict.fromkeys(found[:50]))


def _ids(message: Message) -> tuple[str, ...]:
    found = _ID.findall(_header(message, "in-reply-to") + _header(message, "references"))
    return tuple(dict.fromkeys(found[:20]))


def _report_type(message: Message) -> str:
    if message.get_content_type() != "multipart/report":
        return ""
    return str(message.get_param("report-type") or "unknown").lower()[:40]


def _text_of(message: Message) -> str:
    """The person's text: the first plain part, else the first HTML one made plain."""
    html: Message | None = None
    for part in _parts(message):
        kind = part.get_content_type()
        if kind == "text/plain":
            text = _decoded(part)
            if text.strip():
                return text
        elif kind == "text/html" and html is None:
            html = part
    return _tidy(plain(_decoded(html))) if html is not None else ""


def _parts(message: Message) -> Iterator[Message]:
    """The parts that are shown, in order. Mails within the mail are not its sender's words."""
    waiting, seen = [message], 0
    while waiting and seen < MOST_PARTS:
        part = waiting.pop(0)
        seen += 1
        if part.get_content_maintype() == "multipart" and isinstance(part.get_payload(), list):
            waiting = [*part.get_payload(), *waiting]
        elif part.get_content_disposition() != "attachment":
            yield part


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    raw = raw[: 4 * LONGEST_TEXT]
    for charset in (_charset(part), "utf-8"):
        try:
            return _tidy(raw.decode(charset))
        except (UnicodeError, LookupError, ValueError):
            continue
    return _tidy(raw.decode("cp1252", "replace"))


def _charset(part: Message) -> str:
    """The declared charset when it is one of texts: some codecs of Python's are none, or slow."""
    declared = str(part.get_content_charset() or "utf-8").lower()
    if not _CHARSETS.fullmatch(declared):
        return "utf-8"
    try:
        return codecs.lookup(declared).name
    except (LookupError, ValueError):
        return "utf-8"


def _tidy(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _clean(lines)[:LONGEST_TEXT]


def _clean(text: str) -> str:
    return _INVISIBLE.sub("", _CONTROLS.sub(" ", text)).replace("\xa0", " ")
