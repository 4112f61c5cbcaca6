"""Checked rows -> the register, set-wise: COPY into temporary tables, then one statement a step.

A dry run takes the same steps and leaves out those that write. Nothing here decides what a cell
means (csv_rows does) or whom a message may reach (the gate does).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Any, NamedTuple

from psycopg import Connection
from sqlalchemy.orm import Session

from mailer.contacts.address import person_key
from mailer.contacts.checked_rows import Company, Row
from mailer.contacts.merging import (
    COMPANY_FIELDS,
    CONTACT_FIELDS,
    DEFAULT_RULE,
    FIGURES,
    Merge,
    rank_of_source,
)

_TABLES = """
CREATE TEMP TABLE IF NOT EXISTS staged_contacts (
  row bigint, email text, first_name text, last_name text, phone text, title text, duties text,
  language text, note text, tags text[], kind text, countries text[], address_key bytea,
  person_key bytea, domain_key bytea, company_key bytea, company_id bigint, title_id bigint,
  functions text[], level smallint, confidence real, evidence smallint, quarantine text
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS staged_companies (
  no bigint, name text, name_key text, domain text, business_id text, company_key bytea,
  industry_code text, industry_name text, headcount bigint, turnover_eur bigint,
  result_eur bigint, street text, postal_code text, city text, country text, company_id bigint
) ON COMMIT DELETE ROWS
"""
_CONTACT_COLUMNS = (
    "row, email, first_name, last_name, phone, title, duties, language, note, tags, kind,"
    " countries, address_key, person_key, domain_key, company_key, company_id, title_id,"
    " functions, level, confidence, evidence, quarantine"
)
_COMPANY_COLUMNS = (
    "no, name, name_key, domain, business_id, company_key, industry_code, industry_name,"
    " headcount, turnover_eur, result_eur, street, postal_code, city, country"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """What every value of the file came from, and what an update may do."""

    import_id: int
    source_id: int
    source_kind: str
    dated: date
    basis: str
    relationship: str
    notice_version_id: int
    default_language: str
    rules: Mapping[str, str]
    now: datetime

    def rule(self, field: str) -> str:
        """The update rule of a field, by the name the notice has for it."""
        return self.rules.get(field, DEFAULT_RULE)

    @property
    def parameters(self) -> dict[str, Any]:
        """The values that the statements name."""
        return {
            "import": self.import_id,
            "source": self.source_id,
            "rank": rank_of_source(self.source_kind),
            "collected": min(datetime.combine(self.dated, time(), UTC), self.now),
            "year": self.dated.year,
            "basis": self.basis,
            "relationship": self.relationship,
            "notice": self.notice_version_id,
            "language": self.default_language,
            "now": self.now,
            "on": self.dated.isoformat(),
        }


class RoleFacts(NamedTuple):
    """What a title was taken to mean, ready for the contacts that bear it."""

    title_id: int | None
    functions: tuple[str, ...]
    level: int
    confidence: float
    evidence: int


NO_ROLE = RoleFacts(None, (), 0, 0.0, 0)


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


def connection(session: Session) -> Connection[Any]:
    """The driver's connection of a session, inside the session's transaction."""
    driver = session.connection().connection.driver_connection
    if not isinstance(driver, Connection):
        raise TypeError("imports need PostgreSQL through psycopg")
    return driver


def prepare(session: Session) -> None:
    """Make the temporary tables of this connection, empty."""
    driver = connection(session)
    driver.execute(_TABLES)
    driver.execute("TRUNCATE staged_contacts, staged_companies")


def stage_companies(
    session: Session, companies: Sequence[Company], origin: Origin, *, dry_run: bool
) -> tuple[list[int | None], int, int]:
    """Find or create each company.

    Their ids in order (None for one that a dry run would create), how many are created, and how
    many that were known are changed.
    """
    driver = connection(session)
    _copy(driver, "staged_companies", _COMPANY_COLUMNS, map(_company_line, enumerate(companies)))
    parameters = origin.parameters
    driver.execute(_FIND_BY_ID)
    driver.execute(_FIND_ADOPTABLE)
    driver.execute(_FIND_BY_NAME)
    if not dry_run:
        driver.execute(_ADOPT, parameters)
    updated = _merge_companies(driver, origin, dry_run=dry_run)
    created = 0
    if not dry_run:
        created += driver.execute(
            _CREATE_COMPANIES.format(known="IS NOT NULL", by=_BY_ID), parameters
        ).rowcount
        driver.execute(_FIND_BY_ID)
        driver.execute(_FIND_BY_NAME)
        created += driver.execute(
            _CREATE_COMPANIES.format(known="IS NULL", by=_BY_NAME), parameters
        ).rowcount
        driver.execute(_FIND_BY_NAME)
    found = driver.execute("SELECT company_id FROM staged_companies ORDER BY no").fetchall()
    ids = [row[0] for row in found]
    return ids, created or ids.count(None), updated


def stage_contacts(
    session: Session,
    rows: Iterable[tuple[Row, int | None, RoleFacts]],
    origin: Origin,
    *,
    dry_run: bool,
) -> Outcome:
    """Create and update the contacts of accepted rows, or say what that would do."""
    driver = connection(session)
    staged = _copy(driver, "staged_contacts", _CONTACT_COLUMNS, map(_contact_line, rows))
    refused = {
        int(number): str(code)
        for statement in _REFUSE
        for number, code in driver.execute(statement).fetchall()
    }
    (opted_out,) = _one(driver, _OPTED_OUT, {})
    updated = _merge_contacts(driver, origin, dry_run=dry_run)
    statement = _COUNT_NEW if dry_run else _CREATE_CONTACTS
    created, quarantined = _one(driver, statement, origin.parameters)
    return Outcome(
        created=created,
        updated=updated,
        unchanged=staged - len(refused) - updated - created - quarantined,
        quarantined=quarantined,
        opted_out_earlier=opted_out,
        refused=refused,
    )


def copy_problems(session: Session, import_id: int, problems: Iterable[Sequence[Any]]) -> None:
    """Store (row, position, column, value, code, rejects) lines of an import."""
    lines = (
        _line([import_id, row, position, column, value, code, "t" if rejects else "f"])
        for row, position, column, value, code, rejects in problems
    )
    columns = 'import_id, "row", position, "column", value, code, rejects'
    _copy(connection(session), "import_problems", columns, lines)


# Companies

# A company that was known by name and domain only learns its Business ID.
_FIND_ADOPTABLE = """
UPDATE staged_companies s SET company_id = c.id
FROM companies c
WHERE s.company_id IS NULL AND s.business_id IS NOT NULL AND s.domain <> ''
  AND c.business_id IS NULL AND c.name_key = s.name_key AND c.domain = s.domain
  AND NOT EXISTS (SELECT 1 FROM staged_companies o WHERE o.no < s.no
                  AND o.name_key = s.name_key AND o.domain = s.domain AND o.business_id IS NOT NULL)
"""
_ADOPT = """
UPDATE companies c
SET business_id = s.business_id, company_key = s.company_key, updated_at = %(now)s
FROM staged_companies s
WHERE c.id = s.company_id AND c.business_id IS NULL AND s.business_id IS NOT NULL
"""
_FIND_BY_ID = """
UPDATE staged_companies s SET company_id = c.id FROM companies c
WHERE s.company_id IS NULL AND c.business_id = s.business_id
"""
# By name only at the same domain, and never against a Business ID of its own.
_FIND_BY_NAME = """
UPDATE staged_companies s SET company_id = c.id
FROM (SELECT DISTINCT ON (t.no) t.no, k.id FROM staged_companies t
      JOIN companies k ON k.name_key = t.name_key AND k.domain = t.domain
      WHERE t.company_id IS NULL AND t.business_id IS NULL
      ORDER BY t.no, k.business_id IS NULL, k.id) c
WHERE s.no = c.no
"""
_BY_ID = "(business_id) WHERE business_id IS NOT NULL"
_BY_NAME = "(name_key, domain) WHERE business_id IS NULL"
_CREATE_COMPANIES = """
INSERT INTO companies (name, name_key, business_id, company_key, domain, organisation_kind,
  industry_code, industry_name, headcount, headcount_year, turnover_eur, turnover_year, result_eur,
  result_year, street, postal_code, city, country, source_id, import_id, field_sources, created_at,
  updated_at)
SELECT name, name_key, business_id, company_key, domain, 'company', industry_code, industry_name,
  headcount, CASE WHEN headcount IS NOT NULL THEN %(year)s END,
  turnover_eur, CASE WHEN turnover_eur IS NOT NULL THEN %(year)s END,
  result_eur, CASE WHEN result_eur IS NOT NULL THEN %(year)s END,
  street, postal_code, city, country, %(source)s, %(import)s, '{{}}', %(now)s, %(now)s
FROM staged_companies WHERE company_id IS NULL AND business_id {known} ORDER BY no
ON CONFLICT {by} DO NOTHING
"""


def _merge_companies(driver: Connection[Any], origin: Origin, *, dry_run: bool) -> int:
    """Apply the update rules to companies that are known; how many change."""
    merge = Merge("companies", {name: origin.rule(field) for name, field in COMPANY_FIELDS.items()})
    finals = (
        f"SELECT DISTINCT ON (c.id) c.id, s.name_key{merge.finals}"  # noqa: S608 - constants
        " FROM staged_companies s JOIN companies c ON c.id = s.company_id ORDER BY c.id, s.no"
    )
    written = ""
    if not dry_run:
        years = "".join(
            f", {year} = CASE WHEN {merge.changes(name)} THEN %(year)s ELSE c.{year} END"
            for name, year in FIGURES.items()
        )
        written = f""", written AS (
UPDATE companies c SET {merge.sets}, {merge.sources}{years}, updated_at = %(now)s,
  name_key = CASE WHEN c.business_id IS NOT NULL AND {merge.changes("name")}
             THEN m.name_key ELSE c.name_key END
FROM merged m WHERE c.id = m.id AND m.changed)"""  # noqa: S608 - constants
    _, changed = _one(driver, merge.statement(finals, written), origin.parameters)
    return int(changed)


def _company_line(numbered: tuple[int, Company]) -> str:
    number, company = numbered
    values = [_field(value) for value in (number, *company)]
    values[5] = _hex(company.company_key)
    return "\t".join(values) + "\n"


# Contacts

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
DELETE FROM staged_contacts s USING contacts c
WHERE c.email = s.email AND (c.erased_at IS NOT NULL OR c.restricted_at IS NOT NULL)
RETURNING s.row,
  CASE WHEN c.erased_at IS NOT NULL THEN 'erased_earlier' ELSE 'restricted_person' END
""",
)
_OPTED_OUT = """
WITH keys AS MATERIALIZED (SELECT key FROM suppressions WHERE lifted_at IS NULL)
SELECT count(*) FROM staged_contacts s
WHERE s.address_key IN (SELECT key FROM keys) OR s.domain_key IN (SELECT key FROM keys)
   OR s.person_key IN (SELECT key FROM keys) OR s.company_key IN (SELECT key FROM keys)
"""
_NEW = "FROM staged_contacts s WHERE NOT EXISTS (SELECT 1 FROM contacts c WHERE c.email = s.email)"
_COUNT_NEW = "SELECT count(*) FILTER (WHERE s.quarantine IS NULL), count(s.quarantine) " + _NEW
_CREATE_CONTACTS = f"""
WITH made AS (
INSERT INTO contacts (company_id, kind, first_name, last_name, email, phone, title, duties,
  language, note, tags, countries, address_key, person_key, domain_key, title_id, functions, level,
  role_confidence, role_evidence, basis, relationship_kind, source_id, import_id, notice_version_id,
  collected_at, quarantined_at, quarantine_reason, created_at, updated_at)
SELECT s.company_id, s.kind, s.first_name, s.last_name, s.email, NULLIF(s.phone, ''), s.title,
  s.duties, COALESCE(NULLIF(s.language, ''), %(language)s), s.note, s.tags, s.countries,
  s.address_key, s.person_key, s.domain_key, s.title_id, s.functions, s.level, s.confidence,
  s.evidence, %(basis)s, %(relationship)s, %(source)s, %(import)s, %(notice)s, %(collected)s,
  CASE WHEN s.quarantine IS NOT NULL THEN %(now)s::timestamptz END, s.quarantine, %(now)s, %(now)s
{_NEW} ORDER BY s.row
ON CONFLICT (email) DO NOTHING RETURNING quarantined_at)
SELECT count(*) FILTER (WHERE quarantined_at IS NULL), count(quarantined_at) FROM made
"""  # noqa: S608 - constants


