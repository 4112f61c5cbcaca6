"""Brings the catalogues in step with the code: `python -m mailer.translations.catalogues`.

New messages are added empty, those no longer used are dropped, nothing is guessed from likeness.
Catalogues hold no line numbers and no dates, so that they change only when words do.
"""

from datetime import UTC, datetime

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po, write_po

from mailer.config import ROOT
from mailer.languages import CATALOGUES

TRANSLATED = ("fi", "sv")
# A date would change with every run.
_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
KEYWORDS = {**DEFAULT_KEYWORDS, "N_": None, "n_": (1, 2)}


def extract() -> Catalog:
    """Every message of the code and the templates, in a fixed order."""
    with (CATALOGUES / "babel.cfg").open() as mapping:
        methods, options = parse_mapping_cfg(mapping)  # type: ignore[no-untyped-call]
    found = Catalog(project="lupaposti")
    messages = extract_from_dir(str(ROOT), methods, options, KEYWORDS, comment_tags=("i18n:",))
    for _file, _line, message, comments, context in sorted(messages, key=lambda m: str(m[2])):
        found.add(message, None, [], auto_comments=comments, context=context)
    return found


def load(language: str) -> Catalog:
    """A catalogue as it stands in the repository."""
    path = CATALOGUES / f"{language}.po"
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as source:
        return read_po(source, locale=language)


def missing(language: str) -> list[str]:
    """Messages that have no translation yet."""
    catalogue = load(language)
    lacking: list[str] = []
    for message in extract():
        if not message.id:
            continue
        key = _key(message)
        translated = catalogue.get(key, message.context)
        if translated is None or not _complete(translated.string):
            lacking.append(key)
    return lacking


def update(language: str) -> None:
    """Write the catalogue with exactly the messages of the code."""
    old = load(language)
    new = Catalog(locale=language, project="lupaposti", header_comment="")
    new.fuzzy = False
    new.creation_date = new.revision_date = _NO_DATE
    for message in extract():
        if not message.id:
            continue
        key = _key(message)
        translated = old.get(key, message.context)
        text = translated.string if translated is not None else ""
        plural = isinstance(message.id, tuple)
        if plural and not isinstance(text, tuple | list):
            text = ("", "")
        if not plural and isinstance(text, tuple | list):
            text = ""
        new.add(message.id, text, flags=message.flags, context=message.context)
    with (CATALOGUES / f"{language}.po").open("wb") as target:
        write_po(target, new, no_location=True, sort_output=True, omit_header=False, width=100)


def _key(message: Message) -> str:
    return str(message.id[0] if isinstance(message.id, tuple | list) else message.id)


def _complete(text: object) -> bool:
    return all(text) if isinstance(text, tuple | list) else bool(text)


def main() -> None:
    """Update every catalogue and tell what is missing."""
    for language in TRANSLATED:
        update(language)
        print(f"{language}: {len(missing(language))} without a translation")  # noqa: T201


if __name__ == "__main__":
    main()
