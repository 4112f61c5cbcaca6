"""SendEmail and SendBulkEmail through a real boto3 client."""

import json
from collections.abc import Callable
from contextlib import suppress
from email.message import EmailMessage
from typing import Any

import pytest

from mailer.stand_in.server import StandIn
from tests.stand_in.sample import bulk, entry, raw, refusal, simple, statuses

EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


def test_a_simple_message_is_kept_as_its_recipient_sees_it(ses: Any, stand_in: StandIn) -> None:
    message_id = ses.send_email(
        **simple(
            "Anna@Yritys.example",
            headers={"List-Id": "Quux <uutiset.quux.example>"},
            tags={"campaign": "7"},
            ReplyToAddresses=["vastaa@quux.example"],
        )
    )["MessageId"]

    (message,) = stand_in.messages(address="anna@yritys.example")

    assert message["id"] == message_id
    assert message["from"] == "Quux Oy <uutiset@quux.example>"
    assert message["to"] == ["Anna@Yritys.example"]
    assert (message["subject"], message["text"], message["html"]) == ("Hei", "Moi", "<p>Moi</p>")
    assert message["headers"]["List-Id"] == "Quux <uutiset.quux.example>"
    assert message["headers"]["Reply-To"] == "vastaa@quux.example"
    assert message["headers"]["Message-ID"] == f"<{message_id}@eu-north-1.amazonses.com>"
    assert message["tags"] == {"campaign": "7"}
    assert message["outcome"] == "delivered"


def test_braces_in_a_simple_message_are_left_alone(ses: Any, stand_in: StandIn) -> None:
    ses.send_email(**simple(subject="{{x}}", text="{{#if y}}", html="{{{z}}}"))

    (message,) = stand_in.messages()

    assert (message["subject"], message["text"], message["html"]) == (
        "{{x}}",
        "{{#if y}}",
        "{{{z}}}",
    )


def test_a_template_in_a_single_message_is_filled(ses: Any, stand_in: StandIn) -> None:
    ses.send_email(
        FromEmailAddress="uutiset@quux.example",
        Destination={"ToAddresses": ["a@yritys.example"], "CcAddresses": ["b@yritys.example"]},
        Content={
            "Template": {
                "TemplateContent": {"Subject": "{{ n }}", "Text": "{{n}} {{o.p}}"},
                "TemplateData": json.dumps({"n": "Ää", "o": {"p": 3}}),
            }
        },
    )

    (message,) = stand_in.messages(address="b@yritys.example")

    assert (message["subject"], message["text"], message["html"]) == ("Ää", "Ää 3", None)


def test_a_raw_message_is_parsed_and_its_attachment_kept(ses: Any, stand_in: StandIn) -> None:
    mime = EmailMessage()
    mime["From"] = "Äiti Öberg <uutiset@quux.example>"
    mime["To"] = "Anna <anna@yritys.example>"
    mime["Subject"] = "Tietosi, pyyntösi mukaan"
    mime["List-Unsubscribe"] = "<https://quux.example/u/1>"
    mime["X-SES-MESSAGE-TAGS"] = "kind=export, message=9"
    mime.set_content("Hei Änna\n")
    mime.add_alternative("<p>Hei Änna</p>", subtype="html")
    mime.add_attachment(b"\0\1", maintype="application", subtype="zip", filename="tiedot.zip")

    ses.send_email(**raw(mime.as_bytes()))

    (message,) = stand_in.messages(address="anna@yritys.example")
    assert message["from"] == "Äiti Öberg <uutiset@quux.example>"
    assert message["subject"] == "Tietosi, pyyntösi mukaan"
    assert message["text"].strip() == "Hei Änna"
    assert message["html"].strip() == "<p>Hei Änna</p>"
    assert message["tags"] == {"kind": "export", "message": "9"}
    assert message["attachments"] == [
        {"name": "tiedot.zip", "media_type": "application/zip", "size": 2}
    ]


def test_undecodable_bytes_in_a_raw_message_do_no_harm(ses: Any, stand_in: StandIn) -> None:
    ses.send_email(
        **raw(
            b"From: a@quux.example\r\nTo: b@yritys.example\r\nSubject: \xff\xfe\r\n"
            b'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain;'
            b" charset=no-such\r\n\r\n\xff\r\n--x\r\nContent-Disposition: attachment;"
            b' filename="\xff"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n--x--\r\n'
        )
    )

    assert len(stand_in.messages(address="b@yritys.example")) == 1


def test_a_deeply_nested_raw_message_is_refused_or_taken_but_never_breaks(ses: Any) -> None:
    depth = 1200  # beyond the recursion limit
    head = b"From: a@quux.example\r\nTo: b@yritys.example\r\n"
    parts = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (i, i)
        for i in range(depth)
    )
    with suppress(ses.exceptions.BadRequestException):
        ses.send_email(**raw(head + parts + b"\r\nx"))

    assert ses.send_email(**simple())["MessageId"]


