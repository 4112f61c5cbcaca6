"""The example register: a made-up company's contact file, with the faults that real ones have.

Nobody in it exists, and every address ends in `.example` (one free-mail row excepted, which the
import turns away). The same seed makes the same file on every machine.
"""

import csv
import io
import random

from mailer.business_id import check_digit

ROWS = 400
HEADINGS = (
    "Etunimi",
    "Sukunimi",
    "Titteli",
    "Sähköposti",
    "Puhelin",
    "Yritys",
    "Y-tunnus",
    "Toimiala (TOL)",
    "Toimialan nimi",
    "Henkilöstö",
    "Liikevaihto (EUR)",
    "Postinumero",
    "Kaupunki",
    "Kieli",
    "Sukupuoli",
    "Huom",
)
_FIRST = (
    "Aino Antti Eero Eija Elina Emma Erik Hanna Heikki Helena Ilkka Jaana Janne Jari Johanna Juha"
    " Jukka Kaisa Kari Katja Kirsi Lars Laura Leena Liisa Maija Marja Markku Marko Matti Mika Minna"
    " Niina Olli Outi Pasi Pekka Petra Päivi Riikka Sami Sanna Satu Seppo Sirpa Tarja Tiina Timo"
    " Tuomas Tuula Ulla Ville Åsa Öyvind"
).split()
_LAST = (
    "Aalto Ahonen Anttila Eklund Hakala Heikkinen Heinonen Hiltunen Holm Hämäläinen Jokinen"
    " Järvinen Kallio Karlsson Kettunen Kinnunen Korhonen Koskinen Laakso Laine Lehtonen Lindholm"
    " Mattila Mäkelä Mäkinen Nieminen Niskanen Nyström Ojala Peltonen Pitkänen Rantanen Räsänen"
    " Saarinen Salminen Salo Sjöblom Tuominen Turunen Virtanen Väisänen Wikström Åkerlund"
).split()
# (title, weight): heavy on finance, so that the example campaign has an audience.
_TITLES = (
    ("Talousjohtaja", 9),
    ("Talouspäällikkö", 12),
    ("Ekonomichef", 5),
    ("CFO", 4),
    ("Chief Financial Officer", 3),
    ("Kirjanpitäjä", 6),
    ("Controller", 4),
    ("Palkkahallinnon päällikkö", 6),
    ("Palkanlaskija", 5),
    ("Löneräknare", 2),
    ("Toimitusjohtaja", 7),
    ("VD", 2),
    ("Henkilöstöpäällikkö", 4),
    ("HR Manager", 3),
    ("IT-päällikkö", 5),
    ("Tietohallintojohtaja", 3),
    ("Ohjelmistokehittäjä", 3),
    ("Hankintapäällikkö", 4),
    ("Inköpare", 2),
    ("Myyntipäällikkö", 5),
    ("Försäljningschef", 2),
    ("Markkinointipäällikkö", 4),
    ("Tuotantopäällikkö", 4),
    ("Laatupäällikkö", 2),
    ("Projektipäällikkö", 3),
    ("Toimistosihteeri", 2),
    ("Myynti- ja markkinointijohtaja", 2),
    ("Head of Finance", 2),
    ("Ihmemies", 1),
    ("", 2),
)
_INDUSTRIES = (
    ("62100", "Ohjelmistojen suunnittelu"),
    ("25620", "Metallin työstö"),
    ("41200", "Rakennuttaminen"),
    ("10710", "Leivän valmistus"),
    ("49410", "Tieliikenteen tavarankuljetus"),
    ("68320", "Kiinteistönhoito"),
)
_CITIES = (
    ("00100", "Helsinki"),
    ("02100", "Espoo"),
    ("33100", "Tampere"),
    ("20100", "Turku"),
    ("90100", "Oulu"),
    ("40100", "Jyväskylä"),
    ("65100", "Vaasa"),
)
_FOLD = str.maketrans("äöåÄÖÅ", "aoaAOA")


def example_file(rows: int = ROWS, *, seed: int = 7) -> bytes:
    """A semicolon-separated file in Windows-1252, as spreadsheets in Finland save it."""
    chance = random.Random(seed)  # noqa: S311 - an example, not a secret
    companies = [_company(chance, number) for number in range(max(rows // 4, 1))]
    table = [_row(chance, companies, number) for number in range(rows)]
    _add_faults(table)
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(HEADINGS)
    writer.writerows(table)
    return text.getvalue().encode("cp1252")


def _company(chance: random.Random, number: int) -> list[str]:
    last = chance.choice(_LAST)
    name = f"{last} {chance.choice(_LAST)} {chance.choice(('Oy', 'Oyj', 'Ab', 'Oy', 'Oy'))}"
    domain = f"{last.translate(_FOLD).lower()}{number + 1}.example"
    business_id = None
    while business_id is None:
        digits = f"{chance.randrange(1_000_000, 3_999_999)}"
        digit = check_digit(digits)
        business_id = None if digit is None else f"{digits}-{digit}"
    industry, industry_name = chance.choice(_INDUSTRIES)
    postal_code, city = chance.choice(_CITIES)
    headcount = chance.choice((8, 25, 60, 120, 250, 700))
    turnover = f"{headcount * chance.randrange(60, 240)} 000"
    return [
        name, business_id, industry, industry_name, str(headcount), turnover, postal_code, city,
        domain,
    ]  # fmt: skip


def _row(chance: random.Random, companies: list[list[str]], number: int) -> list[str]:
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    *facts, domain = companies[number % len(companies)]
    name, business_id, industry, industry_name, headcount, turnover, postal_code, city = facts
    local = f"{first}.{last}{number}".translate(_FOLD).lower()
    (title,) = chance.choices([t for t, _ in _TITLES], [w for _, w in _TITLES])
    return [
        first,
        last,
        title,
        f"{local}@{domain}",
        f"+358 40 {chance.randrange(1_000_000, 9_999_999)}",
        name,
        business_id,
        industry,
        industry_name,
        headcount,
        turnover,
        postal_code,
        city,
        chance.choices(("fi", "sv", "en"), (16, 3, 1))[0],
        chance.choice("MN"),
        "",
    ]


def _add_faults(table: list[list[str]]) -> None:
    """What every exported file has some of."""
    if len(table) < 40:
        return
    email, company, business_id, note = 3, 5, 6, 15
    table[5][email] = "matti.meikalainen(at)yritys.example"
    table[9][email] = ""
    table[13] = [*table[12]]
    table[13][email] = table[12][email].upper()
    table[17][note] = "Synt. 010190-123D, soita iltapäivällä"
    table[21][note] = "Oli keväällä sairauslomalla"
    table[25][business_id] = "1234567-9"
    table[29][email] = "mattimeikalainen@gmail.com"
    table[29][company] = table[29][business_id] = ""
    table[33][email] = "info@" + table[33][email].partition("@")[2]
    table[37][note] = '=HYPERLINK("http://paha.example";"klikkaa")'
