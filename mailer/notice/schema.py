"""The structured notice: what it may say, and whether it is complete enough to be in force.

Pure. `parse` turns the stored content into a frozen Notice; `gaps` names what is missing before it
can be published (R1, R2, R100). What a notice does not declare is off.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailer.languages import LANGUAGES, N_

PURPOSES = {
    "customer_communication": N_("Customer communication"),
    "after_sales_marketing": N_("Marketing to customers"),
    "new_customer_acquisition": N_("New-customer acquisition"),
    "e_marketing": N_("Electronic direct marketing"),
    "market_research": N_("Market and opinion research"),
    "events": N_("Events"),
}
BASES = {
    "legitimate_interest": N_("Legitimate interest"),
    "consent": N_("Consent"),
    "contract": N_("Contract"),
    "legal_obligation": N_("Legal obligation"),
}
SOURCE_KINDS = {
    "data_subject": N_("The person"),
    "order": N_("Order"),
    "form": N_("Form"),
    "system_entry": N_("Entered by staff"),
    "employer": N_("The employer"),
    "authority": N_("Public authority"),
    "update_service": N_("Update service"),
    "service_provider": N_("Service provider or subcontractor"),
    "b2b_supplier": N_("B2B list supplier"),
    "social_media": N_("Social media"),
    "public_web": N_("Public web"),
    "cookies": N_("Cookies"),
    "email_tracking": N_("E-mail tracking"),
    "group_app": N_("Group company's application"),
    "partner_system": N_("Partner's system"),
}
# Sources outside the controller and the person: their legality must be assured (R34).
THIRD_PARTY_SOURCES = frozenset({"b2b_supplier", "partner_system"})
# Data that came from the person themselves needs no Article 14 information (R48).
OWN_SOURCES = frozenset({"data_subject", "order", "form"})

PERSON_KINDS = ("organisation_contact", "shared_mailbox", "sole_trader", "private_person")
TRACKING_MODES = ("off", "last_date_only", "aggregate", "individual")

FIELDS = {
    "first_name": N_("First name"),
    "last_name": N_("Last name"),
    "email": N_("E-mail address"),
    "phone": N_("Phone"),
    "title": N_("Job title"),
    "duties": N_("Duties"),
    "language": N_("Language"),
    "note": N_("Note"),
    "tags": N_("Tags"),
    "company_name": N_("Company"),
    "business_id": N_("Business ID"),
    "industry_code": N_("Industry code"),
    "industry_name": N_("Industry"),
    "headcount": N_("Head-count"),
    "turnover_eur": N_("Turnover (EUR)"),
    "result_eur": N_("Result (EUR)"),
    "street": N_("Street address"),
    "postal_code": N_("Postal code"),
    "city": N_("City"),
    "country": N_("Country"),
}
# What may be written down of dealings with a person or a company (R23-R27). The commercial ones
# are under a statutory hold and never merge data of marketing (R24, R104).
INTERACTION_KINDS = {
    "note": N_("Note"),
    "call": N_("Phone call"),
    "email_thread": N_("E-mail conversation"),
    "meeting": N_("Meeting"),
    "contact_request": N_("Contact request"),
    "support_request": N_("Support request"),
    "offer": N_("Offer"),
    "order": N_("Order"),
    "contract": N_("Contract"),
    "delivery": N_("Delivery"),
    "invoice": N_("Invoice"),
    "payment": N_("Payment"),
    "complaint": N_("Complaint about goods or services"),
    "warranty": N_("Warranty matter"),
    "interest": N_("Area of interest"),
    "portal_log": N_("Use of the customer portal"),
    "web_visit": N_("Visit to a web site"),
    "offer_document": N_("Offer document"),
}
COMMERCIAL_KINDS = frozenset(
    {"order", "contract", "delivery", "invoice", "payment", "complaint", "warranty"}
)

# A century; more would leave the calendar.
MOST_MONTHS = 1200


class NoticeError(ValueError):
    """The content cannot be read as a notice. The text names the place."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A legal entity of the controller's group (R4)."""

    key: str
    name: str
    business_id: str
    street: str
    postal_code: str
    city: str
    country: str
    sender_domains: tuple[str, ...]

    @property
    def postal_address(self) -> str:
        """One line for the foot of a message."""
        return f"{self.street}, {self.postal_code} {self.city}"


