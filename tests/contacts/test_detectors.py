"""Signs of private persons and of private matters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.contacts import detectors

CHECK = "0123456789ABCDEFHJKLMNPRSTUVWXY"


def make_code(
    day: int = 13, month: int = 10, year: int = 52, number: int = 308, mark: str = "-"
) -> str:
    digits = f"{day:02}{month:02}{year:02}{number:03}"
    return f"{digits[:6]}{mark}{digits[6:]}{CHECK[int(digits) % 31]}"


def test_a_known_code_is_found() -> None:
    assert make_code() == "131052-308T"
    assert detectors.find_identity_code("hetu 131052-308T, soita") is not None


@given(
    st.integers(1, 28),
    st.integers(1, 12),
    st.integers(0, 99),
    st.integers(2, 999),
    st.sampled_from("-+ABCDEFYXWVU"),
)
def test_every_right_code_is_found_and_masked(
    day: int, month: int, year: int, number: int, mark: str
) -> None:
    if mark == "+":
        year = max(year, 1)
    code = make_code(day, month, year, number, mark)
    text = f"tunnus:{code}."
    assert detectors.find_identity_code(text) is not None
    assert detectors.find_identity_code(text.lower()) is not None
    assert code not in detectors.mask_identity_codes(text)


@pytest.mark.parametrize(
    "text",
    [
        "131052-308U",  # wrong check character
        "311152-3081",  # no such date
        "2796282-4",  # a Business ID
        "x131052-308Tx",  # inside a longer word
        "040123 4567",
        "",
    ],
)
def test_what_only_looks_like_a_code_is_none(text: str) -> None:
    assert detectors.find_identity_code(text) is None


@pytest.mark.parametrize(
    ("domain", "kind"),
    [
        ("gmail.com", "free"),
        ("luukku.com", "free"),
        ("suomi24.fi", "free"),
        ("kolumbus.fi", "access_provider"),
        ("pp.inet.fi", "access_provider"),
        ("mailinator.com", "disposable"),
        ("anna.mailinator.com", "disposable"),
        ("yritys.example", "work"),
        ("gmail.com.example", "work"),
    ],
)
def test_mail_domains_are_of_four_kinds(domain: str, kind: str) -> None:
    assert detectors.domain_kind(domain) == kind


@pytest.mark.parametrize(
    "text",
    [
        "sairauslomalla helmikuuhun",
        "odottaa raskausvapaata",
        "puolueen jäsen",
        "AY-aktiivi",
        "helluntailainen",
        "sjukskriven till maj",
        "fackligt aktiv",
        "gravid",
        "on sick leave",
        "union member",
        "pregnant",
    ],
)
def test_private_matters_are_noticed_in_three_languages(text: str) -> None:
    assert detectors.has_special_category(text)


@pytest.mark.parametrize(
    "text",
    [
        "terveydenhuollon asiakas",
        "vakuutusasiat hoitaa Liisa",
        "tapaaminen 12.3.",
        "partnermöte i mars",
        "jäsenalennus 10 %",
        "strong convictions about quality",
        "työterveyshuolto",
    ],
)
def test_work_matters_are_left_alone(text: str) -> None:
    assert not detectors.has_special_category(text)


def test_shared_mailboxes_are_known_by_their_names() -> None:
    for local in ("info", "myynti", "info82", "toimisto-2", "sales", "info.oulu", "kundtjanst"):
        assert detectors.is_role_address(local), local
    for local in ("aino.virtanen", "infanta", "mynti", "it.virtanen", "hr.makinen", "seppo"):
        assert not detectors.is_role_address(local), local


def test_pupils_are_a_strong_sign_and_students_a_weak_one() -> None:
    for title in ("Oppilas", "lukiolainen", "Elev", "pupil", "High school student"):
        assert detectors.is_pupil(title), title
    for title in ("Oppilashuollon johtaja", "Elevassistent", "Minor Works Manager", "Rehtori"):
        assert not detectors.is_pupil(title), title
    assert detectors.is_student("Opiskelija")
    assert not detectors.is_student("Opiskelijapalvelujen päällikkö")


def test_sole_traders_are_known_by_the_form_in_their_name() -> None:
    for name in ("Salo Tmi", "Tmi Salo", "T:mi Salo", "Salo, enskild firma"):
        assert detectors.is_sole_trader(name), name
    for name in ("Tminus Oy", "Salo Oy", "Tmitech"):
        assert not detectors.is_sole_trader(name), name
