"""The structured notice as the rest of the product reads it: frozen, and off where it is silent.

Pure. `mailer.notice.parsing` makes it from stored content, `mailer.notice.gaps` says what it lacks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


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
    """A declared purpose and the legal basis it stands on (R40, R41); "" when none is said yet."""

    key: str
    basis: str
    balancing_test: str


@dataclass(frozen=True, slots=True)
class Processor:
    """Who processes data on the controller's behalf (R42). Strings are "" where nothing is said."""

    key: str
    name: str
    service: str
    country: str


@dataclass(frozen=True, slots=True)
class Transfers:
    """Whether data may leave the European Economic Area, and what safeguards it then (R62)."""

    outside_eea: bool
    bases: frozenset[str]


@dataclass(frozen=True, slots=True)
class Rights:
    """How requests about one's own data are made and met (R80, R82, R87, R88)."""

    channels: frozenset[str]
    languages: frozenset[str]
    identity: str
    refusal_certificate: bool
    anonymisation: bool
    erasure_limits: frozenset[str]


@dataclass(frozen=True, slots=True)
class Cookies:
    """What the controller's own web sites do with cookies; our pages set none (R77)."""

    used_for: frozenset[str]
    services: tuple[str, ...]
    refusable: bool
    linked_to_person: bool


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice. `purposes` are those that a campaign may name; `other_purposes` are the rest."""

    register_name: str
    dated: date | None
    entities: tuple[Entity, ...]
    contact_name: str
    contact_email: str
    contact_phone: str
    purposes: Mapping[str, Purpose]
    other_purposes: Mapping[str, Purpose]
    person_kinds: frozenset[str]
    fields: frozenset[str]
    other_data: frozenset[str]
    source_kinds: frozenset[str]
    interaction_kinds: frozenset[str]
    offering: frozenset[str]
    opens: Tracking
    clicks: Tracking
    ip_addresses: bool
    publication: bool
    recipients: Mapping[str, str]
    processors: tuple[Processor, ...]
    transfers: Transfers
    prospect_months: int | None
    prospect_start: str
    customer_months: int | None
    customer_start: str
    revalidate_months: int
    frequency_cap_days: int
    evidence_minimum: int
    confidence_minimum: float
    undertaking: str
    undertaking_version: int
    measures: frozenset[str]
    cookies: Cookies
    rights: Rights
    statutes: frozenset[str]
    authority: str
    texts: Mapping[str, str]

    @property
    def profiling(self) -> bool:
        """Whether people may be put in segments by what they do (R110)."""
        return "profiling" in self.other_purposes

    @property
    def all_purposes(self) -> tuple[Purpose, ...]:
        """Every declared purpose, those of campaigns first."""
        return (*self.purposes.values(), *self.other_purposes.values())

    def entity(self, key: str) -> Entity | None:
        """The entity with that key."""
        return next((entity for entity in self.entities if entity.key == key), None)

    def entity_of_domain(self, domain: str) -> Entity | None:
        """The entity that may send from a mail domain."""
        return next((e for e in self.entities if domain in e.sender_domains), None)