def _merge_contacts(driver: Connection[Any], origin: Origin, *, dry_run: bool) -> int:
    """Merge field by field into contacts that are known; how many change."""
    merge = Merge("contacts", {name: origin.rule(field) for name, field in CONTACT_FIELDS.items()})
    finals = (
        f"SELECT c.id, s.row{merge.finals}"  # noqa: S608 - constants
        " FROM staged_contacts s JOIN contacts c ON c.email = s.email"
    )
    written = (
        "" if dry_run else merge.history + _WRITE_CONTACTS.format(merge=merge, **_roles(merge))
    )
    _, changed = _one(driver, merge.statement(finals, written), origin.parameters)
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
FROM merged m JOIN staged_contacts s ON s.row = m.row
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
            f"{column} = CASE WHEN {when} THEN s.{staged} ELSE c.{column} END"
            for column, staged in pairs.items()
        )
    }


def _contact_line(staged: tuple[Row, int | None, RoleFacts]) -> str:
    row, company_id, role = staged
    company_key = row.company.company_key if row.company else None
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
    if "\\" in line or not line.replace("\t", "").isprintable():
        line = "\t".join(map(_field, texts))
    tags = _field(_array(row.tags)) if row.tags else "{}"
    return (
        f"{row.number}\t{line}\t{tags}\t{row.kind}\t{_array(row.countries)}"
        f"\t{_hex(row.address_key)}\t{_hex(row.person_key)}\t{_hex(row.domain_key)}"
        f"\t{_hex(company_key)}\t{_NULL if company_id is None else company_id}"
        f"\t{_role_text(role)}\t{row.quarantine or _NULL}\n"
    )


