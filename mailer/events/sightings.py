"""A request for a pixel or a link, seen: the hit that is handed on, made in memory from its
headers. Neither the address nor the user agent goes any further."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache

from mailer.events import clients
from mailer.events.links import new_key
from mailer.events.networks import Networks
from mailer.events.origins import Marker
from mailer.events.patterns import Hit

# The headers that say something, as WSGI names them.
_NAMES = {
    "HTTP_USER_AGENT": "user-agent",
    "HTTP_ACCEPT": "accept",
    "HTTP_ACCEPT_LANGUAGE": "accept-language",
    "HTTP_SEC_PURPOSE": "sec-purpose",
    "HTTP_PURPOSE": "purpose",
    "HTTP_X_PURPOSE": "x-purpose",
    "HTTP_X_MOZ": "x-moz",
    "HTTP_SEC_FETCH_MODE": "sec-fetch-mode",
}
_LONGEST = 500


class Watch:
    """Makes hits of requests to one installation."""

    def __init__(self, secret: str, *, secure: bool, networks: Networks | None = None) -> None:
        """`secret` makes marks of origins; `secure`: the site is reached over HTTPS; `networks`:
        what is known of where requests come from."""
        self._marker = Marker(secret)
        # Browsers send the same few sets of headers over and over.
        self._signals = lru_cache(maxsize=8192)(self._find_signals)
        self._secure = secure
        self._networks = networks or Networks()

    def hit(
        self, kind: str, link_id: int | None, environ: Mapping[str, object], *, at: datetime
    ) -> Hit:
        """The hit that a WSGI request is."""
        values = tuple(_text(environ.get(name)) for name in _NAMES)
        agent = values[0] or ""
        address = _text(environ.get("REMOTE_ADDR")) or ""
        signals = self._signals(_text(environ.get("REQUEST_METHOD")) or "GET", values)
        network_class = self._networks.class_of(address)
        return Hit(
            key=new_key(),
            kind=kind,
            at=at,
            link_id=link_id,
            client=clients.client_of(agent),
            signals=signals | {network_class} if network_class else signals,
            network=self._marker.network(address, at),
            agent=self._marker.agent(agent, at),
        )

    def _find_signals(self, method: str, values: tuple[str | None, ...]) -> frozenset[str]:
        named = zip(_NAMES.values(), values, strict=True)
        headers = {name: value for name, value in named if value is not None}
        return clients.signals_of(method, headers, secure=self._secure)


def _text(value: object) -> str | None:
    return value[:_LONGEST] if isinstance(value, str) else None
