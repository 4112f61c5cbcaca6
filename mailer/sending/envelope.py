"""What the send layer adds to a message for one recipient: reason, source, opt-out, headers (R46).

Pure. The author of a campaign cannot leave any of it out.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from email.header import Header
from email.utils import formataddr
from functools import lru_cache

from mailer.config import Settings
from mailer.languages import format_date, gettext, in_language
from mailer.notice.schema import Entity
from mailer.notice.vocabulary import OWN_SOURCES
from mailer.roles.taxonomy import FUNCTION_LABELS
from mailer.tokens import Purpose, Recipient, Signer, TokenError

# The number of the link that no person sees: no link has it.
TRAP = 0


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a message is for, with everything its slots need. Made by the claim only, or for a
    preview."""

    message_id: int
    contact_id: int | None
    address: str
    address_key: bytes
    language: str
    first_name: str = ""
    last_name: str = ""
    company_name: str = ""
    title: str = ""
    function: str = ""
    shared_mailbox: bool = False
    source_kind: str = ""
    source_name: str = ""
    source_date: date | None = None
    informed: bool = True
    track_opens: bool = False
    track_clicks: bool = False

    @property
    def recipient(self) -> Recipient:
        """What links are signed for."""
        return Recipient(self.message_id, self.address_key)


class Links:
    """The addresses of one recipient's own links."""

    def __init__(self, settings: Settings) -> None:
        self._signer = Signer(settings.secret_key, *settings.retired_secret_keys)
        self._base = settings.public_url
        self._mailbox = settings.unsubscribe_mailbox

    def token(self, purpose: Purpose, person: Person) -> str:
        """The recipient's own token for a purpose; one for all the places that hold it."""
        return self._signer.make(purpose, person.recipient)

    def stop(self, person: Person) -> str:
        """The page with the one button, at the end of the message."""
        return self.stop_address(self.token(Purpose.STOP, person))

    def stop_address(self, token: str) -> str:
        """The address of that page."""
        return f"{self._base}/s/{token}"

    def open_address(self, token: str) -> str:
        """The address of the open pixel."""
        return f"{self._base}/o/{token}.gif"

    def click_address(self, token: str, link_id: int) -> str:
        """The address of one tracked link."""
        return f"{self._base}/c/{token}/{link_id}"

    def trap_address(self, token: str) -> str:
        """The address of the link that no person sees: who follows it is a machine."""
        return self.click_address(token, TRAP)

    def notice(self) -> str:
        """The public notice."""
        return f"{self._base}/privacy"

    def headers(self, token: str) -> list[tuple[str, str]]:
        """List-Unsubscribe and List-Unsubscribe-Post exactly as RFC 8058 wants them."""
        return [
            (
                "List-Unsubscribe",
                f"<{self._base}/u/{token}>, <mailto:{self._mailbox}?subject={token}>",
            ),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]

    def belongs_to(self, address: str, person: Person) -> bool:
        """Whether a stop address is a working opt-out of this very recipient."""
        return self._reads(Purpose.STOP, address.removeprefix(self.stop_address("")), person)

    def is_one_click(self, header: str, person: Person) -> bool:
        """Whether a List-Unsubscribe header has this very recipient's one-click opt-out."""
        token = header.removeprefix(f"<{self._base}/u/").partition(">")[0]
        written = dict(self.headers(token))["List-Unsubscribe"]
        return header == written and self._reads(Purpose.ONE_CLICK, token, person)

    def _reads(self, purpose: Purpose, token: str, person: Person) -> bool:
        try:
            return self._signer.read(purpose, token) == person.recipient
        except TokenError:
            return False


def reason(person: Person, language: str) -> str:
    """Why this person gets the message, and where the address came from."""
    if person.shared_mailbox:
        company = person.company_name or person.address.rpartition("@")[2]
        kind = "shared_mailbox"
    else:
        company = person.company_name
        kind = ("duties_at" if company else "duties") if person.function else "consent"
    before, after = _reason(language, kind, person.function, person.source_name, person.source_date)
    return f"{before}{company}{after}" if after else before


