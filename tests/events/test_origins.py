"""Two requests can be seen to come from one place, and the place cannot be seen."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events.origins import Marker, network_of, within

AT = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
MARKER = Marker("a secret of the installation")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("93.184.216.34", "93.184.216.0/24"),
        ("::ffff:93.184.216.34", "93.184.216.0/24"),
        ("2a00:1190:8001:7::5", "2a00:1190:8001::/48"),
        (" 93.184.216.34 ", "93.184.216.0/24"),
    ],
)
def test_of_an_address_only_the_network_is_looked_at(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize(
    "address", ["", "unix:", "10.0.0.8", "127.0.0.1", "192.168.1.1", "::1", "fe80::1", "1.2.3", "x"]
)
def test_a_proxy_of_our_own_is_nobodys_origin(address: str) -> None:
    assert network_of(address) == ""
    assert MARKER.network(address, AT) == ""


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_none(text: str) -> None:
    assert isinstance(MARKER.network(text, AT), str)


def test_a_mark_holds_for_one_day_and_one_installation() -> None:
    mark = MARKER.network("93.184.216.34", AT)
    assert mark == MARKER.network("93.184.216.99", AT - timedelta(hours=20))
    assert mark != MARKER.network("93.184.217.34", AT)
    assert mark != MARKER.network("93.184.216.34", AT + timedelta(hours=1))
    assert mark != Marker("another secret").network("93.184.216.34", AT)
    assert len(mark) == 8


def test_a_kept_mark_cannot_be_compared_between_messages() -> None:
    mark = MARKER.network("93.184.216.34", AT)
    assert within(1, mark) == within(1, mark)
    assert len({mark, within(1, mark), within(2, mark)}) == 3
    assert within(1, "") == ""
