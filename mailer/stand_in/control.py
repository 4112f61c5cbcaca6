"""The JSON interface under /_stand_in/: what was accepted, trouble on demand, starting over."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from mailer import clock
from mailer.stand_in.account import Account, Quota
from mailer.stand_in.behaviours import Behaviours, read_behaviours
from mailer.stand_in.exchange import Request, Response, as_json, refuse
from mailer.stand_in.faults import Faults
from mailer.stand_in.messages import Filter, Keeper
from mailer.stand_in.outbox import Outbox
from mailer.stand_in.queue import Queue
from mailer.stand_in.replying import Answer, build_received

PREFIX: Final = "/_stand_in/"
PAGE: Final = 500


class Control:
    """Answers requests under /_stand_in/."""

    def __init__(
        self,
        *,
        keeper: Keeper,
        faults: Faults,
        behaviours: Behaviours,
        account: Account,
        quota: Quota,
        outbox: Outbox | None,
        queue: Queue | None = None,
        region: str = "",
    ) -> None:
        """Takes the parts that tests look at and change."""
        self._keeper = keeper
        self._faults = faults
        self._behaviours = behaviours
        self._account = account
        self._quota = quota
        self._outbox = outbox
        self._queue = queue
        self._region = region
        self._table: dict[tuple[str, str], Callable[[Request], Response]] = {
            ("GET", "messages"): self._messages,
            ("GET", "counts"): self._counts,
            ("GET", "repeated"): self._repeated,
            ("GET", "faults"): lambda _: as_json(asdict(self._faults.settings)),
            ("POST", "faults"): self._change_faults,
            ("GET", "behaviours"): lambda _: as_json(self._behaviours.mapping),
            ("POST", "behaviours"): self._change_behaviours,
            ("POST", "identities"): self._change_identity,
            ("POST", "replies"): self._reply,
            ("POST", "reset"): self._reset,
        }

    def answer(self, request: Request) -> Response:
        """The answer to one request."""
        name = request.path.removeprefix(PREFIX).rstrip("/")
        if request.method == "GET" and name.startswith("messages/"):
            message = self._keeper.get(name.removeprefix("messages/"))
            return as_json(message) if message else refuse(404, "There is no such message.")
        handler = self._table.get((request.method, name))
        if handler is None:
            return refuse(404, "There is nothing here.")
        try:
            return handler(request)
        except ValueError as problem:
            return refuse(400, str(problem))

    def _messages(self, request: Request) -> Response:
        messages, total = self._keeper.find(
            read_filter(request),
            limit=request.number("limit", 50, most=PAGE),
            offset=request.number("offset", 0, most=2**31),
        )
        return as_json({"messages": messages, "total": total})

    def _counts(self, _request: Request) -> Response:
        events = self._outbox.counts() if self._outbox else {}
        queue = self._queue.counts() if self._queue else {}
        return as_json({**self._keeper.counts(), "events": events, "queue": queue})

    def _repeated(self, request: Request) -> Response:
        name = request.argument("tag")
        return as_json(self._keeper.repeated(name, limit=request.number("limit", 100, most=10_000)))

    def _change_faults(self, request: Request) -> Response:
        return as_json(asdict(self._faults.change(_document(request))))

    def _change_behaviours(self, request: Request) -> Response:
        self._behaviours.mapping = read_behaviours(_document(request))
        return as_json(self._behaviours.mapping)

    def _change_identity(self, request: Request) -> Response:
        document = _document(request)
        name = document.get("identity") if isinstance(document, dict) else None
        verified = document.get("verified") if isinstance(document, dict) else None
        if not isinstance(name, str) or not name or not isinstance(verified, bool):
            raise ValueError("Send {identity: a name, verified: true or false}.")
        self._account.set_identity(name, verified=verified)
        return as_json({"identity": name.lower(), "verified": verified})

    def _reply(self, request: Request) -> Response:
        answer = Answer(_document(request))
        message = self._keeper.get(answer.message)
        if message is None:
            raise ValueError("There is no such message.")
        if self._outbox is None:
            raise ValueError("Events go nowhere, so a reply cannot be told.")
        told = build_received(answer, message, region=self._region, now=clock.now())
        self._outbox.add([(answer.message, told)])
        return as_json({"received": json.loads(told)["mail"]["messageId"]})

    def _reset(self, _request: Request) -> Response:
        self._keeper.clear()
        self._faults.clear()
        self._behaviours.reset()
        self._account.clear()
        self._quota.clear()
        if self._outbox:
            self._outbox.clear()
        if self._queue:
            self._queue.clear()
        return as_json({"reset": True})


def read_filter(request: Request) -> Filter:
    """Which messages the URL asks for. Raises ValueError with a sentence."""
    tag = None
    if request.argument("tag"):
        name, colon, value = request.argument("tag").partition(":")
        if not colon:
            raise ValueError("tag must be NAME:VALUE.")
        tag = (name, value)
    return Filter(
        address=request.argument("address"),
        campaign=request.argument("campaign"),
        tag=tag,
        outcome=request.argument("outcome"),
        search=request.argument("q"),
    )


def _document(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        raise ValueError("The body is not valid JSON.") from None
