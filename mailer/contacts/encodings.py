"""Bytes of a text file -> the encoding they are in, judged by what Nordic files hold. Pure."""

from collections import Counter

from charset_normalizer import from_bytes

_SAMPLE_BYTES = 200_000
_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_LETTERS = "åäöÅÄÖéü"
_ASCII = bytes(range(128))


def find_encoding(content: bytes) -> str:
    """The encoding of a file: by its mark, by its zeros, as UTF-8, or by its Nordic letters."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    if wide := _find_wide(content):
        return wide
    if _is_utf8(content):
        return "utf-8"
    return _find_single_byte(content)


def _find_wide(content: bytes) -> str:
    head = content[:_SAMPLE_BYTES]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd * 4 > len(head) and even * 20 < len(head):
        return "utf-16-le"
    if even * 4 > len(head) and odd * 20 < len(head):
        return "utf-16-be"
    return ""


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        # One broken row must not make mojibake of all the others.
        text = content.decode("utf-8", "replace")
        whole = sum(text.count(letter) for letter in _LETTERS)
        return whole > 10 * text.count("\ufffd")
    return True


def _find_single_byte(content: bytes) -> str:
    letters = Counter(content.translate(None, _ASCII))
    scores = {
        encoding: sum(letters[byte] for byte in _LETTERS.encode(encoding))
        for encoding in ("cp1252", "mac_roman", "cp850")
    }
    best = max(scores, key=lambda encoding: scores[encoding])
    if scores[best]:
        return best
    guess = from_bytes(content[:_SAMPLE_BYTES]).best()
    return guess.encoding if guess is not None else "latin-1"
