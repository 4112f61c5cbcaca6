"""SNS envelopes and their signature, version 2 (SHA256withRSA, PKCS#1 v1.5), by our own key."""

import base64
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from mailer import clock
from mailer.stand_in.errors import StandInError

SIGNED: Final[Mapping[str, tuple[str, ...]]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message",
        "MessageId",
        "SubscribeURL",
        "Timestamp",
        "Token",
        "TopicArn",
        "Type",
    ),
}


class Signer:
    """Holds the key and its self-signed certificate, made once per directory."""

    def __init__(self, directory: Path) -> None:
        """Reads or makes sns-key.pem and sns-cert.pem. Raises StandInError when unreadable."""
        key_file, certificate_file = directory / "sns-key.pem", directory / "sns-cert.pem"
        if not (key_file.exists() and certificate_file.exists()):
            _make(key_file, certificate_file)
        try:
            # We made the key; testing its primes again would take longer than all else here.
            key = serialization.load_pem_private_key(
                key_file.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
            )
            self.certificate = certificate_file.read_bytes()
            x509.load_pem_x509_certificate(self.certificate)
        except (OSError, ValueError) as error:
            raise StandInError(f"The SNS key cannot be read: {type(error).__name__}.") from None
        if not isinstance(key, rsa.RSAPrivateKey):
            raise StandInError("sns-key.pem is not an RSA key. Delete it.")
        self._key = key

    def sign(self, envelope: Mapping[str, str]) -> str:
        """The base64 signature over the envelope's signed members."""
        signature = self._key.sign(string_to_sign(envelope), padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(signature).decode()


def string_to_sign(envelope: Mapping[str, str]) -> bytes:
    """Name and value of each signed member, a line each, in byte order (Subject only if there)."""
    # UnsubscribeConfirmation is signed over the same members as SubscriptionConfirmation.
    names = SIGNED.get(envelope["Type"], SIGNED["SubscriptionConfirmation"])
    return "".join(f"{n}\n{envelope[n]}\n" for n in names if n in envelope).encode()


def _make(key_file: Path, certificate_file: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.stand-in.example")])
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    key_file.unlink(missing_ok=True)
    descriptor = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
