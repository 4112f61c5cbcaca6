"""Employers of checked rows -> companies of the register: found, created, merged, set-wise."""

from collections.abc import Sequence
from typing import Any

from psycopg import Connection
from sqlalchemy.orm import Session

from mailer.contacts import copying
from mailer.contacts.checked_rows import Company
from mailer.contacts.merging import COMPANY_FIELDS, FIGURES, Merge
from mailer.contacts.origins import Origin

_TABLE = """
CREATE TEMP TABLE IF NOT EXISTS staged_companies (
  no bigint, name text, name_key text, domain text, business_id text, company_key bytea,
  industry_code text, industry_name text, headcount bigint, turnover_eur bigint,
  result_eur bigint, street text, postal_code text, city text, country text, figures_year smallint,
  company_id bigint
) ON COMMIT DELETE ROWS;
TRUNCATE staged_companies
"""
_COLUMNS = (
    "no, name, name_key, domain, business_id, company_key, industry_code, industry_name,"
    " headcount, turnover_eur, result_eur, street, postal_code, city, country, figures_year"
)


def stage_companies(
    session: Session, companies: Sequence[Company], origin: Origin, *, dry_run: bool
) -> tuple[list[int | None], int, int]:
    """Find or create each company.

    Their ids in order (None for one that a dry run would create), how many are created, and how
    many that were known are changed.
    """
    if not companies:
        return [], 0, 0
    driver = copying.connection(session)
    driver.execute(_TABLE)
    copying.copy(driver, "staged_companies", _COLUMNS, map(_line, enumerate(companies)))
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
  headcount, CASE WHEN headcount IS NOT NULL THEN COALESCE(figures_year, %(year)s) END,
  turnover_eur, CASE WHEN turnover_eur IS NOT NULL THEN COALESCE(figures_year, %(year)s) END,
  result_eur, CASE WHEN result_eur IS NOT NULL THEN COALESCE(figures_year, %(year)s) END,
  street, postal_code, city, country, %(source)s, %(import)s, '{{}}', %(now)s, %(now)s
FROM staged_companies WHERE company_id IS NULL AND business_id {known} ORDER BY no
ON CONFLICT {by} DO NOTHING
"""


def _merge_companies(driver: Connection[Any], origin: Origin, *, dry_run: bool) -> int:
    """Apply the update rules to companies that are known; how many change."""
    merge = Merge("companies", {name: origin.rule(field) for name, field in COMPANY_FIELDS.items()})
    finals = (
        f"SELECT DISTINCT ON (c.id) c.id, s.name_key, s.figures_year{merge.finals}"  # noqa: S608 - constants
        f" FROM staged_companies s JOIN companies c ON c.id = s.company_id WHERE {merge.may_change}"
        " ORDER BY c.id, s.no"
    )
    written = ""
    if not dry_run:
        years = "".join(
            f", {year} = CASE WHEN {merge.changes(name)} THEN COALESCE(m.figures_year, %(year)s)"
            f" ELSE c.{year} END"
            for name, year in FIGURES.items()
        )
        written = f""", written AS (
UPDATE companies c SET {merge.sets}, {merge.sources}{years}, updated_at = %(now)s,
  name_key = CASE WHEN c.business_id IS NOT NULL AND {merge.changes("name")}
             THEN m.name_key ELSE c.name_key END
FROM merged m WHERE c.id = m.id AND m.changed)"""  # noqa: S608 - constants
    _, changed = copying.fetch_one(driver, merge.statement(finals, written), origin.parameters)
    return int(changed)


def _line(numbered: tuple[int, Company]) -> str:
    number, company = numbered
    values = [copying.field(value) for value in (number, *company)]
    values[5] = copying.binary(company.company_key)
    return "\t".join(values) + "\n"
