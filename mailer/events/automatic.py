"""Mail that no person wrote just now: bounces, automatic replies, and what the latter tell.

Only headers and the customary beginnings of subjects make a mail automatic (RFC 3834, RFC 3464);
its text never does, for a person may well write "I am on holiday, take me off your list".
"""

import re

from mailer.events.letters import Letter

_SUBJECT = re.compile(
    r"\s*(?:(?:re|vs|sv|aw)\s*:\s*)?(?:auto(?:matic|mated)?[ -]?(?:reply|response|answer)"
    r"|automaattinen (?:vastaus|poissaoloviesti|poissaoloilmoitus)|automaattivastaus"
    r"|poissaolo(?:viesti|ilmoitus)|out[ -]of[ -](?:the[ -])?office|autosvar|automatiskt svar"
    r"|frånvaro(?:meddelande|besked)?\b|abwesenheits\w*|automatische antwort|\[auto[- ]reply\])",
    re.IGNORECASE,
)
_SENDERS = ("mailer-daemon@", "postmaster@", "maildaemon@", "mail-daemon@")
_LEFT = re.compile(
    r"no longer (?:works?|working|employed|with|at|part of)|left the company"
    r"|(?:has|have) left (?:the|our|\w+ (?:oy|ab))|(?:am|is) retired|has retired"
    r"|ei (?:enää )?(?:työskentele|ole) enää|en (?:enää )?(?:työskentele|ole) enää"
    r"|ei ole enää (?:töissä|palveluksessa)|ei enää (?:työskentele|ole (?:töissä|palveluksessa))"
    r"|en enää työskentele|työsuhteeni .{0,60}päätty\w+|(?:siirtynyt|jäänyt) (?:pois|eläkkeelle)"
    r"|siirtynyt (?:muihin|uusiin|toisiin) tehtäviin|työskentelyni .{0,60} päätty"
    r"|(?:arbetar|jobbar) inte (?:längre )?|(?:har|är) slutat|har slutat|inte längre kvar"
    r"|inte längre (?:anställd|verksam)|gått i pension",
    re.IGNORECASE,
)


def is_bounce(letter: Letter) -> bool:
    """Whether a mail server reports a failed delivery (RFC 3464)."""
    if letter.report and letter.report != "feedback-report":
        return True
    return letter.sender.startswith(_SENDERS) and not letter.answers


def is_complaint(letter: Letter) -> bool:
    """Whether a mailbox provider reports that its user pressed "spam" (RFC 5965)."""
    return letter.report == "feedback-report"


def is_automatic(letter: Letter) -> bool:
    """Whether a program answered by itself."""
    headers = letter.headers
    # "auto-generated; owner-email=…": what follows the semicolon does not matter.
    said = headers.get("auto-submitted", "no").partition(";")[0].strip().lower()
    if said not in {"", "no"}:
        return True
    if headers.get("precedence", "").strip().lower() in {"auto_reply", "auto-reply"}:
        return True
    if {"x-autoreply", "x-autorespond", "x-autoresponder"} & headers.keys():
        return True
    if headers.get("return-path", "x").strip() == "<>":
        return True
    return bool(_SUBJECT.match(letter.subject))


def tells_departure(text: str) -> bool:
    """Whether a text says that its owner no longer works there."""
    return bool(_LEFT.search(text))
