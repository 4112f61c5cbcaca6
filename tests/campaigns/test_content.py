"""What somebody wrote becomes a message, or a list of what is wrong with it; never a traceback."""

import html
import re
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailer.campaigns.content import (
    Compiled,
    ContentError,
    Problem,
    Slot,
    Template,
    compile_content,
)
from mailer.campaigns.problems import sentence
from mailer.campaigns.starter import starter
from mailer.config import from_environment
from mailer.languages import LANGUAGES
from mailer.sending import sample
from mailer.sending.envelope import Person
from mailer.sending.rendering import Rendering
from tests.segments.register import notice_with

OPENING = "<mjml><mj-body><mj-section><mj-column>"
CLOSING = "</mj-column></mj-section></mj-body></mjml>"


def compiled(words: str, *, subject: str = "Aihe", preheader: str = "") -> Compiled:
    return compile_content(
        "fi", subject, preheader, f"{OPENING}<mj-text>{words}</mj-text>{CLOSING}"
    )


def made_or_faults(
    language: str, subject: str, preheader: str, mjml: str
) -> Compiled | list[Problem]:
    try:
        return compile_content(language, subject, preheader, mjml)
    except ContentError as error:
        return error.problems


def codes(mjml: str, *, subject: str = "Aihe", preheader: str = "") -> list[tuple[str, int | None]]:
    made = made_or_faults("fi", subject, preheader, mjml)
    return [] if isinstance(made, Compiled) else [(each.code, each.line) for each in made]


def filled(template: Template) -> str:
    return "".join(p if isinstance(p, str) else f"<<{p.name}>>" for p in template.parts)


def in_text(words: str) -> str:
    return f"{OPENING}<mj-text>{words}</mj-text>{CLOSING}"


def test_links_are_numbered_in_order_and_stand_as_slots_in_html_and_text() -> None:
    made = compiled(
        '<a href="https://a.example/?x=1&amp;y=2">yksi</a> <a href="HTTPS://B.example">B</a>'
        ' <a href="mailto:a@b.example">posti</a>'
    )
    assert [(link.position, link.url, link.label) for link in made.links] == [
        (1, "https://a.example/?x=1&y=2", "yksi"),
        (2, "HTTPS://B.example", "B"),
    ]
    slots = [p for p in made.html.parts if isinstance(p, Slot)]
    assert slots == [Slot("link:1", made.links[0].url), Slot("link:2", made.links[1].url)]
    assert 'href="<<link:1>>"' in filled(made.html)
    assert "yksi (<<link:1>>) B (<<link:2>>) posti (a@b.example)" in filled(made.text)
    assert 'href="mailto:a@b.example"' in filled(made.html)


def test_the_plain_text_has_headings_lists_tables_and_images() -> None:
    made = compile_content(
        "fi",
        "Aihe",
        "",
        f"""{OPENING}<mj-text><h1>Otsikko</h1><p>Ensin&nbsp;tämä.<br>Sitten tuo.</p>
        <ul><li>yksi</li><li>kaksi</li></ul><ol><li>eka</li><li>toka</li></ol></mj-text>
        <mj-table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></mj-table>
        <mj-image src="https://a.example/k.png" alt="Kaavio" href="https://a.example/"/>
        <mj-button href="https://a.example/b">Avaa</mj-button>{CLOSING}""",
    )
    assert filled(made.text) == (
        "Otsikko\n\nEnsin tämä.\nSitten tuo.\n\n- yksi\n- kaksi\n\n1. eka\n2. toka\n\n"
        "a | b\n1 | 2\n\nKaavio (<<link:1>>)\n\nAvaa (<<link:2>>)\n"
    )


