"""Human or machine: the verdict over the requests for one message's pixel and links.

Pure. Mail gateways follow every link and mail programs fetch images ahead, so reports count people
by this verdict and keep the rest to be seen (rules 4.3). It does not depend on the order hits come
in; when more hits or the time of delivery become known, all hits of the message are judged anew.
What counts how much is mailer.events.rules; what hits look like together, mailer.events.patterns.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from mailer.events import patterns, rules
from mailer.events.patterns import Hit
from mailer.events.rules import REASONS, RULESET

__all__ = ["REASONS", "RULESET", "Hit", "Verdict", "judge"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`actor` is human, machine or unknown; `reasons` are codes of rules, weightiest first."""

    actor: str
    reasons: tuple[str, ...]


def judge(hits: Sequence[Hit], *, delivered_at: datetime | None, links: int) -> dict[str, Verdict]:
    """A verdict for every hit of one message, by key. `links`: how many the message has."""
    codes: dict[str, set[str]] = defaultdict(set)
    for hit in hits:
        codes[hit.key] |= hit.signals
        codes[hit.key] |= {hit.client, *_timing(hit, delivered_at)}
    for key, code in patterns.together(hits, links=links):
        codes[key].add(code)
    if len(hits) > 1:
        _add_company(hits, codes)
    return {hit.key: _verdict(hit.kind, frozenset(codes[hit.key])) for hit in hits}


def _timing(hit: Hit, delivered_at: datetime | None) -> list[str]:
    if delivered_at is None:
        return []
    since = hit.at - delivered_at
    if not -rules.LONGEST_ACCEPTANCE <= since <= rules.FIRST_MINUTE:
        return []
    if since < timedelta(0):
        return ["before_delivery"]
    if since <= rules.AT_DELIVERY:
        return ["at_delivery"]
    return ["soon"] if since <= rules.SOON else ["first_minute"]


def _add_company(hits: Sequence[Hit], codes: dict[str, set[str]]) -> None:
    """What a hit earns by those it came with, once these are known for machines."""
    proven = {
        hit.key
        for hit in hits
        if rules.weigh(hit.kind, frozenset(codes[hit.key]))[0] >= rules.MACHINE
    }
    swept = [hit for hit in hits if codes[hit.key] & {"sweep", "trap"}]
    for visit in patterns.visits(hits):
        named = visit[0].origin is not None
        trapped = any(hit.is_trap for hit in visit)
        machine = named and any(hit.key in proven for hit in visit)
        for hit in visit:
            if trapped and not hit.is_trap:
                codes[hit.key].add("with_trap")
            if machine and hit.key not in proven:
                codes[hit.key].add("same_client")
    for hit in hits:
        if _is_before(hit, swept):
            codes[hit.key].add("before_sweep")


def _is_before(hit: Hit, swept: Sequence[Hit]) -> bool:
    # Mail services fetch for whoever reads. Where both origins are known they are compared.
    return (
        hit.kind == "open"
        and hit.client != "image_proxy"
        and any(
            timedelta(0) <= other.at - hit.at <= rules.BEFORE_SWEEP
            and (hit.origin is None or other.origin is None)
            for other in swept
        )
    )


@lru_cache(maxsize=8192)
def _verdict(kind: str, codes: frozenset[str]) -> Verdict:
    total, reasons = rules.weigh(kind, codes)
    if total >= rules.MACHINE:
        return Verdict("machine", reasons)
    if total >= rules.UNSURE:
        return Verdict("unknown", reasons)
    # An image fetched by the mail service is a person's, but it is good to know why it is so bare.
    return Verdict("human", ("image_proxy",) if "image_proxy" in codes else reasons)
