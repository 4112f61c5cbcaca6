"""A free-text job title to its functions and its level, by rules that can be named.

A title is cut into chunks at commas, slashes and "and"; a chunk has at most one head ("päällikkö",
"chef", "manager"), and a chunk without one lends its function to the head that it belongs to.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from mailer.roles.taxonomy import LEVEL_RANKS, OTHER, UNKNOWN
from mailer.roles.words_index import LONGEST_PHRASE, PHRASE_STARTS, PHRASES, Head, Hit, fold
from mailer.roles.words_reading import Reading, read_word

RULESET_VERSION: Final = 1

LONGEST_TITLE: Final = 200
_MANY_FUNCTIONS: Final = 4
_CACHED_TITLES: Final = 100_000

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


# -- Chunks ------------------------------------------------------------------------------------

_ALIASES: Final = (
    # Gender notes of job adverts, and letters that stand for one word although "&" is in them.
    (re.compile(r"\(\s*[a-z*](?:\s*[/|,]\s*[a-z*]){1,3}\s*\)|\b[mfkn]/[mfnk](?:/[dxn])?\b"), " "),
    (re.compile(r"\br\s*(?:&|\+|and)\s*d\b|\br\s*&\s*d\s*&\s*i\b"), "r&d"),
    (re.compile(r"\bt\s*(?:&|\+|ja)\s*k\b|\btki\b|\btutkimus- ja (?:tuote)?kehitys"), "t&k-"),
    (re.compile(r"\bforsknings?-? och (?:produkt)?utvecklings?"), "fou-"),
    (re.compile(r"\bresearch (?:and|&) development\b"), "r&d"),
    (re.compile(r"\bpeople (?:and|&|\+) culture\b|\bp\s?&\s?c\b"), "people operations"),
    (re.compile(r"\bhealth,? (?:and|&) safety\b|\bhealth, safety\b"), "hse"),
    (re.compile(r"\bsafety,? health\b"), "hse"),
    (re.compile(r"\bm\s?&\s?a\b"), "mergers and acquisitions"),
    (re.compile(r"\bmergers (?:and|&) acquisitions\b"), "finance"),
    (re.compile(r"\bfp\s?&\s?a\b"), "financial planning"),
    (re.compile(r"\bl\s?&\s?d\b|\blearning (?:and|&) development\b"), "talent development"),
    (re.compile(r"\bdata (?:and|&) analytics\b"), "data analytics"),
    (re.compile(r"\bcomp(?:ensation)? (?:and|&) ben(?:efits)?\b"), "compensation"),
    (re.compile(r"\bd&i\b|\bdei\b"), "people operations"),
    (re.compile(r"\bui/ux\b|\bux/ui\b"), "ux"),
    (re.compile(r"\bc\+\+|\bc#"), "ohjelmisto"),
    (re.compile(r"\bco-founder\b"), "cofounder"),
    (re.compile(r"\bl(?:äm)?vi[sa]*\s*-"), "lvi-"),
)
_NEEDS_ALIAS: Final = re.compile(r"&|\+|#|\(|/| and | och | ja |\btki\b|co-f|dei|health")
_TOKENS: Final = re.compile(r"[,;:/|•·()\[\]{}<>\\+&]|[^\s,;:/|•·()\[\]{}<>\\+]+")
_HARD: Final = frozenset(";/|•·()[]{}<>\\:")
_AND: Final = frozenset({"&", "+", "ja", "och", "and", "sekä", "samt", "et", "und", "n"})
_OF: Final = frozenset({"of", "for", "för", "av", "in", "inom", "i", "on"})
_ENDS: Final = frozenset({"at", "@", "hos", "to", "till", "c/o"})
_DEGREES: Final = frozenset(
    """
    ktm kt ktt di dipl.ins dipl.ins. dipl.insinööri mba emba e.mba ph.d ph.d. phd msc m.sc m.sc. bsc b.sc b.sc.
    ba b.a tkt tkl tkk fm ft fil fl vtm vtt ktk otk otm varatuomari htm hm yht ym yam llm ll.m ll.b
    kauppatieteiden maisteri dipl.ekon ekonomi amk yamk tradenomi tri dr dr. d.sc merkonomi kht ht
    cpa cia cisa cissp cism pmp ipma cscp apics jht hts lkv akt mmt mmm ell hll ek.mag pol.mag ekon.mag dipl.ing
    jur.kand vh jd itil kkt ktl insinööri(amk) medianomi restonomi datanomi artenomi bba ma ba rn m.a m.ed b.eng m.eng
