"""May this contact get this message now and, if not, why. The one definition (R51).

One SQL expression per question that yields `clear`, or the first rule that blocks, in the order of
RULES. It is asked (a) to count and list an audience, (b) in the statement that freezes an audience
into the ledger, (c) inside the statement that claims messages right before SES is called, and (d)
on the contact's page and in `mailer why`.

Unknown means no: a rule that evaluates to NULL blocks, and so does a contact that is not there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dateutil.relativedelta import relativedelta
from sqlalchemy import (
    ColumnElement,
    and_,
    case,
    cast,
    column,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    table,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, REAL, TEXT

from mailer.contacts import countries, revalidation
from mailer.contacts.models import Company, ConsentState, Contact, Source, Suppression
from mailer.languages import N_, gettext
from mailer.notice.schema import Notice
from mailer.notice.vocabulary import OWN_SOURCES, THIRD_PARTY_SOURCES

CLEAR = "clear"
# The gate lies below the ledger, so it names the table instead of importing its model.
_messages = table(
    "messages",
    column("campaign_id"),
    column("contact_id"),
    column("state"),
    column("claimed_at"),
    column("sent_at"),
)
# Bans by what they stop (R50), besides a ban on the purpose itself. Everything here is e-mail.
_BANS = {
    "customer_communication": ("all_marketing",),
    "after_sales_marketing": ("all_marketing", "email_marketing"),
    "new_customer_acquisition": ("all_marketing", "email_marketing"),
    "e_marketing": ("all_marketing", "email_marketing"),
    "events": ("all_marketing", "email_marketing"),
    "market_research": ("all_marketing", "email_marketing"),
}

SENTENCES = {
    CLEAR: N_("Can be mailed."),
    "erased": N_("The person is not in the register, or has been erased."),
    "restricted": N_("Processing of the person's data is restricted."),
    "private_or_minor": N_("Looks like a private person; only contacts of organisations are kept."),
    "suppressed_optout": N_("Has opted out of marketing messages."),
    "suppressed_complaint": N_("Has reported a message as spam."),
    "suppressed_hard_bounce": N_("The address does not work."),
    "suppressed_manual": N_("Has been put on the suppression list by hand."),
    "suppressed_company_ban": N_("The company has forbidden marketing messages."),
    "suppressed_domain_ban": N_("The whole mail domain has been forbidden."),
    "suppressed_ses_account_list": N_("The address is on Amazon SES's own suppression list."),
    "suppressed_private_person": N_("Was deleted as a private person and may not come back."),
    "banned": N_("Has forbidden messages of this kind."),
    "no_legal_basis": N_("There is no legal basis for this purpose."),
    "consent_missing": N_("The purpose needs consent, and none is recorded."),
    "country_requires_consent": N_(
        "The law of the country asks for consent, and none is recorded."
    ),
    "duties_not_matching": N_("The work duties do not match what the message concerns."),
    "duties_uncertain": N_("The work duties are not known well enough."),
    "source_undeclared": N_("The source of the data is not one that the notice declares."),
    "assurance_missing": N_("The supplier's assurance that the data is lawful is missing."),
    "stale_unverified": N_("The data is older than the notice allows without a check."),
    "retention_passed": N_("The retention period has passed."),
    "art14_block_missing": N_("The person has not been told where the data came from."),
    "frequency_cap": N_("Got another message too recently."),
    "already_sent": N_("Has already got this message."),
    "sender_identity_unverified": N_("The sender's domain is not verified."),
    "paused": N_("Sending is paused."),
}


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked of the gate: which message, under which notice, at what moment.

    `functions`: whose work the message concerns. `campaign_id`: None for a question about no
    particular campaign. `informs`: the message carries the Article 14 block. `corrects`: the
    campaign that the message puts right.
    """

    purpose: str
    functions: frozenset[str]
    notice: Notice | None
    now: datetime
    campaign_id: int | None = None
    informs: bool = True
    sender_verified: bool = True
    paused: bool = False
    corrects: int | None = None


Rule = Callable[[Ask], ColumnElement[Any]]


def verdict(ask: Ask) -> ColumnElement[str]:
    """SQL: `clear` or the code of the first rule that blocks the contact in scope.

    The statement must select from Contact outer-joined to Company and joined to Source (`scope`).
    """
    suppressed = _suppressed()
    whens: list[tuple[Any, Any]] = []
    for code, rule in RULES.items():
        if code == "suppressed":
            whens.append((suppressed, literal("suppressed_") + _suppression_kind()))
        else:
            whens.append((func.coalesce(rule(ask), true()), literal(code)))
    return case(*whens, else_=literal(CLEAR))


def scope(statement: Any) -> Any:
    """The joins that `verdict` reads, added to a statement over Contact."""
    return statement.outerjoin(Company, Company.id == Contact.company_id).outerjoin(
        Source, Source.id == Contact.source_id
    )


