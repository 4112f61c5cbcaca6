"""What an entry of the suppression list rests on, in words: the list keeps short codes of it."""

import re

from mailer.contacts import bans, problems, removal
from mailer.contacts.models import Suppression
from mailer.languages import N_, gettext

_EVENTS = {
    "hard_bounce": N_("The message came back for good"),
    "listed": N_("Amazon SES did not try: the address is on its list"),
    "unsubscribed": N_("Amazon SES did not try: opted out there"),
    "complaint": N_("Reported as spam in the mail program"),
    "subscription": N_("Opted out at Amazon SES"),
}
# What SES says beside it (bounceSubType, complaintSubType).
_SUBTYPES = {
    "NoEmail": N_("there is no such mailbox"),
    "General": N_("the receiving server refused it"),
    "Suppressed": N_("Amazon has seen the address come back elsewhere"),
    "OnAccountSuppressionList": N_("on the list of our account"),
    "OnTenantSuppressionList": N_("on the list of our account"),
    "EmailValidationSuppressed": N_("Amazon takes the address for wrong"),
    "UnsubscribedRecipient": N_("opted out there"),
}
_OWN = {
    "erasure": N_("The person asked to be forgotten"),
    "the same person's earlier address": N_("The same person said no at an earlier address"),
    "BOUNCE": N_("Amazon SES listed it because mail came back"),
    "COMPLAINT": N_("Amazon SES listed it because of a spam complaint"),
    "handed_over": N_("Handed over to Amazon SES's list by us"),
}
_MAIL = re.compile(r"mail (\d+)")


def evidence(line: Suppression) -> str:
    """The evidence of an entry, in the language in force; what people wrote is left as it is."""
    text = line.evidence
    if line.origin == "ses_event":
        return _of_event(text)
    if line.origin == "detector":
        rule = removal.PRIVATE_RULES.get(text)
        return gettext(rule) if rule else problems.reason(text) if text in problems.CODES else text
    if word := _OWN.get(text) or (bans.CHANNELS.get(text) if line.origin == "staff" else None):
        return gettext(word)
    if (mail := _MAIL.fullmatch(text)) is not None:
        return gettext("Mail number %(number)s", number=mail[1])
    return text


def _of_event(text: str) -> str:
    kind, _space, subtype = text.partition(" ")
    if kind not in _EVENTS:
        return text
    said = gettext(_EVENTS[kind])
    more = gettext(_SUBTYPES[subtype]) if subtype in _SUBTYPES else subtype
    return f"{said}: {more}" if more else said
