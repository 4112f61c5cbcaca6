"""Received mail is fetched from our own bucket, its beginning only."""

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from mailer.adapters.inbound import InboundError, fetch
from mailer.config import Settings


@pytest.fixture
def ours(settings: Settings) -> Settings:
    return replace(settings, inbound_bucket="our-mail")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Amazon's own model checks what is sent to it and what it answers."""
    client = boto3.client(
        "s3", region_name="eu-west-1", aws_access_key_id="none", aws_secret_access_key="none"
    )
    monkeypatch.setattr(boto3, "client", lambda *_, **__: client)
    with Stubber(client) as stub:
        yield stub
    client.close()


WANTED = {"Bucket": "our-mail", "Key": "abc", "Range": "bytes=0-99"}


def get(settings: Settings, bucket: str = "our-mail") -> bytes:
    return fetch(settings, bucket, "abc", region="eu-west-1", limit=100)


def test_the_beginning_of_a_mail_is_fetched(ours: Settings, s3: Stubber) -> None:
    body = StreamingBody(io.BytesIO(b"Subject: a"), 10)
    s3.add_response("get_object", {"Body": body}, WANTED)
    assert get(ours) == b"Subject: a"


def test_no_more_is_read_than_was_asked_for(ours: Settings, s3: Stubber) -> None:
    body = StreamingBody(io.BytesIO(b"a" * 500), 500)
    s3.add_response("get_object", {"Body": body}, WANTED)
    assert len(get(ours)) == 100


@pytest.mark.parametrize("bucket", ["their-mail", ""])
def test_no_other_bucket_is_read(ours: Settings, s3: Stubber, bucket: str) -> None:
    with pytest.raises(InboundError, match="bucket"):
        get(ours, bucket)
    with pytest.raises(InboundError, match="bucket"):
        get(replace(ours, inbound_bucket=None), bucket)


def test_an_empty_object_is_an_empty_mail(ours: Settings, s3: Stubber) -> None:
    s3.add_client_error("get_object", "InvalidRange", http_status_code=416)
    assert get(ours) == b""


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied", "SlowDown"])
def test_a_refusal_is_one_error(ours: Settings, s3: Stubber, code: str) -> None:
    s3.add_client_error("get_object", code, http_status_code=403)
    with pytest.raises(InboundError, match=code):
        get(ours)


def test_a_network_that_is_away_is_one_error(
    ours: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def client(*_: Any, **__: Any) -> object:
        raise EndpointConnectionError(endpoint_url="x")

    monkeypatch.setattr(boto3, "client", client)
    with pytest.raises(InboundError, match="EndpointConnectionError"):
        get(ours)
