"""Posting to an address that a user typed, without letting it lead into our own network.

The name is looked up once, every found address is judged, and the connection goes to the judged
address: a name that leads elsewhere at a second look gains nothing. No redirect is followed, one
clock covers the whole exchange, and no proxy of the environment is used.
"""

import contextlib
import http.client
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from mailer.languages import N_

SECONDS = 10.0
MOST_READ = 64 * 1024
LONGEST_URL = 2000

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PROBLEMS = {
    "bad_url": N_("Write a whole address, such as https://crm.example/events."),
    "not_https": N_("The address must begin with https://."),
    "credentials": N_("The address may not hold a user name or a password."),
    "own_network": N_("The address lies in a network that may not be called."),
}
ERRORS = {
    "timeout": N_("No answer in time"),
    "own_network": N_("Leads to a network that may not be called"),
    "not_found": N_("The name leads nowhere"),
    "connection": N_("No connection"),
    "tls": N_("The certificate is not valid"),
    "redirected": N_("Answered with a redirection, which is not followed"),
    "status": N_("Answered with an error"),
    "protocol": N_("The answer is no HTTP"),
}
LOOPBACK: tuple[Network, ...] = (
    ipaddress.ip_network("127.0.0.0/8"),
    ipaddress.ip_network("::1/128"),
)
_WORLD_6 = ipaddress.ip_network("2000::/3")
# Public by number for some versions of Python, yet the inside of clouds (Azure, Oracle).
_INSIDE = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a post: the status that was answered, and a key of ERRORS where it failed."""

    status: int | None = None
    error: str | None = None


class _RefusedError(Exception):
    """Every address of a name lies in a network that may not be called."""


def problem(url: str, *, allowed: Collection[Network] = (), plain: bool = False) -> str | None:
    """What is wrong with an address as it is typed: a key of PROBLEMS; None if nothing is.

    `plain`: http:// is taken for loopback (development). Names are judged when they are called.
    """
    parts = _split(url)
    if parts is None or parts.hostname is None or parts.fragment:
        return "bad_url"
    if "@" in parts.netloc:
        return "credentials"
    found = _literal(parts.hostname)
    local = parts.hostname == "localhost" or (found is not None and found.is_loopback)
    if parts.scheme != "https" and not (plain and parts.scheme == "http" and local):
        return "not_https"
    return "own_network" if found is not None and not may_reach(found, allowed) else None


def _split(url: str) -> SplitResult | None:
    if len(url) > LONGEST_URL or not _PRINTABLE.fullmatch(url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0  # a port out of range raises
    except ValueError:
        return None
    return parts if named else None


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def may_reach(address: Address, allowed: Collection[Network] = ()) -> bool:
    """Whether an address is of the open internet, or of a network that is allowed by name."""
    inner = _inner(address)
    if any(inner in network for network in allowed):
        return True
    if any(inner in network for network in _INSIDE):
        return False
    if inner.is_multicast or inner.is_reserved or not inner.is_global:
        return False
    return inner.version == 4 or inner in _WORLD_6


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does: it leads there."""
    if isinstance(address, ipaddress.IPv6Address):
        teredo = address.teredo
        return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
    return address


def resolve(host: str, port: int) -> list[Address]:
    """Every address of a name. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ipaddress.ip_address(str(entry[4][0])) for entry in found))


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allowed: Collection[Network] = (),
    seconds: float = SECONDS,
) -> Answer:
    """Post once, within `seconds`. Never raises for what the address or the network may do."""
    parts = _split(url)
    if parts is None:
        return Answer(error="not_found")
    late = threading.Event()
    try:
        with _deadline(seconds, late) as watch:
            sock = _connect(parts, allowed, watch, time.monotonic() + seconds)
            connection = _send(sock, parts, body, headers)
            answer = connection.getresponse()
            if late.is_set():  # the clock cut the head of the answer
                return Answer(error="timeout")
            return _judge(answer)
    except (_RefusedError, OSError, http.client.HTTPException, ValueError) as error:
        return Answer(error="timeout" if late.is_set() else _code(error))


def _code(error: Exception) -> str:
    if isinstance(error, _RefusedError):
        return "own_network"
    if isinstance(error, socket.gaierror | UnicodeError):
        return "not_found"
    if isinstance(error, ssl.SSLCertVerificationError | ssl.SSLError):
        return "tls"
    if isinstance(error, TimeoutError):
        return "timeout"
    return "connection" if isinstance(error, OSError) else "protocol"


class _Watch:
    """The socket in use, which the clock shuts: a drip of bytes cannot outlast it."""

    def __init__(self) -> None:
        self.sock: socket.socket | None = None

    def shut(self) -> None:
        if self.sock is not None:
            with contextlib.suppress(OSError):
                # Not the TLS layer's own: it would wait for the other side.
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


@contextlib.contextmanager
def _deadline(seconds: float, late: threading.Event) -> Iterator[_Watch]:
    watch = _Watch()

    def expire() -> None:
        late.set()
        watch.shut()

    timer = threading.Timer(seconds, expire)
    timer.daemon = True
    timer.start()
    try:
        yield watch
    finally:
        timer.cancel()
        if watch.sock is not None:
            watch.sock.close()


def _connect(
    parts: SplitResult, allowed: Collection[Network], watch: _Watch, until: float
) -> socket.socket:
    host = str(parts.hostname)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = [address for address in resolve(host, port) if may_reach(address, allowed)]
    if not found:
        raise _RefusedError
    sock = _open(found, port, watch, until)
    if parts.scheme == "https":
        # The name is proven by the certificate, the address was chosen above.
        watch.sock = sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
    return sock


def _open(found: list[Address], port: int, watch: _Watch, until: float) -> socket.socket:
    last: OSError = TimeoutError()
    for address in found:
        left = until - time.monotonic()
        if left <= 0:
            break
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sock = watch.sock = socket.socket(family, socket.SOCK_STREAM)
        sock.settimeout(left)
        try:
            sock.connect((str(address), port))
        except OSError as error:
            last = error
            sock.close()
            watch.sock = None
            continue
        return sock
    raise last


def _send(
    sock: socket.socket, parts: SplitResult, body: bytes, headers: Mapping[str, str]
) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("")  # never looked up: it has its socket already
    connection.sock = sock
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.putrequest("POST", path, skip_host=True, skip_accept_encoding=True)
    given = {"Host": parts.netloc, "Content-Length": str(len(body)), "Connection": "close"}
    for name, value in {**given, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    return connection


def _judge(answer: http.client.HTTPResponse) -> Answer:
    with contextlib.closing(answer), contextlib.suppress(OSError, http.client.HTTPException):
        answer.read(MOST_READ)  # so that the other side may finish; nobody reads it
    if 200 <= answer.status < 300:
        return Answer(answer.status)
    return Answer(answer.status, "redirected" if 300 <= answer.status < 400 else "status")
