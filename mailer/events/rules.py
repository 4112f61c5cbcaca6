"""The rules that tell people from machines: one table.

Each rule that a hit meets adds its points; MACHINE points make it a machine's, UNSURE and more
cannot be told, less is a person's. No rule takes points away: nothing a machine sends can prove a
person. What meets a rule is found by mailer.events.clients in one request and by
mailer.events.patterns in many; nothing else knows a threshold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final

from mailer.languages import N_

# Raise when a rule changes: each event says under which rules it was judged, and older ones are
# judged again by themselves.
RULESET: Final = 2

MACHINE: Final = 70
UNSURE: Final = 40

# The lengths of time and the numbers the rules speak of.
SWEEP = timedelta(seconds=1)
BURST = timedelta(seconds=10)
BURST_LINKS = 3
MOST_LINKS = 0.8
ROUND = timedelta(minutes=10)
ROUND_LINKS = 4
EVEN_SPREAD = 0.1
HAMMERING = 10
MANY_PLACES = 3
CROWD = timedelta(seconds=10)
CROWD_MESSAGES = 5
VISIT = timedelta(minutes=2)
NAMELESS_VISIT = timedelta(seconds=10)
NEAR_TRAP = timedelta(seconds=10)
BEFORE_SWEEP = timedelta(seconds=30)
AT_DELIVERY = timedelta(seconds=2)
SOON = timedelta(seconds=10)
FIRST_MINUTE = timedelta(seconds=60)
# A server scans before it accepts for at most the ten minutes of RFC 5321 4.5.3.2.6. A hit much
# longer before "delivery" shows two clocks that disagree, and proves nothing.
LONGEST_ACCEPTANCE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Rule:
    """What it adds to an open and to a click, in words, and where it was learnt."""

    open: int
    click: int
    words: str
    source: str


RULES: Final[Mapping[str, Rule]] = {
    # What the request is.
    "head": Rule(100, 100, N_("Asked for the headers only"), "rules 4.3"),
    "prefetch": Rule(100, 100, N_("Said that it was fetching ahead"), "rules 4.1; MDN Sec-Purpose"),
    "scanner": Rule(100, 100, N_("A security gateway"), "rules 4.1"),
    "script": Rule(100, 100, N_("A program, not a browser"), "rules 4.2 (Suped)"),
    "preview": Rule(100, 100, N_("A link preview of a chat"), "rules 4.1"),
    "headless": Rule(100, 100, N_("A browser without a screen"), "rules 4.2 (Collie)"),
    "apple_proxy": Rule(100, 100, N_("Apple Mail fetches all images ahead"), "rules 4.1"),
    "no_client": Rule(MACHINE, 100, N_("Did not say what it was"), "rules 4.2 (Suped)"),
    "image_proxy": Rule(
        0, 100, N_("Through the mail service, when the message was opened"), "rules 4.1 (Gmail)"
    ),
    "mail_app": Rule(
        0, 50, N_("A mail program, which leaves links to a browser"), "browsers open links"
    ),
    "other": Rule(0, 50, N_("No browser that we know"), "rules 4.2 (Suped)"),
    # What a browser sends when a person follows a link, and this request lacked.
    "no_language": Rule(0, 40, N_("Named no language"), "rules 4.3"),
    "no_page": Rule(0, 30, N_("Did not ask for a page"), "every browser's Accept of a navigation"),
    "no_fetch_metadata": Rule(
        0, 40, N_("A new browser without its usual headers"), "rules 4.3, 4.4; MDN Sec-Fetch-Mode"
    ),
    "not_navigation": Rule(0, 60, N_("Fetched by a script in a page"), "W3C fetch metadata"),
    # Where it came from, when the operator keeps a list. Many offices browse through a data
    # centre, so that alone says little.
    "gateway_network": Rule(100, 100, N_("From a security gateway's network"), "rules 4.1"),
    "data_centre": Rule(0, 30, N_("From a data centre"), "rules 4.3"),
    # When it came.
    "before_delivery": Rule(40, 100, N_("Before the message was delivered"), "rules 4.3"),
    "at_delivery": Rule(40, 100, N_("Within 2 seconds of delivery"), "rules 4.3"),
    "soon": Rule(40, 40, N_("Within 10 seconds of delivery"), "rules 4.3"),
    "first_minute": Rule(0, 20, N_("Within a minute of delivery"), "rules 4.3; craft-campaign#546"),
    # What came together with it, of the same message.
    "trap": Rule(100, 100, N_("Followed a link that nobody sees"), "rules 4.3; mautic#9798"),
    "with_trap": Rule(
        100, 100, N_("Came along with one who followed a link that nobody sees"), "rules 4.3"
    ),
    "near_trap": Rule(
        0, 40, N_("Within 10 seconds of one who followed a link that nobody sees"), "rules 4.3"
    ),
    "sweep": Rule(100, 100, N_("Swept three or more links within a second"), "craft-campaign#546"),
    "pair": Rule(0, 60, N_("Two links within a second"), "craft-campaign#546"),
    "burst": Rule(0, 50, N_("Three or more links within 10 seconds"), "rules 4.3"),
    "shared_burst": Rule(
        0, 40, N_("Three or more links within 10 seconds, from several places"), "rules 4.3"
    ),
    "many_places": Rule(
        0, 40, N_("From three or more networks within two minutes"), "rules 4.1 (Proofpoint)"
    ),
    "most_links": Rule(0, 40, N_("Nearly all links within 10 seconds"), "rules 4.3"),
    "every_link": Rule(0, 30, N_("Every link within ten minutes"), "link-by-link scanners"),
    "page_order": Rule(0, 20, N_("Many links in the order of the page"), "link-by-link scanners"),
    "even_pace": Rule(0, 70, N_("Link after link at an even pace"), "rules 4.3"),
    "hammering": Rule(0, 70, N_("One link ten times within 10 seconds"), "repeat requests"),
    "before_sweep": Rule(40, 0, N_("Just before all links were swept"), "craft-campaign#546"),
    "same_client": Rule(
        100, 100, N_("From where a machine had just come from"), "rules 4.2 (Laposta: IP and UA)"
    ),
    # What the same client did at the same time with other messages.
    "crowd": Rule(
        40, 70, N_("For five or more people of one company within 10 seconds"), "rules 4.2, 4.3"
    ),
}

# One fact counts once: a rule on the left says all that those on the right say of a hit.
_AROUND = frozenset({"shared_burst", "many_places"})
SAY_THE_SAME: Final[Mapping[str, frozenset[str]]] = {
    "sweep": frozenset({"pair", "burst", "every_link", "page_order"}) | _AROUND,
    "burst": frozenset({"pair", "every_link", "page_order"}) | _AROUND,
    "most_links": _AROUND,
    "with_trap": frozenset({"near_trap", "same_client", "before_sweep"}),
    "near_trap": _AROUND,
    "shared_burst": _AROUND - {"shared_burst"},
    "same_client": frozenset({"before_sweep"}),
}

REASONS: Final[Mapping[str, str]] = {code: rule.words for code, rule in RULES.items()}


@lru_cache(maxsize=8192)
def weigh(kind: str, codes: frozenset[str]) -> tuple[int, tuple[str, ...]]:
    """What rules add up to for an open or a click, and those that counted, weightiest first.

    Codes of no rule (any more) do not count.
    """
    said = {other for code in codes for other in SAY_THE_SAME.get(code, ())}
    weights = {
        code: rule.open if kind == "open" else rule.click
        for code, rule in RULES.items()
        if code in codes and code not in said
    }
    counted = sorted((code for code in weights if weights[code]), key=lambda c: -weights[c])
    return sum(weights.values()), tuple(counted)