@dataclass(frozen=True, slots=True)
class Tracking:
    """What is recorded of opens or of clicks, and on what basis."""

    mode: str
    basis: str | None
    balancing_test: str

    @property
    def individual(self) -> bool:
        """Whether a person's own opens or clicks are recorded."""
        return self.mode == "individual"


@dataclass(frozen=True, slots=True)
class Purpose:
    """A declared purpose and the legal basis it stands on (R40, R41)."""

    key: str
    basis: str
    balancing_test: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice as the rest of the product reads it."""

    register_name: str
    entities: tuple[Entity, ...]
    contact_name: str
    contact_email: str
    contact_phone: str
    purposes: Mapping[str, Purpose]
    person_kinds: frozenset[str]
    fields: frozenset[str]
    source_kinds: frozenset[str]
    interaction_kinds: frozenset[str]
    offering: frozenset[str]
    opens: Tracking
    clicks: Tracking
    prospect_months: int | None
    customer_months: int | None
    revalidate_months: int
    frequency_cap_days: int
    evidence_minimum: int
    confidence_minimum: float
    undertaking_version: int
    processors: tuple[str, ...]
    texts: Mapping[str, str]

    def entity(self, key: str) -> Entity | None:
        """The entity with that key."""
        return next((entity for entity in self.entities if entity.key == key), None)

    def entity_of_domain(self, domain: str) -> Entity | None:
        """The entity that may send from a mail domain."""
        return next((e for e in self.entities if domain in e.sender_domains), None)


def parse(content: Mapping[str, Any]) -> Notice:
    """The notice in stored content. Raises NoticeError for a value outside its list."""
    contact = _section(content, "contact")
    retention = _section(content, "retention")
    targeting = _section(content, "targeting")
    return Notice(
        register_name=_text(content, "register_name"),
        entities=tuple(_entity(entry) for entry in _list(content, "entities")),
        contact_name=_text(contact, "name"),
        contact_email=_text(contact, "email"),
        contact_phone=_text(contact, "phone"),
        purposes={purpose.key: purpose for purpose in _purposes(content)},
        person_kinds=_choices(content, "person_kinds", PERSON_KINDS),
        fields=_choices(content, "fields", FIELDS),
        source_kinds=_choices(content, "source_kinds", SOURCE_KINDS),
        interaction_kinds=_choices(content, "interaction_kinds", INTERACTION_KINDS),
        offering=frozenset(str(key) for key in _list(content, "offering")),
        opens=_tracking(_section(content, "tracking"), "opens"),
        clicks=_tracking(_section(content, "tracking"), "clicks"),
        prospect_months=_months(retention, "prospect_months"),
        customer_months=_months(retention, "customer_months"),
        revalidate_months=_months(retention, "revalidate_months") or 12,
        frequency_cap_days=int(_number(targeting, "frequency_cap_days", 7, most=3650)),
        evidence_minimum=int(_number(targeting, "evidence_minimum", 2, most=100)),
        confidence_minimum=_number(targeting, "confidence_minimum", 0.75, most=1),
        undertaking_version=int(_number(content, "undertaking_version", 1, most=1_000_000)),
        processors=tuple(str(name) for name in _list(content, "processors")),
        texts={lang: str(_section(content, "texts").get(lang, "")) for lang in LANGUAGES},
    )


GAPS = {
    "register_name": N_("The register has no name."),
    "entity": N_("No legal entity is named as the controller."),
    "entity_address": N_("A legal entity lacks its name, Business ID or postal address."),
    "sender_domain": N_("No legal entity has a domain to send from."),
    "contact": N_("The contact person lacks a name or an e-mail address."),
    "purpose": N_("No purpose is declared."),
    "balancing_test": N_("A legitimate interest has no balancing test."),
    "tracking_basis": N_("Individual tracking has no basis, or its balancing test is missing."),
    "fields": N_("The data content does not hold the e-mail address."),
    "source_kinds": N_("No source of data is declared."),
    "offering": N_("It is not said whose work duties the offering concerns."),
    "retention": N_("The retention periods of prospects and customers are not given."),
    "processor": N_("Amazon SES is not among the processors."),
}


def gaps(notice: Notice) -> list[str]:
    """Keys of GAPS that keep the notice from being published, in the order of the notice."""
    missing: list[str] = []

    def need(key: str, *facts: object) -> None:
        if not all(facts):
            missing.append(key)

    need("register_name", notice.register_name)
    need("entity", notice.entities)
    need(
        "entity_address",
        all(e.name and e.business_id and e.street and e.city for e in notice.entities),
    )
    need("sender_domain", any(entity.sender_domains for entity in notice.entities))
    need("contact", notice.contact_name, notice.contact_email)
    need("purpose", notice.purposes)
    need(
        "balancing_test",
        all(p.balancing_test for p in notice.purposes.values() if p.basis == "legitimate_interest"),
    )
    need("tracking_basis", *(_tracking_founded(kind) for kind in (notice.opens, notice.clicks)))
    need("fields", "email" in notice.fields)
    need("source_kinds", notice.source_kinds)
    need("offering", notice.offering)
    need("retention", notice.prospect_months, notice.customer_months is not None)
    need("processor", any("SES" in name for name in notice.processors))
    return missing


def _tracking_founded(tracking: Tracking) -> bool:
    if not tracking.individual:
        return True
    return tracking.basis == "consent" or (
        tracking.basis == "legitimate_interest" and bool(tracking.balancing_test)
    )


def _entity(entry: Any) -> Entity:
    if not isinstance(entry, Mapping):
        raise NoticeError("entities: each must be a table")
    return Entity(
        key=_text(entry, "key"),
        name=_text(entry, "name"),
        business_id=_text(entry, "business_id"),
        street=_text(entry, "street"),
        postal_code=_text(entry, "postal_code"),
        city=_text(entry, "city"),
        country=_text(entry, "country") or "FI",
        sender_domains=tuple(str(domain).lower() for domain in _list(entry, "sender_domains")),
    )


def _purposes(content: Mapping[str, Any]) -> list[Purpose]:
    purposes = []
    for key, entry in _section(content, "purposes").items():
        basis = _text(entry, "basis") if isinstance(entry, Mapping) else ""
        if key not in PURPOSES or basis not in BASES:
            raise NoticeError(f"purposes.{key}: unknown purpose or basis")
        purposes.append(Purpose(key, basis, _text(entry, "balancing_test")))
    return purposes


def _tracking(section: Mapping[str, Any], kind: str) -> Tracking:
    entry = _section(section, kind)
    mode = _text(entry, "mode") or "off"
    basis = _text(entry, "basis") or None
    if mode not in TRACKING_MODES or basis not in (None, "consent", "legitimate_interest"):
        raise NoticeError(f"tracking.{kind}: unknown mode or basis")
    return Tracking(mode, basis, _text(entry, "balancing_test"))


def _section(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = content.get(key, {})
    if not isinstance(value, Mapping):
        raise NoticeError(f"{key}: must be a table")
    return value


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    value = content.get(key, [])
    if not isinstance(value, list):
        raise NoticeError(f"{key}: must be a list")
    return value


def _text(content: Mapping[str, Any], key: str) -> str:
    return str(content.get(key, "") or "").strip()


def _choices(content: Mapping[str, Any], key: str, known: Any) -> frozenset[str]:
    chosen = frozenset(str(value) for value in _list(content, key))
    unknown = chosen - frozenset(known)
    if unknown:
        raise NoticeError(f"{key}: unknown {', '.join(sorted(unknown))}")
    return chosen


def _number(content: Mapping[str, Any], key: str, default: float, *, most: float) -> float:
    value = content.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise NoticeError(f"{key}: must be a number from 0 to {most}")
    return float(value)


def _months(content: Mapping[str, Any], key: str) -> int | None:
    value = content.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_MONTHS:
        raise NoticeError(f"retention.{key}: must be a number of months")
    return value
