"""What must hold before a campaign may go, and what should. Pure: facts in, sentences out.

A check that cannot be computed is left out, never shown as passed.
"""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from mailer.campaigns import advice
from mailer.campaigns.facts import Facts, Version
from mailer.campaigns.problems import sentence
from mailer.campaigns.verdicts import BLOCK, EFFECTS, OK, WARN, Check, Fix
from mailer.languages import LANGUAGE_NAMES, format_number
from mailer.languages import gettext as _
from mailer.languages import ngettext as n_
from mailer.segments import build

# Past 102 KB Gmail cuts a message off, and with it the opt-out at its end.
LARGEST = 100 * 1024
_NEARLY = 90 * 1024
FIELD_FAULTS = frozenset({"field_unknown", "field_fallback", "field_in_address", "bracket"})
# Names that lead nowhere or to the reader's own machine (RFC 2606, RFC 6761).
_NOWHERE = (
    *(".localhost", ".local", ".test", ".invalid", ".internal"),
    *(".example.com", ".example.net", ".example.org"),
)
_EXAMPLE = ".example"


def run(facts: Facts) -> list[Check]:
    """Every check that can be made, worst first."""
    found = [check for look in (*_BLOCKING, *advice.ADVICE) for check in look(facts)]
    return sorted(found, key=lambda check: EFFECTS.index(check.effect))


def blocking(found: list[Check]) -> list[Check]:
    """Those that must be mended first."""
    return [check for check in found if check.blocks]


def _recipients(facts: Facts) -> Iterator[Check]:
    fix = Fix("recipients", "segment_id")
    if facts.segment is None:
        yield Check("B1", BLOCK, _("No segment is chosen"), _("Choose who gets the message."), fix)
    elif facts.segment_fault:
        yield Check("B1", BLOCK, _("The segment cannot be used"), facts.segment_fault, fix)
    elif not facts.people:
        yield Check("B1", BLOCK, _("Nobody would get the message"), _why_nobody(facts), fix)
    else:
        people = n_("%(num)s person", "%(num)s people", facts.people)
        companies = n_("%(num)s company", "%(num)s companies", facts.companies)
        detail = _("%(people)s at %(companies)s.", people=people, companies=companies)
        yield Check("B1", OK, _("Recipients"), detail)


def _why_nobody(facts: Facts) -> str:
    if not facts.left_out:
        return _("The segment has nobody in it.")
    code = max(facts.left_out, key=lambda key: facts.left_out[key])
    return _(
        "Everybody in the segment is left out. The most common reason: %(reason)s (%(num)s)",
        reason=build.sentence(code),
        num=format_number(facts.left_out[code]),
    )


def _sender_domain(facts: Facts) -> Iterator[Check]:
    fix = Fix("recipients", "sender_address")
    title = _("The sender's domain cannot be used")
    if not facts.sender_domain:
        yield Check("B2", BLOCK, title, _("The sender's address is missing."), fix)
    elif not facts.domain_of_entity:
        detail = _("The notice does not name %(domain)s as a domain of the sending company.")
        yield Check("B2", BLOCK, title, detail % {"domain": facts.sender_domain}, fix)
    elif not facts.domain_verified:
        detail = _("Amazon SES has not verified %(domain)s.", domain=facts.sender_domain)
        yield Check("B2", BLOCK, title, detail, fix)
    else:
        detail = _("Amazon SES has verified %(domain)s.", domain=facts.sender_domain)
        yield Check("B2", OK, _("The sender's domain"), detail)


def _opt_out(facts: Facts) -> Iterator[Check]:
    title = _("The opt-out link is missing")
    yield from _in_every_version(
        facts,
        "B3",
        lambda version: version.has_opt_out and version.has_headers,
        Check("B3", BLOCK, title, _("It must be in the message, its plain text and its headers.")),
        Check("B3", OK, _("Opt-out link"), _("In the message, its plain text and its headers.")),
    )


