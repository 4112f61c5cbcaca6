"""A normalised title cut into parts: one head each, with the words that lend it functions.

A title is cut into chunks at commas, slashes and "and"; a chunk has at most one head ("päällikkö",
"chef", "manager"), and a chunk without one lends its function to the head that it belongs to.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from mailer.roles.taxonomy import LEVEL_RANKS
from mailer.roles.words_index import (
    DEGREES,
    HEAD_WORDS,
    LONGEST_PHRASE,
    PHRASE_STARTS,
    PHRASES,
    Head,
    Hit,
    fold,
)
from mailer.roles.words_reading import Reading, read_word

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
    (re.compile(r"(\w{3})&(\w{2})"), r"\1 & \2"),
    (re.compile(r"\bco-founder\b"), "cofounder"),
    (re.compile(r"\blvi[sa]*\s*-"), "lvi-"),
)
_NEEDS_ALIAS: Final = re.compile(r"&|\+|#|\(|/| and | och | ja |\btki\b|co-f|dei|health")
_TOKENS: Final = re.compile(r"[,;:/|•·()\[\]{}<>\\+&]|[^\s,;:/|•·()\[\]{}<>\\+]+")
_HARD: Final = frozenset(";/|•·()[]{}<>\\:")
_AND: Final = frozenset({"&", "+", "ja", "och", "and", "seka", "samt", "et", "und", "n"})
_OF: Final = frozenset({"of", "for", "av", "in", "inom", "i", "on"})
_ENDS: Final = frozenset({"at", "@", "hos", "to", "till", "c/o"})


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
            first, *others = _split_double(token.strip("\"'`´“”’!?*=_%^~"))
            if first:
                chunks[-1][1].append(first)
            chunks += [("hard", [other]) for other in others]
    if not chunks[-1][1]:
        chunks.pop()
    return chunks


def _split_double(word: str) -> list[str]:
    """Two trades in one word: "kirjanpitäjä-palkanlaskija"."""
    before, dash, behind = word.partition("-")
    if dash and behind:
        first, second = HEAD_WORDS.get(before), HEAD_WORDS.get(behind)
        if first and second and first.language == second.language != "en":
            return [before, behind]
    return [word]


def _find_phrase(words: list[str], start: int) -> tuple[str, int]:
    if words[start] in PHRASE_STARTS:
        for length in range(min(LONGEST_PHRASE, len(words) - start), 0, -1):
            text = " ".join(words[start : start + length])
            if text in PHRASES:
                return text, length
    apart = words[start].replace("-", " ")
    return (apart, 1) if apart in PHRASES else ("", 0)


def _read_chunk(link: str, words: list[str]) -> Chunk:
    chunk = Chunk(link)
    position = 0
    of = False
    while position < len(words):
        word = words[position]
        if word in _ENDS and chunk.words:
            break
        if word in _OF:
            of = of or chunk.head is not None
            position += 1
            continue
        text, length = _find_phrase(words, position)
        if length:
            phrase = PHRASES[text]
            chunk.marks |= phrase.marks
            _add_head(chunk, phrase.head, of=of)
            if phrase.hit is not None:
                (chunk.after if of else chunk.hits).append(phrase.hit)
            chunk.words += length
            position += length
            if text.endswith(" to"):
                break
            continue
        _add_reading(chunk, read_word(word), of=of)
        position += 1
    if chunk.head is None and "lead" in words:
        chunk.head = HEAD_WORDS["lead"]
    if chunk.head is not None and chunk.head.text == "officer" and "chief" in words:
        chunk.head = chunk.head._replace(level="executive")
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


def _drop_degrees(chunks: list[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    """Degrees behind or before a title are noise, unless there is nothing else."""
    kept = []
    for link, words in chunks:
        rest = [word for word in words if word not in DEGREES]
        if rest:
            kept.append((link, rest))
    return kept or chunks


def read_parts(title: str) -> list[Part]:
    # Before folding, or it would be a personal assistant.
    title = fold(title.replace(" på ", " i "))
    if _NEEDS_ALIAS.search(title):
        for pattern, replacement in _ALIASES:
            title = pattern.sub(replacement, title)
    chunks = _drop_degrees(_split_tokens(title))
    return _group([_read_chunk(link, words) for link, words in chunks])
