"""What the rows of the builder show: fields, comparisons, choices and words for each control."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from mailer.languages import gettext as _
from mailer.notice.schema import Notice
from mailer.segments import choices, fields
from mailer.segments.fields import COMPARISONS, FIELDS, GROUPS, Field
from mailer.web.segment_draft import Draft, DraftGroup, DraftRule

Options = list[tuple[str, str]]


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
    focus: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """One group, ready to draw."""

    key: str
    op: str
    rows: list[Row]


def rows_of(
    session: Session,
    draft: Draft,
    notice: Notice | None,
    *,
    segment_id: int | None,
    focus: str | None,
) -> list[Rows]:
    """The groups of the form; the last is the exclude group."""
    maker = _Maker(session, notice, segment_id, focus)
    return [maker.group(group) for group in draft.groups()]


class _Maker:
    def __init__(
        self, session: Session, notice: Notice | None, segment_id: int | None, focus: str | None
    ) -> None:
        self._session = session
        self._notice = notice
        self._segment_id = segment_id
        self._focus = focus
        self._listed: dict[str, Options] = {}
        self._number = 0

    def group(self, group: DraftGroup) -> Rows:
        return Rows(
            group.key,
            group.op,
            [self._row(f"{group.key}-r{place}", rule) for place, rule in enumerate(group.rules)],
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
            focus=name == self._focus,
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
