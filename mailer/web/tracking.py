"""The pixel and the links of messages: answered in front of Flask, in a few hundred microseconds.

A hit is appended to the Redis stream and a job moves it to PostgreSQL; when Redis is away it is
written to PostgreSQL at once; when both are away the answer is given all the same. What may be
kept of a hit is decided where it is written (mailer.events.links), not here: the pixel and the
links of old mail always answer.
"""

import base64
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from mailer import clock, installation
from mailer.adapters.tracking import HitStream, StreamUnavailableError
from mailer.db import transaction
from mailer.events import hits, links, networks
from mailer.events.sightings import Watch
from mailer.installation import Installation
from mailer.sending.envelope import TRAP
from mailer.tokens import Purpose, Recipient, Signer, TokenError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
# Message ids are looked up by blocks: the messages of one audience lie next to one another.
BLOCK = 1000
MOST_BLOCKS = 2000
MOST_LINKS = 10_000
_PRIVATE = [
    ("Cache-Control", "no-store, private"),
    ("X-Robots-Tag", "noindex, nofollow"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
]


class Destinations:
    """Where links lead, remembered: links of frozen campaigns never change."""

    def __init__(self, here: Installation) -> None:
        """Nothing is read before the first question."""
        self._here = here
        self._links: OrderedDict[int, tuple[int, str]] = OrderedDict()
        self._runs: OrderedDict[int, list[tuple[int, int, int]]] = OrderedDict()
        self._lock = Lock()

    def find(self, message_id: int, link_id: int) -> str | None:
        """The address of a link in a message of its campaign.

        The link of a message that is long deleted still leads on: it is one of ours. Raises
        SQLAlchemyError when the database is away and the link is not remembered.
        """
        link = self._links.get(link_id) or self._read_link(link_id)
        if link is None:
            return None
        campaign_id, url = link
        of_message = self._campaign(message_id)
        return url if of_message in (None, campaign_id) else None

    def _read_link(self, link_id: int) -> tuple[int, str] | None:
        with self._here.sessions() as session:
            found = links.destination(session, link_id)
        if found is not None:
            _remember(self._links, link_id, found, MOST_LINKS, self._lock)
        return found

    def _campaign(self, message_id: int) -> int | None:
        block = message_id // BLOCK
        known = _campaign_in(self._runs.get(block, ()), message_id)
        if known is not None:
            return known
        # Not seen yet, or seen before the message was made.
        return _campaign_in(self._read_runs(block), message_id)

    def _read_runs(self, block: int) -> list[tuple[int, int, int]]:
        try:
            with self._here.sessions() as session:
                runs = links.campaigns_of(session, block * BLOCK, block * BLOCK + BLOCK - 1)
        except SQLAlchemyError as error:
            log.warning("campaign_of_click_unknown", extra={"error": type(error).__name__})
            return []  # the person gets on; whether it counts is checked again when written
        _remember(self._runs, block, runs, MOST_BLOCKS, self._lock)
        return runs


def _campaign_in(runs: Iterable[tuple[int, int, int]], message_id: int) -> int | None:
    return next((c for first, last, c in runs if first <= message_id <= last), None)


def _remember(known: OrderedDict[int, Any], key: int, value: Any, most: int, lock: Lock) -> None:
    with lock:
        known[key] = value
        while len(known) > most:
            known.popitem(last=False)


class Tracking:
    """A WSGI application that answers /o/ and /c/ and hands everything else on."""

    def __init__(self, app: "WSGIApplication", here: Installation) -> None:
        """`app` is what stands behind; `here` the installation whose links are answered."""
        settings = here.settings
        self._app = app
        self._here = here
        self._signer = Signer(settings.secret_key, *settings.retired_secret_keys)
        secure = settings.public_url.startswith("https:")
        known = networks.load(settings.networks_file)
        self._watch = Watch(settings.secret_key, secure=secure, networks=known)
        self._notice = f"{settings.public_url}/privacy"
        self._stream = HitStream(here.redis)
        self._destinations = Destinations(here)

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer the pixel and the links; hand on the rest."""
        path: str = environ.get("PATH_INFO", "")
        answer: Callable[..., _Answer]
        if path.startswith("/o/"):
            answer = self._open
        elif path.startswith("/c/"):
            answer = self._click
        else:
            return self._app(environ, start_response)
        method = environ.get("REQUEST_METHOD", "GET")
        if method not in ("GET", "HEAD"):
            status, headers, body = "405 Method Not Allowed", [("Allow", "GET, HEAD")], b""
        else:
            status, headers, body = answer(path[3:], environ)
        start_response(status, [*headers, *_PRIVATE, ("Content-Length", str(len(body)))])
        return [b"" if method == "HEAD" else body]

    def _open(self, rest: str, environ: "WSGIEnvironment") -> "_Answer":
        recipient = self._read(Purpose.OPEN, rest.removesuffix(".gif"))
        if recipient is not None:
            self._keep("open", recipient, None, environ)
        # The same picture for every token: it tells nobody whether a token is a real one.
        return "200 OK", [("Content-Type", "image/gif")], PIXEL

    def _click(self, rest: str, environ: "WSGIEnvironment") -> "_Answer":
        token, _, number = rest.partition("/")
        recipient = self._read(Purpose.CLICK, token)
        if recipient is None or not (number.isascii() and number.isdigit() and len(number) < 19):
            return _NOT_FOUND
        link_id = int(number)
        if link_id == TRAP:
            self._keep("click", recipient, None, environ)
            return "302 Found", [("Location", self._notice), ("Content-Type", "text/plain")], b""
        try:
            url = self._destinations.find(recipient.message_id, link_id)
        except SQLAlchemyError as error:
            log.warning("link_unknown", extra={"error": type(error).__name__})
            return _UNAVAILABLE
        location = _location(url) if url else None
        if location is None:
            return _NOT_FOUND
        self._keep("click", recipient, link_id, environ)
        return "302 Found", [("Location", location), ("Content-Type", "text/plain")], b""

    def _read(self, purpose: Purpose, token: str) -> Recipient | None:
        try:
            return self._signer.read(purpose, token)
        except TokenError:
            return None

    def _keep(
        self,
        kind: str,
        recipient: Recipient,
        link_id: int | None,
        environ: "WSGIEnvironment",
    ) -> None:
        hit = self._watch.hit(kind, link_id, environ, at=clock.now())
        received = links.Received(recipient.message_id, hit)
        try:
            self._stream.append(received.encode())
        except StreamUnavailableError:
            self._write(received)

    def _write(self, received: links.Received) -> None:
        try:
            with transaction(self._here.sessions) as session:
                hits.record(session, [received], now=clock.now())
        except SQLAlchemyError as error:
            log.warning("hit_lost", extra={"error": type(error).__name__})


_Answer = tuple[str, list[tuple[str, str]], bytes]
_TEXT = ("Content-Type", "text/plain; charset=utf-8")
_NOT_FOUND: _Answer = ("404 Not Found", [_TEXT], b"There is no such link.\n")
_UNAVAILABLE: _Answer = (
    "503 Service Unavailable",
    [_TEXT, ("Retry-After", "10")],
    b"The link cannot be followed just now. Please try again.\n",
)


@lru_cache(maxsize=MOST_LINKS)
def _location(url: str) -> str | None:
    """A link as a header may carry it; None for one that is no web address."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    return quote(url.replace(host, ascii_host, 1), safe="%/:?#[]@!$&'()*+,;=~-._")


def register(app: Flask) -> None:
    """Stand in front of the application."""
    app.wsgi_app = Tracking(app.wsgi_app, installation.current())  # type: ignore[method-assign]
