"""Sign-up forms and what is typed into them, for tests."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from mailer.contacts import sign_up_forms, sign_ups
from mailer.contacts.sign_up_forms import Wanted
from mailer.contacts.sign_up_models import SignUp, SignUpForm
from mailer.notice import switches

TYPED = {
    "email": "anna.lehtonen@puutyo.example",
    "first_name": "Anna",
    "last_name": "Lehtonen",
    "title": "Talousjohtaja",
    "company_name": "Puutyö Oy",
}
TEXTS = {
    "fi": ("Uutiskirje", "Haluan Esimerkki Oy:n uutiskirjeen sähköpostiini."),
    "en": ("Newsletter", "I want the newsletter of Esimerkki Oy by e-mail."),
}
HOME = "203.0.113.7"


def wanted(**changes: Any) -> Wanted:
    return Wanted(
        **{
            "name": "Uutiskirjeen tilaus",
            "entity": "esimerkki",
            "purpose": "e_marketing",
            "sender_address": "uutiset@esimerkki.example",
            "fields": ("first_name", "last_name", "title", "company_name"),
            "required": ("last_name",),
            "texts": TEXTS,
            **changes,
        }
    )


def make_form(session: Session, now: datetime, actor_id: int, **changes: Any) -> SignUpForm:
    return sign_up_forms.create(session, wanted(**changes), now=now, actor_id=actor_id)


def type_in(
    session: Session,
    form: SignUpForm,
    now: datetime,
    *,
    network: str = HOME,
    language: str = "fi",
    **changes: str,
) -> SignUp | None:
    """The sign-up that is kept; None where a limit was reached."""
    notice = switches.in_force(session, now)
    assert notice is not None
    typed = sign_ups.read(session, form, {**TYPED, **changes}, notice, language)
    assert not typed.problems, typed.problems
    kept = sign_ups.take(
        session, form, sign_up_forms.wording(session, form.id), typed,
        language=language, network=sign_ups.network_key(network), now=now,
    )  # fmt: skip
    if not kept:
        return None
    return session.query(SignUp).order_by(SignUp.id.desc()).first()
