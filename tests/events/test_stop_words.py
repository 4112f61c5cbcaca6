"""A plain "stop" is understood in three languages, and nothing else is taken for one."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mailer.events.stop_words import asks, fold, is_clear, own_subject
from tests.events.mail import FOOTER

CLEAR = """
Lopettakaa!
Lopettakaa näiden viestien lähettäminen
Lopeta
Hei, poistakaa minut listalta. Kiitos!
poista listalta
Poistakaa minut postituslistaltanne, kiitos.
poistakaa osoitteeni markkinointilistalta
En halua enää näitä viestejä
En halua mainoksia
Älkää lähettäkö minulle enää sähköpostia
älä lähetä
Kiellän suoramarkkinoinnin
Ei mainoksia kiitos
Peruuttakaa uutiskirjeen tilaus
Unsubscribe
STOP
Please unsubscribe me.
please remove me from your mailing list
Hi, take me off this list please
Stop sending me these emails
Don't contact me again
do not send me any more emails
No more marketing emails, please
Please opt-out
I do not want to receive any more emails
Avregistrera mig tack
Avregistrera
Ta bort mig från er lista
Ta bort mig från listan, tack!
Sluta skicka mejl
Skicka inte fler mejl
Jag vill inte ha fler nyhetsbrev
""".strip().split("\n")
ENDINGS = [
    "",
    "\n\nBest regards\nMatti Malli\nCEO",
    "\nterveisin\nPekka",
    "\n\nMVH\nLena",
    "\nt. Anna",
]
# What a person must read: about others, about more, about less, a joke, a question, a contract.
NOT_CLEAR = """
Do not unsubscribe me
Please do not stop
Älkää poistako minua listalta
Poistakaa Matti listalta
Poistakaa meidät listaltanne
Unsubscribe Pekka
Poistakaa tietoni rekisteristä
I can't stop laughing
Kiitos, tilaan kolme
Does your product stop leaks?
Älkää lopettako
En halua menettää näitä viestejä
Sluta inte skicka
Please stop by our office
Ei ole mainoksia teillä
Please tell me how to unsubscribe a colleague
How do I unsubscribe?
Ei kiitos
Nej tack
No thanks
Hello
Kiitos
Remove me from the list of cancellations
We stop our contract with you
Lopetamme sopimuksen
Stop, I want to order first
""".strip().split("\n")
ASKING = """
Poistakaa Matti listalta
How do I unsubscribe?
Ei kiitos
Nej tack, inte intresserad
Poistakaa tietoni rekisteristä
Hi, I left the trade years ago, so please take me off your mailing list. Regards, Matti
Mistä olette saaneet osoitteeni? En ole antanut lupaa.
Jag har sagt det förut: ta bort mig från listan!
This is spam
""".strip().split("\n")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("text", CLEAR)
def test_a_plain_request_is_clear(text: str, ending: str) -> None:
    assert is_clear(text + ending)
    assert asks(text + ending)
    assert is_clear(text.upper())


@pytest.mark.parametrize("text", NOT_CLEAR)
def test_what_says_something_else_too_is_not_clear(text: str) -> None:
    assert not is_clear(text)


@pytest.mark.parametrize("text", ASKING)
def test_what_comes_near_it_is_read_first(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize("text", ["Kiitos, soitan huomenna!", "Sounds good", "Ring mig i morgon"])
def test_other_answers_do_not_ask(text: str) -> None:
    assert not asks(text)


def test_our_own_footer_is_not_clear() -> None:
    assert not is_clear(FOOTER.format(token="A" * 50))


@given(
    st.sampled_from(CLEAR),
    st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=4, max_size=12),
    st.booleans(),
)
def test_one_word_more_that_we_do_not_know_and_a_person_reads_it(
    text: str, word: str, before: bool
) -> None:
    assume(not is_clear(f"stop {word}"))
    assert not is_clear(f"{word} {text}" if before else f"{text} {word}")


@given(st.text(max_size=500))
def test_any_text_is_judged(text: str) -> None:
    assert asks(text) or not is_clear(text)


def test_a_long_text_is_never_clear() -> None:
    assert not is_clear("please unsubscribe me " * 10)


@pytest.mark.parametrize("subject", ["Re: Stop paying more", "VS: Lopeta", "Sv: RE: Stop", "Vl: a"])
def test_the_subject_of_an_answer_is_ours(subject: str) -> None:
    assert own_subject(subject) == ""


def test_a_subject_of_their_own_counts() -> None:
    assert own_subject("Unsubscribe") == "Unsubscribe"
    assert fold("  ÄLKÄÄ—lähettäkö!! ") == "alkaa lahettako"
