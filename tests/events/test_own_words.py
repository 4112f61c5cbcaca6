"""What is quoted of our own mail is not taken for what its reader says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events import stop_words
from mailer.events.own_words import own_words
from tests.events.mail import FOOTER

LINKS = "mail.lupaposti.example/"
OURS = FOOTER.format(token="A" * 50)

QUOTED = {
    "marked": "On Tue, 24 Nov 2026 at 9:00, Esimerkki <a@b.example> wrote:\n> {}",
    "wrapped introduction": "On Tue, 24 Nov 2026 at 9:00, Esimerkki\n<a@b.example> wrote:\n\n> {}",
    "unmarked below wrote": "On 24.11.2026 Esimerkki <a@b.example> wrote:\n{}",
    "Finnish": "ti 24. marrask. 2026 klo 9.00 Esimerkki (a@b.example) kirjoitti:\n{}",
    "Swedish": "Den tis 24 nov. 2026 kl 09:00 skrev Esimerkki <a@b.example>:\n{}",
    "original message": "-----Original Message-----\nFrom: a\nSent: b\n{}",
    "Finnish original": "-----Alkuperäinen viesti-----\n{}",
    "Swedish original": "-----Ursprungligt meddelande-----\n{}",
    "Outlook": "________________________________\nFrom: Esimerkki <a@b.example>\nSent: x\n{}",
    "Outlook without a line": "From: Esimerkki <a@b.example>\nSent: Tuesday\nSubject: x\n\n{}",
    "Finnish Outlook": "Lähettäjä: Esimerkki <a@b.example>\nLähetetty: tiistai\nAihe: x\n\n{}",
    "Swedish Outlook": "Från: Esimerkki <a@b.example>\nSkickat: tisdag\nÄmne: x\n\n{}",
}


def quote(name: str) -> str:
    body = OURS.replace("\n", "\n> ") if "> {" in QUOTED[name] else OURS
    return QUOTED[name].format(body)


@pytest.mark.parametrize("name", QUOTED)
def test_only_the_words_above_a_quote_are_the_senders(name: str) -> None:
    own = own_words(f"Kiitos tiedosta!\n\nAnna\n\n{quote(name)}\n", our_links=LINKS)
    assert own.text == "Kiitos tiedosta!\n\nAnna"
    assert not own.mixed


@pytest.mark.parametrize("name", QUOTED)
@given(words=st.text(st.characters(categories=["L", "Zs"]), max_size=40))
def test_no_quote_of_ours_is_ever_taken_for_a_request(name: str, words: str) -> None:
    own = own_words(f"{words}\n\n{quote(name)}", our_links=LINKS)
    assert stop_words.is_clear(own.text) == stop_words.is_clear(words)


@given(words=st.text(st.characters(categories=["L", "Zs"]), max_size=40))
def test_a_quote_without_any_mark_is_noticed_by_our_links(words: str) -> None:
    assert own_words(f"{words}\n{OURS}", our_links=LINKS).mixed


def test_signatures_and_advertisements_of_telephones_are_left_out() -> None:
    text = "Poistakaa minut listalta\nLähetetty iPhonesta\n-- \nAnna Aalto\nunsubscribe here"
    assert own_words(text, our_links=LINKS).text == "Poistakaa minut listalta"


def test_an_answer_below_its_quote_is_read() -> None:
    assert own_words("> Hei,\n> uutta\nLopettakaa", our_links=LINKS).text == "Lopettakaa"


@given(st.text(max_size=2000))
def test_any_text_is_read(text: str) -> None:
    own_words(text, our_links=LINKS)
