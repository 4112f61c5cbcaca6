"""What deserves a look before a campaign goes; only a quota that is too small stops it. Pure."""

from collections.abc import Callable, Iterator

from mailer.campaigns.facts import Facts, Forecast, Version
from mailer.campaigns.verdicts import BLOCK, INFO, OK, WARN, Check, Fix
from mailer.languages import LANGUAGE_NAMES, TIMEZONE, format_datetime, format_number
from mailer.languages import gettext as _
from mailer.languages import ngettext as n_

LONGEST_SUBJECT = 60
FIRST_HOUR, LAST_HOUR = 8, 17
# Link texts that say nothing of where they lead.
_EMPTY_LABELS = frozenset(
    {
        *("klikkaa tästä", "klikkaa", "tästä", "täältä", "linkki", "lue lisää"),
        *("klicka här", "klicka", "här", "länk", "läs mer"),
        *("click here", "click", "here", "link", "read more"),
    }
)


def _made(facts: Facts) -> list[Version]:
    return [version for version in facts.versions if version.made]


def _name(language: str) -> str:
    return LANGUAGE_NAMES.get(language, language)


def _images(facts: Facts) -> Iterator[Check]:
    for version in _made(facts):
        fix = Fix("content", "mjml", version.language)
        silent = sum(1 for image in version.images if not image.alt.strip())
        if silent:
            title = n_("%(num)s image has no text", "%(num)s images have no text", silent)
            detail = _("Many people read without images: say in alt what each one shows.")
            yield Check("W3", WARN, f"{title}: {_name(version.language)}", detail, fix)
        open_ones = sum(1 for image in version.images if image.url.lower().startswith("http:"))
        if open_ones:
            title = n_("%(num)s image without https", "%(num)s images without https", open_ones)
            detail = _("Mail programs may leave it out.")
            yield Check("W3", WARN, f"{title}: {_name(version.language)}", detail, fix)


def _subjects(facts: Facts) -> Iterator[Check]:
    for version in facts.versions:
        subject, preheader = version.subject.strip(), version.preheader.strip()
        name = _name(version.language)
        fix = Fix("content", "subject", version.language)
        if len(subject) > LONGEST_SUBJECT:
            title = _("The subject is long: %(language)s", language=name)
            detail = _("%(num)s characters; phones show about 40.", num=len(subject))
            yield Check("W4", WARN, title, detail, fix)
        if "!!" in subject or _shouts(subject):
            title = _("The subject shouts: %(language)s", language=name)
            yield Check("W4", WARN, title, _("Filters and readers dislike it."), fix)
        fix = Fix("content", "preheader", version.language)
        if not preheader:
            title = _("The preview text is missing: %(language)s", language=name)
            detail = _("Mail programs then show the first words of the message.")
            yield Check("W4", WARN, title, detail, fix)
        elif preheader.casefold() == subject.casefold():
            title = _("The preview text repeats the subject: %(language)s", language=name)
            yield Check("W4", WARN, title, "", fix)


def _shouts(text: str) -> bool:
    letters = [char for char in text if char.isalpha()]
    return len(letters) >= 8 and sum(char.isupper() for char in letters) > len(letters) * 0.6


_MISSING: dict[str, Callable[[int], str]] = {
    "first_name": lambda number: n_(
        "%(num)s first name is missing", "%(num)s first names are missing", number
    ),
    "last_name": lambda number: n_(
        "%(num)s last name is missing", "%(num)s last names are missing", number
    ),
    "company_name": lambda number: n_(
        "%(num)s company name is missing", "%(num)s company names are missing", number
    ),
    "title": lambda number: n_(
        "%(num)s job title is missing", "%(num)s job titles are missing", number
    ),
}


def _missing_values(facts: Facts) -> Iterator[Check]:
    used = frozenset[str]().union(*(version.fields for version in facts.versions))
    for name, words in _MISSING.items():
        number = facts.missing.get(name, 0)
        if name in used and number:
            detail = _("They get the fallback that is written in the field.")
            yield Check("W7", INFO, words(number), detail, Fix("content", "mjml"))


def _test(facts: Facts) -> Iterator[Check]:
    if facts.tested:
        detail = _("Sent after the last change.")
        yield Check("W8", OK, _("Test message"), detail)
    elif facts.versions:
        title = _("No test has been sent since the last change")
        yield Check("W8", WARN, title, "", Fix("test"))


