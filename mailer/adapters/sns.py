"""Amazon SNS over HTTPS: who may post to our webhook, and the answer to a new subscription.

Any AWS customer can make SNS post a correctly signed message to our address, so a good signature
is not enough: the topic must be one of ours. Signature version 2 only; the certificate comes from
a host of Amazon by strict match, never through a redirect. Nothing raised here holds an address.
"""

import base64
import binascii
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import orjson
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from mailer.config import Settings

# SNS carries at most 256 KB; JSON escaping and the envelope make it longer.
LARGEST_BODY = 512 * 1024
OLDEST = timedelta(hours=1)
FURTHEST_AHEAD = timedelta(minutes=15)
# Amazon's clouds: the world, China, and the European sovereign one.
HOST_SUFFIXES = ("amazonaws.com", "amazonaws.com.cn", "amazonaws.eu")
CERTIFICATE_TIMEOUT = 5.0
LARGEST_CERTIFICATE = 64 * 1024

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_OPTIONAL = {"Subject"}
_MESSAGE_ID = re.compile(r"[A-Za-z0-9-]{1,100}")
_SUFFIX = "|".join(re.escape(suffix) for suffix in HOST_SUFFIXES)
_CERTIFICATE_URL = re.compile(
    rf"https://sns\.[a-z0-9-]{{3,30}}\.(?:{_SUFFIX})"
    r"/SimpleNotificationService-[A-Za-z0-9]{1,100}\.pem"
)


class SnsError(Exception):
    """Not taken; the text names the reason in a word or two."""


class MalformedError(SnsError):
    """Not an SNS message at all: answered 400."""


class RefusedError(SnsError):
    """Not from a topic of ours, or not proven to be: answered 403."""


class UnavailableError(SnsError):
    """Amazon could not be asked just now: to be tried again."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A verified SNS message. `token` only with a confirmation."""

    kind: str
    message_id: str
    topic_arn: str
    message: str
    token: str


def parse(body: str | bytes) -> Envelope:
    """The envelope in a body, without proof of who sent it. Raises MalformedError."""
    fields = _read(body)
    return Envelope(
        kind=fields["Type"],
        message_id=fields["MessageId"],
        topic_arn=fields["TopicArn"],
        message=fields["Message"],
        token=fields.get("Token", ""),
    )


def string_to_sign(fields: Mapping[str, str]) -> bytes:
    """What SNS signs: name and value of each signed member, a line each, in byte order."""
    names = _SIGNED[fields["Type"]]
    return "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields).encode()


class Verifier:
    """Proves that a body comes from one of our topics."""

    def __init__(
        self,
        topics: frozenset[str],
        *,
        certificate_file: Path | None = None,
        stand_in_url: str | None = None,
        fetch: Callable[[str], bytes] | None = None,
    ) -> None:
        """`certificate_file` is used instead of fetching for URLs below `stand_in_url`, and for
        no others; neither is set in production."""
        self._topics = topics
        self._file = certificate_file
        self._stand_in = stand_in_url.rstrip("/") + "/" if stand_in_url else None
        self._fetch = fetch or fetch_certificate
        self._fetched: dict[str, x509.Certificate] = {}
        self._lock = threading.Lock()

    def verify(self, body: bytes, *, now: datetime) -> Envelope:
        """The envelope in `body`. Raises MalformedError, RefusedError or UnavailableError."""
        fields = self._of_ours(body)
        _check_age(_sent_at(fields), now)
        return self._proven(body, fields, now)

    def verify_queued(self, body: bytes) -> Envelope:
        """The same for a body from our own queue, where it may have waited for two weeks.

        Nobody can replay into the queue whom its policy does not let send, so its age is no sign of
        anything; the certificate must have been good when the message was signed.
        """
        fields = self._of_ours(body)
        return self._proven(body, fields, _sent_at(fields))

    def _of_ours(self, body: bytes) -> dict[str, str]:
        if len(body) > LARGEST_BODY:
            raise MalformedError("too large")
        fields = _read(body)
        # The cheap refusals first: a stranger must not make us fetch or compute anything.
        if fields["TopicArn"] not in self._topics:
            raise RefusedError("topic")
        return fields

    def _proven(self, body: bytes, fields: Mapping[str, str], moment: datetime) -> Envelope:
        if fields["SignatureVersion"] != "2":
            raise RefusedError("signature version")
        certificate = self._certificate(fields["SigningCertURL"], moment)
        _check_signature(certificate, fields)
        return parse(body)

    def _certificate(self, url: str, moment: datetime) -> x509.Certificate:
        if self._file is not None and self._stand_in and url.startswith(self._stand_in):
            certificate = _load(_read_file(self._file))
        elif _CERTIFICATE_URL.fullmatch(url):
            certificate = self._fetched.get(url) or self._get(url)
        else:
            raise RefusedError("certificate host")
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            self._fetched.pop(url, None)
            raise RefusedError("certificate dates")
        return certificate

    def _get(self, url: str) -> x509.Certificate:
        with self._lock:
            if url not in self._fetched:
                certificate = _load(self._fetch(url))
                if len(self._fetched) > 20:  # Amazon has one or two at a time
                    self._fetched.clear()
                self._fetched[url] = certificate
            return self._fetched[url]


