"""What the webhook hears of each message, and that SNS's rules hold on the way."""

import base64
import json
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256

from mailer.stand_in.database import Database
from mailer.stand_in.outbox import Outbox
from mailer.stand_in.server import TOPIC_ARN, StandIn
from tests.stand_in.conftest import Webhook
from tests.stand_in.sample import bulk, entry, simple

EXAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "ses-events"
SIMULATED = {
    "success": ["Send", "Delivery"],
    "bounce": ["Send", "Bounce"],
    "ooto": ["Send", "Delivery", "Bounce"],
    "complaint": ["Send", "Delivery", "Complaint"],
    "suppressionlist": ["Send", "Bounce"],
}


@pytest.fixture
def told(start: Callable[..., StandIn], webhook: Webhook) -> StandIn:
    return start(webhook_url=webhook.url, retry_delays=(0.05, 0.05, 0.05))


@pytest.fixture
def ses(told: StandIn, client_for: Callable[..., Any]) -> Any:
    return client_for(told.url)


def verify(body: dict[str, str], certificate: bytes) -> None:
    """Checks the signature as a receiver does, from Amazon's description alone."""
    if body["Type"] == "Notification":
        names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    else:
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{body[name]}\n" for name in names if name in body)
    key = x509.load_pem_x509_certificate(certificate).public_key()
    key.verify(base64.b64decode(body["Signature"]), text.encode(), padding.PKCS1v15(), SHA256())


@pytest.mark.parametrize("name", SIMULATED)
@pytest.mark.parametrize("form", ["{}@simulator.amazonses.com", "{}+label@simulator.amazonses.com"])
def test_the_simulators_addresses_answer_as_amazons(
    told: StandIn, ses: Any, webhook: Webhook, name: str, form: str
) -> None:
    ses.send_email(**simple(form.format(name)))

    assert told.wait_for_events()
    assert webhook.kinds(form.format(name)) == SIMULATED[name]


def test_labels_make_any_address_answer_so(told: StandIn, ses: Any, webhook: Webhook) -> None:
    labels = {
        "bounce": ["Send", "Bounce"],
        "softbounce": ["Send", "Bounce"],
        "complaint": ["Send", "Delivery", "Complaint"],
        "ooto": ["Send", "Delivery", "Bounce"],
        "delay": ["Send", "DeliveryDelay", "Delivery"],
        "reject": ["Reject"],
        "other": ["Send", "Delivery"],
    }

    ses.send_bulk_email(**bulk(*[entry(f"anna+{label}@yritys.example") for label in labels]))

    assert told.wait_for_events()
    for label, kinds in labels.items():
        assert webhook.kinds(f"anna+{label}@yritys.example") == kinds
    bounces = {
        event["mail"]["destination"][0].partition("@")[0]: (
            event["bounce"]["bounceType"],
            event["bounce"]["bounceSubType"],
        )
        for event in webhook.events
        if event["eventType"] == "Bounce"
    }
    assert bounces == {
        "anna+bounce": ("Permanent", "General"),
        "anna+softbounce": ("Transient", "MailboxFull"),
        "anna+ooto": ("Transient", "General"),
    }


def test_a_map_makes_an_address_or_a_domain_answer_so(
    told: StandIn, ses: Any, webhook: Webhook
) -> None:
    told.behaviours({"A@yritys.example": "bounce", "@toinen.example": "complaint"})

    ses.send_bulk_email(
        **bulk(entry("a@yritys.example"), entry("b@yritys.example"), entry("c@toinen.example"))
    )

    assert told.wait_for_events()
    assert webhook.kinds("a@yritys.example") == ["Send", "Bounce"]
    assert webhook.kinds("b@yritys.example") == ["Send", "Delivery"]
    assert webhook.kinds("c@toinen.example") == ["Send", "Delivery", "Complaint"]


def test_a_suppressed_address_bounces_without_being_sent_to(
    told: StandIn, ses: Any, webhook: Webhook
) -> None:
    ses.put_suppressed_destination(EmailAddress="a@yritys.example", Reason="COMPLAINT")
    ses.send_email(**simple("A@yritys.example"))

    assert told.wait_for_events()
    assert webhook.kinds() == ["Send", "Bounce"]
    assert webhook.events[-1]["bounce"]["bounceSubType"] == "OnAccountSuppressionList"


def test_a_missing_variable_is_told_as_a_rendering_failure(
    told: StandIn, ses: Any, webhook: Webhook
) -> None:
    ses.send_bulk_email(**bulk(entry(), defaults={}))

    assert told.wait_for_events()
    (event,) = webhook.events
    assert event["eventType"] == "Rendering Failure"
    assert event["failure"]["errorMessage"] == (
        "Attribute 'name' is not present in the rendering data."
    )


