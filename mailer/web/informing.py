"""Who must still be told where their data came from, until when, and writing it down."""

from collections.abc import Mapping
from datetime import date

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer import clock
from mailer.contacts import informing
from mailer.contacts.informing import Which
from mailer.languages import TIMEZONE, ngettext
from mailer.languages import gettext as _
from mailer.web.guard import requires
from mailer.web.paging import Paging, page_number
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("informing", __name__, url_prefix="/contacts/informing")

_MAX_ID = 2**63

Answer = str | Response | tuple[str, int]


@blueprint.get("")
@requires("contacts.view")
def show_list() -> str:
    """Those who wait, whose time ends first before the others."""
    session, now = db_session(), clock.now()
    which, number = _which(request.args), page_number()
    rows, total = informing.page(session, which, now=now, offset=Paging(number, 0).offset)
    return render_template(
        "web/informing/list.html",
        people=rows,
        paging=Paging(number, total),
        numbers=informing.numbers(session, now=now),
        sources=informing.sources(session, now=now),
        which=which,
        soon=informing.SOON,
        kept=informing.KEPT_BLOCKED.days,
    )


@blueprint.get("/record")
@requires("contacts.edit")
def edit() -> str:
    """The form that writes down that people have been informed."""
    today = clock.now().astimezone(TIMEZONE).date()
    return _record_page(_which(request.args), {}, {"on": today.isoformat()})


@blueprint.post("/record")
@requires("contacts.edit")
def record() -> Answer:
    """Write down that people have been informed otherwise than by a message."""
    form, now, which = request.form, clock.now(), _which(request.form)
    on, way = _date(form.get("on", "")), form.get("way", "")
    errors: dict[str, str] = {}
    if which.source_id is None and which.contact_id is None:
        errors[""] = _("Choose a source first.")
    if way not in informing.WAYS:
        errors["way"] = _("Choose how they were informed.")
    if on is None or on > now.astimezone(TIMEZONE).date():
        errors["on"] = _("Write the day on which they were informed, for example 2026-11-24.")
    if errors or on is None:
        return _record_page(which, errors, form), 422
    number = informing.record(
        db_session(), which, way=way, on=on, now=now, actor_id=signed_in_user().id
    )
    flash(
        ngettext(
            "Written down: %(num)s person has been informed.",
            "Written down: %(num)s people have been informed.",
            number,
        )
    )
    if which.contact_id is not None:
        return redirect(url_for("contacts.show", contact_id=which.contact_id), 303)
    return redirect(url_for("informing.show_list"), 303)


def _record_page(which: Which, errors: dict[str, str], values: Mapping[str, str]) -> str:
    rows, total = informing.page(db_session(), which, now=clock.now(), limit=1)
    return render_template(
        "web/informing/record.html",
        which=which,
        total=total,
        first=rows[0] if rows else None,
        errors=errors,
        values={name: values.get(name, "") for name in ("way", "on")},
        ways=[(key, _(label)) for key, label in informing.WAYS.items()],
    )


def _which(values: Mapping[str, str]) -> Which:
    return Which(
        source_id=_number(values.get("source", "")),
        overdue=values.get("overdue") == "1",
        contact_id=_number(values.get("contact", "")),
    )


def _number(text: str) -> int | None:
    """An id, or None for no restriction; what is no id restricts to nobody."""
    if not text:
        return None
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    return number if number < _MAX_ID else 0


def _date(text: str) -> date | None:
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return day if 2000 <= day.year < 2900 else None