""".split()
)  # noqa: SIM905 - a list of this length reads better so


@dataclass(slots=True)
class Chunk:
    """A stretch of a title with at most one head."""

    link: str  # what stood before it: "", "comma", "hard", "and"
    head: Head | None = None
    hits: list[Hit] = field(default_factory=list)  # before the head, and the head's own
    after: list[Hit] = field(default_factory=list)  # behind an "of"
    marks: set[str] = field(default_factory=set)
    words: int = 0
    unknown: int = 0
    unread: int = 0
    ellipsis: bool = False
    open: bool = False  # "head of", "chef för": what follows "and" belongs to it


def _split_tokens(title: str) -> list[tuple[str, list[str]]]:
    """The words of each chunk behind the link that stood before it."""
    chunks: list[tuple[str, list[str]]] = [("", [])]

    def cut(link: str) -> None:
        if chunks[-1][1]:
            chunks.append((link, []))
        elif chunks[-1][0] != "hard" and len(chunks) > 1:
            chunks[-1] = (link, [])

    for token in _TOKENS.findall(title):
        if token in _AND:
            cut("and")
        elif token in _HARD:
            cut("hard")
        elif token in {",", "-"}:
            cut("comma")
        else:
            word = token.strip("\"'`´“”’!?*=_%^~")
            if word:
                chunks[-1][1].append(word)
    if not chunks[-1][1]:
        chunks.pop()
    return chunks


def _find_phrase(words: list[str], start: int) -> tuple[str, int]:
    if words[start] in PHRASE_STARTS:
        for length in range(min(LONGEST_PHRASE, len(words) - start), 0, -1):
            text = " ".join(words[start : start + length])
            if text in PHRASES:
                return text, length
    return "", 0


def _read_chunk(link: str, words: list[str]) -> Chunk:
    chunk = Chunk(link)
    folded = [fold(word) for word in words]
    position = 0
    of = False
    while position < len(folded):
        word = folded[position]
        if word in _ENDS_FOLDED and chunk.words:
            break
        if word in _OF_FOLDED:
            of = of or chunk.head is not None
            position += 1
            continue
        text, length = _find_phrase(folded, position)
        if length:
            phrase = PHRASES[text]
            chunk.marks |= phrase.marks
            _add_head(chunk, phrase.head, of=of)
            if phrase.hit is not None:
                (chunk.after if of else chunk.hits).append(phrase.hit)
            chunk.words += length
            position += length
            continue
        _add_reading(chunk, read_word(word), of=of)
        position += 1
    chunk.open = of
    return chunk


def _add_head(chunk: Chunk, head: Head | None, *, of: bool) -> None:
    """Keep the last head, except that a word of support never hides behind its boss's title."""
    if head is None or of:
        return
    before = chunk.head
    if before is not None and head.level != "support":
        higher = LEVEL_RANKS[before.level] > LEVEL_RANKS[head.level]
        if higher and LEVEL_RANKS[before.level] >= LEVEL_RANKS["director"]:
            return
    chunk.head = head


def _add_reading(chunk: Chunk, reading: Reading, *, of: bool) -> None:
    chunk.words += 1
    if not reading.known:
        chunk.unknown += 1
    chunk.unread += reading.unread
    if reading.mark:
        chunk.marks.add(reading.mark)
    (chunk.after if of else chunk.hits).extend(reading.hits)
    _add_head(chunk, reading.head, of=of)
    chunk.ellipsis = reading.ellipsis


_OF_FOLDED: Final = frozenset(map(fold, _OF))
_ENDS_FOLDED: Final = frozenset(map(fold, _ENDS))
_DEGREES_FOLDED: Final = frozenset(map(fold, _DEGREES))


# -- Phrases: one head with what belongs to it ---------------------------------------------------


@dataclass(slots=True)
class Part:
    """One role of a title: a head, and the chunks that lend it functions."""

    chunk: Chunk
    lent: list[Chunk] = field(default_factory=list)  # before it: "osto- ja", "Finance &"
    added: list[Chunk] = field(default_factory=list)  # behind it: "& Marketing"
    qualified: list[Chunk] = field(default_factory=list)  # behind a comma: "Director, Finance"


def _group(chunks: list[Chunk]) -> list[Part]:
    parts: list[Part] = []
    waiting: list[Chunk] = []
    for index, chunk in enumerate(chunks):
        if chunk.head is not None:
            parts.append(Part(chunk, lent=waiting))
            waiting = []
        elif _belongs_to_next(chunks, index, has_part=bool(parts)):
            waiting.append(chunk)
        elif chunk.link == "and":
            behind_qualifier = parts[-1].qualified and not parts[-1].added
            (parts[-1].qualified if behind_qualifier else parts[-1].added).append(chunk)
        else:
            parts[-1].qualified.append(chunk)
    if waiting:
        parts.append(Part(waiting[0], added=waiting[1:]))
    return parts


def _belongs_to_next(chunks: list[Chunk], index: int, *, has_part: bool) -> bool:
    """Whether a chunk without a head lends its function to a later head rather than an earlier."""
    if not has_part:
        return True
    following = chunks[index + 1 :]
    if chunks[index].ellipsis and any(chunk.head for chunk in following):
        return True
    if chunks[index].link == "and":
        return False
    for chunk in following:
        if chunk.link != "and":
            return False
        if chunk.head is not None:
            return True
    return False


def _choose(hits: list[Hit], level: str) -> Hit | None:
    """The strongest hit, of equals the last: in "IT Procurement Manager" procurement is meant."""
    best: Hit | None = None
    managing = LEVEL_RANKS[level] >= LEVEL_RANKS["manager"] or level == UNKNOWN
    for hit in hits:
        if not hit.function or (hit.function == "general_management" and not managing):
            continue
        if best is None or hit.weight >= best.weight:
            best = hit
    return best


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
        for lent in part.lent:
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


