"""What has happened to a contact, newest first, from every part of the product."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from textwrap import shorten

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.accounts.models import User
from mailer.audit import AuditEntry
from mailer.campaigns.models import Campaign, Link
from mailer.contacts import (
    bans,
    consents,
    interaction_lists,
    provenance,
    suppression,
    web_visits,
)
from mailer.contacts.address import AddressError, canonical
from mailer.contacts.interaction_cells import is_whole_day
from mailer.contacts.models import ConsentEvent, Contact, Import
from mailer.events import answers
from mailer.events.models import Event
from mailer.languages import N_
from mailer.languages import gettext as _
from mailer.notice.vocabulary import FIELDS, INTERACTION_KINDS
from mailer.segments import build
from mailer.sending.models import Message

MOST = 200
MESSAGE_STATES = {
    "queued": (N_("Waits to be sent"), "hourglass"),
    "sending": (N_("Being sent"), "send"),
    "sent": (N_("Sent"), "send"),
    "delivered": (N_("Delivered"), "mail-check"),
    "bounced": (N_("Came back"), "triangle-alert"),
    "complained": (N_("Reported as spam"), "triangle-alert"),
    "blocked": (N_("Not sent"), "ban"),
    "failed": (N_("Refused by Amazon SES"), "circle-x"),
    "uncertain": (N_("Not known whether it was sent"), "circle-help"),
    "cancelled": (N_("Called off"), "circle-minus"),
}
# What staff did that leaves no other trace.
_ACTIONS = {
    "contact.restricted": (N_("Processing restricted"), "lock"),
    "contact.restriction_lifted": (N_("Restriction lifted"), "undo-2"),
    "contact.released": (N_("Released from quarantine"), "circle-check"),
    "contact.role_confirmed": (N_("Duties confirmed"), "briefcase"),
    "contact.probably_left": (N_("Has probably left the employer"), "user-x"),
    "contact.back": (N_("Mail arrives again"), "mail-check"),
    "contact.stays": (N_("Staff say: still works there"), "undo-2"),
    "contact.successor_named": (N_("A successor was named"), "user-plus"),
}
_DEALING_ICONS = {
    "note": "scroll-text",
    "call": "smartphone",
    "email_thread": "mail",
    "meeting": "users",
    "contact_request": "inbox",
    "support_request": "circle-help",
    "interest": "tag",
    "portal_log": "log-in",
}
LONGEST_DETAIL = 160
_EVENT_ICONS = {"opt_out": "ban", "opt_out_undone": "undo-2"}


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of the timeline. `href`: where to read more. `whole_day`: the time is not known."""

    at: datetime
    icon: str
    text: str
    detail: str = ""
    href: str = ""
    whole_day: bool = False


def timeline(session: Session, contact: Contact, only: str = "") -> list[Moment]:
    """What happened to a contact, newest first, at most MOST lines.

    `only`: a kind of dealing, when nothing else is to be shown.
    """
    if only:
        return list(_dealings(session, contact, only))
    names = _Names(session)
    moments = [
        *_beginning(session, contact),
        *_edits(session, contact, names),
        *_messages(session, contact),
        *_answers(session, contact),
        *_statements(session, contact, names),
        *_suppressions(session, contact),
        *_decisions(session, contact, names),
        *_dealings(session, contact),
    ]
    return sorted(moments, key=lambda moment: moment.at, reverse=True)[:MOST]


