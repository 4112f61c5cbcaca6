"""What workers run for the suppression list. Safe to run twice, and safe to lose."""

import logging

from mailer import clock, installation
from mailer.contacts import suppression_sync

log = logging.getLogger(__name__)


def sync() -> None:
    """Read Amazon SES's list into ours, and hand over what the settings let go."""
    here = installation.current()
    outcome = suppression_sync.sync(here.sessions, here.settings, now=clock.now())
    facts = {"added": outcome.added, "handed_over": outcome.handed_over}
    if outcome.failure:
        log.warning("ses_list_not_read", extra={"reason": outcome.failure, **facts})
    elif outcome.added or outcome.handed_over:
        log.info("ses_list_read", extra=facts)
