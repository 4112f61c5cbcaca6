"""Sign-up forms as staff make them: what a form asks, for which purpose, in which words.

A form may ask what the notice declares and nothing else (R5); its words are kept by version, since
every consent refers to those that were read (R28).
"""

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer import audit
from mailer.contacts.address import AddressError, canonical
from mailer.contacts.sign_up_models import SignUpForm, SignUpWording
from mailer.languages import LANGUAGES, N_
from mailer.notice.schema import Notice

# A form asks these of somebody about themselves; notes and tags are the staff's.
FIELDS = (
    "first_name",
    "last_name",
    "title",
    "duties",
    "company_name",
    "business_id",
    "country",
    "phone",
)
# Only people at work are stored, so every form asks for the address and the employer.
ALWAYS = ("email", "company_name")
LONGEST_NAME = 100
LONGEST_TITLE = 120
LONGEST_CONSENT = 1000

PROBLEMS = {
    "name": N_("Give the form a name. Recipients see it as the source of their data."),
    "entity": N_("Choose one of the companies that the notice names."),
    "purpose": N_("Choose one of the purposes that the notice declares."),
    "sender_address": N_("Write an address at a domain that the company sends from."),
    "fields": N_("Choose among the fields that the notice declares."),
    "required": N_("What must be filled in must also be asked for."),
    "texts": N_("Write a heading and the consent in at least one language, both in each."),
}
CLOSED = {
    "no_notice": N_("Publish the privacy notice first: a form asks only what it declares."),
    "no_form_source": N_("The notice does not declare forms as a source of data."),
    "no_company": N_(
        "The notice does not declare the company, and only people at work are stored."
    ),
}
_KEY_BYTES = 12
_KEY = re.compile(r"[\w-]{16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A form as staff filled it in. `texts`: language -> (heading, consent)."""

    name: str
    entity: str
    purpose: str
    sender_address: str
    fields: Collection[str]
    required: Collection[str]
    texts: Mapping[str, tuple[str, str]]
    embedded: bool = False

    def worded(self) -> dict[str, dict[str, str]]:
        """The wording as it is stored: languages in their order, those without words left out."""
        texts = {
            language: {"title": " ".join(title.split()), "consent": " ".join(consent.split())}
            for language in LANGUAGES
            for title, consent in [self.texts.get(language, ("", ""))]
        }
        return {language: text for language, text in texts.items() if any(text.values())}


def closed(notice: Notice | None) -> str | None:
    """Why there may be no forms under a notice: a key of CLOSED; None if there may."""
    if notice is None:
        return "no_notice"
    if "form" not in notice.source_kinds:
        return "no_form_source"
    return None if "company_name" in notice.fields else "no_company"


def offered(notice: Notice) -> tuple[str, ...]:
    """The fields that a form may ask for besides the address."""
    return tuple(name for name in FIELDS if name in notice.fields)


def problems(wanted: Wanted, notice: Notice) -> dict[str, str]:
    """What is wrong with a form, by field. Empty when it may be stored."""
    entity = notice.entity(wanted.entity)
    found = {
        "name": not 0 < len(" ".join(wanted.name.split())) <= LONGEST_NAME,
        "entity": entity is None,
        "purpose": wanted.purpose not in notice.purposes,
        "sender_address": entity is not None and not _sends_from(wanted, entity.sender_domains),
        "fields": not set(wanted.fields) <= set(offered(notice)),
        "required": not set(wanted.required) <= {*wanted.fields, *ALWAYS},
        "texts": not _is_worded(wanted),
    }
    return {field: PROBLEMS[field] for field, wrong in found.items() if wrong}


def _sends_from(wanted: Wanted, domains: Collection[str]) -> bool:
    try:
        return canonical(wanted.sender_address).domain in domains
    except AddressError:
        return False


def _is_worded(wanted: Wanted) -> bool:
    texts = wanted.worded().values()
    return bool(texts) and all(
        0 < len(text["title"]) <= LONGEST_TITLE and 0 < len(text["consent"]) <= LONGEST_CONSENT
        for text in texts
    )


def create(session: Session, wanted: Wanted, *, now: datetime, actor_id: int) -> SignUpForm:
    """Add a form that has no problems, with the first version of its words."""
    form = SignUpForm(
        key=secrets.token_urlsafe(_KEY_BYTES), created_by=actor_id, created_at=now, updated_at=now
    )
    _fill(form, wanted)
    session.add(form)
    session.flush()
    _word(session, form, wanted, number=1, now=now, actor_id=actor_id)
    audit.record(
        session, "sign_up_form.created", "sign_up_form", form.id, now=now, actor_id=actor_id
    )
    return form


def change(
    session: Session, form: SignUpForm, wanted: Wanted, *, now: datetime, actor_id: int
) -> None:
    """Set a form to what has no problems; other words are a new version."""
    session.refresh(form, with_for_update=True)
    _fill(form, wanted)
    form.updated_at = now
    last = wording(session, form.id)
    worded = wanted.worded() != last.texts
    if worded:
        _word(session, form, wanted, number=last.number + 1, now=now, actor_id=actor_id)
    audit.record(
        session, "sign_up_form.changed", "sign_up_form", form.id, now=now, actor_id=actor_id,
        wording=last.number + worded,
    )  # fmt: skip


def switch(
    session: Session, form: SignUpForm, *, active: bool, now: datetime, actor_id: int
) -> None:
    """Take a form into use or out of it. Out of use it takes nothing and confirms nothing."""
    if form.active == active:
        return
    form.active = active
    form.updated_at = now
    audit.record(
        session, "sign_up_form.switched", "sign_up_form", form.id, now=now, actor_id=actor_id,
        active=active,
    )  # fmt: skip


def _fill(form: SignUpForm, wanted: Wanted) -> None:
    form.name = " ".join(wanted.name.split())
    form.entity, form.purpose = wanted.entity, wanted.purpose
    form.sender_address = str(canonical(wanted.sender_address))
    form.fields = [name for name in FIELDS if name in {*wanted.fields, *ALWAYS}]
    form.required = [name for name in FIELDS if name in {*wanted.required, *ALWAYS}]
    form.embedded = wanted.embedded


def _word(
    session: Session, form: SignUpForm, wanted: Wanted, *, number: int, now: datetime, actor_id: int
) -> None:
    session.add(
        SignUpWording(
            form_id=form.id,
            number=number,
            texts=wanted.worded(),
            created_by=actor_id,
            created_at=now,
        )
    )
    session.flush()


def listed(session: Session) -> list[SignUpForm]:
    """Every form, those in use first."""
    return list(
        session.scalars(
            select(SignUpForm).order_by(SignUpForm.active.desc(), func.lower(SignUpForm.name))
        )
    )


def of_key(session: Session, key: str) -> SignUpForm | None:
    """The form at an address, in use or not."""
    if not _KEY.fullmatch(key):
        return None
    return session.scalar(select(SignUpForm).where(SignUpForm.key == key))


def wordings(session: Session, form_id: int) -> list[SignUpWording]:
    """Every version of a form's words, the newest first."""
    return list(
        session.scalars(
            select(SignUpWording)
            .where(SignUpWording.form_id == form_id)
            .order_by(SignUpWording.number.desc())
        )
    )


def wording(session: Session, form_id: int, number: int | None = None) -> SignUpWording:
    """A version of a form's words; without a number, or with one that never was, the newest."""
    versions = wordings(session, form_id)
    return next((each for each in versions if each.number == number), versions[0])
