"""Opt-outs and bans while a campaign runs: who was mailed all the same, and how soon they held.

Order is proven by what the claims themselves could see (tests.faults.witness), not by clocks.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess

from mailer import clock
from mailer.contacts import suppression
from mailer.contacts.address import company_key, domain_key
from mailer.stack.process import last_lines
from mailer.tokens import Recipient
from tests.faults import processes, register, witness
from tests.faults.people import press
from tests.faults.place import Place, wait_for

PRESSING_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of it. Times in milliseconds, from the answer to the first claim that saw it."""

    people: int
    by_header: int
    by_page: int
    company_bans: int
    domain_bans: int
    not_answered: int
    mailed_after_commit: int
    handed_over_before: int
    blocked: int
    effect_ms: Sequence[float]

    def effect(self, share: float) -> float:
        """A percentile of the times to effect."""
        ordered = sorted(self.effect_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


@dataclass(frozen=True, slots=True)
class _Deed:
    """One opt-out or ban, once `share` of the people have been claimed."""

    share: float
    kind: str  # header, page, company, domain
    number: int


class Opposition:
    """People who opt out and companies that ban while a campaign to them runs."""

    def __init__(self, place: Place, *, people: int, opt_outs: int, bans: int) -> None:
        self._place = place
        self._people = people
        dice = random.Random(people)
        chosen = dice.sample(range(people), opt_outs)
        companies = dice.sample(range(people // register.PEOPLE_IN_A_COMPANY), bans)
        deeds = [
            *(_Deed(0, ("header", "page")[i % 2], n) for i, n in enumerate(chosen)),
            *(_Deed(0, ("company", "domain")[i % 2], n) for i, n in enumerate(companies)),
        ]
        dice.shuffle(deeds)
        self._deeds = deque(
            _Deed(0.9 * place / len(deeds), deed.kind, deed.number)
            for place, deed in enumerate(deeds)
        )
        self._recipients: list[Recipient] = []
        self._lock = threading.Lock()
        self._claimed = 0.0
        self.answered: dict[bytes, float] = {}
        self.done: deque[str] = deque()
        self.failed = 0
        self._workers: list[ForkServerProcess] = []

    def play(self, *, workers: int) -> Figures:
        """Run a campaign to its end while people opt out."""
        place = self._place
        place.empty()
        with place.transaction() as session:
            register.fill(session, self._people, now=clock.now())
        self._workers = [
            processes.start_worker(
                processes.Worker(
                    environ=place.environ,
                    log=place.log,
                    clocks=place.clocks.file,
                    number=number,
                    call_size=50,
                    scheduler=not number,
                    in_earnest=True,
                )
            )
            for number in range(workers + 1)
        ]
        try:
            wait_for(self._is_frozen, "the launch", 600)
            threads = [threading.Thread(target=self._act) for _ in range(PRESSING_AT_ONCE)]
            for thread in threads:
                thread.start()
            wait_for(self._is_over, "the end of the campaign", 3600)
            for thread in threads:
                thread.join()
        finally:
            for process in self._workers:
                process.kill()
                process.join()
        return self._figures()

    def _is_frozen(self) -> bool:
        assert all(worker.is_alive() for worker in self._workers), last_lines(self._place.log)
        rows = self._place.look(
            "SELECT m.id, c.address_key FROM messages m JOIN contacts c ON c.id = m.contact_id"
            " ORDER BY c.id"
        )
        self._recipients = [Recipient(row.id, row.address_key) for row in rows]
        return bool(rows)

    def _is_over(self) -> bool:
        assert all(worker.is_alive() for worker in self._workers), last_lines(self._place.log)
        self._claimed = self._place.accepted() / self._people
        if not self._place.look(
            "SELECT 1 FROM messages WHERE state IN ('queued', 'sending') LIMIT 1"
        ):
            self._claimed = 1.0
            return True
        return False

    def _act(self) -> None:
        while True:
            with self._lock:
                if not self._deeds:
                    return
                deed = self._deeds[0] if self._deeds[0].share <= self._claimed else None
                if deed is not None:
                    self._deeds.popleft()
            if deed is None:
                time.sleep(0.005)
            elif deed.kind in ("header", "page"):
                self._press(deed)
            else:
                self._ban(deed)

    def _press(self, deed: _Deed) -> None:
        recipient = self._recipients[deed.number]
        status = press(self._place.web_port, recipient, by_page=deed.kind == "page")
        if status == 200:
            self.answered[recipient.address_key] = time.time()
            self.done.append(deed.kind)
        else:
            self.failed += 1

    def _ban(self, deed: _Deed) -> None:
        company = register.business_id(deed.number), register.domain(deed.number)
        entry, key = (
            (suppression.of_company(company[0]), company_key(company[0]))
            if deed.kind == "company"
            else (suppression.of_domain(company[1]), domain_key(company[1]))
        )
        with self._place.transaction() as session:
            suppression.suppress(
                session, [entry], f"{deed.kind}_ban", origin="staff", now=clock.now()
            )
        self.answered[key] = time.time()
        self.done.append(deed.kind)

    def _figures(self) -> Figures:
        look = self._place.look
        seen = {bytes(row.key): row.at for row in look(witness.FIRST_SEEN)}
        done = list(self.done)
        return Figures(
            people=self._people,
            by_header=done.count("header"),
            by_page=done.count("page"),
            company_bans=done.count("company"),
            domain_bans=done.count("domain"),
            not_answered=self.failed,
            mailed_after_commit=len(witness.wrongly_claimed(look)),
            handed_over_before=look(witness.CLAIMED_BEFORE)[0].people,
            blocked=look(witness.BLOCKED)[0].people,
            effect_ms=[
                1000 * (float(seen[key]) - at)
                for key, at in self.answered.items()
                if seen.get(key) is not None
            ],
        )
