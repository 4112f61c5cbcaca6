"""The Finnish Business ID (Y-tunnus) and its check digit (R1)."""

import re

_FORM = re.compile(r"(?:FI)?([0-9]{6,7})-?([0-9])", re.IGNORECASE)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2)


class BusinessIdError(ValueError):
    """Not a Business ID; `code` says whether its form or its check digit is wrong."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def canonical(raw: str) -> str:
    """`1234567-8` from any common spelling (FI12345678, six digits). Raises BusinessIdError."""
    match = _FORM.fullmatch(re.sub(r"\s", "", raw).replace("–", "-").replace("−", "-"))
    if match is None:
        raise BusinessIdError("bad_business_id")
    number, digit = match.group(1).zfill(7), match.group(2)
    if check_digit(number) != int(digit):
        raise BusinessIdError("business_id_check_digit")
    return f"{number}-{digit}"


def check_digit(number: str) -> int | None:
    """The check digit of seven digits, or None for a number that can have none."""
    remainder = sum(int(n) * w for n, w in zip(number, _WEIGHTS, strict=True)) % 11
    if remainder == 0:
        return 0
    return None if remainder == 1 else 11 - remainder
