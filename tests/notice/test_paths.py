"""The places of a notice by name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.notice import profiles
from mailer.notice.parsing import NoticeError, parse
from mailer.notice.paths import PLACES, assign, unknown


def assigned(path: str, value: str) -> dict[str, Any]:
    content: dict[str, Any] = {}
    assign(content, path, value)
    return content


@pytest.mark.parametrize(
    ("path", "value", "content"),
    [
        ("register_name", " Rekisteri ", {"register_name": "Rekisteri"}),
        ("contact.phone", "+3589000000", {"contact": {"phone": "+3589000000"}}),
        ("retention.customer_months", "120", {"retention": {"customer_months": 120}}),
        ("targeting.confidence_minimum", "0.5", {"targeting": {"confidence_minimum": 0.5}}),
        ("publication", "true", {"publication": True}),
        ("offering", "finance, hr,", {"offering": ["finance", "hr"]}),
        ("offering", '["finance"]', {"offering": ["finance"]}),
        ("recipients.credit", "contract", {"recipients": {"credit": "contract"}}),
        ("entities.a.city", "Turku", {"entities": [{"key": "a", "city": "Turku"}]}),
        ("purposes.events.basis", "consent", {"purposes": {"events": {"basis": "consent"}}}),
    ],
)
def test_a_value_is_put_at_its_place_as_the_kind_it_must_be(
    path: str, value: str, content: dict[str, Any]
) -> None:
    assert assigned(path, value) == content


def test_an_entity_is_found_by_its_key_and_the_others_are_left_alone() -> None:
    content: dict[str, Any] = {"entities": [{"key": "a", "city": "Turku"}, {"key": "b"}]}
    assign(content, "entities.b.city", "Oulu")
    assign(content, "entities.c.city", "Vaasa")
    assert [each.get("city") for each in content["entities"]] == ["Turku", "Oulu", "Vaasa"]


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "x",
        "retention",
        "retention.",
        "retention.prospect_month",
        "entities.0",
        "entities..name",
        "entities.A B.name",
        "entities.__class__.name",
        "contact.name.first",
        "purposes.*.basis.x",
        "fields.0",
        "x" * 5000,
        "entities." + "a" * 41 + ".name",
    ],
)
def test_a_place_that_no_notice_has_is_refused(path: str) -> None:
    content: dict[str, Any] = {"fields": ["email"]}
    with pytest.raises(NoticeError, match="no notice has such a place"):
        assign(content, path, "x")
    assert content == {"fields": ["email"]}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("retention.customer_months", "ten"),
        ("retention.customer_months", "-1"),
        ("retention.customer_months", "1e9"),
        ("retention.customer_months", "٣"),
        ("retention.customer_months", "9" * 5000),
        ("retention.customer_months", ""),
        ("publication", "yes"),
        ("offering", "[unclosed"),
        ("offering", "[1]\nevil = 2"),
        ("offering", "[" * 5000),
        ("entities.a.key", "b"),
    ],
)
def test_a_value_of_another_kind_is_refused_at_its_place(path: str, value: str) -> None:
    with pytest.raises(NoticeError, match=path.replace(".", r"\.")):
        assigned(path, value)


def test_a_table_is_not_made_where_something_else_stands() -> None:
    with pytest.raises(NoticeError, match="retention"):
        assign({"retention": 5}, "retention.customer_months", "1")
    with pytest.raises(NoticeError, match="entities"):
        assign({"entities": {}}, "entities.a.name", "x")


def test_every_profile_has_known_places_only() -> None:
    for name in profiles.names():
        assert unknown(profiles.load(name)) == []


def test_misspelt_places_are_found_wherever_they_are() -> None:
    content = {
        "register_nam": "x",
        "retention": {"prospect_month": 1},
        "entities": [{"key": "a", "naem": "b"}],
        "processors": ["Amazon SES", {"key": "x", "wher": "y"}],
        "tracking": {"opens": {"mode": "off", "why": "so"}, "clicks": {}},
        "fields": ["email"],
    }
    assert unknown(content) == [
        "register_nam",
        "retention.prospect_month",
        "entities.0.naem",
        "processors.0.wher",
        "tracking.opens.why",
    ]


@given(
    st.sampled_from(sorted(PLACES)).map(lambda place: place.replace("*", "events"))
    | st.text(max_size=30),
    st.text(max_size=30),
)
def test_whatever_is_typed_is_a_notice_or_an_error(path: str, value: str) -> None:
    content = profiles.load("example")
    try:
        assign(content, path, value)
        parse(content)
    except NoticeError:
        return
    assert unknown(content) == []
