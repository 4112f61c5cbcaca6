"""Template substitution as SES does it for inline templates: values go in unescaped."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from mailer.stand_in.errors import ApiError

SLOT: Final = re.compile(r"\{\{\{\s*([^{}\s]+)\s*\}\}\}|\{\{\s*([^{}\s]+)\s*\}\}")
NAME: Final = re.compile(r"[^\s!\"#%&'()*+,/;<=>@\[\\\]^`{|}~]+")
# Placeholders that SES fills itself; without its tracking they vanish.
OWN_SLOTS: Final = frozenset({"ses:openTracker"})
TEMPLATE_LIMIT: Final = 1_000_000


class MissingVariableError(Exception):
    """A slot without data: SES accepts the message and then reports a rendering failure."""

    def __init__(self, name: str) -> None:
        """Takes the slot's name."""
        self.name = name
        super().__init__(f"Attribute '{name}' is not present in the rendering data.")


@dataclass(frozen=True, slots=True)
class Template:
    """Texts cut at their slots: even positions are fixed text, odd ones are names."""

    subject: tuple[str, ...]
    text: tuple[str, ...] | None
    html: tuple[str, ...] | None
    names: frozenset[str]

    def missing(self, data: Mapping[str, Any]) -> str | None:
        """The first name without a value, or None."""
        if self.names <= data.keys():
            return None
        for name in sorted(self.names):
            try:
                value_of(data, name)
            except MissingVariableError:
                return name
        return None


@lru_cache(maxsize=64)
def compile_template(subject: str, text: str | None, html: str | None) -> Template:
    """The template cut at its slots. Raises BadRequestException for more than substitution."""
    size = sum(len(part) for part in (subject, text, html) if part)
    if size > TEMPLATE_LIMIT:
        raise ApiError("BadRequestException", "The inline template is larger than 1 MB.")
    parts = [_cut(part) if part is not None else None for part in (subject, text, html)]
    names = {name for part in parts if part for name in part[1::2]}
    return Template(parts[0] or ("",), parts[1], parts[2], frozenset(names - OWN_SLOTS))


def _cut(text: str) -> tuple[str, ...]:
    pieces: list[str] = []
    end = 0
    for match in SLOT.finditer(text):
        name = match[1] or match[2]
        if name not in OWN_SLOTS and not NAME.fullmatch(name):
            raise ApiError("BadRequestException", "Inline templates can only substitute variables.")
        pieces += (text[end : match.start()], name)
        end = match.end()
    pieces.append(text[end:])
    for fixed in pieces[::2]:
        if "{{" in fixed:
            raise ApiError("BadRequestException", "The template holds an unfinished variable.")
    return tuple(pieces)


def fill(pieces: tuple[str, ...], data: Mapping[str, Any]) -> str:
    """The text with its slots filled. Raises MissingVariableError."""
    out = list(pieces)
    for index in range(1, len(out), 2):
        name = pieces[index]
        out[index] = "" if name in OWN_SLOTS else value_of(data, name)
    return "".join(out)


def value_of(data: Mapping[str, Any], name: str) -> str:
    """The value for a slot as text; `a.b` looks inside objects. Raises MissingVariableError."""
    value: Any = data
    if name in data:
        value = data[name]
    else:
        for step in name.split("."):
            if not isinstance(value, Mapping) or step not in value:
                raise MissingVariableError(name)
            value = value[step]
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def read_data(text: str | None) -> dict[str, Any]:
    """Template data from its JSON text. Raises BadRequestException."""
    if not text:
        return {}
    try:
        data = json.loads(text)
        if "\\ud" in text or "\\uD" in text:
            # Half a character passes the parser, but no mail can hold it.
            json.dumps(data, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ApiError("BadRequestException", "Template data is not valid JSON.") from None
    if not isinstance(data, dict):
        raise ApiError("BadRequestException", "Template data must be a JSON object.")
    return data
