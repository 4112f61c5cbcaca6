"""The addresses of the API: one for every declared call, and the description of them all."""

import re
from typing import Any

from flask import Blueprint, Response

from mailer.web.api import (
    campaign_moves,
    campaigns,
    companies,
    contact_batches,
    contact_changes,
    contacts,
    openapi,
    reports,
    segments,
    suppressions,
)
from mailer.web.api.operations import OPERATIONS, Operation
from mailer.web.api.running import answer
from mailer.web.guard import csrf_exempt, public

# In the order in which they are shown; importing them declares their calls.
NOUNS = (
    contacts,
    contact_changes,
    contact_batches,
    companies,
    suppressions,
    segments,
    campaigns,
    campaign_moves,
    reports,
)

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")


@blueprint.get("/openapi.json")
@public
def describe() -> Response:
    """The OpenAPI document. Public: it tells what the product can do and nothing of anybody."""
    return Response(openapi.text(), mimetype="application/json")


def _add(operation: Operation) -> None:
    # The token in the header is the proof, and no browser adds it by itself: no CSRF.
    @csrf_exempt
    @public
    def view(**path: Any) -> Response:
        return answer(operation, path)

    rule = re.sub(r"{(\w+)}", r"<int:\1>", operation.path)
    blueprint.add_url_rule(rule, operation.name, view, methods=[operation.method])


for _operation in OPERATIONS:
    _add(_operation)
