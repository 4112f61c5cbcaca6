"""Files that go out: nobody who may not be in them, and nothing a spreadsheet would run."""

from datetime import datetime

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from mailer.contacts import columns, csv_file, exporting
from mailer.contacts.import_refusals import ImportRefusedError
from mailer.contacts.models import Contact, ImportFile
from mailer.languages import in_language
from mailer.notice.vocabulary import FIELDS
from tests.contacts.files import HEADER, codes, import_file, make_file, make_row, numbers, publish

HETU = "131052-308T"


@pytest.fixture(autouse=True)
def _notice(session: Session, now: datetime) -> None:
    publish(session, now)


def exported(session: Session, declared: frozenset[str] = frozenset(FIELDS)) -> csv_file.Table:
    return csv_file.read(b"".join(exporting.contacts_csv(session, declared)))


def test_an_export_can_be_imported_again_and_changes_nothing(
    session: Session, now: datetime
) -> None:
    header = (*HEADER, "Puhelin", "Tunnisteet", "Huom")
    content = make_file(
        (*make_row(), "040 1234567", "a, b", "=1+1;x"), header=header, delimiter="\t"
    )
    import_file(session, content, now=now)
    table = exported(session)
    (found,) = [cells for _, cells, _ in table.records()]
    assert "'=1+1;x" in found
    assert "'+358401234567" in found
    again = b"".join(exporting.contacts_csv(session, frozenset(FIELDS)))
    with in_language("fi"):
        made = import_file(session, again, now=now)
    assert numbers(made)["unchanged"] == 1
    assert numbers(made)["companies_updated"] == 0


def test_only_declared_fields_are_exported(session: Session, now: datetime) -> None:
    import_file(session, make_file(make_row()), now=now)
    table = exported(session, frozenset({"email", "last_name"}))
    assert [columns.recognise(heading) for heading in table.header] == ["last_name", "email"]


@pytest.mark.parametrize("flag", ["restricted_at", "erased_at", "quarantined_at"])
def test_whoever_may_not_be_used_is_in_no_export(
    session: Session, now: datetime, flag: str
) -> None:
    other = make_row(Sähköposti="b@yritys.example")
    import_file(session, make_file(make_row(), other), now=now)
    session.execute(update(Contact).where(Contact.email == "b@yritys.example").values({flag: now}))
    assert len(list(exported(session).records())) == 1


def test_an_export_of_some_holds_those_only(session: Session, now: datetime) -> None:
    other = make_row(Sähköposti="b@yritys.example")
    import_file(session, make_file(make_row(), other), now=now)
    which = select(Contact.id).where(Contact.email == "b@yritys.example")
    content = b"".join(exporting.contacts_csv(session, frozenset(FIELDS), which))
    assert content.count(b"@") == 1


def test_the_error_file_has_the_format_of_the_original_and_can_be_mended(
    session: Session, now: datetime
) -> None:
    header = (*HEADER, "Sukupuoli", "Huom")
    bad = (*make_row(Sähköposti="väärä"), "N", "=1+1")
    coded = (*make_row(Sähköposti="b@yritys.example"), "M", f"hetu {HETU}")
    aside = (*make_row(Sähköposti="c@gmail.com"), "", "")
    content = make_file(
        (*make_row(), "N", ""), bad, coded, aside, header=header, delimiter="|", encoding="cp1252"
    )
    made = import_file(session, content, now=now)
    with in_language("en"):
        errors = exporting.error_file(session, made)
    table = csv_file.read(errors.content)
    assert (table.encoding, table.delimiter) == ("cp1252", "|")
    assert table.header == [*header, "Error code", "Reason"]
    found = [cells for _, cells, _ in table.records()]
    assert [cells[-2] for cells in found] == ["bad_address", "identity_code", "free_mail_company"]
    assert [cells[6] for cells in found] == ["", "", ""], "a forbidden column is not handed on"
    assert found[0][7] == "'=1+1"
    assert HETU not in errors.content.decode("cp1252")
    mended = errors.content.decode("cp1252").replace("väärä", "d@yritys.example").encode("cp1252")
    again = import_file(session, mended, now=now)
    assert numbers(again)["created"] == 1
    assert "bad_address" not in codes(again)


def test_without_the_original_there_is_no_error_file(session: Session, now: datetime) -> None:
    made = import_file(session, make_file(make_row(Sähköposti="x")), now=now)
    session.execute(delete(ImportFile))
    with pytest.raises(ImportRefusedError, match="file_gone"):
        exporting.error_file(session, made)
