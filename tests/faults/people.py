"""What recipients and their companies do, over HTTP as their mail programs and browsers do it."""

import urllib.error
import urllib.request

from mailer.tokens import Purpose, Recipient, Signer
from tests.faults.place import SECRET_KEY


def press(web_port: int, recipient: Recipient, *, by_page: bool) -> int:
    """Opt out by the button of the page, or by the header (RFC 8058); the status, 0 for none."""
    signer = Signer(SECRET_KEY)
    if by_page:
        path, body = f"/s/{signer.make(Purpose.STOP, recipient)}", b""
    else:
        path = f"/u/{signer.make(Purpose.ONE_CLICK, recipient)}"
        body = b"List-Unsubscribe=One-Click"
    request = urllib.request.Request(f"http://127.0.0.1:{web_port}{path}", body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return 0
