"""The example: a register imported, a campaign sent, recipients who answer, a second campaign.

Everything goes the way it goes in daily use: the same import, checks, gate, workers and SES client,
the stand-in's mailbox, signed notifications to our webhook, and the recipients' own links. At the
end the ledger is compared with what the stand-in was handed, and each difference is a failure.
"""

import json
import secrets
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer import clock, installation
from mailer.accounts import passwords
from mailer.accounts.models import User
from mailer.campaigns import lifecycle, starter
from mailer.campaigns.models import Campaign, CampaignContent
from mailer.contacts import importing
from mailer.contacts.importing import Choices, SourceFacts
from mailer.contacts.models import Contact, Import, Suppression
from mailer.db import transaction
from mailer.events.models import Event
from mailer.installation import Installation
from mailer.languages import LANGUAGES, gettext, in_language
from mailer.notice import profiles, switches
from mailer.segments import build
from mailer.segments.models import Segment
from mailer.sending import pacing, proof, readiness
from mailer.sending.models import ACCEPTED, Message
from mailer.stack.example import example_file
from mailer.stack.supervisor import Stack

READERS = 40
BROWSER = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "fi-FI,fi;q=0.9",
}
IMPORT_SECONDS = 60
CAMPAIGN_SECONDS = 300
SETTLE_SECONDS = 30
USER_NAME = "maija.esimerkki"
PREHEADER = {
    "fi": "Kolme asiaa, jotka kannattaa tehdä ennen vuodenvaihdetta",
    "sv": "Tre saker att göra före årsskiftet",
    "en": "Three things to do before the end of the year",
}
SUBJECT = {
    "fi": "Mitä palkanlaskennassa muuttuu, {first_name|hyvä lukija}?",
    "sv": "Vad ändras i löneräkningen, {first_name|bästa läsare}?",
    "en": "What changes in payroll, {first_name|dear reader}?",
}
# Finance and payroll, manager and above.
TREE = {
    "op": "and",
    "rules": [
        {"field": "function", "is": "any_of", "value": ["finance", "payroll"]},
        {"field": "level", "is": "at_least", "value": "manager"},
    ],
}


@dataclass
class Story:
    """What happened, told as it happens and summed up at the end."""

    tell: Callable[[str], None]
    summary: dict[str, Any] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def expect(self, holds: bool, sentence: str) -> None:
        """Note a failure when something is not as it must be."""
        if not holds:
            self.failures.append(sentence)
            self.tell(f"NOT AS EXPECTED: {sentence}")


def run(
    stack: Stack,
    tell: Callable[[str], None],
    *,
    interfere: Callable[[int], None] | None = None,
) -> Story:
    """Play the example on a running stack. Safe to run on one that has been played before.

    `interfere` is called with the first campaign's id before it is sent, to make trouble.
    """
    story = Story(tell)
    here = installation.install(stack.settings)
    began = time.monotonic()
    user_id = _prepare(here, story)
    _import(here, story, user_id)
    segment_id = _segment(here, story, user_id)
    first = _campaign(here, story, segment_id, user_id, gettext("Payroll changes"))
    before = _suppressed(here)
    _simulate_trouble(stack, here, first, story)
    if interfere is not None:
        interfere(first)
    _send(here, story, first, "first_campaign")
    _answer(stack, here, story, first, before)
    second = _campaign(here, story, segment_id, user_id, gettext("Payroll changes, part two"))
    _send(here, story, second, "second_campaign")
    _check_second(here, story, first, second)
    _read(stack, here, story, first)
    _campaign(here, story, segment_id, user_id, gettext("A draft to try"), send=False)
    _check_sink(stack, here, story)
    story.summary["seconds"] = round(time.monotonic() - began, 1)
    story.summary["as_expected"] = not story.failures
    story.summary["failures"] = story.failures
    return story


def _prepare(here: Installation, story: Story) -> int:
    """The notice, an administrator whose password is told once, and SES's limits."""
    now = clock.now()
    with transaction(here.sessions) as session:
        if switches.in_force(session, now) is None:
            switches.publish(session, profiles.load("example"), now=now)
        user = session.scalar(select(User).where(User.user_name == USER_NAME))
        password = secrets.token_urlsafe(12)
        if user is None:
            user = User(
                user_name=USER_NAME,
                name="Maija Esimerkki",
                email="maija.esimerkki@esimerkki.example",
                roles=["admin", "marketer", "dpo"],
                reason="example",
                created_at=now,
                must_change_password=False,
                password_hash="",
            )
            session.add(user)
        user.password_hash = passwords.hashed(password)
        session.flush()
        user_id = user.id
    with transaction(here.sessions) as session:
        story.expect(
            pacing.refresh(session, here, now=now), "Amazon SES (the stand-in) answers GetAccount"
        )
    story.summary["sign_in"] = {"user_name": USER_NAME, "password": password}
    return user_id


