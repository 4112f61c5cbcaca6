"""The judge notices everything that was promised and is not so."""

from dataclasses import replace

import pytest

from tests.faults.judge import End, Row, judge


def row(number: int, state: str = "delivered", **facts: str | None) -> Row:
    ses = f"ses-{number}" if state in ("sent", "delivered", "bounced") else None
    return Row(number, 100 + number, state, facts.get("verdict"), facts.get("error"), ses)


GOOD = End(
    contacts={101, 102},
    ledger=[row(1), row(2)],
    sink={1: ["ses-1"], 2: ["ses-2"]},
    campaign_state="sent",
)


def kinds(end: End) -> list[str]:
    return [problem.kind for problem in judge(end)]


def test_a_campaign_that_went_well_has_no_problem() -> None:
    assert judge(GOOD) == []


def test_a_message_that_arrived_twice_is_noticed() -> None:
    assert kinds(replace(GOOD, sink={1: ["ses-1", "ses-9"], 2: ["ses-2"]})) == ["twice"]


def test_a_person_who_is_not_in_the_ledger_is_missed() -> None:
    assert kinds(replace(GOOD, contacts={101, 102, 103})) == ["missed"]


def test_a_person_who_is_in_the_ledger_twice_is_noticed() -> None:
    again = row(3)._replace(contact_id=101)
    sink = {**GOOD.sink, 3: ["ses-3"]}
    assert kinds(replace(GOOD, ledger=[*GOOD.ledger, again], sink=sink)) == ["twice"]


def test_a_message_that_the_ledger_calls_sent_and_ses_never_got_is_missed() -> None:
    assert kinds(replace(GOOD, sink={1: ["ses-1"]})) == ["missed"]


@pytest.mark.parametrize("state", ["queued", "sending", "failed", "cancelled", "blocked"])
def test_a_message_that_was_not_sent_without_a_suppression_is_missed(state: str) -> None:
    end = replace(GOOD, ledger=[row(1), row(2, state)], sink={1: ["ses-1"]})
    assert "missed" in kinds(end)


def test_a_blocked_message_of_somebody_who_opted_out_is_right() -> None:
    blocked = row(2, "blocked", verdict="suppressed_optout")
    assert judge(replace(GOOD, ledger=[row(1), blocked], sink={1: ["ses-1"]})) == []
    assert kinds(replace(GOOD, ledger=[row(1), blocked])) == ["wrong_state"]
    wrongly = replace(GOOD, ledger=[row(1), blocked], sink={1: ["ses-1"]}, wrongly_blocked=[2])
    assert kinds(wrongly) == ["missed"]


def test_uncertain_is_right_only_with_a_reason_and_when_nothing_can_settle_it() -> None:
    uncertain = row(2, "uncertain", error="ReadTimeoutError")
    end = replace(GOOD, ledger=[row(1), uncertain], campaign_state="sending")
    assert kinds(end) == ["left_uncertain"]
    assert judge(replace(end, without_events=True)) == []
    assert judge(replace(end, sink={1: ["ses-1"]})) == []
    silent = replace(end, ledger=[row(1), row(2, "uncertain")], sink={1: ["ses-1"]})
    assert kinds(silent) == ["left_uncertain"]


def test_a_campaign_that_calls_itself_sent_with_something_open_is_wrong() -> None:
    uncertain = row(2, "uncertain", error="claim_expired")
    assert kinds(replace(GOOD, ledger=[row(1), uncertain], sink={1: ["ses-1"]})) == ["wrong_state"]
    assert kinds(replace(GOOD, campaign_state="sending")) == ["wrong_state"]


def test_mail_that_nobody_knows_is_noticed_and_a_probe_is_known() -> None:
    end = replace(GOOD, sink={**GOOD.sink, 7: ["ses-7"]})
    assert kinds(end) == ["wrong_state"]
    assert judge(replace(end, others={7})) == []


def test_a_claim_that_saw_the_opt_out_is_a_fault() -> None:
    assert kinds(replace(GOOD, wrongly_claimed=[2])) == ["mailed_after_opt_out"]


def test_another_id_than_ses_gave_is_noticed() -> None:
    assert kinds(replace(GOOD, sink={1: ["ses-1"], 2: ["ses-x"]})) == ["wrong_state"]


def test_the_id_of_a_message_that_only_its_reader_told_of_cannot_be_known() -> None:
    told = row(2, "sent")._replace(ses_message_id=None)
    end = replace(GOOD, ledger=[row(1), told], pressed={2})
    assert judge(replace(end, without_events=True)) == []
    assert kinds(end) == ["wrong_state"]
    assert kinds(replace(end, without_events=True, pressed=())) == ["wrong_state"]
    twice = replace(end, without_events=True, sink={1: ["ses-1"], 2: ["ses-2", "ses-9"]})
    assert kinds(twice) == ["twice"]