_COMPANY = "\0"
_ENCODED_WORD = 75


@lru_cache(maxsize=4096)
def _reason(
    language: str, kind: str, function: str, source: str, dated: date | None
) -> tuple[str, str]:
    """The sentences around the company's name, which is what differs from person to person."""
    with in_language(language):
        values = {
            "function": gettext(FUNCTION_LABELS.get(function, function)),
            "company": _COMPANY,
            "source": _source(source, dated),
        }
        text = _REASONS[kind](values).strip()
    before, _, after = text.partition(_COMPANY)
    return before, after


_REASONS = {
    "shared_mailbox": lambda values: gettext(
        "You get this message because this is a shared address of %(company)s. %(source)s",
        **values,
    ),
    "consent": lambda values: gettext(
        "You get this message with your consent. %(source)s", **values
    ),
    "duties": lambda values: gettext(
        "You get this message because your work (%(function)s) relates to its subject. %(source)s",
        **values,
    ),
    "duties_at": lambda values: gettext(
        "You get this message because your work (%(function)s, %(company)s) relates to its"
        " subject. %(source)s",
        **values,
    ),
}


def first_contact(person: Person, language: str, notice_url: str) -> str:
    """The Article 14 and 21(4) block of a first message, or nothing when it is not due (R48)."""
    if person.informed or person.source_kind in OWN_SOURCES:
        return ""
    return _first_contact(language, person.source_name, person.source_date, notice_url)


@lru_cache(maxsize=4096)
def _first_contact(language: str, source: str, dated: date | None, notice_url: str) -> str:
    with in_language(language):
        return gettext(
            "This is our first message to you. We did not get your data from you: the source is"
            " %(source)s (%(date)s). You have the right to object to direct marketing at any time"
            " with the link below, without giving a reason. What we do with your data is told at"
            " %(notice)s.",
            source=source,
            date=format_date(dated) if dated else "–",
            notice=notice_url,
        )


def _source(name: str, dated: date | None) -> str:
    if not name:
        return ""
    if dated is None:
        return gettext("Source of your address: %(source)s.", source=name)
    return gettext(
        "Source of your address: %(source)s, %(date)s.", source=name, date=format_date(dated)
    )


@lru_cache(maxsize=4096)
def art14_html(text: str) -> str:
    """The first-contact block as its own framed paragraph: apart from everything else (21(4)).

    Like the footer around it, the author's style sheet can neither hide nor pale it.
    """
    if not text:
        return ""
    return (
        '<p style="display:block!important;visibility:visible!important;opacity:1!important;'
        "position:static!important;height:auto!important;max-height:none!important;"
        "margin:0 0 16px;padding:12px 14px;border:1px solid #76828f;border-radius:6px;"
        f'color:#17222d!important;font-size:13px!important;">{html.escape(text)}</p>'
    )


def sender(name: str, address: str) -> str:
    """A From value: the name encoded as RFC 2047 wants, since SES takes ASCII only."""
    clean = " ".join(name.split())
    if not clean:
        return address
    if clean.isascii():
        return formataddr((clean, address))
    # Words of at most 75 characters (RFC 2047 section 2), on one line.
    words = Header(clean, "utf-8", maxlinelen=_ENCODED_WORD).encode(linesep="\n").split("\n")
    return f"{' '.join(word.strip() for word in words)} <{address}>"


def list_id(entity: Entity, domain: str) -> str:
    """A stable List-Id (RFC 2919) for everything an entity sends."""
    key = re.sub(r"[^a-z0-9]+", "-", entity.key.lower()).strip("-") or "list"
    return f"<marketing-{key}.{domain}>"


def tags(message_id: str, campaign_id: int) -> Mapping[str, str]:
    """Ids only: tags travel to AWS and back, so no personal data in them (R42)."""
    return {"message": message_id, "campaign": str(campaign_id)}
