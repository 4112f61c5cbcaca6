"""How many rows a second an import takes, everything included: one JSON line.

    python -m bench.imports [--rows N] [--people-per-company N] [--profile]

A made-up file in the shape of Finnish exports goes the whole way: decoding, checks, duplicates,
companies, titles and roles, suppressions, COPY, the merge, indexes, commits. Then the same file
again (nothing changes) and a dry run. `cpu_us` is the processor time of a row: what a machine that
does nothing else is left with.
"""

import argparse
import cProfile
import os
import pstats
import random
import time
from datetime import datetime

from sqlalchemy import text

from bench.cpu import used_by
from bench.scratch import Scratch, report, scratch
from mailer import business_id, clock
from mailer.contacts import importing
from mailer.contacts.address import canonical
from mailer.contacts.import_runs import take_steps
from mailer.contacts.importing import Choices, SourceFacts
from mailer.contacts.models import Import
from mailer.contacts.suppression import of_address, suppress
from mailer.db import transaction
from mailer.notice import profiles, switches

HEADER = (
    "Etunimi;Sukunimi;Titteli;Sähköposti;Puhelin;Yritys;Y-tunnus;Toimiala (TOL);Toimialan nimi;"
    "Henkilöstö;Liikevaihto (EUR);Katuosoite;Postinumero;Kaupunki;Kieli;Sukupuoli;Huom"
)
FIRST = ("Aino", "Eero", "Emma", "Heikki", "Jenni", "Kalle", "Kari", "Päivi", "Tuulikki", "Åke")
LAST = ("Anttila", "Karjalainen", "Kivelä", "Leino", "Mäkinen", "Ollila", "Silvennoinen", "Östman")
TITLES = (
    "Talousjohtaja",
    "Palkanlaskija",
    "CFO",
    "Ekonomichef",
    "Ostopäällikkö",
    "IT-päällikkö",
    "Toimitusjohtaja",
    "Head of People",
    "Myyntijohtaja",
    "Tuotantopäällikkö",
)
SUPPRESSED = 2_000


def make_file(rows: int, per_company: int) -> bytes:
    """A file of `rows` people, in Windows-1252 as spreadsheets write it."""
    dice = random.Random(1)
    lines = [HEADER]
    for number in range(rows):
        company = number // per_company
        first, last = dice.choice(FIRST), dice.choice(LAST)
        digits = f"{3_000_000 + company * 7 % 6_000_000:07d}"
        check = business_id.check_digit(digits)
        identity = f"{digits}-{check}" if check is not None else ""
        lines.append(
            f"{first};{last};{dice.choice(TITLES)};p{number}@yritys{company}.example;"
            f"+358 40 {1_000_000 + number % 8_999_999};Yritys {company} Oy;{identity};62010;"
            f"Ohjelmistot;{5 + company % 900};{100 + company % 90_000} 000;"
            f"Esimerkkikatu {company % 99};00{100 + company % 800};Helsinki;fi;;"
        )
    return ("\r\n".join(lines) + "\r\n").encode("cp1252")


def run(
    made: Scratch, content: bytes, now: datetime, *, dry_run: bool
) -> tuple[dict[str, object], dict[str, int]]:
    """How quick it was from the upload to the end, and what came of it."""
    here = made.here
    facts = SourceFacts("update_service", "Bench", now.date(), "legitimate_interest")
    with used_by({"python": os.getpid(), "postgresql": made.parts["postgresql"]}) as cpu:
        started = time.perf_counter()
        with transaction(here.sessions) as session:
            entry = importing.upload(session, "bench.csv", content, now=now)
            importing.name_source(session, entry, facts, now=now)
            importing.choose(session, entry, Choices(), now=now)
            importing.start(session, entry, dry_run=dry_run, now=now, by_worker=False)
            import_id, rows = entry.id, entry.rows
        take_steps(here.sessions, import_id)
        seconds = time.perf_counter() - started
    with here.sessions() as session:
        numbers = dict(session.get_one(Import, import_id).counts["numbers"])
    cpu_us = {name: round(used * 1e6 / rows, 1) for name, used in cpu.items()}
    # Servers are children of this process.
    cpu_us["python"] = round(cpu_us["python"] - cpu_us["postgresql"], 1)
    return {"rows_per_s": round(rows / seconds), "cpu_us": cpu_us}, numbers


def main() -> None:
    """Import, import again, check; print the figures."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--people-per-company", type=int, default=4)
    arguments.add_argument("--profile", action="store_true")
    given = arguments.parse_args()
    content = make_file(given.rows, given.people_per_company)
    now = clock.now()
    with scratch() as made:
        with transaction(made.here.sessions) as session:
            switches.publish(session, profiles.load("example"), now=now)
            stopped = (
                of_address(
                    canonical(
                        f"p{number * 50}@yritys{number * 50 // given.people_per_company}.example"
                    )
                )
                for number in range(SUPPRESSED)
            )
            suppress(session, stopped, "optout", origin="staff", now=now)
        profile = cProfile.Profile()
        if given.profile:
            profile.enable()
        created, numbers = run(made, content, now, dry_run=False)
        profile.disable()
        again, repeated = run(made, content, now, dry_run=False)
        checked, _ = run(made, content, now, dry_run=True)
        with made.here.sessions() as session:
            size = session.scalar(text("SELECT pg_total_relation_size('contacts') / 1048576"))
        if given.profile:
            pstats.Stats(profile).sort_stats("tottime").print_stats(30)
        report(
            "imports",
            rows=given.rows,
            file_mb=round(len(content) / 2**20, 1),
            created=numbers["created"],
            new=created,
            unchanged=repeated["unchanged"],
            again=again,
            dry_run=checked,
            opted_out_earlier=numbers["opted_out_earlier"],
            contacts_mb=size,
        )


if __name__ == "__main__":
    main()
