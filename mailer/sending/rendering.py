"""One campaign made ready to send: fixed text and slots, once; what fills the slots, per person.

Preview, test send, archive copy and the real send use the same fields and the same values, so what
was checked is what is sent. SES substitutes `{{key}}` without escaping, so the escaping is ours;
`final` substitutes exactly as SES does.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup

from mailer.adapters.ses_bulk import WrittenEntry
from mailer.campaigns.content import Compiled, Slot, Template
from mailer.config import ROOT, Settings
from mailer.languages import current, gettext, in_language
from mailer.notice.schema import Entity, Notice
from mailer.sending import envelope, filling
from mailer.sending.envelope import Links, Person
from mailer.sending.filling import Filling, OptOutMissingError, harmless

_MARK = re.compile("\x00([a-z0-9_:]+)\x00")

__all__ = ["Final", "OptOutMissingError", "Rendering", "Skeleton"]

_templates = Environment(
    loader=FileSystemLoader(ROOT / "templates" / "mail"),
    autoescape=True,
    keep_trailing_newline=True,
    extensions=["jinja2.ext.i18n"],
)
_plain_templates = _templates.overlay(autoescape=False)
for environment in (_templates, _plain_templates):
    environment.globals["_"] = gettext


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
        self._skeletons = {c.language: self._skeleton(c) for c in contents}
        self._default = (
            default_language
            if default_language in self._skeletons
            else next(iter(self._skeletons), "")
        )
        self._fillings = {
            language: Filling(
                self.links,
                skeleton.slots,
                language=language,
                campaign_id=campaign_id,
                link_ids={
                    position: link_id
                    for (of, position), link_id in (link_ids or {}).items()
                    if of == language
                },
            )
            for language, skeleton in self._skeletons.items()
        }
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

    def entry(self, person: Person, *, test: bool = False) -> WrittenEntry:
        """What SES gets for one person. Raises OptOutMissingError."""
        return self._fillings[self.language_of(person)].entry(person, test=test)

    def data(self, person: Person, *, test: bool = False) -> dict[str, str]:
        """What fills the slots for one person, read back from what SES gets. Raises
        OptOutMissingError."""
        entry = self.entry(person, test=test)
        if not test:
            filling.read_back(entry, self.links, person)
        return entry.data

    def final(self, person: Person, *, test: bool = False) -> Final:
        """The message as this person gets it. Raises OptOutMissingError."""
        skeleton = self._skeletons[self.language_of(person)]
        entry = self.entry(person, test=test)
        if not test:
            filling.read_back(entry, self.links, person)
        values = entry.data
        return Final(
            subject=_fill(skeleton.subject, values),
            html=_fill(skeleton.html, values),
            text=_fill(skeleton.text, values),
            headers=(*self.common_headers, *entry.headers),
        )

    def content_hash(self) -> str:
        """A hash of everything that is said, in every language."""
        digest = hashlib.sha256()
        for language in sorted(self._skeletons):
            skeleton = self._skeletons[language]
            for part in (language, skeleton.subject, skeleton.html, skeleton.text):
                digest.update(part.encode() + b"\0")
        return digest.hexdigest()

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


def _join(parts: Iterable[str | Slot], context: str, slots: dict[str, Slot]) -> str:
    """Fixed text with `{{key}}` for each slot; same name and fallback share a key."""
    pieces: list[str] = []
    for part in parts:
        if isinstance(part, str):
            pieces.append(harmless(part))
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