def _sender(facts: Facts) -> Iterator[Check]:
    fix = Fix("recipients", "entity")
    entity = facts.entity
    if entity is None:
        detail = _("Choose the sending company. It must be named in the published notice.")
        yield Check("B4", BLOCK, _("The sender is not known"), detail, fix)
    elif not (entity.name and entity.business_id and entity.street and entity.city):
        detail = _("The notice lacks the company's name, Business ID or postal address.")
        yield Check("B4", BLOCK, _("The sender is not known"), detail, Fix("settings"))
    else:
        yield from _in_every_version(
            facts,
            "B4",
            lambda version: version.has_sender,
            Check("B4", BLOCK, _("The sender is missing from the message")),
            Check("B4", OK, _("Sender"), f"{entity.name}, {entity.business_id}"),
        )


def _reason(facts: Facts) -> Iterator[Check]:
    yield from _in_every_version(
        facts,
        "B5",
        lambda version: version.has_reason,
        Check("B5", BLOCK, _("The message does not say why it is sent, or the address's source")),
        Check("B5", OK, _("Why the message is sent and where the address comes from")),
    )


def _relevance(facts: Facts) -> Iterator[Check]:
    if not facts.functions:
        detail = _("Choose the functions whose work the message is about.")
        fix = Fix("recipients", "functions")
        yield Check("B6", BLOCK, _("It is not said whose work this concerns"), detail, fix)
    if not facts.purpose_declared:
        detail = _("Choose a purpose that the published notice declares.")
        fix = Fix("recipients", "purpose")
        yield Check("B6", BLOCK, _("The purpose is not in the notice"), detail, fix)
    if not facts.relevance_basis.strip():
        detail = _("Write why the message concerns these people's work.")
        fix = Fix("recipients", "relevance_basis")
        yield Check("B6", BLOCK, _("The relevance basis is missing"), detail, fix)
    elif facts.functions and facts.purpose_declared:
        detail = _("Recorded: “%(basis)s”", basis=facts.relevance_basis.strip())
        yield Check("B6", OK, _("Targeted by work duties"), detail)


def _subjects(facts: Facts) -> Iterator[Check]:
    if not facts.versions:
        detail = _("Write the message in at least one language.")
        yield Check("B7", BLOCK, _("There is no content"), detail, Fix("content"))
        return
    missing = [version for version in facts.versions if not version.subject.strip()]
    for version in missing:
        title = _("The subject is missing: %(language)s", language=_name(version))
        yield Check("B7", BLOCK, title, "", Fix("content", "subject", version.language))
    if not missing:
        yield Check("B7", OK, _("Subject"), " · ".join(v.subject for v in facts.versions))


def _fields(facts: Facts) -> Iterator[Check]:
    faulty = False
    for version in facts.versions:
        faults = [problem for problem in version.problems if problem.code in FIELD_FAULTS]
        if not faults and not version.has_leftovers:
            continue
        faulty = True
        detail = sentence(faults[0]) if faults else _("A curly bracket is left in the message.")
        field = faults[0].field if faults else "mjml"
        title = _("A personal field does not work: %(language)s", language=_name(version))
        yield Check("B8", BLOCK, title, detail, Fix("content", field, version.language))
    if facts.versions and not faulty and all(version.made for version in facts.versions):
        yield Check("B8", OK, _("Personal fields"), _("Each has a value or its fallback."))


def _links(facts: Facts) -> Iterator[Check]:
    made = [version for version in facts.versions if version.made]
    faulty = False
    for version in made:
        for link in version.links:
            if _leads_somewhere(link.url, examples=facts.examples_allowed):
                continue
            faulty = True
            title = _("A link leads nowhere: %(language)s", language=_name(version))
            detail = _("“%(label)s” leads to “%(url)s”.", label=link.label, url=link.url)
            yield Check("B9", BLOCK, title, detail, Fix("content", "mjml", version.language))
    if made and not faulty:
        count = sum(len(version.links) for version in made)
        detail = n_("%(num)s link has an address.", "%(num)s links have an address.", count)
        yield Check("B9", OK, _("Links"), detail + " " + _("Whether it answers is not checked."))


