"""The word lists: a key misspelt there would be found by nobody else."""

import pytest

from mailer.roles import words_index
from mailer.roles.taxonomy import FUNCTIONS, LEVELS


@pytest.mark.parametrize("language", words_index.LANGUAGES, ids=lambda module: module.LANGUAGE)
def test_every_word_belongs_to_a_known_function_and_level(language) -> None:
    for stem in words_index._read_stems(language):
        assert stem.text
        assert stem.hit.function in {*FUNCTIONS, ""}, stem
    for text, head, _ in words_index._read_heads(language):
        assert text
        assert head.level in LEVELS, head
        assert head.hit is None or head.hit.function in FUNCTIONS, head
    for text, phrase in words_index._read_phrases(language):
        assert text
        assert phrase.head is None or phrase.head.level in LEVELS, phrase
        assert phrase.hit is None or phrase.hit.function in FUNCTIONS, phrase
        assert phrase.marks <= {"board", "member", "deputy", "former", "acting"}, phrase


@pytest.mark.parametrize("language", words_index.LANGUAGES, ids=lambda module: module.LANGUAGE)
def test_each_language_has_several_hundred_words(language) -> None:
    assert len(list(words_index._read_stems(language))) >= 400
    assert len(list(words_index._read_heads(language))) >= 200


def test_words_are_compared_without_the_marks_above_letters() -> None:
    assert words_index.fold("päällikkö försäljning å") == "paallikko forsaljning a"
