"""A register of any size with a realistic spread, made by the database itself within seconds.

People of Finnish companies of all sizes; some opted out, some restricted, some from a
supplier without assurance, some old. The keys are those of mailer.contacts.address, so links and
opt-outs of the made people work. Run alone it fills the database of DATABASE_URL:
`python -m bench.register 100000`.
"""

import hashlib
import sys
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from mailer import clock, installation
from mailer.contacts.address import address_key, canonical, company_key, person_key
from mailer.contacts.models import Company, Contact, Source
from mailer.db import transaction
from mailer.notice import profiles, switches
from mailer.roles.models import Title

PEOPLE_A_COMPANY = 5
FIRST_NAMES = ("Anna", "Mikko", "Sari", "Jari", "Päivi", "Karl", "Åsa", "Timo", "Elina", "Kai")
LAST_NAMES = ("Lehtonen", "Nyström", "Mäkinen", "Virtanen", "Järvi", "Öhman", "Salo", "Koski")
CITIES = ("Helsinki", "Espoo", "Tampere", "Turku", "Oulu", "Vaasa", "Lahti", "Hämeenlinna")
INDUSTRIES = (
    ("62010", "Ohjelmistojen suunnittelu ja valmistus"),
    ("46900", "Yleistukkukauppa"),
    ("25620", "Metallituotteiden työstö"),
    ("41200", "Asuin- ja muiden rakennusten rakentaminen"),
    ("69201", "Kirjanpito- ja tilinpäätöspalvelu"),
    ("86220", "Lääkäriasemat"),
    ("49410", "Tieliikenteen tavarankuljetus"),
    ("70220", "Liikkeenjohdon konsultointi"),
)
# text, function, level, confidence, how many of a hundred people
TITLES = (
    ("Toimitusjohtaja", "general_management", 60, 0.98, 9),
    ("Talousjohtaja", "finance", 60, 0.98, 4),
    ("Talouspäällikkö", "finance", 40, 0.97, 4),
    ("Kirjanpitäjä", "finance", 20, 0.97, 4),
    ("Palkanlaskija", "payroll", 20, 0.97, 3),
    ("Henkilöstöjohtaja", "hr", 60, 0.97, 2),
    ("HR-asiantuntija", "hr", 20, 0.96, 3),
    ("IT-päällikkö", "it", 40, 0.97, 4),
    ("Tietohallintojohtaja", "it", 60, 0.98, 2),
    ("Järjestelmäasiantuntija", "it", 20, 0.9, 4),
    ("Ohjelmistokehittäjä", "software", 20, 0.96, 6),
    ("Ostopäällikkö", "procurement", 40, 0.97, 3),
    ("Ostaja", "procurement", 20, 0.97, 3),
    ("Logistiikkapäällikkö", "logistics", 40, 0.97, 3),
    ("Tuotantopäällikkö", "production", 40, 0.97, 5),
    ("Myyntijohtaja", "sales", 60, 0.97, 4),
    ("Myyntipäällikkö", "sales", 40, 0.97, 8),
    ("Myyntineuvottelija", "sales", 20, 0.95, 6),
    ("Markkinointipäällikkö", "marketing", 40, 0.97, 3),
    ("Projektipäällikkö", "projects", 20, 0.95, 7),
    ("Assistentti", "administration", 10, 0.9, 4),
    ("Asiakaspalvelija", "customer_service", 20, 0.95, 4),
    ("Asiantuntija", "other", 20, 0.4, 3),
    ("", "", 0, 0.0, 2),
)