def test_recipients_of_one_message_are_told_apart(
    told: StandIn, ses: Any, webhook: Webhook
) -> None:
    ses.send_email(
        **simple(
            Destination={
                "ToAddresses": ["Anna <a@yritys.example>"],
                "CcAddresses": ["b+bounce@yritys.example"],
            }
        )
    )

    assert told.wait_for_events()
    by_kind = {event["eventType"]: event for event in webhook.events}
    assert sorted(webhook.kinds()) == ["Bounce", "Delivery", "Send"]
    assert by_kind["Delivery"]["delivery"]["recipients"] == ["a@yritys.example"]
    assert by_kind["Bounce"]["bounce"]["bouncedRecipients"][0]["emailAddress"] == (
        "b+bounce@yritys.example"
    )


def test_tags_headers_and_identity_are_in_the_event(
    told: StandIn, ses: Any, webhook: Webhook
) -> None:
    answer = ses.send_bulk_email(
        **bulk(
            entry(tags={"message": "41"}, headers={"List-Id": "<quux.example>"}),
            tags={"campaign": "7"},
            ConfigurationSetName="ours",
        )
    )

    assert told.wait_for_events()
    mail = webhook.events[0]["mail"]
    assert mail["messageId"] == answer["BulkEmailEntryResults"][0]["MessageId"]
    assert mail["tags"] == {
        "ses:operation": ["SendBulkEmail"],
        "ses:configuration-set": ["ours"],
        "ses:source-ip": ["127.0.0.1"],
        "ses:from-domain": ["quux.example"],
        "ses:caller-identity": ["stand-in"],
        "campaign": ["7"],
        "message": ["41"],
    }
    assert {"name": "List-Id", "value": "<quux.example>"} in mail["headers"]
    assert mail["commonHeaders"]["subject"] == "Hei sinä"
    assert mail["headersTruncated"] is False
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", mail["timestamp"])


def test_headers_are_cut_at_ten_kilobytes(told: StandIn, ses: Any, webhook: Webhook) -> None:
    request = simple(headers={f"X-{i}": "a" * 900 for i in range(15)})

    ses.send_email(**request)

    assert told.wait_for_events()
    mail = webhook.events[0]["mail"]
    assert mail["headersTruncated"] is True
    assert len(mail["headers"]) < 20


def structure(value: Any, *, free: bool = False) -> Any:
    """Keys and types, without values; lists by their first member, tags by the reserved names."""
    if isinstance(value, dict):
        return {
            key: structure(member, free=key == "tags")
            for key, member in value.items()
            if not free or (key.startswith("ses:") and key != "ses:outgoing-ip")
        }
    if isinstance(value, list):
        return [structure(value[0])] if value else []
    return type(value).__name__


def example(name: str) -> dict[str, Any]:
    path = EXAMPLES / f"{name}.json"
    if not path.exists():
        pytest.skip("Amazon's example events are not at hand")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("event-01-Bounce", "+bounce"),
        ("event-02-Complaint", "+complaint"),
        ("event-03-Delivery", ""),
        ("event-04-Send", ""),
        ("event-05-Reject", "+reject"),
        ("event-08-RenderingFailure", None),
        ("event-09-DeliveryDelay", "+delay"),
    ],
)
def test_an_event_has_the_structure_of_amazons_example(
    told: StandIn, ses: Any, webhook: Webhook, name: str, label: str | None
) -> None:
    wanted = example(name)
    if label is None:
        ses.send_bulk_email(**bulk(entry(), defaults={}))
    else:
        ses.send_email(**simple(f"a{label}@yritys.example"))

    assert told.wait_for_events()
    (event,) = [e for e in webhook.events if e["eventType"] == wanted["eventType"]]
    ours = structure(event)
    # The guide's newer examples have this tag, the older ones do not.
    ours["mail"]["tags"].pop("ses:operation", None)
    assert ours == structure(wanted)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("identity-01-Bounce", "+bounce"),
        ("identity-03-Complaint", "+complaint"),
        ("identity-05-Delivery", ""),
    ],
)
def test_an_identity_notification_has_the_structure_of_amazons_example(
    start: Callable[..., StandIn],
    client_for: Callable[..., Any],
    webhook: Webhook,
    name: str,
    label: str,
) -> None:
    wanted = example(name)
    told = start(webhook_url=webhook.url, dialect="identity")

    client_for(told.url).send_email(**simple(f"a{label}@yritys.example"))

    assert told.wait_for_events()
    assert "Send" not in webhook.kinds()
    (event,) = [e for e in webhook.events if e["notificationType"] == wanted["notificationType"]]
    for kind in ("bounce", "delivery"):
        # The address of the receiving server: documented as not always there.
        wanted.get(kind, {}).pop("remoteMtaIp", None)
    assert structure(event) == structure(wanted)


