"""What every value of an imported file came from, as the parameters of the statements."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from mailer.contacts.merging import DEFAULT_RULE, rank_of_source


@dataclass(frozen=True, slots=True)
class Origin:
    """What every value of the file came from, and what an update may do."""

    import_id: int
    source_id: int
    source_kind: str
    dated: date
    basis: str
    relationship: str
    notice_version_id: int
    default_language: str
    rules: Mapping[str, str]
    now: datetime

    def rule(self, field: str) -> str:
        """The update rule of a field, by the name the notice has for it."""
        return self.rules.get(field, DEFAULT_RULE)

    @property
    def parameters(self) -> dict[str, Any]:
        """The values that the statements name."""
        return {
            "import": self.import_id,
            "source": self.source_id,
            "rank": rank_of_source(self.source_kind),
            "collected": min(datetime.combine(self.dated, time(), UTC), self.now),
            "year": self.dated.year,
            "basis": self.basis,
            "relationship": self.relationship,
            "notice": self.notice_version_id,
            "language": self.default_language,
            "now": self.now,
            "on": self.dated.isoformat(),
        }
