"""Figures of the job-role rules as one JSON line: `python -m bench.roles [FOLDER]`.

Reads the held-out titles of the tests and, from FOLDER (default ../shared/data/occupations) when it
is there, the development titles and the ESCO occupation labels.
"""

import csv
import json
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from mailer.roles import titles
from mailer.roles.taxonomy import OTHER

ROOT = Path(__file__).parents[1]
HELD_OUT = ROOT / "tests" / "roles" / "titles_heldout.csv"
SECOND = ROOT / "tests" / "roles" / "titles_second.csv"
OCCUPATIONS = ROOT.parent / "shared" / "data" / "occupations"
USED = 0.75

# ISCO-08 groups whose function is not in doubt; the first is meant, the others are close enough.
ISCO = {
    "1212": "hr", "2423": "hr", "1211": "finance", "2411": "finance", "3313": "finance",
    "1330": "it software data security", "35": "it software data security",
    "251": "software it data security", "3323": "procurement", "1324": "logistics procurement",
    "1321": "production", "2431": "marketing", "2432": "communications", "2433": "sales",
    "2434": "sales", "2611": "legal", "214": "engineering", "215": "engineering", "22": "health",
    "23": "education", "411": "administration", "412": "administration", "4313": "payroll",
}  # fmt: skip


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def find_functions(group: str) -> list[str]:
    for length in (4, 3, 2):
        if group[:length] in ISCO:
            return ISCO[group[:length]].split()
    return []


def measure_labelled(rows: list[dict[str, str]]) -> dict[str, Any]:
    confusion: dict[str, Counter[str]] = defaultdict(Counter)
    covered = correct = functions = levels = 0
    for row in rows:
        role = titles.classify(row["title"])
        same = ",".join(role.functions) == row["functions"]
        functions += same
        levels += role.level == row["level"]
        if role.confidence >= USED:
            covered += 1
            correct += same
        confusion[row["functions"].split(",", maxsplit=1)[0]][role.functions[0]] += 1
    return {
        "titles": len(rows),
        "coverage": round(covered / len(rows), 3),
        "precision": round(correct / max(covered, 1), 3),
        "functions": round(functions / len(rows), 3),
        "levels": round(levels / len(rows), 3),
        "confusion": confusion,
    }


def measure_esco(rows: list[dict[str, str]], language: str) -> dict[str, Any]:
    confusion: dict[str, Counter[str]] = defaultdict(Counter)
    asked = covered = correct = 0
    for row in rows:
        wanted = find_functions(row["isco08_unit_group"])
        if not wanted:
            continue
        asked += 1
        role = titles.classify(row[language])
        if role.confidence >= USED and role.functions[0] != OTHER:
            covered += 1
            correct += role.functions[0] in wanted
            got = wanted[0] if role.functions[0] in wanted else role.functions[0]
            confusion[wanted[0]][got] += 1
        else:
            confusion[wanted[0]]["(left out)"] += 1
    return {
        "titles": asked,
        "coverage": round(covered / asked, 3),
        "precision": round(correct / max(covered, 1), 3),
        "confusion": confusion,
    }


def measure_speed(distinct: list[str]) -> dict[str, int]:
    """Titles a second of processor time: never seen before, and seen before."""
    fresh = [f"{title} {number}" for number in range(3) for title in distinct]
    started = time.process_time()
    for title in fresh:
        titles.classify(title)
    first = time.process_time() - started
    started = time.process_time()
    for title in fresh:
        titles.classify(title)
    again = time.process_time() - started
    return {"new_a_second": round(len(fresh) / first), "known_a_second": round(len(fresh) / again)}


def main(folder: Path = OCCUPATIONS) -> None:
    held_out = read_rows(HELD_OUT)
    figures: dict[str, Any] = {
        "ruleset": titles.RULESET_VERSION,
        "speed": measure_speed([row["title"] for row in held_out]),
        "held_out": measure_labelled(held_out),
        "second": measure_labelled(read_rows(SECOND)),
    }
    development, esco = folder / "titles_dev.csv", folder / "esco_isco_fi_sv_en.csv"
    if development.exists():
        figures["development"] = measure_labelled(read_rows(development))
    if esco.exists():
        rows = read_rows(esco)
        figures["esco"] = {
            language: measure_esco(rows, language) for language in ("fi", "sv", "en")
        }
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
