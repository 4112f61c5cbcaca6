"""The words of the three languages as look-up tables, built once when the module is loaded."""

from collections.abc import Iterator
from types import ModuleType
from typing import Final, NamedTuple

from mailer.roles import words_en, words_fi, words_sv

# Exports lose their dots often, so that words are compared without them: päällikkö = paallikko.
_PLAIN: Final = str.maketrans("äåáàâãöøóòôõéèêëüúùûíìîïñçšž", "aaaaaaooooooeeeeuuuuiiiincsz")


class Hit(NamedTuple):
    """A function that a word speaks for."""

    function: str
    weight: int
    doubtful: bool
    flat: bool  # its managers manage no people
    text: str
    language: str


class Head(NamedTuple):
    """The word that says what the person is: manager, assistant, nurse."""

    level: str
    hit: Hit | None
    text: str
    language: str


class Phrase(NamedTuple):
    """Several words that mean one thing together."""

    head: Head | None
    hit: Hit | None
    marks: frozenset[str]


class Stem(NamedTuple):
    text: str
    hit: Hit
    alone: bool  # a word of its own, or between hyphens
    inside: bool  # may begin in the middle of a compound


def fold(text: str) -> str:
    """Lower-case Latin text without the marks above its letters."""
    return text if text.isascii() else text.translate(_PLAIN)


def _strip_marks(word: str) -> tuple[str, bool, bool, bool]:
    """A listed word without its marks, and whether it is alone, doubtful and flat."""
    bare = word.strip("~?!")
    marks = word.replace(bare, " ", 1)
    return bare, "~" in marks, "?" in marks, "!" in marks


def _read_blocks(text: str) -> Iterator[tuple[list[str], str]]:
    """The fields of each block's first line, and the words under it."""
    fields: list[str] = []
    words: list[str] = []
    for line in text.splitlines():
        if line.startswith(" "):
            words.append(line.strip())
        elif line:
            if words:
                yield fields, " ".join(words)
            fields = ["" if field == "-" else field for field in line.split()]
            words = []
    yield fields, " ".join(words)


def _read_stems(language: ModuleType) -> Iterator[Stem]:
    for (function, weight), words in _read_blocks(language.STEMS):
        for word in words.split():
            text, alone, doubtful, flat = _strip_marks(word)
            hit = Hit(function, int(weight), doubtful, flat, text, language.LANGUAGE)
            plain = fold(text)
            yield Stem(
                plain,
                hit,
                alone=alone or len(plain) < 3,
                inside=language.COMPOUNDS and len(plain) >= 5,
            )


def _read_heads(language: ModuleType) -> Iterator[tuple[str, Head, bool]]:
    for (level, function, weight), words in _read_blocks(language.HEADS):
        for word in words.split():
            text, alone, doubtful, _ = _strip_marks(word)
            hit = Hit(function, int(weight), doubtful, False, text, language.LANGUAGE)
            head = Head(level, hit if function else None, text, language.LANGUAGE)
            yield fold(text), head, alone or not language.COMPOUNDS or len(text) < 4


def _read_phrases(language: ModuleType) -> Iterator[tuple[str, Phrase]]:
    for (level, function, weight, *marks), phrases in _read_blocks(language.PHRASES):
        for phrase in phrases.split(";"):
            text = " ".join(phrase.split())
            doubtful, flat = "doubt" in marks, "flat" in marks
            hit = Hit(function, int(weight), doubtful, flat, text, language.LANGUAGE)
            named = hit if function else None
            head = Head(level, named, text, language.LANGUAGE) if level else None
            yield fold(text), Phrase(head, named, frozenset(marks) - {"doubt", "flat"})


def _index_stems() -> tuple[dict[str, tuple[Stem, ...]], dict[str, Hit]]:
    """Stems by their first three letters, longest first, and the stems that stand alone."""
    by_start: dict[str, dict[str, Stem]] = {}
    alone: dict[str, Hit] = {}
    for language in LANGUAGES:
        for stem in _read_stems(language):
            # The first language that lists a stem keeps it: Finnish before Swedish before English.
            if stem.alone:
                alone.setdefault(stem.text, stem.hit)
                continue
            by_start.setdefault(stem.text[:3], {}).setdefault(stem.text, stem)
    ordered = {
        start: tuple(sorted(stems.values(), key=lambda stem: -len(stem.text)))
        for start, stems in by_start.items()
    }
    return ordered, alone


def _index_heads() -> tuple[dict[str, tuple[tuple[str, Head], ...]], dict[str, Head]]:
    """Heads that end a compound by their last three letters, longest first, and all heads."""
    endings: dict[str, Head] = {}
    words: dict[str, Head] = {}
    for language in LANGUAGES:
        for text, head, whole in _read_heads(language):
            # A later line of a language refines an earlier one ("kehittäjä" with its function).
            if text not in words or words[text].language == head.language:
                words[text] = head
            if not whole and (text not in endings or endings[text].language == head.language):
                endings[text] = head
    by_end: dict[str, dict[str, Head]] = {}
    for text, head in endings.items():
        by_end.setdefault(text[-3:], {})[text] = head
    ordered = {
        end: tuple(sorted(heads.items(), key=lambda item: -len(item[0])))
        for end, heads in by_end.items()
    }
    return ordered, words


def _index_phrases() -> dict[str, Phrase]:
    return {text: phrase for language in LANGUAGES for text, phrase in _read_phrases(language)}


def _index_marks() -> dict[str, str]:
    marks: dict[str, str] = {}
    for language in LANGUAGES:
        for mark, words in (
            ("senior", language.SENIOR),
            ("deputy", language.DEPUTY),
            ("acting", language.ACTING),
            ("former", language.FORMER),
            ("board", language.BOARD),
        ):
            for word in words.split():
                marks.setdefault(fold(word), mark)
    return marks


LANGUAGES: Final = (words_fi, words_sv, words_en)
STEMS_BY_START, STEMS_ALONE = _index_stems()
HEADS_BY_END, HEAD_WORDS = _index_heads()
PHRASES: Final = _index_phrases()
PHRASE_STARTS: Final = frozenset(text.split(" ", 1)[0] for text in PHRASES)
LONGEST_PHRASE: Final = max(text.count(" ") + 1 for text in PHRASES)
MARKS: Final = _index_marks()
PREFIXES: Final = {
    fold(prefix): mark for language in LANGUAGES for prefix, mark in language.PREFIXES.items()
}
KNOWN: Final = frozenset(fold(word) for language in LANGUAGES for word in language.KNOWN.split())
DEGREES: Final = frozenset(
    fold(word) for language in LANGUAGES for word in language.DEGREES.split()
)
