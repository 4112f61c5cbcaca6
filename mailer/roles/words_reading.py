"""One word of a title taken apart: the stems in it, its ending, and what it changes."""

from functools import lru_cache
from typing import Final, NamedTuple

from mailer.roles.words_index import (
    HEAD_WORDS,
    HEADS_BY_END,
    KNOWN,
    MARKS,
    PREFIXES,
    STEMS_ALONE,
    STEMS_BY_START,
    Head,
    Hit,
)

# Letters that an inflected or linked word may have after its stem: hankin|nan, kirjanpi|don.
_LONGEST_INFLECTION: Final = 5
# Bosses in the genitive: "toimitusjohtajan assistentti" is no managing director.
_OF_SOMEBODY: Final = (
    "johtajan",
    "paallikon",
    "esimiehen",
    "chefens",
    "direktorens",
    "vd:n",
    "vd:s",
)
_PREFIXES: Final = tuple(PREFIXES)


class Reading(NamedTuple):
    hits: tuple[Hit, ...]
    head: Head | None
    mark: str
    known: bool
    unread: int  # parts of a compound that no list knows
    ellipsis: bool  # "osto-": its ending stands at a later word


_NOTHING: Final = Reading((), None, "", known=False, unread=0, ellipsis=False)
_KNOWN: Final = _NOTHING._replace(known=True)


def _find_head(word: str) -> tuple[Head | None, int]:
    """The head that ends a compound, and where it begins."""
    for text, head in HEADS_BY_END.get(word[-3:], ()):
        if word.endswith(text) and len(word) > len(text):
            return head, len(word) - len(text)
    return None, len(word)


def _find_stem(word: str, start: int, *, at_border: bool) -> tuple[Hit | None, int]:
    for stem in STEMS_BY_START.get(word[start : start + 3], ()):
        if (at_border or stem.inside) and word.startswith(stem.text, start):
            return stem.hit, start + len(stem.text)
    return None, start


def _scan_part(part: str, limit: int) -> tuple[list[Hit], int]:
    """The stems that begin before a limit, left to right, and the count of unread stretches."""
    alone = STEMS_ALONE.get(part[:limit])
    if alone is not None:
        return [alone], 0
    hits: list[Hit] = []
    unread, position, last_end = 0, 0, 0
    while position < limit and position < len(part) - 2:
        hit, end = _find_stem(part, position, at_border=position == last_end)
        if hit is None:
            position += 1
            continue
        if position - last_end > (_LONGEST_INFLECTION if hits else 0):
            unread += 1
        hits.append(hit)
        position = last_end = end
    if hits and min(len(part), limit) - last_end > _LONGEST_INFLECTION:
        unread += 1
    return hits, unread


def _scan_stems(text: str, limit: int) -> tuple[list[Hit], int]:
    """The stems of all parts between hyphens that begin before a limit: where the head begins."""
    hits: list[Hit] = []
    unread, start = 0, 0
    for part in text.split("-"):
        if part and start < limit and part[: limit - start] not in KNOWN:
            found, gaps = _scan_part(part, limit - start)
            hits += found
            unread += gaps or not found
        start += len(part) + 1
    return hits, unread


def _begins_apart(word: str, rest: str) -> bool:
    """Whether a stem begins behind the prefix: "varaosamyyjä" is nobody's deputy."""
    _, whole_end = _find_stem(word, 0, at_border=True)
    _, rest_end = _find_stem(rest, 0, at_border=True)
    return rest_end > 0 and whole_end <= len(word) - len(rest)


def _split_prefix(word: str) -> tuple[str, str]:
    """A leading "vara", "pää" or "ex-" as its mark, and the rest of the word."""
    if not word.startswith(_PREFIXES):
        return "", word
    for prefix, mark in PREFIXES.items():
        if word.startswith(prefix) and len(word) - len(prefix) > 2:
            rest = word[len(prefix) :].lstrip("-")
            if rest in HEAD_WORDS or (_find_head(rest)[0] and _begins_apart(word, rest)):
                return mark, rest
    return "", word


@lru_cache(maxsize=32_768)
def read_word(word: str) -> Reading:
    """The reading of one folded word without spaces."""
    if word.endswith("-"):
        hits, unread = _scan_stems(word, len(word))
        return Reading(tuple(hits), None, "", known=bool(hits), unread=unread, ellipsis=True)
    mark = MARKS.get(word)
    if mark is not None:
        return _KNOWN._replace(mark=mark)
    word = word.strip(".-") if word != ".net" else word
    head = HEAD_WORDS.get(word)
    if head is not None:
        return _read_head(head, (), 0, "")
    head = HEAD_WORDS.get(word[:-1]) if word.endswith("s") else None
    if head is not None and head.language == "en":
        return _read_head(head, (), 0, "")
    if word in MARKS:
        return _KNOWN._replace(mark=MARKS[word])
    alone = STEMS_ALONE.get(word)
    if alone is not None:
        return _KNOWN._replace(hits=(alone,))
    if word in KNOWN or word.endswith(_OF_SOMEBODY) or not word:
        return _KNOWN
    return _read_compound(word)


def _read_compound(word: str) -> Reading:
    mark, rest = _split_prefix(word)
    if mark and rest in HEAD_WORDS:
        return _read_head(HEAD_WORDS[rest], (), 0, mark)
    head, start = _find_head(rest)
    if head is not None:
        hits, unread = _scan_stems(rest, start)
        return _read_head(head, tuple(hits), unread, mark)
    hits, unread = _scan_stems(rest, len(rest))
    if not hits:
        return _NOTHING
    return Reading(tuple(hits), None, mark, known=True, unread=unread, ellipsis=False)


def _read_head(head: Head, hits: tuple[Hit, ...], unread: int, mark: str) -> Reading:
    if head.hit is not None:
        hits += (head.hit,)
    return Reading(hits, head, mark, known=True, unread=unread, ellipsis=False)
