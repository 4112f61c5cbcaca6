"""What the sender of a mail wrote, without what the mail repeats of ours.

Our own messages say "unsubscribe" in every footer. Marked quotes are cut; where a link of ours is
left all the same, part of the text is ours without a mark, and `mixed` says so.
"""

import re
from dataclasses import dataclass

# Only so much of a mail is looked at and kept: words of a person stand at its beginning.
MOST_LINES = 200

_ORIGINAL = re.compile(
    r"\s*[-_*=]{2,}\s*(?:original message|original appointment|forwarded message|begin forwarded"
    r"|alkuperäinen (?:viesti|sähköposti)|välitetty viesti|edelleenlähetetty viesti"
    r"|ursprungligt meddelande|vidarebefordrat meddelande|ursprüngliche nachricht)",
    re.IGNORECASE,
)
_RULE = re.compile(r"\s*_{10,}\s*")
_WROTE = re.compile(
    r"(?:\bwrote|\bkirjoitti(?: näin| seuraavaa)?|\bskrev|\bschrieb|\bwrites|\bviestissään)"
    r"[^\n]{0,80}:\s*$",
    re.IGNORECASE,
)
_INTRODUCTION = re.compile(
    r"\s*(?:on|am|den|ma|ti|ke|to|pe|la|su|mån|tis|ons|tors|fre|lör|sön|mon|tue|wed|thu|fri|sat"
    r"|sun|\d{1,4}[./-]\d{1,2})\b.*\d",
    re.IGNORECASE,
)
_FROM = re.compile(
    r"\s*\*?(?:from|lähettäjä|från|von|avsändare)\s*:\*?\s*\S",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"\s*\*?(?:sent|date|to|cc|subject|lähetetty|päivämäärä|päiväys|vastaanottaja|kopio|aihe"
    r"|skickat|datum|till|kopia|ämne|gesendet|an|betreff)\s*:\*?",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(r"-- ?")
_DEVICE = re.compile(
    r"\s*(?:sent from (?:my|outlook|mail|yahoo)|get outlook|lähetetty |hanki outlook|skickat från"
    r"|hämta outlook|skaffa outlook|von meinem)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class OwnWords:
    """The sender's own text; `mixed` when some of it is surely not theirs."""

    text: str
    mixed: bool


def own_words(text: str, *, our_links: str) -> OwnWords:
    """The text before what is quoted. `our_links`: what every address of ours begins with."""
    kept: list[str] = []
    lines = text.split("\n", MOST_LINES)[:MOST_LINES]
    for number, line in enumerate(lines):
        if line.lstrip().startswith(">"):
            continue
        if _begins_quote(line, lines[number + 1 : number + 5]):
            break
        if _WROTE.search(line):
            _drop_introduction(kept)
            break
        if _SIGNATURE.fullmatch(line):
            break
        if not _DEVICE.match(line):
            kept.append(line.rstrip())
    # A quote without "wrote:" is often announced in the same way, two lines long.
    return OwnWords("\n".join(kept).strip(), mixed=our_links in "\n".join(kept))


def _begins_quote(line: str, following: list[str]) -> bool:
    if _ORIGINAL.match(line) or _RULE.fullmatch(line):
        return True
    return bool(_FROM.match(line)) and any(_FIELD.match(after) for after in following)


def _drop_introduction(kept: list[str]) -> None:
    """Take off the beginning of "On 3 March 2026 somebody <address>" when it was wrapped."""
    for back in range(1, min(3, len(kept)) + 1):
        if _INTRODUCTION.match(kept[-back]):
            del kept[-back:]
            return
        if not kept[-back].strip():
            return
