"""How failed sign-ins make the next try wait."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session, sessionmaker

from mailer.accounts import throttle

NAME, ADDRESS = throttle.keys("pepper", "maija", "192.0.2.1")


def test_the_first_tries_are_free_and_then_the_wait_doubles_up_to_a_limit() -> None:
    waits = [throttle.wait_after(n, throttle.FREE_TRIES).total_seconds() for n in range(4, 12)]
    assert waits == [0, 30, 60, 120, 240, 480, 900, 900]
    assert throttle.wait_after(10**9, throttle.FREE_TRIES) == throttle.LONGEST_WAIT


def test_keys_do_not_show_what_was_tried_and_differ_by_kind_and_secret() -> None:
    assert throttle.keys("pepper", "same", "same")[0] != throttle.keys("pepper", "same", "same")[1]
    assert throttle.keys("pepper", "maija", "")[0] != throttle.keys("salt", "maija", "")[0]
    assert b"maija" not in NAME


def test_five_failures_make_the_name_wait_and_time_frees_it(
    session: Session, now: datetime
) -> None:
    for tried in range(5):
        assert throttle.waits_until(session, NAME, ADDRESS, now=now) is None
        assert throttle.note_failure(session, NAME, ADDRESS, now=now) == tried + 1
    until = throttle.waits_until(session, NAME, ADDRESS, now=now)
    assert until == now + timedelta(seconds=30)
    assert throttle.waits_until(session, NAME, ADDRESS, now=until) is None


def test_another_name_from_the_same_address_is_still_free(session: Session, now: datetime) -> None:
    for _ in range(5):
        throttle.note_failure(session, NAME, ADDRESS, now=now)
    other, _ = throttle.keys("pepper", "kalle", "")
    assert throttle.waits_until(session, other, ADDRESS, now=now) is None


def test_an_address_that_tries_many_names_waits_too(session: Session, now: datetime) -> None:
    for number in range(throttle.FREE_TRIES_BY_ADDRESS):
        name, _ = throttle.keys("pepper", f"name{number}", "")
        throttle.note_failure(session, name, ADDRESS, now=now)
    fresh, _ = throttle.keys("pepper", "fresh", "")
    assert throttle.waits_until(session, fresh, ADDRESS, now=now) is not None


def test_success_forgets_the_name_but_not_the_address(session: Session, now: datetime) -> None:
    for _ in range(5):
        throttle.note_failure(session, NAME, ADDRESS, now=now)
    throttle.forget(session, NAME)
    assert throttle.waits_until(session, NAME, ADDRESS, now=now) is None


def test_failures_are_forgotten_after_a_day(session: Session, now: datetime) -> None:
    for _ in range(20):
        throttle.note_failure(session, NAME, ADDRESS, now=now)
    later = now + throttle.REMEMBERED + timedelta(seconds=1)
    assert throttle.note_failure(session, NAME, ADDRESS, now=later) == 1


def test_two_tries_at_once_do_not_both_get_the_turn(sessions: sessionmaker[Session]) -> None:
    with sessions() as first, sessions() as second:
        assert throttle.try_lock(first, NAME)
        assert not throttle.try_lock(second, NAME)
        first.rollback()
        assert throttle.try_lock(second, NAME)
