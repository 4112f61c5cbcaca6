"""A free-text job title to its functions and its level, by rules that can be named.

The grammar of a title is in `chunks`, the words are in `words_fi`, `words_sv` and `words_en`; here
is decided what the parts of a title mean together.
"""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from mailer.roles.chunks import Chunk, Part, read_parts
from mailer.roles.taxonomy import LEVEL_RANKS, OTHER, UNKNOWN
from mailer.roles.words_index import Head, Hit, fold
from mailer.roles.words_reading import read_word

RULESET_VERSION: Final = 1

LONGEST_TITLE: Final = 200
_MANY_FUNCTIONS: Final = 4
_CACHED_TITLES: Final = 100_000

# Use without a look from 0.75 upwards: the shares are calibrated for that one line.
_CERTAIN: Final = 0.95
_DOUBTFUL: Final = 0.62
_NO_FUNCTION: Final = 0.8  # every word was read, and none of them names a function
_FORMER_SHARE: Final = 0.4  # who was a CFO is no CFO
_NO_FLAGS: Final = frozenset({"senior", "member"})  # marks that only steer the reading
_NO_FLAGS_AT_ALL: Final[frozenset[str]] = frozenset()

_DASHES: Final = dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－"), "-")
_EDGES: Final = " ,;:|/\\-•*·.\"'“”’&+"


@dataclass(frozen=True, slots=True)
class Role:
    functions: tuple[str, ...]
    level: str
    flags: frozenset[str]
    confidence: float
    rule: str

    def as_json(self, title: str) -> dict[str, Any]:
        """The role as the command line prints it."""
        return {
            "title": title,
            "functions": list(self.functions),
            "level": self.level,
            "flags": sorted(self.flags),
            "confidence": self.confidence,
            "rule": self.rule,
        }


# -- The key of a distinct title ---------------------------------------------------------------


def _drop_invisible(text: str) -> str:
    """Controls and lone surrogates as spaces; soft hyphens and other formats away."""
    if text.isprintable():
        return text
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if category != "Cf":
            kept.append(" " if category[0] in "CZ" else character)
    return "".join(kept)


def normalise_title(raw: str) -> str:
    """The key of a distinct title: NFKC, case folded, single spaces, plain dashes, 200 letters."""
    text = " ".join(raw.split())[: 4 * LONGEST_TITLE]
    text = " ".join(_drop_invisible(text).split())
    if text.isascii():
        text = text.lower()
    else:
        text = unicodedata.normalize("NFKC", text.translate(_DASHES)).casefold()
        text = unicodedata.normalize("NFKC", text).translate(_DASHES)
        text = " ".join(_drop_invisible(text).split())
    return text.strip(_EDGES)[:LONGEST_TITLE].rstrip(_EDGES)


def _choose(chunk: Chunk, hits: list[Hit], level: str) -> Hit | None:
    """The strongest hit, of equals the last: in "IT Procurement Manager" procurement is meant."""
    best: Hit | None = None
    managing = LEVEL_RANKS[level] >= LEVEL_RANKS["manager"] or level == UNKNOWN
    for hit in hits:
        if not hit.function or (hit.function == "general_management" and not managing):
            continue
        if best is not None and _is_default(hit, chunk) and _stands_against(best, hit):
            continue
        if best is None or hit.weight >= best.weight:
            best = hit
    return best


def _stands_against(named: Hit, default: Hit) -> bool:
    """Whether a named function holds against what the head means by itself."""
    return named.weight > default.weight or not named.doubtful or default.doubtful


@dataclass(slots=True)
class Finding:
    """What one part says: functions in order, level, and how sure it is."""

    hits: list[Hit]
    level: str
    confidence: float
    head: Head | None
    marks: set[str]


def _level_of(part: Part) -> str:
    chunk = part.chunk
    if chunk.head is None:
        return UNKNOWN
    level = chunk.head.level
    if level == "manager" and _is_flat(chunk):
        level = "specialist"
    if level == "specialist" and "senior" in chunk.marks:
        level = "senior_specialist"
    if level == "director" and chunk.head.text == "johtaja":
        for lent in (*part.lent, *part.qualified, *([chunk] if len(chunk.hits) == 1 else [])):
            level = max(level, _level_of_ellipsis(lent), key=LEVEL_RANKS.__getitem__)
    return level


