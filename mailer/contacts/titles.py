"""Titles of a file -> roles: each distinct title is read once and kept in `titles` (R45)."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from mailer.contacts.checked_rows import Row
from mailer.notice.schema import Notice
from mailer.roles.models import Title
from mailer.roles.taxonomy import rank_level
from mailer.roles.titles import RULESET_VERSION, Role, classify, normalise_title

TITLE_ONLY, TITLE_AND_RULE, WITH_DUTIES = 1, 2, 3
# Below this the rules are guessing, and a guess is no evidence.
_KNOWS = 0.5
_BATCH = 5_000


class RoleFacts(NamedTuple):
    """What a title was taken to mean, ready for the contacts that bear it."""

    title_id: int | None
    functions: tuple[str, ...]
    level: int
    confidence: float
    evidence: int


NO_ROLE = RoleFacts(None, (), 0, 0.0, 0)


class Titles:
    """The roles of the titles met so far in one import."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}
        self._roles: dict[str, RoleFacts] = {}
        self._duties: dict[str, Role] = {}
        self.added = 0

    def learn(self, session: Session, texts: Iterable[str], *, dry_run: bool) -> None:
        """Make the roles of these titles known, from the table or by the rules."""
        wanted: dict[str, str] = {}
        for text in texts:
            if text and text not in self._keys:
                key = self._keys[text] = normalise_title(text)
                if key and key not in self._roles:
                    wanted.setdefault(key, text)
        if not wanted:
            return
        new = [key for key in wanted if key not in self._load(session, list(wanted))]
        self.added += len(new)
        if dry_run:
            self._roles.update((key, _facts(None, classify(wanted[key]))) for key in new)
            return
        for start in range(0, len(new), _BATCH):
            self._store(session, {key: wanted[key] for key in new[start : start + _BATCH]})

    def role(self, title: str, duties: str) -> RoleFacts:
        """The role of a contact: from the title, and from the duties where they tell more."""
        facts = self._roles.get(self._keys.get(title, ""), NO_ROLE)
        if not duties:
            return facts
        told = self._duties.get(duties)
        if told is None:
            told = self._duties[duties] = classify(duties)
        if told.confidence > facts.confidence:
            facts = facts._replace(
                functions=told.functions,
                level=facts.level or rank_level(told.level),
                confidence=told.confidence,
            )
        return facts._replace(evidence=WITH_DUTIES) if facts.confidence >= _KNOWS else facts

    def _load(self, session: Session, keys: list[str]) -> set[str]:
        rows = session.execute(
            select(
                Title.id,
                Title.key,
                Title.functions,
                Title.level,
                Title.confidence,
                Title.not_relevant,
                Title.origin,
            ).where(Title.key.in_(keys))
        ).all()
        for row in rows:
            known = row.origin == "review" or row.confidence >= _KNOWS
            self._roles[row.key] = RoleFacts(
                row.id,
                () if row.not_relevant else tuple(row.functions),
                row.level,
                row.confidence,
                TITLE_AND_RULE if known else TITLE_ONLY,
            )
        return {row.key for row in rows}

    def _store(self, session: Session, texts: dict[str, str]) -> None:
        session.execute(
            insert(Title).on_conflict_do_nothing(index_elements=[Title.key]),
            [
                {
                    "key": key,
                    "text": text,
                    "functions": list(role.functions),
                    "level": rank_level(role.level),
                    "flags": sorted(role.flags),
                    "confidence": role.confidence,
                    "rule": role.rule,
                    "ruleset_version": RULESET_VERSION,
                }
                for key, text in texts.items()
                for role in [classify(text)]
            ],
        )
        self._load(session, list(texts))


def is_outside(row: Row, role: RoleFacts, *, relationship: str, notice: Notice) -> bool:
    """Whether a prospect's work is known to be none that the offering concerns (R11)."""
    return (
        relationship == "prospect"
        and row.kind != "shared_mailbox"
        and role.confidence >= notice.confidence_minimum
        and bool(role.functions)
        and notice.offering.isdisjoint(role.functions)
    )


def _facts(title_id: int | None, role: Role) -> RoleFacts:
    return RoleFacts(
        title_id,
        role.functions,
        rank_level(role.level),
        role.confidence,
        TITLE_AND_RULE if role.confidence >= _KNOWS else TITLE_ONLY,
    )
