"""Fixed lists: the people of a segment as they were at a moment."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session, sessionmaker

from mailer import clock
from mailer.contacts import removal
from mailer.contacts.models import Contact, Source
from mailer.db import transaction
from mailer.languages import in_language
from mailer.segments import build, choices, fixing, saved
from mailer.segments.models import FixedList, FixedPerson, Segment
from mailer.segments.rules import SegmentError, parse
from tests.segments.register import make_contact, make_source, publish_notice

FINANCE = {"field": "function", "is": "any_of", "value": ["finance"]}


@pytest.fixture
def source(session: Session, now: datetime) -> Source:
    publish_notice(session, now)
    return make_source(session, now)


def save(session: Session, now: datetime, tree: Any = None, name: str = "Talous") -> Segment:
    segment = Segment(name=name, tree=tree or FINANCE, created_at=now, updated_at=now)
    session.add(segment)
    session.flush()
    return segment


def fixed_list(
    session: Session, now: datetime, segment: Segment, name: str = "Messut"
) -> FixedList:
    fixed = fixing.fix(session, segment.id, name, now=now, actor_id=None)
    assert fixed is not None
    return fixed


def in_list(*ids: int, comparison: str = "any_of") -> dict[str, Any]:
    return {"field": "fixed_list", "is": comparison, "value": list(ids)}


def ids(session: Session, tree: Any, now: datetime) -> set[int]:
    ask = build.usual_ask(session, frozenset({"finance"}), now=now)
    return {row.contact_id for row in session.execute(build.audience(tree, ask))}


@pytest.mark.parametrize(("name", "code"), [(" ", "name_missing"), ("x" * 121, "name_too_long")])
def test_a_list_has_a_name(
    session: Session, now: datetime, source: Source, name: str, code: str
) -> None:
    with pytest.raises(saved.NameProblem) as caught:
        fixing.fix(session, save(session, now).id, name, now=now, actor_id=None)
    assert caught.value.code == code


def test_nobody_is_fixed_by_rules_that_cannot_be_used(session: Session, now: datetime) -> None:
    publish_notice(session, now, fields=["email", "title"])
    big = save(session, now, {"field": "headcount", "is": "at_least", "value": 5})
    broken = save(session, now, {"field": "purchases", "is": "never"}, "Rikki")
    for segment in (big, broken):
        with pytest.raises(SegmentError), session.begin_nested():
            fixing.fix(session, segment.id, "Messut", now=now, actor_id=None)
    assert session.scalar(select(func.count()).select_from(FixedList)) == 0
    assert fixing.fix(session, 10**9, "Messut", now=now, actor_id=None) is None


def test_a_list_keeps_who_matched_when_the_segment_moves_on(
    session: Session, now: datetime, source: Source
) -> None:
    leaving = make_contact(session, source, now)
    restricted = make_contact(session, source, now, restricted_at=now)
    make_contact(session, source, now, functions=["sales"])
    fixed = fixed_list(session, now, save(session, now))
    assert (fixed.people, fixed.fixed_at, fixed.tree["include"]) == (2, now, [FINANCE])
    leaving.functions = ["sales"]
    later = make_contact(session, source, now)
    assert ids(session, FINANCE, now) == {restricted.id, later.id}
    assert ids(session, in_list(fixed.id), now) == {leaving.id, restricted.id}
    assert ids(session, {"op": "and", "rules": [FINANCE, {"not": in_list(fixed.id)}]}, now) == {
        later.id
    }
    assert later.id in ids(session, in_list(fixed.id, comparison="none_of"), now)


def test_the_gate_still_decides_about_those_in_a_list(
    session: Session, now: datetime, source: Source
) -> None:
    contact = make_contact(session, source, now)
    fixed = fixed_list(session, now, save(session, now))
    contact.restricted_at = now
    session.flush()
    ask = build.usual_ask(session, frozenset({"finance"}), now=now)
    assert build.counts(session, in_list(fixed.id), ask).by_verdict == {"restricted": 1}


def test_an_erased_person_leaves_the_list(session: Session, now: datetime, source: Source) -> None:
    contact = make_contact(session, source, now)
    make_contact(session, source, now)
    fixed = fixed_list(session, now, save(session, now))
    removal.remove_all(session, [contact.id], now=now)
    assert fixing.left(session, [fixed.id]) == {fixed.id: 1}
    assert fixed.people == 2


def test_a_list_fixed_again_holds_who_matches_now(
    session: Session, now: datetime, source: Source
) -> None:
    leaving = make_contact(session, source, now)
    staying = make_contact(session, source, now)
    segment = save(session, now)
    fixed = fixed_list(session, now, segment)
    leaving.functions = ["sales"]
    joining = make_contact(session, source, now)
    later = now + timedelta(days=30)
    assert fixing.fix_again(session, fixed.id, now=later, actor_id=None)
    assert ids(session, in_list(fixed.id), now) == {staying.id, joining.id}
    assert (fixed.people, fixed.fixed_at) == (2, later)
    segment.tree = {**FINANCE, "value": ["sales"]}
    session.flush()
    assert fixing.fix_again(session, fixed.id, now=later, actor_id=None)
    assert ids(session, in_list(fixed.id), now) == {leaving.id}
    assert not fixing.fix_again(session, 10**9, now=later, actor_id=None)


def test_a_list_outlives_its_segment_and_is_fixed_by_the_rules_of_then(
    session: Session, now: datetime, source: Source
) -> None:
    segment = save(session, now)
    fixed = fixed_list(session, now, segment)
    session.execute(delete(Segment).where(Segment.id == segment.id))
    session.expire_all()
    contact = make_contact(session, source, now)
    assert fixing.fix_again(session, fixed.id, now=now, actor_id=None)
    assert ids(session, in_list(fixed.id), now) == {contact.id}


def test_a_segment_that_asks_its_own_list_is_fixed_by_who_was_in_it(
    session: Session, now: datetime, source: Source
) -> None:
    first = make_contact(session, source, now)
    segment = save(session, now)
    fixed = fixed_list(session, now, segment)
    make_contact(session, source, now)
    segment.tree = {"op": "and", "rules": [FINANCE, in_list(fixed.id)]}
    session.flush()
    assert fixing.fix_again(session, fixed.id, now=now, actor_id=None)
    assert ids(session, in_list(fixed.id), now) == {first.id}


def test_a_list_in_use_is_not_deleted(session: Session, now: datetime, source: Source) -> None:
    make_contact(session, source, now)
    fixed = fixed_list(session, now, save(session, now))
    user = save(session, now, in_list(fixed.id), "Messuilta")
    uses = fixing.remove(session, fixed.id, now=now, actor_id=None)
    assert uses == [saved.Use("segment", user.id, "Messuilta")]
    session.delete(user)
    session.flush()
    assert fixing.remove(session, fixed.id, now=now, actor_id=None) == []
    assert session.scalar(select(func.count()).select_from(FixedPerson)) == 0
    assert fixing.remove(session, fixed.id, now=now, actor_id=None) is None


def test_a_segment_cannot_be_saved_with_a_list_that_is_gone(
    session: Session, now: datetime, source: Source
) -> None:
    tree = parse({"op": "and", "rules": [FINANCE, in_list(10**9, comparison="none_of")]})
    with pytest.raises(SegmentError) as caught:
        saved.create(session, "Muut", tree, now=now, actor_id=None)
    assert (caught.value.code, caught.value.path) == ("list_missing", "rules[1]")


def test_a_list_is_told_with_its_day_and_number(
    session: Session, now: datetime, source: Source
) -> None:
    make_contact(session, source, now)
    fixed = fixed_list(session, now, save(session, now))
    label = "Messut (1 person on 24 November 2026)"
    with in_language("en"):
        assert choices.listed(session, "fixed_list") == [(str(fixed.id), label)]
        told = choices.names(session, [parse(in_list(fixed.id))])
    assert told == {("fixed_list", fixed.id): label}


def test_a_list_held_by_a_segment_being_saved_waits_to_be_deleted(
    sessions: sessionmaker[Session],
) -> None:
    now = clock.now()
    with transaction(sessions) as session:
        publish_notice(session, now)
        make_contact(session, make_source(session, now), now)
        fixed_id = fixed_list(session, now, save(session, now)).id
    with sessions() as saving, sessions() as deleting:
        saved.create(saving, "Messuilta", parse(in_list(fixed_id)), now=now, actor_id=None)
        deleting.connection().exec_driver_sql("SET lock_timeout = '200ms'")
        with pytest.raises(Exception, match="lock timeout"):
            fixing.remove(deleting, fixed_id, now=now, actor_id=None)
        deleting.rollback()
        saving.commit()
        assert fixing.remove(deleting, fixed_id, now=now, actor_id=None)


def test_somebody_erased_while_a_list_is_filled_is_left_out(
    sessions: sessionmaker[Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    with transaction(sessions) as session:
        publish_notice(session, now)
        source = make_source(session, now)
        gone = make_contact(session, source, now).id
        make_contact(session, source, now)
        segment_id = save(session, now).id
    put_right = fixing._put_right
    tries = []

    def put_right_once_wrong(list_id: int, matching: Any) -> Any:
        tries.append(list_id)
        if len(tries) > 1:
            with transaction(sessions) as other:
                other.execute(delete(Contact).where(Contact.id == gone))
            return put_right(list_id, matching)
        # As if the person were erased between being found and being written down.
        return insert(FixedPerson).values(list_id=list_id, contact_id=10**9)

    monkeypatch.setattr(fixing, "_put_right", put_right_once_wrong)
    with transaction(sessions) as session:
        fixed = fixing.fix(session, segment_id, "Messut", now=now, actor_id=None)
        assert fixed is not None
        assert fixed.people == 1
