"""The links of messages: where they lead, and a hit on one as it travels to the database."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from mailer.campaigns.models import Link
from mailer.events.patterns import Hit

KINDS = ("open", "click")


@dataclass(frozen=True, slots=True)
class Received:
    """A hit as it came in: of which message, and the hit."""

    message_id: int
    hit: Hit

    def encode(self) -> str:
        """One line for the stream: ids and classes, nothing personal."""
        hit = self.hit
        fields = (
            hit.key,
            hit.kind,
            str(self.message_id),
            str(hit.link_id or 0),
            str(int(hit.at.timestamp() * 1000)),
            hit.client,
            " ".join(sorted(hit.signals)),
            hit.network,
            hit.agent,
        )
        return ",".join(fields)


def decode(line: str) -> Received:
    """The hit in a line of the stream. Raises ValueError."""
    # Lines of the version before end with the signals.
    key, kind, message_id, link_id, at, client, signals, *marks = line.split(",")
    network, agent = marks or ("", "")
    if kind not in KINDS or not key:
        raise ValueError("kind")
    moment = datetime.fromtimestamp(int(at) / 1000, UTC)
    seen = frozenset(signals.split())
    hit = Hit(key, kind, moment, int(link_id) or None, client, seen, network, agent)
    return Received(int(message_id), hit)


def new_key() -> str:
    """A key for a hit: one hit is one event however often it is handed on."""
    return f"hit:{secrets.token_hex(8)}"


def destination(session: Session, link_id: int) -> tuple[int, str] | None:
    """The campaign and address of a frozen link."""
    row = session.execute(select(Link.campaign_id, Link.url).where(Link.id == link_id)).first()
    return (row.campaign_id, row.url) if row else None


def campaigns_of(session: Session, first: int, last: int) -> list[tuple[int, int, int]]:
    """Runs of message ids from `first` to `last` that belong to one campaign each: (first, last,
    campaign). A frozen audience is one long run."""
    rows = session.execute(
        text(
            "SELECT min(id), max(id), campaign_id FROM ("
            " SELECT id, campaign_id, id - row_number() OVER (PARTITION BY campaign_id ORDER BY id)"
            " AS run FROM messages WHERE id BETWEEN :first AND :last AND campaign_id IS NOT NULL"
            ") AS numbered GROUP BY campaign_id, run ORDER BY 1"
        ),
        {"first": first, "last": last},
    )
    return [(row[0], row[1], row[2]) for row in rows]
