"""User names and addresses: one account is one natural person, so role names are refused (R71)."""

import re

from mailer.languages import N_

_USER_NAME = re.compile(r"[a-zåäö0-9](?:[a-zåäö0-9._@+-]{1,98})[a-zåäö0-9]")
_EMAIL = re.compile(r"[^\s@<>\"(),;:\\]{1,64}@[^\s@<>\"(),;:\\]+\.[^\s@<>\"(),;:\\.]{2,}")

# Names of functions and teams, not of people, in the three languages.
_ROLE_NAMES = """
abuse accounting admin administration administrator administrators asiakaspalvelu billing
careers contact customer customerservice dpo ekonomi ekonomiavdelning faktura finance
förvaltning hallinto hello help helpdesk henkilöstö hi hostmaster hr info informaatio
information it johto kirjaamo kontakt kontor kundservice kundtjänst laskut laskutus legal
lupaposti mail marketing markkinointi marknad marknadsföring myynti newsletter noreply office
order orders personal postimestari postmaster press privacy reception rekry root sales salg
security service shop sihteeri support säljare sälj talous team tech test testi tiedotus
tietosuoja tietosuojavastaava tilaukset tili tiimi toimisto tuki ura user users verkkokauppa
vaihde webmaster welcome ylläpito
"""
# A role name with one of these attached is still one: marketing-team, myyntitiimi.
_TEAM_WORDS = """
team tiimi osasto ryhmä yksikkö avdelning avdelningen grupp gruppen group dept department desk
oy ab fi finland suomi
"""
# Addresses write å, ä and ö as a, a and o.
_PLAIN = str.maketrans("åäö", "aao")
_ROLES = frozenset(_ROLE_NAMES.translate(_PLAIN).split())
_TEAMS = frozenset(_TEAM_WORDS.translate(_PLAIN).split())

NOT_A_NAME = N_("Use 3 to 100 letters, digits, dots or hyphens, for example maija.virtanen.")
NOT_PERSONAL = N_(
    "That is the name of a role or a team. Each user has a name of their own, so that it is known"
    " who did what."
)
NOT_AN_ADDRESS = N_("Write the address in the form name@company.example.")


def normal_user_name(text: str) -> str:
    """A user name as it is kept and compared."""
    return text.strip().casefold()


def user_name_problem(user_name: str) -> str | None:
    """Why a normalised user name cannot be used, as a message to translate; None when it can."""
    if not _USER_NAME.fullmatch(user_name):
        return NOT_A_NAME
    return NOT_PERSONAL if is_role_name(user_name.partition("@")[0]) else None


def email_problem(email: str) -> str | None:
    """Why an address cannot be a user's, as a message to translate; None when it can."""
    if len(email) > 254 or not _EMAIL.fullmatch(email):
        return NOT_AN_ADDRESS
    return NOT_PERSONAL if is_role_name(email.partition("@")[0]) else None


def is_role_name(local_part: str) -> bool:
    """Whether it names a function or a team instead of a person: info, myynti, marketing-team."""
    name = local_part.casefold().partition("+")[0].translate(_PLAIN)
    words = [word for word in re.split(r"[^a-z]+", name) if word]
    joined = "".join(words)
    if not words or joined in _ROLES:
        return True
    if all(word in _ROLES or word in _TEAMS for word in words):
        return True
    return any(joined.removesuffix(team) in _ROLES for team in _TEAMS if joined.endswith(team))