def test_attachments_of_a_simple_message_are_kept(ses: Any, stand_in: StandIn) -> None:
    request = simple()
    request["Content"]["Simple"]["Attachments"] = [{"FileName": "a.pdf", "RawContent": b"%PDF"}]

    ses.send_email(**request)

    assert stand_in.messages()[0]["attachments"] == [
        {"name": "a.pdf", "media_type": "application/octet-stream", "size": 4}
    ]


def test_a_virus_is_accepted_and_then_rejected(ses: Any, stand_in: StandIn) -> None:
    request = simple()
    request["Content"]["Simple"]["Attachments"] = [{"FileName": "a.com", "RawContent": EICAR}]

    ses.send_email(**request)

    assert stand_in.messages()[0]["outcome"] == "reject"


def test_a_bulk_call_fills_and_never_escapes(ses: Any, stand_in: StandIn) -> None:
    answer = ses.send_bulk_email(
        **bulk(
            entry("a@yritys.example", data={"name": "<b>A</b> & co"}),
            entry("b@yritys.example"),
            defaults={"name": "kaikki"},
        )
    )

    assert statuses(answer) == ["SUCCESS", "SUCCESS"]
    (first,) = stand_in.messages(address="a@yritys.example")
    assert first["subject"] == "Hei <b>A</b> & co"
    assert first["text"] == "Moi <b>A</b> & co"
    assert first["html"] == "<p>Moi <b>A</b> & co</p>"
    assert stand_in.messages(address="b@yritys.example")[0]["text"] == "Moi kaikki"
    ids = [result["MessageId"] for result in answer["BulkEmailEntryResults"]]
    assert first["id"] == ids[0]
    assert len(set(ids)) == 2


def test_values_that_are_not_text_are_written_as_json_does(ses: Any, stand_in: StandIn) -> None:
    ses.send_bulk_email(
        **bulk(
            entry(data={"n": 1.5, "t": True, "z": None}),
            subject="x",
            text="{{n}}|{{t}}|{{z}}|{{ses:openTracker}}",
            html="x",
        )
    )

    assert stand_in.messages()[0]["text"] == "1.5|true||"


def test_a_value_that_looks_like_a_slot_is_not_filled_again(ses: Any, stand_in: StandIn) -> None:
    ses.send_bulk_email(**bulk(entry(data={"name": "{{other}}"})))

    assert stand_in.messages()[0]["text"] == "Moi {{other}}"


def test_an_entrys_headers_replace_the_templates_by_name(ses: Any, stand_in: StandIn) -> None:
    ses.send_bulk_email(
        **bulk(
            entry(headers={"list-unsubscribe": "<https://quux.example/u/1>", "X-Own": "1"}),
            headers={"List-Unsubscribe": "<https://quux.example/>", "List-Id": "<quux.example>"},
        )
    )

    headers = stand_in.messages()[0]["headers"]
    assert headers["list-unsubscribe"] == "<https://quux.example/u/1>"
    assert "List-Unsubscribe" not in headers
    assert (headers["List-Id"], headers["X-Own"]) == ("<quux.example>", "1")


def test_an_entrys_tags_are_added_to_the_default_ones(ses: Any, stand_in: StandIn) -> None:
    ses.send_bulk_email(
        **bulk(
            entry("a@yritys.example", tags={"message": "1", "variant": "b"}),
            entry("b@yritys.example", tags={"message": "2"}),
            tags={"campaign": "7", "variant": "a"},
        )
    )

    assert [m["tags"] for m in stand_in.messages(campaign="7")] == [
        {"campaign": "7", "variant": "a", "message": "2"},
        {"campaign": "7", "variant": "b", "message": "1"},
    ]
    assert len(stand_in.messages(tag="variant:b")) == 1
    assert stand_in.messages(campaign="8") == []


def test_a_missing_variable_is_accepted_and_not_delivered(ses: Any, stand_in: StandIn) -> None:
    answer = ses.send_bulk_email(**bulk(entry(data={"other": "x"}), defaults={}))

    assert statuses(answer) == ["SUCCESS"]
    (message,) = stand_in.messages()
    assert message["outcome"] == "rendering failure"
    assert message["error"] == "Attribute 'name' is not present in the rendering data."
    assert (message["text"], message["html"]) == (None, None)


@pytest.mark.parametrize(
    "text", ["{{#if name}}x{{/if}}", "{{name", "{{name | upper}}", "{{>part}}"]
)
def test_an_inline_template_can_only_substitute(ses: Any, stand_in: StandIn, text: str) -> None:
    error = refusal(ses.send_bulk_email, **bulk(text=text))

    assert error["Code"] == "BadRequestException"
    assert stand_in.messages() == []


