"""What a notice may say, and what is missing before it can be in force."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.notice import profiles, vocabulary
from mailer.notice.gaps import GAPS, gaps
from mailer.notice.parsing import NoticeError, parse


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
        ({"undertaking": "sworn"}, "undertaking"),
        ({"dated": "yesterday"}, "dated"),
        ({"publication": "yes"}, "publication"),
        ({"interaction_kinds": ["gossip"]}, "interaction_kinds"),
        ({"other_data": ["shoe_size"]}, "other_data"),
        ({"recipients": {"everybody": ""}}, "recipients.everybody"),
        ({"recipients": {"credit": "hope"}}, "recipients.credit"),
        ({"processors": [5]}, "processors"),
        ({"processors": [{"name": "X", "country": "Ruotsi"}]}, "processors.country"),
        ({"processors": [{"name": "X", "service": "magic"}]}, "service"),
        ({"transfers": {"bases": ["trust"]}}, "bases"),
        ({"transfers": {"outside_eea": 1}}, "outside_eea"),
        ({"cookies": {"used_for": ["spying"]}}, "used_for"),
        ({"rights": {"identity": "blood"}}, "identity"),
        ({"rights": {"channels": ["pigeon"]}}, "channels"),
        ({"measures": ["prayer"]}, "measures"),
        ({"statutes": ["moses"]}, "statutes"),
        ({"authority": "xx"}, "authority"),
        ({"tracking": {"ip_addresses": "all"}}, "ip_addresses"),
        ({"retention": {"customer_start": "whenever"}}, "customer_start"),
        ({"register_name": "a\0b"}, "register_name"),
        ({"register_name": "\ud800"}, "register_name"),
        ({"register_name": "x" * 20_001}, "register_name"),
        ({"register_name": ["x"]}, "register_name"),
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
    assert not notice.recipients
    assert not notice.processors
    assert not notice.interaction_kinds | notice.other_data
    for switch in (notice.publication, notice.ip_addresses, notice.profiling):
        assert not switch
    assert not notice.transfers.outside_eea


def test_versions_of_before_the_lists_grew_are_still_read() -> None:
    content = changed(processors=["Amazon SES, eu-north-1"])
    for key in ("dated", "undertaking", "authority", "statutes", "measures", "recipients"):
        del content[key]
    notice = parse(content)
    assert [each.name for each in notice.processors] == ["Amazon SES, eu-north-1"]
    assert (notice.dated, notice.undertaking, notice.authority) == (None, "", "")


def test_purposes_that_no_campaign_may_name_are_kept_apart() -> None:
    basis = {"basis": "contract"}
    notice = parse(changed(purposes={"statistics": basis, "profiling": basis, "events": basis}))
    assert set(notice.purposes) == {"events"}
    assert set(notice.other_purposes) == {"statistics", "profiling"}
    assert notice.profiling
    assert vocabulary.PURPOSES.keys().isdisjoint(vocabulary.OTHER_PURPOSES)


def test_a_recipient_that_is_off_is_not_declared() -> None:
    notice = parse(changed(recipients={"credit": "off", "carrier": "", "authority": "consent"}))
    assert notice.recipients == {"carrier": "", "authority": "consent"}


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
    assert {gap.key for gap in gaps(notice)} <= set(GAPS)


def test_an_entity_is_found_by_the_domain_it_sends_from() -> None:
    notice = parse(profiles.load("example"))
    entity = notice.entities[0]
    assert notice.entity_of_domain(entity.sender_domains[0]) == entity
    assert notice.entity(entity.key) == entity
    assert entity.postal_code in entity.postal_address
    assert vocabulary.OWN_SOURCES.isdisjoint(vocabulary.THIRD_PARTY_SOURCES)