class _Names:
    """Names of users by id, each read once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[int, str] = {}

    def __call__(self, user_id: int | None) -> str:
        if user_id is None:
            return ""
        if user_id not in self._known:
            user = self._session.get(User, user_id)
            self._known[user_id] = user.name if user else ""
        return self._known[user_id]


def _beginning(session: Session, contact: Contact) -> Iterator[Moment]:
    entry = session.get(Import, contact.import_id) if contact.import_id else None
    if entry is None:
        yield Moment(contact.created_at, "user-plus", _("The contact was added"))
    else:
        text = _("Imported from %(file)s", file=entry.file_name)
        yield Moment(contact.created_at, "upload", text, href=f"/import/{entry.id}")
    if contact.art14_informed_at is not None:
        yield Moment(contact.art14_informed_at, "info", _("Told where the data came from"))


def _edits(session: Session, contact: Contact, names: _Names) -> Iterator[Moment]:
    for change in provenance.history(session, contact.id):
        label = field_label(change.field)
        if change.import_id is not None:
            text = _("%(field)s changed by an import", field=label)
        else:
            text = _("%(field)s changed by %(name)s", field=label, name=names(change.actor_id))
        detail = f"{change.old_value or '–'} → {change.new_value or '–'}"
        yield Moment(change.at, "pencil", text, detail)


def _messages(session: Session, contact: Contact) -> Iterator[Moment]:
    rows = session.execute(
        select(Message, Campaign.id, Campaign.name)
        .join(Campaign, Campaign.id == Message.campaign_id)
        .where(Message.contact_id == contact.id, Message.kind == "campaign")
        .order_by(Message.id.desc())
        .limit(MOST)
    )
    for message, campaign_id, name in rows:
        word, icon = MESSAGE_STATES[message.state]
        reason = ""
        if message.verdict and message.state in ("blocked", "cancelled"):
            reason = build.sentence(message.verdict)
        at = message.delivered_at or message.sent_at or message.claimed_at or message.created_at
        yield Moment(at, icon, f"{_(word)}: {name}", reason, f"/reports/{campaign_id}")


def _answers(session: Session, contact: Contact) -> Iterator[Moment]:
    rows = session.execute(
        select(Event.at, Event.kind, Campaign.name, Link.label, Link.url)
        .join(Message, Message.id == Event.message_id)
        .outerjoin(Campaign, Campaign.id == Message.campaign_id)
        .outerjoin(Link, Link.id == Event.link_id)
        .where(
            Message.contact_id == contact.id,
            ((Event.kind == "click") & (Event.actor == "human")) | Event.kind.in_(answers.LABELS),
        )
        .order_by(Event.id.desc())
        .limit(MOST)
    )
    for at, kind, campaign, label, url in rows:
        if kind == "click":
            text = _("Clicked a link in %(campaign)s", campaign=campaign)
            yield Moment(at, "mouse-pointer-click", text, label or url or "")
        else:
            icon = _EVENT_ICONS.get(kind, "info")
            yield Moment(at, icon, _(answers.LABELS[kind]), campaign or "")


def _statements(session: Session, contact: Contact, names: _Names) -> Iterator[Moment]:
    events = session.scalars(
        select(ConsentEvent)
        .where(ConsentEvent.contact_id == contact.id)
        .order_by(ConsentEvent.id.desc())
        .limit(MOST)
    )
    for event in events:
        kind = _(consents.words(event.kind))
        what = _(consents.EVENTS[event.event])
        by, _colon, number = event.actor.partition(":")
        name = names(int(number)) if by == "user" and number.isdigit() else ""
        channel = bans.CHANNELS.get(event.evidence)
        detail = [name, _(channel) if channel else event.evidence, event.wording]
        icon = "ban" if event.event in ("objected", "withdrawn") else "check"
        yield Moment(event.at, icon, f"{what}: {kind}", " · ".join(filter(None, detail)))


def _suppressions(session: Session, contact: Contact) -> Iterator[Moment]:
    try:
        address = canonical(contact.email)
    except AddressError:
        return
    for line in suppression.find(session, address):
        kind, scope = _(suppression.KINDS[line.kind]), _(suppression.SCOPES[line.scope])
        origin = _(suppression.ORIGINS.get(line.origin, line.origin))
        text = _("On the suppression list: %(kind)s", kind=kind)
        yield Moment(line.at, "ban", text, f"{scope} · {origin}", "/suppressions")


def _dealings(session: Session, contact: Contact, kind: str = "") -> Iterator[Moment]:
    for row in interaction_lists.of_contact(session, contact.id, kind=kind, limit=MOST):
        word = _(INTERACTION_KINDS.get(row.kind, row.kind))
        text = f"{word}: {row.title}" if row.title else word
        detail = shorten(row.body or row.reference, LONGEST_DETAIL, placeholder="…")
        icon, href = _DEALING_ICONS.get(row.kind, "file-text"), f"/dealings/{row.id}"
        yield Moment(row.at, icon, text, detail, href, is_whole_day(row.at))
    if kind in ("", web_visits.KIND):
        for visit in web_visits.of_contact(session, contact.id, limit=MOST):
            word = _(INTERACTION_KINDS[web_visits.KIND])
            seconds = "" if visit.seconds is None else f"{visit.seconds} s"
            yield Moment(visit.at, "globe", f"{word}: {visit.path}", seconds)


def _decisions(session: Session, contact: Contact, names: _Names) -> Iterator[Moment]:
    entries = session.scalars(
        select(AuditEntry).where(
            AuditEntry.object_kind == "contact",
            AuditEntry.object_id == contact.id,
            AuditEntry.action.in_(_ACTIONS),
        )
    )
    for entry in entries:
        word, icon = _ACTIONS[entry.action]
        yield Moment(entry.at, icon, _(word), names(entry.actor_id))


def field_label(name: str) -> str:
    """The words for a stored field, in the language in force."""
    return _(FIELDS.get("company_name" if name == "company" else name, name))
