"""Screens of webhooks: which systems are told of what, what became of it, telling it again."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from mailer import clock, installation
from mailer.adapters.outgoing import ERRORS
from mailer.languages import N_
from mailer.languages import gettext as _
from mailer.languages import ngettext as n_
from mailer.web.guard import requires
from mailer.web.paging import Paging, page_number
from mailer.web.request import db_session, signed_in_user
from mailer.webhooks import delivery, outbox, subscriptions
from mailer.webhooks.models import Webhook, WebhookDelivery
from mailer.webhooks.outbox import EVENTS
from mailer.webhooks.subscriptions import Numbers, Wanted

blueprint = Blueprint("webhooks_out", __name__, url_prefix="/settings/webhooks")

STATES = {
    "waiting": N_("Waiting"),
    "delivered": N_("Arrived"),
    "failed": N_("Given up"),
}
_MAX_ID = 2**63
_LONGEST = 3000

Answer = str | Response | tuple[str, int]


@blueprint.get("")
@requires("settings.edit")
def show_list() -> str:
    """Every webhook and how its tellings stand."""
    session = db_session()
    return render_template(
        "web/webhooks_out/list.html",
        webhooks=subscriptions.listed(session),
        numbers=subscriptions.numbers(session),
        nothing=Numbers(),
        events=EVENTS,
    )


@blueprint.get("/new")
@requires("settings.edit")
def new() -> str:
    """The form that makes a webhook."""
    return _edit_page({}, Wanted("", "", ()), None)


@blueprint.post("/new")
@requires("settings.edit")
def create() -> Answer:
    """Make a webhook and show its secret, once."""
    wanted = _wanted()
    if errors := _problems(wanted, new=True):
        return _edit_page(errors, wanted, None), 422
    webhook = subscriptions.create(
        db_session(), wanted, now=clock.now(), actor_id=signed_in_user().id
    )
    return _secret_page(webhook)


@blueprint.get("/<int:webhook_id>")
@requires("settings.edit")
def show(webhook_id: int) -> str:
    """A webhook and its log, the newest first."""
    session, webhook = db_session(), _webhook_or_404(webhook_id)
    state = request.args.get("state", "")
    conditions = [WebhookDelivery.webhook_id == webhook.id]
    if state in STATES:
        conditions.append(WebhookDelivery.state == state)
    count = select(func.count()).select_from(WebhookDelivery).where(*conditions)
    paging = Paging(page_number(), session.scalar(count) or 0)
    entries = session.scalars(
        select(WebhookDelivery)
        .where(*conditions)
        .order_by(WebhookDelivery.id.desc())
        .limit(paging.size)
        .offset(paging.offset)
    ).all()
    return render_template(
        "web/webhooks_out/show.html",
        webhook=webhook,
        entries=entries,
        paging=paging,
        numbers=subscriptions.numbers(session).get(webhook.id, Numbers()),
        state=state if state in STATES else "",
        states=[(key, _(word)) for key, word in STATES.items()],
        words={**EVENTS, outbox.TEST: N_("Test")},
        errors=ERRORS,
        pause_after=delivery.PAUSE_AFTER,
    )


@blueprint.get("/<int:webhook_id>/edit")
@requires("settings.edit")
def edit(webhook_id: int) -> str:
    """The webhook as it is, to change."""
    webhook = _webhook_or_404(webhook_id)
    return _edit_page({}, Wanted(webhook.name, webhook.url, webhook.events), webhook)


@blueprint.post("/<int:webhook_id>/edit")
@requires("settings.edit")
def change(webhook_id: int) -> Answer:
    """Change a webhook."""
    webhook, wanted = _webhook_or_404(webhook_id), _wanted()
    if errors := _problems(wanted, new=False):
        return _edit_page(errors, wanted, webhook), 422
    subscriptions.change(
        db_session(), webhook, wanted, now=clock.now(), actor_id=signed_in_user().id
    )
    flash(_("Saved."))
    return _back(webhook)


@blueprint.post("/<int:webhook_id>/pause")
@requires("settings.edit")
def pause(webhook_id: int) -> Answer:
    """Try nothing any more until it is let go on."""
    webhook = _webhook_or_404(webhook_id)
    subscriptions.pause(
        db_session(), webhook, reason="user", now=clock.now(), actor_id=signed_in_user().id
    )
    flash(_("Paused. What happens meanwhile is kept and told later."))
    return _back(webhook)


@blueprint.post("/<int:webhook_id>/resume")
@requires("settings.edit")
def resume(webhook_id: int) -> Answer:
    """Tell what has waited, and go on."""
    webhook = _webhook_or_404(webhook_id)
    subscriptions.resume(db_session(), webhook, now=clock.now(), actor_id=signed_in_user().id)
    flash(_("The webhook goes on."))
    return _back(webhook)


@blueprint.post("/<int:webhook_id>/test")
@requires("settings.edit")
def send_test(webhook_id: int) -> Answer:
    """Have a test event told."""
    webhook = _webhook_or_404(webhook_id)
    outbox.add_test(db_session(), webhook, now=clock.now())
    flash(_("A test event is on its way. The log below shows what becomes of it."))
    return _back(webhook)


@blueprint.post("/<int:webhook_id>/replay")
@requires("settings.edit")
def replay_failed(webhook_id: int) -> Answer:
    """Tell everything again that was given up."""
    webhook = _webhook_or_404(webhook_id)
    number = subscriptions.replay(
        db_session(), webhook, now=clock.now(), actor_id=signed_in_user().id
    )
    flash(
        n_("%(num)s event is told again.", "%(num)s events are told again.", number)
        if number
        else _("Nothing has been given up.")
    )
    return _back(webhook)


@blueprint.post("/<int:webhook_id>/replay/<int:delivery_id>")
@requires("settings.edit")
def replay(webhook_id: int, delivery_id: int) -> Answer:
    """Tell one event again."""
    webhook = _webhook_or_404(webhook_id)
    told = delivery_id < _MAX_ID and subscriptions.replay(
        db_session(),
        webhook,
        now=clock.now(),
        actor_id=signed_in_user().id,
        delivery_id=delivery_id,
    )
    if not told:
        abort(404)
    flash(_("The event is told again."))
    return _back(webhook)


@blueprint.get("/<int:webhook_id>/secret")
@requires("settings.edit")
def ask_renew_secret(webhook_id: int) -> str:
    """Ask before the secret changes."""
    webhook = _webhook_or_404(webhook_id)
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Make a new secret for %(name)s?", name=webhook.name),
        text=_(
            "The old one signs nothing from that moment on: have the receiver take the new one."
        ),
        facts=[],
        action=url_for("webhooks_out.renew_secret", webhook_id=webhook.id),
        button=_("Make a new secret"),
        back=url_for("webhooks_out.show", webhook_id=webhook.id),
        danger=True,
    )


@blueprint.post("/<int:webhook_id>/secret")
@requires("settings.edit")
def renew_secret(webhook_id: int) -> Answer:
    """Make a new secret and show it, once."""
    webhook = _webhook_or_404(webhook_id)
    subscriptions.renew_secret(db_session(), webhook, now=clock.now(), actor_id=signed_in_user().id)
    return _secret_page(webhook)


@blueprint.get("/<int:webhook_id>/delete")
@requires("settings.edit")
def ask_delete(webhook_id: int) -> str:
    """Ask before a webhook goes with its log."""
    webhook = _webhook_or_404(webhook_id)
    waiting = subscriptions.numbers(db_session()).get(webhook.id, Numbers()).waiting
    return render_template(
        "web/parts/confirm_page.html",
        title=_("Delete the webhook of %(name)s?", name=webhook.name),
        text=_("Its log goes too, and what waits is not told. This cannot be undone."),
        facts=[(_("Waiting"), str(waiting))],
        action=url_for("webhooks_out.delete", webhook_id=webhook.id),
        button=_("Delete the webhook"),
        back=url_for("webhooks_out.show", webhook_id=webhook.id),
        danger=True,
    )


@blueprint.post("/<int:webhook_id>/delete")
@requires("settings.edit")
def delete(webhook_id: int) -> Answer:
    """Delete a webhook with its log."""
    webhook = _webhook_or_404(webhook_id)
    subscriptions.delete(db_session(), webhook, now=clock.now(), actor_id=signed_in_user().id)
    flash(_("The webhook was deleted."))
    return redirect(url_for("webhooks_out.show_list"), 303)


def _back(webhook: Webhook) -> Response:
    return redirect(url_for("webhooks_out.show", webhook_id=webhook.id), 303)


def _webhook_or_404(webhook_id: int) -> Webhook:
    webhook = db_session().get(Webhook, webhook_id) if webhook_id < _MAX_ID else None
    if webhook is None:
        abort(404)
    return webhook


def _wanted() -> Wanted:
    return Wanted(
        request.form.get("name", "")[:_LONGEST],
        request.form.get("url", "").strip()[:_LONGEST],
        tuple(request.form.getlist("events")),
    )


def _problems(wanted: Wanted, *, new: bool) -> dict[str, str]:
    settings = installation.current().settings
    found = subscriptions.problems(db_session(), wanted, settings, new=new)
    return {field: _(text) for field, text in found.items()}


def _edit_page(errors: dict[str, str], wanted: Wanted, webhook: Webhook | None) -> str:
    return render_template(
        "web/webhooks_out/edit.html",
        errors=errors,
        wanted=wanted,
        webhook=webhook,
        events=[(key, _(word)) for key, word in EVENTS.items()],
    )


def _secret_page(webhook: Webhook) -> str:
    return render_template(
        "web/webhooks_out/secret_once.html",
        webhook=webhook,
        secret=subscriptions.secret_of(webhook, installation.current().settings),
    )
