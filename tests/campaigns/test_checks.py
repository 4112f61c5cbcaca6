"""Each check on facts of its own: one failing campaign for every rule that blocks."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from mailer.campaigns import checks
from mailer.campaigns.content import ImageSpot, LinkSpot
from mailer.campaigns.facts import Collisions, Facts, Forecast, Limits, Version
from mailer.campaigns.problems import Problem
from mailer.campaigns.verdicts import Fix
from mailer.languages import in_language
from tests.segments.register import notice_with

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
ENTITY = notice_with().entities[0]
VERSION = Version(
    language="fi",
    subject="Palkanlaskenta muuttuu",
    preheader="Kolme asiaa, jotka kannattaa tietää",
    links=(LinkSpot(1, "https://esimerkki.fi/uutiset", "Lue, mikä muuttuu"),),
    images=(ImageSpot("https://esimerkki.fi/kuva.png", "Kaavio"),),
    rendered=True,
    size=20_000,
    has_opt_out=True,
    has_headers=True,
    has_sender=True,
    has_reason=True,
)
GOOD = Facts(
    now=NOW,
    segment="Talousjohto",
    people=1184,
    companies=412,
    left_out={"suppressed_optout": 58, "frequency_cap": 4},
    languages={"fi": 1184},
    functions=("finance",),
    relevance_basis="Talousjohto päättää ohjelmistoista.",
    purpose_declared=True,
    entity=ENTITY,
    sender_domain="esimerkki.example",
    domain_of_entity=True,
    domain_verified=True,
    versions=(VERSION,),
    worker_alive=True,
    limits=Limits(per_day=50_000, used=0),
    tested=True,
)


def over_days(number: int, *limits: str) -> Forecast:
    """A forecast over days from the 24th of November on."""
    days = [(date(2026, 11, 24) + timedelta(days=each), 400) for each in range(number)]
    ends_at = datetime(2026, 11, 23 + number, 14, tzinfo=UTC)
    return Forecast(ends_at, days, frozenset(limits))


def with_version(**changes: object) -> Facts:
    return replace(GOOD, versions=(replace(VERSION, **changes),))


def with_link(url: str) -> Facts:
    return with_version(links=(LinkSpot(1, url, "Lue, mikä muuttuu"),))


def blocked(facts: Facts) -> set[str]:
    return {check.code for check in checks.blocking(checks.run(facts))}


def found(facts: Facts, code: str) -> list[str]:
    return [check.effect for check in checks.run(facts) if check.code == code]


def test_a_campaign_in_order_is_blocked_by_nothing_and_warned_of_nothing() -> None:
    assert {check.effect for check in checks.run(GOOD)} == {"ok"}


FAILING = {
    "B1 without a segment": (replace(GOOD, segment=None), "B1"),
    "B1 with a broken segment": (replace(GOOD, segment_fault="Broken."), "B1"),
    "B1 with nobody left": (replace(GOOD, people=0), "B1"),
    "B1 with an empty segment": (replace(GOOD, people=0, left_out={}), "B1"),
    "B2 without an address": (replace(GOOD, sender_domain=""), "B2"),
    "B2 with a domain of another": (replace(GOOD, domain_of_entity=False), "B2"),
    "B2 with a domain not verified": (replace(GOOD, domain_verified=False), "B2"),
    "B3 without an opt-out": (with_version(has_opt_out=False), "B3"),
    "B3 without its headers": (with_version(has_headers=False), "B3"),
    "B4 without a company": (replace(GOOD, entity=None), "B4"),
    "B4 without a Business ID": (replace(GOOD, entity=replace(ENTITY, business_id="")), "B4"),
    "B4 without a postal address": (replace(GOOD, entity=replace(ENTITY, street="")), "B4"),
    "B4 missing from the message": (with_version(has_sender=False), "B4"),
    "B5 without the reason": (with_version(has_reason=False), "B5"),
    "B6 without a basis": (replace(GOOD, relevance_basis=" \n"), "B6"),
    "B6 without functions": (replace(GOOD, functions=()), "B6"),
    "B6 with an undeclared purpose": (replace(GOOD, purpose_declared=False), "B6"),
    "B7 without content": (replace(GOOD, versions=()), "B7"),
    "B7 without a subject": (with_version(subject=" "), "B7"),
    "B8 with a faulty field": (with_version(problems=(Problem(3, "field_unknown", "x"),)), "B8"),
    "B8 with a field left over": (with_version(has_leftovers=True), "B8"),
    "B9 with an empty link": (with_link(""), "B9"),
    "B9 with a link to #": (with_link("#"), "B9"),
    "B9 with localhost": (with_link("http://localhost:8000/x"), "B9"),
    "B9 with a bare number": (with_link("http://127.0.0.1/x"), "B9"),
    "B9 with an IPv6 address": (with_link("http://[::1]/x"), "B9"),
    "B9 with a test domain": (with_link("https://shop.test/"), "B9"),
    "B9 with example.com": (with_link("https://example.com/"), "B9"),
    "B9 with an invented domain": (with_link("https://esimerkki.example/"), "B9"),
    "B9 with an empty mailto": (with_link("mailto:"), "B9"),
    "B10 with a fault": (with_version(problems=(Problem(3, "unknown_tag", "mj-foo"),)), "B10"),
    "B11 past the size": (with_version(size=100 * 1024 + 1), "B11"),
    "B13 without a worker": (replace(GOOD, worker_alive=False), "B13"),
    "B13 without a quota": (replace(GOOD, limits=None), "B13"),
}


@pytest.mark.parametrize("name", FAILING)
def test_each_of_these_blocks_and_says_where_to_mend_it(name: str) -> None:
    facts, code = FAILING[name]
    assert blocked(facts) == {code}
    for language in ("fi", "sv", "en"):
        with in_language(language):
            line = checks.blocking(checks.run(facts))[0]
            assert line.title
            assert line.fix is not None or code == "B13"


def test_invented_domains_are_in_order_where_nothing_real_is_sent() -> None:
    facts = with_link("https://esimerkki.example/")
    assert blocked(replace(facts, examples_allowed=True)) == set()


def test_the_worst_stands_first() -> None:
    facts = replace(GOOD, relevance_basis="", tested=False, missing={"first_name": 3})
    effects = [check.effect for check in checks.run(facts)]
    assert effects == sorted(effects, key=["block", "warn", "info", "ok"].index)
    assert effects[0] == "block"


def test_the_suppression_list_is_shown_with_its_number() -> None:
    line = next(check for check in checks.run(GOOD) if check.code == "B14")
    assert (line.effect, "58" in line.detail) == ("ok", True)


@pytest.mark.parametrize(
    ("facts", "code", "effect"),
    [
        (with_version(images=(ImageSpot("https://a.fi/x.png", " "),)), "W3", "warn"),
        (with_version(images=(ImageSpot("http://a.fi/x.png", "x"),)), "W3", "warn"),
        (with_version(subject="x" * 61), "W4", "warn"),
        (with_version(subject="OSTA NYT HETI"), "W4", "warn"),
        (with_version(subject="Hei!!"), "W4", "warn"),
        (with_version(preheader=""), "W4", "warn"),
        (with_version(preheader="PALKANLASKENTA muuttuu"), "W4", "warn"),
        (replace(with_version(fields=frozenset({"first_name"})), missing={"first_name": 12}),
         "W7", "info"),
        (replace(GOOD, tested=False), "W8", "warn"),
        (replace(GOOD, starts_at=datetime(2026, 11, 28, 10, tzinfo=UTC)), "W10", "warn"),
        (replace(GOOD, starts_at=datetime(2026, 11, 25, 5, 59, tzinfo=UTC)), "W10", "warn"),
        (replace(GOOD, starts_at=datetime(2026, 11, 25, 15, 0, tzinfo=UTC)), "W10", "warn"),
        (replace(GOOD, languages={"fi": 1, "sv": 2}), "W11", "warn"),
        (with_version(links=(LinkSpot(1, "https://a.fi", "Klikkaa tästä!"),)), "W13", "info"),
        (with_version(links=(LinkSpot(1, "https://a.fi", ""),)), "W13", "info"),
        (replace(GOOD, limits=Limits(per_day=1000, used=900), spread_days=True), "W16", "warn"),
        (replace(GOOD, forecast=over_days(3, "warmup")), "W17", "warn"),
        (replace(GOOD, collisions=Collisions(212, 90, 12, (("Joulu", 200),))), "W18", "warn"),
        (replace(GOOD, working_day=False), "W10", "warn"),
    ],
)  # fmt: skip
def test_each_of_these_is_worth_a_look_and_does_not_block(
    facts: Facts, code: str, effect: str
) -> None:
    assert effect in found(facts, code)
    assert not blocked(facts)


def test_these_are_worth_no_look() -> None:
    unused = replace(GOOD, missing={"first_name": 12})
    assert found(unused, "W7") == []
    early = replace(GOOD, starts_at=datetime(2026, 11, 25, 6, 0, tzinfo=UTC))
    assert found(early, "W10") == []
    past = replace(GOOD, starts_at=NOW - timedelta(days=3))  # it would start now, on a Tuesday
    assert found(past, "W10") == []
    unlimited = replace(GOOD, limits=Limits(per_day=-1, used=10**9))
    assert found(unlimited, "W16") == []


def test_a_sending_past_the_quota_needs_the_marketers_consent() -> None:
    limits = Limits(per_day=1_000, used=400, planned=100)
    facts = replace(GOOD, people=2_500, limits=limits, forecast=over_days(3, "quota"))
    assert blocked(facts) == {"B16"}
    with in_language("en"):
        line = next(check for check in checks.run(facts) if check.code == "B16")
        assert line.fix == Fix("time", "spread_days")
        assert "500 messages of the 24-hour quota of 1,000 are left" in line.detail
        assert "3 days" in line.detail
        agreed = replace(facts, spread_days=True)
        assert not blocked(agreed)
        line = next(check for check in checks.run(agreed) if check.code == "W16")
    assert "3 days" in line.title
    assert "26 November 2026, 16:00" in line.detail


def test_what_other_campaigns_have_planned_is_not_left() -> None:
    assert Limits(per_day=1_000, used=900, planned=200).left == 0
    assert Limits(per_day=-1, used=900, planned=200).left == float("inf")


@pytest.mark.parametrize("per_day", [-1, 0])
def test_no_quota_and_no_sensible_quota_are_no_question(per_day: float) -> None:
    facts = replace(GOOD, limits=Limits(per_day=per_day, used=10**9), forecast=over_days(1))
    assert found(facts, "B16") == found(facts, "W16") == []


def test_a_sending_in_business_hours_may_begin_at_any_time() -> None:
    night = replace(GOOD, starts_at=datetime(2026, 11, 28, 1, tzinfo=UTC), business_hours=True)
    assert found(night, "W10") == []


def test_collisions_are_told_with_their_campaigns_and_what_the_notice_says() -> None:
    met = Collisions(212, 90, 12, (("Joulutarjous", 205),))
    facts = replace(GOOD, collisions=met, frequency_cap_days=7)
    with in_language("en"):
        line = next(check for check in checks.run(facts) if check.code == "W18")
    assert "212 of these get another message within a week" in line.title
    assert "90 companies" in line.detail
    assert "“Joulutarjous”: 205" in line.detail
    assert "7 days" in line.detail
