"""Signing in, staying signed in, and the first administrator."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from mailer.accounts import passwords, setup, sign_in, signed_in, users
from mailer.accounts.models import SetupToken, SignedIn, SignInFailure, User
from mailer.audit import AuditEntry

PASSWORD = "kettu juoksee metsän halki"
HASH = passwords.hashed(PASSWORD)
PERSON = users.Person("Maija Virtanen", "maija.virtanen", "maija.virtanen@yritys.example")


def make_user(session: Session, now: datetime, **values: object) -> User:
    fields: dict[str, object] = {
        "user_name": "maija.virtanen",
        "name": "Maija Virtanen",
        "email": "maija.virtanen@yritys.example",
        "password_hash": HASH,
        "roles": ["admin"],
        "created_at": now,
    }
    user = User(**(fields | values))
    session.add(user)
    session.flush()
    return user


def attempt(
    session: Session, now: datetime, user_name: str = "maija.virtanen", password: str = PASSWORD
) -> sign_in.Entered | sign_in.Refused | sign_in.Throttled:
    return sign_in.attempt(
        session, user_name, password, address="192.0.2.1", pepper="pepper", now=now
    )


def test_the_right_password_opens_and_the_name_is_read_without_case(
    session: Session, now: datetime
) -> None:
    user = make_user(session, now)
    outcome = attempt(session, now, " MAIJA.Virtanen ")
    assert isinstance(outcome, sign_in.Entered)
    assert outcome.user is user
    found = signed_in.find(session, outcome.secret, now=now)
    assert found is not None
    assert found[0] is user


@pytest.mark.parametrize("user_name", ["maija.virtanen", "nobody.here", "", "x" * 5000])
def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(
    session: Session, now: datetime, user_name: str
) -> None:
    make_user(session, now)
    assert attempt(session, now, user_name, "wrong") == sign_in.Refused()


@pytest.mark.parametrize("column", ["disabled_at", "ends_at"])
def test_a_closed_account_does_not_open(session: Session, now: datetime, column: str) -> None:
    make_user(session, now, **{column: now})
    assert attempt(session, now) == sign_in.Refused()


def test_after_five_failures_even_the_right_password_waits(session: Session, now: datetime) -> None:
    make_user(session, now)
    for _ in range(5):
        assert attempt(session, now, password="wrong") == sign_in.Refused()
    assert attempt(session, now) == sign_in.Throttled(now + timedelta(seconds=30))
    assert isinstance(attempt(session, now + timedelta(seconds=30)), sign_in.Entered)


def test_unknown_names_are_throttled_as_known_ones_are(session: Session, now: datetime) -> None:
    for _ in range(5):
        attempt(session, now, "nobody.here", "wrong")
    assert isinstance(attempt(session, now, "nobody.here", "wrong"), sign_in.Throttled)


def test_a_burst_of_failures_leaves_one_entry_in_the_log(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    with sessions() as session:
        user = make_user(session, now)
        for _ in range(5):
            attempt(session, now, password="wrong")
        session.commit()
        entries = session.scalars(select(AuditEntry)).all()
        assert [(e.action, e.object_id) for e in entries] == [("user.sign_in_failures", user.id)]
        assert entries[0].details == {"failures": 5}


def test_what_was_typed_is_not_kept(session: Session, now: datetime) -> None:
    attempt(session, now, "my-secret-typed-into-the-wrong-field", "x")
    assert all(b"secret" not in row.key for row in session.scalars(select(SignInFailure)))


def test_the_table_holds_no_secret_that_would_open(session: Session, now: datetime) -> None:
    user = make_user(session, now)
    secret = signed_in.begin(session, user, now=now)
    session.flush()
    row = session.scalars(select(SignedIn)).one()
    assert secret.encode() not in row.token_hash
    assert signed_in.find(session, row.token_hash.hex(), now=now) is None


@pytest.mark.parametrize(
    ("seen_after", "found"),
    [(timedelta(hours=1, minutes=59), True), (timedelta(hours=2), False)],
)
def test_two_idle_hours_end_it(
    session: Session, now: datetime, seen_after: timedelta, found: bool
) -> None:
    secret = signed_in.begin(session, make_user(session, now), now=now)
    session.flush()
    assert (signed_in.find(session, secret, now=now + seen_after) is not None) is found


def test_twelve_hours_end_it_however_busy(session: Session, now: datetime) -> None:
    secret = signed_in.begin(session, make_user(session, now), now=now)
    session.flush()
    for hour in range(1, 12):
        assert signed_in.find(session, secret, now=now + timedelta(hours=hour)) is not None
        signed_in.touch(session, secret, now=now + timedelta(hours=hour))
    assert signed_in.find(session, secret, now=now + timedelta(hours=12)) is None


def test_an_end_date_counts_at_the_next_request(session: Session, now: datetime) -> None:
    user = make_user(session, now)
    secret = signed_in.begin(session, user, now=now)
    user.ends_at = now + timedelta(minutes=5)
    session.flush()
    assert signed_in.find(session, secret, now=now + timedelta(minutes=4)) is not None
    assert signed_in.find(session, secret, now=now + timedelta(minutes=5)) is None


def test_a_setup_link_makes_one_administrator(session: Session, now: datetime) -> None:
    token = setup.issue_token(session, now=now)
    session.flush()
    user = setup.make_first_administrator(session, token, PERSON, PASSWORD, now=now)
    assert user is not None
    assert user.roles == ["admin"]
    assert not user.must_change_password
    assert setup.make_first_administrator(session, token, PERSON, PASSWORD, now=now) is None


def test_an_old_or_replaced_or_invented_setup_link_makes_nobody(
    session: Session, now: datetime
) -> None:
    replaced = setup.issue_token(session, now=now)
    token = setup.issue_token(session, now=now)
    session.flush()
    late = now + setup.VALID_FOR
    for tried, when in ((replaced, now), (token, late), ("", now), ("x" * 10_000, now)):
        assert setup.make_first_administrator(session, tried, PERSON, PASSWORD, now=when) is None
    assert not setup.is_set_up(session)
    assert token not in str(session.scalars(select(SetupToken.token_hash)).all())


def test_no_setup_link_once_there_is_a_user(session: Session, now: datetime) -> None:
    token = setup.issue_token(session, now=now)
    make_user(session, now)
    assert not setup.is_valid(session, token, now=now)
    with pytest.raises(setup.AlreadySetUpError):
        setup.issue_token(session, now=now)


def test_the_last_administrator_cannot_be_lost(session: Session, now: datetime) -> None:
    admin = make_user(session, now)
    closed = make_user(session, now, user_name="kalle.salo", disabled_at=now)
    grant = users.Grant(("marketer",), "moved")
    assert users.change_grant(session, admin, grant, actor_id=admin.id, now=now) is not None
    ending = users.Grant(("admin",), "leaves", now + timedelta(days=3))
    assert users.change_grant(session, admin, ending, actor_id=admin.id, now=now) is not None
    assert users.disable(session, admin, actor_id=admin.id, now=now) is not None
    assert admin.roles == ["admin"]
    users.enable(session, closed, actor_id=admin.id, now=now)
    session.flush()
    assert users.disable(session, admin, actor_id=closed.id, now=now) is None


def test_two_administrators_cannot_close_each_other_at_once(
    sessions: sessionmaker[Session], now: datetime
) -> None:
    with sessions() as session:
        ids = [make_user(session, now, user_name=name).id for name in ("maija.a", "kalle.b")]
        session.commit()
    with sessions() as first, sessions() as second:
        one, other = first.get(User, ids[0]), second.get(User, ids[1])
        assert one is not None
        assert other is not None
        assert users.disable(first, one, actor_id=ids[1], now=now) is None
        second.execute(select(1))
        second.connection().exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
        with pytest.raises(Exception, match="lock timeout"):
            users.disable(second, other, actor_id=ids[0], now=now)


def test_closing_an_account_ends_its_browsers(session: Session, now: datetime) -> None:
    make_user(session, now)
    user = make_user(session, now, user_name="kalle.salo", roles=["marketer"])
    secret = signed_in.begin(session, user, now=now)
    session.flush()
    assert users.disable(session, user, actor_id=1, now=now) is None
    users.enable(session, user, actor_id=1, now=now)
    session.flush()
    assert signed_in.find(session, secret, now=now) is None


def test_a_new_password_signs_out_the_other_browsers(session: Session, now: datetime) -> None:
    user = make_user(session, now)
    here, elsewhere = (signed_in.begin(session, user, now=now) for _ in range(2))
    session.flush()
    users.change_password(session, user, "toinen pitkä salasana", keep=here, now=now)
    session.flush()
    assert signed_in.find(session, here, now=now) is not None
    assert signed_in.find(session, elsewhere, now=now) is None


@pytest.mark.parametrize(
    ("grant", "fields"),
    [
        (users.Grant((), "work"), {"roles"}),
        (users.Grant(("owner",), "work"), {"roles"}),
        (users.Grant(("admin",), "  "), {"reason"}),
        (
            users.Grant(("admin",), "work", datetime(2020, 1, 1, tzinfo=UTC)),
            {"ends_at"},
        ),
    ],
)
def test_access_needs_a_role_a_reason_and_an_end_that_lies_ahead(
    now: datetime, grant: users.Grant, fields: set[str]
) -> None:
    assert set(users.grant_problems(grant, now=now)) == fields


def test_a_person_has_two_names_and_a_user_name_of_their_own(
    session: Session, now: datetime
) -> None:
    make_user(session, now)
    person = users.Person("Markkinointi", "Maija.Virtanen", "info@yritys.example").normal()
    assert set(users.person_problems(session, person)) == {"name", "user_name", "email"}
