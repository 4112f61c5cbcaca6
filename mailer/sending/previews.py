"""Whom a preview is for: a real contact's data without a message, or an example person."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from mailer.campaigns.models import Campaign
from mailer.contacts.models import Company, Contact, Source
from mailer.languages import gettext, in_language
from mailer.sending.envelope import Person

_NOBODY = b"\0" * 16


def person_for_preview(
    session: Session,
    campaign: Campaign,
    *,
    contact_id: int | None,
    language: str,
    address: str = "",
) -> Person:
    """A person to fill the slots with; links are signed for message 0, which is nobody's."""
    row = (
        session.execute(
            select(Contact, Company.name, Source)
            .outerjoin(Company, Company.id == Contact.company_id)
            .join(Source, Source.id == Contact.source_id)
            .where(Contact.id == contact_id)
        ).first()
        if contact_id
        else None
    )
    function = campaign.target_functions[0] if campaign.target_functions else ""
    if row is None:
        with in_language(language):
            return Person(
                message_id=0,
                contact_id=None,
                address=address,
                address_key=_NOBODY,
                language=language,
                first_name=gettext("Anna"),
                last_name=gettext("Example"),
                company_name=gettext("Example Company"),
                title=gettext("Finance Director"),
                function=function,
                source_name=gettext("Example source"),
            )
    contact, company_name, source = row
    matching = [key for key in contact.functions if key in campaign.target_functions]
    return Person(
        message_id=0,
        contact_id=contact.id,
        address=address or contact.email,
        address_key=_NOBODY,
        language=language,
        first_name=contact.first_name,
        last_name=contact.last_name,
        company_name=company_name or "",
        title=contact.title,
        function=matching[0] if matching else function,
        shared_mailbox=contact.kind == "shared_mailbox",
        source_kind=source.kind,
        source_name=source.name,
        source_date=source.dated,
        informed=contact.art14_informed_at is not None,
    )
