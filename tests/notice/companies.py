"""The five ready profiles, and what each company would answer to what its notice lacks."""

from typing import Any

from mailer.notice import profiles
from mailer.notice.gaps import gaps
from mailer.notice.parsing import parse
from mailer.notice.paths import assign

NAMES = ["quux", "proxion", "puuha", "enexus", "ideafix"]

SES = "Amazon SES (Amazon Web Services EMEA SARL), eu-north-1"
EVERYBODY = {"offering": "finance,procurement", "processors.ses.name": SES}
ABROAD = {"transfers.bases": "standard_clauses"}
KNOWN_LAW = {"statutes": "gdpr,data_protection_act"}
CONSENT = {"tracking.opens.basis": "consent", "tracking.clicks.basis": "consent"}
PERIODS = {"retention.prospect_months": "24", "retention.customer_months": "36"}
DAUGHTER = {
    "entities.tytar.name": "Tytär Oy",
    "entities.tytar.business_id": "2345678-0",
    "entities.tytar.street": "Esimerkkikatu 2",
    "entities.tytar.postal_code": "00100",
    "entities.tytar.city": "Helsinki",
}


def _weighed(*purposes: str) -> dict[str, str]:
    return {f"purposes.{purpose}.balancing_test": "TEST" for purpose in purposes}


def _based(*purposes: str) -> dict[str, str]:
    bases = {f"purposes.{purpose}.basis": "legitimate_interest" for purpose in purposes}
    return bases | _weighed(*purposes)


def _streets(*entities: str) -> dict[str, str]:
    return {
        f"entities.{entity}.{part}": value
        for entity in entities
        for part, value in (("street", "Esimerkkikatu 3"), ("postal_code", "00200"))
    }


# What each loader run must be given, in no order; the least that closes every gap.
ANSWERS: dict[str, dict[str, str]] = {
    "quux": {
        **EVERYBODY,
        **ABROAD,
        **KNOWN_LAW,
        **CONSENT,
        **PERIODS,
        **DAUGHTER,
        "purposes.customer_care.basis": "contract",
        **_based(
            "after_sales_marketing", "new_customer_acquisition", "e_marketing", "market_research"
        ),
        "cookies.refusable": "true",
        "authority": "fi",
    },
    "proxion": {
        **EVERYBODY,
        **ABROAD,
        **DAUGHTER,
        **_weighed("e_marketing", "events", "postal_marketing"),
        "retention.prospect_months": "12",
    },
    "puuha": {
        **EVERYBODY,
        **ABROAD,
        **KNOWN_LAW,
        **CONSENT,
        **PERIODS,
        **DAUGHTER,
        **_weighed(
            "after_sales_marketing",
            "new_customer_acquisition",
            "e_marketing",
            "market_research",
            "events",
            "ad_targeting",
            "profiling",
        ),
        "undertaking": "signed",
        "authority": "fi",
    },
    "enexus": {
        **EVERYBODY,
        **ABROAD,
        **_streets("enexus"),
        "entities.enexus.city": "Oulu",
        "entities.enexus.business_id": "4567890-7",
        **_weighed(
            "postal_marketing", "ad_targeting", "web_content", "service_quality", "statistics"
        ),
        "retention.prospect_months": "12",
    },
    "ideafix": {
        **EVERYBODY,
        **ABROAD,
        **PERIODS,
        **_streets("ideafix", "visual", "palvelut", "kinkerips"),
        **_weighed(
            "service_quality",
            "after_sales_marketing",
            "new_customer_acquisition",
            "e_marketing",
            "statistics",
        ),
        "register_name": "Ideafix-konsernin asiakasrekisteri",
        "dated": "2026-11-01",
        "entities.ideafix.sender_domains": "ideafix.example",
        "contact.name": "Maija Esimerkki",
        "contact.email": "tietosuoja@ideafix.example",
        "authority": "fi",
    },
}


def complete(name: str, *, test: str = "Weighed, and light.") -> dict[str, Any]:
    """The profile with the company's answers: content that can be published."""
    content = profiles.load(name)
    for path, value in ANSWERS[name].items():
        assign(content, path, test if value == "TEST" else value)
    return content


def missing(name: str) -> dict[str, str]:
    """What the profile lacks as it is: path -> key of the gap."""
    return {gap.path: gap.key for gap in gaps(parse(profiles.load(name)))}
