"""From an operation's input to messages, one per destination. Pure: nothing is accepted here."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from mailer.stand_in.addresses import bare_address, bare_addresses
from mailer.stand_in.errors import ApiError
from mailer.stand_in.mail import Attachment, Content, Headers, Mail, new_ids, parse_raw
from mailer.stand_in.protocol import Caller
from mailer.stand_in.templates import compile_template, fill, read_data

DESTINATIONS: Final = 50
HEADERS: Final = 15
# Given elsewhere in the request or written by SES itself.
RESERVED: Final = frozenset(
    {
        "bcc",
        "cc",
        "content-transfer-encoding",
        "content-type",
        "date",
        "from",
        "message-id",
        "mime-version",
        "reply-to",
        "return-path",
        "sender",
        "subject",
        "to",
    }
)

Params = Mapping[str, Any]
Refusal = tuple[str, str]  # BulkEmailStatus, error text


def compose_single(params: Params, caller: Caller, now: datetime, configuration_set: str) -> Mail:
    """The message of a SendEmail request. Raises ApiError."""
    if params.get("ListManagementOptions"):
        raise ApiError("NotFoundException", "The contact list does not exist.")
    kinds = [kind for kind in ("Simple", "Raw", "Template") if params["Content"].get(kind)]
    if len(kinds) != 1:
        raise ApiError("BadRequestException", "Content must be one of Simple, Raw or Template.")
    if kinds[0] == "Raw":
        return _compose_raw(params, caller, now, configuration_set)
    destination = _destination(params.get("Destination") or {})
    source = params["Content"][kinds[0]]
    data = None
    if kinds[0] == "Simple":
        body = source["Body"]
        content = Content(
            source["Subject"]["Data"],
            (body.get("Text") or {}).get("Data"),
            (body.get("Html") or {}).get("Data"),
            _attachments(source),
        )
        if content.text is None and content.html is None:
            raise ApiError("BadRequestException", "The body must have a text or an HTML part.")
    else:
        content, data = _template(source)
    return _mail(
        new_ids(1)[0],
        params=params,
        caller=caller,
        now=now,
        configuration_set=configuration_set,
        operation="SendEmail",
        destination=destination,
        custom=_custom_headers(source.get("Headers")),
        tags=_tags(params.get("EmailTags")),
        content=content,
        data=data,
    )


def compose_bulk(
    params: Params, caller: Caller, now: datetime, configuration_set: str
) -> list[Mail | Refusal]:
    """One message, or why not, per entry in order. Raises ApiError for what is common to all."""
    entries = params["BulkEmailEntries"]
    template = params["DefaultContent"].get("Template") or {}
    if template.get("TemplateName") or template.get("TemplateArn"):
        return [("TEMPLATE_NOT_FOUND", "The template does not exist.")] * len(entries)
    content, defaults = _template(template)
    headers = _custom_headers(template.get("Headers"))
    tags = _tags(params.get("DefaultEmailTags"))
    results: list[Mail | Refusal] = []
    for message_id, entry in zip(new_ids(len(entries)), entries, strict=True):
        replacement = (entry.get("ReplacementEmailContent") or {}).get("ReplacementTemplate") or {}
        try:
            own = read_data(replacement.get("ReplacementTemplateData"))
            results.append(
                _mail(
                    message_id,
                    params=params,
                    caller=caller,
                    now=now,
                    configuration_set=configuration_set,
                    operation="SendBulkEmail",
                    destination=_destination(entry["Destination"]),
                    custom=_replace_headers(headers, entry.get("ReplacementHeaders")),
                    tags={**tags, **_tags(entry.get("ReplacementTags"))},
                    content=content,
                    data={**defaults, **own} if defaults else own,
                )
            )
        except ApiError as error:
            results.append(("INVALID_PARAMETER", error.message))
    return results


def _mail(
    message_id: str,
    *,
    params: Params,
    caller: Caller,
    now: datetime,
    configuration_set: str,
    operation: str,
    destination: tuple[list[str], list[str], list[str], list[str]],
    custom: Headers,
    tags: Mapping[str, str],
    content: Content,
    data: Mapping[str, Any] | None,
) -> Mail:
    sender = params.get("FromEmailAddress")
    if not sender:
        raise ApiError("BadRequestException", "FromEmailAddress is required.")
    to, cc, bcc, recipients = destination
    subject, error = content.subject, None
    if data is not None:
        template = compile_template(content.subject, content.text, content.html)
        missing = template.missing(data)
        if missing is None:
            subject = fill(template.subject, data)
        else:
            error = f"Attribute '{missing}' is not present in the rendering data."
    if "\r" in subject or "\n" in subject:
        raise ApiError("BadRequestException", "The subject must not contain line breaks.")
    headers = [("From", sender), ("To", ", ".join(to))]
    if cc:
        headers.append(("Cc", ", ".join(cc)))
    if params.get("ReplyToAddresses"):
        headers.append(("Reply-To", ", ".join(bare_and_named(params["ReplyToAddresses"]))))
    headers += [
        ("Subject", subject),
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative; boundary="----=_Part_{message_id[20:36]}"'),
        *custom,
    ]
    return Mail(
        message_id,
        now,
        operation,
        sender,
        to,
        cc,
        bcc,
        recipients,
        subject,
        headers,
        tags,
        configuration_set,
        caller.identity,
        caller.ip,
        content,
        data,
        "delivered" if error is None else "rendering failure",
        error,
    )


def _compose_raw(params: Params, caller: Caller, now: datetime, configuration_set: str) -> Mail:
    raw = base64.b64decode(params["Content"]["Raw"]["Data"])
    content, headers = parse_raw(raw)
    found: dict[str, str] = {}
    for name, value in headers:
        found.setdefault(name.lower(), value)
    sender = params.get("FromEmailAddress") or found.get("from")
    if not sender:
        raise ApiError("BadRequestException", "The raw message has no From header.")
    destination = params.get("Destination") or {
        f"{kind}Addresses": _split(found.get(kind.lower())) for kind in ("To", "Cc", "Bcc")
    }
    to, cc, bcc, recipients = _destination(destination)
    tags = dict(
        part.strip().partition("=")[::2]
        for part in found.get("x-ses-message-tags", "").split(",")
        if part.strip()
    )
    return Mail(
        new_ids(1)[0],
        now,
        "SendEmail",
        sender,
        to,
        cc,
        bcc,
        recipients,
        content.subject,
        [h for h in headers if h[0].lower() != "bcc"],
        {**tags, **_tags(params.get("EmailTags"))},
        configuration_set,
        caller.identity,
        caller.ip,
        content,
    )


def _split(value: str | None) -> list[str]:
    from email.utils import formataddr, getaddresses  # noqa: PLC0415 - only raw messages need it

    return [formataddr(pair) for pair in getaddresses([value])] if value else []


def _destination(destination: Params) -> tuple[list[str], list[str], list[str], list[str]]:
    to = destination.get("ToAddresses") or []
    cc = destination.get("CcAddresses") or []
    bcc = destination.get("BccAddresses") or []
    recipients = bare_addresses([*to, *cc, *bcc])
    if not recipients:
        raise ApiError("BadRequestException", "At least one recipient is required.")
    if len(recipients) > DESTINATIONS:
        raise ApiError("BadRequestException", f"Recipient count exceeds {DESTINATIONS}.")
    return to, cc, bcc, recipients


def bare_and_named(values: Sequence[str]) -> Sequence[str]:
    """The values as given, once each is a usable address. Raises BadRequestException."""
    for value in values:
        bare_address(value)
    return values


def _template(source: Params) -> tuple[Content, dict[str, Any]]:
    if source.get("TemplateName") or source.get("TemplateArn"):
        raise ApiError("NotFoundException", "The template does not exist.")
    inline = source.get("TemplateContent")
    if not inline:
        raise ApiError("BadRequestException", "The template has no content.")
    content = Content(
        inline.get("Subject") or "", inline.get("Text"), inline.get("Html"), _attachments(source)
    )
    if content.text is None and content.html is None:
        raise ApiError("BadRequestException", "The template must have a text or an HTML part.")
    compile_template(content.subject, content.text, content.html)
    return content, read_data(source.get("TemplateData"))


def _attachments(source: Params) -> tuple[Attachment, ...]:
    return tuple(
        Attachment(
            item["FileName"],
            item.get("ContentType") or "application/octet-stream",
            base64.b64decode(item["RawContent"]),
        )
        for item in source.get("Attachments") or ()
    )


def _tags(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    return {tag["Name"]: tag["Value"] for tag in tags} if tags else {}


def _custom_headers(headers: Sequence[Mapping[str, str]] | None) -> Headers:
    if not headers:
        return []
    problem = _name_problem(tuple([header["Name"] for header in headers]))
    if problem:
        raise ApiError("BadRequestException", problem)
    return [(header["Name"], header["Value"]) for header in headers]


@lru_cache(maxsize=256)  # one campaign's messages all have the same header names
def _name_problem(names: tuple[str, ...]) -> str | None:
    for name in names:
        if name.lower() in RESERVED:
            return f"The header {name} cannot be set here."
    if len({name.lower() for name in names}) != len(names):
        return "A header occurs twice."
    return None


def _replace_headers(defaults: Headers, headers: Sequence[Mapping[str, str]] | None) -> Headers:
    own = _custom_headers(headers)
    if not defaults:
        return own
    replaced = {name.lower() for name, _ in own}
    merged = [header for header in defaults if header[0].lower() not in replaced] + own
    if len(merged) > HEADERS:
        raise ApiError("BadRequestException", f"A message can have at most {HEADERS} headers.")
    return merged
