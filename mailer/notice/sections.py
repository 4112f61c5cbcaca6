"""What the public reads of a notice, in the order of Finnish practice and the language in force.

Every sentence comes from closed lists in three languages; names stand as they are. Balancing tests
are not here: they are written for the controller's own use, in one language, and people are told
the interest that was weighed (GDPR 13(1)(d)).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from mailer.languages import LANGUAGE_NAMES, LANGUAGES, N_, current, gettext, ngettext
from mailer.notice import vocabulary
from mailer.notice.schema import Notice, Processor, Purpose, Tracking

TITLES = {
    "controller": N_("Controller"),
    "contact": N_("Contact in data protection matters"),
    "register": N_("Name of the register"),
    "purposes": N_("Why we process data, and on what legal basis"),
    "content": N_("Whose data, and what data"),
    "sources": N_("Where the data comes from"),
    "disclosures": N_("To whom data is given, and who processes it for us"),
    "transfers": N_("Transfers outside the European Economic Area"),
    "protection": N_("How the data is protected"),
    "cookies": N_("Cookies"),
    "rights": N_("Your rights"),
    "retention": N_("How long data is kept"),
    "complaint": N_("Complaint to the authority"),
}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the notice: sentences, and a list after them."""

    key: str
    title: str
    sentences: tuple[str, ...]
    items: tuple[str, ...]
    link: str = ""


def sections(notice: Notice, region: str) -> list[Section]:
    """All sections; `region` is where messages are sent from."""
    return [
        _section("controller", items=_controllers(notice)),
        _section(
            "contact",
            [notice.contact_name, notice.contact_phone],
            link=f"mailto:{notice.contact_email}" if notice.contact_email else "",
        ),
        _section("register", [notice.register_name, *_own_words(notice)]),
        _section("purposes", _on_purposes(notice), _purposes(notice)),
        _section("content", _on_content(notice), _content(notice)),
        _section("sources", items=_words(notice.source_kinds, vocabulary.SOURCE_KINDS)),
        _section("disclosures", _on_disclosures(notice), _disclosures(notice)),
        _section("transfers", _transfers(notice, region)),
        _section("protection", items=_protection(notice)),
        _section("cookies", _cookies(notice)),
        _section("rights", _on_requests(notice), _rights(notice)),
        _section("retention", items=_retention(notice)),
        _complaint(notice),
    ]


def _section(
    key: str, sentences: Iterable[str] = (), items: Iterable[str] = (), link: str = ""
) -> Section:
    said, listed = (tuple(each for each in words if each) for words in (sentences, items))
    return Section(key, gettext(TITLES[key]), said, listed, link)


def _controllers(notice: Notice) -> Iterator[str]:
    for entity in notice.entities:
        number = gettext("Business ID")
        yield f"{entity.name}, {number} {entity.business_id}, {entity.postal_address}"


def _own_words(notice: Notice) -> list[str]:
    return [part.strip() for part in notice.texts[current()].split("\n\n")]


def _on_purposes(notice: Notice) -> Iterator[str]:
    if notice.purposes:
        yield gettext(
            "Recipients are chosen by their work duties. No decisions with legal effects are made"
            " automatically."
        )
    if notice.profiling:
        yield gettext("You may ask which groups you have been put in, and why.")
    else:
        yield gettext("Nobody is profiled by what they buy.")
    if notice.statutes:
        yield _listed(gettext("Law that is followed"), notice.statutes, vocabulary.STATUTES)


def _purposes(notice: Notice) -> Iterator[str]:
    declared = {purpose.key: purpose for purpose in notice.all_purposes}
    for key in vocabulary.ALL_PURPOSES:
        if key in declared:
            yield _purpose(declared[key])


def _purpose(purpose: Purpose) -> str:
    name = gettext(vocabulary.ALL_PURPOSES[purpose.key])
    if not purpose.basis:
        return name
    basis = gettext(vocabulary.BASES[purpose.basis]).lower()
    if purpose.basis != "legitimate_interest":
        return f"{name}: {basis}"
    return f"{name}: {basis} ({gettext(vocabulary.INTERESTS[purpose.key])})"


def _on_content(notice: Notice) -> Iterator[str]:
    yield _listed(gettext("People"), notice.person_kinds, vocabulary.PERSON_KINDS)
    yield _listed(gettext("Data"), notice.fields, vocabulary.FIELDS)
    if notice.other_data:
        yield _listed(gettext("Also"), notice.other_data, vocabulary.OTHER_DATA)
    if notice.interaction_kinds:
        yield _listed(
            gettext("Dealings with us"), notice.interaction_kinds, vocabulary.INTERACTION_KINDS
        )
    yield gettext(
        "Data on health, religion, political opinions or other private life is not stored."
    )


def _content(notice: Notice) -> Iterator[str]:
    everybody = gettext("Recorded for each person").lower()
    yield _named(gettext("Sends and opt-outs"), everybody)
    yield _named(gettext("Consents and bans"), everybody)
    yield _named(gettext("Opens"), _tracking(notice.opens))
    yield _named(gettext("Clicks"), _tracking(notice.clicks))
    addresses = gettext("may be recorded") if notice.ip_addresses else gettext("not recorded")
    yield _named(gettext("IP addresses"), addresses)


def _tracking(tracking: Tracking) -> str:
    mode = gettext(vocabulary.TRACKING_MODES[tracking.mode]).lower()
    if tracking.mode not in ("individual", "last_date_only") or tracking.basis is None:
        return mode
    return f"{mode} ({gettext(vocabulary.BASES[tracking.basis]).lower()})"


