"""What one request gives away of who made it: the coarse class of its program, and odd headers.

Pure. Of a user agent the class is kept and never the text; of headers, that they were odd.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

# Programs that are no person's browser or mail program, whatever they ask for.
PROGRAMS = frozenset({"scanner", "script", "preview", "headless", "apple_proxy", "no_client"})

_LONGEST = 500
_CLASSES = (
    # Gmail, Yahoo and Outlook.com fetch an image when the person opens the message.
    (
        "image_proxy",
        re.compile(r"GoogleImageProxy|ggpht\.com|YahooMailProxy|OneOutlook", re.IGNORECASE),
    ),
    (
        "scanner",
        re.compile(
            r"Barracuda|cudasvc|Proofpoint|urldefense|Mimecast|FireEye|Trellix|Symantec|MessageLabs"
            r"|TrendMicro|Trend ?Micro|Cisco|IronPort|Forti|Sophos|SafeLinks|Zscaler|WithSecure"
            r"|F-Secure|Avanan|Check ?Point|Vade|mail ?scan|link ?check|VirusTotal|urlscan",
            re.IGNORECASE,
        ),
    ),
    (
        "preview",
        re.compile(
            r"Slackbot|Slack-ImgProxy|SkypeUriPreview|WhatsApp|TelegramBot|facebookexternalhit"
            r"|Twitterbot|LinkedInBot|Discordbot|Teams.*Preview|(?<!cu)bot\b|crawler|spider",
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
# The first versions that send fetch metadata with every request over HTTPS (MDN's tables).
_SENDS_FETCH_METADATA = (
    (re.compile(r"(?:Chrome|Edg)/(\d{1,4})"), 80),
    (re.compile(r"Firefox/(\d{1,4})"), 90),
    (re.compile(r"Version/(\d{1,4})\.\d+.* Safari/"), 17),
)
_CHROME_ON_IOS = "CriOS/"


@lru_cache(maxsize=4096)
def client_of(user_agent: str) -> str:
    """The coarse class of a user agent, which is all that is kept of it."""
    agent = user_agent[:_LONGEST].strip()
    if not agent:
        return "no_client"
    if agent == "Mozilla/5.0":
        return "apple_proxy"
    return next((name for name, known in _CLASSES if known.search(agent)), "other")


def signals_of(method: str, headers: Mapping[str, str], *, secure: bool) -> frozenset[str]:
    """Codes of mailer.events.rules for what is odd about a request.

    `headers` by lower-case name; `secure`: it came over HTTPS, where browsers send fetch metadata.
    """
    seen = set()
    if method == "HEAD":
        seen.add("head")
    ahead = " ".join(
        headers.get(name, "") for name in ("sec-purpose", "purpose", "x-purpose", "x-moz")
    ).lower()
    if "prefetch" in ahead or "preview" in ahead:
        seen.add("prefetch")
    if not headers.get("accept-language"):
        seen.add("no_language")
    if "text/html" not in headers.get("accept", ""):
        seen.add("no_page")
    mode = headers.get("sec-fetch-mode")
    if mode is None:
        agent = headers.get("user-agent", "")[:_LONGEST]
        if secure and sends_fetch_metadata(agent):
            seen.add("no_fetch_metadata")
    elif mode != "navigate":
        seen.add("not_navigation")
    return frozenset(seen)


@lru_cache(maxsize=4096)
def sends_fetch_metadata(user_agent: str) -> bool:
    """Whether a browser of that name and version says why it fetches what it fetches."""
    if _CHROME_ON_IOS in user_agent:
        return False  # WebKit inside, of a version it does not tell
    for pattern, first in _SENDS_FETCH_METADATA:
        found = pattern.search(user_agent)
        if found is not None:
            return int(found[1]) >= first
    return False
