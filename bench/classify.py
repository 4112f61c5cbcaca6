"""Figures of the rules that tell people from machines, as one JSON line.

    python -m bench.classify [--seeds 100-119] [--companies N] [--origins known|unknown|listed]
        [--table]

Precision and recall over labelled logs that bench.hits_generator makes up. `unknown` is an answer:
such a hit counts against recall and not against precision. Origins `unknown`: behind a proxy that
hides them; `listed`: the operator keeps a list of the gateways' networks.
"""

import argparse
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from bench.hits_generator import LISTED, Request, generate
from mailer.events import rules
from mailer.events.actors import judge
from mailer.events.marks import Seen, crowd_keys
from mailer.events.networks import Networks
from mailer.events.patterns import Hit
from mailer.events.sightings import Watch

ACTORS = ("human", "unknown", "machine")
Judged = tuple[Request, str]


def judge_log(log: Iterable[Request], *, origins: str = "known") -> list[Judged]:
    """Every request with its verdict, by the way each takes in the product."""
    networks = Networks(LISTED if origins == "listed" else ())
    watch = Watch("the secret of a benchmark", secure=True, networks=networks)
    messages: dict[int, list[tuple[Request, Hit]]] = defaultdict(list)
    for request in log:
        messages[request.message].append(
            (request, _hit(watch, request, hidden=origins == "unknown"))
        )
    seen = [
        Seen(hit, number, request.domain.encode())
        for number, hits in messages.items()
        for request, hit in hits
    ]
    crowd = crowd_keys(seen)
    judged: list[Judged] = []
    for hits in messages.values():
        told = [_with_crowd(hit, crowd) for _request, hit in hits]
        first = hits[0][0]
        verdicts = judge(told, delivered_at=first.delivered_at, links=first.links)
        judged += [(request, verdicts[hit.key].actor) for request, hit in hits]
    return judged


def _hit(watch: Watch, request: Request, *, hidden: bool) -> Hit:
    environ = {
        "REQUEST_METHOD": request.method,
        "REMOTE_ADDR": "127.0.0.1" if hidden else request.address,
        **{f"HTTP_{k.upper().replace('-', '_')}": v for k, v in request.headers.items()},
    }
    return watch.hit(request.kind, request.link, environ, at=request.at)


def _with_crowd(hit: Hit, crowd: set[str]) -> Hit:
    return replace(hit, signals=hit.signals | {"crowd"}) if hit.key in crowd else hit


def measure(judged: Iterable[Judged]) -> dict[str, Any]:
    """Precision and recall for people and machines, and how much cannot be told."""
    counts = Counter((request.label, actor) for request, actor in judged)
    figures: dict[str, Any] = {"hits": counts.total()}
    for label in ("human", "machine"):
        right = counts[label, label]
        said = sum(counts[truth, label] for truth in ("human", "machine"))
        is_so = sum(counts[label, actor] for actor in ACTORS)
        figures[label] = {
            "precision": _share(right, said),
            "recall": _share(right, is_so),
            "hits": is_so,
        }
    unknown = counts["human", "unknown"] + counts["machine", "unknown"]
    figures["unknown"] = _share(unknown, counts.total())
    return figures


def people(judged: Iterable[Judged]) -> dict[str, float | int]:
    """The number reports show, people with a click, beside the truth and what raw counts say."""
    truth, counted, raw = set(), set(), set()
    for request, actor in judged:
        if request.kind != "click":
            continue
        raw.add(request.message)
        if request.label == "human":
            truth.add(request.message)
        if actor == "human":
            counted.add(request.message)
    return {
        "clicked": len(truth),
        "reported": len(counted),
        "raw": len(raw),
        "missed": len(truth - counted),
        "wrongly": len(counted - truth),
    }


def agents(judged: Iterable[Judged]) -> dict[str, dict[str, float | int]]:
    """How the hits of each kind of agent were judged, as shares."""
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for request, actor in judged:
        found[request.kind, request.agent][actor] += 1
    return {
        f"{kind}: {agent}": {
            "hits": counts.total(),
            **{actor: _share(counts[actor], counts.total()) for actor in ACTORS},
        }
        for (kind, agent), counts in sorted(found.items())
    }


def _share(part: int, whole: int) -> float:
    return round(part / whole, 3) if whole else 0.0


def table(found: dict[str, dict[str, float | int]]) -> str:
    """The agents as a table for people."""
    lines = ["| agent | hits | human | unknown | machine |", "|---|---|---|---|---|"]
    for name, row in found.items():
        shares = " | ".join(f"{row[actor]:.1%}" for actor in ACTORS)
        lines.append(f"| {name} | {row['hits']:,} | {shares} |")
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="100-119", help="first-last")
    parser.add_argument("--companies", type=int, default=120)
    parser.add_argument("--origins", choices=("known", "unknown", "listed"), default="known")
    parser.add_argument("--table", action="store_true", help="also print the agents as a table")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    judged: list[Judged] = []
    seconds = 0.0
    for seed in range(int(first), int(last or first) + 1):
        log = list(generate(seed, companies=options.companies))
        begin = time.process_time()
        judged += judge_log(log, origins=options.origins)
        seconds += time.process_time() - begin
    by_agent = agents(judged)
    if options.table:
        print(table(by_agent))
    print(
        json.dumps(
            {
                "bench": "classify",
                "ruleset": rules.RULESET,
                "seeds": options.seeds,
                "origins": options.origins,
                "clicks": measure(each for each in judged if each[0].kind == "click"),
                "opens": measure(each for each in judged if each[0].kind == "open"),
                "people": people(judged),
                "agents": by_agent,
                "hits_per_second": round(len(judged) / seconds) if seconds else 0,
            }
        )
    )


if __name__ == "__main__":
    main()
