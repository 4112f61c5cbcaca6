"""Facts of companies: no figure without year and source, by hand, by file or in SQL (R21)."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mailer.audit import AuditEntry
from mailer.contacts import company_facts
from mailer.contacts.company_facts import PROBLEMS, Facts
from mailer.contacts.merging import FIGURES
from mailer.contacts.models import Company, ImportProblem
from mailer.contacts.provenance import Origin
from mailer.notice import switches
from tests.contacts.files import HEADER, PLAIN, import_file, make_source, publish
from tests.contacts.staff import make_staff
from tests.segments import register
from tests.segments.register import make_company, notice_with


@pytest.fixture
def company(session: Session, now: datetime) -> Company:
    source = register.make_source(session, now)
    return make_company(session, source, now, headcount=20, headcount_year=2024)


@pytest.fixture
def user_id(session: Session, now: datetime) -> int:
    return make_staff(session, now)


def read(now: datetime, **form: str) -> Facts:
    return company_facts.read(form, notice_with(), now=now)


def edit(
    session: Session, company: Company, now: datetime, user_id: int, **form: str
) -> tuple[str, ...] | None:
    stored = company_facts.values_of(company)
    facts = read(now, **{**stored, **form})
    assert not facts.problems
    origin = Origin("authority", "Kaupparekisteri", date(2026, 1, 15))
    return company_facts.edit(
        session, company, facts, origin, seen=company.updated_at, now=now, actor_id=user_id
    )


@pytest.mark.parametrize("name", sorted(FIGURES))
@pytest.mark.parametrize(
    ("figure", "year", "at", "code"),
    [
        ("120", "", "year", "year_missing"),
        ("", "2025", "figure", "figure_missing"),
        ("120", "25", "year", "year"),
        ("120", "2027", "year", "year"),
        ("120", "1949", "year", "year"),
        ("120", "٢٠٢٥", "year", "year"),
        ("paljon", "2025", "figure", "number"),
        ("9" * 17, "2025", "figure", "number"),
    ],
)
def test_a_figure_without_a_good_year_is_refused_and_so_is_a_year_without_a_figure(
    now: datetime, name: str, figure: str, year: str, at: str, code: str
) -> None:
    facts = read(now, **{name: figure, FIGURES[name]: year})
    field = FIGURES[name] if at == "year" else name
    assert facts.problems[field] == code
    assert code in PROBLEMS


@pytest.mark.parametrize(
    ("form", "problems"),
    [
        ({"headcount": "-5", "headcount_year": "2025"}, {"headcount": "number"}),
        ({"result_eur": "-5", "result_year": "2025"}, {}),
        ({"industry_code": "xyz"}, {"industry_code": "industry_code"}),
        ({"industry_code": "62.010"}, {}),
        ({"city": "x" * 101}, {"city": "too_long"}),
        ({}, {}),
    ],
)
def test_each_fact_is_checked_by_itself(
    now: datetime, form: dict[str, str], problems: dict[str, str]
) -> None:
    assert read(now, **form).problems == problems


def test_what_the_notice_does_not_declare_is_not_read(now: datetime) -> None:
    notice = notice_with(fields=["email", "city"])
    form = {"city": "Oulu", "headcount": "5", "headcount_year": "2025"}
    assert company_facts.read(form, notice, now=now).values == {"city": "Oulu"}
    assert company_facts.offered(notice) == ("city",)


def test_a_correction_notes_its_source_at_what_changed_only(
    session: Session, company: Company, now: datetime, user_id: int
) -> None:
    later = now + timedelta(hours=1)
    form = {"headcount": "25", "headcount_year": "2025", "city": "Oulu"}
    assert edit(session, company, later, user_id, **form) == ("headcount", "city")
    assert (company.headcount, company.headcount_year, company.city) == (25, 2025, "Oulu")
    sources = company_facts.sources_of(session, company)
    assert set(sources) == {"", "headcount", "city"}
    assert (sources["headcount"][0].kind, sources["headcount"][0].name) == (
        "authority", "Kaupparekisteri",
    )  # fmt: skip
    session.commit()
    line = session.scalars(select(AuditEntry).filter_by(action="company.edited")).one()
    assert line.details["fields"] == ["city", "headcount"]


def test_a_newer_year_of_the_same_figure_is_a_change_and_the_same_form_is_none(
    session: Session, company: Company, now: datetime, user_id: int
) -> None:
    assert edit(session, company, now, user_id, headcount_year="2025") == ("headcount",)
    assert edit(session, company, now, user_id) == ()


def test_of_two_who_edit_at_once_the_second_changes_nothing(
    session: Session, company: Company, now: datetime, user_id: int
) -> None:
    seen = company.updated_at
    edit(session, company, now + timedelta(hours=1), user_id, city="Oulu")
    facts = read(now, city="Turku")
    origin = Origin("authority", "Kaupparekisteri", now.date())
    done = company_facts.edit(session, company, facts, origin, seen=seen, now=now, actor_id=user_id)
    assert done is None
    assert company.city == "Oulu"


def test_facts_with_problems_are_never_stored(
    session: Session, company: Company, now: datetime, user_id: int
) -> None:
    origin = Origin("authority", "Kaupparekisteri", now.date())
    with pytest.raises(ValueError, match="problems"):
        company_facts.edit(
            session, company, read(now, headcount="5"), origin, seen=company.updated_at, now=now,
            actor_id=user_id,
        )  # fmt: skip


@pytest.mark.parametrize(("figure", "year"), sorted(FIGURES.items()))
def test_the_database_refuses_a_figure_without_a_year(
    session: Session, company: Company, figure: str, year: str
) -> None:
    change = f"UPDATE companies SET {figure} = 5, {year} = NULL WHERE id = :id"
    with pytest.raises(IntegrityError, match="year"), session.begin_nested():
        session.execute(text(change), {"id": company.id})


@pytest.mark.usefixtures("company")
def test_the_database_refuses_a_company_without_a_source(session: Session, now: datetime) -> None:
    session.add(Company(name="x", name_key="x", created_at=now, updated_at=now))
    with pytest.raises(IntegrityError, match="source_id"):
        session.flush()


# By file


def imported(session: Session, now: datetime, *rows: tuple[str, ...], **facts: Any) -> Company:
    header = (*HEADER, "Henkilöstö", "Liikevaihto", "Tilikausi")
    if switches.in_force(session, now) is None:
        publish(session, now)
    lines = [";".join(cells) for cells in (header, *rows)]
    import_file(session, "\n".join(lines).encode(), now=now, **facts)
    session.expire_all()
    return session.scalars(select(Company)).one()


@pytest.mark.parametrize("year", ["2025", "12/2025", "31.12.2025", "2025-12-31"])
def test_a_file_may_tell_the_year_of_the_figures(
    session: Session, now: datetime, year: str
) -> None:
    company = imported(session, now, (*PLAIN, "120", "6893000", year))
    assert (company.headcount, company.headcount_year) == (120, 2025)
    assert (company.turnover_eur, company.turnover_year) == (6_893_000, 2025)
    assert (company.result_eur, company.result_year) == (None, None)


@pytest.mark.parametrize("year", ["", "x", "25", "2027", "1949", "20255"])
def test_where_a_file_tells_years_a_figure_without_one_is_left_out_and_named(
    session: Session, now: datetime, year: str
) -> None:
    company = imported(session, now, (*PLAIN, "120", "6893000", year))
    assert (company.headcount, company.headcount_year, company.turnover_eur) == (None, None, None)
    problem = session.scalars(select(ImportProblem)).one()
    assert (problem.code, problem.column, problem.rejects) == (
        "figures_without_year", "Tilikausi", False,
    )  # fmt: skip


def test_a_year_without_figures_is_no_matter(session: Session, now: datetime) -> None:
    company = imported(session, now, (*PLAIN, "", "", ""))
    assert company.headcount is None
    assert session.scalars(select(ImportProblem)).all() == []


def test_a_later_file_brings_its_own_year(session: Session, now: datetime) -> None:
    imported(session, now, (*PLAIN, "120", "", "2024"), source=make_source(dated=date(2025, 2, 1)))
    company = imported(session, now, (*PLAIN, "", "6893000", "2025"))
    assert (company.headcount, company.headcount_year) == (120, 2024)
    assert (company.turnover_eur, company.turnover_year) == (6_893_000, 2025)
