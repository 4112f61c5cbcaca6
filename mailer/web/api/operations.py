"""A call of the API, declared once beside the function that answers it.

    @operation(
        "GET", "/companies/{company_id}", scope="companies.read", summary="Show a company",
        answers={200: ("The company", COMPANY)}, may_fail=("not_found",),
    )
    def show_company(call: Call) -> Reply: ...

What is declared is what is checked and what OpenAPI says: there is no second description.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from mailer.accounts.api_tokens import SCOPES, Caller
from mailer.web.api.problems import PROBLEMS
from mailer.web.api.schemas import Schema


@dataclass(frozen=True, slots=True)
class Call:
    """A call that has passed every check of its declaration."""

    caller: Caller
    session: Session
    now: datetime
    path: Mapping[str, int]
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    versions: frozenset[int]

    @property
    def user_id(self) -> int:
        """In whose name it is made."""
        return self.caller.user.id


@dataclass(frozen=True, slots=True)
class Record:
    """What the audit log keeps of a call: about what, and facts that name nobody."""

    object_kind: str
    object_id: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call answers. What it changes holds ids and codes only, so that it can be kept for a
    repeated request without keeping anything about people."""

    body: Any
    record: Record | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


View = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path."""

    name: str
    method: str
    path: str
    scope: str
    summary: str
    about: str
    answers: Mapping[int, tuple[str, Schema | None]]
    may_fail: tuple[str, ...]
    body: Schema | None
    query: Mapping[str, Schema]
    locks: bool
    repeatable: bool
    view: View

    @property
    def noun(self) -> str:
        """The first part of its path."""
        return self.path.split("/")[1]

    def problems(self) -> list[str]:
        """Every code of PROBLEMS that the call may end with."""
        codes = ["unauthorized", "scope_missing", "not_acceptable", "too_many", *self.may_fail]
        codes += ["bad_query", "bad_header", "fault", "busy"]
        codes += ["bad_json", "too_large", "unsupported_type", "invalid"] if self.body else []
        codes += [] if self.body else ["unexpected_body"]
        codes += ["not_found"] if "{" in self.path else []
        codes += ["version_required", "version_differs"] if self.locks else []
        codes += ["repeat_under_way", "key_reused"] if self.repeatable else []
        return sorted(set(codes), key=list(PROBLEMS).index)


OPERATIONS: list[Operation] = []


def operation(
    method: str,
    path: str,
    *,
    scope: str,
    summary: str,
    answers: Mapping[int, tuple[str, Schema | None]],
    about: str = "",
    may_fail: tuple[str, ...] = (),
    body: Schema | None = None,
    query: Mapping[str, Schema] | None = None,
    locks: bool = False,
    repeatable: bool = False,
) -> Callable[[View], View]:
    """Declare the call that a function answers.

    `locks`: needs If-Match. `repeatable`: takes Idempotency-Key. Raises KeyError for a scope or a
    problem that does not exist.
    """
    for known, used in ((SCOPES, (scope,)), (PROBLEMS, may_fail)):
        for key in used:
            known[key]

    def declare(view: View) -> View:
        OPERATIONS.append(
            Operation(
                name=view.__name__,
                method=method,
                path=path,
                scope=scope,
                summary=summary,
                about=about,
                answers=answers,
                may_fail=may_fail,
                body=body,
                query=dict(query or {}),
                locks=locks,
                repeatable=repeatable,
                view=view,
            )
        )
        return view

    return declare
