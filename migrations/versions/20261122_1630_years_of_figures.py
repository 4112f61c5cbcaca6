"""Refuse a figure of a company without its year."""

from alembic import op

revision = "20261122_1630"
down_revision = "20261122_1620"
branch_labels = None
depends_on = None

FIGURES = {
    "headcount": "headcount_year",
    "turnover_eur": "turnover_year",
    "result_eur": "result_year",
}


def upgrade() -> None:
    for figure, year in FIGURES.items():
        # No part of the product has written one without; what came otherwise is of its source's.
        op.execute(
            f"UPDATE companies c SET {year} = extract(year FROM s.dated)"  # noqa: S608 - names above
            f" FROM sources s WHERE s.id = c.source_id AND c.{figure} IS NOT NULL"
            f" AND c.{year} IS NULL"
        )
        op.create_check_constraint(
            op.f(f"ck_companies_{year}"), "companies", f"{figure} IS NULL OR {year} IS NOT NULL"
        )


def downgrade() -> None:
    for year in FIGURES.values():
        op.drop_constraint(op.f(f"ck_companies_{year}"), "companies", type_="check")
