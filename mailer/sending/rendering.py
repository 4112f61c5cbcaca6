"""One campaign made ready to send: fixed text and slots, once; what fills the slots, per person.

Preview, test send, archive copy and the real send use the same fields and the same values, so what
was checked is what is sent. SES substitutes `{{key}}` without escaping, so the escaping is ours;
`final` substitutes exactly as SES does.
"""

import hashlib
import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from mailer.campaigns.content import Compiled, Slot, Template
from mailer.config import ROOT, Settings
from mailer.languages import current, gettext, in_language
from mailer.notice.schema import Entity, Notice
from mailer.sending import envelope
from mailer.sending.envelope import Links, Person

_MARK = re.compile("\x00([a-z0-9_:]+)\x00")
# SES would take these for slots of its own, also inside a value.
_OPENING = "{{"
_BRACES = re.compile(r"\{(?=\{)")

# Control characters, marks that turn the direction of what follows, halves of characters.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_UNSEEN_STYLE = "display:none!important;visibility:hidden!important;"
# One contact's nonsense must not carry a whole call over SES's limit for data.
LONGEST_VALUE = 3_000

_templates = Environment(
    loader=FileSystemLoader(ROOT / "templates" / "mail"),
    autoescape=True,
    keep_trailing_newline=True,
    extensions=["jinja2.ext.i18n"],
)
_plain_templates = _templates.overlay(autoescape=False)
for environment in (_templates, _plain_templates):
    environment.globals["_"] = gettext


class OptOutMissingError(Exception):
    """A message lacks a working opt-out of its own recipient and must not be sent (R46)."""


@dataclass(frozen=True, slots=True)
class Final:
    """A message as its recipient gets it."""

    subject: str
    html: str
    text: str
    headers: tuple[tuple[str, str], ...]

    @property
    def size(self) -> int:
        """Bytes of HTML, which is what Gmail cuts at 102 KB."""
        return len(self.html.encode())


@dataclass(slots=True)
class Skeleton:
    """The message in one language: three templates with `{{key}}` slots, and how to fill them."""

    language: str
    subject: str
    html: str
    text: str
    slots: dict[str, Slot] = field(default_factory=dict)


class Rendering:
    """A campaign ready to be sent to any of its people."""

    def __init__(
        self,
        settings: Settings,
        *,
        campaign_id: int,
        notice: Notice,
        entity: Entity,
        sender_name: str,
        sender_address: str,
        reply_to: str,
        contents: Iterable[Compiled],
        link_ids: Mapping[tuple[str, int], int] | None = None,
        default_language: str = "fi",
    ) -> None:
        self.links = Links(settings)
        self.campaign_id = campaign_id
        self.entity = entity
        self.notice = notice
        self.sender = envelope.sender(sender_name or entity.name, sender_address)
        self.reply_to = reply_to or notice.contact_email
        self._link_ids = dict(link_ids or {})
        self._skeletons = {c.language: self._skeleton(c) for c in contents}
        self._default = (
            default_language
            if default_language in self._skeletons
            else next(iter(self._skeletons), "")
        )
        domain = sender_address.rpartition("@")[2]
        self.common_headers: tuple[tuple[str, str], ...] = (
            ("List-Id", envelope.list_id(entity, domain)),
        )

    @property
    def languages(self) -> list[str]:
        """The languages there is a version in."""
        return list(self._skeletons)

    def language_of(self, person: Person) -> str:
        """The version a person gets: their language, else the campaign's first."""
        return person.language if person.language in self._skeletons else self._default

    def skeleton(self, language: str) -> Skeleton:
        """The version in a language. Raises KeyError."""
        return self._skeletons[language]

    def data(self, person: Person, *, test: bool = False) -> dict[str, str]:
        """What fills the slots for one person. Raises OptOutMissingError."""
        language = self.language_of(person)
        skeleton = self._skeletons[language]
        shared = _Shared(self, person, test=test)
        values = {key: shared.value(key, slot) for key, slot in skeleton.slots.items()}
        if not test:
            self._check_opt_out(person, values)
        return values

    def headers(self, person: Person) -> list[tuple[str, str]]:
        """The headers that are this recipient's own."""
        return self.links.headers(person)

    def final(self, person: Person, *, test: bool = False) -> Final:
        """The message as this person gets it. Raises OptOutMissingError."""
        skeleton = self._skeletons[self.language_of(person)]
        values = self.data(person, test=test)
        return Final(
            subject=_fill(skeleton.subject, values),
            html=_fill(skeleton.html, values),
            text=_fill(skeleton.text, values),
            headers=(*self.common_headers, *self.headers(person)),
        )

    def content_hash(self) -> str:
        """A hash of everything that is said, in every language."""
        digest = hashlib.sha256()
        for language in sorted(self._skeletons):
            skeleton = self._skeletons[language]
            for part in (language, skeleton.subject, skeleton.html, skeleton.text):
                digest.update(part.encode() + b"\0")
        return digest.hexdigest()

    def link_id(self, language: str, position: int) -> int | None:
        """The id of a frozen link; None before launch, when nothing is tracked."""
        return self._link_ids.get((language, position))

    def _skeleton(self, content: Compiled) -> Skeleton:
        skeleton = Skeleton(content.language, "", "", "")
        with in_language(content.language):
            footer = _template_parts(self._footer("footer.html", _templates))
            plain_footer = _template_parts(self._footer("footer.txt", _plain_templates))
        before, after = _split_body(content.html)
        skeleton.subject = _join(content.subject.parts, "s", skeleton.slots)
        unseen = (Slot("trap", ""), Slot("pixel", ""))
        skeleton.html = _join((*before, *footer, *unseen, *after), "h", skeleton.slots)
        skeleton.text = _join((*content.text.parts, *plain_footer), "t", skeleton.slots)
        if 'href="{{h_stop}}"' not in skeleton.html or "{{t_stop}}" not in skeleton.text:
            raise OptOutMissingError(content.language)
        return skeleton

    def _footer(self, name: str, templates: Environment) -> str:
        return templates.get_template(name).render(
            slot=lambda key: Markup("\0{}\0").format(key),
            language=current(),
            entity=self.entity,
            contact_email=self.notice.contact_email,
            notice_url=self.links.notice(),
        )

    def _check_opt_out(self, person: Person, values: Mapping[str, str]) -> None:
        link = values["t_stop"]
        if html.unescape(values["h_stop"]) != link or not self.links.belongs_to(link, person):
            raise OptOutMissingError(self.language_of(person))


