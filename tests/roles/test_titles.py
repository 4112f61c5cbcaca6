"""Job titles of business cards, read in Finnish, Swedish, English and mixtures of them."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.roles.taxonomy import FLAGS, FUNCTIONS, LEVEL_RANKS, LEVELS, rank_level
from mailer.roles.titles import LONGEST_TITLE, Role, classify, normalise_title

HELD_OUT = Path(__file__).parent / "titles_heldout.csv"
SECOND = Path(__file__).parent / "titles_second.csv"
DEVELOPMENT = Path(__file__).parents[3] / "shared" / "data" / "occupations" / "titles_dev.csv"
USED_WITHOUT_A_LOOK = 0.75


def read_labelled(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def measure(rows: list[dict[str, str]]) -> tuple[float, float, float]:
    """Coverage, function precision among the covered, and level accuracy of all."""
    covered = correct = levels = 0
    for row in rows:
        role = classify(row["title"])
        levels += role.level == row["level"]
        if role.confidence >= USED_WITHOUT_A_LOOK:
            covered += 1
            correct += ",".join(role.functions) == row["functions"]
    return covered / len(rows), correct / max(1, covered), levels / len(rows)


def assert_known_keys(role: Role) -> None:
    assert role.functions
    assert set(role.functions) <= set(FUNCTIONS)
    assert len(set(role.functions)) == len(role.functions)
    assert role.level in LEVELS
    assert role.flags <= set(FLAGS)
    assert 0 <= role.confidence <= 1
    assert role.rule


# -- Text that is no title -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw", ["", " ", "-", "\x00", "\ud800", "/,;&", "(m/f/d)", "\u200b", "&&&", "....", "😀"]
)
def test_text_without_a_word_is_of_no_known_role(raw: str) -> None:
    role = classify(raw)
    assert role.functions == ("other",)
    assert role.level == "unknown"
    assert role.confidence < 0.1


@pytest.mark.parametrize("raw", ["asdf qwerty", "Zxcvb", "0401234567", "matti@yritys.example"])
def test_words_that_no_list_knows_mean_no(raw: str) -> None:
    role = classify(raw)
    assert role.functions == ("other",)
    assert role.level == "unknown"
    assert role.confidence < USED_WITHOUT_A_LOOK


def test_a_hundred_thousand_letters_are_read_like_any_other_title() -> None:
    assert_known_keys(classify("päällikkö" * 11_000))
    assert_known_keys(classify("a-" * 50_000))
    assert_known_keys(classify("myynti, " * 12_500))
    assert_known_keys(classify("\ud800" * 100_000))
    assert classify(" " * 100_000 + "Myyntipäällikkö").level == "manager"


def test_a_title_among_unknown_words_is_left_for_a_person_to_look_at() -> None:
    assert classify("Zorbax Quuxinen Fnordin johtaja").confidence < USED_WITHOUT_A_LOOK


@given(st.text())
def test_any_text_has_a_role_with_known_keys(raw: str) -> None:
    assert_known_keys(classify(raw))


@given(st.text(alphabet=st.characters(codec=None)))
def test_the_key_of_a_title_is_its_own_key(raw: str) -> None:
    key = normalise_title(raw)
    assert len(key) <= LONGEST_TITLE
    assert normalise_title(key) == key
    key.encode()


words = st.sampled_from(
    """toimitusjohtaja talous- ja henkilöstöpäällikkö myynti & markkinointi johtaja Head of Sales
    VP, chef för inköp Manager / senior lead hallituksen jäsen vt. ex- CEO Founder assistentti
    projekti tuotannon (m/f/d) HR IT-asiantuntija och and Director, osto-, logistik koordinator
    pää vara -päällikkö - + ; Partner kirjanpitäjä-palkanlaskija""".split()  # noqa: SIM905
)


@given(st.lists(words, max_size=9).map(" ".join))
def test_any_words_of_titles_in_any_order_have_a_role(raw: str) -> None:
    assert_known_keys(classify(raw))


@given(st.lists(words, max_size=6))
def test_case_and_white_space_change_nothing(parts: list[str]) -> None:
    raw = " ".join(parts)
    assert classify(f"\t{raw.upper()}\n") == classify(raw)
    assert classify("\u00a0 ".join(parts)) == classify(raw)


# -- Labelled titles -----------------------------------------------------------------------------


def test_held_out_titles_are_read_as_people_labelled_them() -> None:
    rows = read_labelled(HELD_OUT)
    assert len(rows) >= 300
    coverage, precision, levels = measure(rows)
    assert coverage >= 0.95
    assert precision >= 0.98
    assert levels >= 0.98


def test_titles_written_after_the_rules_are_read_as_well() -> None:
    coverage, precision, levels = measure(read_labelled(SECOND))
    assert coverage >= 0.95
    assert precision >= 0.98
    assert levels >= 0.97


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_no_language_is_read_much_worse_than_the_others(language: str) -> None:
    rows = [row for row in read_labelled(HELD_OUT) if row["language"] == language]
    coverage, precision, levels = measure(rows)
    assert min(coverage, precision, levels) >= 0.95


@pytest.mark.skipif(
    not DEVELOPMENT.exists(), reason="The labelled development titles are not here."
)
def test_development_titles_are_read_as_people_labelled_them() -> None:
    coverage, precision, levels = measure(read_labelled(DEVELOPMENT))
    assert coverage >= 0.98
    assert precision >= 0.98
    assert levels >= 0.98


# -- Traps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "functions", "level"),
    [
        ("Account Manager", "sales", "specialist"),
        ("Project Manager", "projects", "specialist"),
        ("IT-projektipäällikkö", "projects", "specialist"),
        ("Product Manager", "rnd", "specialist"),
        ("Tuotepäällikkö", "rnd", "specialist"),
        ("Category Manager", "procurement", "specialist"),
        ("Key account -päällikkö", "sales", "specialist"),
        ("Customer Success Manager", "customer_service", "specialist"),
        ("Projektchef", "projects", "specialist"),
        ("Toimitusjohtaja", "general_management", "executive"),
        ("Toiminnanjohtaja", "general_management", "executive"),
        ("Verksamhetsledare", "general_management", "executive"),
        ("Rehtori", "education", "director"),
        ("Rektor", "education", "director"),
        ("Ylilääkäri", "health", "director"),
        ("Överläkare", "health", "director"),
        ("Myyntineuvottelija", "sales", "specialist"),
        ("Työnjohtaja", "production", "manager"),
        ("Johtava asiantuntija", "other", "senior_specialist"),
        ("CFO & HR", "finance,hr", "executive"),
        ("CEO & Founder", "general_management", "owner"),
        ("Toimitusjohtajan assistentti", "administration", "support"),
        ("Assistant to the CEO", "administration", "support"),
        ("Tietohallintopäällikkö", "it", "manager"),
        ("Informationssäkerhetschef", "security", "manager"),
        ("Ansvarig på ekonomi", "finance", "specialist"),
        ("Sales Manager, Production Systems", "sales", "manager"),
        ("Agronomi", "other", "unknown"),
        ("CPO (Chief People Officer)", "hr", "executive"),
        ("CFO, CPO", "finance,procurement", "executive"),
    ],
)
def test_a_title_means_what_it_says_and_not_what_it_looks_like(
    raw: str, functions: str, level: str
) -> None:
    role = classify(raw)
    assert ",".join(role.functions) == functions
    assert role.level == level


@pytest.mark.parametrize(
    ("raw", "functions", "level"),
    [
        ("Osto- ja logistiikkapäällikkö", "procurement,logistics", "manager"),
        ("myynti- & markkinointijohtaja", "sales,marketing", "director"),
        (
            "Myynti-, markkinointi- ja viestintäjohtaja",
            "sales,marketing,communications",
            "director",
        ),
        ("Talous- ja laatujohtaja", "finance,quality", "executive"),
        ("Palkkahallinnon päällikkö", "payroll", "manager"),
        ("Johtaja, henkilöstö", "hr", "executive"),
        ("Head of Marketing & Communications", "marketing,communications", "director"),
        ("VP, Sales", "sales", "director"),
        ("Director of Engineering", "engineering", "director"),
        ("Finance & HR Manager", "finance,hr", "manager"),
        ("Data & Analytics Lead", "data", "senior_specialist"),
        ("Laatu-, ympäristö- ja turvallisuuspäällikkö", "quality", "manager"),
        ("Quality, Environment and Safety Manager", "quality", "manager"),
        ("Chef för inköp", "procurement", "manager"),
        ("Sälj- och marknadschef", "sales,marketing", "manager"),
        ("Kirjanpitäjä-palkanlaskija", "finance,payroll", "specialist"),
        ("Full stack -kehittäjä", "software", "specialist"),
        ("R & D Manager", "rnd", "manager"),
        ("Tutkimus- ja kehitysjohtaja", "rnd", "director"),
        ("Software Developer (m/f/d)", "software", "specialist"),
        ("KTM, Controller", "finance", "specialist"),
        ("Projektipäällikkö, DI", "projects", "specialist"),
        ("Sales&Marketing Manager", "sales,marketing", "manager"),
        ("henkilostopaallikko", "hr", "manager"),
        ("HENKILÖSTÖPÄÄLLIKKÖ", "hr", "manager"),
        ("Myyntipääll.", "sales", "manager"),
    ],
)
def test_joined_and_abbreviated_titles_are_taken_apart(
    raw: str, functions: str, level: str
) -> None:
    role = classify(raw)
    assert ",".join(role.functions) == functions
    assert role.level == level
    assert role.confidence >= USED_WITHOUT_A_LOOK


@pytest.mark.parametrize(
    ("raw", "flag", "level"),
    [
        ("Vt. toimitusjohtaja", "acting", "executive"),
        ("Tf. VD", "acting", "executive"),
        ("Interim CFO", "acting", "executive"),
        ("Varatoimitusjohtaja", "deputy", "executive"),
        ("Apulaisjohtaja", "deputy", "director"),
        ("Vice VD", "deputy", "executive"),
        ("Ex-toimitusjohtaja", "former", "executive"),
        ("Tidigare VD", "former", "executive"),
        ("Former CEO", "former", "executive"),
        ("Hallituksen puheenjohtaja", "board", "owner"),
        ("Toimitusjohtaja, hallituksen jäsen", "board", "executive"),
        ("Styrelseledamot", "board", "owner"),
    ],
)
def test_acting_deputy_former_and_board_are_flags_beside_the_level(
    raw: str, flag: str, level: str
) -> None:
    role = classify(raw)
    assert flag in role.flags
    assert role.level == level


@pytest.mark.parametrize("raw", ["Ex-talousjohtaja", "Entinen talousjohtaja", "f.d. ekonomichef"])
def test_somebody_who_held_a_post_is_not_written_to_as_its_holder(raw: str) -> None:
    assert classify(raw).confidence < USED_WITHOUT_A_LOOK


def test_the_rule_that_decided_has_a_name() -> None:
    assert classify("Talouspäällikkö").rule == "fi:compound talous|päällikkö"
    assert classify("CFO").rule == "en:head cfo"


@pytest.mark.parametrize("raw", ["Vice President, Sales", "Varaosamyyjä", "Varatuomari"])
def test_a_word_that_only_begins_like_one_makes_nobody_a_deputy(raw: str) -> None:
    assert classify(raw).flags == frozenset()


def test_manager_and_above_is_a_comparison_of_ranks() -> None:
    assert list(LEVEL_RANKS.values()) == [70, 60, 50, 40, 30, 20, 10, 0]
    assert rank_level(classify("Myyntipäällikkö").level) >= rank_level("manager")
    assert rank_level(classify("Avainasiakaspäällikkö").level) < rank_level("manager")
    assert rank_level("no such level") == 0


def test_a_role_is_printed_with_its_title() -> None:
    assert classify("CFO").as_json("CFO") == {
        "title": "CFO",
        "functions": ["finance"],
        "level": "executive",
        "flags": [],
        "confidence": 0.95,
        "rule": "en:head cfo",
    }
