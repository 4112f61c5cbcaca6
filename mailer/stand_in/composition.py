"""From an operation's input to messages, one per destination. Pure: nothing is accepted here."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mailer.stand_in.errors import ApiError
from mailer.stand_in.mail import Content, Headers, Mail, new_ids
from mailer.stand_in.parts import (
    Params,
    read_attachments,
    read_destination,
    read_headers,
    read_reply_to,
    read_sender,
    read_tags,
    replace_headers,
)
from mailer.stand_in.protocol import Caller
from mailer.stand_in.raw_mail import compose_raw
from mailer.stand_in.templates import compile_template, fill, read_data

Refusal = tuple[str, str]  # BulkEmailStatus, error text


def compose_single(params: Params, caller: Caller, now: datetime, configuration_set: str) -> Mail:
    """The message of a SendEmail request. Raises ApiError."""
    if params.get("ListManagementOptions"):
        raise ApiError("NotFoundException", "The contact list does not exist.")
    kinds = [kind for kind in ("Simple", "Raw", "Template") if params["Content"].get(kind)]
    if len(kinds) != 1:
        raise ApiError("BadRequestException", "Content must be one of Simple, Raw or Template.")
    if kinds[0] == "Raw":
        return compose_raw(params, caller, now, configuration_set)
    destination = read_destination(params.get("Destination") or {})
    source = params["Content"][kinds[0]]
    data = None
    if kinds[0] == "Simple":
        body = source["Body"]
        content = Content(
            source["Subject"]["Data"],
            (body.get("Text") or {}).get("Data"),
            (body.get("Html") or {}).get("Data"),
            read_attachments(source),
        )
        if content.text is None and content.html is None:
            raise ApiError("BadRequestException", "The body must have a text or an HTML part.")
    else:
        content, data = _template(source)
    return _mail(
        new_ids(1)[0],
        sender=read_sender(params),
        reply_to=read_reply_to(params),
        caller=caller,
        now=now,
        configuration_set=configuration_set,
        operation="SendEmail",
        destination=destination,
        custom=read_headers(source.get("Headers")),
        tags=read_tags(params.get("EmailTags")),
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
    sender, reply_to = read_sender(params), read_reply_to(params)
    headers = read_headers(template.get("Headers"))
    tags = read_tags(params.get("DefaultEmailTags"))
    results: list[Mail | Refusal] = []
    for message_id, entry in zip(new_ids(len(entries)), entries, strict=True):
        replacement = (entry.get("ReplacementEmailContent") or {}).get("ReplacementTemplate") or {}
        try:
            own = read_data(replacement.get("ReplacementTemplateData"))
            results.append(
                _mail(
                    message_id,
                    sender=sender,
                    reply_to=reply_to,
                    caller=caller,
                    now=now,
                    configuration_set=configuration_set,
                    operation="SendBulkEmail",
                    destination=read_destination(entry["Destination"]),
                    custom=replace_headers(headers, entry.get("ReplacementHeaders")),
                    tags={**tags, **read_tags(entry.get("ReplacementTags"))},
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
    sender: str,
    reply_to: str,
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
    if reply_to:
        headers.append(("Reply-To", reply_to))
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


def _template(source: Params) -> tuple[Content, dict[str, Any]]:
    if source.get("TemplateName") or source.get("TemplateArn"):
        raise ApiError("NotFoundException", "The template does not exist.")
    inline = source.get("TemplateContent")
    if not inline:
        raise ApiError("BadRequestException", "The template has no content.")
    content = Content(
        inline.get("Subject") or "",
        inline.get("Text"),
        inline.get("Html"),
        read_attachments(source),
    )
    if content.text is None and content.html is None:
        raise ApiError("BadRequestException", "The template must have a text or an HTML part.")
    compile_template(content.subject, content.text, content.html)
    return content, read_data(source.get("TemplateData"))
