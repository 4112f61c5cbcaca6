"""Contacts and companies refer to what is there, as if foreign keys kept it."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mailer.contacts.models import Company, Contact, Import, Source
from mailer.roles.models import Title
from tests.contacts.files import PLAIN, import_file, make_file, publish


@pytest.fixture
def contact(session: Session, now: datetime) -> Contact:
    publish(session, now)
    import_file(session, make_file(PLAIN), now=now)
    return session.scalars(select(Contact)).one()


def copy_of(contact: Contact, **changes: Any) -> dict[str, Any]:
    left_out = ("id", "search_text")
    values = {
        column.name: getattr(contact, column.name)
        for column in Contact.__table__.columns
        if column.name not in left_out
    }
    return {**values, "email": "toinen@yritys.example", **changes}


@pytest.mark.parametrize(
    "column", ["company_id", "title_id", "source_id", "import_id", "notice_version_id"]
)
def test_a_new_contact_refers_only_to_what_is_there(
    session: Session, contact: Contact, column: str
) -> None:
    session.execute(insert(Contact).values(copy_of(contact)))
    wrong = copy_of(contact, email="kolmas@yritys.example", **{column: 99_999})
    with pytest.raises(IntegrityError, match=f"contacts.{column} refers to what is not in"):
        session.execute(insert(Contact), [wrong])


@pytest.mark.parametrize("column", ["company_id", "title_id", "source_id"])
def test_a_changed_contact_refers_only_to_what_is_there(
    session: Session, contact: Contact, column: str
) -> None:
    with pytest.raises(IntegrityError, match=f"contacts.{column} refers to what is not in"):
        session.execute(update(Contact).values({column: 99_999}))


def test_a_contact_may_refer_to_nothing(session: Session, contact: Contact) -> None:
    session.execute(update(Contact).values(company_id=None, title_id=None))
    session.execute(insert(Contact).values(copy_of(contact, company_id=None, title_id=None)))


@pytest.mark.parametrize("parent", [Company, Title, Source, Import])
def test_what_a_contact_refers_to_is_not_deleted(
    session: Session, contact: Contact, parent: Any
) -> None:
    with pytest.raises(IntegrityError, match=r"still refer|foreign key"):
        session.execute(delete(parent))


def test_a_company_without_people_can_be_deleted(session: Session, contact: Contact) -> None:
    session.execute(delete(Contact))
    session.execute(delete(Company))
    assert session.scalars(select(Company)).all() == []