def test_every_post_is_signed_and_labelled_as_sns_does(
    told: StandIn, ses: Any, webhook: Webhook
) -> None:
    ses.send_email(**simple(subject="Ääkkösiä"))
    assert told.wait_for_events()

    certificate_url = webhook.posts[0][1]["SigningCertURL"]
    assert urlsplit(certificate_url).path == "/SimpleNotificationService-standin.pem"
    with urlopen(certificate_url) as response:
        certificate = response.read()
    assert len(webhook.posts) == 3
    for headers, body in webhook.posts:
        verify(body, certificate)
        assert body["SignatureVersion"] == "2"
        assert headers["content-type"] == "text/plain; charset=UTF-8"
        assert headers["x-amz-sns-message-type"] == body["Type"] == "Notification"
        assert headers["x-amz-sns-message-id"] == body["MessageId"]
        assert headers["x-amz-sns-topic-arn"] == body["TopicArn"] == TOPIC_ARN
        assert headers["x-amz-sns-subscription-arn"].startswith(TOPIC_ARN + ":")
    assert len({body["MessageId"] for _, body in webhook.posts}) == 3
    body = {**webhook.posts[0][1], "Message": "forged"}
    with pytest.raises(InvalidSignature):
        verify(body, certificate)


def test_the_first_notification_is_plain_text_and_comes_once(
    start: Callable[..., StandIn], webhook: Webhook
) -> None:
    for _ in range(2):
        stand_in = start(webhook_url=webhook.url)
        assert stand_in.wait_for_events()
        stand_in.stop()

    assert [body["Message"] for _, body in webhook.posts] == [
        "Successfully validated SNS topic for Amazon SES event publishing."
    ]


def test_the_key_is_private_and_kept(told: StandIn) -> None:
    directory = told.options.directory
    before = (directory / "sns-cert.pem").read_bytes()

    assert stat.S_IMODE((directory / "sns-key.pem").stat().st_mode) & 0o077 == 0
    told.stop()
    told.start()
    assert (directory / "sns-cert.pem").read_bytes() == before


@pytest.mark.parametrize("answer", [500, 503, 429, 0])
def test_a_failing_webhook_is_asked_again(
    told: StandIn, ses: Any, webhook: Webhook, answer: int
) -> None:
    assert told.wait_for_events()
    webhook.answers = [answer, answer]

    ses.send_email(**simple("reject+reject@yritys.example"))

    assert told.wait_for_events()
    assert webhook.kinds() == ["Reject"]
    # A kept connection that is found closed is opened anew at once, as that is no answer yet.
    assert told.counts()["events"]["retried"] in ({2} if answer else {1, 2})


def test_an_event_refused_three_more_times_is_given_up(
    told: StandIn, ses: Any, webhook: Webhook
) -> None:
    assert told.wait_for_events()
    webhook.answers = [500] * 4

    ses.send_email(**simple("a+reject@yritys.example"))

    assert told.wait_for_events()
    assert webhook.kinds() == []
    assert told.counts()["events"]["discarded"] == 1


def test_a_refusal_is_final(told: StandIn, ses: Any, webhook: Webhook) -> None:
    assert told.wait_for_events()
    webhook.answers = [403]

    ses.send_email(**simple("a+reject@yritys.example"))

    assert told.wait_for_events()
    assert (webhook.kinds(), told.counts()["events"]["discarded"]) == ([], 1)


def test_events_wait_for_a_webhook_that_is_down_and_survive_a_restart(
    start: Callable[..., StandIn], client_for: Callable[..., Any], webhook: Webhook
) -> None:
    first = start(webhook_url=webhook.url, retry_delays=(0.3,) * 50)
    assert first.wait_for_events()
    webhook.answers = [503] * 4
    client_for(first.url).send_email(**simple())
    time.sleep(0.1)
    first.stop()
    assert webhook.kinds() == []

    second = start(webhook_url=webhook.url, retry_delays=(0.1,) * 50)

    assert second.wait_for_events()
    assert sorted(webhook.kinds()) == ["Delivery", "Send"]


def test_what_a_killed_process_had_in_hand_is_due_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "file")
    outbox = Outbox(database)
    outbox.add([("key", "first"), ("key", "second")])
    taken = outbox.take(1, notifications=True)
    assert [envelope.message for envelope in taken] == ["first"]
    assert [envelope.message for envelope in outbox.take(9, notifications=True)] == ["second"]

    again = Outbox(database).take(9, notifications=True)
    database.close()

    assert [envelope.message for envelope in again] == ["first", "second"]
    assert again[0] == taken[0]


