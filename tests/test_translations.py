"""The catalogues: complete, in step with the code, and in the words that were agreed on."""

import re
from collections.abc import Iterator, Mapping

import pytest
from babel.messages.catalog import Catalog

from mailer import gate
from mailer.contacts import import_refusals, problems
from mailer.languages import LANGUAGES, gettext, in_language, ngettext
from mailer.roles.taxonomy import FUNCTION_LABELS, LEVEL_LABELS
from mailer.translations import catalogues
from mailer.translations.catalogues import TRANSLATED

PLACEHOLDER = re.compile(r"%\((\w+)\)s")
# {first_name|there}: the field must stay, its fallback is translated.
PERSONAL_FIELD = re.compile(r"\{([^{}|]+)\|")
TAG = re.compile(r"</?[a-z][a-z1-6-]*>")
CODE = re.compile(r"[a-z]+(_[a-z]+)+")
# Loans from English that have a word of their own in both languages.
LOANS = (
    "bounc|subscri|unsub|dashboard|opt-out|opt-in|optout|preheader|newsletter|emailadr|"
    "klikkaa tästä|klicka här|rekisteriseloste|registerbeskrivning|valitettavasti|tyvärr"
)
# What the English says -> how Finnish and Swedish say it, each term in one way only.
TERMS = {
    r"\bsuppression list": ("estolist", "spärrlist"),
    r"\b(privacy notice|the notice)\b": ("selost", "beskrivning"),
    r"\bprivacy notice\b": ("tietosuojaselost", "dataskyddsbeskrivning"),
    r"\bbusiness id\b": ("y-tunnu", "fo-n"),
    r"\bjob functions?\b": ("tehtäväalue", "funktion"),
    r"\brelevance basis\b": ("kohdistuksen peruste", "motivering"),
    r"\blegal bas(is|es)\b": ("käsittelyperuste", "rättslig"),
    r"\bbalancing test\b": ("tasapainotesti", "intresseavvägning"),
    r"\bopt-out link\b": ("lopetuslink", "avslutningslänk"),
    r"\bpreview text\b": ("esikatseluteksti", "förhandsvisningstext"),
    r"\bwork duties\b": ("tehtäv", "arbetsuppgift"),
    r"\bquarantine": ("karanteeni", "karantän"),
    r"\bsole trader": ("toiminimi", "enskild"),
    r"\bdata protection officer\b": ("tietosuojavastaava", "dataskyddsombud"),
}

Forms = tuple[str, ...]


def forms(text: object) -> Forms:
    """A message as its forms: one, or singular and plural."""
    return tuple(text) if isinstance(text, tuple | list) else (str(text or ""),)


def placeholders(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text))


@pytest.fixture(scope="module")
def code() -> Catalog:
    """Every message of the code and the templates."""
    return catalogues.extract()


@pytest.fixture(scope="module")
def translated() -> Mapping[str, Catalog]:
    return {language: catalogues.load(language) for language in TRANSLATED}


def pairs(translated: Mapping[str, Catalog]) -> Iterator[tuple[str, Forms, Forms]]:
    """(language, English forms, translated forms) of every message."""
    for language, catalogue in translated.items():
        for message in catalogue:
            if message.id:
                yield language, forms(message.id), forms(message.string)


def test_the_catalogues_hold_exactly_the_messages_of_the_code(
    code: Catalog, translated: Mapping[str, Catalog]
) -> None:
    wanted = {(forms(message.id), message.context) for message in code if message.id}
    for language, catalogue in translated.items():
        there = {(forms(message.id), message.context) for message in catalogue if message.id}
        # When this fails, run `python -m mailer.translations.catalogues` and translate.
        assert not sorted(wanted - there, key=str), f"{language} lacks these"
        assert not sorted(there - wanted, key=str), f"{language} has these for nothing"


def test_every_message_is_translated_in_every_form(
    code: Catalog, translated: Mapping[str, Catalog]
) -> None:
    for language, catalogue in translated.items():
        for message in code:
            if not message.id:
                continue
            english = forms(message.id)
            found = catalogue.get(english[0], message.context)
            texts = forms(found.string) if found is not None else ()
            assert len(texts) == len(english), f"{language}: {english}"
            assert all(texts), f"{language}: {english}"


def test_nothing_is_marked_as_a_guess(translated: Mapping[str, Catalog]) -> None:
    for catalogue in translated.values():
        assert not [message.id for message in catalogue if message.id and message.fuzzy]


def test_no_code_word_is_taken_for_a_sentence(code: Catalog) -> None:
    # _(SENTENCES["a_code"]) makes the extractor take the key for a message.
    assert not [message.id for message in code if CODE.fullmatch(forms(message.id)[0])]


def test_a_translation_has_the_placeholders_of_its_message(
    translated: Mapping[str, Catalog],
) -> None:
    for language, english, texts in pairs(translated):
        for source, text in zip(english, texts, strict=True):
            wanted = placeholders(source)
            # "One thing" may become "%(num)s thing", and the other way round: ngettext gives num.
            free = {"num"} if len(english) == 2 and source is english[0] else set()
            assert placeholders(text) - free == wanted - free, f"{language}: {text}"


