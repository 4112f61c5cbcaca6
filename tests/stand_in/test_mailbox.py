"""The mailbox pages."""

import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from mailer.stand_in.mailbox import link_text, one_click_url, open_outside
from mailer.stand_in.server import StandIn
from tests.stand_in.sample import bulk, entry, simple


def get(url: str, data: bytes | None = None) -> tuple[int, str, Any]:
    try:
        with urlopen(Request(url, data)) as response:
            return response.status, response.read().decode(), response.headers
    except HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers


def unsubscribe_headers(url: str) -> dict[str, str]:
    return {
        "List-Unsubscribe": f"<mailto:u@quux.example>, <{url}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def test_an_empty_mailbox_says_so(stand_in: StandIn) -> None:
    status, page, headers = get(f"{stand_in.url}/")

    assert status == 200
    assert "Nothing has been sent yet." in page
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_the_list_shows_searches_and_pages(ses: Any, stand_in: StandIn) -> None:
    for batch in range(2):
        ses.send_bulk_email(
            **bulk(
                *[entry(f"a{batch}x{i}@yritys.example") for i in range(30)],
                subject=f"Kirje {batch}",
            )
        )

    page = get(f"{stand_in.url}/mailbox")[1]
    assert "60 in all" in page
    assert page.index("a1x29@yritys.example") < page.index("a1x0@yritys.example")
    assert "a0x0@yritys.example" not in page
    assert 'href="/mailbox?q=&amp;page=2"' in page
    assert "a0x0@yritys.example" in get(f"{stand_in.url}/mailbox?page=2")[1]
    found = get(f"{stand_in.url}/mailbox?q=a0x7")[1]
    assert "1 in all" in found
    assert "Kirje 0" in found
    assert get(f"{stand_in.url}/mailbox?q=%25")[1].count("<li>") == 0
    assert get(f"{stand_in.url}/mailbox?page=x")[0] == 200
    assert get(f"{stand_in.url}/mailbox?page=0")[0] == 200


def test_the_mailbox_lets_its_forms_say_where_they_come_from(stand_in: StandIn) -> None:
    # Under "no-referrer" a browser posts "Origin: null", which foreign pages can do as well.
    assert get(f"{stand_in.url}/mailbox")[2]["Referrer-Policy"] == "same-origin"


def test_what_a_message_says_is_never_markup_of_the_page(ses: Any, stand_in: StandIn) -> None:
    evil = "<script>alert(1)</script>"
    message_id = ses.send_email(
        **simple(subject=evil, text=evil, html=evil, headers={"X-Evil": evil})
    )["MessageId"]

    for path in ("", f"/{message_id}?view=text", f"/{message_id}?view=headers", "?q=%3Cscript%3E"):
        page = get(f"{stand_in.url}/mailbox{path}")[1]
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "style=" not in page


def test_the_html_part_is_served_into_a_sandbox(ses: Any, stand_in: StandIn) -> None:
    message_id = ses.send_email(
        **simple(
            html="<html><head><title>x</title></head><body style='color:red'>Moi</body></html>"
        )
    )["MessageId"]

    page = get(f"{stand_in.url}/mailbox/{message_id}")[1]
    _, html, headers = get(f"{stand_in.url}/mailbox/{message_id}/html")

    sandbox = re.search(r'<iframe src="([^"]+)"[^>]* sandbox="([^"]*)"', page)
    assert sandbox is not None
    assert sandbox[1] == f"/mailbox/{message_id}/html"
    assert "allow-scripts" not in sandbox[2]
    assert "allow-same-origin" not in sandbox[2]
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:; sandbox"
        " allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
    )
    assert "Moi" in html
    assert '<head><base target="_blank"><title>' in html


def test_plain_text_has_clickable_links(ses: Any, stand_in: StandIn) -> None:
    text = "Lue: https://quux.example/a?b=1&c=2.\nEi <b>javascript:alert(1)</b>"
    message_id = ses.send_email(**simple(text=text, html=None))["MessageId"]

    page = get(f"{stand_in.url}/mailbox/{message_id}")[1]

    assert '<a href="https://quux.example/a?b=1&amp;c=2" target="_blank" rel="noopener' in page
    assert 'href="javascript' not in page
    assert "has no HTML part" in get(f"{stand_in.url}/mailbox/{message_id}?view=html")[1]


def test_headers_are_shown_with_encoded_words_read(ses: Any, stand_in: StandIn) -> None:
    message_id = ses.send_email(
        **simple(
            sender="=?utf-8?b?w4RpdGk=?= <a@quux.example>",
            headers=unsubscribe_headers("https://q.example/u"),
        )
    )["MessageId"]

    page = get(f"{stand_in.url}/mailbox/{message_id}?view=headers")[1]

    assert "Äiti" in page
    assert "List-Unsubscribe-Post" in page
    assert "&lt;https://q.example/u&gt;" in page


