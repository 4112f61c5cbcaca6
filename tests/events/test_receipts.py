"""What Amazon SES says about received mail, by Amazon's own examples."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events import receipts, ses_events
from tests.events.mail import ANNA, MAILBOX, PASS, notification, receipt
from tests.events.register import envelope


def test_a_mail_that_comes_in_the_notification_is_read() -> None:
    message = notification(b"Subject: a\r\n\r\nExample", verdicts={"spam": "gray"})
    read = receipts.parse(message)
    assert read.ses_id == "d6iitobk75ur44p8kdnnp7g2n800"
    assert read.recipients == (MAILBOX,)
    assert read.verdicts == PASS | {"spam": "GRAY"}
    assert read.content == b"Subject: a\r\n\r\nExample"
    assert receipts.is_mail(message)


def test_where_a_mail_lies_in_s3_is_read() -> None:
    action = {"type": "S3", "bucketName": "my-bucket", "objectKey": "mail/abc"}
    read = receipts.parse(notification(None, action=action))
    assert (read.content, read.bucket, read.key) == (None, "my-bucket", "mail/abc")


@pytest.mark.parametrize(
    "action",
    [
        {"type": "S3", "bucketName": "My-Bucket", "objectKey": "a"},
        {"type": "S3", "bucketName": "../x", "objectKey": "a"},
        {"type": "S3", "bucketName": "my-bucket", "objectKey": ""},
        {"type": "S3", "bucketName": "my-bucket", "objectKey": "a" * 1025},
        {"type": "Lambda"},
    ],
)
def test_a_place_that_cannot_be_is_none(action: dict[str, str]) -> None:
    assert receipts.parse(notification(None, action=action)).bucket == ""


def test_verdicts_that_are_not_there_are_no_verdicts() -> None:
    document = json.loads(notification(b"x"))
    document["receipt"] = {"dmarcVerdict": {}, "spfVerdict": 5, "recipients": "x"}
    read = receipts.parse(json.dumps(document))
    assert set(read.verdicts.values()) == {""}
    assert read.recipients == ()


@pytest.mark.parametrize(
    "message",
    ["", "{", "[]", "null", "{}", '{"mail": 1}', "[" * 9999, '{"mail": {"messageId": 5}}'],
)
def test_what_is_no_receipt_is_refused(message: str) -> None:
    with pytest.raises(ses_events.UnreadableError):
        receipts.parse(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["mail", "receipt", "action", "content", "headers", "name", "value", "messageId"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_document_is_read_or_refused(document: object) -> None:
    with suppress(ses_events.UnreadableError):
        receipts.parse(json.dumps(document))


def test_base64_content_is_decoded() -> None:
    document = json.loads(notification(b"U3ViamVjdDogYQ0KDQpi"))
    document["receipt"]["action"]["encoding"] = "BASE64"
    assert receipts.parse(json.dumps(document)).content == b"Subject: a\r\n\r\nb"


def test_an_event_that_mentions_received_is_no_mail() -> None:
    event = {"eventType": "Send", "mail": {"headers": [{"name": "Received", "value": "a"}]}}
    assert not receipts.is_mail(json.dumps(event))
    assert not receipts.is_mail('"Received"')
    assert not receipts.is_mail('{"Received"')


@pytest.mark.parametrize(
    ("verdicts", "source", "proven"),
    [
        ({}, "bounce@mailer.example", True),
        ({"dmarc": "GRAY"}, ANNA, True),
        ({"dmarc": "GRAY"}, "x@mail.puutyo.example", True),
        ({"dmarc": ""}, ANNA, True),
        ({"dmarc": "GRAY"}, "x@muu.example", False),
        ({"dmarc": "GRAY"}, "x@notpuutyo.example", False),
        ({"dmarc": "GRAY", "spf": "FAIL"}, ANNA, False),
        ({"dmarc": "GRAY", "spf": "GRAY", "dkim": "PASS"}, ANNA, False),
        ({"dmarc": "FAIL"}, ANNA, False),
        ({"dmarc": "PROCESSING_FAILED", "spf": "PROCESSING_FAILED"}, ANNA, False),
    ],
)
def test_a_sender_is_proven_by_the_domain_behind_the_mail(
    verdicts: dict[str, str], source: str, *, proven: bool
) -> None:
    assert receipt(verdicts=verdicts, source=source).proves(ANNA) is proven


def test_a_header_cannot_add_another() -> None:
    message = notification(None, headers=[{"name": "Subject", "value": "a\r\nTo: b"}, {"x": "y"}])
    assert receipts.parse(message).headers == b"Subject: a To: b"


def test_nothing_of_a_mail_stays_in_its_stored_notification() -> None:
    body = envelope(notification(b"Subject: salaisuus\r\n\r\nanna"), sns_id="a1")
    emptied = receipts.without_content(body)
    assert "salaisuus" not in emptied
    assert "anna" not in emptied
    assert json.loads(emptied)["MessageId"] == "a1"
    assert receipts.without_content("x") == "{}"
