"""One campaign through its plan: workers, troubles at their moments, and what was left."""

import heapq
import itertools
import logging
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from typing import Any

from sqlalchemy.exc import OperationalError

from mailer import clock
from mailer.campaigns import lifecycle
from mailer.contacts import suppression
from mailer.tokens import Recipient
from tests.faults import processes, register, witness
from tests.faults.judge import End, Problem, Row, judge
from tests.faults.network import TROUBLES
from tests.faults.people import press
from tests.faults.place import LEASE_SECONDS, PATIENCE, SETTLE_SECONDS, Place, wait_for
from tests.faults.plan import Plan, Step

log = logging.getLogger(__name__)

SCHEDULER = 0
NEXT = {
    "throttled": "throttle_next",
    "ses_error": "error_next",
    "dropped": "drop_next",
    "lost": "lose_next",
}
QUOTA = "ACCOUNT_DAILY_QUOTA_EXCEEDED"
# The next trouble does not wait longer for a campaign that has begun to get on.
STANDSTILL_SECONDS = 5.0
# What is uncertain after this long, with every event applied, stays so.
SETTLED_AFTER = 2 * LEASE_SECONDS + SETTLE_SECONDS + 3


@dataclass(slots=True)
class Outcome:
    """How one run ended."""

    plan: Plan
    problems: list[Problem]
    seconds: float
    uncertain: int = 0
    blocked: int = 0
    # Which troubles of the plan there was still somebody to meet.
    met: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        lines = [str(self.plan), *(f"  note: {note}" for note in self.notes)]
        return "\n".join([*lines, *(f"  PROBLEM {problem}" for problem in self.problems)])


