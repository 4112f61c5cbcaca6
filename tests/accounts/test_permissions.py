"""Which role may do what."""

import pytest

from mailer.accounts import permissions


def test_an_unknown_permission_is_an_error_and_not_a_no() -> None:
    with pytest.raises(KeyError):
        permissions.permits(["admin"], "campaigns.destroy")


def test_an_unknown_role_permits_nothing() -> None:
    assert permissions.granted(["owner", ""]) == frozenset()


def test_nobody_without_a_role_permits_anything() -> None:
    assert permissions.granted([]) == frozenset()


def test_every_role_opens_the_home_page() -> None:
    assert permissions.roles_with("home.view") == list(permissions.ROLES)


def test_the_administrator_may_do_everything() -> None:
    assert permissions.granted(["admin"]) == permissions.PERMISSIONS


def test_an_auditor_sees_the_log_and_reports_and_no_people() -> None:
    assert permissions.granted(["auditor"]) == {"home.view", "audit.view", "reports.view"}


@pytest.mark.parametrize("permission", ["users.manage", "settings.edit"])
def test_only_administrators_manage(permission: str) -> None:
    assert permissions.roles_with(permission) == ["admin"]


@pytest.mark.parametrize("role", ["approver", "dpo", "auditor"])
def test_only_marketers_and_administrators_send(role: str) -> None:
    assert not permissions.permits([role], "campaigns.send")


def test_a_marketer_neither_approves_nor_lifts_an_opt_out() -> None:
    held = permissions.granted(["marketer"])
    assert not held & {"approvals.give", "suppressions.lift", "contacts.export", "audit.view"}


def test_roles_add_up() -> None:
    both = permissions.granted(["marketer", "approver"])
    assert {"campaigns.send", "approvals.give"} <= both
