"""One row: stored, warned about, put aside or left out, each for a reason that can be read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.contacts.address import address_key, canonical
from mailer.contacts.checked_rows import Row, Terms
from mailer.contacts.columns import plan
from mailer.contacts.csv_file import MAX_CELL
from mailer.contacts.csv_rows import Checker
from mailer.contacts.problems import CODES, REJECTIONS
from mailer.notice.vocabulary import FIELDS

HEADER = (
    *("Etunimi", "Sukunimi", "Titteli", "Sähköposti", "Puhelin", "Yritys", "Y-tunnus"),
    *("Henkilöstö", "Liikevaihto", "Tulos", "Toimiala (TOL)", "Maa", "Kieli", "Tunnisteet"),
    *("Toimenkuva", "Huom", "Väri"),
)
PLAIN = {
    "Etunimi": "Aino",
    "Sukunimi": "Virtanen",
    "Titteli": "Talousjohtaja",
    "Sähköposti": "aino.virtanen@yritys.example",
    "Yritys": "Yritys Oy",
    "Y-tunnus": "2796282-4",
}
HETU = "131052-308T"


def make_checker(**terms: Any) -> Checker:
    return Checker(plan(HEADER, frozenset(FIELDS)), Terms(**terms))


def cells_of(**changes: str) -> list[str]:
    values = {**PLAIN, **changes}
    return [values.get(heading, "") for heading in HEADER]


def check(*, checker: Checker | None = None, number: int = 2, **changes: str) -> Row:
    return (checker or make_checker()).check((number, cells_of(**changes), None))


def codes(row: Row) -> list[str]:
    return [problem.code for problem in row.problems]


def test_a_plain_row_has_no_problems() -> None:
    row = check()
    assert row.problems == ()
    assert row.rejected is None
    assert row.email == PLAIN["Sähköposti"]
    assert row.company is not None
    assert row.company.business_id == "2796282-4"
    assert row.countries == ("FI",)
    assert row.person_key is not None


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Sähköposti": ""}, "missing_address"),
        ({"Sähköposti": "aino(at)yritys.example"}, "bad_address"),
        ({"Sähköposti": "äino@yritys.example"}, "non_ascii_local"),
        ({"Sähköposti": "a" * 20_000 + "@yritys.example"}, "address_too_long"),
        ({"Yritys": "", "Y-tunnus": ""}, "no_company"),
        ({"Yritys": "", "Y-tunnus": "2796282-5"}, "no_company"),
        ({"Sähköposti": "aino@gmail.com", "Y-tunnus": ""}, "private_person"),
        ({"Sähköposti": "aino@gmail.com", "Y-tunnus": "2796282-5"}, "private_person"),
        ({"Sähköposti": "aino@kolumbus.fi", "Yritys": "", "Y-tunnus": ""}, "private_person"),
        ({"Sähköposti": "aino@mailinator.com"}, "disposable_domain"),
        ({"Huom": f"hetu {HETU}"}, "identity_code"),
        ({"Väri": HETU}, "identity_code"),
        ({"Titteli": "Oppilas"}, "pupil_title"),
    ],
)
def test_a_row_is_left_out_for_a_reason(changes: dict[str, str], code: str) -> None:
    row = check(**changes)
    assert row.rejected == code
    assert codes(row)[-1] == code
    assert row.problems[-1].rejects
    assert code in REJECTIONS


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Y-tunnus": "2796282-5"}, "business_id_check_digit"),
        ({"Y-tunnus": "ei ole"}, "bad_business_id"),
        ({"Titteli": ""}, "no_title"),
        ({"Puhelin": "ei ole"}, "bad_phone"),
        ({"Kieli": "klingon"}, "bad_language"),
        ({"Henkilöstö": "monta"}, "bad_number"),
        ({"Henkilöstö": "-5"}, "bad_number"),
        ({"Liikevaihto": "9" * 17}, "bad_number"),
        ({"Toimiala (TOL)": "rakentaminen"}, "bad_industry_code"),
        ({"Maa": "Marsu"}, "bad_country"),
        ({"Huom": "sairauslomalla"}, "special_category"),
        ({"Tunnisteet": "uskonto"}, "special_category"),
        ({"Huom": "131052-308U"}, "looks_like_identity_code"),
        ({"Huom": "x" * (MAX_CELL + 1)}, "cell_too_long"),
        ({"Titteli": "x" * 201}, "cell_too_long"),
        ({"Etunimi": "P\ufffdivi"}, "damaged_letters"),
        ({"Huom": "=1+1"}, "formula_text"),
        ({"Yritys": "Salo Tmi"}, "sole_trader_not_declared"),
    ],
)
def test_a_row_is_kept_without_what_is_wrong_in_it(changes: dict[str, str], code: str) -> None:
    row = check(**changes)
    assert row.rejected is None
    assert code in codes(row)
    assert not any(problem.rejects for problem in row.problems)
    assert code in CODES


def test_what_is_private_is_in_no_problem_and_in_no_field() -> None:
    coded = check(Huom=f"hetu {HETU}", Puhelin="ei ole")
    assert len(coded.problems) == 1
    assert HETU not in str(coded.problems)
    sick = check(Huom="sairauslomalla helmikuuhun")
    assert "sairaus" not in str(sick.problems)
    assert sick.note == ""
    assert "131052" not in str(check(Huom="131052-308U").problems)


def test_a_phone_number_that_looks_like_a_code_is_a_phone_number() -> None:
    digits = "040123456"
    code = "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31]
    assert check(Puhelin=f"040123-456{code}").rejected is None


@pytest.mark.parametrize(
    "changes",
    [
        {"Huom": HETU},
        {"Sähköposti": "Aino+x@GMAIL.com", "Y-tunnus": ""},
        {"Titteli": "koululainen"},
    ],
)
def test_a_private_person_leaves_the_key_of_the_mailbox(changes: dict[str, str]) -> None:
    row = check(**changes)
    address = canonical({**PLAIN, **changes}["Sähköposti"])
    assert row.private == address_key(address)


def test_a_private_person_found_earlier_in_the_file_stays_out() -> None:
    checker = make_checker()
    assert check(checker=checker, Huom=HETU).rejected == "identity_code"
    assert check(checker=checker, number=3).rejected == "private_person_earlier"


def test_of_two_rows_with_one_address_the_first_counts() -> None:
    checker = make_checker()
    assert check(checker=checker).rejected is None
    again = check(checker=checker, number=3, Sähköposti="AINO.Virtanen@Yritys.EXAMPLE")
    assert again.rejected == "duplicate_in_file"
    rejected = check(checker=checker, number=4, Sähköposti="b@yritys.example", Huom="")
    assert rejected.rejected is None


def test_a_rejected_row_does_not_make_the_next_one_a_duplicate() -> None:
    checker = make_checker()
    assert check(checker=checker, Yritys="", **{"Y-tunnus": ""}).rejected == "no_company"
    assert check(checker=checker, number=3).rejected is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Sähköposti": "aino@gmail.com"}, "free_mail_company"),
        ({"Sähköposti": "aino@kolumbus.fi", "Y-tunnus": ""}, "access_provider_mail"),
        ({"Titteli": "Opiskelija"}, "student_title"),
    ],
)
def test_weak_signs_put_a_contact_aside(changes: dict[str, str], reason: str) -> None:
    row = check(**changes)
    assert row.rejected is None
    assert row.quarantine == reason


def test_where_the_notice_has_private_persons_they_are_stored_as_such() -> None:
    kinds = frozenset({"organisation_contact", "private_person"})
    row = check(
        checker=make_checker(person_kinds=kinds),
        **{"Sähköposti": "aino@gmail.com", "Yritys": "", "Y-tunnus": ""},
    )
    assert row.rejected is None
    assert row.kind == "private_person"


def test_kinds_of_contacts() -> None:
    assert check(Sähköposti="info@yritys.example", Titteli="").kind == "shared_mailbox"
    assert check(Yritys="Tmi Salo").kind == "sole_trader"
    assert check().kind == "organisation_contact"


def test_every_country_that_speaks_for_an_address_is_kept() -> None:
    assert check(Sähköposti="a@yritys.de").countries == ("DE", "FI")
    assert check(Maa="Ruotsi").countries == ("SE",)
    assert check(Maa="Marsu").countries == ("ZZ",), "a country that is not known allows nothing"
    unknown = make_checker(default_country=None)
    assert check(checker=unknown).countries == ()


def test_stray_spaces_and_marks_are_taken_away() -> None:
    row = check(
        Etunimi="  Aino\u00a0 ",
        Sukunimi="\u200bVirtanen",
        Puhelin="-",
        Sähköposti=" aino@yritys.example\t",
    )
    assert (row.first_name, row.last_name) == ("Aino", "Virtanen")
    assert row.email == "aino@yritys.example"
    assert row.problems == ()


def test_an_exported_cell_comes_back_as_it_was() -> None:
    assert check(Huom="'=1+1").note == "=1+1"


def test_figures_of_the_company_are_numbers() -> None:
    company = check(Henkilöstö="120", Liikevaihto="6893\u00a0000", Tulos="-5 000").company
    assert company is not None
    assert (company.headcount, company.turnover_eur, company.result_eur) == (120, 6_893_000, -5000)


def test_problems_of_a_company_are_told_on_each_of_its_rows() -> None:
    checker = make_checker()
    first = check(checker=checker, **{"Y-tunnus": "2796282-5"})
    second = check(checker=checker, **{"Y-tunnus": "2796282-5", "Sähköposti": "b@yritys.example"})
    assert codes(first) == codes(second) == ["business_id_check_digit"]


def test_ragged_rows() -> None:
    checker = make_checker()
    short = checker.check((2, cells_of()[:7], None))
    assert short.rejected is None
    extra = ["b@yritys.example" if cell == PLAIN["Sähköposti"] else cell for cell in cells_of()]
    assert checker.check((3, [*extra, "", ""], None)).rejected is None
    assert checker.check((4, [*cells_of(), "", "x"], None)).rejected == "too_many_cells"
    assert checker.check((5, cells_of(), "broken_quoting")).rejected == "broken_quoting"


def test_one_column_with_both_names_is_split() -> None:
    header = ["Nimi", "Sähköposti", "Yritys"]
    for text in ("Aino Maria Virtanen", "Virtanen, Aino Maria"):
        checker = Checker(plan(header, frozenset(FIELDS)), Terms())
        row = checker.check((2, [text, "a@yritys.example", "Yritys Oy"], None))
        assert (row.first_name, row.last_name) == ("Aino Maria", "Virtanen")


_TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["aino@yritys.example", "a@gmail.com", HETU, "2796282-4", "=1", "Tmi", "Oppilas"]
    ),
)


@given(st.lists(_TEXTS, min_size=0, max_size=20))
def test_any_cells_give_a_row_and_a_rejected_row_keeps_nothing_private(texts: list[str]) -> None:
    row = make_checker().check((7, texts, None))
    assert row.number == 7
    assert (row.rejected is not None) == any(problem.rejects for problem in row.problems)
    assert all(problem.code in CODES and len(problem.value) <= 200 for problem in row.problems)
    assert HETU not in str(row.problems)
    if row.rejected is None:
        assert row.email
        assert row.company is not None
        assert HETU not in row.note + row.title + row.duties + row.first_name


def test_a_code_broken_up_by_invisible_marks_is_still_a_code() -> None:
    row = check(Huom=f"Tunnus {HETU[:6]}\u200e{HETU[6:]}")
    assert row.rejected == "identity_code"
    assert row.private == address_key(canonical(PLAIN["Sähköposti"]))


def test_a_code_in_a_column_of_the_company_is_found_on_every_row() -> None:
    checker = make_checker()
    rows = [
        check(checker=checker, Yritys=f"Tmi {HETU}", Sähköposti=f"{name}@yritys.example")
        for name in ("a", "b")
    ]
    assert [row.rejected for row in rows] == ["identity_code", "identity_code"]


def test_control_characters_direction_marks_and_lone_surrogates_leave_a_plain_name() -> None:
    row = check(Etunimi="\u202eAi\x07no\ud800", Sukunimi="\u200fVir\u200btanen\udfff")
    assert (row.first_name, row.last_name) == ("Aino", "Virtanen")
    assert row.person_key == check().person_key
