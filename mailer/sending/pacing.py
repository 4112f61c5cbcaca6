"""How fast, and whether at all: SES's limits, and the reasons a campaign is paused by itself."""

from datetime import datetime
from functools import cache

from redis import Redis, RedisError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.adapters import ses_account
from mailer.adapters.pace import Pace, Quota
from mailer.adapters.queue import make_redis
from mailer.campaigns.models import SenderDomain
from mailer.config import Settings
from mailer.installation import Installation
from mailer.languages import N_
from mailer.notice import switches
from mailer.sending import stops

# Why a campaign was paused, in words. Keys: our own, and SES's error codes and bulk statuses.
PAUSE_REASONS = {
    "user": N_("Paused by a user."),
    "daily_quota": N_("Amazon SES's 24-hour quota is used up. Sending goes on when it frees up."),
    "no_notice": N_("No privacy notice is published, so nothing may be sent."),
    "entity_not_declared": N_("The sending company is not in the privacy notice."),
    "no_content": N_("The campaign has no content."),
    "no_segment": N_("The campaign has no segment."),
    "content_broken": N_("The content no longer compiles."),
    "opt_out_missing": N_("A message lacked its opt-out link; nothing was handed to Amazon SES."),
    "sender_identity_unverified": N_("Amazon SES has not verified the sender's domain."),
    "all_refused": N_("Amazon SES refused every message of a batch for good."),
    "segment_broken": N_("The campaign's segment can no longer be used."),
    "brake_bounces": N_(
        "More than 5 % of the messages bounced for good. Look at where the addresses came from"
        " before going on."
    ),
    "brake_complaints": N_(
        "More than one recipient in a thousand reported the message as spam. Look at whom it went"
        " to and what it said before going on."
    ),
    "no_credentials": N_("There are no credentials for Amazon SES."),
    "MailFromDomainNotVerifiedException": N_("Amazon SES has not verified the MAIL FROM domain."),
    "MAIL_FROM_DOMAIN_NOT_VERIFIED": N_("Amazon SES has not verified the MAIL FROM domain."),
    "MessageRejected": N_("Amazon SES rejected the sender. Is the domain verified?"),
}


def pause_sentence(reason: str) -> str:
    """The msgid of why a campaign is paused; an unknown code is shown as SES's answer."""
    return PAUSE_REASONS.get(reason, N_("Amazon SES refused the messages."))


def pace_of(installation: Installation) -> Pace:
    """The shared send rate as this process uses it.

    With a client that does not wait for Redis to come back: meanwhile the local rate holds.
    """
    settings = installation.settings
    return Pace(_impatient(settings.redis_url), settings.fallback_rate)


@cache
def _impatient(redis_url: str) -> Redis:
    return make_redis(redis_url, patient=False)


def quota(installation: Installation) -> Quota | None:
    """SES's limits as last read, or None when they are not known."""
    return pace_of(installation).quota()


def refresh(session: Session, installation: Installation, *, now: datetime) -> bool:
    """Read SES's limits and the state of our sending domains. False when SES did not answer.

    An account that may not send stops everything, before a message is tried in vain.
    """
    settings = installation.settings
    try:
        account = ses_account.account(settings)
        _refresh_domains(session, settings, now)
    except ses_account.SesAccountError:
        return False
    if account.enforcement == "SHUTDOWN":
        stops.stop_all(session, reason="ACCOUNT_SUSPENDED", now=now)
    elif not account.sending_enabled:
        stops.stop_all(session, reason="ACCOUNT_SENDING_PAUSED", now=now)
    try:
        pace_of(installation).set_limit(
            Quota(
                rate=account.rate if account.sending_enabled else 0.0,
                per_day=account.per_day,
                used=account.used,
                checked_at=now.timestamp(),
            )
        )
    except RedisError:
        return False
    return True


def _refresh_domains(session: Session, settings: Settings, now: datetime) -> None:
    notice = switches.in_force(session, now)
    domains = {d for entity in notice.entities for d in entity.sender_domains} if notice else set()
    for domain in sorted(domains):
        identity = ses_account.identity(settings, domain)
        values = {
            "verified": identity is not None and identity.verified,
            "details": {"dkim": identity.dkim, "mail_from": identity.mail_from} if identity else {},
            "checked_at": now,
        }
        # A domain that was never seen before has no name with mailbox providers: it is warmed up.
        # The stand-in delivers nothing, and its newcomers want to see messages leave.
        session.execute(
            insert(SenderDomain)
            .values(domain=domain, warming=not settings.stand_in, **values)
            .on_conflict_do_update(index_elements=[SenderDomain.domain], set_=values)
        )
