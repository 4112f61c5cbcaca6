"""The five ready profiles, cell by cell of the table of what the five companies promise."""

import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mailer.notice import profiles, vocabulary
from mailer.notice.gaps import gaps
from mailer.notice.parsing import parse
from mailer.notice.schema import Notice
from tests.notice.companies import ANSWERS, NAMES, complete, missing

SEEDS = Path(__file__).parents[3] / "shared" / "seeds"
NUMBERS = {"quux": "000", "proxion": "001", "puuha": "002", "enexus": "003", "ideafix": "004"}

# What the table asks, and the answer for each company in the order of NAMES.
TABLE: dict[str, tuple[Callable[[Notice], Any], tuple[Any, ...]]] = {
    "the date of the notice": (
        lambda n: n.dated,
        (date(2022, 5, 10), date(2022, 12, 12), date(2018, 5, 25), date(2020, 2, 20), None),
    ),
    "the entities": (
        lambda n: [entity.business_id for entity in n.entities],
        (
            ["2796282-4"],
            ["1997513-1"],
            ["1060493-2"],
            [""],
            ["0834973-3", "1894397-1", "3016098-8", "3013740-3"],
        ),
    ),
    "private persons": (
        lambda n: "private_person" in n.person_kinds,
        (False, False, False, True, False),
    ),
    "prospecting": (
        lambda n: "new_customer_acquisition" in n.purposes,
        (True, False, True, False, True),
    ),
    "direct marketing by e-mail beyond customers": (
        lambda n: "e_marketing" in n.purposes,
        (True, True, True, False, True),
    ),
    "direct marketing by post": (
        lambda n: "postal_marketing" in n.other_purposes,
        (False, True, False, True, False),
    ),
    "market research": (
        lambda n: "market_research" in n.purposes,
        (True, False, True, False, False),
    ),
    "events": (lambda n: "events" in n.purposes, (False, True, True, False, False)),
    "targeting of advertisements": (
        lambda n: "ad_targeting" in n.other_purposes,
        (False, False, True, True, False),
    ),
    "profiling": (lambda n: n.profiling, (False, False, True, False, True)),
    "job titles": (lambda n: "title" in n.fields, (True, False, True, False, True)),
    "opens and clicks": (
        lambda n: (n.opens.mode, n.clicks.mode),
        (
            ("individual", "individual"),
            ("off", "off"),
            ("individual", "individual"),
            ("off", "off"),
            ("off", "off"),
        ),
    ),
    "tracking as a source": (
        lambda n: "email_tracking" in n.source_kinds,
        (True, False, True, False, False),
    ),
    "offer documents": (
        lambda n: "offer_document" in n.interaction_kinds,
        (True, False, False, False, False),
    ),
    "visits to web sites": (
        lambda n: "web_visit" in n.interaction_kinds,
        (True, False, False, True, False),
    ),
    "IP addresses": (lambda n: n.ip_addresses, (False, False, True, True, False)),
    "complaints and warranties": (
        lambda n: {"complaint", "warranty"} <= n.interaction_kinds,
        (False, True, False, False, False),
    ),
    "the log of a portal": (
        lambda n: "portal_log" in n.interaction_kinds,
        (False, False, True, False, False),
    ),
    "figures of companies": (
        lambda n: {"headcount", "turnover_eur", "result_eur"} <= n.fields,
        (True, False, False, False, False),
    ),
    "list suppliers as a source": (
        lambda n: "b2b_supplier" in n.source_kinds,
        (True, False, True, False, True),
    ),
    "social media as a source": (
        lambda n: "social_media" in n.source_kinds,
        (True, False, True, False, False),
    ),
    "group applications as a source": (
        lambda n: "group_app" in n.source_kinds,
        (True, False, False, False, False),
    ),
    "partners' systems as a source": (
        lambda n: "partner_system" in n.source_kinds,
        (False, False, False, True, False),
    ),
    "the group as a recipient": (
        lambda n: "group_company" in n.recipients,
        (True, True, True, False, True),
    ),
    "credit decisions": (
        lambda n: "credit" in n.recipients,
        (True, False, True, True, True),
    ),
    "distribution partners": (
        lambda n: "distribution_partner" in n.recipients,
        (False, False, False, False, True),
    ),
    "named processors": (
        lambda n: [each.key for each in n.processors],
        ([], ["onedrive", "hubspot"], [], [], []),
    ),
    "the undertaking": (
        lambda n: n.undertaking,
        ("signed", "contract", "", "signed", "duty"),
    ),
    "the notice of breaches": (
        lambda n: "breach_notice" in n.measures,
        (True, False, False, False, False),
    ),
    "the identity that a request needs": (
        lambda n: n.rights.identity,
        ("facts", "signature", "facts", "signature", "facts"),
    ),
    "the certificate of a refusal": (
        lambda n: n.rights.refusal_certificate,
        (True, False, True, True, False),
    ),
    "making data anonymous": (
        lambda n: n.rights.anonymisation,
        (True, False, True, True, False),
    ),
    "languages of requests": (
        lambda n: n.rights.languages,
        ({"fi", "en"}, set(), {"fi", "en"}, {"fi", "en"}, set()),
    ),
    "the contact person's data cannot be erased": (
        lambda n: "contact_person" in n.rights.erasure_limits,
        (False, False, False, True, False),
    ),
    "months after the customership": (
        lambda n: n.customer_months,
        (None, 0, None, 120, None),
    ),
    "months of a prospect": (lambda n: n.prospect_months, (None,) * 5),
    "publication as a list": (
        lambda n: n.publication,
        (False, False, False, True, False),
    ),
    "the authority": (lambda n: n.authority, ("", "fi", "", "fi", "")),
    "a repealed law": (
        lambda n: bool(n.statutes & vocabulary.REPEALED_STATUTES),
        (True, False, True, False, False),
    ),
    "that cookies can be refused": (
        lambda n: n.cookies.refusable,
        (False, True, False, True, True),
    ),
    "the legal bases": (
        lambda n: {each.basis for each in n.all_purposes},
        (
            {""},
            {"contract", "legitimate_interest"},
            {"contract", "legitimate_interest"},
            {"contract", "legitimate_interest"},
            {"contract", "legitimate_interest", "consent"},
        ),
    ),
    "the basis of marketing to customers": (
        lambda n: basis_of(n, "after_sales_marketing"),
        ("", None, "legitimate_interest", "contract", "legitimate_interest"),
    ),
    "the basis of profiling": (
        lambda n: n.other_purposes["profiling"].basis if n.profiling else None,
        (None, None, "legitimate_interest", None, "consent"),
    ),
}


