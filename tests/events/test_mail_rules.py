"""A mail is judged by itself: tokens wherever they are, machines by their headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.events import letters, mail_rules
from mailer.events.mail_rules import Judged
from mailer.tokens import Purpose, Recipient, Signer
from tests.events.mail import FOOTER, MAILBOX, PUBLIC_URL, SIGNER, raw_mail, receipt

RECIPIENT = Recipient(7, b"0123456789abcdef")
TOKEN = SIGNER.make(Purpose.ONE_CLICK, RECIPIENT)
STOP_TOKEN = SIGNER.make(Purpose.STOP, RECIPIENT)


def judge(raw: bytes, *, recipients: tuple[str, ...] = (MAILBOX,)) -> Judged:
    return mail_rules.judge(
        letters.read(raw),
        receipt(recipients=recipients),
        signer=SIGNER,
        public_url=PUBLIC_URL,
    )


@pytest.mark.parametrize(
    "subject",
    [
        TOKEN,
        f"Re: {TOKEN}",
        f"VS: Re: {TOKEN} ",
        f"unsubscribe {TOKEN}",
        f"unsubscribe{TOKEN}",
        f"{TOKEN[:20]} {TOKEN[20:]}",
        f"{TOKEN[:30]}\r\n {TOKEN[30:]}",
        f"=?utf-8?q?{TOKEN}?=",
        f"<{TOKEN}>",
    ],
)
@pytest.mark.parametrize("headers", [{}, {"Auto-Submitted": "auto-generated"}])
def test_a_token_in_the_subject_is_an_opt_out(subject: str, headers: dict[str, str]) -> None:
    assert judge(raw_mail(subject=subject, headers=headers)) == Judged(
        "token", "subject", token=RECIPIENT
    )


@given(st.text(max_size=60), st.text(max_size=60), st.integers(1, 49))
def test_a_token_is_found_among_whatever_stands_around_it(
    before: str, after: str, cut: int
) -> None:
    letter = letters.Letter(subject=f"{before} {TOKEN[:cut]}\n {TOKEN[cut:]} {after}")
    judged = mail_rules.judge(letter, receipt(), signer=SIGNER, public_url=PUBLIC_URL)
    assert judged.token == RECIPIENT


@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=400))
def test_no_other_text_is_taken_for_a_token(text: str) -> None:
    assert judge(raw_mail(text, subject=text)).token is None


def test_a_token_in_the_address_is_an_opt_out() -> None:
    address = f"unsubscribe+{TOKEN}@lupaposti.example"
    assert judge(raw_mail(to=address)).token == RECIPIENT
    assert judge(raw_mail(), recipients=(address,)).token == RECIPIENT


def test_a_token_in_the_senders_own_words_is_an_opt_out() -> None:
    assert judge(raw_mail(f"Hei!\n{TOKEN}")) == Judged("token", "in_text", token=RECIPIENT)


@pytest.mark.parametrize("purpose", set(Purpose) - {Purpose.ONE_CLICK, Purpose.TEST})
def test_a_token_of_another_purpose_is_no_opt_out(purpose: Purpose) -> None:
    assert judge(raw_mail(subject=SIGNER.make(purpose, RECIPIENT))).token is None


def test_a_token_of_somebody_elses_key_is_no_opt_out() -> None:
    foreign = Signer("another key altogether").make(Purpose.ONE_CLICK, RECIPIENT)
    assert judge(raw_mail(subject=foreign)).token is None


def test_the_token_of_a_test_message_changes_nothing() -> None:
    subject = SIGNER.make(Purpose.TEST, RECIPIENT)
    assert judge(raw_mail(subject=subject)).kind == "test"


def bounce(token: str) -> bytes:
    return (
        "From: MAILER-DAEMON@mx.puutyo.example\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "Auto-Submitted: auto-replied\r\nReturn-Path: <>\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nYour mail could not be delivered.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n"
        "Final-Recipient: rfc822; anna@puutyo.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"List-Unsubscribe: <mailto:{MAILBOX}?subject={token}>\r\nSubject: {token}\r\n\r\n--b--\r\n"
    ).encode()


def test_a_bounce_that_repeats_our_headers_opts_nobody_out() -> None:
    assert judge(bounce(TOKEN)) == Judged("bounce")
    named = bounce(TOKEN).replace(b"Subject: Undelivered", f"Subject: {TOKEN} undelivered".encode())
    assert judge(named) == Judged("bounce")


AUTOMATIC = [
    {"Auto-Submitted": "auto-replied"},
    {"Auto-Submitted": "auto-generated; owner=x"},
    {"Precedence": "auto_reply"},
    {"X-Autoreply": "yes"},
    {"Return-Path": "<>"},
    {"Subject": "Automaattinen vastaus: Mitä palkanlaskennassa muuttuu?"},
    {"Subject": "Automatic reply: Payroll"},
    {"Subject": "Autosvar: Löner"},
    {"Subject": "Out of Office: Payroll"},
    {"Subject": "Poissaoloilmoitus"},
]
AWAY = [
    "Olen lomalla 1.12. asti. Kiireellisissä asioissa soittakaa vaihteeseen.",
    "I am out of the office with no access to mail. Unsubscribe from nothing.",
    "Jag är på semester och svarar när jag är tillbaka.",
]


@pytest.mark.parametrize("headers", AUTOMATIC)
@pytest.mark.parametrize("text", AWAY)
def test_an_automatic_answer_is_not_shown_as_a_reply(headers: dict[str, str], text: str) -> None:
    quoted = FOOTER.format(token=STOP_TOKEN)
    raw = raw_mail(f"{text}\n\n-----Original Message-----\n{quoted}", headers=headers)
    assert judge(raw).kind == "auto"


@pytest.mark.parametrize(
    "text",
    [
        "Anna Aalto no longer works at Puutyö Oy.",
        "Anna ei työskentele enää Puutyöllä.",
        "Työsuhteeni Puutyö Oy:ssä on päättynyt. Ottakaa yhteyttä: info@puutyo.example",
        "Jag har slutat på företaget.",
        "Anna arbetar inte längre hos oss.",
    ],
)
def test_who_has_left_the_company_is_a_hint(text: str) -> None:
    assert judge(raw_mail(text, headers={"Auto-Submitted": "auto-replied"})).kind == "left"
    assert judge(raw_mail(text)).kind == "reply"


def test_a_person_on_holiday_who_asks_to_stop_is_heard() -> None:
    judged = judge(raw_mail("Olen lomalla, mutta poistakaa minut listalta."))
    assert judged.kind == "request"


def test_a_program_that_says_only_stop_is_shown_to_a_person() -> None:
    judged = judge(raw_mail("Unsubscribe", headers={"Auto-Submitted": "auto-replied"}))
    assert (judged.kind, judged.reason) == ("request", "automatic")


def test_a_spam_report_by_mail_is_shown_to_a_person() -> None:
    raw = raw_mail("x", content_type="multipart/report; report-type=feedback-report; boundary=b")
    assert (judge(raw).kind, judge(raw).reason) == ("request", "feedback_report")


def test_the_message_that_is_answered_is_known_by_the_links_it_quotes() -> None:
    quoted = FOOTER.format(token=STOP_TOKEN).replace("\n", "\n> ")
    judged = judge(raw_mail(f"Kiitos, soittakaa.\n\n> {quoted}"))
    assert (judged.kind, judged.quoted, judged.token) == ("reply", RECIPIENT, None)


def test_our_own_footer_without_a_mark_is_shown_and_never_obeyed_by_itself() -> None:
    judged = judge(raw_mail(f"Unsubscribe\n{FOOTER.format(token=STOP_TOKEN)}"))
    assert (judged.kind, judged.clear) == ("request", False)


def test_a_subject_alone_may_say_it() -> None:
    assert judge(raw_mail("", subject="unsubscribe")).clear
    assert not judge(raw_mail("", subject="Re: Stop paying too much")).clear
    assert not judge(raw_mail("Call me", subject="unsubscribe")).clear


def test_what_cannot_be_followed_is_shown_to_a_person() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"boundary" * 100
    assert judge(raw).kind == "unreadable"
