"""The body of a SendBulkEmail, written by us: what a campaign's calls share is serialised once.

boto3 signs, sends and reads the answer. Its own serialiser took more time than all else together:
the template's 40 KB and some 200 values in each of 50 entries, anew for every call.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# Places in a form are named between these; drawn anew in each process, so no content has them.
_MARK = secrets.token_hex(12)
_PLACE = re.compile(f"{_MARK}_([a-z0-9_]+)_{_MARK}")
_QUOTED = re.compile(r'["\\\x00-\x1f]')


@dataclass(frozen=True, slots=True)
class BulkEntry:
    """One person of a bulk call: address, what the template's slots hold, headers, tags."""

    to: str
    data: Mapping[str, str]
    headers: Sequence[tuple[str, str]]
    tags: Mapping[str, str]

    @property
    def text(self) -> str:
        """The entry as SES reads it."""
        return _write_entry([self.to], self.data, self.headers, self.tags)


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """One person of a bulk call, written already by an EntryForm."""

    to: str
    text: str

    @property
    def data(self) -> dict[str, str]:
        """What the template's slots hold, read back from what SES gets."""
        content = self._read()["ReplacementEmailContent"]["ReplacementTemplate"]
        return dict(json.loads(content["ReplacementTemplateData"]))

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Read back likewise."""
        return [(each["Name"], each["Value"]) for each in self._read()["ReplacementHeaders"]]

    @property
    def tags(self) -> dict[str, str]:
        """Read back likewise."""
        return {each["Name"]: each["Value"] for each in self._read()["ReplacementTags"]}

    def _read(self) -> dict[str, Any]:
        return dict(json.loads(self.text))


def always() -> bool:
    """A call that may leave at any time."""
    return True


@dataclass(frozen=True, slots=True)
class BulkCall:
    """At most 50 people who get the same template. `may_leave` is asked once more right before the
    bytes go: a process may have been frozen since the call was made."""

    sender: str
    reply_to: str
    subject: str
    html: str
    text: str
    headers: Sequence[tuple[str, str]]
    entries: Sequence[BulkEntry | WrittenEntry]
    may_leave: Callable[[], bool] = always


class EntryForm:
    """An entry whose text is the same for everybody but for its places.

    Data, headers and tags hold `place(name)` where a person's value comes. The address is the place
    `to`. A value within data must have been quoted twice, since data is JSON within JSON.
    """

    def __init__(
        self,
        *,
        data: Mapping[str, str],
        headers: Sequence[tuple[str, str]],
        tags: Mapping[str, str],
    ) -> None:
        text = _write_entry([place("to")], data, headers, tags)
        self.places = _PLACE.findall(text)
        self._text = _PLACE.sub(r"%(\1)s", text.replace("%", "%%"))

    def fill(self, values: Mapping[str, str]) -> str:
        """The entry of one person. Raises KeyError for a place without a value."""
        return self._text % values


def place(name: str) -> str:
    """Where a value of that name comes. `name`: lower-case letters, digits and `_`."""
    return f"{_MARK}_{name}_{_MARK}"


def quote(text: str) -> str:
    """Text as it stands between the quotation marks of JSON."""
    return json.dumps(text, ensure_ascii=False)[1:-1] if _QUOTED.search(text) else text


def write_body(call: BulkCall, configuration_set: str | None) -> bytes:
    """The whole body of the call."""
    head = _write_head(
        call.sender,
        call.reply_to,
        call.subject,
        call.html,
        call.text,
        tuple(call.headers),
        configuration_set,
    )
    return f"{head}{','.join([entry.text for entry in call.entries])}]}}".encode()


@lru_cache(maxsize=32)
def _write_head(
    sender: str,
    reply_to: str,
    subject: str,
    html: str,
    text: str,
    headers: tuple[tuple[str, str], ...],
    configuration_set: str | None,
) -> str:
    shared: dict[str, Any] = {
        "FromEmailAddress": sender,
        "ReplyToAddresses": [reply_to] if reply_to else [],
        "DefaultContent": {
            "Template": {
                "TemplateContent": {"Subject": subject, "Html": html, "Text": text},
                "TemplateData": "{}",
                "Headers": write_headers(headers),
            }
        },
    }
    if configuration_set:
        shared["ConfigurationSetName"] = configuration_set
    return f'{_write(shared)[:-1]},"BulkEmailEntries":['


def _write_entry(
    to: Sequence[str],
    data: Mapping[str, str],
    headers: Sequence[tuple[str, str]],
    tags: Mapping[str, str],
) -> str:
    return _write(
        {
            "Destination": {"ToAddresses": to},
            "ReplacementTags": write_tags(tags),
            "ReplacementEmailContent": {
                "ReplacementTemplate": {"ReplacementTemplateData": _write(dict(data))}
            },
            "ReplacementHeaders": write_headers(headers),
        }
    )


def write_headers(headers: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Headers in SES's shape."""
    return [{"Name": name, "Value": value} for name, value in headers]


def write_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags in SES's shape."""
    return [{"Name": name, "Value": value} for name, value in tags.items()]


def _write(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