def _import(here: Installation, story: Story, user_id: int) -> None:
    """Import the example file the way the wizard does, by a worker."""
    now = clock.now()
    facts = SourceFacts(
        kind="public_web",
        name="Yritysten verkkosivut",
        dated=now.date(),
        basis="legitimate_interest",
        url="https://yritykset.example",
    )
    with transaction(here.sessions) as session:
        entry = importing.upload(
            session, "esimerkki.csv", example_file(), now=now, actor_id=user_id
        )
        importing.name_source(session, entry, facts, now=now, actor_id=user_id)
        importing.choose(session, entry, Choices(), now=now)
        importing.start(session, entry, dry_run=False, now=now, actor_id=user_id)
        import_id = entry.id
    _wait(lambda: _import_state(here, import_id) in ("done", "failed"), IMPORT_SECONDS)
    state = _import_state(here, import_id)
    story.expect(state == "done", f"the example register is imported (the import is {state})")
    with here.sessions() as session:
        counts = session.get_one(Import, import_id).counts
    story.summary["import"] = counts
    story.tell(f"Imported the example register: {json.dumps(counts.get('numbers', {}))}")


def _import_state(here: Installation, import_id: int) -> str:
    with here.sessions() as session:
        return session.get_one(Import, import_id).state


def _segment(here: Installation, story: Story, user_id: int) -> int:
    now = clock.now()
    name = "Talous- ja palkkahallinto, vähintään päällikkö"
    with transaction(here.sessions) as session:
        segment = session.scalar(select(Segment).where(Segment.name == name))
        if segment is None:
            segment = Segment(
                name=name, tree=TREE, created_by=user_id, created_at=now, updated_at=now
            )
            session.add(segment)
            session.flush()
        story.tell(f"Segment: {name}")
        return segment.id


def _campaign(
    here: Installation,
    story: Story,
    segment_id: int,
    user_id: int,
    name: str,
    *,
    send: bool = True,
) -> int:
    now = clock.now()
    with transaction(here.sessions) as session:
        campaign = Campaign(
            name=name,
            segment_id=segment_id,
            target_functions=["finance", "payroll"],
            relevance_basis="Talous- ja palkkahallinnon vetäjät päättävät palkkaohjelmistosta.",
            entity="esimerkki",
            sender_name="Maija Esimerkki, Esimerkki Oy",
            sender_address="uutiset@esimerkki.example",
            reply_to="asiakaspalvelu@esimerkki.example",
            created_by=user_id,
            created_at=now,
            updated_at=now,
        )
        session.add(campaign)
        session.flush()
        for language in LANGUAGES:
            with in_language(language):
                mjml = starter.starter(
                    language, company="Esimerkki Oy", address="https://esimerkki.example/palkat"
                )
            session.add(
                CampaignContent(
                    campaign_id=campaign.id,
                    language=language,
                    subject=SUBJECT[language],
                    preheader=PREHEADER[language],
                    mjml=mjml,
                    updated_at=now,
                )
            )
        session.flush()
        looked = readiness.look(session, campaign, here, now=now)
        for check in looked.blocking:
            story.expect(False, f"check {check.code} does not block the example campaign")
        story.tell(
            f"Campaign “{name}”: {looked.audience.people} people get it; left out: "
            + json.dumps(
                {code: n for code, n in looked.audience.by_verdict.items() if code != "clear"}
            )
        )
        if send:
            lifecycle.schedule(
                session,
                campaign.id,
                starts_at=now,
                now=now,
                actor_id=user_id,
                content_hash=looked.content_hash,
            )
        return campaign.id


def _simulate_trouble(stack: Stack, here: Installation, campaign_id: int, story: Story) -> None:
    """One address that bounces, one that complains, one that is out of office."""
    with here.sessions() as session:
        campaign = session.get_one(Campaign, campaign_id)
        segment = session.get_one(Segment, campaign.segment_id)
        people = _clear_people(session, segment, campaign, clock.now())[:3]
    behaviours = dict(zip(people, ("bounce", "complaint", "ooto"), strict=False))
    _post_json(f"{stack.stand_in_url}/_stand_in/behaviours", behaviours)
    story.expect(len(behaviours) == 3, "the example campaign has an audience")


def _clear_people(
    session: Session, segment: Segment, campaign: Campaign, now: datetime
) -> list[str]:
    ask = build.ask_for(
        session,
        purpose=campaign.purpose,
        functions=frozenset(campaign.target_functions),
        now=now,
    )
    return [p.email for p in build.people(session, segment.tree, ask, verdict="clear", limit=20)]


