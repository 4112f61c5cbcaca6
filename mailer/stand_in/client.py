"""What tests and the demo ask a running stand-in; over HTTP, whichever process it is in."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode


class Client:
    """Reads messages and counts, and makes trouble."""

    def __init__(self, url: str) -> None:
        """`url` without a path, as StandIn.url or `mailer.stand_in` prints it."""
        self.url = url

    def messages(self, **wanted: str | int) -> list[dict[str, Any]]:
        """Messages newest first; filters: address, campaign, tag, outcome, q, limit, offset."""
        answer = self._ask("messages?" + urlencode({"limit": 500, **wanted}))
        return list(answer["messages"])

    def counts(self) -> dict[str, Any]:
        """Totals and repetitions by tag and address, and the state of events."""
        return dict(self._ask("counts"))

    def faults(self, **changes: Any) -> dict[str, Any]:
        """Changes faults and returns all of them."""
        return dict(self._ask("faults", changes))

    def behaviours(self, mapping: Mapping[str, str]) -> None:
        """Sets how addresses answer, replacing what was set before."""
        self._ask("behaviours", dict(mapping))

    def set_identity(self, identity: str, *, verified: bool) -> None:
        """Makes a sender identity verified or not."""
        self._ask("identities", {"identity": identity, "verified": verified})

    def reply(self, message_id: str, text: str = "", **more: Any) -> str:
        """Answers a message by mail as its recipient; SES's id of the answer.

        `unsubscribe=True` writes to the mailto: of List-Unsubscribe. Also: subject, sender, quote,
        headers, verdicts.
        """
        document = {"message": message_id, "text": text, **more}
        return str(self._ask("replies", document)["received"])

    def reset(self) -> None:
        """Forgets messages, counts, faults, behaviours, suppression and waiting events."""
        self._ask("reset", {})

    def wait_for_events(self, timeout: float = 10.0) -> bool:
        """Waits until no event is pending; False when time runs out."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            if not self.counts()["events"].get("pending"):
                return True
            time.sleep(0.02)
        return False

    def _ask(self, path: str, document: object = None) -> Any:
        data = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/_stand_in/{path}", data)  # noqa: S310 - own URL
        # No proxy of the environment may come between two ends of loopback.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.load(error)["error"]) from None
