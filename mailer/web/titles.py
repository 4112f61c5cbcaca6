"""The review of job titles: a queue of distinct titles, and a box that shows the rules at work."""

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer import clock
from mailer.accounts.models import User
from mailer.languages import gettext as _
from mailer.languages import ngettext
from mailer.roles import review
from mailer.roles.models import Title
from mailer.roles.taxonomy import FLAG_LABELS, FUNCTION_LABELS, LEVEL_LABELS, LEVEL_RANKS
from mailer.roles.titles import LONGEST_TITLE, RULESET_VERSION, classify
from mailer.web.guard import requires
from mailer.web.htmx import is_htmx, respond
from mailer.web.paging import Paging, page_number
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("titles", __name__, url_prefix="/titles")

_MAX_ID = 2**63

Answer = str | Response | tuple[str, int]


@blueprint.app_template_global("flag_words")
def flag_words(flags: Iterable[str]) -> str:
    """Flags of a role in words: deputy, former …"""
    return ", ".join(_(FLAG_LABELS.get(flag, flag)) for flag in sorted(flags))


def title_or_404(title_id: int) -> Title:
    """The title, or a page that says there is none."""
    title = db_session().get(Title, title_id) if title_id < _MAX_ID else None
    if title is None:
        abort(404)
    return title


@blueprint.get("")
@requires("roles.review")
def show_list() -> str:
    """The queue: titles by the number of people they concern."""
    session = db_session()
    waiting = request.args.get("show", "waiting") != "all"
    text = request.args.get("q", "")
    queue = review.measure(session, waiting=waiting, text=text)
    paging = Paging(page_number(), queue.all.titles)
    return render_template(
        "web/titles/list.html",
        rows=review.page(session, waiting=waiting, text=text, offset=paging.offset),
        queue=queue,
        paging=paging,
        waiting=waiting,
        text=text,
        sure=review.SURE,
        **_reading(request.args.get("try", "")),
    )


@blueprint.get("/try")
@requires("roles.review")
def try_rules() -> tuple[str, int]:
    """What the rules read from a typed title."""
    return respond(
        "web/titles/try_page.html", "web/titles/try.html", **_reading(request.args.get("try", ""))
    )


def _reading(typed: str) -> dict[str, Any]:
    typed = " ".join(typed.split())[:LONGEST_TITLE]
    return {
        "typed": typed,
        "role": classify(typed) if typed else None,
        "version": RULESET_VERSION,
        "rank": LEVEL_RANKS[classify(typed).level] if typed else 0,
    }


@blueprint.post("/<int:title_id>/accept")
@requires("roles.review")
def accept(title_id: int) -> Answer:
    """Confirm what the rules read."""
    title = title_or_404(title_id)
    if not title.functions:
        return _title_page(title, {"functions": _("Choose at least one job function.")}), 422
    people = review.accept(db_session(), title, now=clock.now(), actor_id=signed_in_user().id)
    return _settled(_("Accepted: %(title)s", title=title.text), people)


@blueprint.post("/<int:title_id>/not-relevant")
@requires("roles.review")
def mark_not_relevant(title_id: int) -> Answer:
    """Say that no message concerns this work."""
    title = title_or_404(title_id)
    people = review.mark_not_relevant(
        db_session(), title, now=clock.now(), actor_id=signed_in_user().id
    )
    return _settled(_("Not relevant: %(title)s", title=title.text), people)


@blueprint.post("/<int:title_id>/reopen")
@requires("roles.review")
def reopen(title_id: int) -> Answer:
    """Take a decision back."""
    title = title_or_404(title_id)
    review.reopen(db_session(), title, now=clock.now(), actor_id=signed_in_user().id)
    flash(_("The title waits for review again."))
    return redirect(url_for("titles.show", title_id=title.id), 303)


@blueprint.get("/<int:title_id>")
@requires("roles.review")
def show(title_id: int) -> str:
    """One title: what it means and who decided so."""
    return _title_page(title_or_404(title_id), {})


@blueprint.post("/<int:title_id>")
@requires("roles.review")
def change(title_id: int) -> Answer:
    """Say what a title means."""
    title = title_or_404(title_id)
    functions, level = request.form.getlist("functions"), request.form.get("level", "")
    errors: dict[str, str] = {}
    if not functions or not set(functions) <= FUNCTION_LABELS.keys():
        errors["functions"] = _("Choose at least one job function.")
    if level not in LEVEL_RANKS:
        errors["level"] = _("Choose the level.")
    if errors:
        return _title_page(title, errors), 422
    people = review.decide(
        db_session(),
        title,
        functions=functions,
        level=level,
        now=clock.now(),
        actor_id=signed_in_user().id,
    )
    flash(_people_sentence(_("Saved: %(title)s", title=title.text), people))
    return redirect(url_for("titles.show_list"), 303)


def _title_page(title: Title, errors: Mapping[str, str]) -> str:
    reviewer = db_session().get(User, title.reviewed_by) if title.reviewed_by else None
    return render_template(
        "web/titles/show.html",
        title=title,
        errors=errors,
        reviewer=reviewer.name if reviewer else "",
        functions=[(key, _(label)) for key, label in FUNCTION_LABELS.items()],
        levels=[(key, _(label)) for key, label in LEVEL_LABELS.items()],
        chosen=request.form.getlist("functions") if errors else title.functions,
        level=request.form.get("level") or review.level_key(title.level),
    )


@blueprint.get("/accept-sure")
@requires("roles.review")
def ask_accept_sure() -> str:
    """Ask before every sure title is accepted at once."""
    sure = review.measure(db_session()).sure
    return render_template(
        "web/parts/confirm_page.html",
        title=ngettext(
            "Accept %(num)s title at once?", "Accept %(num)s titles at once?", sure.titles
        ),
        text=_(
            "They are the titles that the rules read with a confidence of at least 90 per cent."
            " You can change any of them later."
        ),
        facts=[(_("People with these titles"), sure.people)],
        action=url_for("titles.accept_sure"),
        button=_("Accept the titles"),
        back=url_for("titles.show_list"),
    )


@blueprint.post("/accept-sure")
@requires("roles.review")
def accept_sure() -> Response:
    """Accept every title that the rules are sure of."""
    done = review.accept_sure(db_session(), now=clock.now(), actor_id=signed_in_user().id)
    flash(ngettext("%(num)s title was accepted.", "%(num)s titles were accepted.", done.titles))
    return redirect(url_for("titles.show_list"), 303)


def _settled(sentence: str, people: int) -> Answer:
    """Back to the queue; with htmx the row goes and the number of the rest is told anew."""
    sentence = _people_sentence(sentence, people)
    if is_htmx():
        queue = review.measure(db_session())
        return render_template("web/titles/settled.html", queue=queue, sentence=sentence)
    flash(sentence)
    return redirect(url_for("titles.show_list"), 303)


def _people_sentence(sentence: str, people: int) -> str:
    concerned = ngettext("%(num)s person", "%(num)s people", people)
    return f"{sentence} ({concerned})"