def test_events_can_be_lost_doubled_and_late(told: StandIn, ses: Any, webhook: Webhook) -> None:
    told.faults(event_loss_rate=1)
    ses.send_email(**simple("a@yritys.example"))
    told.faults(event_loss_rate=0, event_duplicate_rate=1)
    ses.send_email(**simple("b@yritys.example"))
    told.faults(event_duplicate_rate=0, event_delay_ms=60_000)
    ses.send_email(**simple("c@yritys.example"))
    time.sleep(0.5)

    assert webhook.kinds("a@yritys.example") == []
    assert sorted(webhook.kinds("b@yritys.example")) == ["Delivery", "Delivery", "Send", "Send"]
    assert webhook.kinds("c@yritys.example") == []
    assert told.counts()["events"]["pending"] == 2


# The subscription


@pytest.fixture
def asked(start: Callable[..., StandIn], webhook: Webhook) -> StandIn:
    stand_in = start(webhook_url=webhook.url, subscribe=True)
    assert stand_in.wait_for_events()
    return stand_in


def test_nothing_is_told_before_the_subscription_is_confirmed(
    asked: StandIn, client_for: Callable[..., Any], webhook: Webhook
) -> None:
    client_for(asked.url).send_email(**simple())
    time.sleep(0.2)

    ((headers, body),) = webhook.posts
    assert headers["x-amz-sns-message-type"] == body["Type"] == "SubscriptionConfirmation"
    with urlopen(body["SigningCertURL"]) as response:
        verify(body, response.read())
    assert asked.counts()["events"]["pending"] == 2

    with urlopen(body["SubscribeURL"]) as response:
        assert response.status == 200

    assert asked.wait_for_events()
    assert [
        body["Message"] for _, body in webhook.posts[1:] if not body["Message"].startswith("{")
    ] == ["Successfully validated SNS topic for Amazon SES event publishing."]
    assert sorted(webhook.kinds()) == ["Delivery", "Send"]


def test_boto3_can_confirm_the_subscription(
    asked: StandIn, client_for: Callable[..., Any], webhook: Webhook
) -> None:
    token = webhook.posts[0][1]["Token"]
    sns = client_for(asked.url, "sns")

    for _ in range(2):
        answer = sns.confirm_subscription(
            TopicArn=TOPIC_ARN, Token=token, AuthenticateOnUnsubscribe="true"
        )
        assert answer["SubscriptionArn"].startswith(TOPIC_ARN + ":")

    assert asked.wait_for_events()
    assert len(webhook.posts) == 2


@pytest.mark.parametrize(
    ("topic", "token", "code"),
    [
        (TOPIC_ARN, "wrong", "InvalidParameter"),
        ("arn:aws:sns:eu-north-1:123456789012:other", "wrong", "NotFound"),
    ],
)
def test_a_wrong_token_or_topic_confirms_nothing(
    asked: StandIn, client_for: Callable[..., Any], topic: str, token: str, code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        client_for(asked.url, "sns").confirm_subscription(TopicArn=topic, Token=token)

    assert caught.value.response["Error"]["Code"].startswith(code)


def test_other_sns_operations_are_refused(asked: StandIn, client_for: Callable[..., Any]) -> None:
    with pytest.raises(ClientError) as caught:
        client_for(asked.url, "sns").list_topics()

    assert caught.value.response["Error"]["Code"] == "InvalidAction"


def test_a_confirmation_is_asked_again_after_a_restart_but_not_once_given(
    start: Callable[..., StandIn], asked: StandIn, webhook: Webhook
) -> None:
    asked.stop()
    again = start(webhook_url=webhook.url, subscribe=True)
    assert again.wait_for_events()
    assert [body["Type"] for _, body in webhook.posts] == ["SubscriptionConfirmation"] * 2
    assert webhook.posts[0][1]["Token"] == webhook.posts[1][1]["Token"]
    urlopen(webhook.posts[1][1]["SubscribeURL"]).close()
    assert again.wait_for_events()
    again.stop()

    third = start(webhook_url=webhook.url, subscribe=True)

    assert third.wait_for_events()
    assert len(webhook.posts) == 3


def test_unsubscribing_is_told_and_ends_the_telling(
    told: StandIn, ses: Any, webhook: Webhook
) -> None:
    assert told.wait_for_events()
    urlopen(webhook.posts[0][1]["UnsubscribeURL"]).close()
    assert told.wait_for_events()

    ses.send_email(**simple())
    time.sleep(0.2)

    assert webhook.posts[-1][1]["Type"] == "UnsubscribeConfirmation"
    with urlopen(webhook.posts[-1][1]["SigningCertURL"]) as response:
        verify(webhook.posts[-1][1], response.read())
    assert webhook.kinds() == []
