"""Imports every table, for Alembic and for tests about the schema."""

from mailer.accounts import models as accounts
from mailer.audit import AuditEntry
from mailer.campaigns import models as campaigns
from mailer.contacts import interaction_models as interactions
from mailer.contacts import models as contacts
from mailer.contacts import sign_up_models as sign_ups
from mailer.db import Model
from mailer.events import mail_models as mail
from mailer.events import marks as hit_marks
from mailer.events import models as events
from mailer.events import rejudging as ruleset_runs
from mailer.notice import models as notice
from mailer.roles import models as roles
from mailer.segments import models as segments
from mailer.sending import models as sending
from mailer.sending import plan_models as plans
from mailer.webhooks import models as webhooks

__all__ = [
    "AuditEntry",
    "Model",
    "accounts",
    "campaigns",
    "contacts",
    "events",
    "hit_marks",
    "interactions",
    "mail",
    "notice",
    "plans",
    "roles",
    "ruleset_runs",
    "segments",
    "sending",
    "sign_ups",
    "webhooks",
]
