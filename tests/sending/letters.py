"""A campaign's content and its people, without a database."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from mailer.campaigns.content import compile_content
from mailer.config import Settings
from mailer.contacts.address import address_key, canonical
from mailer.notice.schema import Notice
from mailer.sending.envelope import Person
from mailer.sending.rendering import Rendering
from tests.segments.register import notice_with

MJML = """<mjml><mj-body><mj-section><mj-column>
<mj-text><p>Hei {first_name|sinä} {last_name|ystävä}, {title|asiantuntija}!</p></mj-text>
<mj-text><p><a href="https://esimerkki.example/uutiset?a=1&amp;b=2">Lue</a></p></mj-text>
<mj-button href="https://esimerkki.example/ilmoittaudu">Ilmoittaudu, {company_name|te}</mj-button>
</mj-column></mj-section></mj-body></mjml>"""
SUBJECT = "Uutisia, {first_name|hyvä lukija}"


def make_person(number: int = 1, **facts: Any) -> Person:
    """Somebody who has had the first-contact information and is not tracked."""
    address = facts.pop("address", f"henkilo.{number}@yritys.example")
    return Person(
        **{
            "message_id": number,
            "contact_id": number,
            "address": address,
            "address_key": address_key(canonical(address)),
            "language": "fi",
            "first_name": "Äijö",
            "last_name": "Åström",
            "company_name": "Öljy & Kumppanit Oy",
            "title": "Talousjohtaja",
            "function": "finance",
            "source_kind": "public_web",
            "source_name": "Yritysten verkkosivut",
            "source_date": date(2026, 11, 2),
            **facts,
        }
    )


def make_rendering(
    settings: Settings,
    *,
    languages: Sequence[str] = ("fi",),
    subject: str = SUBJECT,
    mjml: str = MJML,
    sender_name: str = "Esimerkki Äyriäinen",
    links: Mapping[tuple[str, int], int] | None = None,
    notice: Notice | None = None,
) -> Rendering:
    notice = notice or notice_with()
    entity = notice.entity("esimerkki")
    assert entity is not None
    return Rendering(
        settings,
        campaign_id=7,
        notice=notice,
        entity=entity,
        sender_name=sender_name,
        sender_address="uutiset@esimerkki.example",
        reply_to="",
        contents=[compile_content(language, subject, "Mitä uutta", mjml) for language in languages],
        link_ids=links,
    )
