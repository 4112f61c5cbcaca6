"""The review of titles, with the people who bear them."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy.orm import Session

from mailer.contacts.models import Contact
from mailer.roles import review
from mailer.roles.models import Title
from mailer.roles.taxonomy import rank_level
from mailer.roles.titles import RULESET_VERSION, classify, normalise_title
from tests.contacts.staff import make_staff
from tests.segments.register import make_contact, make_source


@pytest.fixture
def reviewer(session: Session, now: datetime) -> int:
    return make_staff(session, now)


def make_title(session: Session, text: str, **facts: Any) -> Title:
    role = classify(text)
    values: dict[str, Any] = {
        "functions": list(role.functions),
        "level": rank_level(role.level),
        "flags": sorted(role.flags),
        "confidence": role.confidence,
        "rule": role.rule,
        "ruleset_version": RULESET_VERSION,
        **facts,
    }
    title = Title(key=normalise_title(text), text=text, **values)
    session.add(title)
    session.flush()
    return title


def bear(session: Session, now: datetime, title: Title | None, **facts: Any) -> Contact:
    role: dict[str, Any] = {"title": "", "title_id": None}
    if title is not None:
        role = {
            "title": title.text,
            "title_id": title.id,
            "functions": title.functions,
            "level": title.level,
            "role_confidence": title.confidence,
            "role_evidence": 1,
        }
    return make_contact(session, make_source(session, now), now, **{**role, **facts})


def test_the_queue_is_sorted_by_people_then_by_doubt(session: Session, now: datetime) -> None:
    common = make_title(session, "Talouspäällikkö", confidence=0.95)
    sure = make_title(session, "Ostaja", confidence=0.9)
    unsure = make_title(session, "Velho", confidence=0.1)
    make_title(session, "Nobody's title")
    done = make_title(session, "Palkanlaskija", reviewed_at=now, origin="review")
    for title in (common, common, sure, unsure, done):
        bear(session, now, title)
    assert [(row.title.id, row.people) for row in review.page(session)] == [
        (common.id, 2),
        (unsure.id, 1),
        (sure.id, 1),
    ]
    queue = review.measure(session)
    assert (queue.all, queue.sure) == (review.Amount(3, 4), review.Amount(2, 3))
    everything = review.page(session, waiting=False, text="palkan")
    assert [row.title.id for row in everything] == [done.id]
    assert review.page(session, text="%") == []


def test_accepting_makes_everybody_who_bears_the_title_certain(
    session: Session, now: datetime, reviewer: int
) -> None:
    title = make_title(session, "Talousvelho", functions=["finance"], level=20, confidence=0.6)
    bearer, other = bear(session, now, title), bear(session, now, None, functions=["hr"])
    assert review.accept(session, title, now=now, actor_id=reviewer) == 1
    session.refresh(bearer)
    session.refresh(other)
    assert (bearer.functions, bearer.level) == (["finance"], 20)
    assert (bearer.role_confidence, bearer.role_evidence, bearer.role_set_at) == (1.0, 2, now)
    assert (title.origin, title.reviewed_by, title.reviewed_at) == ("review", reviewer, now)
    assert (other.functions, other.role_set_at) == (["hr"], None)
    assert review.page(session) == []


def test_a_changed_title_changes_its_people_but_not_their_own_word(
    session: Session, now: datetime, reviewer: int
) -> None:
    title = make_title(session, "Koordinaattori", functions=["projects"], level=20)
    plain = bear(session, now, title)
    with_duties = bear(session, now, title, role_evidence=3)
    own_word = bear(session, now, title, title_id=None, functions=["it"], role_evidence=4)
    people = review.decide(
        session, title, functions=["hr", "finance"], level="manager", now=now, actor_id=reviewer
    )
    assert people == 2
    for contact in (plain, with_duties, own_word):
        session.refresh(contact)
    assert (plain.functions, plain.level, plain.role_evidence) == (["finance", "hr"], 40, 2)
    assert (with_duties.functions, with_duties.role_evidence) == (["finance", "hr"], 3)
    assert (own_word.functions, own_word.role_evidence) == (["it"], 4)


def test_the_first_function_of_a_title_stays_first(
    session: Session, now: datetime, reviewer: int
) -> None:
    title = make_title(session, "Hankintajohtaja ja hallinto", functions=["procurement", "hr"])
    review.decide(
        session,
        title,
        functions=["administration", "finance", "procurement"],
        level="director",
        now=now,
        actor_id=reviewer,
    )
    assert title.functions == ["procurement", "finance", "administration"]


@pytest.mark.parametrize(
    ("functions", "level"), [([], "manager"), (["wizardry"], "manager"), (["hr"], "wizard")]
)
def test_what_the_taxonomy_does_not_know_is_refused(
    session: Session, now: datetime, functions: list[str], level: str
) -> None:
    title = make_title(session, "Talousjohtaja")
    with pytest.raises(ValueError, match="unknown"):
        review.decide(session, title, functions=functions, level=level, now=now, actor_id=1)


def test_a_title_that_is_not_relevant_leaves_its_people_without_functions(
    session: Session, now: datetime, reviewer: int
) -> None:
    title = make_title(session, "Pappi")
    bearer = bear(session, now, title)
    review.mark_not_relevant(session, title, now=now, actor_id=reviewer)
    session.refresh(bearer)
    assert (title.not_relevant, title.functions, bearer.functions) == (True, [], [])


def test_a_decision_can_be_taken_back(session: Session, now: datetime, reviewer: int) -> None:
    title = make_title(session, "Talousjohtaja")
    bearer = bear(session, now, title)
    review.mark_not_relevant(session, title, now=now, actor_id=reviewer)
    review.reopen(session, title, now=now, actor_id=reviewer)
    session.refresh(bearer)
    assert bearer.functions == ["finance"]
    assert bearer.role_confidence < 1
    assert [row.title.id for row in review.page(session)] == [title.id]


def test_bulk_acceptance_takes_what_the_rules_are_sure_of_and_nothing_else(
    session: Session, now: datetime, reviewer: int
) -> None:
    at_limit = make_title(session, "Ostaja", confidence=0.9)
    unsure = make_title(session, "Velho", confidence=0.89)
    first, second = bear(session, now, at_limit), bear(session, now, unsure)
    assert review.accept_sure(session, now=now, actor_id=reviewer) == review.Amount(1, 1)
    for contact in (first, second):
        session.refresh(contact)
    assert (first.role_confidence, first.role_evidence) == (1.0, 2)
    assert second.role_set_at is None
    assert [row.title.id for row in review.page(session)] == [unsure.id]
    assert review.accept_sure(session, now=now, actor_id=reviewer) == review.Amount(0, 0)


def test_newer_rules_read_old_titles_again_but_keep_what_people_decided(
    session: Session, now: datetime, reviewer: int
) -> None:
    old = make_title(
        session, "Talousjohtaja", functions=["other"], level=0, confidence=0.1, ruleset_version=0
    )
    decided = make_title(
        session, "Palkanlaskija", functions=["hr"], ruleset_version=0, origin="review",
        reviewed_at=now,
    )  # fmt: skip
    bearer, kept = bear(session, now, old), bear(session, now, decided)
    assert review.reclassify(session, now) == review.Amount(1, 1)
    for row in (old, decided, bearer, kept):
        session.refresh(row)
    assert (old.functions, old.level, old.flags) == (["finance"], rank_level("executive"), [])
    assert old.ruleset_version == RULESET_VERSION
    assert (bearer.functions, bearer.role_evidence) == (["finance"], 2)
    assert (decided.functions, kept.functions) == (["hr"], ["hr"])
    assert review.reclassify(session, now) == review.Amount(0, 0)


def test_rules_that_guess_are_no_evidence(session: Session, now: datetime) -> None:
    old = make_title(session, "Qwertyuiop", functions=["finance"], ruleset_version=0)
    bearer = bear(session, now, old, role_evidence=2)
    review.reclassify(session, now)
    session.refresh(bearer)
    assert bearer.role_evidence == 1


def test_people_whose_role_stays_the_same_are_not_written(session: Session, now: datetime) -> None:
    old = make_title(session, "Talousjohtaja", ruleset_version=0)
    bearer = bear(session, now, old, role_evidence=2)
    assert review.reclassify(session, now) == review.Amount(1, 0)
    session.refresh(bearer)
    assert bearer.role_set_at is None
