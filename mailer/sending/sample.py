"""One finished message to look at before sending, for nobody in particular.

Its values are as long as the longest that any recipient has, so that the measured size is the
largest anybody can get.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from mailer.campaigns.content import Compiled, Slot
from mailer.campaigns.facts import Version
from mailer.campaigns.models import Campaign
from mailer.config import Settings
from mailer.languages import gettext, in_language
from mailer.notice.schema import Entity, Notice
from mailer.roles.taxonomy import FUNCTION_LABELS
from mailer.sending import envelope
from mailer.sending.envelope import Person
from mailer.sending.rendering import Final, OptOutMissingError, Rendering

_LARGEST_ID = 10**15
_LEFTOVER = re.compile(r"\{[a-z_]+(\|[^{}]*)?\}|\{\{")


def fields(made: Compiled) -> frozenset[str]:
    """The merge fields that a message uses."""
    templates = (made.subject, made.preheader, made.html, made.text)
    slots = (part for template in templates for part in template.parts if isinstance(part, Slot))
    return frozenset(slot.name for slot in slots if not slot.name.startswith("link:"))


def rendering(
    campaign: Campaign,
    settings: Settings,
    notice: Notice,
    entity: Entity,
    *,
    contents: list[Compiled],
) -> Rendering:
    """The content as it will be sent, with links as long as they can get."""
    # Links get their ids at launch only.
    ids = {(each.language, spot.position): _LARGEST_ID for each in contents for spot in each.links}
    return Rendering(
        settings,
        campaign_id=campaign.id,
        notice=notice,
        entity=entity,
        sender_name=campaign.sender_name,
        sender_address=campaign.sender_address,
        reply_to=campaign.reply_to,
        contents=contents,
        link_ids=ids,
    )


def looked_at(
    version: Version, rendering: Rendering, campaign: Campaign, longest: Mapping[str, int]
) -> Version:
    """The version with what its finished message holds. `longest`: field -> bytes in HTML."""
    if not version.made:
        return version
    person = _longest_person(version.language, campaign, longest)
    try:
        final = rendering.final(person)
    except OptOutMissingError:
        return replace(version, rendered=True)
    plain = rendering.final(replace(person, track_clicks=False, track_opens=False))
    reason = " ".join(envelope.reason(person, version.language).split())
    entity = rendering.entity
    sender = (entity.name, entity.business_id, entity.postal_address)
    stop = rendering.links.stop(person)
    return replace(
        version,
        rendered=True,
        size=max(final.size, plain.size),
        has_opt_out=_says(final, stop),
        has_headers={"List-Unsubscribe", "List-Unsubscribe-Post"} <= dict(final.headers).keys(),
        has_sender=all(_says(final, words) for words in sender),
        has_reason=_says(final, reason) and person.source_name in reason,
        has_leftovers=any(
            _LEFTOVER.search(text) for text in (final.subject, final.text, _words(final.html))
        ),
    )


def _longest_person(language: str, campaign: Campaign, longest: Mapping[str, int]) -> Person:
    def filler(name: str) -> str:
        return "x" * max(longest.get(name, 0), 1)

    with in_language(language):
        function = max(
            campaign.target_functions,
            key=lambda key: len(gettext(FUNCTION_LABELS.get(key, key)).encode()),
            default="",
        )
    return Person(
        message_id=_LARGEST_ID,
        contact_id=None,
        address="",
        address_key=b"\0" * 16,
        language=language,
        first_name=filler("first_name"),
        last_name=filler("last_name"),
        company_name=filler("company_name"),
        title=filler("title"),
        function=function,
        source_kind="public_web",
        source_name=filler("source_name"),
        source_date=date(2000, 12, 31),
        informed=False,
        track_opens=True,
        track_clicks=True,
    )


def _says(final: Final, words: str) -> bool:
    return html.escape(words) in final.html and words in final.text


def _words(page: str) -> str:
    # Styles have curly brackets of their own.
    return re.sub(r"<style\b.*?</style>", "", page, flags=re.DOTALL)
