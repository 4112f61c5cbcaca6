"""What the public reads: every word of it can be translated, and none says more than the notice."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.languages import LANGUAGE_NAMES, in_language
from mailer.notice import profiles, public_facts, sections, vocabulary
from mailer.notice.parsing import NoticeError, parse
from tests.notice.companies import NAMES, complete

REGION = "eu-north-1"


def said(content: dict[str, Any]) -> list[str]:
    found = []
    for section in sections.sections(parse(content), REGION):
        found += [section.title, *section.sentences, *section.items]
    return found


def strings(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(strings, value.values()))
    if isinstance(value, list):
        return set().union(*map(strings, value))
    return {value} if isinstance(value, str) else set()


def names(content: dict[str, Any]) -> set[str]:
    """What no language changes: names and addresses; keys of lists have no capitals."""
    written = {each for each in strings(content) if re.search(r"[A-ZÄÖÅ@0-9]", each)}
    addresses = {facts[1] for facts in vocabulary.AUTHORITIES.values()}
    return written | addresses | set(LANGUAGE_NAMES.values())


@pytest.mark.parametrize("name", NAMES)
def test_all_but_names_goes_through_the_translations(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sections, "gettext", lambda _words, **_: "«»")
    monkeypatch.setattr(sections, "ngettext", lambda _one, _many, num: f"«» {num}")
    content = complete(name)
    known = sorted(names(content), key=len, reverse=True)
    for sentence in said(content):
        left = sentence
        for each in known:
            left = left.replace(each, "")
        assert not re.search(r"[^\W\d_]", left), sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"publication": True}, "published as a list"),
        ({"recipients": {"credit": ""}}, "Credit rating"),
        (
            {"recipients": {"credit": "contract"}},
            "checks of customers (contract)",
        ),
        ({"interaction_kinds": ["warranty"]}, "Warranty matter"),
        ({"other_data": ["degree"]}, "Degree"),
        ({"tracking": {"ip_addresses": True}}, "IP addresses: may be recorded"),
        ({"tracking": {"opens": {"mode": "aggregate"}}}, "Opens: only totals"),
        ({"transfers": {"outside_eea": True}}, "Data may be moved outside"),
        ({"transfers": {"outside_eea": True, "bases": ["adequacy"]}}, "an adequacy decision"),
        ({"cookies": {"refusable": True}}, "You may refuse them"),
        ({"cookies": {"services": ["Analytics X"]}}, "Analytics X"),
        ({"cookies": {"linked_to_person": True}}, "may be linked to you"),
        ({"rights": {"identity": "signature"}}, "Sign the request"),
        ({"rights": {"refusal_certificate": True}}, "reasons in writing"),
        ({"rights": {"anonymisation": True}}, "anonymous"),
        ({"rights": {"erasure_limits": ["invoice"]}}, "an open invoice"),
        ({"undertaking": "duty"}, "duty of confidentiality"),
        ({"measures": ["premises"]}, "Rooms are locked"),
        ({"authority": "fi"}, "Data Protection Ombudsman"),
        ({"statutes": ["data_protection_act"]}, "1050/2018"),
        ({"purposes": {"profiling": {"basis": "consent"}}}, "Profiling for marketing"),
        ({"purposes": {"statistics": {}}}, "Statistics"),
        ({"retention": {"customer_months": 0}}, "as long as the customership lasts"),
        ({"retention": {"customer_months": 120}}, "120 months from the end of the customership"),
        ({"retention": {"prospect_months": 1}}, "1 month from the day the data was collected"),
        ({"processors": [{"name": "Pilvi", "service": "crm", "country": "FI"}]}, "management, FI"),
    ],
)
def test_what_is_declared_is_said_and_what_is_not_is_not(
    changes: dict[str, Any], words: str
) -> None:
    with in_language("en"):
        assert words in "\n".join(said(changes))
        assert words not in "\n".join(said({}))


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_the_controllers_own_words_are_those_of_the_reader(language: str) -> None:
    texts = {"fi": "Omin sanoin.", "sv": "Med egna ord.", "en": "In own words."}
    with in_language(language):
        told = said({"texts": texts})
    assert texts[language] in told
    assert len(set(texts.values()) & set(told)) == 1


def test_the_facts_for_programs_leave_out_how_interests_were_weighed() -> None:
    facts = public_facts.of(parse(complete("puuha", test="Weighed in secret.")))
    assert "Weighed in secret." not in strings(facts)
    assert facts["person_kinds"] == ["organisation_contact", "shared_mailbox"]
    assert facts["entities"][0]["business_id"] == "1060493-2"
    assert facts["rights"]["identity"] == "facts"


@given(
    st.dictionaries(
        st.sampled_from(sorted(profiles.load("enexus"))),
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just({}),
    )
)
def test_whatever_can_be_read_can_be_shown(changes: dict[str, Any]) -> None:
    try:
        notice = parse({**profiles.load("enexus"), **changes})
    except NoticeError:
        return
    told = sections.sections(notice, REGION)
    assert [each.key for each in told] == list(sections.TITLES)
    assert public_facts.of(notice)["entities"] is not None
