"""Screens of sign-up forms: which there are, what each asks in which words, what to copy."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer import clock, installation
from mailer.campaigns.models import SenderDomain
from mailer.contacts import confirming, sign_up_forms
from mailer.contacts.sign_up_forms import Wanted
from mailer.contacts.sign_up_models import SignUpForm, SignUpWording
from mailer.languages import LANGUAGE_NAMES, LANGUAGES, in_language
from mailer.languages import gettext as _
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import FIELDS, PURPOSES
from mailer.web.guard import requires
from mailer.web.request import db_session, notice_in_force, signed_in_user
from mailer.web.sign_up import form_parts

blueprint = Blueprint("sign_up_forms", __name__, url_prefix="/settings/forms")

_MAX_ID = 2**63
_LONGEST = 2000

Answer = str | Response | tuple[str, int]


@blueprint.get("")
@requires("settings.view")
def show_list() -> str:
    """Every form, how many typed something into it, and how many confirmed it."""
    notice = notice_in_force()
    forms = sign_up_forms.listed(db_session())
    return render_template(
        "web/sign_up_forms/list.html",
        forms=forms,
        dead={form.id for form in forms if not confirming.is_open(form, notice)},
        purposes=PURPOSES,
        closed=_why_closed(notice),
    )


@blueprint.get("/new")
@requires("settings.edit")
def new() -> Answer:
    """The form that makes a form."""
    notice = _notice()
    if notice is None:
        return redirect(url_for("sign_up_forms.show_list"), 303)
    domain = next(iter(notice.entities[0].sender_domains), "")
    plain = Wanted(
        name="",
        entity=notice.entities[0].key,
        purpose="",
        sender_address=f"info@{domain}" if domain else "",
        fields=sign_up_forms.offered(notice)[:5],
        required=sign_up_forms.ALWAYS,
        texts={},
    )
    return _edit_page({}, plain, notice, None)


@blueprint.post("/new")
@requires("settings.edit")
def create() -> Answer:
    """Make a form."""
    notice = _notice()
    if notice is None:
        return redirect(url_for("sign_up_forms.show_list"), 303)
    wanted = _wanted()
    if errors := _problems(wanted, notice):
        return _edit_page(errors, wanted, notice, None), 422
    form = sign_up_forms.create(db_session(), wanted, now=clock.now(), actor_id=signed_in_user().id)
    flash(_("The form is ready."))
    return redirect(url_for("sign_up_forms.show", form_id=form.id), 303)


@blueprint.get("/<int:form_id>")
@requires("settings.view")
def show(form_id: int) -> str:
    """A form: its address, what to copy to another site, its words by version."""
    form = _form_or_404(form_id)
    notice = notice_in_force()
    versions = sign_up_forms.wordings(db_session(), form.id)
    usable = confirming.is_open(form, notice)
    domain = db_session().get(SenderDomain, form.sender_address.rpartition("@")[2])
    snippets = [] if notice is None else _snippets(form, versions[0], notice)
    return render_template(
        "web/sign_up_forms/show.html",
        form=form,
        usable=usable,
        sends=domain is not None and domain.verified,
        versions=versions,
        snippets=snippets if usable and form.embedded else [],
        address=_address(form),
        purpose=_(PURPOSES.get(form.purpose, form.purpose)),
        asked=[
            (_(FIELDS[name]), name == "email" or name in form.required)
            for name in ("email", *form.fields)
        ],
        language_names=LANGUAGE_NAMES,
        entity=notice.entity(form.entity) if notice is not None else None,
    )


@blueprint.get("/<int:form_id>/edit")
@requires("settings.edit")
def edit(form_id: int) -> Answer:
    """The form as it is, to change."""
    form, notice = _form_or_404(form_id), _notice()
    if notice is None:
        return redirect(url_for("sign_up_forms.show_list"), 303)
    texts = sign_up_forms.wording(db_session(), form.id).texts
    wanted = Wanted(
        name=form.name,
        entity=form.entity,
        purpose=form.purpose,
        sender_address=form.sender_address,
        fields=form.fields,
        required=form.required,
        texts={key: (text["title"], text["consent"]) for key, text in texts.items()},
        embedded=form.embedded,
    )
    return _edit_page({}, wanted, notice, form)


@blueprint.post("/<int:form_id>/edit")
@requires("settings.edit")
def change(form_id: int) -> Answer:
    """Change a form; other words are a new version, and consents keep those that were read."""
    form, notice = _form_or_404(form_id), _notice()
    if notice is None:
        return redirect(url_for("sign_up_forms.show_list"), 303)
    wanted = _wanted()
    if errors := _problems(wanted, notice):
        return _edit_page(errors, wanted, notice, form), 422
    sign_up_forms.change(db_session(), form, wanted, now=clock.now(), actor_id=signed_in_user().id)
    flash(_("Saved."))
    return redirect(url_for("sign_up_forms.show", form_id=form.id), 303)


@blueprint.post("/<int:form_id>/switch")
@requires("settings.edit")
def switch(form_id: int) -> Answer:
    """Take a form out of use, or into use again."""
    form = _form_or_404(form_id)
    active = request.form.get("active") == "1"
    sign_up_forms.switch(
        db_session(), form, active=active, now=clock.now(), actor_id=signed_in_user().id
    )
    flash(_("The form is in use.") if active else _("The form is out of use."))
    return redirect(url_for("sign_up_forms.show", form_id=form.id), 303)


def _notice() -> Notice | None:
    """The notice, if there may be forms under it."""
    notice = notice_in_force()
    return notice if sign_up_forms.closed(notice) is None else None


def _why_closed(notice: Notice | None) -> str:
    code = sign_up_forms.closed(notice)
    return _(sign_up_forms.CLOSED[code]) if code is not None else ""


def _form_or_404(form_id: int) -> SignUpForm:
    form = db_session().get(SignUpForm, form_id) if form_id < _MAX_ID else None
    if form is None:
        abort(404)
    return form


def _wanted() -> Wanted:
    def typed(name: str) -> str:
        return request.form.get(name, "")[:_LONGEST]

    return Wanted(
        name=typed("name"),
        entity=typed("entity"),
        purpose=typed("purpose"),
        sender_address=typed("sender_address"),
        fields=tuple(request.form.getlist("fields")),
        required=tuple(request.form.getlist("required")),
        texts={
            language: (typed(f"title_{language}"), typed(f"consent_{language}"))
            for language in LANGUAGES
        },
        embedded=request.form.get("embedded") == "1",
    )


def _problems(wanted: Wanted, notice: Notice) -> dict[str, str]:
    found = sign_up_forms.problems(wanted, notice)
    first = f"title_{LANGUAGES[0]}"
    return {first if field == "texts" else field: _(text) for field, text in found.items()}


def _edit_page(
    errors: dict[str, str], wanted: Wanted, notice: Notice, form: SignUpForm | None
) -> str:
    choices = [(name, _(FIELDS[name])) for name in sign_up_forms.offered(notice)]
    return render_template(
        "web/sign_up_forms/edit.html",
        errors=errors,
        wanted=wanted,
        form=form,
        entities=[(entity.key, entity.name) for entity in notice.entities],
        purposes=[(key, _(word)) for key, word in PURPOSES.items() if key in notice.purposes],
        choices=[choice for choice in choices if choice[0] not in sign_up_forms.ALWAYS],
        texts=[
            (language, LANGUAGE_NAMES[language], *wanted.texts.get(language, ("", "")))
            for language in LANGUAGES
        ],
    )


def _address(form: SignUpForm) -> str:
    return f"{installation.current().settings.public_url}/join/{form.key}"


def _snippets(form: SignUpForm, wording: SignUpWording, notice: Notice) -> list[tuple[str, str]]:
    """The markup to copy, in each language that the form has words in."""
    snippets = []
    privacy = f"{installation.current().settings.public_url}/privacy"
    for language in confirming.languages_of(wording):
        with in_language(language):
            markup = render_template(
                "public/join_elsewhere.html",
                **form_parts(form, wording, notice, language),
                action=_address(form),
                spoken=language,
                notice_url=f"{privacy}?lang={language}",
            )
        snippets.append((LANGUAGE_NAMES[language], markup))
    return snippets
