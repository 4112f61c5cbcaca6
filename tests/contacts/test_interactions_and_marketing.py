"""What is noted about dealings is no data of marketing: no merge field, no rule of a segment (R24,
R104)."""

import ast
from pathlib import Path

import pytest

import mailer
from mailer.campaigns import merge
from mailer.campaigns.content import ContentError, compile_content
from mailer.contacts.interaction_models import Interaction, OfferDocumentEvent, WebVisit
from mailer.notice.vocabulary import COMMERCIAL_KINDS, INTERACTION_KINDS
from mailer.segments import fields as segment_fields
from mailer.sending import filling

TABLES = (Interaction, OfferDocumentEvent, WebVisit)
# A title of a dealing is called like the job title of a person, which a message may name.
COLUMNS = {column.name for table in TABLES for column in table.__table__.c} - {"title"}
WORDS = sorted(
    COLUMNS
    | set(INTERACTION_KINDS)
    | {f"{kind}_{column}" for kind in COMMERCIAL_KINDS for column in ("amount", "reference")}
    | {f"{kind}.title" for kind in COMMERCIAL_KINDS}
)
CODE = Path(mailer.__file__).parent


def test_no_merge_field_is_of_a_dealing() -> None:
    assert not set(merge.FIELDS) & set(WORDS)
    # The whole vocabulary: who adds a word to it decides that it may go out to people.
    assert set(merge.FIELDS) == {"first_name", "last_name", "company_name", "title"}
    assert set(filling._FIELDS) == set(merge.FIELDS)


@pytest.mark.parametrize("word", WORDS)
def test_content_that_names_a_dealing_is_refused_when_it_is_saved(word: str) -> None:
    mjml = (
        "<mjml><mj-body><mj-section><mj-column><mj-text>Hei {%s|sinä}</mj-text></mj-column>"
        "</mj-section></mj-body></mjml>"
    )
    with pytest.raises(ContentError) as refused:
        compile_content("fi", "Aihe", "", mjml % word)
    assert [problem.code for problem in refused.value.problems] == ["field_unknown"]
    with pytest.raises(ContentError):
        compile_content("fi", f"{{{word}|x}}", "", mjml % "title")


def test_no_rule_of_a_segment_is_about_a_dealing() -> None:
    # `kind` is the kind of contact there.
    assert not set(segment_fields.FIELDS) & set(WORDS) - {"kind"}


@pytest.mark.parametrize("capability", ["segments", "campaigns", "sending", "gate.py"])
def test_nothing_that_makes_marketing_knows_the_tables_of_dealings(capability: str) -> None:
    place = CODE / capability
    files = [place] if place.suffix else sorted(place.rglob("*.py"))
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        modules = {
            node.module or ""
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.ImportFrom)
        }
        assert not {name for name in modules if "interaction" in name or "web_visit" in name}, file
        for table in TABLES:
            assert f" {table.__tablename__}" not in text, file