def sentence(code: str) -> str:
    """Why, in the language in force."""
    return gettext(SENTENCES.get(code, SENTENCES["erased"]))


def _suppression_of(key: Any) -> ColumnElement[bool]:
    return (
        exists()
        .where(Suppression.key == key, Suppression.lifted_at.is_(None))
        .correlate_except(Suppression)
    )


def _suppressed() -> ColumnElement[bool]:
    # One EXISTS per key, so that the planner may answer each from one hash of the small table.
    return or_(
        _suppression_of(Contact.address_key),
        and_(Contact.person_key.is_not(None), _suppression_of(Contact.person_key)),
        _suppression_of(Contact.domain_key),
        and_(Company.company_key.is_not(None), _suppression_of(Company.company_key)),
    )


def _suppression_kind() -> ColumnElement[str]:
    weight = case((Suppression.kind == "optout", 0), (Suppression.kind == "complaint", 1), else_=2)
    keys = (Contact.address_key, Contact.person_key, Contact.domain_key, Company.company_key)
    return (
        select(Suppression.kind)
        .where(Suppression.key.in_(keys), Suppression.lifted_at.is_(None))
        .order_by(weight, Suppression.id)
        .limit(1)
        .correlate_except(Suppression)
        .scalar_subquery()
    )


def _consents(*kinds: str, events: tuple[str, ...]) -> ColumnElement[bool]:
    return (
        exists()
        .where(
            ConsentState.contact_id == Contact.id,
            ConsentState.kind.in_(kinds),
            ConsentState.event.in_(events),
        )
        .correlate_except(ConsentState)
    )


def _consented(ask: Ask) -> ColumnElement[bool]:
    return _consents(ask.purpose, "email_marketing", events=("given",))


def _erased(_: Ask) -> ColumnElement[bool]:
    return or_(Contact.id.is_(None), Contact.erased_at.is_not(None))


def _restricted(_: Ask) -> ColumnElement[bool]:
    return Contact.restricted_at.is_not(None)


def _private_or_minor(ask: Ask) -> ColumnElement[bool]:
    kinds = ask.notice.person_kinds if ask.notice else frozenset()
    return or_(
        Contact.quarantined_at.is_not(None),
        Contact.kind.not_in(sorted(kinds)) if kinds else true(),
    )


def _banned(ask: Ask) -> ColumnElement[bool]:
    if ask.purpose not in _BANS:
        return true()
    kinds = {ask.purpose, *_BANS[ask.purpose]}
    return _consents(*sorted(kinds), events=("objected", "withdrawn"))


def _no_legal_basis(ask: Ask) -> ColumnElement[bool]:
    declared = ask.notice.purposes.get(ask.purpose) if ask.notice else None
    if declared is None:
        return true()
    if declared.basis == "contract":
        # A contract carries marketing to customers only (R41).
        return or_(Contact.basis.is_(None), Contact.relationship_kind != "customer")
    return Contact.basis.is_(None)


def _consent_missing(ask: Ask) -> ColumnElement[bool]:
    declared = ask.notice.purposes.get(ask.purpose) if ask.notice else None
    wanted = (
        true()
        if declared is None or declared.basis == "consent"
        else or_(Contact.basis == "consent", Contact.kind == "private_person")
    )
    return and_(wanted, not_(_consented(ask)))


def _country_requires_consent(ask: Ask) -> ColumnElement[bool]:
    named = _texts(countries.NAMED_OPT_OUT)
    generic = _texts(countries.GENERIC_OPT_OUT)
    allowed = case((Contact.kind == "shared_mailbox", generic), else_=named)
    # Every country that speaks for the address must allow it, and at least one must be known.
    free = and_(Contact.countries.contained_by(allowed), func.cardinality(Contact.countries) > 0)
    return and_(not_(free), not_(_consented(ask)))


def _concerns_work(ask: Ask) -> ColumnElement[bool]:
    # A shared mailbox is the organisation's; duties are a person's.
    return or_(
        Contact.kind == "shared_mailbox",
        Contact.functions.overlap(_texts(ask.functions)),
        _consented(ask),
    )


def _duties_not_matching(ask: Ask) -> ColumnElement[bool]:
    return not_(_concerns_work(ask))


def _duties_uncertain(ask: Ask) -> ColumnElement[bool]:
    if ask.notice is None:
        return true()
    return and_(
        Contact.kind != "shared_mailbox",
        or_(
            # Compared as REAL: 0.7 stored in four bytes is less than 0.7 in eight.
            Contact.role_confidence < cast(literal(ask.notice.confidence_minimum), REAL),
            Contact.role_evidence < ask.notice.evidence_minimum,
        ),
        not_(_consented(ask)),
    )


