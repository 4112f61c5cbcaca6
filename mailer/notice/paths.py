"""The places of a notice by name, such as `retention.customer_months`, and giving them a value."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mailer.notice.parsing import NoticeError

_PLACES = {
    "text": """
        register_name dated undertaking authority contact.name contact.email contact.phone
        entities.*.key entities.*.name entities.*.business_id entities.*.street
        entities.*.postal_code entities.*.city entities.*.country
        processors.*.key processors.*.name processors.*.service processors.*.country
        purposes.*.basis purposes.*.balancing_test recipients.*
        tracking.opens.mode tracking.opens.basis tracking.opens.balancing_test
        tracking.clicks.mode tracking.clicks.basis tracking.clicks.balancing_test
        retention.prospect_start retention.customer_start rights.identity
        texts.fi texts.sv texts.en""",
    "list": """
        person_kinds fields other_data source_kinds interaction_kinds offering measures statutes
        entities.*.sender_domains transfers.bases cookies.used_for cookies.services
        rights.channels rights.languages rights.erasure_limits""",
    "flag": """
        publication tracking.ip_addresses transfers.outside_eea cookies.refusable
        cookies.linked_to_person rights.refusal_certificate rights.anonymisation""",
    "number": """
        undertaking_version retention.prospect_months retention.customer_months
        retention.revalidate_months targeting.frequency_cap_days targeting.evidence_minimum
        targeting.confidence_minimum""",
}
PLACES = {place: kind for kind, places in _PLACES.items() for place in places.split()}
# Tables in these lists are told apart by their `key`.
_KEYED = frozenset({"entities", "processors"})
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
LONGEST_PATH = 200


def assign(content: dict[str, Any], path: str, value: str) -> None:
    """Put a value, as it was typed, at its place in the content; tables on the way are made.

    Raises NoticeError for a place that no notice has, and for a value of another kind.
    """
    kind = _kind(path)
    if kind is None:
        raise NoticeError(f"{path[:LONGEST_PATH]}: no notice has such a place")
    *way, last = path.split(".")
    table: Any = content
    for at, step in enumerate(way):
        table = _step(table, step, keyed=way[at - 1] in _KEYED if at else False, top=way[0])
    if last == "key":
        raise NoticeError(f"{path}: the key is the word in the path and cannot be set")
    table[last] = _READ[kind](path, value)


def unknown(content: Mapping[str, Any]) -> list[str]:
    """Places in the content that no notice has: misspelt ones would be silently off."""
    return [path for path in _leaves(content) if _kind(path) is None]


def _kind(path: str) -> str | None:
    """The kind of value that belongs to a path, or None when there is no such place."""
    steps = path.split(".")
    for place, kind in PLACES.items():
        wanted = place.split(".")
        if len(wanted) == len(steps) and all(
            (_KEY.fullmatch(step) is not None) if want == "*" else want == step
            for want, step in zip(wanted, steps, strict=True)
        ):
            return kind
    return None


def _step(table: Any, step: str, *, keyed: bool, top: str) -> Any:
    if keyed:
        for entry in table:
            if isinstance(entry, dict) and entry.get("key") == step:
                return entry
        table.append({"key": step})
        return table[-1]
    wanted: type = list if step in _KEYED else dict
    found = table.setdefault(step, wanted())
    if not isinstance(found, wanted):
        raise NoticeError(f"{top}: must be a {'list of tables' if wanted is list else 'table'}")
    return found


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and path in _KEYED:
        for entry in value:
            # Older versions name processors and nothing else of them.
            if not isinstance(entry, str):
                yield from _leaves(entry, f"{path}.0")
    else:
        yield path


def _text(path: str, value: str) -> str:  # noqa: ARG001 - all readers are called alike
    return value.strip()


def _list(path: str, value: str) -> list[Any]:
    """A TOML array, or words with commas between them."""
    if not value.lstrip().startswith("["):
        return [word.strip() for word in value.split(",") if word.strip()]
    try:
        read = tomllib.loads(f"list = {value}")
    except (tomllib.TOMLDecodeError, RecursionError):
        read = {}
    if list(read) != ["list"]:
        raise NoticeError(f"{path}: must be words with commas between them")
    found: list[Any] = read["list"]
    return found


def _flag(path: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise NoticeError(f"{path}: must be true or false")
    return value == "true"


def _number(path: str, value: str) -> int | float:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value, re.ASCII):
        raise NoticeError(f"{path}: must be a number")
    return float(value) if "." in value else int(value)


_READ: dict[str, Callable[[str, str], Any]] = {
    "text": _text,
    "list": _list,
    "flag": _flag,
    "number": _number,
}
