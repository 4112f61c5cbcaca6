"""The shapes of a contact: as it is shown, as it comes, and as it is changed."""

from mailer.languages import LANGUAGES, N_
from mailer.notice.vocabulary import BASES, SOURCE_KINDS
from mailer.roles.taxonomy import LEVEL_RANKS
from mailer.segments.fields import KIND_LABELS, RELATIONSHIP_LABELS
from mailer.web.api.schemas import (
    DATE,
    ID,
    MOMENT,
    VERSION,
    Schema,
    component,
    items,
    nullable,
    one_of,
    record,
    text,
)
from mailer.web.contacts import TOLD_BY

EMAIL = text(1000, shortest=1, about=N_("An address at work."))
# What a person at work may be said to be; of these only what the notice declares.
PERSON: dict[str, Schema] = {
    "first_name": text(100),
    "last_name": text(100),
    "email": EMAIL,
    "phone": text(100),
    "title": text(200),
    "duties": text(2000),
    "language": one_of(LANGUAGES),
    "note": text(10_000),
    "tags": items({**text(60, shortest=1), "pattern": "^[^,;|]+$"}, 20),
    "company_name": text(200),
    "business_id": text(20),
    "country": text(100),
}
EMPLOYER = ("company_name", "business_id", "country")
SOURCE = component(
    "Source",
    record(
        {
            "kind": one_of(tuple(SOURCE_KINDS), N_("One that the notice declares.")),
            "name": text(200, shortest=1, about=N_("For example “Fair in Lahti 2026”.")),
            "dated": DATE,
            "url": text(2000, about=N_("Of the page, for data from the public web.")),
        },
        "url",
    ),
)
ORIGIN: dict[str, Schema] = {
    "source": SOURCE,
    "basis": one_of(tuple(BASES)),
    "relationship": {**one_of(tuple(RELATIONSHIP_LABELS)), "default": "prospect"},
}
CONTACT = component(
    "Contact",
    record(
        {
            "id": ID,
            "version": VERSION,
            "kind": one_of(tuple(KIND_LABELS)),
            "company_id": nullable(ID),
            "functions": items({"type": "string"}, 100),
            "level": one_of(tuple(LEVEL_RANKS)),
            "relationship": one_of(tuple(RELATIONSHIP_LABELS)),
            "basis": {"type": ["string", "null"]},
            "source": record(
                {"kind": {"type": "string"}, "name": {"type": "string"}, "dated": DATE}
            ),
            "quarantine": {"type": ["string", "null"], "description": N_("Why it is put aside.")},
            "created_at": MOMENT,
            "updated_at": MOMENT,
            **{name: {"type": "string"} for name in PERSON if name not in ("tags", *EMPLOYER)},
            "tags": items({"type": "string"}, 1000),
            "company_name": {"type": ["string", "null"]},
        },
        *PERSON,
    ),
)
NEW_CONTACT = component(
    "NewContact", record({**PERSON, **ORIGIN}, *(set(PERSON) - {"email"}), "relationship")
)
CHANGE = component(
    "ContactChange",
    {
        **record(
            {
                **PERSON,
                "told_by": one_of(
                    tuple(TOLD_BY), N_("How it is known; what the person told is kept.")
                ),
            },
            *PERSON,
        ),
        "minProperties": 2,
        # A company is named as a whole: half of an old one and half of a new one is neither.
        "dependentRequired": {"business_id": ["company_name"], "country": ["company_name"]},
    },
)
SAVED = component(
    "SavedContact",
    record({"id": ID, "version": VERSION, "quarantine": {"type": ["string", "null"]}}),
)
