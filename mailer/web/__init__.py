"""Screens and public pages."""

from importlib import import_module

from flask import Flask

from mailer.web.request import (
    current_user,
    db_session,
    keep_changes,
    notice_in_force,
    signed_in_user,
)

__all__ = [
    "current_user",
    "db_session",
    "keep_changes",
    "notice_in_force",
    "register_screens",
    "signed_in_user",
]

# One module a line; each has a Flask blueprint named `blueprint`.
SCREENS = (
    "mailer.web.health",
    "mailer.web.webhooks",
    "mailer.web.public",
    "mailer.web.sign_up",
    "mailer.web.privacy",
    "mailer.web.reports",
    "mailer.web.report_verdicts",
    "mailer.web.access",
    "mailer.web.own_account",
    "mailer.web.home",
    "mailer.web.campaigns",
    "mailer.web.campaign_recipients",
    "mailer.web.campaign_content",
    "mailer.web.campaign_preview",
    "mailer.web.campaign_tests",
    "mailer.web.campaign_review",
    "mailer.web.campaign_progress",
    "mailer.web.campaign_uncertain",
    "mailer.web.campaign_afterwards",
    "mailer.web.campaign_certificate",
    "mailer.web.campaign_why",
    "mailer.web.stopping",
    "mailer.web.imports",
    "mailer.web.import_runs",
    "mailer.web.accounts",
    "mailer.web.settings",
    "mailer.web.api_tokens",
    "mailer.web.sign_up_forms",
    "mailer.web.webhooks_out",
    "mailer.web.api.routes",
    "mailer.web.api.reference",
    "mailer.web.settings_sending",
    "mailer.web.audit_log",
    "mailer.web.contacts",
    "mailer.web.contact_actions",
    "mailer.web.informing",
    "mailer.web.leavers",
    "mailer.web.revalidation",
    "mailer.web.sources",
    "mailer.web.companies",
    "mailer.web.company_facts",
    "mailer.web.interactions",
    "mailer.web.suppressions",
    "mailer.web.replies",
    "mailer.web.titles",
    "mailer.web.segments",
    "mailer.web.segment_people",
    "mailer.web.segment_lists",
)


def register_screens(app: Flask) -> None:
    """Register the blueprint of every module in SCREENS."""
    for name in SCREENS:
        app.register_blueprint(import_module(name).blueprint)
