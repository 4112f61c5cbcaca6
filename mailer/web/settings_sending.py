"""Settings of sending: Amazon SES's quota, the warm-up of domains, and the caps."""

import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from sqlalchemy import select

from mailer import audit, clock, installation
from mailer.adapters.pace import SHARE
from mailer.campaigns.models import Campaign, SenderDomain
from mailer.languages import gettext as _
from mailer.sending import caps, pacing, plan, warmup
from mailer.sending.caps import Caps
from mailer.web.guard import requires
from mailer.web.request import db_session, signed_in_user

blueprint = Blueprint("settings_sending", __name__, url_prefix="/settings/sending")

MOST_DOMAINS = 200
LARGEST = 1_000_000
_LINE = re.compile(r"(?P<domain>[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)[\s:=]+(?P<most>\d{1,9})")


@blueprint.get("")
@requires("settings.view")
def show() -> str:
    """The quota, what is planned on it, the warm-ups and the caps."""
    return _page(_values(caps.in_force(db_session())), {})


@blueprint.post("/caps")
@requires("settings.edit")
def save_caps() -> Any:
    """Take over the caps. Campaigns under way are planned anew within a minute."""
    errors: dict[str, str] = {}
    wanted = Caps(
        domains=_domains(request.form.get("domains", ""), errors),
        others=_number("others", errors),
        company=_number("company", errors),
    )
    if errors:
        return _page(request.form, errors), 422
    session = db_session()
    before = caps.in_force(session)
    if before != wanted:
        caps.save(session, wanted)
        audit.record(
            session,
            "settings.caps_changed",
            "settings",
            None,
            now=clock.now(),
            actor_id=signed_in_user().id,
            others=wanted.others,
            company=wanted.company,
            domains=len(wanted.domains),
        )
    flash(_("Saved. Campaigns under way are planned anew within a minute."))
    return redirect(url_for("settings_sending.show"), 303)


@blueprint.get("/warmup/<domain>/<action>")
@requires("settings.edit")
def confirm_warmup(domain: str, action: str) -> str:
    """Say what it means before a warm-up is begun or ended by hand."""
    known = _domain_or_404(domain, action)
    if action == "end":
        title = _("End the warm-up of %(domain)s?", domain=known.domain)
        text = _(
            "Do this when the domain has already sent as much from elsewhere. A domain that is"
            " really new and sends much at once soon ends in spam folders."
        )
        button = _("End the warm-up")
    else:
        title = _("Begin a warm-up of %(domain)s?", domain=known.domain)
        text = _(
            "From now on it sends %(num)s messages on the first day and more after each good day.",
            num=warmup.TABLE[0],
        )
        button = _("Begin the warm-up")
    return render_template(
        "web/parts/confirm_page.html",
        title=title,
        text=text,
        facts=[],
        action=url_for("settings_sending.change_warmup", domain=known.domain, action=action),
        button=button,
        back=url_for("settings_sending.show"),
        danger=action == "end",
        hidden={},
    )


@blueprint.post("/warmup/<domain>/<action>")
@requires("settings.edit")
def change_warmup(domain: str, action: str) -> Any:
    """Begin or end a warm-up."""
    known = _domain_or_404(domain, action)
    change = warmup.end if action == "end" else warmup.begin
    if change(db_session(), known.domain, now=clock.now(), actor_id=signed_in_user().id):
        flash(_("Saved. Campaigns under way are planned anew within a minute."))
    return redirect(url_for("settings_sending.show"), 303)


def _domain_or_404(domain: str, action: str) -> SenderDomain:
    known = db_session().get(SenderDomain, domain) if "\0" not in domain else None
    if known is None or action not in ("begin", "end"):
        abort(404)
    return known


def _page(values: Any, errors: Mapping[str, str]) -> str:
    session = db_session()
    quota = pacing.quota(installation.current())
    domains = session.scalars(select(SenderDomain).order_by(SenderDomain.domain)).all()
    return render_template(
        "web/settings/sending.html",
        quota=quota,
        pace=round(quota.rate * SHARE, 1) if quota else None,
        days=_planned_days(),
        domains=[
            (domain, warmup.of(session, domain.domain) if domain.warming else None)
            for domain in domains
        ],
        held={key: _(sentence) for key, sentence in warmup.HELD.items()},
        values=values,
        errors=errors,
    )


def _planned_days() -> list[tuple[Any, int]]:
    """What campaigns under way have planned, by day, from their plans."""
    session = db_session()
    total: dict[Any, int] = {}
    for campaign_id in session.scalars(select(Campaign.id).where(Campaign.state == "sending")):
        found = plan.of(session, campaign_id)
        for day, number in found.days if found else ():
            total[day] = total.get(day, 0) + number
    return sorted(total.items())


def _values(found: Caps) -> dict[str, str]:
    return {
        "domains": "\n".join(f"{domain} {most}" for domain, most in found.domains.items()),
        "others": str(found.others or ""),
        "company": str(found.company or ""),
    }


def _number(name: str, errors: dict[str, str]) -> int | None:
    text = "".join(request.form.get(name, "").split())
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:10]) <= LARGEST):
        errors[name] = _("Write a whole number from 1 to 1,000,000, or leave it empty.")
        return None
    return int(text)


def _domains(text: str, errors: dict[str, str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for number, line in enumerate(text.lower().splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None or not 1 <= int(match["most"]) <= LARGEST:
            errors["domains"] = _(
                "Line %(num)s: write a domain and a number, for example outlook.com 1000.",
                num=number,
            )
            return {}
        found[match["domain"]] = int(match["most"])
    if len(found) > MOST_DOMAINS:
        errors["domains"] = _("At most %(num)s domains.", num=MOST_DOMAINS)
    return dict(sorted(found.items()))
