"""Moments and sums as people and programs write them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.contacts.interaction_cells import amount, is_whole_day, moment
from mailer.languages import TIMEZONE


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=TIMEZONE)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24", local(2026, 11, 24)),
        (" 24.11.2026 ", local(2026, 11, 24)),
        ("4.1.2026", local(2026, 1, 4)),
        ("24.11.2026 klo 9.05", local(2026, 11, 24, 9, 5)),
        ("24.11.2026 kl. 9.05", local(2026, 11, 24, 9, 5)),
        ("24.11.2026 14:30", local(2026, 11, 24, 14, 30)),
        ("2026-11-24 14:30", local(2026, 11, 24, 14, 30)),
        ("2026-11-24T14:30:15", local(2026, 11, 24, 14, 30, 15)),
        ("2026-11-24T14:30:15.5Z", datetime(2026, 11, 24, 14, 30, 15, 500_000, tzinfo=UTC)),
        ("2026-11-24T14:30+02:00", local(2026, 11, 24, 14, 30)),
        ("", None),
        ("yesterday", None),
        ("24.13.2026", None),
        ("31.2.2026", None),
        ("24.11.26", None),
        ("2026-11-24T25:00", None),
        ("0001-01-01T00:00+14:00", None),
        ("2026-11-24" + " " * 100 + "x", None),
        ("٢٠٢٦-11-24", None),
    ],
)
def test_a_moment_is_read_or_is_none(text: str, expected: datetime | None) -> None:
    assert moment(text) == expected


def test_a_day_has_no_time() -> None:
    assert is_whole_day(local(2026, 7, 1))
    assert is_whole_day(datetime(2026, 6, 30, 21, tzinfo=UTC))
    assert not is_whole_day(local(2026, 7, 1, 0, 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100", "100"),
        ("1 234,50", "1234.50"),
        ("1\u00a0234,5 €", "1234.5"),
        ("1.234,50", "1234.50"),
        ("1,234.50", "1234.50"),
        ("6.893.000", "6893000"),
        ("6'893'000.10", "6893000.10"),
        ("-99.95 EUR", "-99.95"),
        ("−1", "-1"),
        ("€ 5", "5"),
        ("1,234", None),
        ("1.234", None),
        ("12,345,67", None),
        ("1e5", None),
        ("NaN", None),
        ("", None),
        ("-", None),
        ("--1", None),
        ("9" * 16, None),
        ("٣", None),
    ],
)
def test_a_sum_is_read_or_is_none(text: str, expected: str | None) -> None:
    assert amount(text) == (None if expected is None else Decimal(expected))


@given(st.text(max_size=80))
def test_no_text_raises(text: str) -> None:
    moment(text)
    amount(text)


@given(st.decimals(-(10**12), 10**12, places=2))
def test_a_sum_comes_back_as_it_was_written(value: Decimal) -> None:
    assert amount(f"{value:.2f}") == value
    assert amount(f"{value:,.2f}".replace(",", " ").replace(".", ",")) == value


@given(st.integers(0, 4 * 10**9))
def test_a_moment_comes_back_as_it_was_written(seconds: int) -> None:
    value = datetime.fromtimestamp(seconds, UTC)
    assert moment(value.isoformat()) == value
