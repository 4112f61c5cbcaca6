"""Human or machine: what the requests for one message's pixel and links look like together.

Pure. Mail gateways follow every link and mail programs fetch images ahead, so reports count people
by this classification and keep the rest to be seen (rules 4.3). The verdict over a set of hits does
not depend on the order they come in; when more hits or the time of delivery become known, all hits
of the message are looked at anew. The IP address plays no part: it is never kept.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from mailer.languages import N_

# Raise when a rule changes: each event says under which rules it was judged.
RULESET = 1

AT_DELIVERY = timedelta(seconds=2)
SOON = timedelta(seconds=10)
BURST = timedelta(seconds=10)
BURST_LINKS = 3
MOST_LINKS = 0.8

REASONS = {
    "head": N_("Asked for the headers only"),
    "prefetch": N_("Said that it was fetching ahead"),
    "scanner": N_("A security gateway"),
    "script": N_("A program, not a browser"),
    "preview": N_("A link preview of a chat"),
    "headless": N_("A browser without a screen"),
    "apple_proxy": N_("Apple Mail fetches all images ahead"),
    "no_client": N_("Did not say what it was"),
    "before_delivery": N_("Before the message was delivered"),
    "at_delivery": N_("Within 2 seconds of delivery"),
    "burst": N_("Three or more links within 10 seconds"),
    "most_links": N_("Nearly all links within 10 seconds"),
    "soon": N_("Within 10 seconds of delivery"),
    "no_language": N_("Named no language"),
    "no_fetch_metadata": N_("A new browser without its usual headers"),
    "image_proxy": N_("Through the mail service, when the message was opened"),
}
MACHINES = frozenset({"scanner", "script", "preview", "headless", "apple_proxy", "no_client"})
_HARD_SIGNALS = ("head", "prefetch")
_SOFT_SIGNALS = ("no_language", "no_fetch_metadata")

_CLIENTS = (
    # Gmail, Yahoo and Outlook.com fetch an image when the person opens the message.
    (
        "image_proxy",
        re.compile(r"GoogleImageProxy|ggpht\.com|YahooMailProxy|OneOutlook", re.IGNORECASE),
    ),
    (
        "scanner",
        re.compile(
            r"Barracuda|Proofpoint|urldefense|Mimecast|FireEye|Symantec|TrendMicro|Cisco|IronPort"
            r"|Forti|Sophos|SafeLinks|Zscaler|mail ?scan|link ?check|VirusTotal|urlscan",
            re.IGNORECASE,
        ),
    ),
    (
        "preview",
        re.compile(
            r"Slackbot|SkypeUriPreview|WhatsApp|TelegramBot|facebookexternalhit|Twitterbot"
            r"|LinkedInBot|Discordbot|Teams.*Preview|bot\b|crawler|spider",
            re.IGNORECASE,
        ),
    ),
    ("headless", re.compile(r"Headless|PhantomJS|Puppeteer|Playwright|Selenium", re.IGNORECASE)),
    (
        "script",
        re.compile(
            r"python|aiohttp|urllib|curl|wget|Java/|okhttp|Go-http-client|libwww|Ruby|PHP"
            r"|node-fetch|axios|HttpClient|WinHttp|Apache-Http",
            re.IGNORECASE,
        ),
    ),
    (
        "mail_app",
        re.compile(r"Outlook|ms-office|Microsoft Office|Thunderbird|AppleMail", re.IGNORECASE),
    ),
    ("browser", re.compile(r"^Mozilla/5\.0 \(.+\) .+")),
)
_NEW_CHROMIUM = re.compile(r"(?:Chrome|Edg)/(?:8\d|9\d|[1-9]\d\d)")


@dataclass(frozen=True, slots=True)
class Hit:
    """One request. `signals` are keys of REASONS seen in it; `client` is a coarse class."""

    key: str
    kind: str  # open | click
    at: datetime
    link_id: int | None = None
    client: str = "browser"
    signals: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """`actor` is human, machine or unknown; `reasons` are keys of REASONS."""

    actor: str
    reasons: tuple[str, ...]


@lru_cache(maxsize=4096)
def client_of(user_agent: str) -> str:
    """The coarse class of a user agent, which is all that is kept of it."""
    if not user_agent.strip():
        return "no_client"
    if user_agent.strip() == "Mozilla/5.0":
        return "apple_proxy"
    return next((name for name, known in _CLIENTS if known.search(user_agent[:500])), "other")


def signals_of(method: str, headers: Mapping[str, str], *, secure: bool) -> frozenset[str]:
    """What a request gives away. `headers` by lower-case name; `secure`: it came over HTTPS, where
    browsers send fetch metadata."""
    seen = set()
    if method == "HEAD":
        seen.add("head")
    ahead = " ".join(headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz"))
    if "prefetch" in ahead or "preview" in ahead:
        seen.add("prefetch")
    if not headers.get("accept-language"):
        seen.add("no_language")
    agent = headers.get("user-agent", "")[:500]
    if secure and _NEW_CHROMIUM.search(agent) and not headers.get("sec-fetch-mode"):
        seen.add("no_fetch_metadata")
    return frozenset(seen)


def judge(hits: Sequence[Hit], *, delivered_at: datetime | None, links: int) -> dict[str, Verdict]:
    """A verdict for every hit of one message, by key. `links`: how many the message has."""
    clicks = sorted((hit for hit in hits if hit.kind == "click"), key=lambda hit: (hit.at, hit.key))
    bursts = _bursts(clicks, links)
    return {hit.key: _judge(hit, _since(hit, delivered_at), bursts.get(hit.key)) for hit in hits}


def _judge(hit: Hit, since: timedelta | None, burst: str | None) -> Verdict:
    hard = [signal for signal in _HARD_SIGNALS if signal in hit.signals]
    if hit.client in MACHINES:
        hard.append(hit.client)
    soft = []
    if burst == "burst":
        hard.append(burst)
    elif burst is not None:
        soft.append(burst)
    if since is not None and since < SOON:
        early = _early(since)
        (hard if hit.kind == "click" and early != "soon" else soft).append(early)
    if hit.kind == "click":
        # Mail programs fetch images without these headers; a browser follows links with them.
        soft += [signal for signal in _SOFT_SIGNALS if signal in hit.signals]
    if hard or len(soft) > 1:
        return Verdict("machine", (*hard, *soft))
    if soft:
        return Verdict("unknown", tuple(soft))
    return Verdict("human", ("image_proxy",) if hit.client == "image_proxy" else ())


def _since(hit: Hit, delivered_at: datetime | None) -> timedelta | None:
    return None if delivered_at is None else hit.at - delivered_at


def _early(since: timedelta) -> str:
    if since < timedelta(0):
        return "before_delivery"
    return "at_delivery" if since <= AT_DELIVERY else "soon"


def _bursts(clicks: Sequence[Hit], links: int) -> dict[str, str]:
    """The clicks that lie within a window of ten seconds with many different links."""
    found: dict[str, str] = {}
    start = 0
    for end, last in enumerate(clicks):
        while last.at - clicks[start].at > BURST:
            start += 1
        window = clicks[start : end + 1]
        different = len({hit.link_id for hit in window})
        reason = _burst(different, links)
        if reason is not None:
            for hit in window:
                found[hit.key] = "burst" if "burst" in (reason, found.get(hit.key)) else reason
    return found


def _burst(different: int, links: int) -> str | None:
    if different >= BURST_LINKS:
        return "burst"
    return "most_links" if different >= 2 and different >= MOST_LINKS * links else None
