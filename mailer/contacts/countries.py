"""What the law of a country asks for before mailing an address at a company.

Data, not code: each line says for a named work address and for a generic one (info@) whether the
recipient may be mailed until they opt out, or only with consent, and when it was last reviewed.
A country that is not here asks for consent: unknown means no.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

Rule = Literal["opt_out", "consent"]


@dataclass(frozen=True, slots=True)
class CountryRule:
    """The rule of one country. `ground` names the statute."""

    named: Rule
    generic: Rule
    ground: str
    reviewed: date


_REVIEWED = date(2026, 9, 1)

COUNTRIES: dict[str, CountryRule] = {
    "FI": CountryRule("opt_out", "opt_out", "917/2014 200, 202 §; work duties", _REVIEWED),
    "SE": CountryRule("opt_out", "opt_out", "Marknadsföringslagen 19-20 §", _REVIEWED),
    "EE": CountryRule("opt_out", "opt_out", "Elektroonilise side seadus 103¹ §", _REVIEWED),
    "FR": CountryRule("opt_out", "opt_out", "CPCE L34-5; CNIL, profession", _REVIEWED),
    "IE": CountryRule("opt_out", "opt_out", "S.I. 336/2011 reg. 13", _REVIEWED),
    "GB": CountryRule("opt_out", "opt_out", "PECR reg. 22-23", _REVIEWED),
    "NO": CountryRule("consent", "opt_out", "Markedsføringsloven § 15", _REVIEWED),
    "BE": CountryRule("consent", "opt_out", "Royal Decree 4.4.2003", _REVIEWED),
    "DK": CountryRule("consent", "consent", "Markedsføringsloven § 10", _REVIEWED),
    "DE": CountryRule("consent", "consent", "UWG § 7", _REVIEWED),
    "AT": CountryRule("consent", "consent", "TKG 2021 § 174", _REVIEWED),
    "NL": CountryRule("consent", "consent", "Telecommunicatiewet 11.7", _REVIEWED),
    "ES": CountryRule("consent", "consent", "LSSI art. 21", _REVIEWED),
    "IT": CountryRule("consent", "consent", "Codice privacy art. 130", _REVIEWED),
}

# Portugal, the United States and Canada ask for steps this product does not take (a monthly list,
# notices of their own); until it does they count as unknown, so consent is asked.

NAMED_OPT_OUT = frozenset(code for code, rule in COUNTRIES.items() if rule.named == "opt_out")
GENERIC_OPT_OUT = frozenset(code for code, rule in COUNTRIES.items() if rule.generic == "opt_out")

# Regulators there ask for consent before individual opens are recorded, whatever the notice says.
OPEN_TRACKING_NEEDS_CONSENT = frozenset({"FR", "IT"})

_TOP_LEVEL = {"uk": "GB"}


def country_of_domain(domain: str) -> str | None:
    """The country a mail domain's top level speaks for, if it is a country's."""
    top = domain.rpartition(".")[2].lower()
    if top in _TOP_LEVEL:
        return _TOP_LEVEL[top]
    return (
        top.upper() if len(top) == 2 and top not in ("eu", "io", "ai", "co", "me", "tv") else None
    )
