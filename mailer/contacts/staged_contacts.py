"""Checked rows -> contacts of the register, set-wise: COPY into a temporary table, then one
statement a step.

A dry run takes the same steps and leaves out those that write. Nothing here decides what a cell
means (csv_rows does) or whom a message may reach (the gate does).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from psycopg import Connection
from sqlalchemy.orm import Session

from mailer.contacts import copying
from mailer.contacts.address import person_key
from mailer.contacts.checked_rows import Row
from mailer.contacts.merging import CONTACT_FIELDS, Merge
from mailer.contacts.origins import Origin
from mailer.contacts.titles import RoleFacts

_TABLES = """
CREATE TEMP TABLE IF NOT EXISTS staged_contacts (
  row bigint, email text, first_name text, last_name text, phone text, title text, duties text,
  language text, note text, tags text[], kind text, countries text[], address_key bytea,
  person_key bytea, domain_key bytea, company_key bytea, company_id bigint, role integer,
  quarantine text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_roles (
  no integer, title_id bigint, functions text[], level smallint, confidence real, evidence smallint
) ON COMMIT DELETE ROWS;
-- Which rows are of contacts that the register has: whether the register keeps them out, and
-- whether the row may change anything.
CREATE TEMP TABLE IF NOT EXISTS staged_matches (
  row bigint, id bigint, refusal text, told boolean
) ON COMMIT DELETE ROWS;
TRUNCATE staged_contacts, staged_roles, staged_matches
"""
_COLUMNS = (
    "row, email, first_name, last_name, phone, title, duties, language, note, tags, kind,"
    " countries, address_key, person_key, domain_key, company_key, company_id, role, quarantine"
)
_ROLE_COLUMNS = "no, title_id, functions, level, confidence, evidence"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one stage of rows did, or would do. `refused`: row -> code, for rows that the register
    itself keeps out."""

    created: int
    updated: int
    unchanged: int
    quarantined: int
    opted_out_earlier: int
    refused: dict[int, str]


def stage_contacts(
    session: Session,
    rows: Iterable[tuple[Row, int | None, RoleFacts]],
    origin: Origin,
    *,
    dry_run: bool,
) -> Outcome:
    """Create and update the contacts of accepted rows, or say what that would do."""
    driver = copying.connection(session)
    driver.execute(_TABLES)
    roles: dict[RoleFacts, int] = {}
    lines = [
        _line(row, company_id, roles.setdefault(role, len(roles))) for row, company_id, role in rows
    ]
    copying.copy(driver, "staged_contacts", _COLUMNS, lines)
    copying.copy(driver, "staged_roles", _ROLE_COLUMNS, map(_role_line, roles.items()))
    merge = Merge("contacts", {name: origin.rule(field) for name, field in CONTACT_FIELDS.items()})
    driver.execute(_MATCH.format(may_change=merge.may_change), origin.parameters)
    refused = {
        int(number): str(code)
        for statement in _REFUSE
        for number, code in driver.execute(statement).fetchall()
    }
    (opted_out,) = copying.fetch_one(driver, _OPTED_OUT, {})
    updated = _merge_contacts(driver, merge, origin, dry_run=dry_run)
    statement = _COUNT_NEW if dry_run else _CREATE_CONTACTS
    created, quarantined = copying.fetch_one(driver, statement, origin.parameters)
    return Outcome(
        created=created,
        updated=updated,
        unchanged=len(lines) - len(refused) - updated - created - quarantined,
        quarantined=quarantined,
        opted_out_earlier=opted_out,
        refused=refused,
    )


# A later source that tells the same has checked the data, which is a change too (R44).
_MATCH = """
INSERT INTO staged_matches
SELECT s.row, c.id,
  CASE WHEN c.erased_at IS NOT NULL THEN 'erased_earlier'
    WHEN c.restricted_at IS NOT NULL THEN 'restricted_person' END,
  {may_change} OR %(collected)s > GREATEST(c.collected_at, c.verified_at)
FROM staged_contacts s JOIN contacts c ON c.email = s.email
"""
# Whom the register itself keeps out: private persons that were deleted, people who were erased,
# contacts whose processing is restricted. `evidence` is how an erasure marks its suppression.
_REFUSE = (
    """
DELETE FROM staged_contacts s USING suppressions x
WHERE x.key = s.address_key AND x.lifted_at IS NULL
  AND (x.kind = 'private_person' OR x.evidence = 'erasure')
RETURNING s.row,
  CASE WHEN x.kind = 'private_person' THEN 'private_person_earlier' ELSE 'erased_earlier' END
""",
    """
DELETE FROM staged_contacts s USING staged_matches m
WHERE m.row = s.row AND m.refusal IS NOT NULL
RETURNING s.row, m.refusal
""",
)
# One join a key, each by the index of the list or by a hash of it, as its length suggests.
_OPTED_OUT = """
SELECT count(*) FROM (
SELECT s.row FROM staged_contacts s JOIN suppressions x ON x.key = s.address_key
WHERE x.lifted_at IS NULL UNION
SELECT s.row FROM staged_contacts s JOIN suppressions x ON x.key = s.person_key
WHERE x.lifted_at IS NULL UNION
SELECT s.row FROM staged_contacts s JOIN suppressions x ON x.key = s.domain_key
WHERE x.lifted_at IS NULL UNION
SELECT s.row FROM staged_contacts s JOIN suppressions x ON x.key = s.company_key
WHERE x.lifted_at IS NULL) found
"""
_NEW = """FROM staged_contacts s JOIN staged_roles r ON r.no = s.role
WHERE NOT EXISTS (SELECT 1 FROM staged_matches m WHERE m.row = s.row)"""
_COUNT_NEW = "SELECT count(*) FILTER (WHERE s.quarantine IS NULL), count(s.quarantine) " + _NEW
_CREATE_CONTACTS = f"""
WITH made AS (
INSERT INTO contacts (company_id, kind, first_name, last_name, email, phone, title, duties,
  language, note, tags, countries, address_key, person_key, domain_key, title_id, functions, level,
  role_confidence, role_evidence, basis, relationship_kind, source_id, import_id, notice_version_id,
  collected_at, quarantined_at, quarantine_reason, created_at, updated_at)
SELECT s.company_id, s.kind, s.first_name, s.last_name, s.email, NULLIF(s.phone, ''), s.title,
  s.duties, COALESCE(NULLIF(s.language, ''), %(language)s), s.note, s.tags, s.countries,
  s.address_key, s.person_key, s.domain_key, r.title_id, r.functions, r.level, r.confidence,
  r.evidence, %(basis)s, %(relationship)s, %(source)s, %(import)s, %(notice)s, %(collected)s,
  CASE WHEN s.quarantine IS NOT NULL THEN %(now)s::timestamptz END, s.quarantine, %(now)s, %(now)s
{_NEW} ORDER BY s.row
ON CONFLICT (email) DO NOTHING RETURNING quarantined_at)
SELECT count(*) FILTER (WHERE quarantined_at IS NULL), count(quarantined_at) FROM made
"""  # noqa: S608 - constants


def _merge_contacts(driver: Connection[Any], merge: Merge, origin: Origin, *, dry_run: bool) -> int:
    """Merge field by field into contacts that are known; how many change."""
    finals = (
        f"SELECT c.id, s.row{merge.finals}"  # noqa: S608 - constants
        " FROM staged_matches k JOIN staged_contacts s ON s.row = k.row"
        " JOIN contacts c ON c.id = k.id WHERE k.told"
    )
    written = (
        "" if dry_run else merge.history + _WRITE_CONTACTS.format(merge=merge, **_roles(merge))
    )
    _, changed = copying.fetch_one(driver, merge.statement(finals, written), origin.parameters)
    if changed and not dry_run:
        _key_people(driver, origin)
    return int(changed)


# The suppression key of a person is known for the names and the employer of the file only. A later
# source that tells the same has checked the data.
_WRITE_CONTACTS = """, written AS (
UPDATE contacts c SET {merge.sets}, {merge.sources}, {roles},
  person_key = CASE WHEN s.person_key IS NOT NULL AND m.new_first_name = s.first_name
    AND m.new_last_name = s.last_name AND m.new_company_id = s.company_id
    THEN s.person_key ELSE c.person_key END,
  verified_at = GREATEST(c.verified_at,
    CASE WHEN %(collected)s > c.collected_at THEN %(collected)s::timestamptz END),
  updated_at = %(now)s, version = c.version + 1
FROM merged m JOIN staged_contacts s ON s.row = m.row JOIN staged_roles r ON r.no = s.role
WHERE c.id = m.id
  AND (m.changed OR %(collected)s > GREATEST(c.collected_at, c.verified_at)))"""


# Whose name or employer is now a mixture of old and new, so that no key of the file is theirs.
_MIXED = """
SELECT c.id, c.first_name, c.last_name,
  COALESCE(k.business_id, split_part(c.email, '@', 2))
FROM staged_contacts s JOIN contacts c ON c.email = s.email
LEFT JOIN companies k ON k.id = c.company_id
WHERE c.updated_at = %(now)s AND c.first_name <> '' AND c.last_name <> ''
  AND (c.person_key IS NULL OR c.person_key IS DISTINCT FROM s.person_key)
"""


def _key_people(driver: Connection[Any], origin: Origin) -> None:
    """Give a new suppression key to the people whom the merge has renamed or moved."""
    mixed = driver.execute(_MIXED, origin.parameters).fetchall()
    with driver.cursor() as cursor:
        cursor.executemany(
            "UPDATE contacts SET person_key = %s WHERE id = %s",
            [(person_key(first, last, employer), key) for key, first, last, employer in mixed],
        )


def _roles(merge: Merge) -> dict[str, str]:
    """A new title brings its role, unless somebody set the role of this very person by hand (then
    it is no title's)."""
    by_hand = "(c.role_set_at IS NOT NULL AND c.title_id IS NULL)"
    when = f"{merge.changes('title')} AND NOT {by_hand}"
    pairs = {
        "title_id": "title_id",
        "functions": "functions",
        "level": "level",
        "role_confidence": "confidence",
        "role_evidence": "evidence",
    }
    return {
        "roles": ", ".join(
            f"{column} = CASE WHEN {when} THEN r.{staged} ELSE c.{column} END"
            for column, staged in pairs.items()
        )
    }


def _line(row: Row, company_id: int | None, role: int) -> str:
    texts = (
        row.email,
        row.first_name,
        row.last_name,
        row.phone,
        row.title,
        row.duties,
        row.language,
        row.note,
    )
    # Almost no row has anything to escape, and one look at all of its texts is enough to know.
    line = "\t".join(texts)
    if copying.needs_escapes(line.replace("\t", "")) or line.count("\t") >= len(texts):
        line = "\t".join(map(copying.field, texts))
    tags = copying.field(copying.array(row.tags)) if row.tags else "{}"
    company_key = row.company.company_key if row.company else None
    return (
        f"{row.number}\t{line}\t{tags}\t{row.kind}\t{copying.array(row.countries)}"
        f"\t\\\\x{row.address_key.hex()}\t{copying.binary(row.person_key)}"
        f"\t\\\\x{row.domain_key.hex()}\t{copying.binary(company_key)}"
        f"\t{copying.NULL if company_id is None else company_id}"
        f"\t{role}\t{row.quarantine or copying.NULL}\n"
    )


def _role_line(numbered: tuple[RoleFacts, int]) -> str:
    role, number = numbered
    functions = copying.array(role.functions)
    return copying.line(
        [number, role.title_id, functions, role.level, role.confidence, role.evidence]
    )
