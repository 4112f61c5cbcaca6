"""The signature by which a receiver knows that an event is ours and fresh.

`Lupaposti-Signature: t=<Unix time>,v1=<HMAC-SHA256 in hex over "<t>.<body>">`. After a change of
SECRET_KEY there is a v1 for each retired one too, so receivers can take the new secret in time.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime

HEADER = "Lupaposti-Signature"
NONCE_BYTES = 16


def secret(key: str, nonce: bytes) -> str:
    """A webhook's secret under a secret key: in no database, and the same whenever it is asked."""
    made = hmac.digest(hashlib.sha256(b"webhooks:" + key.encode()).digest(), nonce, "sha256")
    return "whsec_" + base64.urlsafe_b64encode(made).decode().rstrip("=")


def header(secrets: Sequence[str], body: bytes, *, at: datetime) -> str:
    """The value of the header, with one v1 for each secret."""
    moment = str(int(at.timestamp()))
    signed = moment.encode() + b"." + body
    marks = [hmac.digest(each.encode(), signed, "sha256").hex() for each in secrets]
    return ",".join([f"t={moment}", *(f"v1={mark}" for mark in marks)])
