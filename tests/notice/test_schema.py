"""What a notice may say, and what is missing before it can be in force."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.notice import profiles, schema
from mailer.notice.schema import GAPS, NoticeError, gaps, parse


def changed(**changes: Any) -> dict[str, Any]:
    return {**profiles.load("example"), **changes}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"purposes": {"spying": {"basis": "consent"}}}, "purposes.spying"),
        ({"purposes": {"e_marketing": {"basis": "because"}}}, "purposes.e_marketing"),
        ({"purposes": {"e_marketing": "consent"}}, "purposes.e_marketing"),
        ({"purposes": ["e_marketing"]}, "purposes"),
        ({"tracking": {"opens": {"mode": "everything"}}}, "tracking.opens"),
        ({"tracking": {"clicks": {"mode": "individual", "basis": "hope"}}}, "tracking.clicks"),
        ({"source_kinds": ["rumour"]}, "source_kinds"),
        ({"source_kinds": "public_web"}, "source_kinds"),
        ({"fields": ["shoe_size"]}, "fields"),
        ({"person_kinds": ["robot"]}, "person_kinds"),
        ({"entities": ["Esimerkki Oy"]}, "entities"),
        ({"retention": {"prospect_months": -1}}, "retention.prospect_months"),
        ({"retention": {"prospect_months": "24"}}, "retention.prospect_months"),
        ({"retention": {"customer_months": True}}, "retention.customer_months"),
        ({"contact": "Maija"}, "contact"),
        ({"retention": {"prospect_months": 10**9}}, "retention.prospect_months"),
        ({"targeting": {"frequency_cap_days": -1}}, "frequency_cap_days"),
        ({"targeting": {"frequency_cap_days": 10**9}}, "frequency_cap_days"),
        ({"targeting": {"confidence_minimum": 75}}, "confidence_minimum"),
        ({"targeting": {"confidence_minimum": float("nan")}}, "confidence_minimum"),
        ({"targeting": {"evidence_minimum": "2"}}, "evidence_minimum"),
        ({"undertaking_version": None}, "undertaking_version"),
    ],
)
def test_a_value_outside_its_list_is_refused_at_its_place(
    changes: dict[str, Any], place: str
) -> None:
    with pytest.raises(NoticeError, match=place):
        parse(changed(**changes))


def test_the_example_is_complete() -> None:
    assert gaps(parse(profiles.load("example"))) == []
    assert "example" in profiles.names()
    with pytest.raises(KeyError):
        profiles.load("../example")


def test_nothing_said_is_nothing_allowed() -> None:
    notice = parse({})
    assert not notice.purposes
    assert not notice.source_kinds | notice.fields | notice.person_kinds | notice.offering
    assert (notice.opens.mode, notice.clicks.mode) == ("off", "off")
    assert notice.entity("esimerkki") is None
    assert notice.entity_of_domain("esimerkki.example") is None
    missing = set(GAPS) - set(gaps(notice))
    # Of what is not there, nothing can be incomplete.
    assert missing == {"entity_address", "balancing_test", "tracking_basis"}


WITHOUT = [
    ("register_name", {"register_name": " "}),
    ("entity", {"entities": []}),
    ("contact", {"contact": {"name": "Maija"}}),
    ("purpose", {"purposes": {}}),
    ("fields", {"fields": ["first_name"]}),
    ("source_kinds", {"source_kinds": []}),
    ("offering", {"offering": []}),
    ("retention", {"retention": {}}),
    ("processor", {"processors": ["Muu"]}),
    ("balancing_test", {"purposes": {"e_marketing": {"basis": "legitimate_interest"}}}),
    ("tracking_basis", {"tracking": {"opens": {"mode": "individual"}}}),
    (
        "tracking_basis",
        {"tracking": {"opens": {"mode": "individual", "basis": "legitimate_interest"}}},
    ),
]


@pytest.mark.parametrize(("gap", "changes"), WITHOUT)
def test_each_gap_is_named(gap: str, changes: dict[str, Any]) -> None:
    assert gap in gaps(parse(changed(**changes)))
    assert gap in GAPS


@pytest.mark.parametrize("field", ["name", "business_id", "street", "city"])
def test_an_entity_without_its_address_is_a_gap(field: str) -> None:
    content = profiles.load("example")
    content["entities"][0][field] = ""
    assert gaps(parse(content)) == ["entity_address"]


@given(
    st.dictionaries(
        st.sampled_from(sorted(profiles.load("example"))),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.text(max_size=9), inner, max_size=2)
            ),
            max_leaves=4,
        ),
    )
)
def test_whatever_is_stored_is_a_notice_or_an_error_that_says_where(
    changes: dict[str, Any],
) -> None:
    try:
        notice = parse(changed(**changes))
    except NoticeError:
        return
    assert set(gaps(notice)) <= set(GAPS)


def test_an_entity_is_found_by_the_domain_it_sends_from() -> None:
    notice = parse(profiles.load("example"))
    entity = notice.entities[0]
    assert notice.entity_of_domain(entity.sender_domains[0]) == entity
    assert notice.entity(entity.key) == entity
    assert entity.postal_code in entity.postal_address
    assert schema.OWN_SOURCES.isdisjoint(schema.THIRD_PARTY_SOURCES)
