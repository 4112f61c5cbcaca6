"""The message that asks whoever has a mailbox whether they signed up. It is no marketing.

No tracking, no opt-out header, nothing of a campaign: it answers what was typed into a form, goes
once, and what becomes of a lost call is never found out by sending again. Who sees none come
types their address again after ten minutes.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from jinja2 import Environment, FileSystemLoader
from sqlalchemy import Select, exists, select, text, update
from sqlalchemy.orm import Session, aliased

from mailer import clock
from mailer.adapters.ses import Outcome, Result, SingleMail
from mailer.campaigns.models import SenderDomain
from mailer.config import ROOT, Settings
from mailer.contacts import confirming, sign_ups
from mailer.contacts.sign_up_models import SignUp, SignUpForm
from mailer.db import transaction
from mailer.installation import Installation
from mailer.languages import gettext, in_language
from mailer.notice import switches
from mailer.notice.schema import Notice
from mailer.sending import delivery, envelope, pacing, stops
from mailer.tokens import Purpose, Recipient, Signer

log = logging.getLogger(__name__)

# Somebody waits for it at the screen; a day later it would only puzzle them.
WORTH_SENDING = timedelta(days=1)
LEASE = timedelta(minutes=10)
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
AT_ONCE = 500
_LOCK = 7_105_030  # any constant no other advisory lock uses

_templates = Environment(
    loader=FileSystemLoader(ROOT / "templates" / "mail"), autoescape=True, trim_blocks=True
)
_plain_templates = _templates.overlay(autoescape=False)
for environment in (_templates, _plain_templates):
    environment.globals["_"] = gettext


@dataclass(frozen=True, slots=True)
class Claimed:
    """A confirmation that this process alone sends."""

    sign_up_id: int
    mail: SingleMail


def send_due(here: Installation, go_on: Callable[[], bool] = lambda: True) -> int:
    """Send the confirmations that wait, one after the other; how many were accepted."""
    accepted = 0
    pace = pacing.pace_of(here)
    with transaction(here.sessions) as session:
        give_up(session, now=clock.now())
    for _ in range(AT_ONCE):
        if not go_on() or not pace.take(1)[0]:
            break
        with transaction(here.sessions) as session:
            claimed = claim(session, here.settings, now=clock.now())
        if claimed is None:
            pace.give_back(1)
            break
        result = delivery.ses_of(here.settings).send_single(claimed.mail)
        with transaction(here.sessions) as session:
            record(session, claimed.sign_up_id, result, now=clock.now())
        accepted += result.outcome is Outcome.ACCEPTED
    return accepted


def give_up(session: Session, *, now: datetime) -> None:
    """Settle what no confirmation will go to any more: lost calls, and what has waited a day."""
    session.execute(
        update(SignUp)
        .where(SignUp.state == "sending", SignUp.claimed_at < now - LEASE)
        .values(state="uncertain", error="lost")
    )
    session.execute(
        update(SignUp)
        .where(SignUp.state == "waiting", SignUp.created_at < now - WORTH_SENDING)
        .values(state="failed", next_at=None)
    )


def claim(session: Session, settings: Settings, *, now: datetime) -> Claimed | None:
    """Take the next confirmation to send; None when there is none. Commit before sending it."""
    # One claim at a time: two could not see that they are for the same mailbox.
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    notice = switches.in_force(session, now)
    if notice is None or stops.standing(session) is not None:
        return None
    while (sign_up := session.scalar(_next(now))) is not None:
        form = session.get_one(SignUpForm, sign_up.form_id)
        if not _is_verified(session, form):
            sign_up.next_at, sign_up.error = now + LEASE, "sender_identity_unverified"
        elif not _may_go(session, sign_up, form, notice):
            sign_up.state, sign_up.next_at, sign_up.error = "withheld", None, None
        else:
            sign_up.state, sign_up.claimed_at, sign_up.next_at = "sending", now, None
            sign_up.attempts += 1
            return Claimed(sign_up.id, mail(session, sign_up, form, notice, settings=settings))
        session.flush()
    return None


def record(session: Session, sign_up_id: int, result: Result, *, now: datetime) -> None:
    """Write down what SES answered; what it surely did not accept is tried again later."""
    sign_up = session.get(SignUp, sign_up_id, with_for_update=True)
    if sign_up is None or sign_up.state != "sending":  # confirmed or deleted meanwhile
        return
    sign_up.error = result.error
    match result.outcome:
        case Outcome.ACCEPTED:
            sign_up.state = "sent"
        case Outcome.UNKNOWN:
            sign_up.state = "uncertain"
        case Outcome.REFUSED:
            sign_up.state = "failed"
        case _:
            wait = FIRST_WAIT * 2 ** min(sign_up.attempts - 1, 10)
            sign_up.state, sign_up.claimed_at = "waiting", None
            sign_up.next_at = now + min(wait, LONGEST_WAIT)
            log.warning("confirmation_not_sent", extra={"sign_up_id": sign_up.id})


def _next(now: datetime) -> Select[SignUp]:
    other = aliased(SignUp)
    just_asked = exists().where(
        other.address_key == SignUp.address_key,
        other.id != SignUp.id,
        other.claimed_at > now - sign_ups.APART,
    )
    return (
        select(SignUp)
        .where(SignUp.state == "waiting", SignUp.next_at <= now, ~just_asked)
        .order_by(SignUp.next_at, SignUp.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


def _is_verified(session: Session, form: SignUpForm) -> bool:
    domain = session.get(SenderDomain, form.sender_address.rpartition("@")[2])
    return domain is not None and domain.verified


def _may_go(session: Session, sign_up: SignUp, form: SignUpForm, notice: Notice) -> bool:
    if sign_up.typed is None or not form.active or not confirming.is_open(form, notice):
        return False
    typed = sign_ups.read(session, form, sign_up.typed, notice, sign_up.language)
    return not typed.problems and confirming.may_be_asked(session, typed.row)


def mail(
    session: Session, sign_up: SignUp, form: SignUpForm, notice: Notice, *, settings: Settings
) -> SingleMail:
    """The message, in the language of the page on which the address was typed."""
    entity = notice.entity(form.entity)
    if entity is None or sign_up.typed is None:
        raise ValueError("a confirmation needs its entity and what was typed")
    _, wording = sign_ups.wording_of(session, sign_up)
    signer = Signer(settings.secret_key, *settings.retired_secret_keys)
    token = signer.make(Purpose.CONFIRM, Recipient(sign_up.id, sign_up.address_key))
    told = {
        "language": sign_up.language,
        "entity": entity,
        "text": confirming.text_of(wording, sign_up.language),
        "link": f"{settings.public_url}/confirm/{token}",
        "notice_url": f"{settings.public_url}/privacy",
        "contact_email": notice.contact_email,
        "days": sign_ups.KEPT.days,
    }
    with in_language(sign_up.language):
        return SingleMail(
            sender=envelope.sender(entity.name, form.sender_address),
            reply_to=notice.contact_email,
            to=str(sign_up.typed["email"]),
            subject=gettext("Confirm your address"),
            html=_templates.get_template("confirmation.html").render(told),
            text=_plain_templates.get_template("confirmation.txt").render(told),
            headers=[("Auto-Submitted", "auto-generated")],
            tags={"sign_up": str(sign_up.id)},
        )