def test_a_translation_with_placeholders_can_be_filled(translated: Mapping[str, Catalog]) -> None:
    for language, english, texts in pairs(translated):
        values = dict.fromkeys(placeholders(" ".join(english)) | {"num"}, "x")
        for text in texts:
            if placeholders(text):
                assert "%(" not in text % values, f"{language}: {text}"


def test_a_translation_keeps_tags_and_personal_fields(translated: Mapping[str, Catalog]) -> None:
    for language, english, texts in pairs(translated):
        for source, text in zip(english, texts, strict=True):
            assert sorted(TAG.findall(text)) == sorted(TAG.findall(source)), f"{language}: {text}"
            fields = PERSONAL_FIELD.findall(source)
            assert PERSONAL_FIELD.findall(text) == fields, f"{language}: {text}"


def test_a_translation_begins_and_ends_with_the_same_white_space(
    translated: Mapping[str, Catalog],
) -> None:
    for language, english, texts in pairs(translated):
        for source, text in zip(english, texts, strict=True):
            assert (
                text[: len(text) - len(text.lstrip())]
                == source[: len(source) - len(source.lstrip())]
            )
            assert text[len(text.rstrip()) :] == source[len(source.rstrip()) :], language
            assert "  " not in text, f"{language}: {text}"


def test_a_sentence_stays_a_sentence_and_a_label_a_label(
    translated: Mapping[str, Catalog],
) -> None:
    for language, english, texts in pairs(translated):
        for source, text in zip(english, texts, strict=True):
            ends = [each[-1] if each[-1] in ".?!:," else "" for each in (source, text)]
            assert ends[0] == ends[1], f"{language}: {text}"


def test_finnish_and_swedish_use_their_own_quotation_marks(
    translated: Mapping[str, Catalog],
) -> None:
    for language, _english, texts in pairs(translated):
        for text in texts:
            assert not set("“„«»\"'") & set(text), f"{language}: {text}"
            assert text.count("”") % 2 == 0, f"{language}: {text}"


def test_no_english_loan_and_no_regret_is_used(translated: Mapping[str, Catalog]) -> None:
    found = re.compile(LOANS, re.IGNORECASE)
    for language, _english, texts in pairs(translated):
        assert not found.search(" ".join(texts)), f"{language}: {texts}"


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_the_same_everywhere(term: str, translated: Mapping[str, Catalog]) -> None:
    said = re.compile(term, re.IGNORECASE)
    used = 0
    for language, english, texts in pairs(translated):
        if not said.search(english[0]):
            continue
        used += 1
        stem = TERMS[term][TRANSLATED.index(language)]
        assert stem in texts[0].lower(), f"{language}: {english[0]} -> {texts[0]}"
    assert used, "No message says this any more."


@pytest.mark.parametrize(
    "sentences",
    [gate.SENTENCES, problems.CODES, import_refusals.REFUSALS, import_refusals.FAILURES],
    ids=["gate", "import problems", "import refusals", "import failures"],
)
def test_each_reason_is_told_in_three_languages(sentences: Mapping[str, str]) -> None:
    for code, sentence in sentences.items():
        told: set[str] = set()
        for language in LANGUAGES:
            with in_language(language):
                told.add(gettext(sentence))
        assert len(told) == len(LANGUAGES), code
        assert sentence in told, code


def test_two_reasons_are_never_told_alike() -> None:
    for language in LANGUAGES:
        with in_language(language):
            for sentences in (gate.SENTENCES, problems.CODES, FUNCTION_LABELS, LEVEL_LABELS):
                told = [gettext(sentence) for sentence in sentences.values()]
                assert len(set(told)) == len(told), language


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("fi", ["0 henkilöä", "1 henkilö", "2 henkilöä", "1\u00a0184 henkilöä"]),
        ("sv", ["0 personer", "1 person", "2 personer", "1\u00a0184 personer"]),
        ("en", ["0 people", "1 person", "2 people", "1,184 people"]),
    ],
)
def test_a_number_takes_the_right_form(language: str, told: list[str]) -> None:
    with in_language(language):
        counts = [ngettext("%(num)s person", "%(num)s people", num) for num in (0, 1, 2, 1184)]
    assert counts == told


def test_the_sentences_of_the_recipient_pages_stand_as_agreed() -> None:
    agreed = {
        "Stop marketing messages": ("Lopeta markkinointiviestit", "Sluta få marknadsföring"),
        "Do you want to stop marketing messages?": (
            "Haluatko lopettaa markkinointiviestit?",
            "Vill du sluta få marknadsföring?",
        ),
        "Done. We won't send you any more marketing.": (
            "Valmis. Emme lähetä sinulle enää markkinointia.",
            "Klart. Vi skickar inte längre marknadsföring till dig.",
        ),
        "Undo: it was a mistake": ("Peru: tämä oli vahinko", "Ångra: det var ett misstag"),
        "This isn't part of my work": (
            "Tämä ei kuulu työhöni",
            "Det här hör inte till mitt arbete",
        ),
    }
    for english, texts in agreed.items():
        for language, text in zip(TRANSLATED, texts, strict=True):
            with in_language(language):
                assert gettext(english) == text
