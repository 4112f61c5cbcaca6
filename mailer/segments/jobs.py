"""The job that counts segments once a day."""

from mailer import clock, installation, stopping
from mailer.db import transaction
from mailer.segments import history


def count_segments() -> None:
    """Note how many people each segment has today; what is noted already costs next to nothing."""
    sessions = installation.current().sessions
    now = clock.now()
    with transaction(sessions) as session:
        waiting = history.uncounted(session, now=now)
    for ids in history.batches(waiting):
        if stopping.asked():
            return
        with transaction(sessions) as session:
            history.count(session, ids, now=now)
