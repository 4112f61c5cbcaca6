"""What keeps a notice from being published, each with the place that would give it (R1, R2, R100).

Nothing is guessed: a gap names the path and what may stand there, and a person decides.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mailer import business_id
from mailer.languages import N_, gettext
from mailer.notice import vocabulary
from mailer.notice.schema import Entity, Notice, Tracking

GAPS = {
    "register_name": N_("The register has no name."),
    "dated": N_("The notice has no date."),
    "entity": N_("No legal entity is named as the controller."),
    "entity_address": N_("A legal entity lacks its name or a part of its postal address."),
    "business_id": N_("A legal entity lacks its Business ID, or its check digit is wrong."),
    "sender_domain": N_("No legal entity has a domain to send from."),
    "group_companies": N_("Data is said to go to companies of the group, and none is named."),
    "contact_name": N_("The contact person has no name."),
    "contact_email": N_("The contact person has no e-mail address that can work."),
    "purpose": N_("No purpose is declared."),
    "purpose_basis": N_("A purpose has no legal basis."),
    "balancing_test": N_("A legitimate interest has no balancing test."),
    "person_kinds": N_("It is not said whose data the register holds."),
    "offering": N_("It is not said whose work duties the offering concerns."),
    "fields": N_("The data content does not hold the e-mail address."),
    "tracking_basis": N_("Individual tracking has no basis."),
    "tracking_balancing_test": N_("Individual tracking has no balancing test."),
    "source_kinds": N_("No source of data is declared."),
    "processor": N_("Amazon SES is not among the processors."),
    "transfer_undeclared": N_("A processor is outside the EEA, and no transfer is declared."),
    "transfer_basis": N_("Data may leave the EEA, and nothing is said to safeguard it."),
    "undertaking": N_("It is not said how users are bound to confidentiality."),
    "cookies_refusable": N_("Cookies are used, and it is not said that they can be refused."),
    "prospect_months": N_("It is not said how long prospects are kept."),
    "customer_months": N_("It is not said how long former customers are kept."),
    "repealed_statute": N_("The notice follows a law that has been repealed."),
    "authority": N_("The authority that takes complaints is not named."),
}
# Stand for what only a person can know; none of them is an answer.
PLACEHOLDERS = frozenset(
    {"NAME", "YYYY-MM-DD", "STREET", "POSTAL_CODE", "CITY", "BUSINESS_ID", "DOMAIN", "ADDRESS"}
    | {"TEXT", "MONTHS", "FUNCTION", "email,FIELD", "Amazon SES (COMPANY), REGION"}
)
_EMAIL = re.compile(r"[^@\s,;<>]+@(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that is missing: a key of GAPS, where it belongs, and what may stand there."""

    key: str
    path: str
    value: str

    def __str__(self) -> str:
        return gettext(GAPS[self.key])

    @property
    def option(self) -> str:
        """What gives it on the command line; words in capitals are to be replaced."""
        return f"--set '{self.path}={self.value}'"


def gaps(notice: Notice) -> list[Gap]:
    """What is missing before the notice can be published, in the order of the notice."""
    return [
        *_controller(notice),
        *_contact(notice),
        *_purposes(notice),
        *_content(notice),
        *_tracking("opens", notice.opens),
        *_tracking("clicks", notice.clicks),
        *_disclosures(notice),
        *_protection(notice),
        *_retention(notice),
        *_law(notice),
    ]


def _controller(notice: Notice) -> Iterator[Gap]:
    if not notice.register_name:
        yield Gap("register_name", "register_name", "NAME")
    if notice.dated is None:
        yield Gap("dated", "dated", "YYYY-MM-DD")
    if not notice.entities:
        yield Gap("entity", "entities.KEY.name", "NAME")
    for entity in notice.entities:
        yield from _entity(entity)
    if notice.entities and not any(entity.sender_domains for entity in notice.entities):
        yield Gap("sender_domain", f"entities.{notice.entities[0].key}.sender_domains", "DOMAIN")
    if "group_company" in notice.recipients and len(notice.entities) == 1:
        yield Gap("group_companies", "entities.KEY.name", "NAME")