def _source_undeclared(ask: Ask) -> ColumnElement[bool]:
    kinds = sorted(ask.notice.source_kinds) if ask.notice else []
    return or_(
        Source.id.is_(None),
        Source.kind.not_in(kinds),
        Source.marketing_allowed.is_(False),
        func.coalesce(Source.expires < ask.now.date(), false()),
    )


def _assurance_missing(_: Ask) -> ColumnElement[bool]:
    return and_(
        Source.kind.in_(sorted(THIRD_PARTY_SOURCES)),
        or_(Source.assurance.is_(None), Source.assured_at.is_(None)),
    )


def _stale_unverified(ask: Ask) -> ColumnElement[bool]:
    months = ask.notice.revalidate_months if ask.notice else 0
    return revalidation.last_right() < revalidation.stale_before(months, ask.now)


def _retention_passed(ask: Ask) -> ColumnElement[bool]:
    if ask.notice is None or ask.notice.prospect_months is None:
        return true()
    prospects = ask.now - relativedelta(months=ask.notice.prospect_months)
    former = ask.now - relativedelta(months=ask.notice.customer_months or 0)
    return or_(
        case(
            (Contact.relationship_kind != "customer", Contact.collected_at < prospects),
            else_=func.coalesce(Contact.customership_ended_at < former.date(), false()),
        ),
        # Whoever has left the employer is nobody's contact there any more (R103).
        func.coalesce(Contact.left_at < former, false()),
    )


def _art14_block_missing(ask: Ask) -> ColumnElement[bool]:
    uninformed = and_(Contact.art14_informed_at.is_(None), Source.kind.not_in(sorted(OWN_SOURCES)))
    # The message would tell them by itself, unless their month is over: then it may not go (R48).
    return and_(uninformed, Contact.art14_overdue_at.is_not(None)) if ask.informs else uninformed


def _frequency_cap(ask: Ask) -> ColumnElement[bool]:
    if ask.notice is None or not ask.notice.frequency_cap_days:
        return false()
    since = ask.now - relativedelta(days=ask.notice.frequency_cap_days)
    # A message that is being handed over, or may have been, counts before SES's answer is written.
    under_way = (
        exists()
        .where(
            _messages.c.contact_id == Contact.id,
            _messages.c.state.in_(["sending", "uncertain"]),
            _messages.c.claimed_at > since,
            *([] if ask.corrects is None else [_messages.c.campaign_id != ask.corrects]),
        )
        .correlate_except(_messages)
    )
    recent: ColumnElement[bool] = func.coalesce(Contact.last_marketing_at > since, false())
    if ask.corrects is not None:
        recent = and_(recent, not_(_last_was(ask.corrects)))
    return or_(recent, under_way)


def _last_was(campaign_id: int) -> ColumnElement[bool]:
    """SQL: the last message to the contact was this campaign's, so a correction of it comes next.

    A second correction finds the first one to be the last, and waits like any message.
    """
    return (
        exists()
        .where(
            _messages.c.campaign_id == campaign_id,
            _messages.c.contact_id == Contact.id,
            _messages.c.sent_at >= Contact.last_marketing_at,
        )
        .correlate_except(_messages)
    )


def _already_sent(ask: Ask) -> ColumnElement[bool]:
    if ask.campaign_id is None:
        return false()
    sent: ColumnElement[bool] = (
        exists()
        .where(
            _messages.c.campaign_id == ask.campaign_id,
            _messages.c.contact_id == Contact.id,
            _messages.c.state.not_in(["queued", "blocked", "cancelled", "failed"]),
        )
        .correlate_except(_messages)
    )
    return sent


def _sender_identity_unverified(ask: Ask) -> ColumnElement[bool]:
    return false() if ask.sender_verified else true()


def _paused(ask: Ask) -> ColumnElement[bool]:
    return true() if ask.paused else false()


def _texts(values: frozenset[str]) -> ColumnElement[Any]:
    return cast(literal(sorted(values), ARRAY(TEXT)), ARRAY(TEXT))


# In blocking order. "suppressed" is written out per kind in `verdict`.
RULES: dict[str, Rule] = {
    "erased": _erased,
    "restricted": _restricted,
    "private_or_minor": _private_or_minor,
    "suppressed": lambda _: _suppressed(),
    "banned": _banned,
    "no_legal_basis": _no_legal_basis,
    "consent_missing": _consent_missing,
    "country_requires_consent": _country_requires_consent,
    "duties_not_matching": _duties_not_matching,
    "duties_uncertain": _duties_uncertain,
    "source_undeclared": _source_undeclared,
    "assurance_missing": _assurance_missing,
    "stale_unverified": _stale_unverified,
    "retention_passed": _retention_passed,
    "art14_block_missing": _art14_block_missing,
    "frequency_cap": _frequency_cap,
    "already_sent": _already_sent,
    "sender_identity_unverified": _sender_identity_unverified,
    "paused": _paused,
}
