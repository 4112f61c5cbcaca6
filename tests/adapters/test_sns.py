"""Only our own topics, proven by Amazon's signature, get anything into the product."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from mailer.adapters import sns
from mailer.stand_in import signature as stand_in_signature

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
TOPIC = "arn:aws:sns:eu-north-1:111122223333:ses-events"
URL = "https://sns.eu-north-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def make_certificate(key: Any = KEY, *, begins: datetime = NOW - timedelta(days=30)) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


CERTIFICATE = make_certificate()


def sign(fields: dict[str, str], *, algorithm: Any = None) -> bytes:
    import base64

    signature = KEY.sign(
        sns.string_to_sign(fields), padding.PKCS1v15(), algorithm or hashes.SHA256()
    )
    return json.dumps(fields | {"Signature": base64.b64encode(signature).decode()}).encode()


def make_fields(**changes: str) -> dict[str, str]:
    fields = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": '{"eventType":"Send"}',
        "Timestamp": "2026-11-24T08:59:00.000Z",
        "SignatureVersion": "2",
        "SigningCertURL": URL,
    }
    return fields | changes


def make_verifier(certificate: bytes = CERTIFICATE, **options: Any) -> sns.Verifier:
    return sns.Verifier(frozenset({TOPIC}), fetch=lambda _url: certificate, **options)


def refusal(body: bytes, verifier: sns.Verifier | None = None) -> str:
    with pytest.raises(sns.SnsError) as refused:
        (verifier or make_verifier()).verify(body, now=NOW)
    return str(refused.value)


def test_a_signed_notification_of_our_topic_is_taken() -> None:
    envelope = make_verifier().verify(sign(make_fields()), now=NOW)

    assert envelope.kind == "Notification"
    assert envelope.topic_arn == TOPIC
    assert envelope.message == '{"eventType":"Send"}'


def test_the_subject_is_signed_when_there_is_one() -> None:
    assert make_verifier().verify(sign(make_fields(Subject="Amazon SES")), now=NOW)

    body = json.loads(sign(make_fields()))
    assert refusal(json.dumps(body | {"Subject": "added later"}).encode()) == "signature"


def test_a_confirmation_is_signed_over_its_token() -> None:
    fields = make_fields(
        Type="SubscriptionConfirmation", Token="t" * 20, SubscribeURL="https://elsewhere.example/"
    )
    assert make_verifier().verify(sign(fields), now=NOW).token == "t" * 20

    body = json.loads(sign(fields))
    assert refusal(json.dumps(body | {"Token": "another"}).encode()) == "signature"


def test_the_string_to_sign_is_the_one_the_stand_in_signs() -> None:
    for fields in (
        make_fields(Subject="Aihe ää"),
        make_fields(),
        make_fields(Type="UnsubscribeConfirmation", Token="t", SubscribeURL="https://a.example"),
    ):
        assert sns.string_to_sign(fields) == stand_in_signature.string_to_sign(fields)


def test_a_good_signature_of_somebody_elses_topic_is_refused() -> None:
    other = make_fields(TopicArn="arn:aws:sns:eu-north-1:999999999999:ses-events")
    assert refusal(sign(other)) == "topic"


def test_a_changed_message_is_refused() -> None:
    body = json.loads(sign(make_fields())) | {"Message": '{"eventType":"Bounce"}'}
    assert refusal(json.dumps(body).encode()) == "signature"


def test_signature_version_1_is_refused() -> None:
    body = sign(make_fields(SignatureVersion="1"), algorithm=hashes.SHA1())
    assert refusal(body) == "signature version"


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-north-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-north-1.amazonaws.com:8443/SimpleNotificationService-0a.pem",
        "https://sns.eu-north-1.amazonaws.com@evil.example/SimpleNotificationService-0a.pem",
        "https://user@sns.eu-north-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-north-1.amazonaws.com.evil.example/SimpleNotificationService-0a.pem",
        "https://evil.s3.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-north-1.amazonaws.com/../bucket/SimpleNotificationService-0a.pem",
        "https://sns.eu-north-1.amazonaws.com/SimpleNotificationService-0a.pem?x=1",
        "https://sns.eu-north-1.amazonaws.com/SimpleNotificationService-0a.pem\n",
        "https://snsXeu-north-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.a.b.amazonaws.com/SimpleNotificationService-0a.pem",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_certificate_from_elsewhere_is_never_fetched(url: str) -> None:
    fetched: list[str] = []
    verifier = sns.Verifier(
        frozenset({TOPIC}), fetch=lambda url: fetched.append(url) or CERTIFICATE
    )
    assert refusal(sign(make_fields(SigningCertURL=url)), verifier) in (
        "certificate host",
        "member missing",
    )
    assert fetched == []


@pytest.mark.parametrize("suffix", ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu"])
def test_a_certificate_is_fetched_once_from_each_of_amazons_clouds(suffix: str) -> None:
    fetched: list[str] = []
    verifier = sns.Verifier(
        frozenset({TOPIC}), fetch=lambda url: fetched.append(url) or CERTIFICATE
    )
    url = f"https://sns.eusc-de-east-1.{suffix}/SimpleNotificationService-0a.pem"
    for _ in range(3):
        verifier.verify(sign(make_fields(SigningCertURL=url)), now=NOW)
    assert fetched == [url]


def test_an_expired_certificate_is_refused_and_asked_for_again() -> None:
    certificates = [make_certificate(begins=NOW - timedelta(days=700)), CERTIFICATE]
    verifier = sns.Verifier(frozenset({TOPIC}), fetch=lambda _url: certificates.pop(0))

    assert refusal(sign(make_fields()), verifier) == "certificate dates"
    assert verifier.verify(sign(make_fields()), now=NOW)


def test_an_unreachable_certificate_is_no_verdict() -> None:
    def fail(url: str) -> bytes:
        raise sns.UnavailableError("certificate: TimeoutError")

    with pytest.raises(sns.UnavailableError):
        sns.Verifier(frozenset({TOPIC}), fetch=fail).verify(sign(make_fields()), now=NOW)


def test_the_local_certificate_counts_for_the_stand_in_alone(tmp_path: Path) -> None:
    file = tmp_path / "cert.pem"
    file.write_bytes(CERTIFICATE)
    verifier = sns.Verifier(
        frozenset({TOPIC}), certificate_file=file, stand_in_url="http://127.0.0.1:8025"
    )

    local = make_fields(SigningCertURL="http://127.0.0.1:8025/SimpleNotificationService-x.pem")
    assert verifier.verify(sign(local), now=NOW)
    near = make_fields(SigningCertURL="http://127.0.0.1:80250/SimpleNotificationService-x.pem")
    assert refusal(sign(near), verifier) == "certificate host"


def test_in_production_the_local_certificate_is_not_looked_at(
    settings: Any, tmp_path: Path
) -> None:
    from dataclasses import replace

    file = tmp_path / "cert.pem"
    file.write_bytes(CERTIFICATE)
    production = replace(
        settings,
        production=True,
        sns_topic_arns=frozenset({TOPIC}),
        sns_certificate_file=file,
        ses_endpoint_url="http://127.0.0.1:8025",
    )
    local = make_fields(SigningCertURL="http://127.0.0.1:8025/SimpleNotificationService-x.pem")
    assert refusal(sign(local), sns.verifier(production)) == "certificate host"


@pytest.mark.parametrize(
    ("stamp", "reason"),
    [
        ("2026-11-24T07:59:59.000Z", "age"),
        ("2026-11-24T09:15:01.000Z", "age"),
        ("yesterday", "timestamp"),
        ("0001-01-01T00:00:00+23:59", "age"),
    ],
)
def test_a_message_of_another_time_is_refused(stamp: str, reason: str) -> None:
    assert refusal(sign(make_fields(Timestamp=stamp))) == reason


def test_a_message_of_the_last_hour_is_taken() -> None:
    for stamp in ("2026-11-24T08:00:01.000Z", "2026-11-24T09:14:59.000Z"):
        assert make_verifier().verify(sign(make_fields(Timestamp=stamp)), now=NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"Successfully validated",
        b'{"Type":"Notification"}',
        b'{"Type":["Notification"]}',
        b"\xff\xfe",
        b"[" * 200_000,
        json.dumps(make_fields() | {"Signature": 7}).encode(),
        json.dumps(make_fields(Message="\ud800") | {"Signature": "x"}).encode(),
        json.dumps(make_fields(MessageId="a b") | {"Signature": "x"}).encode(),
        b" " * (sns.LARGEST_BODY + 1),
    ],
)
def test_what_is_no_sns_message_is_called_malformed(body: bytes) -> None:
    with pytest.raises(sns.MalformedError):
        make_verifier().verify(body, now=NOW)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    ),
    st.sampled_from([*make_fields(), "Signature", "Token", "SubscribeURL", "Subject"]),
)
def test_any_value_in_any_member_is_refused_with_a_reason(value: Any, member: str) -> None:
    body = json.dumps(json.loads(sign(make_fields())) | {member: value}).encode()
    if member in ("Token", "SubscribeURL") or (member == "Subject" and value is None):
        return  # not part of a notification
    with pytest.raises((sns.MalformedError, sns.RefusedError)):
        make_verifier().verify(body, now=NOW)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(sns.MalformedError):
        make_verifier().verify(body, now=NOW)


def test_only_our_topics_are_confirmed(settings: Any) -> None:
    with pytest.raises(sns.RefusedError):
        sns.confirm_subscription(settings, "arn:aws:sns:eu-north-1:999999999999:x", "token")
