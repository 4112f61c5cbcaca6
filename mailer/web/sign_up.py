"""Public pages of signing up: the form, and the one button behind the link in the mail.

No script, no cookie, nothing from a third party. The form may stand on other sites, so there is no
CSRF token: what proves the wish is the confirmation, which only the mailbox gets. The answer to a
form is the same for every address, known or not. A GET changes nothing.
"""

from typing import Any

from flask import Blueprint, Response, make_response, render_template, request
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from mailer import clock, installation, languages
from mailer.contacts import confirming, sign_up_forms, sign_ups
from mailer.contacts.confirming import Standing
from mailer.contacts.sign_up_models import SignUpForm, SignUpWording
from mailer.contacts.sign_ups import Typed
from mailer.languages import gettext as _
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import FIELDS
from mailer.tokens import Purpose, Recipient, Signer, TokenError
from mailer.web.guard import csrf_exempt, max_body, public
from mailer.web.recipient_pages import (
    choose_language,
    frame,
    keep,
    keep_private,
    missing,
    notice_in_force,
    show_message,
    unavailable,
)
from mailer.web.request import db_session
from mailer.web.stamps import age_ms, is_quick, looks_automatic, stamp

blueprint = Blueprint("sign_up", __name__)
blueprint.after_request(keep_private)

# A field that people do not see and robots fill in.
TRAP = "website"
_DAY_MS = 86_400_000
# What browsers fill in by themselves, and the keyboard that phones show.
HINTS = {
    "email": ("email", "email"),
    "first_name": ("text", "given-name"),
    "last_name": ("text", "family-name"),
    "title": ("text", "organization-title"),
    "company_name": ("text", "organization"),
    "phone": ("tel", "tel"),
    "country": ("text", "country-name"),
}


@blueprint.get("/join/<key>")
@public
def show_form(key: str) -> Response:
    """The form, to fill in."""
    try:
        found = _find(key)
    except SQLAlchemyError:
        return unavailable()
    return found if isinstance(found, Response) else _form_page(*found)


@blueprint.post("/join/<key>")
@public
@csrf_exempt
@max_body(64 * 1024)
def send_form(key: str) -> Response:
    """Keep what was typed and have the address asked; the answer never says whether it is known."""
    try:
        found = _find(key)
    except SQLAlchemyError:
        return unavailable()
    if isinstance(found, Response):
        return found
    form, wording, notice = found
    if request.form.get(TRAP):
        return _thanks_page(form, notice)
    network = sign_ups.network_key(request.remote_addr or "")
    if sign_ups.is_busy(db_session(), network, now=clock.now()):
        return _busy_page()
    typed = sign_ups.read(db_session(), form, request.form.to_dict(), notice, languages.current())
    if typed.problems:
        return _form_page(form, wording, notice, typed=typed)
    if _is_hasty(form):
        return _form_page(form, wording, notice, typed=typed, hasty=True)

    def take(session: Session) -> None:
        sign_ups.take(
            session, form, wording, typed,
            language=languages.current(), network=network, now=clock.now(),
        )  # fmt: skip

    return unavailable() if keep(take) else _thanks_page(form, notice)


@blueprint.get("/confirm/<token>")
@public
def show_confirm(token: str) -> Response:
    """Ask whether it was they. Changes nothing, however often it is fetched."""
    return _confirm_page(token)


@blueprint.post("/confirm/<token>")
@public
@csrf_exempt
def confirm(token: str) -> Response:
    """Add the person, by their own act. What looks automatic is asked again."""
    recipient = _read(token)
    if recipient is None:
        return missing()
    if is_quick(token) or looks_automatic():
        return _confirm_page(token, hasty=True)
    outcome: list[Standing] = []
    failed = keep(
        lambda session: outcome.append(
            confirming.confirm(
                session, recipient.message_id, recipient.address_key, now=clock.now()
            )
        )
    )
    return unavailable() if failed else _outcome_page(outcome[0])