def _entity(entity: Entity) -> Iterator[Gap]:
    for part in ("name", "street", "postal_code", "city"):
        if not getattr(entity, part):
            yield Gap("entity_address", f"entities.{entity.key}.{part}", part.upper())
    try:
        business_id.canonical(entity.business_id)
    except business_id.BusinessIdError:
        yield Gap("business_id", f"entities.{entity.key}.business_id", "BUSINESS_ID")


def _contact(notice: Notice) -> Iterator[Gap]:
    if not notice.contact_name:
        yield Gap("contact_name", "contact.name", "NAME")
    if not _EMAIL.fullmatch(notice.contact_email):
        yield Gap("contact_email", "contact.email", "ADDRESS")


def _purposes(notice: Notice) -> Iterator[Gap]:
    if not notice.purposes:
        yield Gap("purpose", "purposes.e_marketing.basis", _one_of(vocabulary.BASES))
    for purpose in notice.all_purposes:
        if not purpose.basis:
            yield Gap("purpose_basis", f"purposes.{purpose.key}.basis", _one_of(vocabulary.BASES))
        elif purpose.basis == "legitimate_interest" and not purpose.balancing_test:
            yield Gap("balancing_test", f"purposes.{purpose.key}.balancing_test", "TEXT")


def _content(notice: Notice) -> Iterator[Gap]:
    if not notice.person_kinds:
        yield Gap("person_kinds", "person_kinds", _one_of(vocabulary.PERSON_KINDS))
    if not notice.offering:
        yield Gap("offering", "offering", "FUNCTION")
    if "email" not in notice.fields:
        yield Gap("fields", "fields", "email,FIELD")
    if not notice.source_kinds:
        yield Gap("source_kinds", "source_kinds", _one_of(vocabulary.SOURCE_KINDS))


def _tracking(kind: str, tracking: Tracking) -> Iterator[Gap]:
    if not tracking.individual:
        return
    if tracking.basis is None:
        yield Gap("tracking_basis", f"tracking.{kind}.basis", "consent|legitimate_interest")
    elif tracking.basis == "legitimate_interest" and not tracking.balancing_test:
        yield Gap("tracking_balancing_test", f"tracking.{kind}.balancing_test", "TEXT")


def _disclosures(notice: Notice) -> Iterator[Gap]:
    if not any("SES" in processor.name for processor in notice.processors):
        yield Gap("processor", "processors.ses.name", "Amazon SES (COMPANY), REGION")
    transfers = notice.transfers
    abroad = any(p.country and p.country not in vocabulary.EEA for p in notice.processors)
    if abroad and not transfers.outside_eea:
        yield Gap("transfer_undeclared", "transfers.outside_eea", "true")
    if transfers.outside_eea and not transfers.bases:
        yield Gap("transfer_basis", "transfers.bases", _one_of(vocabulary.TRANSFER_BASES))


def _protection(notice: Notice) -> Iterator[Gap]:
    if not notice.undertaking:
        yield Gap("undertaking", "undertaking", _one_of(vocabulary.UNDERTAKINGS))
    used = notice.cookies.used_for or notice.cookies.services
    if used and not notice.cookies.refusable:
        yield Gap("cookies_refusable", "cookies.refusable", "true")


def _retention(notice: Notice) -> Iterator[Gap]:
    # The gate lets nobody pass while it is not known how long a prospect may be kept.
    if not notice.prospect_months:
        yield Gap("prospect_months", "retention.prospect_months", "MONTHS")
    if notice.customer_months is None:
        yield Gap("customer_months", "retention.customer_months", "MONTHS")


def _law(notice: Notice) -> Iterator[Gap]:
    if notice.statutes & vocabulary.REPEALED_STATUTES:
        yield Gap("repealed_statute", "statutes", "gdpr|data_protection_act")
    if not notice.authority:
        yield Gap("authority", "authority", _one_of(vocabulary.AUTHORITIES))


def _one_of(words: Collection[str]) -> str:
    return "|".join(words)