# dice(n, seed, sides): the same number each time, and no two seeds in step.
DICE = """
CREATE FUNCTION pg_temp.dice(n bigint, seed bigint, sides int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT ((hashint8extended(n, seed) & 9007199254740991) % sides)::int $$
"""
# HMAC-SHA256 as mailer.keys makes it, from the key's two padded forms.
KEYED = """
CREATE FUNCTION pg_temp.keyed(t text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT substr(sha256('\\x{outer}'::bytea
  || sha256('\\x{inner}'::bytea || convert_to(t, 'UTF8'))), 1, 16) $$
"""
COMPANIES = """
INSERT INTO companies (name, name_key, business_id, company_key, domain, industry_code,
  industry_name, headcount, headcount_year, turnover_eur, turnover_year, city, postal_code,
  country, source_id, created_at, updated_at)
SELECT 'Yritys ' || n || ' Oy', 'yritys ' || n, id, pg_temp.keyed('company:' || id),
  'yritys' || n || '.example', (CAST(:codes AS text[]))[1 + i], (CAST(:names AS text[]))[1 + i],
  CASE WHEN pg_temp.dice(n, 2, 10) > 0
    THEN round(exp(pg_temp.dice(n, 3, 1000) / 1000.0 * 6.5))::int END, 2025,
  CASE WHEN pg_temp.dice(n, 4, 10) > 1 THEN 100000::bigint * pg_temp.dice(n, 5, 5000) END, 2025,
  (CAST(:cities AS text[]))[1 + pg_temp.dice(n, 6, cardinality(CAST(:cities AS text[])))],
  lpad(pg_temp.dice(n, 7, 99999)::text, 5, '0'), 'FI', :source, :now, :now
FROM generate_series(1, CAST(:companies AS bigint)) n,
  LATERAL (SELECT lpad(n::text, 7, '0') || '-' || n % 10 AS id,
    pg_temp.dice(n, 1, cardinality(CAST(:codes AS text[]))) AS i) made
"""
CONTACTS = """
INSERT INTO contacts (company_id, first_name, last_name, email, phone, title, title_id, functions,
  level, role_confidence, role_evidence, language, tags, countries, address_key, person_key,
  domain_key, basis, source_id, collected_at, restricted_at, last_marketing_at, created_at,
  updated_at)
SELECT c.id, first, last, local || '@' || c.domain,
  CASE WHEN pg_temp.dice(n, 10, 3) = 0 THEN '+358400000000' END, t.text, t.id, t.functions,
  t.level, t.confidence, CASE WHEN t.confidence >= 0.75 THEN 2 ELSE 1 END,
  CASE WHEN pg_temp.dice(n, 11, 12) = 0 THEN 'sv' ELSE 'fi' END,
  CASE WHEN pg_temp.dice(n, 12, 10) = 0 THEN ARRAY['messut ' || pg_temp.dice(n, 13, 20)]
    WHEN pg_temp.dice(n, 12, 10) = 1 THEN '{kilpailija}' ELSE '{}' END,
  '{FI}', pg_temp.keyed('address:' || local || '@' || c.domain),
  pg_temp.keyed('person:' || lower(first) || ' ' || lower(last) || '|' || c.business_id),
  pg_temp.keyed('domain:' || c.domain), 'legitimate_interest',
  CASE WHEN pg_temp.dice(n, 14, 40) = 0 THEN CAST(:unassured AS bigint) ELSE :source END,
  CAST(:now AS timestamptz) - make_interval(days => pg_temp.dice(n, 15, 380)),
  CASE WHEN pg_temp.dice(n, 16, 500) = 0 THEN CAST(:now AS timestamptz) END,
  CASE WHEN pg_temp.dice(n, 17, 3) = 0
    THEN CAST(:now AS timestamptz) - make_interval(days => pg_temp.dice(n, 18, 90)) END,
  CAST(:now AS timestamptz) - make_interval(days => pg_temp.dice(n, 15, 380)), :now
FROM generate_series(1, CAST(:people AS bigint)) n
JOIN companies c ON c.id = CAST(:first_company AS bigint) + (n - 1) / CAST(:a_company AS bigint)
JOIN titles t ON t.id = (CAST(:titles AS bigint[]))[1 + pg_temp.dice(n, 19, 100)],
  LATERAL (SELECT
    (CAST(:first_names AS text[]))[1 + pg_temp.dice(n, 20, :how_many_first_names)] AS first,
    (CAST(:last_names AS text[]))[1 + pg_temp.dice(n, 21, :how_many_last_names)] AS last,
    'henkilo.' || n AS local) who
"""
SUPPRESSIONS = """
INSERT INTO suppressions (scope, key, kind, at, origin)
SELECT 'address', address_key, CASE WHEN pg_temp.dice(id, 31, 4) = 0 THEN 'hard_bounce'
  ELSE 'optout' END, :now, 'one_click'
FROM contacts WHERE pg_temp.dice(id, 30, 30) = 0
"""
# Suppressions of people who are not in the register any more.
STRANGERS = """
INSERT INTO suppressions (scope, key, kind, at, origin)
SELECT 'address', pg_temp.keyed('address:gone.' || n), 'optout', :now, 'import'
FROM generate_series(1, CAST(:people AS bigint) / 100) n
"""
BANNED = """
INSERT INTO suppressions (scope, key, kind, at, origin)
SELECT 'company', company_key, 'company_ban', :now, 'staff'
FROM companies WHERE pg_temp.dice(id, 32, 300) = 0
"""
OBJECTIONS = """
WITH events AS (
  INSERT INTO consent_events (contact_id, kind, event, at, actor)
  SELECT id, 'email_marketing', 'objected', :now, 'staff' FROM contacts
  WHERE pg_temp.dice(id, 33, 200) = 0 RETURNING id, contact_id, kind, event, at)
INSERT INTO consent_states (contact_id, kind, event, at, event_id)
SELECT contact_id, kind, event, at, id FROM events
"""


