"""Jobs of the register: running imports, and the sweeps that delete what may not stay."""

import logging
import time
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from mailer import clock, installation, stopping
from mailer.adapters.queue import enqueue
from mailer.contacts import import_runs, informing, interaction_holds, private_persons, sign_ups
from mailer.contacts.import_refusals import ImportRefusedError
from mailer.contacts.importing import QUEUE, RUN_IMPORT
from mailer.contacts.models import Import, ImportFile, ImportProblem
from mailer.db import transaction
from mailer.notice import switches

log = logging.getLogger(__name__)

# A job ends well before its queue would end it, and goes on as another job.
_SECONDS = 60.0
_SILENT = timedelta(seconds=60)
_MOST_STARTS = 5
_FILE_DAYS = 7


def run_import(import_id: int) -> None:
    """Take an import on from where it is, to its end or for a minute."""
    sessions = installation.current().sessions
    finish_by = time.monotonic() + _SECONDS
    try:
        at_end = import_runs.take_steps(
            sessions,
            import_id,
            go_on=lambda: not stopping.asked() and time.monotonic() <= finish_by,
        )
        if not at_end:
            enqueue(QUEUE, RUN_IMPORT, import_id)
    except Exception as error:
        # A database that is away ends here too; then the sweep finds the import again.
        log.exception(
            "import_failed", extra={"import_id": import_id, "error": type(error).__name__}
        )
        code = "unexpected"
        with transaction(sessions) as session:
            import_runs.fail(session, import_id, code, now=clock.now())
        if not isinstance(error, ImportRefusedError):
            raise


def sweep_imports() -> None:
    """Take on imports that have stopped moving, and delete uploaded files after seven days."""
    installed = installation.current()
    now = clock.now()
    with transaction(installed.sessions) as session:
        silent = session.scalars(
            select(Import)
            .where(Import.state.in_(["checking", "running"]), Import.heartbeat_at < now - _SILENT)
            .with_for_update(skip_locked=True)
        ).all()
        again = []
        for entry in silent:
            starts = int(entry.options.get("starts", 1))
            if starts >= _MOST_STARTS:
                import_runs.fail(session, entry.id, "gave_up", now=now)
                continue
            entry.options = {**entry.options, "starts": starts + 1}
            entry.heartbeat_at = now
            again.append(entry.id)
        _forget_files(session, now - timedelta(days=_FILE_DAYS))
    for import_id in again:
        log.info("import_taken_on", extra={"import_id": import_id})
        enqueue(QUEUE, RUN_IMPORT, import_id)


def _forget_files(session: Session, before: datetime) -> None:
    """The bytes, and the cells named in problems, were kept for the error file only."""
    old = select(ImportFile.import_id).where(ImportFile.stored_at < before)
    session.execute(
        update(ImportProblem)
        .where(ImportProblem.import_id.in_(old), ImportProblem.value != "")
        .values(value="")
    )
    session.execute(delete(ImportFile).where(ImportFile.stored_at < before))


def delete_private_persons() -> None:
    """Delete what the detectors find in the register (R12)."""
    now = clock.now()
    with transaction(installation.current().sessions) as session:
        notice = switches.in_force(session, now)
        if notice is None:
            return
        for rule, ids in private_persons.find(session, notice).items():
            count = private_persons.remove(session, ids, rule=rule, now=now)
            log.info("private_persons_deleted", extra={"rule": rule, "count": count})


def keep_time_to_inform() -> None:
    """Block those who were not told in time where their data came from, and at last delete them
    (R48). What is not done within a minute is done by the next one."""
    sessions = installation.current().sessions
    now, finish_by = clock.now(), time.monotonic() + _SECONDS
    with sessions() as session:
        # Without a notice there is nothing to point people to, and nobody is mailed.
        if switches.in_force(session, now) is None:
            return
    for step in (informing.mark_overdue, informing.delete_uninformed):
        done, batch = 0, informing.BATCH
        while batch == informing.BATCH and time.monotonic() < finish_by and not stopping.asked():
            with transaction(sessions) as session:
                batch = step(session, now=now)
            done += batch
        if done:
            log.warning("not_informed_in_time", extra={"step": step.__name__, "people": done})


def forget_released_dealings() -> None:
    """Delete what had stayed of deleted people for accounting only, once the law is content."""
    with transaction(installation.current().sessions) as session:
        count = interaction_holds.forget_released(session, now=clock.now())
    if count:
        log.info("held_dealings_deleted", extra={"count": count})


def forget_sign_ups() -> None:
    """Delete what was typed into forms and not confirmed within a week."""
    with transaction(installation.current().sessions) as session:
        forgotten = sign_ups.forget_old(session, now=clock.now())
    if forgotten:
        log.info("sign_ups_forgotten", extra={"sign_ups": forgotten})
