"""Personal fields in a text: `{first_name|there}`, each with the words for when it is empty.

Single curly brackets on purpose: SES reads double ones as its own, so none may reach it.
"""

import re
from dataclasses import dataclass

from mailer.campaigns.problems import Problem
from mailer.languages import N_

FIELDS = {
    "first_name": N_("First name"),
    "last_name": N_("Last name"),
    "company_name": N_("Company"),
    "title": N_("Job title"),
}
LONGEST_FALLBACK = 100

_FIELD = re.compile(r"\{([^{}|]*)(?:\|([^{}]*))?\}")


@dataclass(frozen=True, slots=True)
class Slot:
    """A place filled per recipient. `fallback` is plain text, used when the value is empty."""

    name: str
    fallback: str


@dataclass(frozen=True, slots=True)
class Template:
    """Fixed text and slots in their order. No fixed part holds a double curly bracket."""

    parts: tuple[str | Slot, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a field: a code and detail of mailer.campaigns.problems, and where."""

    code: str
    detail: str
    at: int


Parts = list[str | Slot]


def split(text: str) -> tuple[Parts, list[Fault]]:
    """The parts of a text, and what is wrong with its fields."""
    parts: Parts = []
    faults: list[Fault] = []
    end = 0
    for match in _FIELD.finditer(text):
        _add_fixed(text, end, match.start(), parts, faults)
        slot = _slot(match, faults)
        if slot is not None:
            parts.append(slot)
        end = match.end()
    _add_fixed(text, end, len(text), parts, faults)
    return parts, faults


def without_double_brackets(text: str) -> str:
    """The text with a space inside every pair of equal curly brackets."""
    return re.sub(r"\{(?=\{)|\}(?=\})", r"\g<0> ", text)


def template(parts: Parts) -> Template:
    """A template of parts, neighbouring texts joined."""
    joined: Parts = []
    for part in parts:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        elif part != "":
            joined.append(part)
    return Template(
        tuple(without_double_brackets(part) if isinstance(part, str) else part for part in joined)
    )


def line(text: str, field: str, longest: int) -> tuple[Template, list[Problem]]:
    """The template of a one-line text such as a subject, and what is wrong with it."""
    text = text.strip()
    problems = []
    if len(text) > longest:
        problems.append(Problem(None, "too_large", str(longest), field))
    if re.search(r"[\r\n\u0085\u2028\u2029]", text):
        problems.append(Problem(None, "line_break", "", field))
    if has_bad_characters(text):
        problems.append(Problem(None, "characters", "", field))
    parts, faults = split(text)
    problems += [Problem(None, fault.code, fault.detail, field) for fault in faults]
    return template(parts), problems


def has_bad_characters(text: str) -> bool:
    """Whether a text has control characters, half characters, or ones without a meaning."""
    # Private-use characters are refused because the compiler of content marks places with them.
    return (
        re.search(
            r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069"
            r"\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufff9-\uffff\U000e0000-\U0010ffff]",
            text,
        )
        is not None
    )


def _add_fixed(text: str, start: int, end: int, parts: Parts, faults: list[Fault]) -> None:
    found = re.search(r"[{}]", text[start:end])
    if found is not None:
        at = start + found.start()
        around = text[max(start, at - 10) : min(end, at + 20)]
        faults.append(Fault("bracket", " ".join(around.split()), at))
    if end > start:
        parts.append(text[start:end])


def _slot(match: re.Match[str], faults: list[Fault]) -> Slot | None:
    name, fallback = match.group(1).strip(), " ".join((match.group(2) or "").split())
    if name not in FIELDS:
        faults.append(Fault("field_unknown", name[:40] or "{}", match.start()))
    elif not fallback or len(fallback) > LONGEST_FALLBACK:
        faults.append(Fault("field_fallback", name, match.start()))
    else:
        return Slot(name, fallback)
    return None