def basis_of(notice: Notice, purpose: str) -> str | None:
    return notice.purposes[purpose].basis if purpose in notice.purposes else None


# What the notices leave out or may not say so, as keys of gaps.
LACKS = {
    "quux": {
        "group_companies",
        "purpose_basis",
        "offering",
        "tracking_basis",
        "processor",
        "transfer_basis",
        "cookies_refusable",
        "prospect_months",
        "customer_months",
        "repealed_statute",
        "authority",
    },
    "proxion": {
        "group_companies",
        "balancing_test",
        "offering",
        "processor",
        "transfer_basis",
        "prospect_months",
    },
    "puuha": {
        "group_companies",
        "balancing_test",
        "offering",
        "tracking_basis",
        "processor",
        "transfer_basis",
        "undertaking",
        "prospect_months",
        "customer_months",
        "repealed_statute",
        "authority",
    },
    "enexus": {
        "entity_address",
        "business_id",
        "balancing_test",
        "offering",
        "processor",
        "transfer_basis",
        "prospect_months",
    },
    "ideafix": {
        "register_name",
        "dated",
        "entity_address",
        "sender_domain",
        "contact_name",
        "contact_email",
        "balancing_test",
        "offering",
        "processor",
        "transfer_basis",
        "prospect_months",
        "customer_months",
        "authority",
    },
}


@pytest.mark.parametrize("row", TABLE)
@pytest.mark.parametrize("name", NAMES)
def test_each_cell_of_the_table_is_as_the_notice_says(row: str, name: str) -> None:
    read, cells = TABLE[row]
    assert read(parse(profiles.load(name))) == cells[NAMES.index(name)]


@pytest.mark.parametrize("name", NAMES)
def test_what_the_notice_leaves_out_is_asked_and_nothing_else(name: str) -> None:
    assert set(missing(name).values()) == LACKS[name]
    assert gaps(parse(complete(name))) == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_that_was_published_is_changed_by_the_answers_but_a_repealed_law(
    name: str,
) -> None:
    published = profiles.load(name)
    replaced = {path for path in ANSWERS[name] if _at(published, path) not in (None, "", [])}
    assert replaced == ({"statutes"} if name in ("quux", "puuha") else set())


def _at(content: Any, path: str) -> Any:
    for step in path.split("."):
        if isinstance(content, list):
            content = next((each for each in content if each["key"] == step), {})
        else:
            content = content.get(step, {})
    return content if content != {} else None


@pytest.mark.parametrize("name", NAMES)
def test_no_data_is_declared_that_no_company_may_hold(name: str) -> None:
    notice = parse(complete(name))
    assert "email" in notice.fields
    assert notice.person_kinds <= vocabulary.PERSON_KINDS.keys()
    assert not {"gender", "birth_date", "health"} & (notice.fields | notice.other_data)


def _seed(name: str) -> str:
    found = sorted(SEEDS.glob(f"{NUMBERS[name]}_*.txt"))
    if not found:
        pytest.skip("the published notices are not beside the repository")
    return found[0].read_text(encoding="utf-8")


def _file(name: str) -> str:
    return (profiles.FOLDER / f"{name}.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_no_sentence_of_a_published_notice_is_copied(name: str) -> None:
    def runs(text: str) -> set[tuple[str, ...]]:
        words = re.findall(r"\w+", text.lower())
        return {tuple(words[at : at + 6]) for at in range(len(words) - 5)}

    assert runs(_seed(name)) & runs(_file(name)) == set()


@pytest.mark.parametrize("name", NAMES)
def test_no_address_or_phone_of_a_person_is_in_a_profile(name: str) -> None:
    profile = _file(name)
    for address in re.findall(r"\S+(?:@|\(at\))\S+", _seed(name)):
        assert address.strip("().,") not in profile
    assert re.findall(r"@(\S+?)\"", profile) == [
        each for each in re.findall(r"@(\S+?)\"", profile) if each.endswith(".example")
    ]
    phones = re.findall(r'phone = "(.*)"', profile)
    assert all(re.fullmatch(r"\+358 \d\d 000 0000", phone) for phone in phones)


@pytest.mark.parametrize("name", NAMES)
def test_the_names_and_numbers_are_those_that_were_printed(name: str) -> None:
    seed = " ".join(_seed(name).split())
    for entity in parse(profiles.load(name)).entities:
        assert entity.name in seed
        assert entity.business_id in seed
        assert entity.street in seed


def test_a_profile_is_found_by_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert profiles.names() == sorted([*NAMES, "example"])
    shutil.copy(profiles.FOLDER / "quux.toml", tmp_path / "uusi.toml")
    monkeypatch.setattr(profiles, "FOLDER", tmp_path)
    assert profiles.names() == ["uusi"]
    with pytest.raises(KeyError):
        profiles.load("quux")
