"""Ready notices, one readable file each."""

import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "profiles"


def names() -> list[str]:
    """The profiles there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> dict[str, Any]:
    """The content of a profile. Raises KeyError for an unknown name."""
    if name not in names():
        raise KeyError(name)
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
