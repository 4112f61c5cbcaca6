"""Tables of the register: people, companies, sources, imports, consents, suppressions.

What is personal is declared on the column (`info={"personal": kind}`), so that access, erasure and
anonymisation are driven from one declaration.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, REAL, TEXT
from sqlalchemy.orm import Mapped, mapped_column

from mailer.contacts.merging import FIGURES
from mailer.db import Model

PERSONAL = {"personal": "identity"}
PERSONAL_CONTACT = {"personal": "contact_detail"}
PERSONAL_WORK = {"personal": "work"}


class Source(Model):
    """Where data came from (R30-R36): kind, name, date and, for third parties, the assurance."""

    __tablename__ = "sources"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    dated: Mapped[date]
    basis: Mapped[str]
    evidence: Mapped[str] = mapped_column(default="", server_default="")
    url: Mapped[str | None]
    marketing_allowed: Mapped[bool] = mapped_column(default=True, server_default="true")
    expires: Mapped[date | None]
    assurance: Mapped[str | None]
    assured_at: Mapped[date | None]
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class Company(Model):
    """An organisation: the employer of contacts, and a party that can say no itself.

    What `source_id` and `import_id` refer to is kept by triggers, once per statement: foreign keys
    would ask for every row (migration 20261122_1150).
    """

    __tablename__ = "companies"
    __table_args__ = (
        Index(
            "uq_companies_business_id",
            "business_id",
            unique=True,
            postgresql_where=text("business_id IS NOT NULL"),
        ),
        # A company without a Business ID is known by its name and the domain of its people.
        Index(
            "uq_companies_name_key_domain",
            "name_key",
            "domain",
            unique=True,
            postgresql_where=text("business_id IS NULL"),
        ),
        Index("ix_companies_name_key", "name_key"),
        Index(
            "ix_companies_industry_code",
            "industry_code",
            postgresql_ops={"industry_code": "text_pattern_ops"},
        ),
        Index("ix_companies_headcount", "headcount"),
        # A figure without its year says nothing (R21).
        *(
            CheckConstraint(f"{figure} IS NULL OR {year} IS NOT NULL", name=year)
            for figure, year in FIGURES.items()
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    name_key: Mapped[str]
    business_id: Mapped[str | None]
    company_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    domain: Mapped[str] = mapped_column(default="", server_default="")
    organisation_kind: Mapped[str] = mapped_column(default="company", server_default="company")
    industry_code: Mapped[str | None]
    industry_name: Mapped[str | None]
    headcount: Mapped[int | None]
    headcount_year: Mapped[int | None] = mapped_column(SmallInteger)
    turnover_eur: Mapped[int | None]
    turnover_year: Mapped[int | None] = mapped_column(SmallInteger)
    result_eur: Mapped[int | None]
    result_year: Mapped[int | None] = mapped_column(SmallInteger)
    street: Mapped[str | None]
    postal_code: Mapped[str | None]
    city: Mapped[str | None]
    country: Mapped[str | None]
    source_id: Mapped[int]
    import_id: Mapped[int | None]
    field_sources: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Contact(Model):
    """A person at work, or a shared mailbox of an organisation.

    `source_id` and `import_id` are the origin of every field unless `field_sources` names another
    for that field: {"title": {"source": 3, "import": 9, "at": "2026-11-24"}} (R30). What is
    referred to is kept by triggers, as for companies.
    """

    __tablename__ = "contacts"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('organisation_contact', 'shared_mailbox', 'sole_trader', 'private_person')",
            name="kind",
        ),
        CheckConstraint(
            "basis IN ('legitimate_interest', 'consent', 'contract', 'legal_obligation')",
            name="basis",
        ),
        Index("ix_contacts_functions", "functions", postgresql_using="gin"),
        Index("ix_contacts_tags", "tags", postgresql_using="gin"),
        Index("ix_contacts_address_key", "address_key"),
        Index("ix_contacts_domain_key", "domain_key"),
        Index("ix_contacts_title_id", "title_id"),
        # Contacts of one import lie together, so the range of pages is enough to find them.
        Index("ix_contacts_source_id", "source_id", postgresql_using="brin"),
        Index("ix_contacts_import_id", "import_id", postgresql_using="brin"),
        # Shared mailboxes have no name: they come after the people.
        Index("ix_contacts_name", text("nullif(lower(last_name), '')"), "id"),
        Index(
            "ix_contacts_art14_overdue_at",
            "art14_overdue_at",
            postgresql_where=text("art14_overdue_at IS NOT NULL AND art14_informed_at IS NULL"),
        ),
        # Few of each: who has probably left, who came after them, who was checked by whom.
        Index("ix_contacts_left_at", "left_at", postgresql_where=text("left_at IS NOT NULL")),
        Index(
            "ix_contacts_successor_id",
            "successor_id",
            postgresql_where=text("successor_id IS NOT NULL"),
        ),
        Index(
            "ix_contacts_verified_source_id",
            "verified_source_id",
            postgresql_where=text("verified_source_id IS NOT NULL"),
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    company_id: Mapped[int | None] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(
        default="organisation_contact", server_default="organisation_contact"
    )
    first_name: Mapped[str] = mapped_column(default="", server_default="", info=PERSONAL)
    last_name: Mapped[str] = mapped_column(default="", server_default="", info=PERSONAL)
    email: Mapped[str] = mapped_column(unique=True, info=PERSONAL_CONTACT)
    phone: Mapped[str | None] = mapped_column(info=PERSONAL_CONTACT)
    title: Mapped[str] = mapped_column(default="", server_default="", info=PERSONAL_WORK)
    duties: Mapped[str] = mapped_column(default="", server_default="", info=PERSONAL_WORK)
    language: Mapped[str] = mapped_column(default="fi", server_default="fi", info=PERSONAL_WORK)
    note: Mapped[str] = mapped_column(default="", server_default="", info={"personal": "free_text"})
    tags: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list, server_default="{}")
    # Every country that speaks for this address: stated, company's, top-level domain's. The
    # strictest one decides; none known means consent (rules 1.5).
    countries: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list, server_default="{}")

    # What the list of contacts looks for words in; kept ready, so that a search is one quick pass.
    search_text: Mapped[str] = mapped_column(
        Computed(
            "lower(first_name || ' ' || last_name || ' ' || email || ' ' || title)", persisted=True
        ),
        deferred=True,
        info=PERSONAL,
    )

    # Keyed hashes by which suppressions find this contact; see mailer.contacts.address.
    address_key: Mapped[bytes] = mapped_column(LargeBinary)
    person_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    domain_key: Mapped[bytes] = mapped_column(LargeBinary)

    # The role, copied from the title (or set by hand) so that segments are one indexed condition.
    title_id: Mapped[int | None]
    functions: Mapped[list[str]] = mapped_column(ARRAY(TEXT), default=list, server_default="{}")
    level: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    role_confidence: Mapped[float] = mapped_column(REAL, default=0.0, server_default="0")
    role_evidence: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    role_set_at: Mapped[datetime | None]

    basis: Mapped[str | None]
    relationship_kind: Mapped[str] = mapped_column(default="prospect", server_default="prospect")
    customership_ended_at: Mapped[date | None]
    source_id: Mapped[int]
    import_id: Mapped[int | None]
    field_sources: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    notice_version_id: Mapped[int | None]
    collected_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]
    # What the data was checked against last; None where the check came with the data (R44).
    verified_source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    art14_informed_at: Mapped[datetime | None]
    # A key of mailer.contacts.informing.WAYS; None where a message of ours told it.
    art14_way: Mapped[str | None]
    # Since when the month to inform is over, as the job found it: blocks until they are informed.
    art14_overdue_at: Mapped[datetime | None]
    # Since when the person has probably left the employer, and when staff said they have not.
    left_at: Mapped[datetime | None] = mapped_column(info=PERSONAL_WORK)
    stays_at: Mapped[datetime | None]
    successor_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id", ondelete="SET NULL"))
    last_marketing_at: Mapped[datetime | None]
    restricted_at: Mapped[datetime | None]
    quarantined_at: Mapped[datetime | None]
    quarantine_reason: Mapped[str | None]
    erased_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(default=1, server_default="1")


class FieldChange(Model):
    """The history of a field value: what it was before, and which source changed it (R30, R85)."""

    __tablename__ = "field_changes"
    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), index=True
    )
    field: Mapped[str]
    old_value: Mapped[str | None] = mapped_column(info=PERSONAL)
    new_value: Mapped[str | None] = mapped_column(info=PERSONAL)
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    import_id: Mapped[int | None] = mapped_column(ForeignKey("imports.id", ondelete="SET NULL"))
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]


class ConsentEvent(Model):
    """One line of the append-only ledger of consents and bans (R28); a trigger refuses changes."""

    __tablename__ = "consent_events"
    __table_args__ = (
        CheckConstraint("event IN ('given', 'withdrawn', 'objected', 'lifted')", name="event"),
        Index("ix_consent_events_contact_id", "contact_id", "at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id", ondelete="CASCADE"))
    kind: Mapped[str]
    event: Mapped[str]
    at: Mapped[datetime]
    wording: Mapped[str] = mapped_column(default="", server_default="")
    evidence: Mapped[str] = mapped_column(default="", server_default="")
    actor: Mapped[str]
    message_id: Mapped[int | None]


class ConsentState(Model):
    """Where a person stands per kind of consent or ban: the last ledger event, for the gate.

    Written only by mailer.contacts.consents, in the transaction of the event.
    """

    __tablename__ = "consent_states"
    contact_id: Mapped[int] = mapped_column(
        ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True
    )
    kind: Mapped[str] = mapped_column(primary_key=True)
    event: Mapped[str]
    at: Mapped[datetime]
    event_id: Mapped[int] = mapped_column(BigInteger)


class Suppression(Model):
    """A keyed hash that is never mailed (R90). No foreign key to a contact: it outlives them.

    `key` is mailer.contacts.address's hash of the address, person, domain or company; the scope is
    part of what is hashed, so the key alone says what it stands for.
    """

    __tablename__ = "suppressions"
    __table_args__ = (
        CheckConstraint("scope IN ('address', 'person', 'domain', 'company')", name="scope"),
        CheckConstraint(
            "kind IN ('optout', 'complaint', 'hard_bounce', 'manual', 'company_ban', 'domain_ban',"
            " 'ses_account_list', 'private_person')",
            name="kind",
        ),
        Index(
            "uq_suppressions_key_kind",
            "key",
            "kind",
            unique=True,
            postgresql_where=text("lifted_at IS NULL"),
        ),
        Index("ix_suppressions_at", "at"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    scope: Mapped[str]
    key: Mapped[bytes] = mapped_column(LargeBinary)
    kind: Mapped[str]
    at: Mapped[datetime]
    origin: Mapped[str]
    evidence: Mapped[str] = mapped_column(default="", server_default="")
    suspected_automation: Mapped[bool] = mapped_column(default=False, server_default="false")
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    campaign_id: Mapped[int | None]
    message_id: Mapped[int | None]
    # One person asks for an entry to be lifted, and another one lifts it.
    lift_asked_at: Mapped[datetime | None]
    lift_asked_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    lift_asked_reason: Mapped[str | None]
    lifted_at: Mapped[datetime | None]
    lifted_by: Mapped[str | None]
    lift_reason: Mapped[str | None]


class SuppressionSync(Model):
    """One reading of Amazon SES's account-level suppression list, whether it went well or not."""

    __tablename__ = "suppression_syncs"
    id: Mapped[int] = mapped_column(primary_key=True)
    # What was put on Amazon's list since then was asked for; None: everything.
    since: Mapped[datetime | None]
    started_at: Mapped[datetime]
    # None when it failed; then nothing was changed, and `failure` is SES's code.
    finished_at: Mapped[datetime | None]
    failure: Mapped[str | None]
    read: Mapped[int] = mapped_column(default=0, server_default="0")
    added: Mapped[int] = mapped_column(default=0, server_default="0")
    handed_over: Mapped[int] = mapped_column(default=0, server_default="0")


