"""The mailbox in the browser: every message as its recipient would see it."""

import http.client
import re
import ssl
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from mailer.config import ROOT
from mailer.stand_in.addresses import decode_words
from mailer.stand_in.database import Database
from mailer.stand_in.exchange import Request, Response
from mailer.stand_in.messages import Filter, Keeper
from mailer.stand_in.view import read_attachment

PAGE: Final = 50
PAGE_POLICY: Final = (
    "default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
MAIL_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:;"
    " sandbox allow-popups allow-popups-to-escape-sandbox"
    " allow-top-navigation-by-user-activation"
)
LINK: Final = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]}']")
HEAD: Final = re.compile(r"<head(\s[^>]*)?>", re.IGNORECASE)
BRACKETED: Final = re.compile(r"<\s*([^<>\s]+)\s*>")
ONE_CLICK: Final = "List-Unsubscribe=One-Click"
VIEWS: Final = ("html", "text", "headers")


class Mailbox:
    """Pages under /mailbox, without script, cookie or outside resource."""

    def __init__(self, keeper: Keeper, database: Database, *, counting: bool) -> None:
        """`counting` means that no message is kept and the page says so."""
        self._keeper = keeper
        self._database = database
        self._counting = counting
        folder = ROOT / "templates" / "stand_in"
        self._css = (folder / "mailbox.css").read_bytes()
        self._pages = Environment(
            loader=FileSystemLoader(folder),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters["linked"] = link_text
        self._pages.filters["decoded"] = decode_words

    def answer(self, request: Request) -> Response:
        """The answer to one request."""
        parts = [part for part in request.path.split("/") if part][1:]
        if request.method == "POST":
            if len(parts) == 2 and parts[1] == "unsubscribe":
                return self._unsubscribe(parts[0])
            return self._missing()
        match parts:
            case []:
                return self._list(request)
            case ["mailbox.css"]:
                return Response(200, self._css, "text/css; charset=utf-8")
            case [message_id]:
                return self._message(message_id, request.argument("view"))
            case [message_id, "html"]:
                return self._html(message_id)
            case [message_id, "attachment", index]:
                return self._attachment(message_id, index)
        return self._missing()

    def _page(self, name: str, status: int = 200, **values: Any) -> Response:
        text = self._pages.get_template(name).render(**values)
        return Response(
            status,
            text.encode("utf-8", "replace"),
            "text/html; charset=utf-8",
            (
                ("Content-Security-Policy", PAGE_POLICY),
                ("Cache-Control", "no-store"),
                # A form of a page without a referrer names no origin, and is then refused.
                ("Referrer-Policy", "same-origin"),
                ("X-Content-Type-Options", "nosniff"),
            ),
        )

    def _missing(self) -> Response:
        return self._page("missing.html", 404)

    def _list(self, request: Request) -> Response:
        search = request.argument("q").strip()[:200]
        number = max(1, request.number("page", 1, most=10_000_000))
        messages, total = self._keeper.find(
            Filter(search=search), limit=PAGE, offset=(number - 1) * PAGE
        )
        last = max(1, -(-total // PAGE))

        def page_url(page: int) -> str:
            return "/mailbox?" + urlencode({"q": search, "page": page})

        return self._page(
            "list.html",
            messages=messages,
            total=total,
            search=search,
            page=number,
            last=last,
            newer=page_url(number - 1) if number > 1 else None,
            older=page_url(number + 1) if number < last else None,
            counting=self._counting,
        )

    def _message(self, message_id: str, view: str, result: str | None = None) -> Response:
        message = self._keeper.get(message_id)
        if message is None:
            return self._missing()
        if view not in VIEWS:
            view = "html" if message["html"] is not None else "text"
        return self._page(
            "message.html",
            message=message,
            view=view,
            one_click=one_click_url(message["header_list"]),
            result=result,
        )

    def _html(self, message_id: str) -> Response:
        message = self._keeper.get(message_id)
        if message is None or message["html"] is None:
            return self._missing()
        return Response(
            200,
            open_outside(message["html"]).encode("utf-8", "replace"),
            "text/html; charset=utf-8",
            (
                ("Content-Security-Policy", MAIL_POLICY),
                ("Cache-Control", "no-store"),
                ("Referrer-Policy", "no-referrer"),
                ("X-Content-Type-Options", "nosniff"),
            ),
        )

    def _attachment(self, message_id: str, index: str) -> Response:
        number = int(index) if index.isascii() and index.isdigit() and len(index) < 6 else -1
        found = read_attachment(self._database, message_id, number)
        if found is None:
            return self._missing()
        return Response(
            200,
            found[1],
            "application/octet-stream",
            (
                ("Content-Disposition", f"attachment; filename*=UTF-8''{quote(found[0], safe='')}"),
                ("X-Content-Type-Options", "nosniff"),
            ),
        )

    def _unsubscribe(self, message_id: str) -> Response:
        message = self._keeper.get(message_id)
        url = one_click_url(message["header_list"]) if message else None
        if url is None:
            return self._missing()
        return self._message(message_id, "headers", post_one_click(url))


def one_click_url(headers: list[tuple[str, str]]) -> str | None:
    """The URL that RFC 8058 lets a mail client post to, or None. Here http will do."""
    values = {name.lower(): value for name, value in headers}
    if values.get("list-unsubscribe-post", "").strip() != ONE_CLICK:
        return None
    for url in BRACKETED.findall(values.get("list-unsubscribe", "")):
        if url.lower().startswith(("https://", "http://")):
            return str(url)
    return None


def post_one_click(url: str) -> str:
    """Posts as Gmail does, without cookies and following nothing; the outcome in one sentence."""
    parts = urlsplit(url)
    try:
        connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(
                parts.netloc, timeout=10, context=ssl.create_default_context()
            )
            if parts.scheme.lower() == "https"
            else http.client.HTTPConnection(parts.netloc, timeout=10)
        )
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(
            "POST", target, ONE_CLICK, {"Content-Type": "application/x-www-form-urlencoded"}
        )
        status = connection.getresponse().status
        connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"No answer came from the address ({type(error).__name__})."
    if 200 <= status < 300:
        return f"The sender answered {status}: unsubscribed."
    if 300 <= status < 400:
        return f"The sender answered {status}, a redirect (RFC 8058 forbids it). Not unsubscribed."
    return f"The sender answered {status}. Not unsubscribed."


def open_outside(html: str) -> str:
    """The HTML with its links leading out of the frame, which may show nothing else."""
    base = '<base target="_blank">'
    if HEAD.search(html):
        return HEAD.sub(lambda match: match[0] + base, html, count=1)
    return base + html


def link_text(text: str) -> Markup:
    """Plain text with its web addresses clickable."""
    pieces: list[Markup] = []
    end = 0
    for match in LINK.finditer(text):
        pieces += (
            escape(text[end : match.start()]),
            Markup('<a href="{0}" target="_blank" rel="noopener noreferrer">{0}</a>').format(
                match[0]
            ),
        )
        end = match.end()
    pieces.append(escape(text[end:]))
    return Markup("").join(pieces)
