"""What the operator knows of networks is asked in memory, and a wrong list stops the start."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.config import SettingsError
from mailer.events.networks import CLASSES, Networks, load
from mailer.events.rules import RULES

LIST = """
# networks that are published
198.51.100.0/24 data-centre
198.51.100.128/25 gateway   # narrower
2001:db8:7::/48 data-centre
"""


@pytest.mark.parametrize(
    "line",
    ["198.51.100.0/24", "198.51.100.1/24 gateway", "x gateway", "10.0.0.0/8 people", "a b c"],
)
def test_a_wrong_line_stops_the_start_with_its_number(line: str, tmp_path: Path) -> None:
    path = tmp_path / "networks"
    path.write_text(f"# fine\n{line}\n")
    with pytest.raises(SettingsError, match="NETWORKS_FILE, line 2"):
        load(path)


def test_a_file_that_is_not_there_or_no_text_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "nowhere")
    (tmp_path / "noise").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path / "noise")


def test_without_a_list_nothing_is_known() -> None:
    assert load(None).class_of("198.51.100.7") is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "data_centre"),
        ("::ffff:198.51.100.7", "data_centre"),
        ("198.51.100.200", "gateway_network"),
        ("198.51.101.7", None),
        ("2001:db8:7:1::9", "data_centre"),
        ("2001:db8:8::9", None),
        ("", None),
        ("unix:", None),
    ],
)
def test_the_narrowest_network_holds(address: str, network: str | None) -> None:
    assert Networks(LIST.splitlines()).class_of(address) == network


def test_every_class_is_a_rule() -> None:
    assert set(CLASSES) <= RULES.keys()


@given(st.text())
def test_any_address_is_answered(address: str) -> None:
    Networks(LIST.splitlines()).class_of(address)