def _leads_somewhere(url: str, *, examples: bool) -> bool:
    if url.lower().startswith(("mailto:", "tel:")):
        return len(url.partition(":")[2].strip()) > 2
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return False
    if "." not in host or host.replace(".", "").isdigit() or ":" in host:
        return False  # no name of the public internet, or a bare number
    if f".{host}".endswith(_NOWHERE):
        return False
    return examples or not f".{host}".endswith(_EXAMPLE)


def _markup(facts: Facts) -> Iterator[Check]:
    faulty = False
    for version in facts.versions:
        faults = [problem for problem in version.problems if problem.code not in FIELD_FAULTS]
        if not faults:
            continue
        faulty = True
        first = faults[0]
        detail = sentence(first)
        if first.line is not None:
            detail = _("Line %(line)s: %(fault)s", line=first.line, fault=detail)
        title = _("The content has a fault: %(language)s", language=_name(version))
        yield Check("B10", BLOCK, title, detail, Fix("content", first.field, version.language))
    if facts.versions and not faulty and all(version.made for version in facts.versions):
        names = ", ".join(_name(version) for version in facts.versions)
        yield Check("B10", OK, _("The content can be made"), names)


def _size(facts: Facts) -> Iterator[Check]:
    made = [version for version in facts.versions if version.rendered]
    if not made:
        return
    version = max(made, key=lambda each: each.size)
    size = _("The message is at most %(size)s KB", size=format_number(-(-version.size // 1024)))
    detail = _("The limit is 100 KB: Gmail cuts off messages over 102 KB, with their opt-out.")
    fix = Fix("content", "mjml", version.language)
    if version.size > LARGEST:
        yield Check("B11", BLOCK, size, detail, fix)
    elif version.size > _NEARLY:
        yield Check("B11", WARN, size, detail, fix)
    else:
        yield Check("B11", OK, size, _("The limit is 100 KB."))


def _sending(facts: Facts) -> Iterator[Check]:
    if not facts.worker_alive:
        detail = _("Nothing would leave. The administrator must start the worker.")
        yield Check("B13", BLOCK, _("The sending worker does not run"), detail)
    if facts.limits is None:
        detail = _("Amazon SES has not told its limits within the last 15 minutes.")
        yield Check("B13", BLOCK, _("The sending quota is not known"), detail)
    elif facts.worker_alive:
        yield Check("B13", OK, _("Sending works"), _("The worker runs and the quota is known."))


def _suppression(facts: Facts) -> Iterator[Check]:
    if facts.segment is not None and not facts.segment_fault:
        stopped = sum(
            number for code, number in facts.left_out.items() if code.startswith("suppressed_")
        )
        detail = n_(
            "It leaves out %(num)s person now, and is asked again right before each message.",
            "It leaves out %(num)s people now, and is asked again right before each message.",
            stopped,
        )
        yield Check("B14", OK, _("Suppression list"), detail)


def _in_every_version(
    facts: Facts, code: str, holds: Callable[[Version], bool], bad: Check, good: Check
) -> Iterator[Check]:
    made = [version for version in facts.versions if version.rendered]
    missing = [version for version in made if not holds(version)]
    for version in missing:
        title = f"{bad.title}: {_name(version)}"
        yield Check(code, BLOCK, title, bad.detail, Fix("content", "mjml", version.language))
    if made and not missing:
        yield good


def _name(version: Version) -> str:
    return LANGUAGE_NAMES.get(version.language, version.language)


_BLOCKING: tuple[Callable[[Facts], Iterator[Check]], ...] = (
    _recipients,
    _sender_domain,
    _opt_out,
    _sender,
    _reason,
    _relevance,
    _subjects,
    _fields,
    _links,
    _markup,
    _size,
    _sending,
    _suppression,
)