def test_an_attachment_can_be_saved(ses: Any, stand_in: StandIn) -> None:
    request = simple()
    request["Content"]["Simple"]["Attachments"] = [
        {"FileName": 'tiedot "ä".json', "RawContent": b"{}", "ContentType": "text/html"}
    ]
    message_id = ses.send_email(**request)["MessageId"]

    status, body, headers = get(f"{stand_in.url}/mailbox/{message_id}/attachment/0")

    assert (status, body) == (200, "{}")
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''tiedot%20")
    assert get(f"{stand_in.url}/mailbox/{message_id}/attachment/1")[0] == 404
    assert get(f"{stand_in.url}/mailbox/{message_id}/attachment/x")[0] == 404


@pytest.mark.parametrize("path", ["none", "none/html", "none/attachment/0", "a/b/c/d", "../x"])
def test_a_page_that_is_not_there_says_so(stand_in: StandIn, path: str) -> None:
    status, page, _ = get(f"{stand_in.url}/mailbox/{path}")

    assert status == 404
    assert "no such message" in page or "nothing here" in page


def test_a_counting_stand_in_explains_its_empty_mailbox(start: Callable[..., StandIn]) -> None:
    assert "counts messages and keeps none" in get(f"{start(count_only=True).url}/mailbox")[1]


class Sender:
    """Where unsubscribing leads: notes each request and gives the answer it was told."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str, bytes]] = []
        self.status = 200
        sender = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower() for name in self.headers}
                assert not headers & {"cookie", "authorization", "referer"}
                sender.requests.append(
                    (self.command, self.path, self.headers["content-type"], body)
                )
                self.send_response(sender.status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/u/TOKEN?x=1"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()


@pytest.fixture
def sender() -> Iterator[Sender]:
    sender = Sender()
    yield sender
    sender.server.shutdown()
    sender.server.server_close()


@pytest.mark.parametrize(
    ("status", "sentence"),
    [(200, "200: unsubscribed"), (204, "204: unsubscribed"), (302, "forbids"), (500, "Not unsub")],
)
def test_one_click_unsubscribe_posts_as_a_mail_client(
    ses: Any, stand_in: StandIn, sender: Sender, status: int, sentence: str
) -> None:
    sender.status = status
    request = simple(headers=unsubscribe_headers(sender.url))
    message_id = ses.send_email(**request)["MessageId"]
    assert "One-click unsubscribe" in get(f"{stand_in.url}/mailbox/{message_id}")[1]

    page = get(f"{stand_in.url}/mailbox/{message_id}/unsubscribe", b"")[1]

    assert sentence in page
    assert sender.requests == [
        (
            "POST",
            "/u/TOKEN?x=1",
            "application/x-www-form-urlencoded",
            b"List-Unsubscribe=One-Click",
        )
    ]


def test_an_unreachable_unsubscribe_address_is_told(ses: Any, stand_in: StandIn) -> None:
    request = simple(headers=unsubscribe_headers("http://127.0.0.1:1/u"))
    message_id = ses.send_email(**request)["MessageId"]

    page = get(f"{stand_in.url}/mailbox/{message_id}/unsubscribe", b"")[1]

    assert "No answer came from the address (ConnectionRefusedError)." in page


def test_without_both_headers_there_is_no_one_click(ses: Any, stand_in: StandIn) -> None:
    message_id = ses.send_email(**simple(headers={"List-Unsubscribe": "<https://q.example/u>"}))[
        "MessageId"
    ]

    assert "No one-click unsubscribe" in get(f"{stand_in.url}/mailbox/{message_id}")[1]
    assert get(f"{stand_in.url}/mailbox/{message_id}/unsubscribe", urlencode({}).encode())[0] == 404


def test_only_a_web_address_can_be_posted_to() -> None:
    post = ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")

    assert one_click_url([("list-unsubscribe", "<mailto:a@b.example>"), post]) is None
    assert one_click_url([("List-Unsubscribe", "<file:///etc/passwd>"), post]) is None
    assert one_click_url([("List-Unsubscribe", "<HTTPS://q.example/u>"), post])
    assert one_click_url([("List-Unsubscribe", "<https://q.example/u>")]) is None


def test_links_and_frames_are_made_safe() -> None:
    assert link_text("a<b http://x.example/?q='\"><i>") == (
        'a&lt;b <a href="http://x.example/?q" target="_blank" rel="noopener noreferrer">'
        "http://x.example/?q</a>=&#39;&#34;&gt;&lt;i&gt;"
    ) or "<i>" not in link_text("http://x.example/<i>")
    assert open_outside("<p>x") == '<base target="_blank"><p>x'
    assert open_outside("<HEAD lang=fi><header>") == '<HEAD lang=fi><base target="_blank"><header>'
