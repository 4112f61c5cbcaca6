"""What sends a message again whose answer was lost: only a whole proof that SES did not take it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign, CampaignContent
from mailer.sending import proof, sweep
from mailer.sending.models import STATES, Message
from mailer.sending.proof import Margins
from tests.segments.register import make_contact, make_source

LEASE, SETTLE = 120, 900
MARGINS = Margins.of(lease_seconds=LEASE, settle_seconds=SETTLE)
# The call was claimed so long ago.
AGE = 3600


@pytest.fixture
def campaign_id(session: Session, now: datetime) -> int:
    return make_campaign(session, now)


def make_campaign(session: Session, now: datetime, state: str = "sending") -> int:
    campaign = Campaign(
        name="Uutiskirje", state=state, entity="esimerkki", created_at=now, updated_at=now
    )
    session.add(campaign)
    session.flush()
    return campaign.id


def after_the_call(now: datetime, seconds: float) -> datetime:
    """So many seconds after the lost call was claimed."""
    return now - timedelta(seconds=AGE - seconds)


def make_message(session: Session, campaign_id: int | None, now: datetime, **facts: Any) -> Message:
    contact = make_contact(session, make_source(session, now), now)
    message = Message(
        **{
            "campaign_id": campaign_id,
            "contact_id": contact.id,
            "created_at": now,
            "attempt": 1,
            **facts,
        }
    )
    session.add(message)
    session.flush()
    return message


def make_lost(session: Session, campaign_id: int | None, now: datetime, **facts: Any) -> Message:
    """A message whose worker died an hour ago."""
    defaults = {
        "state": "uncertain",
        "error": "claim_expired",
        "claimed_at": after_the_call(now, 0),
    }
    return make_message(session, campaign_id, now, **{**defaults, **facts})


def make_witnesses(
    session: Session, now: datetime, seconds: float, number: int, **facts: Any
) -> list[int]:
    """Messages accepted so many seconds after the lost call, whose events came a second later."""
    if not number:
        return []
    sent = after_the_call(now, seconds)
    row = {
        "state": "delivered",
        "kind": "test",
        "created_at": sent,
        "claimed_at": sent,
        "attempt": 1,
        "sent_at": sent,
        "confirmed_at": sent + timedelta(seconds=1),
        "ses_message_id": "0110",
        **facts,
    }
    return list(
        session.scalars(insert(Message).returning(Message.id), [dict(row) for _ in range(number)])
    )


def make_stream(session: Session, now: datetime, *, before: int = 10, after: int = 50) -> None:
    """Everything a proof needs beside the lost message itself."""
    make_witnesses(session, now, -60, before)
    make_witnesses(session, now, LEASE + 30, after)


def make_raw(session: Session, received_at: datetime, state: str, body: str = "{}") -> None:
    session.execute(
        text(
            "INSERT INTO raw_notifications (sns_message_id, topic_arn, body, received_at, state)"
            " VALUES (:id, 'arn', :body, :at, :state)"
        ),
        {"id": f"{received_at} {body}", "at": received_at, "state": state, "body": body},
    )


def make_event(session: Session, message: Message, kind: str, at: datetime) -> None:
    session.execute(
        text(
            "INSERT INTO events (message_id, kind, at, dedupe_key) VALUES (:id, :kind, :at, :key)"
        ),
        {"id": message.id, "kind": kind, "at": at, "key": f"{kind}{message.id}{at}"},
    )


def requeue(session: Session, now: datetime) -> int:
    found = sweep.requeue_unaccepted(session, margins=MARGINS, now=now)
    session.expire_all()
    return found


def standing(session: Session, now: datetime) -> str:
    (call,) = proof.calls(session, margins=MARGINS, now=now)
    return call.standing


def test_the_whole_proof_puts_a_message_back_in_the_queue(
    session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_lost(session, campaign_id, now)
    make_stream(session, now)
    assert requeue(session, now) == 1
    assert (message.state, message.not_before, message.error) == ("queued", now, "not_accepted")


# The stream around the call


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (9, 50, "unseen_before"),
        (0, 50, "unseen_before"),
        (10, 49, "unseen_after"),
        (10, 0, "unseen_after"),
    ],
)
def test_too_few_witnesses_on_either_side_prove_nothing(
    before: int, after: int, found: str, session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_lost(session, campaign_id, now)
    make_stream(session, now, before=before, after=after)
    assert standing(session, now) == found
    assert requeue(session, now) == 0
    assert message.state == "uncertain"


@pytest.mark.parametrize(
    ("seconds", "counts"),
    [
        (-SETTLE - 1, False),
        (-SETTLE, True),
        (-1, True),
        (0, False),
        (LEASE - 1, False),
        (LEASE, True),
        (LEASE + SETTLE, True),
        (LEASE + SETTLE + 1, False),
    ],
)
def test_witnesses_count_near_the_call_and_never_while_it_may_have_been_under_way(
    seconds: int, counts: bool, session: Session, campaign_id: int, now: datetime
) -> None:
    make_lost(session, campaign_id, now)
    make_stream(session, now, before=10 if seconds >= 0 else 0, after=0 if seconds >= 0 else 50)
    make_witnesses(session, now, seconds, 50)
    assert requeue(session, now) == int(counts)


@pytest.mark.parametrize("seconds", [-SETTLE, -1, 0, 60, LEASE, LEASE + SETTLE])
@pytest.mark.parametrize("kind", ["campaign", "test", "probe"])
def test_one_accepted_message_without_its_event_is_enough_to_doubt(
    seconds: int, kind: str, session: Session, campaign_id: int, now: datetime
) -> None:
    make_lost(session, campaign_id, now)
    make_stream(session, now)
    make_witnesses(session, now, seconds, 1, kind=kind, state="sent", confirmed_at=None)
    assert standing(session, now) == "lossy"
    assert requeue(session, now) == 0


@pytest.mark.parametrize("seconds", [-SETTLE - 1, LEASE + SETTLE + 1])
def test_a_missing_event_of_another_time_casts_no_doubt(
    seconds: int, session: Session, campaign_id: int, now: datetime
) -> None:
    make_lost(session, campaign_id, now)
    make_stream(session, now)
    make_witnesses(session, now, seconds, 1, state="sent", confirmed_at=None)
    assert requeue(session, now) == 1


def test_a_probe_testifies_only_when_it_was_delivered_too(
    session: Session, campaign_id: int, now: datetime
) -> None:
    make_lost(session, campaign_id, now)
    make_stream(session, now, after=0)
    ids = make_witnesses(session, now, LEASE + 30, 50, kind="probe", state="sent")
    assert requeue(session, now) == 0
    for message in session.scalars(select(Message).where(Message.id.in_(ids))):
        message.state, message.delivered_at = "delivered", message.sent_at
    session.flush()
    assert requeue(session, now) == 1


def test_what_a_person_treated_as_sent_testifies_to_nothing(
    session: Session, campaign_id: int, now: datetime
) -> None:
    make_lost(session, campaign_id, now)
    make_stream(session, now, after=0)
    make_witnesses(
        session, now, LEASE + 30, 50, state="sent", ses_message_id=None, confirmed_at=None
    )
    assert standing(session, now) == "unseen_after"


def test_a_witness_must_have_been_heard_for_as_long_as_a_retry_by_sns_takes(
    session: Session, campaign_id: int, now: datetime
) -> None:
    make_lost(session, campaign_id, now)
    make_stream(session, now, after=0)
    heard = now - timedelta(seconds=LEASE - 1)
    make_witnesses(session, now, LEASE + 30, 50, confirmed_at=heard)
    assert requeue(session, now) == 0
    assert requeue(session, now + timedelta(seconds=1)) == 1


@pytest.mark.parametrize(
    ("ago", "state", "doubt"),
    [
        (AGE, "new", True),
        (LEASE + 1, "new", True),
        (LEASE - 1, "new", False),
        (AGE, "applied", False),
        (AGE, "ignored", False),
        (AGE, "waiting", False),
    ],
)
def test_a_notification_not_yet_read_is_enough_to_doubt(
    ago: int, state: str, doubt: bool, session: Session, campaign_id: int, now: datetime
) -> None:
    make_lost(session, campaign_id, now)
    make_stream(session, now)
    make_raw(session, now - timedelta(seconds=ago), state)
    assert requeue(session, now) == (0 if doubt else 1)


@pytest.mark.parametrize("quoted", ['"message":["{id}"]', r"\"message\": [ \"{id}\" ]"])
def test_a_notification_that_could_not_be_applied_speaks_for_the_message_it_names(
    quoted: str, session: Session, campaign_id: int, now: datetime
) -> None:
    named, unnamed = (make_lost(session, campaign_id, now) for _ in range(2))
    make_stream(session, now)
    body = quoted.replace("{id}", str(named.id))
    make_raw(session, now - timedelta(seconds=60), "waiting", body)
    make_raw(session, now - timedelta(seconds=60), "waiting", body.replace("]", "0]"))
    assert requeue(session, now) == 1
    assert (named.state, unnamed.state) == ("uncertain", "queued")


# The message itself


@pytest.mark.parametrize("cause", ["claim_expired", "ReadTimeoutError", "ConnectionClosedError"])
def test_only_silence_can_be_settled_by_silence(
    cause: str, session: Session, campaign_id: int, now: datetime
) -> None:
    make_lost(session, campaign_id, now, error=cause)
    make_stream(session, now)
    assert requeue(session, now) == 1


@pytest.mark.parametrize(
    "cause",
    ["InternalServiceErrorException", "http_503", "no_result", "UNHEARD_OF", "KeyError", None],
)
def test_an_answer_that_is_not_clear_is_a_persons_to_decide(
    cause: str | None, session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_lost(session, campaign_id, now, error=cause)
    make_stream(session, now)
    assert requeue(session, now) == 0
    assert message.state == "uncertain"


def test_a_message_with_its_own_event_never_goes_back(
    session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_lost(session, campaign_id, now, confirmed_at=after_the_call(now, 100))
    make_stream(session, now)
    assert requeue(session, now) == 0
    assert message.state == "uncertain"


@pytest.mark.parametrize(("seconds", "speaks"), [(-600, False), (5, True), (3000, True)])
def test_any_event_of_this_try_keeps_a_message_from_going_back(
    seconds: int, speaks: bool, session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_lost(session, campaign_id, now)
    make_stream(session, now)
    make_event(session, message, "rendering_failure", after_the_call(now, seconds))
    assert requeue(session, now) == (0 if speaks else 1)


@pytest.mark.parametrize("kind", ["open", "click", "opt_out", "send"])
def test_what_a_recipient_did_with_it_proves_that_it_left(
    kind: str, session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_lost(session, campaign_id, now)
    other = make_lost(session, campaign_id, now)
    make_event(session, message, kind, after_the_call(now, 60))
    make_event(session, other, kind, after_the_call(now, -600))  # of a try before a soft bounce
    assert sweep.settle_by_traces(session, margins=MARGINS) == 1
    session.expire_all()
    assert (message.state, message.sent_at) == ("sent", after_the_call(now, 0))
    assert other.state == "uncertain"


def test_a_refusal_by_amazon_is_no_trace_of_a_recipient(
    session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_lost(session, campaign_id, now)
    make_event(session, message, "reject", after_the_call(now, 60))
    assert sweep.settle_by_traces(session, margins=MARGINS) == 0


def test_when_amazon_took_another_of_the_same_call_the_silence_is_no_proof_for_good(
    session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_lost(session, campaign_id, now)
    sibling = make_lost(
        session,
        campaign_id,
        now,
        state="delivered",
        sent_at=after_the_call(now, 3),
        ses_message_id="0111",
        confirmed_at=after_the_call(now, 4),
    )
    make_stream(session, now)
    assert requeue(session, now) == 0
    assert (message.state, message.error) == ("uncertain", "call_accepted")
    session.delete(sibling)
    session.flush()
    assert requeue(session, now) == 0
    assert proof.calls(session, margins=MARGINS, now=now) == []


def test_a_message_that_is_too_young_waits(
    session: Session, campaign_id: int, now: datetime
) -> None:
    make_lost(session, campaign_id, now)
    make_stream(session, now)
    early = after_the_call(now, SETTLE - 1)
    assert standing(session, early) == "waiting"
    assert requeue(session, early) == 0
    assert requeue(session, early + timedelta(seconds=1)) == 1


def test_after_a_day_no_proof_is_looked_for(
    session: Session, campaign_id: int, now: datetime
) -> None:
    make_lost(session, campaign_id, now)
    make_stream(session, now)
    assert requeue(session, now - timedelta(seconds=AGE) + proof.DECIDED_WITHIN) == 0


@pytest.mark.parametrize("state", sorted(set(STATES) - {"uncertain"}))
def test_nothing_but_the_uncertain_goes_back(
    state: str, session: Session, campaign_id: int, now: datetime
) -> None:
    message = make_lost(session, campaign_id, now, state=state)
    make_stream(session, now)
    assert requeue(session, now) == 0
    assert message.state == state


@pytest.mark.parametrize("kind", ["test", "probe"])
def test_what_is_no_campaigns_message_is_never_sent_again(
    kind: str, session: Session, now: datetime
) -> None:
    message = make_lost(session, None, now, kind=kind)
    make_stream(session, now)
    assert requeue(session, now) == 0
    assert message.state == "uncertain"


def test_a_claim_in_two_languages_is_two_calls(
    session: Session, campaign_id: int, now: datetime
) -> None:
    session.add_all(
        CampaignContent(campaign_id=campaign_id, language=language, mjml="<mjml/>", updated_at=now)
        for language in ("fi", "sv")
    )
    swedish = make_lost(session, campaign_id, now, language="sv")
    # There is no English version, so this one was in the Finnish call, which Amazon took.
    english = make_lost(session, campaign_id, now, language="en")
    make_message(
        session,
        campaign_id,
        now,
        state="delivered",
        language="fi",
        claimed_at=after_the_call(now, 0),
        sent_at=after_the_call(now, 1),
        confirmed_at=after_the_call(now, 2),
        ses_message_id="0110",
    )
    make_stream(session, now)
    assert requeue(session, now) == 1
    assert (swedish.state, swedish.error) == ("queued", "not_accepted")
    assert (english.state, english.error) == ("uncertain", "call_accepted")


def test_each_call_is_judged_by_its_own_time_and_campaign(
    session: Session, campaign_id: int, now: datetime
) -> None:
    other = make_campaign(session, now)
    early = make_lost(session, campaign_id, now, claimed_at=after_the_call(now, -7200))
    same_moment = make_lost(session, other, now, error="http_500")
    late = make_lost(session, campaign_id, now)
    make_stream(session, now)
    assert requeue(session, now) == 1
    assert (early.state, late.state, same_moment.state) == ("uncertain", "queued", "uncertain")


@pytest.fixture(autouse=True)
def _words() -> Iterator[None]:
    yield
    for sentence in proof.STANDINGS.values():
        assert sentence.endswith(".")
