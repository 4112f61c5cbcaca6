"""What templates can call: words, filters, icons; macros; paging."""

import re
from datetime import UTC, datetime

import pytest
from flask import Flask, render_template_string
from jinja2 import UndefinedError

from mailer.config import ROOT
from mailer.languages import in_language
from mailer.web import static_files
from mailer.web.paging import Paging, Sorting, page_number, sorting
from mailer.web.templates import ICONS, icon


def render(app: Flask, source: str, **context: object) -> str:
    with app.test_request_context("/?q=a&q=b&page=3"), in_language("en"):
        return render_template_string(source, **context)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ('{{ _("Hello %(name)s", name=x) }}', "Hello &lt;b&gt;"),
        ("{% trans name=x %}<em>Hello</em> {{ name }}{% endtrans %}", "<em>Hello</em> &lt;b&gt;"),
        ("{% trans %}All of it: 100 %{% endtrans %}", "All of it: 100 %"),
        ('{{ n_("%(num)s person", "%(num)s people", 1200) }}', "1,200 people"),
        (
            "{% trans num=1200, w=x %}One {{ w }}{% pluralize %}{{ num }} {{ w }}{% endtrans %}",
            "1,200 &lt;b&gt;",
        ),
    ],
)
def test_words_are_translated_and_values_escaped(app: Flask, source: str, shown: str) -> None:
    assert render(app, source, x="<b>") == shown


def test_dates_and_numbers_are_those_of_the_reader(app: Flask) -> None:
    when = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
    source = "{{ when|date }}|{{ when|time }}|{{ when|datetime }}|{{ 1263|number }}"
    assert render(app, source, when=when) == "24 November 2026|9:00|24 November 2026, 9:00|1,263"
    with app.test_request_context(), in_language("fi"):
        shown = render_template_string(source, when=when)
    assert shown == "24.11.2026|9.00|24.11.2026 klo 9.00|1\u00a0263"


@pytest.mark.parametrize("name", ["date", "time", "datetime", "number"])
def test_nothing_is_shown_as_a_dash(app: Flask, name: str) -> None:
    assert render(app, "{{ none|" + name + " }}") == "–"


def test_a_variable_that_the_view_forgot_is_an_error_in_every_use(app: Flask) -> None:
    for source in ("{{ x }}", "{% if x %}{% endif %}", "{{ x or '' }}", "{{ x.y }}"):
        with pytest.raises(UndefinedError):
            render(app, source)


def test_what_a_form_lacks_may_be_replaced_but_not_printed(app: Flask) -> None:
    assert render(app, "{{ values.name or 'none' }}", values={}) == "none"
    with pytest.raises(UndefinedError):
        render(app, "{{ values.name }}", values={})


def test_an_icon_is_decoration_unless_it_has_a_label(app: Flask) -> None:
    with app.test_request_context():
        assert 'aria-hidden="true"' in icon("check")
        assert 'role="img" aria-label="&#34;Done&#34;"' in icon("check", label='"Done"')
        with pytest.raises(LookupError):
            icon("no-such-icon")
    assert "circle-check" in ICONS


def test_the_pieces_of_a_page_render(app: Flask) -> None:
    source = """
    {% from "web/parts/page.html" import pagehead, pill, note, card, task, empty_state, steps,
       sum_row, waterfall, progress, dialog_button, dialog %}
    {% from "web/parts/table.html" import table, column, pages %}
    {% call pagehead("<T>", back=("/a", "A"), status=pill("Sent", "ok")) %}buttons{% endcall %}
    {{ pagehead("plain") }}
    {% call note("warn") %}careful{% endcall %}
    {% call card("Card") %}inside{% endcall %}
    {{ task("bad", "Broken", "text", "/fix", "Fix") }}
    {{ empty_state("Nothing", "yet", "/new", "Make") }}
    {{ steps([("One", "/1"), ("Two", none), ("Three", none)], current=2) }}
    {{ sum_row("Term", "value", "/change") }}
    {{ waterfall("How", [("All", 1263, "/x"), ("Out", -58, none)], total=("Gets", 1205, none)) }}
    {{ progress("Rows", 3, 10) }}{{ progress("Rows", 0, 0) }}
    {{ dialog_button("d", "Open") }}{% call dialog("d", "Title") %}form{% endcall %}
    {% call table("Caption") %}<tr>{{ column("name", "Name", order) }}</tr>{% endcall %}
    {{ pages(paging) }}
    """
    html = render(app, source, order=Sorting("name"), paging=Paging(3, 260))
    assert "&lt;T&gt;" in html
    assert "−58" in html
    assert "101–150 of 260" in html
    assert 'aria-sort="ascending"' in html
    assert 'href="/?q=a&amp;q=b&amp;sort=-name"' in html
    assert 'href="/?q=a&amp;q=b&amp;page=4"' in html


