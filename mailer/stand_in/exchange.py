"""An HTTP request and its answer, free of the server that carries them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Request:
    """What came in. Header names are in lower case."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    ip: str

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """Parameters of the URL."""
        return parse_qs(self.query_string, keep_blank_values=True)

    @cached_property
    def form(self) -> dict[str, list[str]]:
        """Parameters of a urlencoded body; empty when it is something else."""
        return parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    def argument(self, name: str, default: str = "") -> str:
        """One parameter of the URL."""
        return (self.query.get(name) or [default])[0]

    def number(self, name: str, default: int, *, most: int) -> int:
        """One parameter as a number from 0 to `most`; what is not a number is the default."""
        text = self.argument(name)
        return min(int(text), most) if text.isascii() and text.isdigit() else default


@dataclass(slots=True)
class Response:
    """What goes out; `drop` closes the connection without an answer."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/json"
    headers: Sequence[tuple[str, str]] = field(default_factory=tuple)
    drop: bool = False


def as_json(document: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(status, json.dumps(document, ensure_ascii=False).encode("utf-8", "replace"))


def refuse(status: int, sentence: str) -> Response:
    """An error of our own interfaces, in one sentence."""
    return as_json({"error": sentence}, status)


def redirect(location: str) -> Response:
    """Sends the browser elsewhere with GET."""
    return Response(303, headers=(("Location", location),))