def _time(facts: Facts) -> Iterator[Check]:
    if facts.business_hours:
        return
    moment = max(facts.starts_at or facts.now, facts.now)
    local = moment.astimezone(TIMEZONE)
    if local.weekday() >= 5:
        title = _("The sending would start on a weekend")
    elif not facts.working_day:
        title = _("The sending would start on a public holiday")
    elif not FIRST_HOUR <= local.hour < LAST_HOUR:
        title = _("The sending would start outside working hours")
    else:
        return
    detail = _("%(time)s, Helsinki time.", time=format_datetime(moment))
    yield Check("W10", WARN, title, detail, Fix("time", "business_hours"))


def _languages(facts: Facts) -> Iterator[Check]:
    written = {version.language for version in facts.versions}
    if not written:
        return
    without = {lang: n for lang, n in facts.languages.items() if lang not in written and n}
    for language, number in sorted(without.items()):
        title = n_(
            "%(num)s recipient reads %(language)s, which has no version",
            "%(num)s recipients read %(language)s, which has no version",
            number,
            language=_name(language),
        )
        detail = _("They get the version in %(language)s.", language=_name(facts.default_language))
        yield Check("W11", WARN, title, detail, Fix("content", "subject", language))


def _labels(facts: Facts) -> Iterator[Check]:
    for version in _made(facts):
        for link in version.links:
            label = link.label.strip(" .!»›→").casefold()
            if label in _EMPTY_LABELS or not label:
                title = _("A link says nothing: %(language)s", language=_name(version.language))
                detail = _("“%(label)s” leads to “%(url)s”.", label=link.label, url=link.url)
                fix = Fix("content", "mjml", version.language)
                yield Check("W13", INFO, title, detail, fix)


def _quota(facts: Facts) -> Iterator[Check]:
    if facts.limits is None or facts.people <= facts.limits.left or facts.limits.per_day < 1:
        return
    left = _(
        "%(left)s messages of the 24-hour quota of %(day)s are left.",
        left=format_number(int(facts.limits.left)),
        day=format_number(int(facts.limits.per_day)),
    )
    takes = _takes(facts.forecast) if facts.forecast else ""
    fix = Fix("time", "spread_days")
    if facts.spread_days:
        yield Check("W16", WARN, takes, f"{left} {_done(facts.forecast)}", fix)
        return
    choices = _(
        "Let the sending take several days, choose fewer people, or ask Amazon SES for a larger"
        " quota."
    )
    title = _("The sending is larger than what is left of the quota")
    detail = " ".join(part for part in (left, choices, takes and f"{takes}.") if part)
    yield Check("B16", BLOCK, title, detail, fix)


def _takes(forecast: Forecast | None) -> str:
    days = len(forecast.days) if forecast else 1
    return n_("The sending takes %(num)s day", "The sending takes %(num)s days", days)


def _done(forecast: Forecast | None) -> str:
    if forecast is None:
        return ""
    return _("The last message leaves about %(time)s.", time=format_datetime(forecast.ends_at))


def _warmup(facts: Facts) -> Iterator[Check]:
    if facts.forecast is None or "warmup" not in facts.forecast.limits:
        return
    detail = _(
        "%(domain)s has sent little so far. So that mailbox providers come to trust it, the first"
        " days take few messages, and those who have opened or clicked before get theirs first.",
        domain=facts.sender_domain,
    )
    title = _takes(facts.forecast)
    yield Check("W17", WARN, title, f"{detail} {_done(facts.forecast)}", Fix("sending"))


def _collisions(facts: Facts) -> Iterator[Check]:
    found = facts.collisions
    if not found.people:
        return
    title = n_(
        "%(num)s of these gets another message within a week",
        "%(num)s of these get another message within a week",
        found.people,
    )
    parts = [
        n_("They work at %(num)s company.", "They work at %(num)s companies.", found.companies)
    ]
    if found.recent:
        parts.append(
            n_(
                "%(num)s got one in the last seven days.",
                "%(num)s got one in the last seven days.",
                found.recent,
            )
        )
    parts += [
        _("“%(campaign)s”: %(num)s.", campaign=name, num=format_number(number))
        for name, number in found.others
    ]
    if facts.frequency_cap_days:
        parts.append(
            n_(
                "The notice allows one message in %(num)s day: the later one is left out.",
                "The notice allows one message in %(num)s days: the later one is left out.",
                facts.frequency_cap_days,
            )
        )
    yield Check("W18", WARN, title, " ".join(parts), Fix("recipients", "segment_id"))


ADVICE: tuple[Callable[[Facts], Iterator[Check]], ...] = (
    _images,
    _subjects,
    _missing_values,
    _test,
    _time,
    _languages,
    _labels,
    _quota,
    _warmup,
    _collisions,
)