def test_every_control_shows_its_error_and_its_hint(app: Flask) -> None:
    source = """
    {% from "web/parts/form.html" import error_summary, text_field, text_area, select_field, radios,
       checkbox, checkbox_list, submit %}
    {{ error_summary(errors) }}
    {{ text_field("a", "A", "<v>", hint="hint", error=errors.a, required=True) }}
    {{ text_area("b", "B", "\\nfirst", error=errors.a) }}
    {{ select_field("c", "C", [(1, "one"), (2, "two")], "2", blank="Choose", error=errors.a) }}
    {{ radios("d", "D", [("x", "X"), ("y", "Y", "why")], "y", hint="hint", error=errors.a) }}
    {{ checkbox("e", "E", checked=True, error=errors.a) }}
    {{ checkbox_list("f", "F", [("x", "X"), ("y", "Y")], ["y"], filter=True, error=errors.a) }}
    {{ text_field("g", "G", none, type="password") }}
    {{ submit("Save") }}
    """
    html = render(app, source, errors={"a": "wrong", "": "general"})
    assert html.count('class="field-error"') == 6
    assert 'value="&lt;v&gt;"' in html
    assert 'aria-describedby="h-f-a e-f-a" aria-invalid="true"' in html
    assert '<option value="2" selected>' in html
    assert html.count(" checked") == 3
    assert 'href="#f-a"' in html
    assert "2 things need your attention" in html


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", 2), ("", 1), ("0", 1), ("-1", 1), ("x", 1), ("9999999999999", 1), ("²", 1), ("1e3", 1)],
)
def test_a_page_number_is_read_from_anything(text: str, number: int) -> None:
    assert page_number({"page": text}) == number


def test_a_page_past_the_end_leads_back() -> None:
    paging = Paging(9, 60)
    assert (paging.pages, paging.previous_page, paging.next_page) == (2, 2, None)
    assert Paging(1, 0).pages == 1


def test_only_known_columns_are_sorted_by(app: Flask) -> None:
    with app.test_request_context("/?sort=-password"):
        assert sorting({"name": 1}, "name") == Sorting("name")
    with app.test_request_context("/?sort=-name"):
        assert sorting({"name": 1}, "name") == Sorting("name", descending=True)
        assert sorting({"name": 1}, "name").toggled("name") == "name"


def test_templates_use_only_the_buttons_and_colours_of_the_theme() -> None:
    stray = re.compile(
        r"\b(btn-(outline-\w+|secondary|success|warning|info|link)"
        r"|text-(warning|info|success)|alert-\w+)\b"
    )
    found = {
        str(path): sorted({match[0] for match in stray.findall(path.read_text("utf-8"))})
        for path in (ROOT / "templates" / "web").rglob("*.html")
        if stray.search(path.read_text("utf-8"))
    }
    assert found == {}


def test_every_pair_of_text_and_ground_has_enough_contrast() -> None:
    css = (static_files.DIRECTORY / "theme.css").read_text("utf-8")
    for theme in (":root,[data-bs-theme=light]{", "[data-bs-theme=dark]{"):
        block = css[css.index(theme) :].split("}")[0]
        colours = dict(re.findall(r"--t-([a-z-]+):(#[0-9a-f]{3,6})", block))
        for text, ground in (
            *[("text", g) for g in ("bg", "surface", "neu-bg", "ok-bg", "warn-bg", "bad-bg")],
            *[("muted", g) for g in ("bg", "surface", "neu-bg")],
            *[("primary", g) for g in ("bg", "surface", "info-bg", "bad-bg")],
            *[(kind, f"{kind}-bg") for kind in ("ok", "warn", "bad", "info", "neu")],
            ("bad", "surface"),
            ("on-primary", "primary"),
            ("on-primary", "primary-h"),
        ):
            assert contrast(colours[text], colours[ground]) >= 4.5, (theme, text, ground)
        assert contrast(colours["edge"], colours["surface"]) >= 3


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.2 between two colours."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(d * 2 for d in colour[1:])
    channels = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
