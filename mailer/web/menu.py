"""The menu: an entry shows when its page exists and the user may open it."""

from dataclasses import dataclass

from flask import current_app, request
from werkzeug.exceptions import HTTPException

from mailer.languages import N_, gettext
from mailer.web.guard import may_open

ENTRIES = (
    ("/", "house", N_("Home")),
    ("/campaigns", "mail", N_("Campaigns")),
    ("/segments", "list-filter", N_("Segments")),
    ("/contacts", "users", N_("Contacts")),
    ("/companies", "building-2", N_("Companies")),
    ("/import", "upload", N_("Import")),
    ("/titles", "briefcase", N_("Job titles")),
    ("/suppressions", "ban", N_("Suppression list")),
    ("/replies", "inbox", N_("Replies")),
    ("/requests", "shield-check", N_("Data requests")),
    ("/reports", "chart-column", N_("Reports")),
    ("/settings", "settings", N_("Settings")),
    ("/audit", "history", N_("Audit log")),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the menu."""

    path: str
    icon: str
    label: str
    current: bool


def entries() -> list[Entry]:
    """The menu of the signed-in user, with the entry of this page marked."""
    return [
        Entry(path, icon, gettext(label), _is_current(path))
        for path, icon, label in ENTRIES
        if may_open_path(path)
    ]


def may_open_path(path: str) -> bool:
    """Whether there is a page at the path and the signed-in user's role opens it."""
    try:
        endpoint, _ = current_app.url_map.bind("").match(path, method="GET")
    except HTTPException:
        return False
    return may_open(str(endpoint))


def _is_current(path: str) -> bool:
    if path == "/":
        return request.path == "/"
    return request.path == path or request.path.startswith(f"{path}/")
