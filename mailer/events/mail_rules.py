"""What an incoming mail is, from the mail alone.

A forged mail can at worst opt somebody out who did not ask for it, and whoever forges needs a way:
a token of ours (nobody else can make one, so its mail needs no other proof), or a sender's domain
that stands behind the mail. So tokens are obeyed whatever the verdicts say, a plain "stop" is
obeyed only with proof of its sender, and everything else goes to a person, who sees what is proven.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlsplit

from mailer.events import automatic, stop_words
from mailer.events.letters import Letter
from mailer.events.own_words import own_words
from mailer.events.receipts import Receipt
from mailer.tokens import Purpose, Recipient, Signer, TokenError

_LENGTH = 50  # characters of a token
_RUN = re.compile(rf"[A-Za-z0-9_-]{{{_LENGTH},400}}")
_LINK = re.compile(rf"/(?:s|u|c|o)/([A-Za-z0-9_-]{{{_LENGTH}}})(?![A-Za-z0-9_-])")
# More than any honest mail needs, and few enough to be tried within milliseconds.
MOST_TRIES = 1500
LONGEST_EXCERPT = 1000
_LINKED = (Purpose.STOP, Purpose.CLICK, Purpose.OPEN, Purpose.ONE_CLICK)


@dataclass(frozen=True, slots=True)
class Judged:
    """`kind` as in the table. `token`: whom a signed opt-out names; `quoted`: whose message of ours
    the mail repeats. `words`: the sender's own; `clear` when they say nothing but "stop"."""

    kind: str
    reason: str = ""
    token: Recipient | None = None
    quoted: Recipient | None = None
    words: str = ""
    clear: bool = False


def judge(letter: Letter, receipt: Receipt, *, signer: Signer, public_url: str) -> Judged:
    """What a mail is. `stop` and `spam` take a look at the register and are decided there."""
    bounce = automatic.is_bounce(letter)
    if not bounce and (named := _addressed(letter, receipt, signer)) is not None:
        return named
    if automatic.is_complaint(letter):
        return Judged("request", "feedback_report", quoted=_quoted(letter, signer))
    if bounce:
        return Judged("bounce")
    if letter.tangled:
        return Judged("unreadable", "tangled")
    own = own_words(letter.text, our_links=f"{urlsplit(public_url).netloc}/")
    clear = not own.mixed and _is_clear(letter.subject, own.text)
    if automatic.is_automatic(letter):
        return _of_machine(letter, own.text, clear=clear)
    token = _first(signer, Purpose.ONE_CLICK, _windows([own.text]))
    if token is not None:
        return Judged("token", "in_text", token=token)
    asks = clear or stop_words.asks(f"{stop_words.own_subject(letter.subject)}\n{own.text}")
    return Judged(
        "request" if asks else "reply",
        quoted=_quoted(letter, signer),
        words=own.text[:LONGEST_EXCERPT],
        clear=clear,
    )


def _of_machine(letter: Letter, words: str, *, clear: bool) -> Judged:
    if clear:  # somebody's program answers for them, and says only this
        return Judged("request", "automatic", words=words[:LONGEST_EXCERPT])
    if automatic.tells_departure(f"{letter.subject}\n{words}"):
        return Judged("left", words=words[:LONGEST_EXCERPT])
    return Judged("auto")


def _is_clear(subject: str, words: str) -> bool:
    return stop_words.is_clear(words or stop_words.own_subject(subject))


def _addressed(letter: Letter, receipt: Receipt, signer: Signer) -> Judged | None:
    """The opt-out that the subject or the address itself makes."""
    tags = [
        address.partition("@")[0].partition("+")[2] for address in (*letter.to, *receipt.recipients)
    ]
    for reason, texts in (("subject", [letter.subject]), ("address", tags)):
        token = _first(signer, Purpose.ONE_CLICK, _windows(texts))
        if token is not None:
            return Judged("token", reason, token=token)
        if _first(signer, Purpose.TEST, _windows(texts)) is not None:
            return Judged("test")
    return None


def _quoted(letter: Letter, signer: Signer) -> Recipient | None:
    found = islice(_LINK.findall("".join(letter.text.split())), 20)
    tokens = list(dict.fromkeys(found))
    for purpose in _LINKED:
        recipient = _first(signer, purpose, tokens)
        if recipient is not None:
            return recipient
    return None


def _first(signer: Signer, purpose: Purpose, candidates: Iterable[str]) -> Recipient | None:
    for candidate in islice(candidates, MOST_TRIES):
        try:
            return signer.read(purpose, candidate)
        except TokenError:
            continue
    return None


def _windows(texts: Iterable[str]) -> Iterator[str]:
    """Everything in the texts that may be a token: mail programs wrap lines and put words in front,
    so a token may be torn apart, or stick to its neighbours."""
    for text in texts:
        for form in dict.fromkeys((text, "".join(text.split()))):
            for run in _RUN.findall(form):
                for begin in range(len(run) - _LENGTH + 1):
                    yield run[begin : begin + _LENGTH]
