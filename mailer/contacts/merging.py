"""How a value of a file meets a value of the register: the SQL of the update rules (R32).

For each field: never changed, filled when empty, or always replaced. Whatever the rule, a value
that the person has corrected (`field_sources[field].locked`) stays, and a source never replaces a
value of one that ranks higher: the person, then the employer, then staff, then all others.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from mailer.languages import N_
from mailer.notice.vocabulary import OWN_SOURCES

RULES = {
    "never": N_("Keep the value that is there"),
    "if_empty": N_("Fill when empty"),
    "always": N_("Replace"),
}
DEFAULT_RULE = "if_empty"

# Column -> the notice's name of the field, whose rule it follows.
CONTACT_FIELDS = {
    "first_name": "first_name",
    "last_name": "last_name",
    "phone": "phone",
    "title": "title",
    "duties": "duties",
    "language": "language",
    "note": "note",
    "tags": "tags",
    "company_id": "company_name",
}
COMPANY_FIELDS = {
    "name": "company_name",
    "industry_code": "industry_code",
    "industry_name": "industry_name",
    "headcount": "headcount",
    "turnover_eur": "turnover_eur",
    "result_eur": "result_eur",
    "street": "street",
    "postal_code": "postal_code",
    "city": "city",
    "country": "country",
}
# A figure of a company and the year it is of (R21).
FIGURES = {
    "headcount": "headcount_year",
    "turnover_eur": "turnover_year",
    "result_eur": "result_year",
}

_RANKS = {**dict.fromkeys(sorted(OWN_SOURCES), 4), "employer": 3, "system_entry": 2}
_RANK = (
    "CASE o.kind "
    + "".join(f"WHEN '{kind}' THEN {n} " for kind, n in _RANKS.items())
    + "ELSE 1 END"
)
# What "empty" is, where it is not NULL.
_EMPTY_TEXT = frozenset(CONTACT_FIELDS) - {"tags", "company_id", "language"}


def rank_of_source(kind: str) -> int:
    """How a source kind ranks when two sources differ; higher wins."""
    return _RANKS.get(kind, 1)


@dataclass(frozen=True, slots=True)
class Merge:
    """The pieces of one merging statement: `c` is the register's row, `s` the file's, and `m` has
    old_ and new_ values of every field. All names come from the constants above."""

    table: str
    rules: Mapping[str, str]

    @property
    def finals(self) -> str:
        """Columns old_x and new_x for every field."""
        return "".join(
            f",\n  c.{name} AS old_{name}, {self._final(name, rule)} AS new_{name}"
            for name, rule in self.rules.items()
        )

    @property
    def sets(self) -> str:
        """The assignments."""
        return ", ".join(f"{name} = m.new_{name}" for name in self.rules)

    @property
    def sources(self) -> str:
        """The assignment that notes where changed fields now come from (R30)."""
        flags = ", ".join(f"('{_public(name)}', {self.changes(name)})" for name in self.rules)
        return f"""field_sources = c.field_sources || (
  SELECT COALESCE(jsonb_object_agg(v.field, jsonb_build_object('source', %(source)s::bigint,
    'import', %(import)s::bigint, 'at', %(on)s::text)), '{{}}')
  FROM (VALUES {flags}) AS v(field, changed) WHERE v.changed)"""  # noqa: S608 - constants

    @property
    def history(self) -> str:
        """The insertion of what was there before."""
        values = ", ".join(
            f"('{_public(name)}', {_as_text('m.old_', name)}, {_as_text('m.new_', name)})"
            for name in self.rules
        )
        return f""", history AS (
INSERT INTO field_changes (contact_id, field, old_value, new_value, source_id, import_id, at)
SELECT m.id, v.field, v.old, v.new, %(source)s, %(import)s, %(now)s
FROM merged m CROSS JOIN LATERAL (VALUES {values}) AS v(field, old, new)
WHERE m.changed AND v.old IS DISTINCT FROM v.new)"""  # noqa: S608 - constants

    @property
    def may_change(self) -> str:
        """Whether the file tells anything that a rule could let in: false for most rows of a file
        that is imported again, and much cheaper to say than what the outcome is."""
        told = [self._may_change(name, rule) for name, rule in self.rules.items()]
        return f"({' OR '.join(each for each in told if each) or 'false'})"

    def changes(self, name: str) -> str:
        """Whether a field changes."""
        return f"m.old_{name} IS DISTINCT FROM m.new_{name}"

    def statement(self, finals: str, written: str) -> str:
        """The whole statement; it answers how many rows matched and how many change."""
        changed = " OR ".join(f"old_{name} IS DISTINCT FROM new_{name}" for name in self.rules)
        return f"""
WITH finals AS MATERIALIZED ({finals}),
merged AS MATERIALIZED (SELECT *, ({changed}) AS changed FROM finals){written}
SELECT count(*), count(*) FILTER (WHERE changed) FROM merged"""  # noqa: S608 - constants

    def _final(self, name: str, rule: str) -> str:
        if rule == "never":
            return f"c.{name}"
        locked = f"c.field_sources -> '{_public(name)}' ->> 'locked' = 'true'"
        staged, standing = self._value("s", name), self._value("c", name)
        if rule == "if_empty":
            filled = f"COALESCE({standing}, {staged}, c.{name})"
            return f"CASE WHEN {locked} THEN c.{name} ELSE {filled} END"
        # The source of a field is that of the row unless it is noted otherwise.
        outranked = (
            f"(SELECT {_RANK} FROM sources o WHERE o.id = "  # noqa: S608 - constants
            f"COALESCE((c.field_sources -> '{_public(name)}' ->> 'source')::bigint, c.source_id))"
            " > %(rank)s"
        )
        return (
            f"CASE WHEN {locked} OR {staged} IS NULL OR ({standing} IS NOT NULL AND {outranked})"
            f" THEN c.{name} ELSE {staged} END"
        )

    def _may_change(self, name: str, rule: str) -> str:
        staged, standing = self._value("s", name), self._value("c", name)
        if rule == "never":
            return ""
        if rule == "if_empty":
            return f"({standing} IS NULL AND {staged} IS NOT NULL)"
        return f"({staged} IS NOT NULL AND {staged} IS DISTINCT FROM {standing})"

    def _value(self, row: str, name: str) -> str:
        """The value, NULL when empty. A company without a name bears its Business ID as one."""
        if self.table == "companies":
            return f"NULLIF({row}.name, {row}.business_id)" if name == "name" else f"{row}.{name}"
        if name == "tags":
            return f"CASE WHEN cardinality({row}.tags) > 0 THEN {row}.tags END"
        if name == "language" or name in _EMPTY_TEXT:
            return f"NULLIF({row}.{name}, '')"
        return f"{row}.{name}"


def _public(name: str) -> str:
    return "company" if name == "company_id" else name


def _as_text(prefix: str, name: str) -> str:
    value = prefix + name
    return f"array_to_string({value}, ', ')" if name == "tags" else f"{value}::text"