def _find(part: Part) -> Finding:
    level = _level_of(part)
    own = _choose(part.chunk.after, level) or _choose(part.chunk.hits, level)
    if part.chunk.after and own is not None:
        ahead = _choose(part.chunk.hits, level)
        if ahead is not None and ahead.weight > own.weight:
            own = ahead
    hits = [hit for chunk in part.lent if (hit := _choose(chunk.hits, level))]
    if own is not None and not (hits and _is_default(own, part.chunk)):
        hits.append(own)
    for chunk in part.added:
        hit = _choose(chunk.hits, level)
        if hit is not None and hit.weight >= 2:
            hits.append(hit)
    qualifiers = [hit for chunk in part.qualified if (hit := _choose(chunk.hits, level))]
    if not hits or (own is not None and own.weight <= 1 and len(hits) == 1):
        strong = [hit for hit in qualifiers if hit.weight >= 2 or not hits]
        hits = strong or hits
    return Finding(hits, level, _confidence(part, hits, level), part.chunk.head, part.chunk.marks)


def _is_default(hit: Hit, chunk: Chunk) -> bool:
    """Whether a function is only what the head means when nothing else is said."""
    return chunk.head is not None and hit is chunk.head.hit and hit.weight <= 1


def _confidence(part: Part, hits: list[Hit], level: str) -> float:
    chunks = [part.chunk, *part.lent, *part.added]
    unknown = sum(chunk.unknown for chunk in chunks)
    unread = sum(chunk.unread for chunk in chunks)
    if not hits:
        if part.chunk.head is None or unknown or unread:
            return 0.3 if part.chunk.head is not None else 0.05
        return 0.8
    confidence = 0.62 if any(hit.doubtful for hit in hits) else 0.95
    if level == UNKNOWN:
        confidence -= 0.15
    confidence -= min(0.15, 0.05 * unknown) + min(0.12, 0.04 * unread)
    best = hits[-1]
    rivals = {hit.function for hit in part.chunk.hits if hit.weight >= best.weight and hit.function}
    if len(rivals - {hit.function for hit in hits}) > 0:
        confidence -= 0.1
    return max(0.1, confidence)


# -- The whole title -----------------------------------------------------------------------------


def _drop_degrees(chunks: list[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    """Degrees behind or before a title are noise, unless there is nothing else."""
    kept = []
    for link, words in chunks:
        rest = [word for word in words if fold(word) not in _DEGREES_FOLDED]
        if rest:
            kept.append((link, rest))
    return kept or chunks


def _read_parts(title: str) -> list[Part]:
    if _NEEDS_ALIAS.search(title):
        for pattern, replacement in _ALIASES:
            title = pattern.sub(replacement, title)
    chunks = _drop_degrees(_split_tokens(title))
    return _group([_read_chunk(link, words) for link, words in chunks])


def _combine(findings: list[Finding]) -> Role:
    flags = frozenset(
        mark for finding in findings for mark in finding.marks if mark not in {"senior", "member"}
    )
    ranked = [finding for finding in findings if "member" not in finding.marks] or findings
    level = max((finding.level for finding in ranked), key=LEVEL_RANKS.__getitem__)
    telling = [finding for finding in ranked if finding.hits]
    # Owners and chairs lead the company unless the title names what they do besides.
    working = [f for f in telling if any(hit.weight for hit in f.hits)] or telling
    hits = _without_weak(list(_distinct(working)))
    functions = tuple(hit.function for hit in hits[:_MANY_FUNCTIONS]) or (OTHER,)
    sure = working or ranked
    confidence = min(finding.confidence for finding in sure)
    if "former" in flags:
        confidence *= 0.4
    if len(hits) > _MANY_FUNCTIONS:
        confidence = min(confidence, 0.6)
    return Role(functions, level, flags, round(confidence, 2), _name_rule(ranked, hits))


def _distinct(findings: list[Finding]) -> Iterator[Hit]:
    seen: set[str] = set()
    for finding in findings:
        for hit in finding.hits:
            if hit.function not in seen:
                seen.add(hit.function)
                yield hit


def _without_weak(hits: list[Hit]) -> list[Hit]:
    """Functions that a stronger one beside them makes plain: "CEO, co-founder", "R&D & design"."""
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
    parts = _read_parts(title)
    if not parts:
        return _UNREADABLE
    return _combine([_find(part) for part in parts])


@lru_cache(maxsize=_CACHED_TITLES)
def _classify_short(raw: str) -> Role:
    return _classify_key(normalise_title(raw))


def classify(raw: str) -> Role:
    """The role that a title tells; ("other",) and "unknown" where it tells nothing. Never raises."""
    # Long texts stay out of the cache, or a hostile file could fill the memory with them.
    return (
        _classify_short(raw) if len(raw) <= LONGEST_TITLE else _classify_key(normalise_title(raw))
    )