def _is_flat(chunk: Chunk) -> bool:
    """Whether the word before a plain "manager" is one of project, product, account …"""
    head = chunk.head
    if head is None or head.hit is not None or not chunk.hits:
        return False
    return chunk.hits[-1].flat


def _level_of_ellipsis(chunk: Chunk) -> str:
    """ "Talous- ja laatujohtaja" is a talousjohtaja too."""
    for hit in chunk.hits:
        whole = read_word(fold(hit.text) + "johtaja")
        if whole.head is not None and whole.head.level == "executive":
            return "executive"
    return UNKNOWN


def _find_own(chunk: Chunk, level: str) -> Hit | None:
    """The function that a chunk names itself, what stands behind its "of" before the rest."""
    if chunk.head is not None and level != chunk.head.level == "manager" and _is_flat(chunk):
        return chunk.hits[-1]
    ahead = _choose(chunk, chunk.hits, level)
    behind = _choose(chunk, chunk.after, level)
    if ahead is not None and behind is not None:
        return ahead if ahead.weight > behind.weight else behind
    return behind or ahead


def _find(part: Part) -> Finding:
    level = _level_of(part)
    own = _find_own(part.chunk, level)
    lent = [chunk for chunk in part.lent if chunk.ellipsis or not _is_trade(own, part.chunk)]
    hits = [hit for chunk in lent if (hit := _choose(chunk, chunk.hits, level))]
    if own is not None and not (hits and _is_default(own, part.chunk)):
        hits.append(own)
    for chunk in part.added:
        hit = _choose(chunk, chunk.hits, level)
        if hit is not None and (hit.weight >= 2 or hit.function == "administration"):
            hits.append(hit)
    qualifiers = [hit for chunk in part.qualified if (hit := _choose(chunk, chunk.hits, level))]
    if not hits or (own is not None and own.weight <= 1 and len(hits) == 1):
        strong = [hit for hit in qualifiers if hit.weight >= 2 or not hits]
        hits = strong or hits
    return Finding(hits, level, _confidence(part, hits, level), part.chunk.head, part.chunk.marks)


def _is_default(hit: Hit, chunk: Chunk) -> bool:
    """Whether a function is only what the head means when nothing else is said."""
    return chunk.head is not None and hit is chunk.head.hit and hit.weight <= 1


def _is_trade(own: Hit | None, chunk: Chunk) -> bool:
    """Whether what stands before an "and" is only the matter: "electronics and physics teacher"."""
    return (
        own is not None
        and chunk.link == "and"
        and chunk.head is not None
        and own is chunk.head.hit
        and own.weight >= 4
    )


def _is_engineer_of(hit: Hit, chunk: Chunk) -> bool:
    """Whether a weak word turned an engineer into something else: "järjestelmäinsinööri"."""
    default = chunk.head.hit if chunk.head is not None else None
    return (
        default is not None
        and default.function == "engineering"
        and hit.function != "engineering"
        and hit.weight <= 2
    )


def _confidence(part: Part, hits: list[Hit], level: str) -> float:
    chunks = [part.chunk, *part.lent, *part.added]
    unknown = sum(chunk.unknown for chunk in chunks)
    unread = sum(chunk.unread for chunk in chunks)
    if not hits:
        if part.chunk.head is None or unknown or unread:
            return 0.3 if part.chunk.head is not None else 0.05
        return _NO_FUNCTION
    confidence = _DOUBTFUL if any(hit.doubtful for hit in hits) else _CERTAIN
    if level == UNKNOWN:
        confidence -= 0.15
    if len(hits) == 1 and _is_engineer_of(hits[0], part.chunk):
        confidence = min(confidence, _DOUBTFUL)
    confidence -= min(0.15, 0.05 * unknown) + min(0.12, 0.04 * unread)
    best = hits[-1]
    rivals = {hit.function for hit in part.chunk.hits if hit.weight >= best.weight and hit.function}
    if len(rivals - {hit.function for hit in hits}) > 0:
        confidence -= 0.1
    return max(0.1, confidence)


