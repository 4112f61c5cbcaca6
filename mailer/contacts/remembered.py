"""What was chosen for the last file of the same source, offered for the next one."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from mailer.contacts import columns
from mailer.contacts.models import Import, Source

_KEPT = ("rules", "default_country", "default_language", "relationship")


def headings(header: Sequence[str], mapping: dict[int, str]) -> dict[str, str]:
    """Heading (as headings are compared) -> field, or "" for one that is not imported."""
    found: dict[str, str] = {}
    for position, heading in enumerate(header):
        key = columns.key(heading)
        if key:
            found.setdefault(key, mapping.get(position, ""))
    return found


def last_of_source(session: Session, entry: Import, source: Source) -> Import | None:
    """The last import of a source of the same kind and name for which columns were chosen."""
    return session.scalar(
        select(Import)
        .join(Source, Source.id == Import.source_id)
        .where(
            Import.id != entry.id,
            Source.kind == source.kind,
            func.lower(Source.name) == func.lower(source.name),
            Import.options.has_key("headings"),
        )
        .order_by(Import.id.desc())
        .limit(1)
    )


def recall(session: Session, entry: Import, source: Source, header: Sequence[str]) -> None:
    """Fill in the choices of the last file of the source, heading by heading; a heading that it
    did not have goes by its words. What was chosen for this very file stays."""
    if entry.options.get("headings"):
        return
    last = last_of_source(session, entry, source)
    suggested = columns.suggest(header)
    if last is None:
        entry.options = {}
        entry.mapping = _as_json(suggested)
        return
    known: dict[str, str] = last.options["headings"]
    chosen: dict[int, str] = {}
    for new in (False, True):
        for position, heading in enumerate(header):
            is_new = columns.key(heading) not in known
            field = suggested.get(position) if is_new else known[columns.key(heading)]
            may = field in columns.TARGETS and not columns.forbidden(heading)
            if is_new == new and may and field not in chosen.values():
                chosen[position] = str(field)
    kept: dict[str, Any] = {name: last.options[name] for name in _KEPT if name in last.options}
    entry.options = {**kept, "as_in": last.id}
    entry.mapping = _as_json(chosen)


def _as_json(mapping: dict[int, str]) -> dict[str, str]:
    return {str(position): field for position, field in sorted(mapping.items())}