def test_fields_become_slots_with_plain_fallbacks_everywhere_they_may_stand() -> None:
    made = compile_content(
        "fi",
        "Hei {first_name|sinä}",
        "{company_name|Yritys & pojat}",
        f'{OPENING}<mj-text>{{ title | johtaja &amp; co }}</mj-text><mj-image alt="Kuva'
        f' {{last_name|&quot;x&quot;}}" src="https://a.example/k.png"/>{CLOSING}',
    )
    slots = {p for p in made.html.parts if isinstance(p, Slot)}
    assert slots == {
        Slot("first_name", "sinä"),
        Slot("company_name", "Yritys & pojat"),
        Slot("title", "johtaja & co"),
        Slot("last_name", '"x"'),
    }
    assert made.subject.parts == ("Hei ", Slot("first_name", "sinä"))


def test_the_page_has_one_body_its_language_its_title_and_the_hidden_preview() -> None:
    made = compiled("Hei", subject="A & <b>", preheader="Esi & katselu")
    page = filled(made.html)
    assert page.count("</body>") == page.count("</head>") == page.count("</html>") == 1
    assert '<html lang="fi"' in page
    assert "<title>A &amp; &lt;b&gt;</title>" in page
    assert page.index("Esi &amp; katselu") < page.index("Hei")
    assert "Esi" not in filled(made.text)


def test_no_font_or_picture_is_fetched_that_the_author_did_not_name() -> None:
    page = filled(compiled("Hei").html)
    assert not re.findall(r"https?://(?!www\.w3\.org)[^\"' ]+", page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_starter_message_compiles_in_every_language(language: str) -> None:
    made = compile_content(
        language,
        "Aihe",
        "Esi",
        starter(language, company="A & {B} <Oy> 'x'", address="https://a.example/?a=1&b=2"),
    )
    assert [link.url for link in made.links] == ["https://a.example/?a=1&b=2"]
    assert any(p.name == "first_name" for p in made.html.parts if isinstance(p, Slot))
    assert "A &amp; (B) &lt;Oy&gt;" in filled(made.html)


@pytest.mark.parametrize(
    ("mjml", "expected"),
    [
        ("", ("empty", None)),
        ("   \n ", ("empty", None)),
        ("<mjml>\n<mj-body>", ("syntax", 2)),
        ("plain words", ("syntax", 1)),
        ("<html></html>", ("root", 1)),
        ("<mjml></mjml>", ("root", 1)),
        ("<mjml><mj-body/></mjml>", ("empty", None)),
        (f"\n\n{OPENING}<script>x</script>{CLOSING}", ("unknown_tag", 3)),
        (in_text("<iframe/>"), ("unknown_tag", 1)),
        (in_text("<form/>"), ("unknown_tag", 1)),
        (in_text("<object/>"), ("unknown_tag", 1)),
        (in_text("<img/>"), ("unknown_tag", 1)),
        (in_text("<svg/>"), ("unknown_tag", 1)),
        (in_text("<style>x</style>"), ("unknown_tag", 1)),
        (f'{OPENING}<mj-include path="/etc/passwd"/>{CLOSING}', ("unknown_tag", 1)),
        (f"{OPENING}<mj-carousel/>{CLOSING}", ("unknown_tag", 1)),
        (f"{OPENING}words{CLOSING}", ("stray_text", 1)),
        (f"{OPENING}<mj-section/>{CLOSING}", ("misplaced", 1)),
        (in_text("<mj-text>x</mj-text>"), ("misplaced", 1)),
        (in_text("<td>x</td>"), ("misplaced", 1)),
        (in_text('<a href="https://a.example"><a href="#">x</a></a>'), ("misplaced", 1)),
        (in_text('<b onclick="x()">x</b>'), ("unknown_attribute", 1)),
        (in_text('<b id="x">x</b>'), ("unknown_attribute", 1)),
        (f'{OPENING}<mj-text colour="red">x</mj-text>{CLOSING}', ("unknown_attribute", 1)),
        (
            f'{OPENING}<mj-text color="red;background:url(x)">x</mj-text>{CLOSING}',
            ("attribute_value", 1),
        ),
        (in_text('<b style="background:url(https://x)">x</b>'), ("style", 1)),
        (in_text('<a href="javascript:alert(1)">x</a>'), ("url", 1)),
        (in_text('<a href=" JaVa&#10;Script:alert(1)">x</a>'), ("url", 1)),
        (in_text('<a href="data:text/html,x">x</a>'), ("url", 1)),
        (in_text('<a href="//a.example">x</a>'), ("url", 1)),
        (in_text('<a href="https://">x</a>'), ("url", 1)),
        (in_text('<a href="https://a.example/{first_name|x}">x</a>'), ("field_in_address", 1)),
        (f'{OPENING}<mj-image src="data:image/png,x"/>{CLOSING}', ("image_url", 1)),
        (f"{OPENING}<mj-social><mj-social-element/></mj-social>{CLOSING}", ("missing_source", 1)),
        (in_text("Hei {first_name}"), ("field_fallback", 1)),
        (in_text("Hei {first_name|}"), ("field_fallback", 1)),
        (in_text("Hei {email|x}"), ("field_unknown", 1)),
        (in_text("Hei {{first_name|x}}"), ("bracket", 1)),
        (in_text("x\ny } z"), ("bracket", 2)),
        (in_text("\x08"), ("characters", 1)),
        (in_text("&#xE000;"), ("characters", 1)),
        (in_text("\ud800"), ("characters", 1)),
        ('<!DOCTYPE x [<!ENTITY a "b">]><mjml>&a;</mjml>', ("declaration", 1)),
        (in_text("<![CDATA[<script>]]>"), ("declaration", 1)),
        (in_text("<?php x ?>"), ("declaration", 1)),
        (f"{OPENING}{'<mj-spacer/>' * 5000}{CLOSING}", ("too_deep", 1)),
        ("<mjml><mj-body><mj-raw>" + "<b>" * 70 + "</b>" * 70 + "</mj-raw></mj-body></mjml>",
         ("too_deep", 1)),
        ("x" * 200_001, ("too_large", None)),
    ],
)  # fmt: skip
def test_what_has_no_place_in_a_message_is_refused_with_its_line(
    mjml: str, expected: tuple[str, int | None]
) -> None:
    assert expected in codes(mjml)


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ("Rivi\nBcc: x@y.example", "line_break"),
        ("{{first_name}}", "bracket"),
        ("{first_name}", "field_fallback"),
        ("Nolla\0", "characters"),
        ("x" * 201, "too_large"),
    ],
)
def test_a_subject_that_cannot_be_is_refused(subject: str, code: str) -> None:
    assert code in [found for found, _line in codes(in_text("x"), subject=subject)]