# -- The whole title -----------------------------------------------------------------------------


def _combine(findings: list[Finding]) -> Role:
    marks = set().union(*[finding.marks for finding in findings])
    flags = frozenset(marks - _NO_FLAGS) if marks else _NO_FLAGS_AT_ALL
    # A seat on a board beside a job says nothing about the job.
    ranked = [finding for finding in findings if "member" not in finding.marks] or findings
    level = max([finding.level for finding in ranked], key=LEVEL_RANKS.__getitem__)
    # Owners and chairs lead the company unless the title names what they do besides.
    telling = [finding for finding in ranked if finding.hits]
    working = [finding for finding in telling if finding.hits[-1].weight] or telling
    if len(working) > 1:
        working = [finding for finding in working if not _is_explained(finding, working)]
    hits = working[0].hits if len(working) == 1 else list(_distinct(working))
    if len(hits) > 1:
        hits = _without_plain(list(_distinct(working)))
    confidence = min([finding.confidence for finding in working or ranked])
    if "former" in flags:
        confidence *= _FORMER_SHARE
    if len(hits) > _MANY_FUNCTIONS:
        confidence = min(confidence, _DOUBTFUL)
    functions = tuple([hit.function for hit in hits[:_MANY_FUNCTIONS]]) or (OTHER,)
    return Role(functions, level, flags, round(confidence, 2), _name_rule(ranked, hits))


def _is_explained(finding: Finding, findings: list[Finding]) -> bool:
    """Whether another part spells out a doubtful abbreviation: "CPO (Chief People Officer)"."""
    head = finding.head
    if head is None or head.hit is None or not head.hit.doubtful or len(head.text) > 3:
        return False
    return any(
        other.head is not None and " " in other.head.text and other.level == finding.level
        for other in findings
    )


def _distinct(findings: list[Finding]) -> Iterator[Hit]:
    seen: set[str] = set()
    for finding in findings:
        for hit in finding.hits:
            if hit.function not in seen:
                seen.add(hit.function)
                yield hit


def _without_plain(hits: list[Hit]) -> list[Hit]:
    """Functions less those that the others make plain: "quality and safety", "R&D & design"."""
    if any(hit.function == "quality" for hit in hits):
        hits = [hit for hit in hits if not (hit.function == "security" and hit.weight <= 3)]
    strong = [hit for hit in hits if hit.weight >= 2]
    return strong if strong and len(strong) < len(hits) and len(hits) > 2 else hits


def _name_rule(findings: list[Finding], hits: list[Hit]) -> str:
    names = []
    for finding in findings[:3]:
        stems = "+".join(hit.text for hit in finding.hits if hit in hits)
        head = finding.head
        if head is None:
            kind, language = "stem", finding.hits[0].language if finding.hits else "-"
        else:
            language = head.language
            kind = "head" if not stems or stems == head.text else "compound"
        text = head.text if head is not None else ""
        joined = stems if stems == text else "|".join(filter(None, (stems, text)))
        names.append(f"{language}:{kind} {joined}".rstrip())
    return " / ".join(names)[:LONGEST_TITLE]


_UNREADABLE: Final = Role((OTHER,), UNKNOWN, frozenset(), 0.0, "none")


@lru_cache(maxsize=_CACHED_TITLES)
def _classify_key(title: str) -> Role:
    parts = read_parts(title)
    if not parts:
        return _UNREADABLE
    return _combine([_find(part) for part in parts])


@lru_cache(maxsize=_CACHED_TITLES)
def _classify_short(raw: str) -> Role:
    return _classify_key(normalise_title(raw))


def classify(raw: str) -> Role:
    """The role that a title tells: ("other",) and "unknown" where it tells nothing; total."""
    # Long texts stay out of the cache, or a hostile file could fill the memory with them.
    return (
        _classify_short(raw) if len(raw) <= LONGEST_TITLE else _classify_key(normalise_title(raw))
    )
