"""Which role may do what (R70). The one table; screens name a permission and never a role."""

from collections.abc import Iterable

from mailer.languages import N_

ROLE_NAMES = {
    "marketer": N_("Marketer"),
    "approver": N_("Approver"),
    "dpo": N_("Data protection officer"),
    "admin": N_("Administrator"),
    "auditor": N_("Auditor"),
}

ROLE_DUTIES = {
    "marketer": N_("Builds segments and campaigns, imports contacts and sends."),
    "approver": N_("Reads campaigns and approves them before they are sent."),
    "dpo": N_("Answers people's requests, keeps the notice and the suppression list."),
    "admin": N_("Manages users and settings, and may do everything else too."),
    "auditor": N_("Reads the audit log and reports, without personal data."),
}

_EVERYONE = frozenset({"home.view"})

# Whoever has contacts.view sees people; the others get numbers only.
GRANTS: dict[str, frozenset[str]] = {
    "marketer": _EVERYONE
    | {
        "campaigns.view",
        "campaigns.edit",
        "campaigns.send",
        "sending.stop",
        "segments.view",
        "segments.edit",
        "contacts.view",
        "contacts.edit",
        "imports.run",
        "suppressions.view",
        "suppressions.edit",
        "roles.review",
        "reports.view",
    },
    "approver": _EVERYONE
    | {
        "campaigns.view",
        "approvals.give",
        "sending.stop",
        "segments.view",
        "contacts.view",
        "suppressions.view",
        "reports.view",
    },
    "dpo": _EVERYONE
    | {
        "campaigns.view",
        "sending.stop",
        "segments.view",
        "contacts.view",
        "contacts.edit",
        "contacts.export",
        "suppressions.view",
        "suppressions.edit",
        "suppressions.lift",
        "roles.review",
        "requests.view",
        "requests.edit",
        "reports.view",
        "settings.view",
        "notice.edit",
        "audit.view",
    },
    "auditor": _EVERYONE | {"reports.view", "audit.view"},
}
PERMISSIONS = frozenset[str]().union(*GRANTS.values()) | {"settings.edit", "users.manage"}
GRANTS["admin"] = PERMISSIONS
ROLES = tuple(ROLE_NAMES)


def granted(roles: Iterable[str]) -> frozenset[str]:
    """Everything the roles together permit. A role nobody knows permits nothing."""
    return frozenset[str]().union(*(GRANTS.get(role, frozenset()) for role in roles))


def permits(roles: Iterable[str], permission: str) -> bool:
    """Whether any of the roles permits it. Raises KeyError for a permission that does not exist."""
    if permission not in PERMISSIONS:
        raise KeyError(permission)
    return permission in granted(roles)


def roles_with(permission: str) -> list[str]:
    """The roles that permit it, in the order they are shown. Raises KeyError as `permits` does."""
    return [role for role in ROLES if permits([role], permission)]
