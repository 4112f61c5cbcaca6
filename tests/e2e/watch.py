"""What every document must satisfy, looked at from the server's side of the wire."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

FORBIDDEN_ATTRIBUTE = re.compile(r"<[a-z][^<>]*?\s(style|on[a-z]+)\s*=", re.IGNORECASE)
WANTED = {"lang": r"<html[^>]* lang=\"..\"", "title": r"<title>[^<]+</title>", "h1": r"<h1"}
PROBLEMS = "problems.txt"

Application = Callable[..., Iterable[bytes]]


def document_problems(html: str) -> list[str]:
    """What is wrong with the source of a document or of a fragment."""
    problems = [f"attribute {name}=" for name in FORBIDDEN_ATTRIBUTE.findall(html)]
    if "<html" in html:
        problems += [f"no {name}" for name, form in WANTED.items() if not re.search(form, html)]
    return problems


def answer_problems(path: str, status: str, headers: dict[str, str], body: bytes) -> list[str]:
    """What is wrong with an answer: a server error, or a document that is not in order."""
    problems = [f"{path}: {status}"] if status >= "5" else []
    if not headers.get("content-type", "").startswith("text/html") or status[0] == "3":
        return problems
    if "sandbox" in headers.get("content-security-policy", ""):
        return problems  # the preview of a mail, which is styled inline
    return problems + [f"{path}: {problem}" for problem in document_problems(body.decode())]


def watched(app: Application, note: Callable[[list[str]], None]) -> Application:
    """The application, with every answer looked at; `note` gets what is wrong."""

    def look(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen: dict[str, str] = {}
        first_line: list[str] = []

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            first_line[:] = [status]
            seen.update({name.lower(): value for name, value in headers})
            return start_response(status, headers, *rest)

        answer = app(environ, start)
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        note(answer_problems(str(environ["PATH_INFO"]), first_line[0], seen, body))
        return [body]

    return look


def create_app() -> Application:
    """The product's application for a web server, noting problems in a file of its var/."""
    from mailer.app import create_app as create_product

    file = Path(os.environ["LUPAPOSTI_VAR"]) / PROBLEMS

    def note(problems: list[str]) -> None:
        if problems:
            with file.open("a", encoding="utf-8") as output:
                output.write("".join(f"{problem}\n" for problem in problems))

    return watched(create_product(), note)
