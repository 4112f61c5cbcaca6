"""What can be wrong with the text of a message, each with its sentence."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailer.languages import N_, gettext

SENTENCES = {
    "empty": N_("The message is empty."),
    "too_large": N_("The message is too large: at most %(detail)s characters."),
    "too_deep": N_("The message is nested too deeply or has too many parts."),
    "characters": N_("There is a character that does not belong in a message."),
    "declaration": N_("DOCTYPE, ENTITY and CDATA are not allowed."),
    "syntax": N_("This is not well-formed: %(detail)s"),
    "root": N_("The message must start with <mjml> and have one <mj-body>."),
    "unknown_tag": N_("The tag <%(detail)s> is not allowed."),
    "misplaced": N_("The tag <%(detail)s> may not stand here."),
    "unknown_attribute": N_("The attribute %(detail)s is not allowed."),
    "attribute_value": N_("The value of %(detail)s cannot be used."),
    "url": N_("The address in %(detail)s must start with https://, http://, mailto: or tel:."),
    "image_url": N_("The image address in %(detail)s must start with https:// or http://."),
    "missing_source": N_("The tag <%(detail)s> needs src, the address of its image."),
    "stray_text": N_("Text may not stand directly in <%(detail)s>; put it in <mj-text>."),
    "style": N_("The style has something that is not allowed: %(detail)s"),
    "preview": N_("Leave <mj-preview> out; write the preview text in its own field."),
    "title": N_("Leave <mj-title> out; the subject is the title."),
    "field_unknown": N_("There is no field called %(detail)s."),
    "field_fallback": N_("The field %(detail)s needs a fallback: {%(detail)s|text}."),
    "field_in_address": N_("A field may not stand in an address or a style: %(detail)s"),
    "bracket": N_("A curly bracket is left over: %(detail)s"),
    "line_break": N_("There may be no line break here."),
    "compiler": N_("The message could not be made: %(detail)s"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault: a key of SENTENCES, where it is, and the words it is about.

    `field` is `mjml`, `subject` or `preheader`; `line` counts from 1 and is for `mjml` only.
    """

    line: int | None
    code: str
    detail: str = ""
    field: str = "mjml"


class ContentError(Exception):
    """The text cannot become a message."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(", ".join(sorted({problem.code for problem in problems})))
        self.problems = list(problems)


def sentence(problem: Problem) -> str:
    """What is wrong, in the language in force."""
    return gettext(SENTENCES[problem.code], detail=problem.detail)