def _find(key: str) -> tuple[SignUpForm, SignUpWording, Notice] | Response:
    """A form that may be used, its words, and the notice; or the page that says why not."""
    form = sign_up_forms.of_key(db_session(), key)
    if form is None:
        return missing()
    choose_language(request.form.get("language"))
    notice = notice_in_force()
    if notice is None or not form.active or not confirming.is_open(form, notice):
        return _outcome_page(Standing("closed"))
    number = request.form.get("wording", type=int)
    wording = sign_up_forms.wording(db_session(), form.id, number)
    if languages.current() not in wording.texts:
        languages.set_language(confirming.languages_of(wording)[0])
    return form, wording, notice


def _is_hasty(form: SignUpForm) -> bool:
    """Whether the form should be shown once more: pressed too soon, or its page is too old."""
    if form.embedded and not request.form.get("shown"):
        return False  # from another site, which cannot say when it was shown
    page = f"join:{form.key}"
    return is_quick(page) or (age_ms(page) or 0) > _DAY_MS


def _form_page(
    form: SignUpForm,
    wording: SignUpWording,
    notice: Notice,
    *,
    typed: Typed | None = None,
    hasty: bool = False,
) -> Response:
    problems = typed.problems if typed else {}
    page = render_template(
        "public/join.html",
        **frame(notice, form.entity),
        **form_parts(form, wording, notice, languages.current()),
        languages=confirming.languages_of(wording),
        values=typed.values if typed else {},
        problems={field: _(text) for field, text in problems.items()},
        hasty=hasty,
        shown=stamp(f"join:{form.key}"),
    )
    return make_response(page, 422 if problems or hasty else 200)


def form_parts(
    form: SignUpForm, wording: SignUpWording, notice: Notice, language: str
) -> dict[str, Any]:
    """What the form's own markup needs, here and where it is copied to another site."""
    names = ["email", *(name for name in form.fields if name in notice.fields)]
    return {
        "text": confirming.text_of(wording, language),
        "wording": wording.number,
        "asked": [
            (name, _(FIELDS[name]), name == "email" or name in form.required, *_hint(name))
            for name in names
        ],
        "trap": TRAP,
    }


def _hint(name: str) -> tuple[str, str]:
    return HINTS.get(name, ("text", "off"))


def _thanks_page(form: SignUpForm, notice: Notice) -> Response:
    page = render_template(
        "public/join_sent.html", **frame(notice, form.entity), days=sign_ups.KEPT.days
    )
    return make_response(page, 200)


def _busy_page() -> Response:
    response = show_message(
        _("Too many forms were sent from your network"),
        _("Please try again in an hour."),
        429,
    )
    response.headers["Retry-After"] = "3600"
    return response


def _read(token: str) -> Recipient | None:
    settings = installation.current().settings
    try:
        return Signer(settings.secret_key, *settings.retired_secret_keys).read(
            Purpose.CONFIRM, token
        )
    except TokenError:
        return None


def _confirm_page(token: str, *, hasty: bool = False) -> Response:
    recipient = _read(token)
    if recipient is None:
        return missing()
    try:
        standing = confirming.standing(
            db_session(), recipient.message_id, recipient.address_key, now=clock.now()
        )
    except SQLAlchemyError:
        return unavailable()
    if standing.outcome:
        return _outcome_page(standing)
    choose_language(standing.language)
    page = render_template(
        "public/confirm.html",
        **frame(notice_in_force(), standing.entity),
        standing=standing,
        fields=FIELDS,
        hasty=hasty,
        shown=stamp(token),
    )
    return make_response(page, 200)


# The page of a link says what became of it; only what may be tried again is an error.
_STATUS = {"expired": 410, "closed": 410}


def _outcome_page(standing: Standing) -> Response:
    choose_language(standing.language or request.form.get("language"))
    notice = notice_in_force()
    page = render_template(
        "public/confirmed.html",
        **frame(notice, standing.entity),
        outcome=standing.outcome,
        title=_(confirming.OUTCOMES[standing.outcome]),
        contact_email=notice.contact_email if notice else "",
    )
    return make_response(page, _STATUS.get(standing.outcome, 200))
