"""A stored message as its recipient sees it."""

import json
from collections.abc import Mapping
from typing import Any, Final

from mailer.stand_in.addresses import decode_words
from mailer.stand_in.database import Database
from mailer.stand_in.mail import Content, unpack_attachments
from mailer.stand_in.templates import MissingVariableError

COLUMNS: Final = (
    "m.id, m.accepted_at, m.operation, m.sender, m.recipients, m.subject, m.headers, m.tags,"
    " m.configuration_set, m.outcome, m.error, m.data, c.subject AS template_subject,"
    " c.text, c.html,"
    " c.attachments, c.raw IS NOT NULL AS is_raw"
)


def as_seen(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of COLUMNS with its template filled; nothing is rendered where data is missing."""
    recipients = json.loads(row["recipients"])
    headers = json.loads(row["headers"])
    content = Content(
        row["template_subject"], row["text"], row["html"], unpack_attachments(row["attachments"])
    )
    data = None if row["data"] is None else json.loads(row["data"])
    try:
        _, text, html = content.render(data)
    except MissingVariableError:
        text = html = None  # nothing was rendered, nobody received it
    return {
        "id": row["id"],
        "accepted_at": row["accepted_at"],
        "operation": row["operation"],
        "from": decode_words(row["sender"]),
        **recipients,
        "subject": decode_words(row["subject"]),
        "headers": {name: value for name, value in headers},  # noqa: C416 - a list of lists
        "header_list": headers,
        "text": text,
        "html": html,
        "tags": json.loads(row["tags"]),
        "configuration_set": row["configuration_set"],
        "outcome": row["outcome"],
        "error": row["error"],
        "raw": bool(row["is_raw"]),
        "attachments": [
            {"name": a.name, "media_type": a.media_type, "size": len(a.data)}
            for a in content.attachments
        ],
    }


def read_attachment(database: Database, message_id: str, index: int) -> tuple[str, bytes] | None:
    """Name and data of one attachment, or None."""
    with database.reading() as connection:
        row = connection.execute(
            "SELECT c.attachments FROM message JOIN content c USING (digest) WHERE id = ?",
            (message_id,),
        ).fetchone()
    attachments = unpack_attachments(row[0]) if row else ()
    if not 0 <= index < len(attachments):
        return None
    return attachments[index].name, attachments[index].data