def verifier(settings: Settings) -> Verifier:
    """The verifier of an installation. The local certificate counts in development only."""
    if settings.production:
        return Verifier(settings.sns_topic_arns)
    return Verifier(
        settings.sns_topic_arns,
        certificate_file=settings.sns_certificate_file,
        stand_in_url=settings.ses_endpoint_url,
    )


def confirm_subscription(settings: Settings, topic_arn: str, token: str) -> None:
    """Confirm by the API, never by fetching the URL that the message names.

    Raises RefusedError for a topic that is not ours or a token SNS does not take, and
    UnavailableError when SNS cannot be reached.
    """
    if topic_arn not in settings.sns_topic_arns:
        raise RefusedError("topic")
    parts = topic_arn.split(":")
    region = parts[3] if len(parts) > 3 and parts[3] else settings.aws_region
    try:
        client = boto3.client(
            "sns",
            region_name=region,
            endpoint_url=None if settings.production else settings.ses_endpoint_url,
            config=Config(connect_timeout=5, read_timeout=10),
        )
        client.confirm_subscription(
            TopicArn=topic_arn, Token=token, AuthenticateOnUnsubscribe="true"
        )
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if 400 <= status < 500 and status != 429:
            raise RefusedError("confirmation refused") from None
        raise UnavailableError("confirmation failed") from None
    except (BotoCoreError, ValueError) as error:
        raise UnavailableError(type(error).__name__) from None


def fetch_certificate(url: str) -> bytes:
    """The certificate at a URL of Amazon's. Raises UnavailableError; follows no redirect."""
    try:
        with _opener.open(url, timeout=CERTIFICATE_TIMEOUT) as response:
            content: bytes = response.read(LARGEST_CERTIFICATE)
            return content
    except (OSError, urllib.error.URLError) as error:
        raise UnavailableError(f"certificate: {type(error).__name__}") from None


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirects)


def _read(body: str | bytes) -> dict[str, str]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:  # also for half a surrogate pair, written as an escape
        raise MalformedError("not JSON") from None
    kind = content.get("Type") if isinstance(content, dict) else None
    if not isinstance(kind, str) or kind not in _SIGNED:
        raise MalformedError("not an SNS message")
    wanted = {*_SIGNED[kind], "SignatureVersion", "Signature", "SigningCertURL"}
    fields = {name: content[name] for name in wanted if content.get(name) is not None}
    if wanted - _OPTIONAL - fields.keys():
        raise MalformedError("member missing")
    if not all(isinstance(value, str) for value in fields.values()):
        raise MalformedError("member of another type")
    if not _MESSAGE_ID.fullmatch(fields["MessageId"]):
        raise MalformedError("message id")
    return fields


def _sent_at(fields: Mapping[str, str]) -> datetime:
    try:
        sent = datetime.fromisoformat(fields["Timestamp"])
    except ValueError:
        raise MalformedError("timestamp") from None
    return sent if sent.tzinfo else sent.replace(tzinfo=UTC)


def _check_age(sent: datetime, now: datetime) -> None:
    if not -FURTHEST_AHEAD <= now - sent <= OLDEST:
        raise RefusedError("age")


def _check_signature(certificate: x509.Certificate, fields: Mapping[str, str]) -> None:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise RefusedError("key type")
    try:
        signature = base64.b64decode(fields["Signature"], validate=True)
        key.verify(signature, string_to_sign(fields), padding.PKCS1v15(), hashes.SHA256())
    except (binascii.Error, ValueError, InvalidSignature):
        raise RefusedError("signature") from None


def _read_file(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UnavailableError(f"certificate: {type(error).__name__}") from None


def _load(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise UnavailableError("certificate unreadable") from None