class Import(Model):
    """One file on its way into the register, with its progress and its numbers."""

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint(
            "state IN ('uploaded', 'mapped', 'checking', 'checked', 'running', 'done', 'failed',"
            " 'undone')",
            name="state",
        ),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    file_name: Mapped[str]
    file_hash: Mapped[str]
    state: Mapped[str] = mapped_column(default="uploaded", server_default="uploaded")
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    encoding: Mapped[str] = mapped_column(default="", server_default="")
    delimiter: Mapped[str] = mapped_column(default="", server_default="")
    mapping: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    options: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    rows: Mapped[int] = mapped_column(default=0, server_default="0")
    rows_done: Mapped[int] = mapped_column(default=0, server_default="0")
    counts: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    failure: Mapped[str | None]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class ImportFile(Model):
    """The uploaded bytes, kept for the error file and deleted after seven days."""

    __tablename__ = "import_files"
    import_id: Mapped[int] = mapped_column(
        ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True
    )
    content: Mapped[bytes] = mapped_column(LargeBinary, info={"personal": "free_text"})
    stored_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ImportProblem(Model):
    """One thing wrong with one cell. `value` is masked where the code is about private data."""

    __tablename__ = "import_problems"
    __table_args__ = (UniqueConstraint("import_id", "row", "position"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"))
    row: Mapped[int]
    position: Mapped[int] = mapped_column(SmallInteger)
    column: Mapped[str]
    value: Mapped[str] = mapped_column(info={"personal": "free_text"})
    code: Mapped[str]
    rejects: Mapped[bool]
