"""What the rows of the builder show: fields, comparisons, choices and words for each control."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy.orm import Session

from mailer.languages import N_
from mailer.languages import gettext as _
from mailer.notice.schema import Notice
from mailer.segments import choices, fields
from mailer.segments.fields import COMPARISONS, FIELDS, GROUPS, Field
from mailer.web.segment_draft import Draft, DraftGroup, DraftRule
from mailer.web.segment_moves import may_nest, may_put

Options = list[tuple[str, str]]

# What a group asks of what is in it, as it is said of people who are in and who are left out.
WAYS = {
    "and": (N_("All of these are true"), N_("if all of these are true")),
    "or": (N_("Any of these is true"), N_("if any of these is true")),
    "not_and": (N_("Not all of these are true"), N_("if not all of these are true")),
    "not_or": (N_("None of these is true"), N_("if none of these is true")),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row, ready to draw. `number` counts rows over the whole form, from 1."""

    name: str
    number: int
    rule: DraftRule
    fields: list[tuple[str, Options]]
    comparisons: Options
    choices: Options
    chosen: str
    unit: str
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """One group, ready to draw. `title`: its place in words, as “Group 2.1”."""

    key: str
    title: str
    op: str
    joiner: str
    ways: Options
    parts: list["Row | Rows"]
    may_nest: bool
    may_put: bool
    is_group: bool = True


@dataclass(frozen=True, slots=True)
class Lifted:
    """What is being moved. `words`: what it is called on its button."""

    name: str
    words: str
    may_stand_alone: bool


def rows_of(
    session: Session, draft: Draft, notice: Notice | None, *, segment_id: int | None
) -> list[Rows]:
    """The outermost groups of the form; the last is the exclude group."""
    return _Maker(session, draft, notice, segment_id).all()


def titles(draft: Draft) -> dict[str, str]:
    """What each group is called, by its key: Group 1, Group 1.2, …"""
    found: dict[str, str] = {}
    for place, group in enumerate(draft.include, 1):
        found.update(_titles(group, str(place), left_out=False))
    found.update(_titles(draft.exclude, "", left_out=True))
    found[draft.exclude.key] = _("Leave out")
    return found


def _titles(group: DraftGroup, number: str, *, left_out: bool) -> Iterator[tuple[str, str]]:
    title = _("Left-out group %(n)s", n=number) if left_out else _("Group %(n)s", n=number)
    yield group.key, title
    inner = (part for part in group.parts if isinstance(part, DraftGroup))
    for place, part in enumerate(inner, 1):
        yield from _titles(part, f"{number}.{place}".strip("."), left_out=left_out)


def lifted_of(draft: Draft, groups: list[Rows]) -> Lifted | None:
    """What is being moved to another group, if anything."""
    for part in _every(groups):
        if isinstance(part, Row) and part.name == draft.lifted:
            return Lifted(part.name, _("Condition %(n)s", n=part.number), True)
        if isinstance(part, Rows) and part.key == draft.lifted:
            return Lifted(part.key, part.title, "-" in part.key)
    return None


def _every(parts: Iterable[Row | Rows]) -> Iterator[Row | Rows]:
    for part in parts:
        yield part
        if isinstance(part, Rows):
            yield from _every(part.parts)


class _Maker:
    def __init__(
        self, session: Session, draft: Draft, notice: Notice | None, segment_id: int | None
    ) -> None:
        self._session = session
        self._draft = draft
        self._notice = notice
        self._segment_id = segment_id
        self._listed: dict[str, Options] = {}
        self._titles = titles(draft)
        self._number = 0

    def all(self) -> list[Rows]:
        return [self._group(group) for group in self._draft.groups()]

    def _group(self, group: DraftGroup) -> Rows:
        parts: list[Row | Rows] = [
            self._row(name, part) if isinstance(part, DraftRule) else self._group(part)
            for name, part in group.named()
        ]
        left_out = group is self._draft.exclude
        return Rows(
            key=group.key,
            title=self._titles[group.key],
            op=group.op,
            joiner=_("AND") if group.joins == "and" else _("OR"),
            ways=[(op, _(words[left_out])) for op, words in WAYS.items()],
            parts=parts,
            may_nest=may_nest(self._draft, group),
            may_put=may_put(self._draft, group),
        )

    def _row(self, name: str, rule: DraftRule) -> Row:
        self._number += 1
        field = FIELDS.get(rule.field)
        offered = self._choices(field, rule) if field else []
        labels = dict(offered)
        return Row(
            name=name,
            number=self._number,
            rule=rule,
            fields=self._fields(field),
            comparisons=[(key, _(COMPARISONS[key])) for key in field.comparisons] if field else [],
            choices=offered,
            chosen=", ".join(labels.get(each, each) for each in rule.values),
            unit=_(field.unit) if field and field.unit else "",
        )

    def _fields(self, chosen: Field | None) -> list[tuple[str, Options]]:
        offered = fields.offered(self._notice)
        if chosen is not None and chosen not in offered:
            offered = [*offered, chosen]  # kept and refused at saving, not silently changed
        return [
            (_(label), [(each.key, _(each.label)) for each in offered if each.group == group])
            for group, label in GROUPS.items()
            if any(each.group == group for each in offered)
        ]

    def _choices(self, field: Field, rule: DraftRule) -> Options:
        if rule.shape in {fields.CHOICE, fields.CHOICES}:
            return self._fixed(field, rule)
        if not rule.ticked:
            return []
        if field.key not in self._listed:
            self._listed[field.key] = choices.listed(
                self._session, field.key, without=self._segment_id
            )
        offered = self._listed[field.key]
        missing = [each for each in rule.values if each not in dict(offered)]
        return [*offered, *((each, self._unlisted(field, each)) for each in missing)]

    def _fixed(self, field: Field, rule: DraftRule) -> Options:
        labels = dict(fields.choices_offered(field, self._notice))
        if field.key == "level" and rule.shape == fields.CHOICE:
            labels = fields.level_choices()
        labels.update({key: field.choices[key] for key in rule.values if key in field.choices})
        return [(key, _(label)) for key, label in labels.items()]

    @staticmethod
    def _unlisted(field: Field, value: str) -> str:
        if field.comparisons.get("any_of") == fields.TEXTS:
            return value
        return _("(does not exist any more)")
