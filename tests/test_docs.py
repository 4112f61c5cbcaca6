"""What the documentation says is there, is there."""

import re
from pathlib import Path

import pytest

from mailer.config import ROOT

NAMED = sorted(set(re.findall(r"`(mailer/[a-z_/]+\.py)`", (ROOT / "docs/rules.md").read_text())))


@pytest.mark.parametrize("name", NAMED)
def test_every_file_that_the_table_of_rules_names_exists(name: str) -> None:
    assert (ROOT / name).is_file()


def test_each_decision_is_at_most_fifteen_lines() -> None:
    notes = re.split(r"^## ", (ROOT / "docs/decisions.md").read_text(), flags=re.MULTILINE)[1:]
    assert all(len(note.strip().splitlines()) - 1 <= 15 for note in notes)


def test_the_changelog_begins_with_the_version_that_is_installed() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    version = re.search(
        r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert version is not None
    assert re.search(r"^## ([0-9.]+)", text, re.MULTILINE).group(1) == version.group(1)


def test_no_page_of_the_documentation_links_to_a_file_that_is_not_there() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / Path(target)).exists(), f"{page.name}: {target}"
