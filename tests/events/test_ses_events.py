"""What SES says is read the same in both dialects, and nonsense is read as nothing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.events.effects import EFFECTS
from mailer.events.ses_events import UnreadableError, parse
from tests.events.register import ses_event

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
EXAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "ses-events"

# What each of AWS's own examples is about: kind and number of recipients.
MEANINGS = {
    "event-01-Bounce": ["hard_bounce"],
    "event-02-Complaint": ["complaint"],
    "event-03-Delivery": ["delivery"],
    "event-04-Send": ["send"],
    "event-05-Reject": ["reject"],
    "event-06-Open": [],
    "event-07-Click": [],
    "event-08-RenderingFailure": ["rendering_failure"],
    "event-09-DeliveryDelay": ["delay"],
    "event-10-Subscription": ["subscription"],
    "identity-01-Bounce": ["hard_bounce"],
    "identity-02-Bounce": ["hard_bounce", "hard_bounce"],
    "identity-03-Complaint": ["complaint"],
    "identity-04-Complaint": ["complaint"],
    "identity-05-Delivery": ["delivery"],
}


def read(message: str) -> Any:
    happenings = parse(message, received_at=NOW)
    assert len(happenings) == 1
    return happenings[0]


@pytest.mark.parametrize("name", MEANINGS)
def test_every_example_of_amazons_is_understood(name: str) -> None:
    file = EXAMPLES / f"{name}.json"
    if not file.exists():
        pytest.skip("the examples of Amazon's documentation are not on this machine")
    happenings = parse(file.read_text("utf-8"), received_at=NOW)

    assert [happening.kind for happening in happenings] == MEANINGS[name]
    assert len({happening.dedupe_key for happening in happenings}) == len(happenings)
    for happening in happenings:
        assert happening.at < NOW - timedelta(days=1)  # the example's own time, not ours
        assert "@" not in json.dumps(dict(happening.details)) + happening.dedupe_key


def test_every_kind_has_an_effect() -> None:
    kinds = {kind for meaning in MEANINGS.values() for kind in meaning}
    assert kinds <= set(EFFECTS)


@pytest.mark.parametrize(
    ("kind", "subtype", "meaning"),
    [
        ("Permanent", "General", "hard_bounce"),
        ("Permanent", "NoEmail", "hard_bounce"),
        ("Permanent", "Suppressed", "hard_bounce"),
        ("Permanent", "SomethingNew", "hard_bounce"),
        ("Permanent", "OnAccountSuppressionList", "listed"),
        ("Permanent", "EmailValidationSuppressed", "listed"),
        ("Permanent", "UnsubscribedRecipient", "unsubscribed"),
        ("Transient", "General", "soft_bounce"),
        ("Transient", "MailboxFull", "soft_bounce"),
        ("Undetermined", "Undetermined", "soft_bounce"),
        ("SomethingNew", "General", "soft_bounce"),
        (None, None, "soft_bounce"),
    ],
)
def test_only_a_permanent_bounce_is_for_good(kind: Any, subtype: Any, meaning: str) -> None:
    event = ses_event("Bounce", 7, NOW, bounceType=kind, bounceSubType=subtype)
    assert read(event).kind == meaning


@pytest.mark.parametrize(
    ("part", "meaning"),
    [
        ({}, "complaint"),
        ({"complaintFeedbackType": None}, "complaint"),
        ({"complaintFeedbackType": "abuse"}, "complaint"),
        ({"complaintFeedbackType": "virus"}, "complaint"),
        ({"complaintFeedbackType": "something-new"}, "complaint"),
        ({"complaintFeedbackType": "not-spam"}, "not_spam"),
        ({"complaintFeedbackType": "auth-failure"}, "auth_failure"),
        ({"complaintSubType": "OnAccountSuppressionList"}, "listed"),
    ],
)
def test_a_complaint_counts_unless_it_says_that_it_is_none(part: Any, meaning: str) -> None:
    assert read(ses_event("Complaint", 7, NOW, **part)).kind == meaning


def test_the_bounced_recipient_counts_and_not_the_destination() -> None:
    happening = read(ses_event("Bounce", 7, NOW, to="anna.aalto@puutyo.example"))
    assert happening.recipient == "anna.aalto@puutyo.example"
    assert happening.message_id == 7


def test_the_same_bounce_has_one_key_in_both_dialects_and_however_the_address_is_written() -> None:
    keys = {
        read(ses_event("Bounce", 7, NOW, dialect=dialect, to=to)).dedupe_key
        for dialect in ("eventType", "notificationType")
        for to in ("anna@puutyo.example", "Anna@Puutyo.Example ")
    }
    assert len(keys) == 1


def test_different_happenings_have_different_keys() -> None:
    events = [
        ses_event("Send", 7, NOW),
        ses_event("Send", 8, NOW),
        ses_event("Delivery", 7, NOW),
        ses_event("DeliveryDelay", 7, NOW),
        ses_event("DeliveryDelay", 7, NOW - timedelta(minutes=5)),
        ses_event("Bounce", 7, NOW, feedback_id="a"),
        ses_event("Bounce", 7, NOW, feedback_id="b"),
        ses_event("Bounce", 7, NOW, feedback_id="a", to="other@puutyo.example"),
    ]
    assert len({read(event).dedupe_key for event in events}) == len(events)


def test_addresses_in_the_servers_answer_are_taken_out() -> None:
    answer = read(ses_event("Bounce", 7, NOW, to="anna.aalto@puutyo.example")).details["answer"]
    assert answer == "smtp; 550 5.1.1 <[address]> unknown"


@pytest.mark.parametrize(
    ("tag", "found"),
    [
        (["42"], 42),
        ("42", 42),
        ([], None),
        (["x"], None),
        (["-1"], None),
        (["9" * 40], None),
        ({"a": 1}, None),
        (["٤٢"], None),
    ],
)
def test_the_message_is_named_by_our_tag(tag: Any, found: int | None) -> None:
    event = json.loads(ses_event("Send", None, NOW))
    event["mail"]["tags"]["message"] = tag
    assert read(json.dumps(event)).message_id == found


@pytest.mark.parametrize("stamp", ["", "soon", 7, None, "0001-01-01T00:00:00Z", "9999-12-31"])
def test_an_impossible_time_becomes_the_time_of_receipt(stamp: Any) -> None:
    event = json.loads(ses_event("Delivery", 7, NOW))
    event["delivery"]["timestamp"] = event["mail"]["timestamp"] = stamp
    assert read(json.dumps(event)).at == NOW


def test_a_kind_we_do_not_know_is_passed_over() -> None:
    assert parse(ses_event("SomethingNew", 7, NOW), received_at=NOW) == []


def test_opens_and_clicks_of_amazons_own_tracking_are_passed_over() -> None:
    assert parse(ses_event("Open", 7, NOW), received_at=NOW) == []
    assert parse(ses_event("Click", 7, NOW), received_at=NOW) == []


@pytest.mark.parametrize(
    "message", ["", "hello", "[]", "{}", '{"mail": 1}', '{"mail": {}}', "[" * 100_000]
)
def test_what_is_no_event_is_said_to_be_none(message: str) -> None:
    with pytest.raises(UnreadableError):
        parse(message, received_at=NOW)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value: the object or list, and the member."""
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value))
    else:
        return []
    return [place for member, inner in members for place in [(value, member), *_places(inner)]]


@settings(max_examples=300)
@given(
    st.sampled_from(["Bounce", "Complaint", "Delivery", "Send", "DeliveryDelay", "Reject"]),
    st.data(),
)
def test_any_value_anywhere_is_read_or_passed_over(kind: str, data: st.DataObject) -> None:
    event = json.loads(ses_event(kind, 7, NOW))
    place, member = data.draw(st.sampled_from(_places(event)))
    place[member] = data.draw(_ANYTHING)
    try:
        happenings = parse(json.dumps(event), received_at=NOW)
    except UnreadableError:
        return
    for happening in happenings:
        happening.dedupe_key.encode()
        for text in happening.details.values():
            assert "\0" not in text
            text.encode()
