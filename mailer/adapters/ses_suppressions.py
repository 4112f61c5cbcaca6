"""Amazon SES's account-level suppression list: reading it, and putting an address on it.

Nothing here takes an address off that list: an account's list is there for all who send by it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self

from botocore.exceptions import BotoCoreError, ClientError

from mailer.adapters.ses_account import code_of, reading_client
from mailer.config import Settings

Reason = Literal["BOUNCE", "COMPLAINT"]
PAGE_SIZE = 1000
# Ten million addresses; a list that never ends is a fault and not a list.
MOST_PAGES = 10_000


class SesListError(Exception):
    """SES could not be asked, or did not answer as it should. The text is a short code."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An address on Amazon's list, written as Amazon keeps it, and why it is there."""

    address: str
    reason: str


def read(settings: Settings, *, since: datetime | None = None) -> Iterator[list[Listed]]:
    """The list page by page; with `since` only what was put on it from then on.

    Raises SesListError, also between pages: then what came before is not the whole list.
    """
    wanted: dict[str, Any] = {"PageSize": PAGE_SIZE}
    if since is not None:
        wanted["StartDate"] = since
    client = reading_client(settings)
    try:
        for _ in range(MOST_PAGES):
            answer = client.list_suppressed_destinations(**wanted)
            yield [
                Listed(entry["EmailAddress"], entry["Reason"])
                for entry in answer.get("SuppressedDestinationSummaries", [])
            ]
            token = answer.get("NextToken")
            if not token:
                return
            wanted["NextToken"] = token
    except (BotoCoreError, ClientError) as error:
        raise SesListError(code_of(error)) from None
    except (KeyError, TypeError):
        raise SesListError("UnreadableAnswer") from None
    finally:
        client.close()
    raise SesListError("EndlessList")


class Handover:
    """Puts addresses on Amazon's list, over one connection."""

    def __init__(self, settings: Settings) -> None:
        """Close it after use, or use it in a `with` statement."""
        self._client = reading_client(settings)

    def put(self, address: str, reason: Reason) -> None:
        """Put an address on the list; again is the same. Raises SesListError."""
        try:
            self._client.put_suppressed_destination(EmailAddress=address, Reason=reason)
        except (BotoCoreError, ClientError) as error:
            raise SesListError(code_of(error)) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