class _Shared:
    """Values one person's slots share, made once."""

    def __init__(self, rendering: Rendering, person: Person, *, test: bool) -> None:
        self._rendering = rendering
        self._person = person
        self._language = rendering.language_of(person)
        links = rendering.links
        self._click = links.click_token(person) if person.track_clicks and not test else None
        stop = links.stop(person, test=test)
        first_contact = envelope.first_contact(person, self._language, links.notice())
        self._made: dict[str, str] = {
            "stop": stop,
            "reason": envelope.reason(person, self._language),
            "art14": first_contact,
            "pixel": "",
            "first_name": person.first_name[:LONGEST_VALUE],
            "last_name": person.last_name[:LONGEST_VALUE],
            "company_name": person.company_name[:LONGEST_VALUE],
            "title": person.title[:LONGEST_VALUE],
        }
        self._pixel = (
            links.open_address(links.open_token(person))
            if person.track_opens and not test
            else None
        )

    def value(self, key: str, slot: Slot) -> str:
        """The finished text of one slot, escaped for where it stands."""
        context = key[0]
        if slot.name == "pixel":
            return self._pixel_html() if context == "h" else ""
        if slot.name == "trap":
            return self._trap_html() if context == "h" else ""
        if slot.name == "art14":
            block = _one_line(self._made["art14"])
            if context == "h":
                return _harmless(envelope.art14_html(block))
            return _harmless(f"{block}\n\n" if block else "")
        if slot.name.startswith("link:"):
            text = self._link(slot)
        else:
            text = _one_line(self._made.get(slot.name, "")) or slot.fallback
        return _harmless(html.escape(text) if context == "h" else text)

    def _link(self, slot: Slot) -> str:
        if self._click is None:
            return slot.fallback
        link_id = self._rendering.link_id(self._language, int(slot.name.partition(":")[2]))
        if link_id is None:
            return slot.fallback
        return self._rendering.links.click_address(self._click, link_id)

    def _pixel_html(self) -> str:
        if self._pixel is None:
            return ""
        return f'<img src="{html.escape(self._pixel)}" width="1" height="1" alt="">'

    def _trap_html(self) -> str:
        """A link that no person sees, hears or reaches by keyboard: only machines follow it."""
        if self._click is None:
            return ""
        address = html.escape(self._rendering.links.trap_address(self._click))
        return f'<a href="{address}" aria-hidden="true" tabindex="-1" style="{_UNSEEN_STYLE}"></a>'


def _one_line(text: str) -> str:
    return _UNSEEN.sub("", " ".join(text.split()))


def _harmless(text: str) -> str:
    return _BRACES.sub("{ ", text) if _OPENING in text else text


def _join(parts: Iterable[str | Slot], context: str, slots: dict[str, Slot]) -> str:
    """Fixed text with `{{key}}` for each slot; same name and fallback share a key."""
    pieces: list[str] = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(_harmless(part))
            continue
        base = f"{context}_{part.name.replace(':', '_')}"
        key, number = base, 1
        while key in slots and slots[key] != part:
            number += 1
            key = f"{base}_{number}"
        slots[key] = part
        # Three brackets would be something else to SES.
        after_bracket = bool(pieces) and pieces[-1].endswith("{")
        pieces.append((" {{" if after_bracket else "{{") + key + "}}")
    return "".join(pieces)


_FIELD = re.compile(r"\{\{([a-z0-9_]+)\}\}")


def _fill(text: str, values: Mapping[str, Any]) -> str:
    return _FIELD.sub(lambda match: str(values[match.group(1)]), text)


def _template_parts(text: str) -> list[str | Slot]:
    pieces = _MARK.split(text)
    return [Slot(piece, "") if index % 2 else piece for index, piece in enumerate(pieces)]


def _split_body(content: Template) -> tuple[list[str | Slot], list[str | Slot]]:
    """The parts before and after `</body>`, where the footer goes."""
    for index in range(len(content.parts) - 1, -1, -1):
        part = content.parts[index]
        if isinstance(part, str) and "</body>" in part:
            head, tail = part.rsplit("</body>", 1)
            return (
                [*content.parts[:index], head],
                ["</body>" + tail, *content.parts[index + 1 :]],
            )
    return list(content.parts), []
