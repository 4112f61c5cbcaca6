"""Who is in a segment, who may be mailed, and why not."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from mailer.contacts import suppression
from mailer.contacts.address import canonical
from mailer.contacts.models import Contact, Source
from mailer.roles.models import Title
from mailer.segments import build, sampling, shares
from mailer.segments.models import Segment
from mailer.segments.rules import SegmentError, parse
from tests.segments.register import make_company, make_contact, make_source, publish_notice

FINANCE = {"field": "function", "is": "any_of", "value": ["finance"]}
BIG = {"field": "headcount", "is": "at_least", "value": 50}


@pytest.fixture
def source(session: Session, now: datetime) -> Source:
    publish_notice(session, now)
    return make_source(session, now)


def ask(session: Session, now: datetime, **facts: Any) -> build.Question:
    facts = {"purpose": "e_marketing", "functions": frozenset({"finance", "it"}), **facts}
    return build.ask_for(session, now=now, **facts)


def ids(session: Session, tree: Any, question: build.Question) -> set[int]:
    return {row.contact_id for row in session.execute(build.audience(tree, question))}


def all_of(*rules: Any) -> dict[str, Any]:
    return {"op": "and", "rules": list(rules)}


def any_of(*rules: Any) -> dict[str, Any]:
    return {"op": "or", "rules": list(rules)}


def save(session: Session, now: datetime, name: str, tree: Any) -> Segment:
    segment = Segment(name=name, tree=tree, created_at=now, updated_at=now)
    session.add(segment)
    session.flush()
    return segment


def test_a_person_of_unknown_headcount_is_in_neither_the_rule_nor_its_opposite(
    session: Session, now: datetime, source: Source
) -> None:
    unknown = make_contact(session, source, now, company_id=make_company(session, source, now).id)
    homeless = make_contact(session, source, now)
    small = make_contact(
        session, source, now, company_id=make_company(session, source, now, headcount=10).id
    )
    large = make_contact(
        session, source, now, company_id=make_company(session, source, now, headcount=50).id
    )
    question = ask(session, now)
    assert ids(session, BIG, question) == {large.id}
    assert ids(session, {"not": BIG}, question) == {small.id}
    assert ids(session, {"not": {"not": BIG}}, question) == {large.id}
    assert {unknown.id, homeless.id}.isdisjoint(ids(session, any_of(BIG, {"not": BIG}), question))


def test_what_is_unknown_is_not_excluded(session: Session, now: datetime, source: Source) -> None:
    unknown = make_contact(session, source, now)
    large = make_contact(
        session, source, now, company_id=make_company(session, source, now, headcount=50).id
    )
    found = ids(session, {"include": [FINANCE], "exclude": BIG}, ask(session, now))
    assert unknown.id in found
    assert large.id not in found


def test_a_person_without_a_known_function_is_not_none_of_sales(
    session: Session, now: datetime, source: Source
) -> None:
    known = make_contact(session, source, now)
    unknown = make_contact(session, source, now, functions=[], level=0, title="")
    question = ask(session, now)
    none_of = {"field": "function", "is": "none_of", "value": ["sales"]}
    sales = {"field": "function", "is": "any_of", "value": ["sales"]}
    assert ids(session, none_of, question) == {known.id}
    assert ids(session, {"not": sales}, question) == {known.id}
    assert ids(session, {"not": none_of}, question) == set()
    assert unknown.id not in ids(
        session, {"field": "level", "is": "at_most", "value": "manager"}, question
    )
    assert ids(session, {"field": "level", "is": "any_of", "value": ["unknown"]}, question) == {
        unknown.id
    }


def test_an_undeclared_field_is_refused(session: Session, now: datetime) -> None:
    publish_notice(session, now, fields=["email", "title"])
    make_contact(session, make_source(session, now), now)
    question = ask(session, now)
    with pytest.raises(SegmentError) as caught:
        build.counts(session, BIG, question)
    assert caught.value.code == "field_undeclared"
    other = save(session, now, "Isot", BIG)
    with pytest.raises(SegmentError) as caught:
        build.audience({"field": "segment", "is": "any_of", "value": [other.id]}, question)
    assert caught.value.code == "field_undeclared"


def test_an_erased_person_is_in_no_segment(session: Session, now: datetime, source: Source) -> None:
    make_contact(session, source, now, erased_at=now)
    assert ids(session, FINANCE, ask(session, now)) == set()


def test_counts_are_those_of_the_list(session: Session, now: datetime, source: Source) -> None:
    first = make_company(session, source, now)
    for _ in range(3):
        make_contact(session, source, now, company_id=first.id)
    make_contact(session, source, now, company_id=make_company(session, source, now).id)
    make_contact(session, source, now)
    make_contact(session, source, now, restricted_at=now, company_id=first.id)
    gone = make_contact(session, source, now)
    suppression.suppress(
        session,
        [suppression.of_address(canonical(gone.email))],
        "optout",
        origin="staff",
        now=now,
    )
    make_contact(session, source, now, functions=["sales"])
    question = ask(session, now)
    counted = build.counts(session, FINANCE, question)
    assert counted == build.Audience(
        people=5, companies=2, by_verdict={"clear": 5, "restricted": 1, "suppressed_optout": 1}
    )
    assert list(counted.by_verdict) == ["clear", "restricted", "suppressed_optout"]
    assert counted.matching == len(ids(session, FINANCE, question)) == 7


def test_an_empty_audience_has_zeros(session: Session, now: datetime, source: Source) -> None:
    assert build.counts(session, FINANCE, ask(session, now)) == build.Audience(0, 0, {})


def test_people_are_listed_by_page_and_by_verdict(
    session: Session, now: datetime, source: Source
) -> None:
    company = make_company(session, source, now, name="Puutyö Oy")
    made = [make_contact(session, source, now, company_id=company.id) for _ in range(3)]
    blocked = make_contact(session, source, now, restricted_at=now)
    question = ask(session, now)
    page = build.people(session, FINANCE, question, limit=2)
    rest = build.people(session, FINANCE, question, limit=5, after=page[-1].contact_id)
    assert [person.contact_id for person in page + rest] == [c.id for c in [*made, blocked]]
    assert page[0].company == "Puutyö Oy"
    only = build.people(session, FINANCE, question, verdict="restricted")
    assert [person.contact_id for person in only] == [blocked.id]


def test_each_recipient_says_which_duties_made_them_one(
    session: Session, now: datetime, source: Source
) -> None:
    title = Title(
        key="it- ja talouspäällikkö",
        text="IT- ja talouspäällikkö",
        functions=["it", "finance"],
        level=40,
        confidence=0.9,
        rule="compound",
        ruleset_version=3,
    )
    session.add(title)
    session.flush()
    make_contact(
        session, source, now, title=title.text, title_id=title.id, functions=["sales", "finance"]
    )
    make_contact(session, source, now, functions=["sales"], title="Myyntipäällikkö")
    everybody = {"field": "level", "is": "at_least", "value": "manager"}
    rows = session.execute(build.audience(everybody, ask(session, now))).all()
    by_verdict = {row.verdict: row.duties for row in rows}
    assert by_verdict["clear"] == {
        "function": "finance",
        "title": "IT- ja talouspäällikkö",
        "rule": "compound",
        "confidence": 0.9,
        "evidence": 2,
        "version": 3,
    }
    assert by_verdict["duties_not_matching"]["function"] == "sales"
    assert by_verdict["duties_not_matching"]["rule"] == "by_hand"


def test_check_of_a_missing_contact_is_erased(
    session: Session, now: datetime, source: Source
) -> None:
    assert build.check(session, 10**9, ask(session, now)) == "erased"


def test_check_says_what_the_list_says(session: Session, now: datetime, source: Source) -> None:
    contact = make_contact(session, source, now, restricted_at=now)
    assert build.check(session, contact.id, ask(session, now)) == "restricted"


def test_a_segment_may_refer_to_others(session: Session, now: datetime, source: Source) -> None:
    finance = make_contact(session, source, now)
    sales = make_contact(session, source, now, functions=["sales"])
    inner = save(session, now, "Talous", FINANCE)
    middle = save(
        session, now, "Välissä", {"field": "segment", "is": "any_of", "value": [inner.id]}
    )
    outer = {"field": "segment", "is": "any_of", "value": [middle.id]}
    question = ask(session, now)
    assert ids(session, outer, question) == {finance.id}
    assert ids(session, {**outer, "is": "none_of"}, question) == {sales.id}
    assert ids(session, {"not": outer}, question) == {sales.id}
    assert ids(session, {"not": {**outer, "is": "none_of"}}, question) == {finance.id}


def test_a_segment_with_an_unknown_fact_is_neither_in_nor_out_of_another(
    session: Session, now: datetime, source: Source
) -> None:
    make_contact(session, source, now)
    inner = save(session, now, "Isot", BIG)
    refers = {"field": "segment", "is": "any_of", "value": [inner.id]}
    question = ask(session, now)
    assert ids(session, any_of(refers, {**refers, "is": "none_of"}), question) == set()


def test_a_missing_segment_is_refused(session: Session, now: datetime, source: Source) -> None:
    with pytest.raises(SegmentError) as caught:
        build.audience({"field": "segment", "is": "any_of", "value": [10**9]}, ask(session, now))
    assert caught.value.code == "segment_missing"


def test_a_circle_of_segments_is_refused_by_name(
    session: Session, now: datetime, source: Source
) -> None:
    first = save(session, now, "Ensimmäinen", FINANCE)
    second = save(session, now, "Toinen", {"field": "segment", "is": "any_of", "value": [first.id]})
    first.tree = {"field": "segment", "is": "any_of", "value": [second.id]}
    session.flush()
    with pytest.raises(SegmentError) as caught:
        build.counts(session, first.tree, ask(session, now))
    assert (caught.value.code, caught.value.name) == ("segment_cycle", "Toinen")


def test_segments_that_double_at_each_step_are_refused_and_not_written_out(
    session: Session, now: datetime, source: Source
) -> None:
    segment = save(session, now, "0", FINANCE)
    for step in range(1, 10):
        refers = {"field": "segment", "is": "any_of", "value": [segment.id]}
        segment = save(session, now, str(step), all_of(refers, refers, refers))
    with pytest.raises(SegmentError) as caught:
        build.counts(session, segment.tree, ask(session, now))
    assert caught.value.code == "too_large"


def test_explain_says_true_false_or_not_known_for_each_rule(
    session: Session, now: datetime, source: Source
) -> None:
    contact = make_contact(session, source, now, restricted_at=now)
    sales = {"field": "function", "is": "any_of", "value": ["sales"]}
    explained = build.explain(
        session,
        {"include": [all_of(FINANCE, BIG)], "exclude": sales},
        contact.id,
        ask(session, now),
    )
    assert [answer.holds for answer in explained.answers] == [True, None, False]
    assert [answer.rule.path for answer in explained.answers] == [
        "include[0].rules[0]",
        "include[0].rules[1]",
        "exclude",
    ]
    assert explained.matches is False
    assert explained.verdict == "restricted"


def test_explain_of_nobody_is_a_lookup_error(
    session: Session, now: datetime, source: Source
) -> None:
    with pytest.raises(LookupError):
        build.explain(session, FINANCE, 10**9, ask(session, now))


def contact_with(session: Session, source: Source, now: datetime, facts: dict[str, Any]) -> Contact:
    facts = dict(facts)
    company = facts.pop("company", None)
    if company is not None:
        facts["company_id"] = make_company(session, source, now, **company).id
    return make_contact(session, source, now, **facts)


CASES: list[tuple[str, str, Any, dict[str, Any], dict[str, Any]]] = [
    # field, comparison, value, who matches, who does not
    ("function", "any_of", ["payroll", "finance"], {}, {"functions": ["sales"]}),
    ("function", "none_of", ["sales"], {}, {"functions": ["sales", "finance"]}),
    ("level", "at_least", "manager", {"level": 40}, {"level": 30}),
    ("level", "at_most", "manager", {"level": 40}, {"level": 50}),
    ("level", "any_of", ["manager"], {"level": 40}, {"level": 50}),
    ("title", "contains", ["PÄÄLLIKKÖ"], {}, {"title": "Kirjanpitäjä"}),
    ("title", "contains", ["100%"], {"title": "Talous 100% etä"}, {"title": "Talous 1000"}),
    ("title", "contains", ["a_b"], {"title": "a_b"}, {"title": "axb"}),
    ("role_confidence", "at_least", 90, {"role_confidence": 0.9}, {"role_confidence": 0.89}),
    ("role_confidence", "at_least", 70, {"role_confidence": 0.7}, {"role_confidence": 0.69}),
    ("language", "any_of", ["sv"], {"language": "sv"}, {"language": "fi"}),
    ("kind", "none_of", ["shared_mailbox"], {}, {"kind": "shared_mailbox"}),
    ("relationship", "any_of", ["customer"], {"relationship_kind": "customer"}, {}),
    ("tag", "any_of", ["messut"], {"tags": ["messut"]}, {"tags": ["muu"]}),
    ("tag", "none_of", ["kilpailija"], {"tags": []}, {"tags": ["kilpailija"]}),
    ("has_phone", "yes", None, {"phone": "+358401234567"}, {"phone": None}),
    ("has_phone", "no", None, {"phone": ""}, {"phone": "+358401234567"}),
    ("company", "contains", ["puutyö"], {"company": {"name": "PUUTYÖ Oy"}}, {}),
    (
        "business_id",
        "any_of",
        ["FI12345671"],
        {"company": {"business_id": "1234567-1"}},
        {"company": {"business_id": "2345678-6"}},
    ),
    ("headcount", "at_least", 50, {"company": {"headcount": 50}}, {"company": {"headcount": 49}}),
    ("headcount", "at_most", 50, {"company": {"headcount": 50}}, {"company": {"headcount": 51}}),
    (
        "headcount",
        "between",
        [10, 20],
        {"company": {"headcount": 20}},
        {"company": {"headcount": 21}},
    ),
    (
        "turnover",
        "at_least",
        10**6,
        {"company": {"turnover_eur": 10**6}},
        {"company": {"turnover_eur": 10**6 - 1}},
    ),
    (
        "headcount_year",
        "at_least",
        2024,
        {"company": {"headcount": 5, "headcount_year": 2024}},
        {"company": {"headcount": 5, "headcount_year": 2023}},
    ),
    (
        "turnover_year",
        "at_most",
        2024,
        {"company": {"turnover_eur": 5, "turnover_year": 2024}},
        {"company": {"turnover_eur": 5, "turnover_year": 2025}},
    ),
    (
        "industry_code",
        "starts_with",
        ["62.0", "63"],
        {"company": {"industry_code": "62010"}},
        {"company": {"industry_code": "46201"}},
    ),
    (
        "industry",
        "contains",
        ["ohjelm"],
        {"company": {"industry_name": "Ohjelmistojen suunnittelu"}},
        {"company": {"industry_name": "Metsätalous"}},
    ),
    (
        "industry",
        "any_of",
        ["metsätalous"],
        {"company": {"industry_name": "Metsätalous"}},
        {"company": {"industry_name": "Metsätalouden palvelut"}},
    ),
    ("city", "any_of", ["hämeenlinna"], {"company": {"city": "Hämeenlinna"}}, {"company": {}}),
    (
        "city",
        "none_of",
        ["Helsinki"],
        {"company": {"city": "Espoo"}},
        {"company": {"city": "HELSINKI"}},
    ),
    (
        "postal_code",
        "starts_with",
        ["00 1"],
        {"company": {"postal_code": "00100"}},
        {"company": {"postal_code": "10010"}},
    ),
    ("country", "any_of", ["se"], {"company": {"country": "SE"}}, {"company": {"country": "FI"}}),
]


@pytest.mark.parametrize(
    ("field", "comparison", "value", "good", "bad"),
    CASES,
    ids=[f"{case[0]}-{case[1]}-{number}" for number, case in enumerate(CASES)],
)
def test_each_rule_tells_who_matches_from_who_does_not(
    session: Session,
    now: datetime,
    source: Source,
    field: str,
    comparison: str,
    value: Any,
    good: dict[str, Any],
    bad: dict[str, Any],
) -> None:
    matches = contact_with(session, source, now, good)
    misses = contact_with(session, source, now, bad)
    rule = {"field": field, "is": comparison, "value": value}
    if value is None:
        del rule["value"]
    question = ask(session, now)
    assert ids(session, rule, question) == {matches.id}
    assert matches.id not in ids(session, {"not": rule}, question)
    assert ids(session, {"not": rule}, question) <= {misses.id}


def test_sources_are_told_apart(session: Session, now: datetime, source: Source) -> None:
    other = make_source(session, now, kind="order", name="Orders")
    first = make_contact(session, source, now)
    second = make_contact(session, other, now)
    question = ask(session, now)
    assert ids(session, {"field": "source", "is": "any_of", "value": [other.id]}, question) == {
        second.id
    }
    assert ids(session, {"field": "source", "is": "none_of", "value": [other.id]}, question) == {
        first.id
    }
    assert ids(session, {"field": "source_kind", "is": "any_of", "value": ["order"]}, question) == {
        second.id
    }
    # Nobody came from an import, and that is known.
    imports = {"field": "import", "is": "none_of", "value": [7]}
    assert ids(session, imports, question) == {first.id, second.id}


def test_dates_are_days_in_finland(session: Session, now: datetime, source: Source) -> None:
    # Half past midnight in Finland on the 10th is still the 9th in Greenwich.
    midnight = datetime.fromisoformat("2026-11-10T00:30:00+02:00")
    contact = make_contact(session, source, now, created_at=midnight)
    question = ask(session, now)

    def added(comparison: str, value: Any) -> bool:
        rule = {"field": "added", "is": comparison, "value": value}
        return contact.id in ids(session, rule, question)

    assert added("after", "2026-11-10")
    assert not added("before", "2026-11-10")
    assert added("before", "2026-11-11")
    assert added("within_days", 15)
    assert not added("within_days", 14)
    assert added("not_within_days", 14)


def test_never_mailed_is_known_and_not_recent(
    session: Session, now: datetime, source: Source
) -> None:
    never = make_contact(session, source, now)
    lately = make_contact(session, source, now, last_marketing_at=now - timedelta(days=3))
    question = ask(session, now)

    def mailed(comparison: str, value: Any = None) -> set[int]:
        rule = {"field": "last_marketing", "is": comparison}
        return ids(session, rule | ({} if value is None else {"value": value}), question)

    assert mailed("never") == {never.id}
    assert mailed("within_days", 7) == {lately.id}
    assert mailed("not_within_days", 7) == {never.id}
    assert mailed("not_within_days", 2) == {never.id, lately.id}


def test_a_long_chain_of_segments_is_refused_and_not_followed(
    session: Session, now: datetime, source: Source
) -> None:
    segment = save(session, now, "0", FINANCE)
    for step in range(1, 300):
        refers = {"field": "segment", "is": "any_of", "value": [segment.id]}
        segment = save(session, now, str(step), refers)
    with pytest.raises(SegmentError) as caught:
        build.counts(session, segment.tree, ask(session, now))
    assert caught.value.code == "too_deep"


def test_a_large_register_is_estimated_from_a_part_of_it(
    session: Session, now: datetime, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(1000):
        make_contact(session, source, now, functions=["finance" if number % 4 == 0 else "sales"])
    question = ask(session, now)
    assert build.estimate(session, FINANCE, question) == (
        build.counts(session, FINANCE, question),
        False,
    )
    session.execute(text("ANALYZE contacts"))
    monkeypatch.setattr(sampling, "PEOPLE", 500)
    monkeypatch.setattr(sampling, "WINDOWS", 20)
    monkeypatch.setattr(sampling.take, "__kwdefaults__", {"large": 900})
    estimated, about = build.estimate(session, FINANCE, question)
    assert about
    assert 200 <= estimated.matching <= 300
    assert 200 <= estimated.people <= 300
    tree = parse(FINANCE)
    told = shares.count(session, tree, list(tree.include), question)
    assert told.about
    assert 900 <= told.total <= 1100
    assert 200 <= told.parts[0].alone <= 300
    assert told.parts[0].leaves_out is not None
    assert 700 <= told.parts[0].leaves_out <= 800


def test_an_estimate_pretends_no_more_than_two_digits() -> None:
    sample = sampling.Sample(Contact.id > 0, 10.0)
    assert [sample.scaled(seen) for seen in (0, 1, 12, 123, 12_345)] == [0, 10, 120, 1200, 120_000]


def test_the_usual_question_is_about_what_the_notice_declares(
    session: Session, now: datetime
) -> None:
    before = build.usual_ask(session, frozenset(), now=now)
    assert (before.purpose, before.functions, before.notice) == ("e_marketing", frozenset(), None)
    publish_notice(
        session,
        now,
        offering=["it"],
        purposes={"events": {"basis": "legitimate_interest", "balancing_test": "Weighed."}},
    )
    asked = build.usual_ask(session, frozenset(), now=now)
    assert (asked.purpose, asked.functions) == ("events", {"it"})
    assert build.usual_ask(session, frozenset({"hr"}), now=now).functions == {"hr"}
