"""Mail that came in: what a person has to read, what was obeyed, and who has left."""

from collections.abc import Callable

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from mailer import audit, clock
from mailer.accounts.models import User
from mailer.events import replies
from mailer.events.mail_models import InboundMessage
from mailer.languages import gettext as _
from mailer.web.guard import requires
from mailer.web.paging import Paging, page_number
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("replies", __name__, url_prefix="/replies")

LONGEST_REASON = 2000
_MAX_ID = 2**63


@blueprint.get("")
@requires("suppressions.view")
def show_list() -> str:
    """What waits to be read, unless the URL asks for what was decided or who has left."""
    session = db_session()
    view = request.args.get("show", "")
    view = view if view in replies.VIEWS else "waiting"
    counts = replies.counts(session)
    paging = Paging(page_number(), counts[view])
    shown = replies.page(session, view, limit=paging.size, offset=paging.offset)
    return render_template(
        "web/replies/list.html",
        view=view,
        counts=counts,
        shown=shown,
        paging=paging,
        names=_names([each.mail for each in shown]),
        kinds={key: _(label) for key, label in replies.KINDS.items()},
        states={key: _(label) for key, label in replies.STATES.items()},
        reasons={key: _(label) for key, label in replies.REASONS.items()},
        can_opt_out=replies.can_opt_out,
        can_undo=replies.can_undo,
    )


def _names(mails: list[InboundMessage]) -> dict[int, str]:
    ids = [mail.decided_by for mail in mails if mail.decided_by is not None]
    rows = db_session().execute(select(User.id, User.name).where(User.id.in_(ids)))
    return {row.id: row.name for row in rows}


@blueprint.post("/<int:reply_id>/opt-out")
@requires("suppressions.edit")
def opt_out(reply_id: int) -> Response:
    """Obey a mail."""
    return _decide(reply_id, replies.opt_out, "reply.obeyed", _("Opted out. It holds from now on."))


@blueprint.post("/<int:reply_id>/dismiss")
@requires("suppressions.edit")
def dismiss(reply_id: int) -> Response:
    """Note that a mail is no request."""
    return _decide(reply_id, replies.dismiss, "reply.dismissed", _("Noted: not a request."))


def _decide(reply_id: int, act: Callable[..., bool], action: str, done: str) -> Response:
    session, now, user = db_session(), clock.now(), signed_in_user()
    mail = _mail_or_404(reply_id)
    if act(session, mail.id, now=now, actor_id=user.id):
        audit.record(session, action, "reply", mail.id, now=now, actor_id=user.id, kind=mail.kind)
        flash(done)
    else:
        flash(_("Somebody else was quicker. Nothing was changed."))
    return redirect(url_for("replies.show_list"), 303)


@blueprint.get("/<int:reply_id>/undo")
@requires("suppressions.lift")
def ask_undo(reply_id: int) -> str:
    """The form that takes an opt-out back."""
    return _undo_page(_undoable_or_404(reply_id), {})


@blueprint.post("/<int:reply_id>/undo")
@requires("suppressions.lift")
def undo(reply_id: int) -> str | Response | tuple[str, int]:
    """Take back an opt-out that a mail's words made, with a stated reason."""
    session, now, user = db_session(), clock.now(), signed_in_user()
    mail = _undoable_or_404(reply_id)
    reason = request.form.get("reason", "").strip()
    if not reason or len(reason) > LONGEST_REASON:
        return _undo_page(mail, {"reason": _("Write who asked for it and why.")}), 422
    if replies.undo(session, mail.id, now=now, actor_id=user.id, reason=reason):
        audit.record(
            session, "reply.undone", "reply", mail.id, now=now, actor_id=user.id, kind=mail.kind
        )
        flash(_("The opt-out was taken back."))
    return redirect(url_for("replies.show_list", show="decided"), 303)


def _mail_or_404(reply_id: int) -> InboundMessage:
    mail = db_session().get(InboundMessage, reply_id) if reply_id < _MAX_ID else None
    if mail is None:
        abort(404)
    return mail


def _undoable_or_404(reply_id: int) -> InboundMessage:
    mail = _mail_or_404(reply_id)
    if not replies.can_undo(mail):
        abort(404)
    return mail


def _undo_page(mail: InboundMessage, errors: dict[str, str]) -> str:
    return render_template(
        "web/replies/undo.html",
        mail=mail,
        errors=errors,
        reason=request.form.get("reason", ""),
        kinds={key: _(label) for key, label in replies.KINDS.items()},
    )
