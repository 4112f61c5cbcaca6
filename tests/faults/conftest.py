"""Places for campaigns that go through trouble, and `--seed` to play one plan again."""

from collections.abc import Iterator

import pytest

from tests.faults import place as places
from tests.faults.place import Place


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="play the plan of this seed alone")


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    """Servers of their own for all campaigns of this process, one after another."""
    with places.place() as place:
        yield place
