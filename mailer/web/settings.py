"""Settings: what there is to set, and the notice in force, shown as it is."""

from dataclasses import dataclass

from flask import Blueprint, render_template

from mailer import clock, installation
from mailer.events import signing
from mailer.languages import N_
from mailer.languages import gettext as _
from mailer.notice import switches, vocabulary
from mailer.notice.schema import Notice
from mailer.notice.sections import sections
from mailer.roles.taxonomy import FUNCTION_LABELS
from mailer.web.guard import requires
from mailer.web.menu import may_open_path
from mailer.web.request import db_session, notice_in_force

blueprint = Blueprint("settings", __name__, url_prefix="/settings")

PARTS = (
    (
        "/settings/notice",
        "scroll-text",
        N_("The notice"),
        N_("What the privacy notice declares: it decides what the product does."),
    ),
    (
        "/settings/users",
        "users",
        N_("Users"),
        N_("Who may sign in, with which roles, why and until when."),
    ),
    (
        "/settings/api-tokens",
        "key",
        N_("API tokens"),
        N_("Which other systems may call the API, in whose name and for what."),
    ),
    (
        "/settings/api",
        "code",
        N_("The API"),
        N_("What other systems can do through the API, call by call."),
    ),
    (
        "/settings/webhooks",
        "send",
        N_("Webhooks"),
        N_("Which other systems are told what happens here, and what became of it."),
    ),
    (
        "/settings/forms",
        "user-plus",
        N_("Sign-up forms"),
        N_("Forms by which people sign up themselves, and how many have confirmed it."),
    ),
    (
        "/settings/domains",
        "globe",
        N_("Sender domains"),
        N_("The domains that messages are sent from, and whether Amazon SES has verified them."),
    ),
    (
        "/settings/sending",
        "gauge",
        N_("Sending"),
        N_("Amazon SES's quota, the warm-up of new domains, and how many messages go at once."),
    ),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A page of settings."""

    path: str
    icon: str
    title: str
    text: str


@blueprint.get("")
@requires("settings.view")
def show() -> str:
    """The pages of settings that the user may open."""
    parts = [
        Part(path, icon, _(title), _(text))
        for path, icon, title, text in PARTS
        if may_open_path(path)
    ]
    key = signing.public_key(installation.current().settings.secret_key)
    return render_template("web/settings/index.html", parts=parts, certificate_key=key)


@blueprint.get("/notice")
@requires("settings.view")
def show_notice() -> str:
    """The notice in force, field by field."""
    notice = notice_in_force()
    if notice is None:
        return render_template("web/settings/no_notice.html")
    return render_template(
        "web/settings/notice.html",
        notice=notice,
        version=switches.version_in_force(db_session(), clock.now()),
        sections=sections(notice, installation.current().settings.aws_region),
        tests=_balancing_tests(notice),
        offering=[_(FUNCTION_LABELS[key]) for key in FUNCTION_LABELS if key in notice.offering],
    )


def _balancing_tests(notice: Notice) -> list[tuple[str, str, str]]:
    """How each interest was weighed, which the public notice does not print."""
    weighed = [
        (_(vocabulary.ALL_PURPOSES[each.key]), each.basis, each.balancing_test)
        for each in notice.all_purposes
    ]
    for name, tracking in ((_("Opens"), notice.opens), (_("Clicks"), notice.clicks)):
        weighed.append((name, tracking.basis or "", tracking.balancing_test))
    return [
        (name, _(vocabulary.BASES[basis]), test) for name, basis, test in weighed if basis and test
    ]
