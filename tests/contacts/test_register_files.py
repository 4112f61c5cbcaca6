"""The made-up register files: every row of every kind ends up where it should.

The kinds of truth.json overlap in one way only: a duplicate repeats a clean row. What the import
does with each kind:

| kind                        | what happens                                                   |
|-----------------------------|----------------------------------------------------------------|
| duplicates (both spellings) | rejected, `duplicate_in_file`                                  |
| bad or missing address      | rejected                                                       |
| non-ASCII local part        | rejected, `non_ascii_local`                                    |
| no company                  | rejected, `no_company`                                         |
| identity code in a note     | rejected, `identity_code`, and put on the do-not-import list   |
| free mail                   | all have a right Business ID: a weak sign, so quarantined      |
| wrong check digit           | kept without the Business ID, warned                           |
| special-category note       | kept without the note, warned                                  |
| formula, spaces, IDN domain | kept                                                           |
| no title                    | kept, warned                                                   |
| role address                | kept as a shared mailbox                                       |

The one deviation: truth.json knows nothing of duties, and people whose work is outside what the
notice offers to (teachers, nurses, researchers) are not stored for prospecting (R11).
"""

import json
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.contacts.models import Contact, Suppression
from tests.contacts.files import REGISTER, codes, import_file, numbers, publish

FILES = ("contacts_fi_cp1252", "contacts_fi_utf8bom")
REJECTED = {
    "duplicate_in_file": ("duplicate_of_earlier", "duplicate_other_case"),
    "missing_address": ("missing_email",),
    "bad_address": ("bad_email",),
    "non_ascii_local": ("non_ascii_local",),
    "no_company": ("no_company",),
    "identity_code": ("hetu_in_note",),
}
WARNED = {
    "free_mail_company": "free_mail",
    "business_id_check_digit": "bad_y_tunnus",
    "special_category": "special_category_note",
    "formula_text": "formula_cell",
    "no_title": "no_title",
}


def load(name: str) -> tuple[bytes, dict[str, Any]]:
    if not REGISTER.is_dir():
        pytest.skip("the made-up register files are not beside the repository")
    truth = json.loads((REGISTER / f"{name}.truth.json").read_text())
    return (REGISTER / f"{name}.csv").read_bytes(), truth


@pytest.mark.parametrize("name", FILES)
def test_the_counts_of_every_kind_are_the_truth(session: Session, now: datetime, name: str) -> None:
    content, truth = load(name)
    kinds = truth["kinds"]
    publish(session, now)
    entry = import_file(session, content, now=now)
    found, sums = codes(entry), numbers(entry)
    assert (entry.encoding, entry.delimiter) == (truth["encoding"], truth["delimiter"])
    for code, names in REJECTED.items():
        assert found.get(code, 0) == sum(kinds[kind] for kind in names), code
    for code, kind in WARNED.items():
        assert found.get(code, 0) == kinds[kind], code
    outside = found.get("duties_outside_offering", 0)
    rejected = sum(kinds[kind] for names in REJECTED.values() for kind in names)
    assert sums["rejected"] == rejected + outside
    assert sums["rows"] == kinds["rows"]
    assert sums["created"] + sums["quarantined"] == kinds["rows"] - sums["rejected"]
    assert entry.counts["dropped"] == [["Sukupuoli", "forbidden_column"]]
    assert session.scalar(select(func.count()).select_from(Suppression)) == kinds["hetu_in_note"]


@pytest.mark.parametrize("name", FILES)
def test_a_dry_run_foretells_the_real_run(session: Session, now: datetime, name: str) -> None:
    content, _ = load(name)
    publish(session, now)
    dry = import_file(session, content, now=now, dry_run=True)
    assert session.scalar(select(func.count()).select_from(Contact)) == 0
    real = import_file(session, content, now=now)
    assert codes(dry) == codes(real)
    foretold, came = numbers(dry), numbers(real)
    for key in ("rows", "created", "updated", "unchanged", "quarantined", "rejected"):
        assert foretold[key] == came[key], key
    assert foretold["companies_created"] == came.get("companies_created", 0)


@pytest.mark.parametrize("name", FILES)
def test_the_same_file_again_changes_nothing(session: Session, now: datetime, name: str) -> None:
    content, _ = load(name)
    publish(session, now)
    first = numbers(import_file(session, content, now=now))
    again = numbers(import_file(session, content, now=now, size=997))
    assert again["created"] == again["updated"] == again["quarantined"] == 0
    assert again["unchanged"] == first["created"] + first["quarantined"]
    assert again["rejected"] == first["rejected"]
