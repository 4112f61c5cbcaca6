"""People who have probably left their employer: the list, and staff's word that they have not."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from mailer import clock
from mailer.contacts import leavers
from mailer.contacts.models import Contact
from mailer.languages import gettext as _
from mailer.web.guard import requires
from mailer.web.paging import Paging, page_number
from mailer.web.request import db_session, notice_in_force, signed_in_user

blueprint = Blueprint("leavers", __name__, url_prefix="/contacts")

_MAX_ID = 2**63


@blueprint.get("/leavers")
@requires("contacts.view")
def show_list() -> str:
    """Those who have probably left, the newest first."""
    only, number = request.args.get("unanswered") == "1", page_number()
    found, total = leavers.page(
        db_session(), notice_in_force(), unanswered=only, offset=Paging(number, 0).offset
    )
    return render_template(
        "web/contacts/leavers.html", people=found, paging=Paging(number, total), only=only
    )


@blueprint.post("/<int:contact_id>/stays")
@requires("contacts.edit")
def stays(contact_id: int) -> Response:
    """Take the mark away: somebody knows that the person still works there."""
    session = db_session()
    contact = session.get(Contact, contact_id) if contact_id < _MAX_ID else None
    if contact is None or contact.erased_at is not None:
        abort(404)
    if contact.restricted_at is not None:
        abort(403)
    taken = leavers.say_they_stay(session, contact, now=clock.now(), actor_id=signed_in_user().id)
    flash(
        _("The mark is gone. The address stays on the suppression list until it is taken off it.")
        if taken
        else _("Nothing was changed.")
    )
    return redirect(url_for("contacts.show", contact_id=contact_id), 303)
