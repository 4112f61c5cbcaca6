"""What the API answers when it says no: RFC 9457 problem details with a code that stays the same.

Sentences are for the people who read logs, in English unless Accept-Language asks for another of
the three languages. Nothing of what was sent is repeated but the names of members.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import orjson
from flask import Response, g, request

from mailer.languages import LANGUAGES, N_, gettext, in_language

PREFIX = "/api/"
MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 50
_OTHERWISE = "en"

# code -> status and sentence. The codes are promised to other systems: none changes its meaning.
PROBLEMS: dict[str, tuple[int, str]] = {
    "bad_request": (400, N_("The request could not be understood.")),
    "bad_json": (400, N_("The body is not one JSON object in UTF-8.")),
    "bad_query": (400, N_("A parameter of the address cannot be used.")),
    "bad_header": (400, N_("A header of the request cannot be used.")),
    "unexpected_body": (400, N_("This call takes no body.")),
    "unauthorized": (401, N_("The call needs a valid token in the header Authorization: Bearer.")),
    "scope_missing": (403, N_("The token, or the user who made it, may not do this.")),
    "restricted": (403, N_("The processing of this contact is restricted.")),
    "disclosure_forbidden": (403, N_("The person has forbidden that their data is handed out.")),
    "not_found": (404, N_("There is nothing at this address.")),
    "method_not_allowed": (405, N_("This address does not take that method.")),
    "not_acceptable": (406, N_("The answer is JSON; the header Accept must allow it.")),
    "no_notice": (409, N_("No privacy notice is in force, so nothing may be kept or handed out.")),
    "wrong_state": (409, N_("The campaign is not in a state that allows this.")),
    "reason_of_pause": (
        409,
        N_("Sending was paused by a safeguard. A person must look at the reason and resume it."),
    ),
    "segment_unusable": (409, N_("The rules of the segment cannot be used.")),
    "repeat_under_way": (409, N_("A request with the same Idempotency-Key is being worked on.")),
    "version_differs": (412, N_("It was changed meanwhile. Read it again and repeat the change.")),
    "too_large": (413, N_("The body is larger than one megabyte.")),
    "unsupported_type": (415, N_("The body must be application/json in UTF-8, not compressed.")),
    "invalid": (422, N_("Some of the values cannot be used. Nothing was changed.")),
    "key_reused": (422, N_("The Idempotency-Key was used for a different request.")),
    "checks_failed": (422, N_("The campaign does not pass its checks. Nothing was scheduled.")),
    "version_required": (428, N_("Send the version that you read in the header If-Match.")),
    "too_many": (429, N_("Too many requests. Wait as long as Retry-After says.")),
    "fault": (500, N_("Something went wrong on our side. Nothing was changed.")),
    "busy": (503, N_("Another change is in the way just now. Try again.")),
}
# What a fault of one value can be, besides the codes of the register's own checks.
FAULTS = {
    "required": N_("This is missing."),
    "unknown_member": N_("There is no such member."),
    "wrong_type": N_("The value is of another type."),
    "too_long": N_("The text is too long."),
    "too_short": N_("The text is too short."),
    "too_many": N_("There are too many."),
    "too_few": N_("There are too few."),
    "repeated": N_("The same is there twice."),
    "not_allowed": N_("The value is not one of those allowed."),
    "wrong_form": N_("The value is not in the form that is asked for."),
    "out_of_range": N_("The number is too small or too large."),
    "not_declared": N_("The privacy notice does not declare this."),
}
_BY_STATUS = {
    400: "bad_request",
    403: "scope_missing",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_type",
    429: "too_many",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One value that cannot be used: `field` is a JSON pointer, or the name of a parameter."""

    field: str
    code: str
    detail: str = ""

    def as_json(self) -> dict[str, str]:
        """As a member of `errors`, with its sentence in the language in force."""
        detail = self.detail or gettext(FAULTS[self.code])
        return {"field": self.field, "code": self.code, "detail": detail}


class Problem(Exception):  # noqa: N818 - the name that RFC 9457 gives it
    """Ends a call. `code`: a key of PROBLEMS; `more`: further members of the answer."""

    def __init__(
        self,
        code: str,
        *,
        faults: Sequence[Fault] = (),
        more: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.faults = faults
        self.more = dict(more or {})
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class Words:
    """A problem as it is written out."""

    code: str
    status: int
    faults: Sequence[Fault] = ()
    more: Mapping[str, Any] = field(default_factory=dict)


def answer(problem: Problem) -> Response:
    """The answer to a call that ended in a problem."""
    status, _sentence = PROBLEMS[problem.code]
    response = _write(Words(problem.code, status, problem.faults, problem.more))
    response.headers.update(problem.headers)
    return response


def of_status(status: int, reference: str) -> Response:
    """The answer to what the web framework refused, or to a fault with its number in the log."""
    usual = "fault" if status >= 500 else "bad_request"
    more = {"reference": reference} if reference else {}
    return _write(Words(_BY_STATUS.get(status, usual), status, more=more))


def language() -> str:
    """The language of sentences: what the caller asks for, else English."""
    return request.accept_languages.best_match(LANGUAGES) or _OTHERWISE


def _write(words: Words) -> Response:
    with in_language(language()):
        body: dict[str, Any] = {
            "type": f"urn:lupaposti:problem:{words.code}",
            "title": HTTPStatus(words.status).phrase,
            "status": words.status,
            "code": words.code,
            "detail": gettext(PROBLEMS[words.code][1]),
            **words.more,
        }
        if words.faults:
            body["errors"] = [fault.as_json() for fault in words.faults[:MOST_FAULTS]]
    response = Response(orjson.dumps(body), status=words.status, mimetype=MEDIA_TYPE)
    response.headers.update(g.get("api_headers", {}))
    return response