def test_one_bad_entry_leaves_the_others_alone(ses: Any, stand_in: StandIn) -> None:
    answer = ses.send_bulk_email(
        **bulk(
            entry("a@yritys.example"),
            entry("no address"),
            entry("mäki@yritys.example"),
            entry("b@yritys.example", data="{"),
            entry("c@yritys.example", data="[]"),
            entry("d@yritys.example", data='{"name": "\\ud800"}'),
            entry("e@yritys.example", data={"name": "x\r\nBcc: y@yritys.example"}),
            entry("f@yritys.example"),
        )
    )

    assert statuses(answer) == ["SUCCESS", *["INVALID_PARAMETER"] * 6, "SUCCESS"]
    assert all(
        bool(r.get("MessageId")) == (r["Status"] == "SUCCESS")
        for r in answer["BulkEmailEntryResults"]
    )
    assert [m["to"] for m in stand_in.messages()] == [["f@yritys.example"], ["a@yritys.example"]]


def test_a_stored_template_is_not_found(ses: Any) -> None:
    request = bulk(entry("a@yritys.example"), entry("b@yritys.example"))
    request["DefaultContent"] = {"Template": {"TemplateName": "none", "TemplateData": "{}"}}

    assert statuses(ses.send_bulk_email(**request)) == ["TEMPLATE_NOT_FOUND"] * 2


@pytest.mark.parametrize("sender", ["uutiset@quux.invalid", "x@notexample", "x@example.com"])
def test_an_unverified_sender_is_refused_by_name(ses: Any, stand_in: StandIn, sender: str) -> None:
    for call, request in ((ses.send_email, simple(sender=sender)), (ses.send_bulk_email, bulk())):
        error = refusal(call, **{**request, "FromEmailAddress": sender})
        assert error["Code"] == "MessageRejected"
        assert error["Message"].startswith("Email address is not verified.")
        assert error["Message"].endswith(f"EU-NORTH-1: {sender}")
    assert stand_in.messages() == []


def test_a_sender_in_unencoded_letters_is_refused(ses: Any) -> None:
    error = refusal(ses.send_email, **simple(sender="Äiti <uutiset@quux.example>"))

    assert error["Code"] == "BadRequestException"


def test_a_message_without_sender_or_recipient_is_refused(ses: Any) -> None:
    without_sender = simple()
    del without_sender["FromEmailAddress"]
    without_recipient = simple(Destination={"ToAddresses": []})
    bulk_without_sender = bulk()
    del bulk_without_sender["FromEmailAddress"]

    assert refusal(ses.send_email, **without_sender)["Code"] == "BadRequestException"
    assert refusal(ses.send_email, **without_recipient)["Code"] == "BadRequestException"
    assert refusal(ses.send_bulk_email, **bulk_without_sender)["Code"] == "BadRequestException"


def test_an_unknown_configuration_set_is_not_found(
    start: Callable[..., StandIn], client_for: Callable[..., Any]
) -> None:
    ses = client_for(start(configuration_sets=["ours"]).url)

    error = refusal(ses.send_email, **simple(ConfigurationSetName="other"))

    assert error == {
        "Code": "NotFoundException",
        "Message": "Configuration set <other> does not exist.",
    }
    assert ses.send_email(**simple(ConfigurationSetName="ours"))["MessageId"]


def test_contact_lists_of_ses_are_not_there(ses: Any) -> None:
    error = refusal(ses.send_email, **simple(ListManagementOptions={"ContactListName": "x"}))

    assert error["Code"] == "NotFoundException"


def test_moto_accepts_and_refuses_the_same_single_messages(ses: Any, client_for: Any) -> None:
    moto = pytest.importorskip("moto")
    import boto3

    with moto.mock_aws():
        theirs = boto3.client(
            "sesv2",
            region_name="eu-north-1",
            aws_access_key_id="stand-in",
            aws_secret_access_key="stand-in",
        )
        theirs.create_email_identity(EmailIdentity="quux.example")
        their_answer = theirs.send_email(**simple())
        their_error = refusal(theirs.send_email, **simple(sender="x@quux.invalid"))
        theirs.close()

    our_answer = ses.send_email(**simple())
    our_error = refusal(ses.send_email, **simple(sender="x@quux.invalid"))
    for answer in (their_answer, our_answer):
        del answer["ResponseMetadata"]
        assert set(answer) == {"MessageId"}
        assert len(answer["MessageId"]) >= 60
    assert their_error["Code"] == our_error["Code"] == "MessageRejected"
    assert "not verified" in their_error["Message"]