@lru_cache(maxsize=10_000)
def _role_text(role: RoleFacts) -> str:
    known = [role.title_id, _array(role.functions), role.level, role.confidence, role.evidence]
    return "\t".join(map(_field, known))


# The text form of COPY


def _copy(driver: Connection[Any], table: str, columns: str, lines: Iterable[str]) -> int:
    """Fill a table (a staged one from empty) with lines; how many."""
    if table.startswith("staged_"):
        driver.execute(f"TRUNCATE {table}")
    together = list(lines)
    with (
        driver.cursor() as cursor,
        cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy,
    ):
        copy.write("".join(together))
    return len(together)


def _line(values: Sequence[Any]) -> str:
    return "\t".join([_field(value) for value in values]) + "\n"


_NULL = "\\N"
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\x00": ""})


def _field(value: Any) -> str:
    if value is None:
        return _NULL
    text = value if type(value) is str else str(value)
    # Almost no cell has anything to escape; isprintable is one pass without a new string.
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)


def _hex(value: bytes | None) -> str:
    return _NULL if value is None else f"\\\\x{value.hex()}"


@lru_cache(maxsize=10_000)
def _array(values: tuple[str, ...]) -> str:
    if not values:
        return "{}"
    return "{" + ",".join(_element(value) for value in values) + "}"


def _element(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _one(driver: Connection[Any], statement: str, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
    found = driver.execute(statement, parameters).fetchone()
    return tuple(found) if found is not None else (0, 0)