def _on_disclosures(notice: Notice) -> Iterator[str]:
    if not notice.recipients:
        yield gettext("Data is not given to others.")
    if notice.publication:
        yield gettext(
            "The register may be published as a list or as address labels, unless you forbid it."
        )


def _disclosures(notice: Notice) -> Iterator[str]:
    for kind, name in vocabulary.RECIPIENTS.items():
        ground = notice.recipients.get(kind)
        if ground is not None:
            basis = f" ({gettext(vocabulary.BASES[ground]).lower()})" if ground else ""
            yield f"{gettext(name)}{basis}"
    for processor in notice.processors:
        yield _processor(processor)


def _processor(processor: Processor) -> str:
    service = vocabulary.SERVICES.get(processor.service)
    facts = [gettext(service) if service else "", processor.country]
    told = ", ".join(fact for fact in facts if fact)
    return f"{processor.name}: {told}" if told else processor.name


def _transfers(notice: Notice, region: str) -> Iterator[str]:
    if notice.transfers.outside_eea:
        yield gettext("Data may be moved outside the European Economic Area.")
        if notice.transfers.bases:
            yield _listed(
                gettext("It is then safeguarded by"),
                notice.transfers.bases,
                vocabulary.TRANSFER_BASES,
            )
    else:
        yield gettext("Data is not moved outside the European Economic Area.")
    yield gettext(
        "Messages are sent from the region %(region)s, inside the European Economic Area.",
        region=region,
    )


def _protection(notice: Notice) -> Iterator[str]:
    if notice.undertaking:
        yield gettext(vocabulary.UNDERTAKINGS[notice.undertaking])
    yield from _words(notice.measures, vocabulary.MEASURES)
    yield gettext("What users do with personal data is recorded.")


def _cookies(notice: Notice) -> Iterator[str]:
    cookies = notice.cookies
    yield gettext("These pages set no cookies.")
    if cookies.used_for:
        used = gettext("Our other web sites use cookies for")
        yield _listed(used, cookies.used_for, vocabulary.COOKIES)
    if cookies.services:
        yield _named(gettext("Services that set them"), ", ".join(cookies.services))
    if cookies.linked_to_person:
        yield gettext("What they tell may be linked to you when you give us your data otherwise.")
    if cookies.refusable:
        yield gettext("You may refuse them.")


def _on_requests(notice: Notice) -> Iterator[str]:
    rights = notice.rights
    if rights.channels:
        ways = _words(rights.channels, vocabulary.REQUEST_CHANNELS)
        yield gettext("Send requests to the contact person %(ways)s.", ways=", ".join(ways))
    if rights.languages:
        names = [LANGUAGE_NAMES[code] for code in LANGUAGES if code in rights.languages]
        yield _named(gettext("Languages"), ", ".join(names))
    yield gettext(vocabulary.IDENTITY_LEVELS[rights.identity])
    yield gettext("Nobody needs to prove who they are to forbid marketing.")
    yield gettext("We answer within one month.")


def _rights(notice: Notice) -> Iterator[str]:
    rights = notice.rights
    yield gettext(
        "Forbid direct marketing at any time, without a reason: press the link at the end of a"
        " message or write to us."
    )
    yield gettext("See the data we hold on you, and get a copy of it.")
    yield gettext("Have wrong data corrected and data deleted, or its processing restricted.")
    if rights.erasure_limits:
        limits = gettext("Data is not deleted as long as this prevents it")
        yield _listed(limits, rights.erasure_limits, vocabulary.ERASURE_LIMITS)
    if rights.anonymisation:
        yield gettext("Have your data made anonymous where that is possible.")
    yield gettext("Object to processing that is based on legitimate interest.")
    yield gettext(
        "Withdraw a consent that you have given, and get the data you gave us in a form that can"
        " be moved."
    )
    if notice.opens.mode != "off" or notice.clicks.mode != "off":
        yield gettext(
            "Forbid the recording of opens and clicks without stopping the messages: write to us."
        )
    if rights.refusal_certificate:
        yield gettext("If we refuse a request, you get the reasons in writing.")


def _retention(notice: Notice) -> Iterator[str]:
    if notice.prospect_months is not None:
        months = _months(notice.prospect_months)
        start = gettext(vocabulary.PROSPECT_STARTS[notice.prospect_start])
        yield _named(gettext("Data of prospects is kept"), f"{months} {start}")
    if notice.customer_months == 0:
        yield gettext("Customers are kept for as long as the customership lasts.")
    elif notice.customer_months is not None:
        months = _months(notice.customer_months)
        start = gettext(vocabulary.CUSTOMER_STARTS[notice.customer_start])
        yield _named(gettext("Data of former customers is kept"), f"{months} {start}")
    yield gettext(
        "Opt-outs: as long as we do marketing, as a code from which the address cannot be read"
    )


def _months(months: int) -> str:
    return ngettext("%(num)s month", "%(num)s months", months)


def _complaint(notice: Notice) -> Section:
    anywhere = gettext(
        "You may complain to the supervisory authority of the country where you live or work, or"
        " where the wrong was done."
    )
    if not notice.authority:
        return _section("complaint", [anywhere])
    name, place, site = vocabulary.AUTHORITIES[notice.authority]
    return _section("complaint", [anywhere, f"{gettext(name)}, {place}"], link=site)


def _words(chosen: Collection[str], names: Mapping[str, str]) -> list[str]:
    """In the order of the list, which is ours, and not of the notice."""
    return [gettext(name) for key, name in names.items() if key in chosen]


def _listed(title: str, chosen: Collection[str], names: Mapping[str, str]) -> str:
    return _named(title, ", ".join(_words(chosen, names)) or "–")


def _named(title: str, words: str) -> str:
    return f"{title}: {words}"