def test_comments_are_dropped_with_whatever_they_hold() -> None:
    page = filled(compiled("a<!--[if mso]><script>alert(1)</script><![endif]-->b").html)
    assert "alert" not in page
    assert "ab" in page


def test_styles_are_kept_but_cannot_fetch_or_end_themselves() -> None:
    head = "<mj-head><mj-style>{}</mj-style></mj-head>"

    def with_style(style: str) -> str:
        return in_text("x").replace("<mjml>", "<mjml>" + head.format(style))

    made = compile_content("fi", "A", "", with_style(".a > .b{c:d} @media x{.e{f:g}}"))
    assert ".a > .b{c:d}" in filled(made.html)
    assert "}}" not in filled(made.html)
    breaking_out = "&lt;/style&gt;&lt;script&gt;"
    for style in ("@import 'x'", "a{b:url(x)}", "a{b:expression(x)}", breaking_out, "\\75rl(x)"):
        assert codes(with_style(style)) == [("style", 1)], style


_PIECES = st.lists(
    st.one_of(
        st.text(max_size=20),
        st.sampled_from(
            [
                *("<mjml>", "</mjml>", "<mj-body>", "</mj-body>", "<mj-text>", "</mj-text>"),
                *("<mj-raw>", "</mj-raw>", "<b>", "</b>", "<br>", "<a href='", "'>", "</a>", "&"),
                *("{first_name|x}", "{", "}", "{{", "&nbsp;", "&#x0;", "<![CDATA[", "<!--", "-->"),
                *("<script>", "https://a.example/", 'style="', '"', "\\", "&lt;", "\ue000", "\x00"),
            ]
        ),
    ),
    max_size=25,
).map("".join)


