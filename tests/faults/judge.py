"""What the sink counted against what the ledger says: everything that is not as promised."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from mailer.sending.models import ACCEPTED

# What a problem is, as the table of results counts it.
KINDS = ("missed", "twice", "left_uncertain", "wrong_state", "mailed_after_opt_out")


class Row(NamedTuple):
    """A message of the ledger."""

    id: int
    contact_id: int
    state: str
    verdict: str | None
    error: str | None
    ses_message_id: str | None


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken promise. `message` 0: about the whole campaign."""

    kind: str
    message: int
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: message {self.message}: {self.text}"


@dataclass(frozen=True, slots=True)
class End:
    """Everything as it stands when nothing moves any more."""

    contacts: Collection[int]
    ledger: Sequence[Row]
    sink: Mapping[int, Sequence[str]]
    campaign_state: str
    wrongly_claimed: Collection[int] = ()
    wrongly_blocked: Collection[int] = ()
    # Events of this campaign were lost, so nothing can settle what is uncertain.
    without_events: bool = False
    # Messages of the ledger that are no campaign's: probes.
    others: Collection[int] = ()
    # Messages whose own link was pressed, which the product takes for a proof that they arrived:
    # the people of a plan press the links of messages that they may not have got yet.
    pressed: Collection[int] = ()


def judge(end: End) -> list[Problem]:
    """What was promised and is not so."""
    problems = [
        *_of_people(end),
        *_of_campaign(end),
        *(
            Problem("mailed_after_opt_out", m, "claimed by a statement that saw the opt-out")
            for m in end.wrongly_claimed
        ),
        *(
            Problem("missed", m, "blocked, and no suppression was visible")
            for m in end.wrongly_blocked
        ),
    ]
    for row in end.ledger:
        if _is_told_by_its_reader(row, end):
            continue
        problem = _of_message(row, end.sink.get(row.id, ()), without_events=end.without_events)
        if problem is not None:
            problems.append(Problem(problem[0], row.id, problem[1]))
    return problems


def _is_told_by_its_reader(row: Row, end: End) -> bool:
    """Whether a pressed link is all that the ledger knows of a message."""
    if row.state != "sent" or row.id not in end.pressed:
        return False
    accepted = end.sink.get(row.id, ())
    # SES's answer and events were lost, so its id cannot be known.
    without_id = len(accepted) == 1 and end.without_events and row.ses_message_id is None
    return not accepted or without_id


def _of_people(end: End) -> list[Problem]:
    rows = Counter(row.contact_id for row in end.ledger)
    missing = len(set(end.contacts) - rows.keys())
    unknown = end.sink.keys() - {row.id for row in end.ledger} - set(end.others)
    problems = [Problem("twice", 0, f"contact {c} is in the ledger {n} times")
                for c, n in rows.items() if n > 1]  # fmt: skip
    if missing:
        problems.append(Problem("missed", 0, f"{missing} people are not in the ledger"))
    if unknown:
        problems.append(Problem("wrong_state", 0, f"the ledger does not know {len(unknown)} mails"))
    return problems


def _of_message(
    row: Row, accepted: Sequence[str], *, without_events: bool
) -> tuple[str, str] | None:
    if len(accepted) > 1:
        return "twice", f"accepted {len(accepted)} times, {row.state}"
    if accepted:
        return _of_accepted(row, accepted[0], without_events=without_events)
    if row.state in ACCEPTED:
        return "missed", f"is {row.state}, but SES never accepted it"
    if row.state == "blocked" and (row.verdict or "").startswith("suppressed_"):
        return None
    if row.state == "uncertain":
        return None if row.error else ("left_uncertain", "without a reason")
    return "missed", f"{row.state}, {row.verdict or row.error}"


def _of_accepted(row: Row, ses_id: str, *, without_events: bool) -> tuple[str, str] | None:
    if row.state == "uncertain":
        if without_events and row.error:
            return None
        return "left_uncertain", f"SES accepted it and events came ({row.error})"
    if row.state not in ACCEPTED:
        return "wrong_state", f"is {row.state}, but SES accepted it"
    if row.ses_message_id != ses_id:
        return "wrong_state", "has another id than SES gave it"
    return None


def _of_campaign(end: End) -> list[Problem]:
    states = Counter(row.state for row in end.ledger)
    is_open = any(states[state] for state in ("queued", "sending", "uncertain"))
    expected = "sending" if is_open else "sent"
    if end.campaign_state == expected:
        return []
    return [Problem("wrong_state", 0, f"the campaign is {end.campaign_state}, not {expected}")]
