"""Caps: messages an hour to one recipient domain, and people of one company in a day."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.sending.plan_models import SendingCap

# Messages an hour. Mailbox providers slow down whoever brings more; none publishes a figure, so
# these are cautious ones for a sender without a long history. Rows of `sending_caps` stand above.
DOMAINS: Mapping[str, int] = {
    "gmail.com": 3_000,
    "googlemail.com": 3_000,
    "hotmail.com": 1_000,
    "icloud.com": 1_000,
    "live.com": 1_000,
    "msn.com": 1_000,
    "outlook.com": 1_000,
    "yahoo.com": 1_000,
}
OTHERS = "*"


@dataclass(frozen=True, slots=True)
class Caps:
    """Caps in force. `others`: for every domain not named; None is no cap."""

    domains: Mapping[str, int]
    others: int | None = None
    company: int | None = None


def in_force(session: Session) -> Caps:
    """The caps as the settings have them."""
    rows = session.execute(select(SendingCap.scope, SendingCap.key, SendingCap.most)).all()
    domains = dict(DOMAINS)
    others: int | None = None
    company: int | None = None
    for scope, key, most in rows:
        if scope == "company":
            company = most or None
        elif key == OTHERS:
            others = most or None
        else:
            domains[key] = most
    return Caps({key: most for key, most in sorted(domains.items()) if most}, others, company)


def save(session: Session, caps: Caps) -> None:
    """Make these the caps in force; a default that is not among them is no cap any more."""
    session.execute(delete(SendingCap))
    domains = {**dict.fromkeys(DOMAINS, 0), **caps.domains}
    rows = [
        {"scope": "domain", "key": key, "most": most}
        for key, most in domains.items()
        if DOMAINS.get(key) != most
    ]
    if caps.others:
        rows.append({"scope": "domain", "key": OTHERS, "most": caps.others})
    if caps.company:
        rows.append({"scope": "company", "key": OTHERS, "most": caps.company})
    if rows:
        session.execute(insert(SendingCap), rows)