def _send(here: Installation, story: Story, campaign_id: int, name: str) -> None:
    """Wait until the campaign is over and its messages are settled."""
    deadline = time.monotonic() + CAMPAIGN_SECONDS
    state = ""
    while time.monotonic() < deadline:
        with here.sessions() as session:
            state = session.get_one(Campaign, campaign_id).state
        if state in ("sent", "stopped", "failed", "paused"):
            break
        time.sleep(0.2)
    if state != "sent":
        state += f": {json.dumps(_states(here, campaign_id))} {_standings(here)}"
    story.expect(state == "sent", f"{name} is sent (it is {state})")
    _wait(lambda: _count(here, campaign_id, "sent") == 0)
    states = _states(here, campaign_id)
    story.summary[name] = states
    story.tell(f"Sent: {json.dumps(states)}")


def _standings(here: Installation) -> str:
    """Where the calls stand whose answer was lost."""
    settings = here.settings
    margins = proof.Margins.of(
        lease_seconds=settings.claim_lease_seconds, settle_seconds=settings.settle_seconds
    )
    with here.sessions() as session:
        calls = proof.calls(session, margins=margins, now=clock.now())
    return ", ".join(call.standing for call in calls)


def _answer(
    stack: Stack, here: Installation, story: Story, campaign_id: int, before: dict[str, int]
) -> None:
    """Be two recipients: opt out by header and by button; then look at the effects."""
    messages = _delivered(here, campaign_id)
    story.expect(len(messages) >= 4, "at least four messages of the first campaign are delivered")
    if len(messages) < 4:
        return
    by_header, by_button = (_mail_to(stack, address, campaign_id) for address in messages[:2])
    header = dict(_headers(by_header))["List-Unsubscribe"]
    story.expect(
        _post(_between(header, f"{stack.public_url}/u/", ">"), {"List-Unsubscribe": "One-Click"})
        == 200,
        "the one-click unsubscribe answers 200",
    )
    page = _between(by_button["html"], f"{stack.public_url}/s/", '"')
    _get(page)
    story.expect(_post(page, {}) == 200, "the stop page's button answers 200")
    # An earlier play on the same register has left its own behind.
    wanted = Counter(before) + Counter({"optout": 2, "hard_bounce": 1, "complaint": 1})
    _wait(lambda: _suppressed(here) == wanted)
    story.summary["suppressed_people"] = _suppressed(here)
    story.expect(
        _suppressed(here) == wanted, f"opt-outs, bounce and complaint are kept: {dict(wanted)}"
    )


def _read(stack: Stack, here: Installation, story: Story, campaign_id: int) -> None:
    """Be some of the others: open the message, and follow its link, as a person's browser does.

    More than ten seconds after delivery: what comes sooner is taken for a gateway's.
    """
    time.sleep(max(0.0, 11 - (clock.now() - _last_delivery(here, campaign_id)).total_seconds()))
    readers = _delivered(here, campaign_id)[2::3][:READERS]
    clicks = 0
    for place, address in enumerate(readers):
        mail = _mail_to(stack, address, campaign_id)
        _get(_between(mail["html"], f"{stack.public_url}/o/", '"'))
        if place % 4 == 0:
            clicks += 1
            _get(_between(mail["html"], f"{stack.public_url}/c/", '"'))
    _wait(
        lambda: (
            _events(here, campaign_id, "click") >= clicks
            and _events(here, campaign_id, "open") >= len(readers)
        )
    )
    story.summary["events"] = {
        kind: _events(here, campaign_id, kind) for kind in ("open", "click", "opt_out")
    }
    story.expect(
        story.summary["events"] == {"open": len(readers), "click": clicks, "opt_out": 2},
        "opens, clicks and opt-outs of people are recorded",
    )
    story.tell(f"Recipients answered: {json.dumps(story.summary['events'])}")


def _last_delivery(here: Installation, campaign_id: int) -> datetime:
    with here.sessions() as session:
        latest = session.scalar(
            select(func.max(Message.delivered_at)).where(Message.campaign_id == campaign_id)
        )
        return latest or clock.now()


def _check_second(here: Installation, story: Story, first: int, second: int) -> None:
    with here.sessions() as session:
        rows = session.execute(
            select(Message.verdict, func.count().label("messages"))
            .where(Message.campaign_id == second, Message.state == "blocked")
            .group_by(Message.verdict)
        )
        blocked = {row.verdict: row.messages for row in rows}
        earlier = session.execute(
            select(Message.verdict, func.count().label("messages"))
            .where(Message.campaign_id == first, Message.state == "blocked")
            .group_by(Message.verdict)
        )
        before = {row.verdict: row.messages for row in earlier}
    story.summary["second_campaign_left_out"] = blocked
    for verdict, people in (
        ("suppressed_optout", 2),
        ("suppressed_hard_bounce", 1),
        ("suppressed_complaint", 1),
    ):
        story.expect(
            blocked.get(verdict, 0) - before.get(verdict, 0) == people,
            f"{people} people are left out of the second campaign as {verdict}",
        )
    story.tell(f"Second campaign left out: {json.dumps(blocked)}")