def fill(session: Session, people: int, *, now: datetime, suppression_key: str) -> None:
    """Make `people` in an empty register, with the example notice in force since a day ago."""
    switches.publish(session, profiles.load("example"), now=now)
    source, unassured = (
        Source(kind=kind, name=name, dated=now.date(), basis="legitimate_interest", created_at=now)
        for kind, name in (("public_web", "Yritysten sivut"), ("b2b_supplier", "Ostettu lista"))
    )
    session.add_all([source, unassured])
    titles = _make_titles(session)
    session.flush()
    _make_functions(session, suppression_key)
    facts = {"source": source.id, "unassured": unassured.id, "now": now, "people": people}
    companies = -(-people // PEOPLE_A_COMPANY)
    session.execute(
        text(COMPANIES),
        {
            **facts,
            "companies": companies,
            "codes": [code for code, _ in INDUSTRIES],
            "names": [name for _, name in INDUSTRIES],
            "cities": list(CITIES),
        },
    )
    session.execute(text("ANALYZE companies"))
    first_company = session.scalar(select(Company.id).order_by(Company.id).limit(1))
    session.execute(
        text(CONTACTS),
        {
            **facts,
            "first_company": first_company,
            "a_company": PEOPLE_A_COMPANY,
            "titles": titles,
            "first_names": list(FIRST_NAMES),
            "last_names": list(LAST_NAMES),
            "how_many_first_names": len(FIRST_NAMES),
            "how_many_last_names": len(LAST_NAMES),
        },
    )
    for statement in (SUPPRESSIONS, STRANGERS, BANNED, OBJECTIONS):
        session.execute(text(statement), facts)
    session.execute(text("ANALYZE"))
    _prove_keys(session)


def _make_titles(session: Session) -> list[int]:
    """One title id per person in a hundred."""
    made = [
        Title(
            key=words.casefold(),
            text=words,
            functions=[function] if function else [],
            level=level,
            confidence=confidence,
            rule="bench",
            ruleset_version=1,
        )
        for words, function, level, confidence, _ in TITLES
    ]
    session.add_all(made)
    session.flush()
    shares = [share for *_, share in TITLES]
    assert sum(shares) == 100
    return [title.id for title, share in zip(made, shares, strict=True) for _ in range(share)]


def _make_functions(session: Session, suppression_key: str) -> None:
    key = hashlib.sha256(suppression_key.encode()).digest().ljust(64, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in key).hex() for pad in (0x36, 0x5C))
    session.execute(text(DICE))
    session.connection().exec_driver_sql(KEYED.format(inner=inner, outer=outer))


def _prove_keys(session: Session) -> None:
    contact, business_id = session.execute(
        select(Contact, Company.business_id)
        .join(Company, Company.id == Contact.company_id)
        .limit(1)
    ).one()
    names = (contact.first_name, contact.last_name)
    assert contact.address_key == address_key(canonical(contact.email))
    assert contact.person_key == person_key(*names, business_id)
    assert session.get_one(Company, contact.company_id).company_key == company_key(business_id)


def main() -> None:
    """Fill the database of DATABASE_URL."""
    here = installation.current()
    with transaction(here.sessions) as session:
        fill(
            session,
            int(sys.argv[1]),
            now=clock.now(),
            suppression_key=here.settings.suppression_key,
        )


if __name__ == "__main__":
    main()
