"""Amazon SES's list comes into ours whole or not at all, and nothing ever comes off either."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectTimeoutError
from click.testing import CliRunner
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.adapters import ses_suppressions
from mailer.cli import cli
from mailer.config import Settings
from mailer.contacts import suppression, suppression_sync
from mailer.contacts.address import canonical
from mailer.contacts.models import Suppression, SuppressionSync
from mailer.contacts.suppression import of_address
from mailer.db import transaction
from mailer.stand_in.server import Options, StandIn
from tests.segments.register import make_contact, make_source

Sessions = sessionmaker[Session]
ANNA = "anna@x.example"


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[StandIn]:
    with StandIn(Options(directory=tmp_path / "stand-in")) as server:
        yield server


@pytest.fixture
def amazon(stand_in: StandIn) -> Iterator[Any]:
    client = boto3.client(
        "sesv2",
        endpoint_url=stand_in.url,
        region_name="eu-north-1",
        aws_access_key_id="stand-in",
        aws_secret_access_key="stand-in",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


@pytest.fixture
def here(connected_settings: Settings, stand_in: StandIn) -> Settings:
    return replace(connected_settings, ses_endpoint_url=stand_in.url)


def put(amazon: Any, *addresses: str, reason: str = "BOUNCE") -> None:
    for address in addresses:
        amazon.put_suppressed_destination(EmailAddress=address, Reason=reason)


def at_amazon(amazon: Any) -> dict[str, str]:
    listed = amazon.list_suppressed_destinations()["SuppressedDestinationSummaries"]
    return {entry["EmailAddress"]: entry["Reason"] for entry in listed}


def lines(sessions: Sessions) -> list[Suppression]:
    with sessions() as session:
        return list(session.scalars(select(Suppression).order_by(Suppression.id)))


def asked(sessions: Sessions) -> list[SuppressionSync]:
    with sessions() as session:
        return list(session.scalars(select(SuppressionSync).order_by(SuppressionSync.id)))


def stops(sessions: Sessions, address: str) -> list[str]:
    with sessions() as session:
        return [line.kind for line in suppression.find(session, canonical(address))]


def bounced(
    sessions: Sessions, address: str, now: datetime, kind: str = "hard_bounce", **facts: Any
) -> None:
    with transaction(sessions) as session:
        make_contact(session, make_source(session, now), now, email=address, **facts)
        entry = of_address(canonical(address))
        suppression.suppress(session, [entry], kind, origin="import", now=now)


def test_what_amazon_lists_is_never_mailed_here_either(
    sessions: Sessions, here: Settings, amazon: Any
) -> None:
    put(amazon, "Anna+news@X.example", "b@x.example")
    put(amazon, "c@x.example", reason="COMPLAINT")
    outcome = suppression_sync.sync(sessions, here, now=clock.now())
    assert (outcome.read, outcome.added, outcome.failure) == (3, 3, None)
    assert stops(sessions, ANNA) == ["ses_account_list"]
    assert {line.evidence for line in lines(sessions)} == {"BOUNCE", "COMPLAINT"}
    again = suppression_sync.sync(sessions, here, now=clock.now())
    assert again.added == 0
    assert len(lines(sessions)) == 3


def test_every_page_is_read(
    sessions: Sessions, here: Settings, amazon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ses_suppressions, "PAGE_SIZE", 2)
    put(amazon, *(f"p{number}@x.example" for number in range(5)))
    assert suppression_sync.sync(sessions, here, now=clock.now()).added == 5


def test_only_what_is_new_is_asked_for_and_all_of_it_once_a_week(
    sessions: Sessions, here: Settings, amazon: Any
) -> None:
    first = clock.now()
    for moment in (first, first + timedelta(hours=1), first + timedelta(days=8)):
        suppression_sync.sync(sessions, here, now=moment)
    whole, part, whole_again = (line.since for line in asked(sessions))
    assert (whole, part, whole_again) == (None, first - timedelta(days=1), None)


def fail_at_page(monkeypatch: pytest.MonkeyPatch, number: int, error: Exception) -> None:
    """The list breaks off at a page: the one before it has been given out already."""
    real = ses_suppressions.reading_client

    class Client:
        def __init__(self, settings: Settings) -> None:
            self._real, self._asked = real(settings), 0

        def list_suppressed_destinations(self, **wanted: Any) -> Any:
            self._asked += 1
            if self._asked == number:
                raise error
            return self._real.list_suppressed_destinations(**wanted)

        def put_suppressed_destination(self, **wanted: Any) -> Any:
            self._asked += 1
            if self._asked == number:
                raise error
            return self._real.put_suppressed_destination(**wanted)

        def close(self) -> None:
            self._real.close()

    monkeypatch.setattr(ses_suppressions, "reading_client", Client)


THROTTLED = ClientError({"Error": {"Code": "TooManyRequestsException"}}, "ListSuppressed")
AWAY = ConnectTimeoutError(endpoint_url="https://email.eu-north-1.amazonaws.com")


@pytest.mark.parametrize(
    ("error", "code"), [(THROTTLED, "TooManyRequestsException"), (AWAY, "ConnectTimeoutError")]
)
@pytest.mark.parametrize("page", [1, 2])
def test_a_list_that_breaks_off_leaves_ours_as_it_was(
    sessions: Sessions,
    here: Settings,
    amazon: Any,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    code: str,
    page: int,
) -> None:
    put(amazon, *(f"p{number}@x.example" for number in range(5)))
    with monkeypatch.context() as patch:
        patch.setattr(ses_suppressions, "PAGE_SIZE", 2)
        fail_at_page(patch, page, error)
        outcome = suppression_sync.sync(sessions, here, now=clock.now())
    assert (outcome.failure, outcome.added) == (code, 0)
    assert lines(sessions) == []
    (line,) = asked(sessions)
    assert (line.finished_at, line.failure) == (None, code)
    # A failed reading is no reading: the next one asks for all of it.
    assert suppression_sync.sync(sessions, here, now=clock.now()).added == 5


def test_nothing_leaves_to_amazon_unless_the_settings_say_so(
    sessions: Sessions, here: Settings, amazon: Any, now: datetime
) -> None:
    bounced(sessions, ANNA, now)
    suppression_sync.sync(sessions, here, now=now)
    assert at_amazon(amazon) == {}


def test_only_bounces_and_complaints_of_known_addresses_are_handed_over_once(
    sessions: Sessions, here: Settings, amazon: Any, now: datetime
) -> None:
    bounced(sessions, ANNA, now)
    bounced(sessions, "b@x.example", now, "complaint")
    bounced(sessions, "c@x.example", now, "optout")
    bounced(sessions, "d@x.example", now, erased_at=now)
    bounced(sessions, "e@x.example", now, restricted_at=now)
    with transaction(sessions) as session:
        entry = of_address(canonical("unknown@x.example"))
        suppression.suppress(session, [entry], "hard_bounce", origin="import", now=now)
    opened = replace(here, ses_list_handover=True)
    outcome = suppression_sync.sync(sessions, opened, now=now)
    assert (outcome.handed_over, outcome.failure) == (2, None)
    assert at_amazon(amazon) == {ANNA: "BOUNCE", "b@x.example": "COMPLAINT"}
    assert sorted(stops(sessions, ANNA)) == ["hard_bounce", "ses_account_list"]
    assert suppression_sync.sync(sessions, opened, now=now).handed_over == 0


def test_a_handover_that_is_throttled_goes_on_the_next_time(
    sessions: Sessions,
    here: Settings,
    amazon: Any,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for number in range(3):
        bounced(sessions, f"p{number}@x.example", now)
    opened = replace(here, ses_list_handover=True)
    with monkeypatch.context() as patch:
        fail_at_page(patch, 2, THROTTLED)
        outcome = suppression_sync.sync(sessions, opened, now=now)
    assert (outcome.handed_over, outcome.failure) == (1, "TooManyRequestsException")
    assert len(at_amazon(amazon)) == 1
    assert asked(sessions)[0].finished_at is not None
    assert suppression_sync.sync(sessions, opened, now=now).handed_over == 2
    assert len(at_amazon(amazon)) == 3


def test_what_amazon_no_longer_lists_stays_on_ours_and_nothing_is_deleted_there(
    sessions: Sessions, here: Settings, amazon: Any, now: datetime
) -> None:
    put(amazon, ANNA, "b@x.example")
    suppression_sync.sync(sessions, here, now=now)
    amazon.delete_suppressed_destination(EmailAddress=ANNA)
    with transaction(sessions) as session:
        (line,) = suppression.find(session, canonical("b@x.example"))
        suppression.lift(session, line.id, by="user:1", reason="mended", now=now)
    suppression_sync.sync(sessions, here, now=now + timedelta(days=8))
    assert stops(sessions, ANNA) == ["ses_account_list"]
    # Lifted here but still on Amazon's list: mail would be taken and not sent, so it is back.
    assert stops(sessions, "b@x.example") == ["ses_account_list"]
    assert at_amazon(amazon) == {"b@x.example": "BOUNCE"}


def test_what_is_no_address_is_passed_over(
    sessions: Sessions, here: Settings, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    listed = [ses_suppressions.Listed("nonsense", "BOUNCE"), ses_suppressions.Listed(ANNA, "X")]
    monkeypatch.setattr(ses_suppressions, "read", lambda *_, **__: iter([listed]))
    outcome = suppression_sync.sync(sessions, here, now=now)
    assert (outcome.read, outcome.added) == (2, 1)


def test_an_answer_without_an_end_or_a_shape_is_refused(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless:
        def list_suppressed_destinations(self, **_: Any) -> Any:
            return {"SuppressedDestinationSummaries": [], "NextToken": "again"}

        def close(self) -> None:
            pass

    monkeypatch.setattr(ses_suppressions, "MOST_PAGES", 3)
    monkeypatch.setattr(ses_suppressions, "reading_client", lambda _: Endless())
    with pytest.raises(ses_suppressions.SesListError, match="EndlessList"):
        list(ses_suppressions.read(here))
    monkeypatch.setattr(
        Endless, "list_suppressed_destinations", lambda *_: {"SuppressedDestinationSummaries": [{}]}
    )
    with pytest.raises(ses_suppressions.SesListError, match="UnreadableAnswer"):
        list(ses_suppressions.read(here))


def test_the_command_tells_numbers_or_why_not(
    sessions: Sessions, here: Settings, amazon: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "DATABASE_URL": here.database_url,
        "REDIS_URL": here.redis_url,
        "SUPPRESSION_KEY": here.suppression_key,
        "SES_ENDPOINT_URL": here.ses_endpoint_url or "",
    }.items():
        monkeypatch.setenv(name, value)
    put(amazon, ANNA)
    told = CliRunner().invoke(cli, ["suppressions", "sync", "--json"])
    assert told.exit_code == 0
    assert json.loads(told.output) == {"read": 1, "added": 1, "handed_over": 0, "failure": None}
    assert "new" not in told.output
    fail_at_page(monkeypatch, 1, THROTTLED)
    told = CliRunner().invoke(cli, ["suppressions", "sync"])
    assert told.exit_code != 0
    assert "TooManyRequestsException" in told.output
