"""Requests to send, with keyword defaults."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError


def simple(
    to: str = "anna.aalto@yritys.example",
    *,
    sender: str = "Quux Oy <uutiset@quux.example>",
    subject: str = "Hei",
    text: str | None = "Moi",
    html: str | None = "<p>Moi</p>",
    headers: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    body = {
        name: {"Data": data} for name, data in (("Text", text), ("Html", html)) if data is not None
    }
    message: dict[str, Any] = {"Subject": {"Data": subject}, "Body": body}
    if headers:
        message["Headers"] = pairs(headers)
    return {
        "FromEmailAddress": sender,
        "Destination": {"ToAddresses": [to]},
        "Content": {"Simple": message},
        "EmailTags": pairs(tags or {}),
        **more,
    }


def raw(data: bytes, **more: Any) -> dict[str, Any]:
    return {"Content": {"Raw": {"Data": data}}, **more}


def entry(
    to: str = "anna.aalto@yritys.example",
    *,
    data: dict[str, Any] | str | None = None,
    headers: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
) -> dict[str, Any]:
    made: dict[str, Any] = {"Destination": {"ToAddresses": [to]}}
    if data is not None:
        text = data if isinstance(data, str) else json.dumps(data)
        made["ReplacementEmailContent"] = {"ReplacementTemplate": {"ReplacementTemplateData": text}}
    if headers:
        made["ReplacementHeaders"] = pairs(headers)
    if tags:
        made["ReplacementTags"] = pairs(tags)
    return made


def bulk(
    *entries: dict[str, Any],
    subject: str = "Hei {{name}}",
    text: str = "Moi {{name}}",
    html: str = "<p>Moi {{{name}}}</p>",
    defaults: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    template: dict[str, Any] = {
        "TemplateContent": {"Subject": subject, "Text": text, "Html": html},
        "TemplateData": json.dumps({"name": "sinä"} if defaults is None else defaults),
    }
    if headers:
        template["Headers"] = pairs(headers)
    return {
        "FromEmailAddress": "uutiset@quux.example",
        "DefaultContent": {"Template": template},
        "DefaultEmailTags": pairs(tags or {}),
        "BulkEmailEntries": list(entries) or [entry()],
        **more,
    }


def pairs(mapping: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in mapping.items()]


def statuses(answer: dict[str, Any]) -> list[str]:
    return [result["Status"] for result in answer["BulkEmailEntryResults"]]


def refusal(call: Callable[..., Any], **params: Any) -> dict[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return caught.value.response["Error"]
