"""Headings in Finnish, Swedish and English -> fields; and the columns that are never stored.

Pure. A heading is compared without case, spaces, punctuation and diacritics. What is not
recognised may be mapped by hand; what is forbidden may not (R15), and what the notice in force
does not declare is dropped and named (R14).
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailer.contacts.merging import FIGURES
from mailer.languages import N_
from mailer.notice.vocabulary import FIELDS

# One column that holds both names; it is split.
FULL_NAME = "full_name"
# The year of a company's figures, which are nothing without one (R21).
FIGURES_YEAR = "figures_year"
TARGETS: dict[str, str] = {
    FULL_NAME: N_("First and last name"),
    **FIELDS,
    FIGURES_YEAR: N_("Year of the company's figures"),
}

DROPPED = {
    "unknown_column": N_("The heading is not recognised; choose a field for it to import it."),
    "forbidden_column": N_("Private data of this kind may not be stored."),
    "undeclared_column": N_("The privacy notice does not declare this field."),
    "duplicate_column": N_("Another column is already imported into this field."),
    "not_imported": N_("You chose not to import it."),
}

# As people write them; compared by `key`, so case, spaces, dashes and diacritics do not matter.
_HEADINGS = {
    FULL_NAME: "nimi, henkilö, henkilön nimi, yhteyshenkilö, yhteyshenkilön nimi, koko nimi, "
    "kontakti, namn, person, kontakt, kontaktperson, kontaktpersonens namn, fullständigt namn, "
    "name, full name, contact, contact name, contact person, person name",
    "first_name": "etunimi, etunimet, kutsumanimi, förnamn, tilltalsnamn, first name, given name, "
    "forename",
    "last_name": "sukunimi, efternamn, släktnamn, last name, surname, family name",
    "email": "sähköposti, sähköpostiosoite, s-posti, s-postiosoite, työsähköposti, meili, e-mail, "
    "e-post, e-postadress, mejl, e-mail address, mail, mail address, work e-mail, business e-mail",
    "phone": "puhelin, puhelinnumero, puh, puh nro, gsm, matkapuhelin, kännykkä, työpuhelin, "
    "telefon, telefonnummer, tel, mobil, mobiltelefon, phone, phone number, telephone, mobile, "
    "mobile phone, work phone, direct phone",
    "title": "titteli, tehtävä, tehtävänimike, nimike, ammattinimike, asema, rooli, virkanimike, "
    "titel, befattning, arbetstitel, yrkestitel, title, job title, position, role, occupation",
    "duties": "toimenkuva, työtehtävät, tehtävät, tehtävänkuva, vastuualue, vastuualueet, vastuut, "
    "arbetsuppgifter, uppgifter, ansvarsområde, arbetsbeskrivning, duties, responsibilities, "
    "job description, area of responsibility",
    "language": "kieli, asiointikieli, kielikoodi, språk, kontaktspråk, language, lang, "
    "preferred language",
    "note": "huom, huomautus, huomautukset, huomio, muistiinpano, muistiinpanot, lisätieto, "
    "lisätiedot, kommentti, kommentit, anmärkning, anteckning, anteckningar, notering, kommentar, "
    "övrigt, note, notes, comment, comments, remarks",
    "tags": "tunniste, tunnisteet, tagit, avainsanat, ryhmä, ryhmät, taggar, nyckelord, etiketter, "
    "grupper, tags, tag, labels, keywords, groups",
    "company_name": "yritys, yrityksen nimi, yritysnimi, organisaatio, organisaation nimi, yhtiö, "
    "työnantaja, toiminimi, firma, asiakas, asiakkaan nimi, företag, företagsnamn, "
    "företagets namn, bolag, organisation, arbetsgivare, firmanamn, company, company name, "
    "organization, organization name, organisation name, employer, account, account name, "
    "business name",
    "business_id": "y-tunnus, yritystunnus, ly-tunnus, alv-tunnus, vat-tunnus, fo-nummer, "
    "organisationsnummer, företags- och organisationsnummer, orgnr, momsnummer, business id, "
    "business identity code, company id, vat id, vat number, vat no, registration number",
    "industry_code": "toimiala (tol), tol, tol-koodi, tol 2008, toimialakoodi, toimialaluokka, "
    "toimialaluokitus, näringsgrenskod, sni, sni-kod, branschkod, industry code, nace, nace code, "
    "sic code",
    "industry_name": "toimiala, päätoimiala, toimialan nimi, toimialan kuvaus, bransch, "
    "näringsgren, branschnamn, industry, industry name, sector",
    "headcount": "henkilöstö, henkilöstömäärä, henkilöstön määrä, henkilömäärä, työntekijät, "
    "työntekijämäärä, työntekijöitä, personal, antal anställda, personalantal, anställda, "
    "personalstyrka, head-count, employees, number of employees, staff",
    "turnover_eur": "liikevaihto, liikevaihto (eur), liikevaihto €, omsättning, omsättning (eur), "
    "turnover, turnover (eur), revenue, revenue (eur)",
    "result_eur": "tulos, tulos (eur), tilikauden tulos, liiketulos, resultat, resultat (eur), "
    "räkenskapsperiodens resultat, result, result (eur), profit, net result",
    FIGURES_YEAR: "vuosi, lukujen vuosi, tilivuosi, tilikausi, tilinpäätösvuosi, "
    "henkilöstömäärän vuosi, liikevaihdon vuosi, år, räkenskapsår, bokslutsår, year, "
    "year of figures, financial year, fiscal year",
    "street": "katuosoite, osoite, lähiosoite, käyntiosoite, postiosoite, gatuadress, adress, "
    "besöksadress, postadress, street, street address, address, address line 1",
    "postal_code": "postinumero, postinro, postnummer, postal code, postcode, zip, zip code",
    "city": "kaupunki, paikkakunta, postitoimipaikka, kunta, toimipaikka, ort, stad, postort, "
    "kommun, city, town, municipality, locality",
    "country": "maa, maakoodi, yrityksen maa, land, landskod, country, country code",
}
_NEVER_STORED = (
    # gender and forms of address that tell it
    "sukupuoli kon gender sex sukup herrarouva puhuttelu tilltal salutation mrms herrrouva"
    # identity codes, birth, age
    " hetu henkilotunnus personbeteckning personnummer ssn socialsecuritynumber sotu personalid"
    " nationalid syntymaaika syntymapaiva syntynyt syntymavuosi fodelsedatum fodelsetid fodd"
    " fodelsear dateofbirth birthdate dob birthday birthyear yearofbirth ika alder age"
    # beliefs, politics, unions
    " uskonto uskontokunta religion trossamfund kirkko puolue puoluekanta politiikka parti"
    " politiskasikt party politicalparty politicalopinion ayjasen ammattiliitto ammattiliitonjasen"
    " fackforbund fackmedlem unionmember tradeunion vakaumus overtygelse belief"
    # health, origin, sexuality
    " terveys terveydentila terveystiedot sairaus sairaudet sairausloma diagnoosi halsa"
    " halsotillstand sjukdom diagnos health healthstatus illness diagnosis disability vammaisuus"
    " funktionsnedsattning raskaus graviditet pregnancy seksuaalinensuuntautuminen"
    " sexuelllaggning sexualorientation etninenalkupera etnisktursprung ethnicity race rotu"
    " kansalaisuus medborgarskap nationality citizenship"
    # other private life, payment
    " siviilisaaty civilstand maritalstatus lapset barn children perhe familj family"
    " kotiosoite hemadress homeaddress salasana losenord password tilinumero pankkitili"
    " kontonummer bankaccount iban luottokortti kreditkort creditcard palkka lon salary"
    " rikokset rikosrekisteri criminalrecord valokuva photo"
)
_FORBIDDEN = frozenset(_NEVER_STORED.split())
# A heading that begins so is forbidden whatever follows: "Sukupuoli (M/N)".
_FORBIDDEN_STEMS = (
    "sukupuol",
    "gender",
    "hetu",
    "henkilotunnu",
    "personbeteckning",
    "personnummer",
    "syntymaaik",
    "syntymapaiv",
    "fodelse",
    "dateofbirth",
    "uskonto",
    "religio",
    "puolue",
    "terveydentil",
    "terveystied",
    "sairau",
    "diagno",
    "seksuaali",
    "sexuell",
    "sexual",
    "etninen",
    "etnisk",
    "ethnic",
    "raskau",
    "gravid",
    "pregnan",
    "siviilisaa",
    "civilstan",
)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A column that is not imported, and why: `reason` is a key of DROPPED."""

    position: int
    heading: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Which column fills which field, and which are left out."""

    header: tuple[str, ...]
    fields: Mapping[str, int]
    dropped: tuple[Dropped, ...]

    def heading(self, field: str) -> str:
        """The heading of the column that fills a field, or an empty text."""
        position = self.fields.get(field)
        return "" if position is None else self.header[position]


def key(heading: str) -> str:
    """What a heading is compared by: letters and digits, without case and diacritics."""
    plain = unicodedata.normalize("NFKD", heading).casefold().replace("ø", "o").replace("æ", "ae")
    return "".join(letter for letter in plain if letter.isalnum())


_KNOWN = {
    key(phrase): field for field, phrases in _HEADINGS.items() for phrase in phrases.split(",")
}


def recognise(heading: str) -> str | None:
    """The field a heading names, if this program knows it."""
    return _KNOWN.get(key(heading))


def forbidden(heading: str) -> bool:
    """Whether a column of this heading holds what may never be stored (R12, R15)."""
    plain = key(heading)
    return plain in _FORBIDDEN or plain.startswith(_FORBIDDEN_STEMS)


def suggest(header: Sequence[str]) -> dict[int, str]:
    """Column -> field for every heading that is recognised; the first column of a field wins."""
    chosen: dict[int, str] = {}
    for position, heading in enumerate(header):
        field = None if forbidden(heading) else recognise(heading)
        if field is not None and field not in chosen.values():
            chosen[position] = field
    return chosen


def plan(
    header: Sequence[str],
    declared: frozenset[str],
    chosen: Mapping[int, str] | None = None,
) -> Plan:
    """What to do with each column, given the declared fields and what a person has chosen.

    Without a choice the headings decide. A column left out of a choice is not imported.
    """
    wanted = suggest(header) if chosen is None else chosen
    fields: dict[str, int] = {}
    dropped: list[Dropped] = []
    for position, heading in enumerate(header):
        reason = _reason(heading, wanted.get(position), declared, by_hand=chosen is not None)
        field = wanted.get(position, "")
        if not reason and field in fields:
            reason = "duplicate_column"
        if reason:
            dropped.append(Dropped(position, heading, reason))
        else:
            fields[field] = position
    return Plan(tuple(header), fields, tuple(entry for entry in dropped if entry.heading))


def _reason(
    heading: str, field: str | None, declared: frozenset[str], *, by_hand: bool
) -> str | None:
    if forbidden(heading):
        return "forbidden_column"
    if field not in TARGETS:
        if recognise(heading) is None:
            return "unknown_column"
        return "not_imported" if by_hand else "duplicate_column"
    return None if is_declared(field, declared) else "undeclared_column"


def is_declared(field: str, declared: frozenset[str]) -> bool:
    """Whether the notice declares what a key of TARGETS fills."""
    if field == FULL_NAME:
        return {"first_name", "last_name"} <= declared
    if field == FIGURES_YEAR:
        return not declared.isdisjoint(FIGURES)
    return field in declared
