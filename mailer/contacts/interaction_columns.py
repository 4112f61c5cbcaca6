"""Headings of a file of dealings -> fields, in Finnish, Swedish and English.

Pure. Compared like the headings of contacts. What is forbidden there is forbidden here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailer.contacts.columns import Dropped, forbidden, key
from mailer.contacts.offer_documents import EVENTS
from mailer.languages import LANGUAGES, N_, gettext, in_language
from mailer.notice.vocabulary import INTERACTION_KINDS

_HEADINGS = {
    "email": "sähköposti, sähköpostiosoite, s-posti, e-post, e-postadress, e-mail, e-mail address, "
    "mail, contact, contact address",
    "business_id": "y-tunnus, yritystunnus, fo-nummer, organisationsnummer, business id, "
    "company id, vat id",
    "kind": "laji, tyyppi, tapahtuman laji, slag, typ, kind, type",
    "at": "päivä, päivämäärä, pvm, aika, ajankohta, datum, dag, tidpunkt, date, day, time, at",
    "title": "otsikko, aihe, rubrik, ämne, title, subject",
    "body": "teksti, kuvaus, sisältö, muistiinpano, text, beskrivning, innehåll, anteckning, "
    "body, description, note",
    "amount": "summa, määrä, euroa, hinta, loppusumma, belopp, pris, amount, sum, total",
    "currency": "valuutta, valuta, currency",
    "reference": "viite, numero, asiakirjan numero, tilausnumero, laskunumero, referens, nummer, "
    "ordernummer, fakturanummer, reference, number, order number, invoice number",
    "financial_year": "tilikausi, tilikauden päättymisvuosi, räkenskapsår, räkenskapsperiod, "
    "financial year, fiscal year",
    "external_id": "ulkoinen tunniste, tunniste, id, externt id, identifierare, external id, "
    "record id",
    "event": "tapahtuma, asiakirjan tapahtuma, händelse, event",
    "page": "sivu, sivun osoite, sida, webbsida, page, url, path",
    "seconds": "sekunnit, katseluaika, sekunder, visningstid, seconds, duration",
}
_KNOWN = {
    key(phrase): field for field, phrases in _HEADINGS.items() for phrase in phrases.split(",")
}
# What a file must have a column for, and what is said without one.
MISSING = {
    "no_party_column": N_("No column holds the e-mail address of the person or the Business ID."),
    "no_kind_column": N_("No column says of what kind each dealing was."),
    "no_date_column": N_("No column holds the date."),
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Which column holds which field, and which columns are left out."""

    header: tuple[str, ...]
    fields: Mapping[str, int]
    dropped: tuple[Dropped, ...]

    def heading(self, field: str) -> str:
        """The heading of the column of a field, or an empty text."""
        at = self.fields.get(field)
        return "" if at is None else self.header[at]

    @property
    def missing(self) -> str | None:
        """A key of MISSING when the file cannot be read."""
        if not {"email", "business_id"} & set(self.fields):
            return "no_party_column"
        if "kind" not in self.fields:
            return "no_kind_column"
        return None if "at" in self.fields else "no_date_column"


def plan(header: Sequence[str]) -> Plan:
    """What to do with each column; the first one of a field wins."""
    fields: dict[str, int] = {}
    dropped: list[Dropped] = []
    for at, heading in enumerate(header):
        field = None if forbidden(heading) else _KNOWN.get(key(heading))
        if field is not None and field not in fields:
            fields[field] = at
        elif heading:
            reason = "unknown_column" if field is None else "duplicate_column"
            dropped.append(
                Dropped(at, heading, "forbidden_column" if forbidden(heading) else reason)
            )
    return Plan(tuple(header), fields, tuple(dropped))


def kind_names() -> dict[str, str]:
    """What a cell may call a kind, compared by `key`: its name here, or its words in a language."""
    return _names(INTERACTION_KINDS)


def event_names() -> dict[str, str]:
    """The same for what happens to an offer document."""
    return _names(EVENTS)


def _names(labels: Mapping[str, str]) -> dict[str, str]:
    names = {key(name): name for name in labels}
    for language in LANGUAGES:
        with in_language(language):
            names |= {key(gettext(label)): name for name, label in labels.items()}
    return names
