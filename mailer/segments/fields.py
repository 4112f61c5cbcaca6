"""What a segment rule can be about: the fields, how each is compared, and its words.

A field is offered, and a saved rule on it works, only while the notice in force declares the data
it reads (R110). There is no field on purchases. The only behaviour is clicks that look like a
person's, where the notice declares that each person's clicks are recorded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mailer.contacts.consents import KINDS
from mailer.languages import LANGUAGE_NAMES, N_
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import PURPOSES, SOURCE_KINDS
from mailer.roles.taxonomy import FUNCTION_LABELS, LEVEL_LABELS, UNKNOWN

# What a value must look like. Parsed in mailer.segments.values.
CHOICE = "choice"  # one key of the field's choices
CHOICES = "choices"  # a list of them
TEXTS = "texts"  # a list of texts
IDS = "ids"  # a list of row ids
NUMBER = "number"
RANGE = "range"  # [lowest, highest], both included
DATE = "date"  # "2026-11-24"
DAYS = "days"  # a number of days back from now
NOTHING = "nothing"  # the comparison says it all

# Instead of a field of the notice: that it declares the recording of each person's clicks.
CLICKS = "clicks"

# Of the ledger's states, those in which a person got a campaign, did not, or nobody knows yet.
CAMPAIGN_STATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "got": ("sent", "delivered", "complained"),
        "missed": ("blocked", "failed", "bounced", "cancelled"),
        "open": ("queued", "sending", "uncertain"),
    }
)

# comparison -> its words in the builder
COMPARISONS: Mapping[str, str] = MappingProxyType(
    {
        "any_of": N_("is any of"),
        "none_of": N_("is none of"),
        "at_least": N_("is at least"),
        "at_most": N_("is at most"),
        "between": N_("is between"),
        "contains": N_("contains"),
        "starts_with": N_("starts with"),
        "before": N_("is before"),
        "after": N_("is on or after"),
        "within_days": N_("is within the last days"),
        "not_within_days": N_("is not within the last days"),
        "never": N_("is never"),
        "got": N_("was got"),
        "missed": N_("was meant for them, but not got"),
        "open": N_("may have been got, which is not known"),
        "given": N_("is given"),
        "forbidden": N_("is forbidden or withdrawn"),
        "unsaid": N_("is neither given nor forbidden"),
        "yes": N_("yes"),
        "no": N_("no"),
    }
)

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "role": N_("Role"),
        "person": N_("Person"),
        "company": N_("Company"),
        "source": N_("Source"),
        "activity": N_("Activity"),
        "segment": N_("Segment"),
    }
)

KIND_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "organisation_contact": N_("Contact person of an organisation"),
        "shared_mailbox": N_("Shared mailbox"),
        "sole_trader": N_("Sole trader"),
        "private_person": N_("Private person"),
    }
)
RELATIONSHIP_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "prospect": N_("Prospect"),
        "customer": N_("Customer"),
    }
)
CONSENT_LABELS: Mapping[str, str] = MappingProxyType({**PURPOSES, **KINDS})


@dataclass(frozen=True, slots=True)
class Field:
    """One thing a rule can be about.

    `comparisons`: comparison -> shape of its value. `needs`: the notice field that must be
    declared, or CLICKS; None when the register cannot be without it. `listed`: the values are
    offered as a list read from the register. `unit`: what a number counts.
    """

    key: str
    label: str
    group: str
    comparisons: Mapping[str, str]
    needs: str | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    listed: bool = False
    unit: str = ""


_LIST = {"any_of": CHOICES, "none_of": CHOICES}
_WORDS = {"any_of": TEXTS, "none_of": TEXTS}
_IDS = {"any_of": IDS, "none_of": IDS}
_LEDGER = dict.fromkeys(CAMPAIGN_STATES, IDS)
_YEAR = {"at_least": NUMBER, "at_most": NUMBER}
_NUMBER = {"at_least": NUMBER, "at_most": NUMBER, "between": RANGE}

_ALL = (
    Field("function", N_("Job function"), "role", _LIST, "title", FUNCTION_LABELS),
    Field(
        "level",
        N_("Level"),
        "role",
        {"at_least": CHOICE, "at_most": CHOICE, "any_of": CHOICES},
        "title",
        LEVEL_LABELS,
    ),
    Field("title", N_("Job title"), "role", {"contains": TEXTS}, "title"),
    Field(
        "role_confidence",
        N_("Confidence of the role"),
        "role",
        {"at_least": NUMBER},
        "title",
        unit=N_("per cent"),
    ),
    Field("language", N_("Language"), "person", _LIST, "language", LANGUAGE_NAMES),
    Field("kind", N_("Kind of contact"), "person", _LIST, None, KIND_LABELS),
    Field("relationship", N_("Relationship"), "person", _LIST, None, RELATIONSHIP_LABELS),
    Field("tag", N_("Tag"), "person", _WORDS, "tags", listed=True),
    Field(
        "consent",
        N_("Consent"),
        "person",
        {"given": CHOICES, "forbidden": CHOICES, "unsaid": CHOICES},
        None,
        CONSENT_LABELS,
    ),
    Field("has_phone", N_("Phone number"), "person", {"yes": NOTHING, "no": NOTHING}, "phone"),
    Field("company", N_("Company name"), "company", {"contains": TEXTS}, "company_name"),
    Field("business_id", N_("Business ID"), "company", _WORDS, "business_id"),
    Field(
        "headcount",
        N_("Head-count"),
        "company",
        _NUMBER,
        "headcount",
        unit=N_("employees"),
    ),
    Field("headcount_year", N_("Year of the head-count"), "company", _YEAR, "headcount"),
    Field("turnover", N_("Turnover"), "company", _NUMBER, "turnover_eur", unit=N_("euros")),
    Field("turnover_year", N_("Year of the turnover"), "company", _YEAR, "turnover_eur"),
    Field(
        "industry_code",
        N_("Industry code"),
        "company",
        {"starts_with": TEXTS},
        "industry_code",
    ),
    Field(
        "industry",
        N_("Industry"),
        "company",
        {"any_of": TEXTS, "none_of": TEXTS, "contains": TEXTS},
        "industry_name",
        listed=True,
    ),
    Field("city", N_("City"), "company", _WORDS, "city"),
    Field("postal_code", N_("Postal code"), "company", {"starts_with": TEXTS}, "postal_code"),
    Field("country", N_("Country"), "company", _WORDS, "country"),
    Field("source", N_("Source"), "source", _IDS, None, listed=True),
    Field("source_kind", N_("Kind of source"), "source", _LIST, None, SOURCE_KINDS),
    Field("import", N_("Import"), "source", _IDS, None, listed=True),
    Field(
        "added",
        N_("Added to the register"),
        "source",
        {"before": DATE, "after": DATE, "within_days": DAYS, "not_within_days": DAYS},
    ),
    Field(
        "last_marketing",
        N_("Last marketing message"),
        "activity",
        {"within_days": DAYS, "not_within_days": DAYS, "never": NOTHING},
    ),
    Field("campaign", N_("Campaign"), "activity", _LEDGER, None, listed=True),
    Field(
        "clicked",
        N_("Last click by a person"),
        "activity",
        {"within_days": DAYS, "not_within_days": DAYS, "never": NOTHING},
        CLICKS,
    ),
    Field("clicked_in", N_("Clicked in the campaign"), "activity", _IDS, CLICKS, listed=True),
    Field(
        "unclicked",
        N_("Messages got without ever clicking"),
        "activity",
        {"at_least": NUMBER},
        CLICKS,
        unit=N_("messages"),
    ),
    Field("segment", N_("Segment"), "segment", _IDS, None, listed=True),
    Field("fixed_list", N_("Fixed list"), "segment", _IDS, None, listed=True),
)
FIELDS: Mapping[str, Field] = MappingProxyType({each.key: each for each in _ALL})


def declared(field: Field, notice: Notice | None) -> bool:
    """Whether the notice lets the field be used. Without a notice nothing is."""
    if notice is None:
        return False
    if field.needs == CLICKS:
        return notice.clicks.individual
    return field.needs is None or field.needs in notice.fields


def offered(notice: Notice | None) -> list[Field]:
    """The fields a builder may offer, in order."""
    return [each for each in _ALL if declared(each, notice)]


def choices_offered(field: Field, notice: Notice | None) -> Mapping[str, str]:
    """The fixed values a builder may offer: what the notice leaves out is not in the register."""
    if notice is None:
        return {}
    if field.key == "source_kind":
        return _only(field.choices, notice.source_kinds)
    if field.key == "consent":
        return _only(field.choices, frozenset({*notice.purposes, *KINDS}))
    if field.key == "kind":
        return _only(field.choices, notice.person_kinds)
    return field.choices


def _only(labels: Mapping[str, str], keys: frozenset[str]) -> dict[str, str]:
    return {key: label for key, label in labels.items() if key in keys}


def level_choices() -> dict[str, str]:
    """Levels that can be compared: all but the unknown one, which has no rank."""
    return {key: label for key, label in LEVEL_LABELS.items() if key != UNKNOWN}
