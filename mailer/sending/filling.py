"""What fills a message for one person, compiled once for a language.

A bulk entry is fixed text with places; per person only the values of the places are made, each
once, however many slots show it. What a preview or a test shows is read back from the very entry
that SES would get.

No entry can be made without the opt-out of its own recipient: address, links and headers are
filled from one person in one step, and a form without the places of the opt-out cannot be made.
"""

import html
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from mailer.adapters.ses_bulk import EntryForm, WrittenEntry, place, quote
from mailer.campaigns.content import Slot
from mailer.sending import envelope
from mailer.sending.envelope import Links, Person
from mailer.tokens import Purpose

# SES would take these for slots of its own, also inside a value.
_OPENING = "{{"
_BRACES = re.compile(r"\{(?=\{)")
# Control characters, marks that turn the direction of what follows, halves of characters.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# What stands for something else in HTML, JSON or a template.
_SPECIAL = re.compile(r"""["'&<>{\\]|  """)
# One contact's nonsense must not carry a whole call over SES's limit for data.
LONGEST_VALUE = 3_000
_UNSEEN_STYLE = "display:none!important;visibility:hidden!important;"
_FIELDS = frozenset({"first_name", "last_name", "company_name", "title"})
_OPT_OUT = ("stop", "stop", "one_click", "one_click")

Maker = Callable[[Person], str]


class OptOutMissingError(Exception):
    """A message lacks a working opt-out of its own recipient and must not be sent (R46)."""


class Filling:
    """Writes the entries of a campaign's people in one language."""

    def __init__(
        self,
        links: Links,
        slots: Mapping[str, Slot],
        *,
        language: str,
        campaign_id: int,
        link_ids: Mapping[int, int],
    ) -> None:
        self._links = links
        self._slots = dict(slots)
        self._language = language
        self._campaign_id = campaign_id
        self._link_ids = dict(link_ids)
        self._notice = links.notice()
        self._makers: dict[str, Maker] = {}
        # By whether opens and clicks are tracked.
        self._forms: dict[tuple[bool, bool], EntryForm] = {}

    def entry(self, person: Person, *, test: bool = False) -> WrittenEntry:
        """The entry of one person. Raises OptOutMissingError.

        A test copy is not tracked, and its opt-out leads to a demo page.
        """
        tracked = (False, False) if test else (person.track_opens, person.track_clicks)
        form = self._forms.get(tracked)
        if form is None:
            form = self._forms[tracked] = self._form(*tracked)
        values = {name: make(person) for name, make in self._makers.items()}
        links = self._links
        stop = links.token(Purpose.TEST if test else Purpose.STOP, person)
        one_click = links.token(Purpose.ONE_CLICK, person)
        values["to"] = quote(person.address)
        values["message"] = str(person.message_id)
        values["stop"] = stop
        values["one_click"] = one_click
        if tracked[0]:
            values["open"] = links.token(Purpose.OPEN, person)
        if tracked[1]:
            values["click"] = links.token(Purpose.CLICK, person)
        text = form.fill(values)
        if not stop or not one_click or text.count(stop) < 2 or text.count(one_click) < 2:
            raise OptOutMissingError(self._language)
        return WrittenEntry(person.address, text)

    def _form(self, opens: bool, clicks: bool) -> EntryForm:
        form = EntryForm(
            data={
                key: self._shown(key[0], slot, opens=opens, clicks=clicks)
                for key, slot in self._slots.items()
            },
            headers=self._links.headers(place("one_click")),
            tags=envelope.tags(place("message"), self._campaign_id),
        )
        if sorted(each for each in form.places if each in _OPT_OUT) != sorted(_OPT_OUT):
            raise OptOutMissingError(self._language)
        return form

    def _shown(self, context: str, slot: Slot, *, opens: bool, clicks: bool) -> str:
        """One slot in its context (h: HTML, t: text, s: subject), with places for what is the
        person's."""
        if slot.name == "pixel":
            return self._pixel() if opens and context == "h" else ""
        if slot.name == "trap":
            return self._trap() if clicks and context == "h" else ""
        if slot.name in ("art14", "reason"):
            return self._place(f"{slot.name}_{context}", self._said(slot.name, context))
        if slot.name == "stop":
            return _escape(self._links.stop_address(place("stop")), context)
        if slot.name in _FIELDS:
            fallback = _escape(slot.fallback, context)
            name = f"{slot.name}_{context}_{list(self._slots.values()).index(slot)}"
            return self._place(name, _field(slot.name, context, quote(quote(fallback))))
        return _escape(self._link(slot) if clicks else slot.fallback, context)

    def _place(self, name: str, make: Maker) -> str:
        self._makers[name] = make
        return place(name)

    def _link(self, slot: Slot) -> str:
        position = slot.name.partition(":")[2]
        link_id = self._link_ids.get(int(position)) if position.isdecimal() else None
        if link_id is None:
            return slot.fallback
        return self._links.click_address(place("click"), link_id)

    def _pixel(self) -> str:
        address = html.escape(self._links.open_address(place("open")))
        return f'<img src="{address}" width="1" height="1" alt="">'

    def _trap(self) -> str:
        """A link that no person sees, hears or reaches by keyboard: only machines follow it."""
        address = html.escape(self._links.trap_address(place("click")))
        return f'<a href="{address}" aria-hidden="true" tabindex="-1" style="{_UNSEEN_STYLE}"></a>'

    def _said(self, name: str, context: str) -> Maker:
        language, notice = self._language, self._notice
        if name == "reason":
            return lambda person: _value(envelope.reason(person, language), context)
        return lambda person: _art14(
            envelope.first_contact(person, language, notice), in_html=context == "h"
        )


def read_back(entry: WrittenEntry, links: Links, person: Person) -> None:
    """Read an entry as its recipient's mail program would and follow its opt-outs. Raises
    OptOutMissingError unless each is a working one of this very person."""
    data = entry.data
    shown = [html.unescape(data.get("h_stop", "")), data.get("t_stop", "")]
    one_click = dict(entry.headers).get("List-Unsubscribe", "")
    if (
        entry.to != person.address
        or not all(links.belongs_to(address, person) for address in shown)
        or not links.is_one_click(one_click, person)
    ):
        raise OptOutMissingError(person.language)


def _field(name: str, context: str, fallback: str) -> Maker:
    def make(person: Person) -> str:
        text: str = getattr(person, name)
        return (_value(text[:LONGEST_VALUE], context) if text else "") or fallback

    return make


def _value(text: str, context: str) -> str:
    """A person's value as it stands in an entry: JSON within JSON, so quoted twice."""
    if text.isprintable() and not _SPECIAL.search(text) and text.strip() == text:
        return text
    return quote(quote(_escape(one_line(text), context)))


@lru_cache(maxsize=4096)
def _art14(text: str, *, in_html: bool) -> str:
    block = one_line(text)
    shown = envelope.art14_html(block) if in_html else f"{block}\n\n" if block else ""
    return quote(quote(harmless(shown)))


def _escape(text: str, context: str) -> str:
    return harmless(html.escape(text) if context == "h" else text)


def one_line(text: str) -> str:
    """Text without line breaks and without what cannot be seen."""
    return _UNSEEN.sub("", " ".join(text.split()))


def harmless(text: str) -> str:
    """Text that SES does not take for a template."""
    return _BRACES.sub("{ ", text) if _OPENING in text else text