def _check_sink(stack: Stack, here: Installation, story: Story) -> None:
    """Compare the ledger with what the stand-in was handed."""
    counts = _get_json(f"{stack.stand_in_url}/_stand_in/counts")
    with here.sessions() as session:
        ledger = session.scalar(
            select(func.count()).select_from(Message).where(Message.state.in_(ACCEPTED))
        )
        total = session.scalar(select(func.count()).select_from(Contact))
    tags = counts["tags"].get("message", {})
    story.summary["ledger_accepted"] = ledger
    story.summary["sink_accepted"] = counts["accepted"]
    story.summary["contacts"] = total
    story.expect(ledger == counts["accepted"], "the ledger and the stand-in agree on what was sent")
    story.expect(tags.get("repeated") == 0, "nobody got a message twice")


def _states(here: Installation, campaign_id: int) -> dict[str, int]:
    with here.sessions() as session:
        rows = session.execute(
            select(Message.state, func.count().label("messages"))
            .where(Message.campaign_id == campaign_id)
            .group_by(Message.state)
        )
        return {row.state: row.messages for row in rows}


def _count(here: Installation, campaign_id: int, state: str) -> int:
    return _states(here, campaign_id).get(state, 0)


def _delivered(here: Installation, campaign_id: int) -> list[str]:
    """The addresses that got a campaign's message, the last first."""
    with here.sessions() as session:
        return list(
            session.scalars(
                select(Contact.email)
                .join(Message, Message.contact_id == Contact.id)
                .where(Message.campaign_id == campaign_id, Message.state == "delivered")
                .order_by(Message.id.desc())
            )
        )


def _suppressed(here: Installation) -> dict[str, int]:
    """People in the register whom a suppression in force stops, by kind."""
    with here.sessions() as session:
        rows = session.execute(
            select(Suppression.kind, func.count().label("entries"))
            .where(
                Suppression.scope == "address",
                Suppression.lifted_at.is_(None),
                Suppression.kind != "private_person",
            )
            .group_by(Suppression.kind)
        )
        return {row.kind: row.entries for row in rows}


def _events(here: Installation, campaign_id: int, kind: str) -> int:
    with here.sessions() as session:
        return (
            session.scalar(
                select(func.count())
                .select_from(Event)
                .where(
                    Event.campaign_id == campaign_id,
                    Event.kind == kind,
                    Event.actor != "machine",
                )
            )
            or 0
        )


def _wait(done: Callable[[], bool], seconds: float = SETTLE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not done() and time.monotonic() < deadline:
        time.sleep(0.2)


def _mail_to(stack: Stack, address: str, campaign_id: int) -> dict[str, Any]:
    query = urlencode({"address": address, "campaign": campaign_id, "limit": 1})
    found = _get_json(f"{stack.stand_in_url}/_stand_in/messages?{query}")["messages"]
    message: dict[str, Any] = _get_json(f"{stack.stand_in_url}/_stand_in/messages/{found[0]['id']}")
    return message


def _headers(mail: dict[str, Any]) -> list[tuple[str, str]]:
    headers = mail["headers"]
    if isinstance(headers, dict):
        return list(headers.items())
    return [(h["name"], h["value"]) if isinstance(h, dict) else (h[0], h[1]) for h in headers]


def _between(text: str, start: str, end: str) -> str:
    """The first piece of `text` from `start` (included) up to `end`."""
    begin = text.index(start)
    return text[begin : text.index(end, begin)]


def _get(url: str) -> int:
    return _open(urllib.request.Request(url, headers=BROWSER))  # noqa: S310 - our own stack


def _post(url: str, form: dict[str, str]) -> int:
    return _open(urllib.request.Request(url, urlencode(form).encode()))  # noqa: S310 - the same


def _post_json(url: str, body: dict[str, str]) -> int:
    request = urllib.request.Request(url, json.dumps(body).encode())  # noqa: S310 - the same
    request.add_header("Content-Type", "application/json")
    return _open(request)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The example's links lead to `.example` hosts, which do not exist."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _open(request: urllib.request.Request) -> int:
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=20) as answer:
            answer.read()
            status: int = answer.status
            return status
    except urllib.error.HTTPError as error:
        return error.code


def _get_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - the same
        return json.load(answer)