class Run:
    """One campaign under way."""

    def __init__(self, place: Place, plan: Plan) -> None:
        self._place = place
        self._plan = plan
        self._workers: dict[int, ForkServerProcess] = {}
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._campaign_id = 0
        self._quiet_since: float | None = None
        self._unmet: set[str] = set()
        self.notes: list[str] = []

    def play(self) -> Outcome:
        """Play the plan to its end and count."""
        began = time.monotonic()
        place = self._place
        place.empty()
        with place.transaction() as session:
            self._campaign_id = register.fill(session, self._plan.people, now=clock.now())
        place.ses.faults(latency_ms=self._plan.latency_ms)
        problems: list[Problem] = []
        try:
            for number in range(self._plan.workers + 1):
                self._start(number)
            self._meet_troubles()
            self._see_what_was_met()
            self._calm()
            self._settle()
        except AssertionError as error:
            problems.append(Problem("wrong_state", 0, str(error)))
        finally:
            for process in self._workers.values():
                process.kill()
            for process in self._workers.values():
                process.join()
            self._calm()
        end = self._look()
        return Outcome(
            self._plan,
            problems + judge(end),
            time.monotonic() - began,
            uncertain=sum(row.state == "uncertain" for row in end.ledger),
            blocked=sum(row.state == "blocked" for row in end.ledger),
            met=self._plan.kinds - self._unmet,
            notes=self.notes,
        )

    # Workers

    def _start(self, number: int) -> None:
        place = self._place
        self._workers[number] = processes.start_worker(
            processes.Worker(
                environ=place.environ,
                log=place.log,
                clocks=place.clocks.file,
                number=number,
                call_size=self._plan.call_size,
                scheduler=number == SCHEDULER,
            )
        )

    def _watch(self) -> None:
        """Start again what has ended, as whoever runs the processes does."""
        for number, process in list(self._workers.items()):
            if not process.is_alive():
                if process.exitcode not in (0, -signal.SIGKILL, -signal.SIGTERM):
                    self.notes.append(f"worker {number} ended by itself with {process.exitcode}")
                    assert len(self.notes) < 40, "the workers do not stay alive"
                process.join()
                self._place.clocks.move(number, 0)
                self._start(number)

    def _worker(self, wanted: int) -> int:
        """One of the workers, never the scheduler."""
        return 1 + wanted % self._plan.workers

    # Troubles

    def _meet_troubles(self) -> None:
        steps = list(self._plan.steps)
        accepted, moved_at = -1, time.monotonic()
        while steps or self._later:
            now = time.monotonic()
            while self._later and self._later[0][0] <= now:
                heapq.heappop(self._later)[2]()
            count = self._place.accepted()
            if count != accepted:
                accepted, moved_at = count, now
            stands_still = count > 0 and now - moved_at > STANDSTILL_SECONDS
            assert now - moved_at < PATIENCE, "the campaign did not begin"
            if steps and (stands_still or count >= steps[0].share * self._plan.people):
                self._meet(steps.pop(0))
                moved_at = time.monotonic()
            self._watch()
            time.sleep(0.08)

    def _meet(self, step: Step) -> None:
        facts = dict(step.facts)
        if step.kind in TROUBLES:
            self._place.network.trouble(step.kind, facts["times"])
        else:
            getattr(self, f"_{step.kind}")(**facts)

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._count), act))

    def _see_what_was_met(self) -> None:
        """Give the last calls a moment to meet what waits for them."""
        wait = time.monotonic() + STANDSTILL_SECONDS
        while self._waiting_troubles() and time.monotonic() < wait:
            time.sleep(0.1)
        self._unmet = self._waiting_troubles()

    def _waiting_troubles(self) -> set[str]:
        """Kinds of which no call has met one yet."""
        faults = self._place.ses.faults()
        times = {step.kind: step.facts.get("times", 0) for step in self._plan.steps}
        unmet = {kind for kind, name in NEXT.items() if faults[name] >= times.get(kind, 0) > 0}
        return unmet | ((self._plan.kinds & TROUBLES.keys()) - set(self._place.network.met))

    def _calm(self) -> None:
        """Everything is there and right again."""
        while self._later:
            heapq.heappop(self._later)[2]()
        self._place.network.calm()
        self._place.clocks.set_right()
        self._place.ses.faults(
            latency_ms=0, throttle_next=0, error_next=0, drop_next=0, lose_next=0,
            entry_failure_rate=0, event_duplicate_rate=0, event_delay_ms=0, event_jitter_ms=0,
        )  # fmt: skip

    def _worker_killed(self, worker: int) -> None:
        self._workers[self._worker(worker)].kill()

    def _worker_asked_to_stop(self, worker: int) -> None:
        self._workers[self._worker(worker)].terminate()

    def _all_killed(self) -> None:
        for process in self._workers.values():
            process.kill()

    def _worker_frozen(self, worker: int, seconds: float) -> None:
        process = self._workers[self._worker(worker)]
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGSTOP)
            self._after(seconds, lambda: self._thaw(process))

    @staticmethod
    def _thaw(process: ForkServerProcess) -> None:
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, signal.SIGCONT)

    def _redis_lost(self, seconds: float) -> None:
        if self._place.redis_is_there():
            self._place.lose_redis()
            self._after(seconds, self._place.valkey.restart)

    def _postgres_restarted(self, seconds: float) -> None:
        self._end_postgres(signal.SIGINT, seconds)

    def _postgres_crashed(self, seconds: float) -> None:
        self._end_postgres(signal.SIGQUIT, seconds)

    def _end_postgres(self, how: signal.Signals, seconds: float) -> None:
        process = self._place.postgres.process
        if process is not None and process.poll() is None:
            self._place.end_postgres(how)
            self._after(seconds, self._place.need_postgres)

    def _web_killed(self) -> None:
        self._place.kill_web()
        self._place.start_web()

    def _ses_away(self, seconds: float) -> None:
        self._place.network.refuse()
        self._after(seconds, self._place.network.start)

    def _connections_cut(self) -> None:
        self._place.network.cut_all()

    def _latency(self, latency_ms: int, seconds: float) -> None:
        self._place.ses.faults(latency_ms=latency_ms)
        self._after(seconds, lambda: self._ses(latency_ms=self._plan.latency_ms))

    def _ses(self, **changes: Any) -> None:
        self._place.ses.faults(**changes)

    def _throttled(self, times: int) -> None:
        self._ses(throttle_next=times)

    def _ses_error(self, times: int) -> None:
        self._ses(error_next=times)

    def _dropped(self, times: int) -> None:
        self._ses(drop_next=times)

    def _lost(self, times: int) -> None:
        self._ses(lose_next=times)

    def _entries_fail(self, rate: float, seconds: float) -> None:
        self._ses(entry_failure_rate=rate)
        self._after(seconds, lambda: self._ses(entry_failure_rate=0))

    def _quota_used_up(self, seconds: float) -> None:
        self._place.ses.behaviours({"@" + register.domain(n): QUOTA for n in range(100)})
        self._after(seconds, lambda: self._place.ses.behaviours({}))

    def _events_twice(self, rate: float) -> None:
        self._ses(event_duplicate_rate=rate)

    def _events_late(self, delay_ms: int) -> None:
        self._ses(event_delay_ms=delay_ms)

    def _events_out_of_order(self, delay_ms: int) -> None:
        self._ses(event_jitter_ms=delay_ms)

    def _events_lost(self) -> None:
        self._ses(event_loss_rate=1)

    def _clock_ahead(self, worker: int | None, by: int, seconds: float) -> None:
        for number in range(8) if worker is None else [self._worker(worker)]:
            self._place.clocks.move(number, by)
            self._after(seconds, lambda number=number: self._place.clocks.move(number, 0))  # type: ignore[misc]

    _clock_behind = _clock_ahead

    def _paused(self, seconds: float) -> None:
        if self._as_person(lifecycle.pause, reason="user"):
            self._after(seconds, self._go_on)

    def _go_on(self) -> None:
        self._as_person(lifecycle.resume)

    # People

    def _opt_outs(self, people: list[int]) -> None:
        self._place.need_postgres()
        rows = self._place.look(
            "SELECT m.id, c.address_key FROM messages m JOIN contacts c ON c.id = m.contact_id"
            " WHERE m.campaign_id = :campaign ORDER BY m.id",
            campaign=self._campaign_id,
        )
        for number in people:
            if rows:
                row = rows[number % len(rows)]
                who = Recipient(row.id, row.address_key)
                if press(self._place.web_port, who, by_page=number % 2 == 0) != 200:
                    self.notes.append("an opt-out was not kept and not answered 200")

    def _company_ban(self, people: list[int]) -> None:
        companies = self._companies(people)
        self._ban(
            "company_ban",
            [suppression.of_company(register.business_id(company)) for company in companies],
        )

    def _domain_ban(self, people: list[int]) -> None:
        companies = self._companies(people)
        self._ban("domain_ban", [suppression.of_domain(register.domain(c)) for c in companies])

    def _companies(self, people: list[int]) -> set[int]:
        return {n % self._plan.people // register.PEOPLE_IN_A_COMPANY for n in people}

    def _ban(self, kind: str, entries: list[suppression.Entry]) -> None:
        with suppress(OperationalError), self._place.transaction() as session:
            suppression.suppress(session, entries, kind, origin="staff", now=clock.now())

    # The end

    def _settle(self) -> None:
        """Until nothing moves any more."""
        wait_for(self._is_over, "the end of the campaign", PATIENCE)

    def _is_over(self) -> bool:
        self._watch()
        state, reason = self._campaign()
        if state == "sent":
            return True
        if state == "paused" and reason != "user":
            self.notes.append(f"paused itself: {reason}")
            self._as_person(lifecycle.resume)
        rows = self._place.look(
            "SELECT count(*) FILTER (WHERE state IN ('queued', 'sending')) AS open,"
            " count(*) FILTER (WHERE state = 'uncertain') AS uncertain"
            " FROM messages WHERE campaign_id = :campaign",
            campaign=self._campaign_id,
        )
        row = rows[0]
        if state != "sending" or row.open or not row.uncertain or not self._events_are_applied():
            self._quiet_since = None
            return False
        if self._quiet_since is None:
            self._quiet_since = time.monotonic()
        return time.monotonic() - self._quiet_since > SETTLED_AFTER

    def _events_are_applied(self) -> bool:
        if self._place.ses.counts()["events"].get("pending"):
            return False
        return not self._place.look("SELECT 1 FROM raw_notifications WHERE state = 'new' LIMIT 1")

    def _campaign(self) -> tuple[str, str | None]:
        row = self._place.look(
            "SELECT state, pause_reason FROM campaigns WHERE id = :id", id=self._campaign_id
        )[0]
        return row.state, row.pause_reason

    def _as_person(self, act: Callable[..., bool], **named: Any) -> bool:
        """What somebody does on a screen; tried until the database is there."""

        self._place.need_postgres()

        def attempt() -> list[bool] | None:
            try:
                with self._place.transaction() as session:
                    return [act(session, self._campaign_id, now=clock.now(), **named)]
            except OperationalError:
                return None

        done: bool = wait_for(attempt, "a change of the campaign")[0]
        return done

    def _look(self) -> End:
        place = self._place
        ledger = place.look(
            "SELECT id, contact_id, state, verdict, error, ses_message_id FROM messages"
            " WHERE campaign_id = :campaign ORDER BY id",
            campaign=self._campaign_id,
        )
        return End(
            contacts={row.id for row in place.look("SELECT id FROM contacts")},
            ledger=[Row(*row) for row in ledger],
            sink=place.sink(),
            campaign_state=self._campaign()[0],
            others={
                row.id for row in place.look("SELECT id FROM messages WHERE kind <> 'campaign'")
            },
            wrongly_claimed=witness.wrongly_claimed(place.look),
            wrongly_blocked=witness.wrongly_blocked(place.look),
            without_events="events_lost" in self._plan.kinds,
            pressed={
                row.message_id
                for row in place.look("SELECT message_id FROM events WHERE kind = 'opt_out'")
            },
        )


def play(place: Place, plan: Plan) -> Outcome:
    """Run one campaign through its plan."""
    return Run(place, plan).play()
