"""`mailer why ADDRESS`: what the gate says of a person, in the words the reports use."""

from datetime import datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from mailer.campaigns.models import Campaign
    from mailer.contacts.address import Address


@click.command()
@click.argument("address")
@click.option("--campaign", "campaign_id", type=click.IntRange(1, 2**63 - 1), metavar="ID")
def why(address: str, campaign_id: int | None) -> None:
    """Tell whether ADDRESS may be mailed now and, if not, why; in a campaign, if one is given.

    Exit code 0 means that it may, 1 that it may not.
    """
    from mailer import clock, db, languages
    from mailer.cli.connected import connected

    # English, as all commands speak.
    with (
        connected() as here,
        languages.in_language("en"),
        db.transaction(here.sessions) as session,
    ):
        may, lines = explain(session, address, campaign_id, now=clock.now())
    for line in lines:
        click.echo(line)
    if not may:
        raise click.exceptions.Exit(1)


def explain(
    session: "Session", typed: str, campaign_id: int | None, *, now: datetime
) -> tuple[bool, list[str]]:
    """Whether the address may be mailed, and the lines that say why."""
    from sqlalchemy import select

    from mailer.campaigns.models import Campaign
    from mailer.contacts.address import PROBLEMS, AddressError, canonical
    from mailer.contacts.models import Contact
    from mailer.languages import gettext
    from mailer.segments import build

    try:
        address = canonical(typed)
    except AddressError as error:
        return False, [gettext(PROBLEMS[error.code])]
    campaign = None if campaign_id is None else session.get(Campaign, campaign_id)
    if campaign is None and campaign_id is not None:
        return False, [f"There is no campaign {campaign_id}."]
    suppressed = _suppressions(session, address)
    contact_id = session.scalar(select(Contact.id).where(Contact.email == str(address)))
    if contact_id is None:
        return False, ["erased: " + build.sentence("erased"), *suppressed]
    if campaign is None:
        ask = build.usual_ask(session, frozenset(), now=now)
        return _answer(build.check(session, contact_id, ask), suppressed)
    return _in_campaign(session, campaign, contact_id, suppressed, now=now)


def _in_campaign(
    session: "Session", campaign: "Campaign", contact_id: int, lines: list[str], *, now: datetime
) -> tuple[bool, list[str]]:
    from mailer.segments import build, words
    from mailer.segments.choices import names
    from mailer.segments.models import Segment
    from mailer.segments.rules import SegmentError, parse
    from mailer.sending import launch

    lines = [*_ledger(session, campaign, contact_id, now=now), *lines]
    ask = launch.ask(session, campaign, now=now, asks_ledger=True)
    segment = session.get(Segment, campaign.segment_id) if campaign.segment_id else None
    if segment is None:
        return False, ["The campaign has no segment.", *lines]
    try:
        tree = parse(segment.tree)
        explained = build.explain(session, tree, contact_id, ask)
    except SegmentError as error:
        return False, [error.sentence(), *lines]
    known = names(session, [tree])
    marks = {True: "yes", False: "no", None: "not known"}
    rules = [
        f"  {marks[each.holds]}: {words.plain(words.clause(each.rule, known))}"
        for each in explained.answers
    ]
    place = "In" if explained.matches else "Not in"
    may, answered = _answer(explained.verdict, lines)
    return may and explained.matches, [f"{place} the segment “{segment.name}”.", *rules, *answered]


def _ledger(
    session: "Session", campaign: "Campaign", contact_id: int, *, now: datetime
) -> list[str]:
    """What the ledger and the events say of the person in this campaign."""
    from mailer.contacts.models import Contact
    from mailer.events import fates
    from mailer.segments import build

    if campaign.launched_at is None:
        return []
    fate = fates.of(session, campaign, contact=session.get(Contact, contact_id), now=now)
    message = fate.message
    if message is None:
        return ["  ledger: was not in the audience when it was frozen"]
    frozen = f"{fate.at_freeze}: {build.sentence(fate.at_freeze or 'erased')}"
    lines = [
        f"  ledger: message {message.id} is {message.state}"
        + (f" ({message.error})" if message.error else "")
        + f", tries: {message.attempt}, Amazon's id: {message.ses_message_id or '-'}",
        f"  at the freeze ({_moment(message.created_at)}): {frozen}",
    ]
    if fate.at_claim:
        lines.append(
            f"  right before sending ({_moment(message.claimed_at)}): {fate.at_claim}:"
            f" {build.sentence(fate.at_claim)}"
        )
    return lines + [f"  {_moment(each.at)}: {each.kind} ({each.actor})" for each in fate.events]


def _moment(moment: datetime | None) -> str:
    from mailer.languages import format_datetime

    return format_datetime(moment) if moment else "-"


def _answer(verdict: str, lines: list[str]) -> tuple[bool, list[str]]:
    from mailer.segments import build

    return verdict == build.CLEAR, [f"{verdict}: {build.sentence(verdict)}", *lines]


def _suppressions(session: "Session", address: "Address") -> list[str]:
    from mailer.contacts import suppression
    from mailer.languages import format_datetime, gettext

    return [
        f"  suppressed since {format_datetime(each.at)}:"
        f" {gettext(suppression.KINDS[each.kind])}, {gettext(suppression.SCOPES[each.scope])}"
        for each in suppression.find(session, address)
    ]