@given(mjml=_PIECES, subject=st.text(max_size=30), preheader=_PIECES)
@example(mjml=in_text("\\ &quot; &#92;"), subject="\\", preheader="\\")
def test_whatever_is_written_there_is_a_message_or_a_list_of_faults(
    mjml: str, subject: str, preheader: str
) -> None:
    for source in (mjml, in_text(mjml)):
        made = made_or_faults("sv", subject, preheader, source)
        if isinstance(made, Compiled):
            _is_sound(made)
        else:
            assert made
            assert all(sentence(problem) for problem in made)


def _is_sound(made: Compiled) -> None:
    page = filled(made.html)
    assert page.count("</body>") == 1
    assert "<script" not in page.lower()
    for template in (made.subject, made.preheader, made.html, made.text):
        fixed = "".join(p for p in template.parts if isinstance(p, str))
        assert "{{" not in fixed
        assert not re.search("[\ue000-\ue003]", fixed)


@given(words=st.text(max_size=60))
@example(words='\\u{a0} "quoted" \\')
@example(words="a\u00a0b &copy; ä")
def test_words_and_image_texts_come_out_as_they_were_written(words: str) -> None:
    source = html.escape(words)
    mjml = (
        f"{OPENING}<mj-text>{source}</mj-text>"
        f'<mj-image src="https://a.example/x.png" alt="{source}"/>{CLOSING}'
    )
    made = made_or_faults("fi", "Aihe", "", mjml)
    if not isinstance(made, Compiled):
        return
    written = " ".join(words.split())
    assert " ".join(html.unescape(filled(made.html)).split()).count(written) >= 2
    assert " ".join(made.images[0].alt.split()) == written


@given(value=st.text(max_size=40))
@example(value="<script>alert(1)</script>")
@example(value='" onmouseover="x')
@example(value="{{h_stop}}")
@example(value="{first_name|x}")
def test_no_value_of_a_person_reaches_the_page_unescaped(value: str) -> None:
    made = compiled(
        'Hei {first_name|sinä} {company_name|teillä} <a href="https://a.example">x</a>',
        subject="{first_name|sinä}",
    )
    notice = notice_with()
    rendering = Rendering(
        from_environment({"PUBLIC_URL": "https://mail.lupaposti.example"}),
        campaign_id=1,
        notice=notice,
        entity=notice.entities[0],
        sender_name="",
        sender_address="a@esimerkki.example",
        reply_to="",
        contents=[made],
    )
    person = Person(
        message_id=1,
        contact_id=1,
        address="a@b.example",
        address_key=b"\0" * 16,
        language="fi",
        first_name=value,
        company_name=value,
        title=value,
        function="finance",
        source_name="x",
        source_date=date(2026, 1, 1),
    )
    plain = Person(**{**_as_dict(person), "first_name": "Q", "company_name": "Q", "title": "Q"})
    tag = re.compile(r"<[a-z/!][^>]*>", re.IGNORECASE)
    tags = tag.findall(rendering.final(person).html)
    assert len(tags) == len(tag.findall(rendering.final(plain).html))
    assert "<script" not in rendering.final(person).html


def _as_dict(person: Person) -> dict[str, object]:
    return {name: getattr(person, name) for name in Person.__dataclass_fields__}


def test_the_fields_of_a_message_are_known() -> None:
    made = compiled("{title|x}", subject="{first_name|x}", preheader="{company_name|x}")
    assert sample.fields(made) == {"title", "first_name", "company_name"}
