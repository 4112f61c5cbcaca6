"""Mail that Amazon SES received and put into S3, because it is too long for a notification."""

from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from mailer.adapters.ses_account import STAND_IN_CREDENTIALS
from mailer.config import Settings


class InboundError(Exception):
    """The mail cannot be had. The text is a short code, without names."""


def fetch(settings: Settings, bucket: str, key: str, *, region: str, limit: int) -> bytes:
    """The first `limit` bytes of a mail. Raises InboundError.

    Only from the bucket in the settings: a notification must not choose what our role reads.
    """
    if not settings.inbound_bucket or bucket != settings.inbound_bucket:
        raise InboundError("bucket")
    try:
        client: Any = boto3.client(
            "s3",
            region_name=region or settings.aws_region,
            endpoint_url=settings.ses_endpoint_url,
            config=Config(
                retries={"total_max_attempts": 3, "mode": "standard"},
                connect_timeout=5,
                read_timeout=20,
            ),
            **(STAND_IN_CREDENTIALS if settings.stand_in else {}),
        )
        answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes=0-{limit - 1}")
        content: bytes = answer["Body"].read(limit)
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "ClientError"))
        if code == "InvalidRange":  # an empty object has no first byte
            return b""
        raise InboundError(code[:80]) from None
    except (BotoCoreError, OSError, ValueError) as error:
        raise InboundError(type(error).__name__) from None
    return content
