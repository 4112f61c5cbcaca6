"""Mail made by anybody is read without trouble, and within a moment."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events.letters import LONGEST_SUBJECT, LONGEST_TEXT, read
from tests.events.mail import ANNA, raw_mail

# A person would say at once; the slowest of these took minutes before they were bounded.
LONGEST_SECONDS = 30.0


def nested(levels: int, body: bytes) -> bytes:
    parts = [
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n)
        for n in range(levels)
    ]
    return b"From: a@b.example\r\n" + b"".join(parts) + b"\r\n" + body


HOSTILE = {
    "nothing": b"",
    "every byte": bytes(range(256)) * 2000,
    "ten megabytes in one line": b"From: a@b.example\r\n\r\n" + b"a" * 10_000_000,
    "ten megabytes of subject": b"Subject: " + b"=?utf-8?q?a?= " * 700_000,
    "two thousand parts within parts": nested(2000, b"\n" * 400_000),
    "parts within parts and many lines": nested(10, b"\n" * 10_000_000),
    "mails within mails": b"Content-Type: message/rfc822\r\n\r\n" * 3000,
    "brackets": b"From: " + b"(" * 100_000 + b"\r\nTo: " + b"<" * 100_000 + b"\r\n\r\nx",
    "quotes": b"From: " + b'"' * 100_001 + b"\r\nTo: " + b'"a" ' * 100_000 + b"\r\n\r\nx",
    "parameters": b"Content-Type: text/plain; " + b"a*0=b;" * 50_000 + b"\r\n\r\nx",
    "sixty thousand headers": b"".join(b"X-%d: y\r\n" % n for n in range(60_000)) + b"\r\nx",
    "forty thousand recipients": b"To: a@b.example\r\n" * 40_000 + b"\r\nx",
    "tags without end": b"Content-Type: text/html\r\n\r\n" + b"<a href='" * 50_000,
    "comments without end": b"Content-Type: text/html\r\n\r\n" + b"<!-- " * 100_000,
    "half entities": b"Content-Type: text/html\r\n\r\n" + b"&#" * 250_000,
    "a slow codec": b"Content-Type: text/plain; charset=punycode\r\n\r\n" + b"a" * 500_000,
    "another": b"Content-Type: text/plain; charset=idna\r\n\r\n" + b"a." * 250_000,
    "no codec of texts": b"Content-Type: text/plain; charset=zlib_codec\r\n\r\nx",
    "an unknown codec": b"Content-Type: text/plain; charset=klingon\r\n\r\nx",
    "broken base64": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"%%%%" * 1000,
    "uuencode": b"Content-Transfer-Encoding: uuencode\r\n\r\nbegin 644 a\n" + b"M" * 100_000,
    "a torn RFC 2231": b"Content-Type: text/plain; charset*0*=utf-8''%; name*=a'b'c\r\n\r\nx",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_is_read_within_a_moment(name: str) -> None:
    begin = time.process_time()
    letter = read(HOSTILE[name])
    assert time.process_time() - begin < LONGEST_SECONDS
    assert len(letter.text) <= LONGEST_TEXT
    assert len(letter.subject) <= LONGEST_SUBJECT


@given(st.binary(max_size=3000))
def test_any_bytes_are_read(raw: bytes) -> None:
    read(raw)


HEADER_NAMES = st.sampled_from(
    ["From", "To", "Subject", "Content-Type", "Content-Transfer-Encoding", "In-Reply-To", "Cc"]
)


@given(st.lists(st.tuples(HEADER_NAMES, st.text(max_size=200)), max_size=12), st.text(max_size=200))
def test_any_headers_are_read_and_leave_no_control_characters(
    headers: list[tuple[str, str]], body: str
) -> None:
    raw = "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n" + body
    letter = read(raw.encode("utf-8", "surrogatepass"))
    everything = letter.subject + letter.sender + "".join(letter.to) + letter.text
    assert not set(everything) & ({chr(n) for n in range(32)} - {"\n", "\t"})
    everything.encode()


def test_a_plain_mail_is_read() -> None:
    letter = read(
        raw_mail(
            "Lopettakaa, kiitos.\n",
            subject="=?utf-8?q?Mit=C3=A4_nyt?=",
            headers={"In-Reply-To": "<0110-a@eu-north-1.amazonses.com>", "References": "<b@c>"},
        )
    )
    assert letter.sender == ANNA
    assert letter.subject == "Mitä nyt"
    assert letter.text == "Lopettakaa, kiitos.\n"
    assert letter.answers == ("0110-a@eu-north-1.amazonses.com", "b@c")
    assert not letter.tangled


@pytest.mark.parametrize(
    ("header", "sender"),
    [
        ("ANNA.AALTO@puutyo.example", ANNA),
        (f'"boss@muu.example" <{ANNA}>', ANNA),
        (f"{ANNA} (boss@muu.example)", ANNA),
        (f"{ANNA}, boss@muu.example", ""),
        ("undisclosed", ""),
        ("Anna <anna@>", ""),
        ("", ""),
    ],
)
def test_the_sender_is_the_one_address_of_from(header: str, sender: str) -> None:
    assert read(raw_mail("x", sender=header)).sender == sender


def test_invisible_characters_do_not_hide_a_word() -> None:
    assert read(raw_mail("un\u200bsub\u00adscribe\u202e")).text == "unsubscribe"


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252", "utf-16", "lies"])
def test_finnish_letters_are_read_in_every_usual_charset(charset: str) -> None:
    real = "iso-8859-1" if charset == "lies" else charset
    head = f'Content-Type: text/plain; charset="{charset}"\r\n\r\n'.encode()
    assert read(head + "Älkää lähettäkö".encode(real)).text == "Älkää lähettäkö"


def test_the_plain_part_comes_first_and_attached_mails_are_not_read() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=m\r\n\r\n"
        b"--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
        b"--a\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n"
        b"--a\r\nContent-Type: text/plain\r\n\r\nplain\r\n--a--\r\n"
        b"--m\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nunsubscribe\r\n--m--\r\n"
    )
    assert read(raw).text.strip() == "plain"


def test_html_alone_is_made_plain_without_its_quotes() -> None:
    html = (
        "<html><head><title>no</title><style>no</style></head><body><!-- no --><p>Poistakaa"
        " minut</p><div>listalta<br>t. Anna</div><blockquote>unsubscribe<blockquote>a"
        '</blockquote></blockquote><div class="gmail_quote">unsubscribe<div>b</div></div>'
        '<div id="divRplyFwdMsg">unsubscribe</div>everything after</body></html>'
    )
    text = read(raw_mail(html, content_type='text/html; charset="utf-8"')).text
    assert text.split() == ["Poistakaa", "minut", "listalta", "t.", "Anna"]
