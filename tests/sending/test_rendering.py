"""What a recipient gets: the author's words, and around them what the send layer owes everybody."""

import html
import re
from collections.abc import Iterator
from dataclasses import replace
from email.header import decode_header, make_header
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import DictLoader
from lxml import html as lxml_html

from mailer.adapters.ses import Outcome, SesClient
from mailer.config import Settings
from mailer.languages import gettext, in_language
from mailer.sending import envelope, rendering
from mailer.sending import handover as handing
from mailer.sending.claims import Claimed
from mailer.sending.envelope import Links, Person
from mailer.sending.filling import Filling
from mailer.sending.handover import Lease
from mailer.sending.rendering import OptOutMissingError, Rendering
from mailer.stand_in.server import Options, StandIn
from mailer.tokens import Purpose, Signer
from tests.segments.register import notice_with
from tests.sending.letters import MJML, make_person, make_rendering

# RFC 8058 and SES: printable ASCII, 995 characters of value, 126 of name.
HEADER_NAME = re.compile(r"[!-9;-@A-~]{1,126}")
HEADER_VALUE = re.compile(r"[ -~]{1,995}")
NASTY = [
    "<script>alert(1)</script>",
    "{{h_stop}}",
    "{{{h_stop}}}",
    "{{{{{t_stop}}",
    "{{#if a}}x{{/if}}",
    "Anna\r\nBcc: muu@b.example",
    "\u202etxt.exe",
    "\u2067\u200f",
    "\ud800",
    "\x00\x1b[31m",
    "x" * 10_000,
    '"><img src=x onerror=y>',
    "&lt;&amp;",
    "%(company)s",
    "\\1\\g<0>",
    "{first_name|a}",
]
NAMES = st.one_of(
    st.sampled_from(NASTY),
    st.text(max_size=40),
    st.text(alphabet="{}<>&\"'\\%()s\r\n\0\u202eä h_stop", max_size=40),
)


@pytest.fixture
def made(settings: Settings) -> Rendering:
    return make_rendering(settings)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with StandIn(Options(directory=tmp_path_factory.mktemp("stand-in"), rate=100_000)) as server:
        yield server


def hrefs(page: str) -> list[str]:
    return [str(a.get("href")) for a in lxml_html.fromstring(page).iter("a")]


# The opt-out


@pytest.mark.parametrize("name", ["footer.html", "footer.txt"])
@pytest.mark.parametrize(
    "corrupt", ["", "no link here", "{{ slot('stopp') }}", "{{ slot('reason') }}"]
)
def test_a_footer_without_the_opt_out_refuses_the_campaign(
    name: str, corrupt: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    footers = {
        n: (Path(rendering.ROOT) / "templates/mail" / n).read_text(encoding="utf-8")
        for n in ("footer.html", "footer.txt")
    }
    environment = rendering._templates if name.endswith("html") else rendering._plain_templates
    monkeypatch.setattr(environment, "loader", DictLoader({**footers, name: corrupt}))
    if environment.cache is not None:
        environment.cache.clear()
    with pytest.raises(OptOutMissingError):
        make_rendering(settings)
    environment.cache.clear()


def test_an_opt_out_that_is_no_link_refuses_the_campaign(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "<!-- {{ slot('stop') }} -->"
    monkeypatch.setattr(rendering._templates, "loader", DictLoader({"footer.html": page}))
    rendering._templates.cache.clear()
    with pytest.raises(OptOutMissingError):
        make_rendering(settings)
    rendering._templates.cache.clear()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda make, links, person: make(links, Purpose.STOP, replace(person, message_id=99)),
        lambda make, links, person: make(
            links, Purpose.STOP, replace(person, address_key=b"x" * 16)
        ),
        lambda make, links, person: make(links, Purpose.STOP, person)[:-1],
        lambda make, links, person: make(links, Purpose.STOP, person) + "A",
        lambda make, links, person: make(links, Purpose.TEST, person),
        lambda *_: "A" * 50,
        lambda *_: "",
    ],
)
@pytest.mark.parametrize("purpose", [Purpose.STOP, Purpose.ONE_CLICK])
def test_a_link_that_is_not_this_recipients_own_is_not_sent(
    wrong: Any, purpose: Purpose, made: Rendering, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Links.token

    def token(self: Links, of: Purpose, person: Person) -> str:
        if of is not purpose:
            return original(self, of, person)
        return str(wrong(original, self, person)) if purpose is Purpose.STOP else "B" * 50

    monkeypatch.setattr(Links, "token", token)
    with pytest.raises(OptOutMissingError):
        made.final(make_person())
    with pytest.raises(OptOutMissingError):
        handing.prepare(made, [Claimed(make_person(), 1)])


@pytest.mark.parametrize("key", ["h_stop", "t_stop"])
def test_a_form_without_the_opt_out_cannot_be_made(made: Rendering, key: str) -> None:
    slots = {name: slot for name, slot in made.skeleton("fi").slots.items() if name != key}
    odd = Filling(made.links, slots, language="fi", campaign_id=7, link_ids={})
    with pytest.raises(OptOutMissingError):
        odd.entry(make_person())


@given(
    st.lists(
        st.tuples(st.integers(1, 2**63 - 1), st.binary(min_size=16, max_size=16), st.booleans()),
        min_size=1,
        max_size=20,
    )
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_a_call_of_many_everybody_has_their_own_opt_out_in_all_its_places(
    made: Rendering, settings: Settings, facts: list[tuple[int, bytes, bool]]
) -> None:
    people = [
        make_person(
            number,
            address=f"henkilo.{number}@yritys.example",
            address_key=key,
            track_opens=tracked,
            track_clicks=tracked,
        )
        for number, key, tracked in facts
    ]
    signer = Signer(settings.secret_key)
    [handover] = handing.prepare(made, [Claimed(person, 1) for person in people])
    for person, entry in zip(people, handover.call.entries, strict=True):
        assert entry.to == person.address
        assert entry.tags["message"] == str(person.message_id)
        stops = (html.unescape(entry.data["h_stop"]), entry.data["t_stop"])
        for address in stops:
            token = address.removeprefix(f"{settings.public_url}/s/")
            assert signer.read(Purpose.STOP, token) == person.recipient
        header = dict(entry.headers)["List-Unsubscribe"]
        for token in re.findall(r"/u/([^>]+)>|subject=([^>]+)>", header):
            assert signer.read(Purpose.ONE_CLICK, token[0] or token[1]) == person.recipient


def test_the_opt_out_in_html_text_and_headers_is_the_recipients_own(
    made: Rendering, settings: Settings
) -> None:
    signer = Signer(settings.secret_key)
    for number in (1, 2):
        person = make_person(number)
        final = made.final(person)
        stop = f"{settings.public_url}/s/{signer.make(Purpose.STOP, person.recipient)}"
        assert hrefs(final.html).count(stop) == 1
        assert final.text.count(stop) == 1
        token = signer.make(Purpose.ONE_CLICK, person.recipient)
        assert f"{settings.public_url}/u/{token}" in dict(final.headers)["List-Unsubscribe"]
        assert final.html.count("/s/") == 1


def test_the_opt_out_is_at_the_end_of_both_parts(made: Rendering) -> None:
    final = made.final(make_person())
    assert final.html.index("Ilmoittaudu") < final.html.index("/s/") < final.html.index("</body>")
    assert len(final.text) - final.text.index("/s/") < 80


def test_the_headers_are_exactly_those_of_rfc_8058(settings: Settings) -> None:
    person = make_person(number=2**63 - 1)
    own = dict(make_rendering(settings).entry(person).headers)
    token = Signer(settings.secret_key).make(Purpose.ONE_CLICK, person.recipient)
    assert own == {
        "List-Unsubscribe": f"<https://mail.lupaposti.example/u/{token}>,"
        f" <mailto:unsubscribe@lupaposti.example?subject={token}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def test_the_headers_stay_within_the_limits_of_ses(settings: Settings) -> None:
    longest = replace(
        settings,
        public_url="https://" + "a" * 200,
        unsubscribe_mailbox="a" * 64 + "@" + "b" * 190,
    )
    person = make_person(number=2**63 - 1, first_name="ä" * 10_000)
    headers = make_rendering(longest).final(person).headers
    assert len(headers) <= 15
    for name, value in headers:
        assert HEADER_NAME.fullmatch(name)
        assert HEADER_VALUE.fullmatch(value)
        assert len(name) + len(value) <= 996


def test_a_list_id_is_ascii_whatever_the_entity_is_called(settings: Settings) -> None:
    notice = notice_with()
    entity = replace(notice.entities[0], key="Äyri Oy>\r\nX: y")
    assert (
        envelope.list_id(entity, "esimerkki.example") == "<marketing-yri-oy-x-y.esimerkki.example>"
    )
    assert envelope.list_id(replace(entity, key="Ää"), "a.example") == "<marketing-list.a.example>"


def test_a_test_copy_carries_a_link_that_changes_nothing(
    made: Rendering, settings: Settings
) -> None:
    final = made.final(replace(make_person(), track_opens=True, track_clicks=True), test=True)
    token = re.findall(r"/s/([A-Za-z0-9_-]+)", final.text)[0]
    assert Signer(settings.secret_key).read(Purpose.TEST, token) == make_person().recipient
    assert "/o/" not in final.html
    assert "/c/" not in final.html


# Values


@given(first=NAMES, last=NAMES, company=NAMES, title=NAMES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_value_can_change_more_than_its_own_place(
    made: Rendering, first: str, last: str, company: str, title: str
) -> None:
    person = make_person(first_name=first, last_name=last, company_name=company, title=title)
    plain = make_person(first_name="A", last_name="B", company_name="C", title="D")
    final, usual = made.final(person), made.final(plain)
    assert hrefs(final.html) == hrefs(usual.html)
    tags = [element.tag for element in lxml_html.fromstring(final.html).iter()]
    assert tags == [element.tag for element in lxml_html.fromstring(usual.html).iter()]
    assert final.headers == usual.headers
    assert not re.search(r"[\r\n]", final.subject)
    assert final.text.count("\n") == usual.text.count("\n")
    for text in (final.subject, final.html, final.text):
        assert not re.search("[\u202a-\u202e\u2066-\u2069\ud800-\udfff\0]", text)
    for value in made.data(person).values():
        assert "{{" not in value
    assert sum(len(value) for value in made.data(person).values()) < 262_144


@given(st.sampled_from(NASTY), st.sampled_from(NASTY))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hostile_source_name_stays_in_its_paragraph(
    made: Rendering, name: str, company: str
) -> None:
    person = make_person(
        source_name=name, company_name=company, informed=False, shared_mailbox=True
    )
    final = made.final(person)
    assert hrefs(final.html) == hrefs(made.final(make_person()).html)
    assert "{{" not in "".join(made.data(person).values())


def test_an_entity_named_with_brackets_stays_words(settings: Settings) -> None:
    notice = notice_with()
    entity = replace(notice.entities[0], name="A {{h_x}} {{{B}}} Oy {", street="C {")
    odd = make_rendering(settings, notice=replace(notice, entities=(entity,)))
    skeleton = odd.skeleton("fi")
    assert set(re.findall(r"\{\{(\w+)\}\}", skeleton.html)) <= set(skeleton.slots)
    assert "{{{" not in skeleton.html
    assert "A { {h_x}}" in odd.final(make_person()).text


def test_an_empty_name_gets_the_words_the_author_gave(made: Rendering) -> None:
    for empty in ("", "  \n", "\u202e", "\0"):
        final = made.final(make_person(first_name=empty))
        assert final.subject == "Uutisia, hyvä lukija"
        assert "Hei sinä Åström" in final.text


# The same at SES


@given(
    st.lists(st.tuples(NAMES, NAMES, NAMES, st.booleans(), st.booleans()), min_size=1, max_size=5)
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_ses_puts_together_is_what_the_preview_showed(
    settings: Settings, stand_in: StandIn, facts: list[tuple[str, str, str, bool, bool]]
) -> None:
    stand_in.reset()
    made = make_rendering(
        settings, languages=("fi", "sv"), links={("fi", 1): 11, ("fi", 2): 12, ("sv", 1): 13}
    )
    people = [
        make_person(
            number,
            first_name=first,
            company_name=company,
            source_name=source,
            informed=informed,
            language="sv" if tracked else "fi",
            track_opens=tracked,
            track_clicks=not tracked,
        )
        for number, (first, company, source, informed, tracked) in enumerate(facts, 1)
    ]
    ses = SesClient(
        "eu-north-1",
        endpoint_url=stand_in.url,
        configuration_set=None,
        connections=1,
        validate=True,
    )
    outcomes = handing.hand_over(
        ses, handing.prepare(made, [Claimed(person, 1) for person in people]), lease=Lease(3600)
    )
    assert {result.outcome for _, result in outcomes} == {Outcome.ACCEPTED}
    for claimed, result in outcomes:
        mail = stand_in._ask(f"messages/{result.message_id}")
        final = made.final(claimed.person)
        assert mail["to"] == [claimed.person.address]
        assert mail["subject"] == final.subject
        assert mail["html"] == final.html
        assert mail["text"] == final.text
        headers = dict(mail["headers"])
        assert {name: headers[name] for name, _ in final.headers} == dict(final.headers)
        assert mail["tags"] == {"message": str(claimed.person.message_id), "campaign": "7"}


# Tracking


def test_without_tracking_the_links_are_the_authors_and_there_is_no_pixel(
    settings: Settings,
) -> None:
    final = make_rendering(settings, links={("fi", 1): 11, ("fi", 2): 12}).final(make_person())
    assert "https://esimerkki.example/uutiset?a=1&b=2" in hrefs(final.html)
    assert "https://esimerkki.example/ilmoittaudu" in hrefs(final.html)
    assert "<img" not in final.html
    assert "/c/" not in final.html + final.text


def test_with_tracking_every_link_of_the_author_and_no_other_goes_through_ours(
    settings: Settings,
) -> None:
    made = make_rendering(settings, links={("fi", 1): 11, ("fi", 2): 12})
    person = make_person(track_clicks=True, track_opens=True)
    final = made.final(person)
    signer = Signer(settings.secret_key)
    click = signer.make(Purpose.CLICK, person.recipient)
    base = settings.public_url
    links = hrefs(final.html)
    assert f"{base}/c/{click}/11" in links
    assert f"{base}/c/{click}/12" in links
    assert f"{base}/privacy" in links
    assert not any("esimerkki.example" in link for link in links)
    assert final.html.count("<img") == 1
    assert f'src="{base}/o/{signer.make(Purpose.OPEN, person.recipient)}.gif"' in final.html
    assert "/o/" not in final.text


def test_a_link_that_nobody_sees_is_in_the_html_where_clicks_are_tracked(
    settings: Settings,
) -> None:
    made = make_rendering(settings, links={("fi", 1): 11, ("fi", 2): 12})
    person = make_person(track_clicks=True)
    final = made.final(person)
    address = made.links.trap_address(made.links.token(Purpose.CLICK, person))
    assert f'<a href="{address}" aria-hidden="true" tabindex="-1"' in final.html
    [element] = re.findall(rf'<a href="{re.escape(address)}"[^>]*>(.*?)</a>', final.html)
    assert element == ""
    assert address not in final.text
    # It stops nothing, and it is not there where nothing is recorded.
    assert "/s/" not in address
    assert "aria-hidden" not in made.final(make_person(track_opens=True)).html
    assert "aria-hidden" not in made.final(person, test=True).html


def test_clicks_and_opens_are_tracked_apart(settings: Settings) -> None:
    made = make_rendering(settings, links={("fi", 1): 11, ("fi", 2): 12})
    opens = made.final(make_person(track_opens=True))
    clicks = made.final(make_person(track_clicks=True))
    assert ("/o/" in opens.html, "/c/" in opens.html) == (True, False)
    assert ("/o/" in clicks.html, "/c/" in clicks.html) == (False, True)


def test_a_link_that_was_not_frozen_is_left_as_it_is(settings: Settings) -> None:
    final = make_rendering(settings, links={("fi", 2): 12}).final(make_person(track_clicks=True))
    assert "https://esimerkki.example/uutiset?a=1&b=2" in hrefs(final.html)


# Reason, source and first contact


@pytest.mark.parametrize(
    ("informed", "kind", "due"),
    [
        (False, "public_web", True),
        (False, "b2b_supplier", True),
        (True, "public_web", False),
        (False, "data_subject", False),
        (False, "order", False),
        (False, "form", False),
    ],
)
def test_the_first_contact_block_is_there_exactly_when_it_is_due(
    informed: bool, kind: str, due: bool, made: Rendering
) -> None:
    final = made.final(make_person(informed=informed, source_kind=kind))
    with in_language("fi"):
        said = envelope.first_contact(
            make_person(informed=False), "fi", "https://mail.lupaposti.example/privacy"
        )
    assert (said in final.text, html.escape(said) in final.html) == (due, due)
    if due:
        assert "Yritysten verkkosivut" in said
        assert "https://mail.lupaposti.example/privacy" in said
        block = final.html.rindex("<p", 0, final.html.index(html.escape(said)))
        assert "border:1px" in final.html[block : final.html.index(html.escape(said))]


def test_the_reason_names_duties_company_source_and_date(settings: Settings) -> None:
    text = make_rendering(settings, languages=("en",)).final(make_person(language="en")).text
    assert "your work (Finance, Öljy & Kumppanit Oy) relates to its subject" in text
    assert "Source of your address: Yritysten verkkosivut, 2 November 2026." in text


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"shared_mailbox": True}, "this is a shared address of Öljy & Kumppanit Oy."),
        (
            {"shared_mailbox": True, "company_name": ""},
            "this is a shared address of yritys.example.",
        ),
        ({"function": ""}, "You get this message with your consent."),
        ({"company_name": ""}, "because your work (Finance) relates to its subject."),
        ({"source_name": ""}, "relates to its subject."),
    ],
)
def test_the_reason_fits_the_person(facts: dict[str, Any], said: str) -> None:
    reason = envelope.reason(make_person(**facts), "en")
    assert said in reason
    assert ("Source of your address" in reason) is bool(facts.get("source_name", "x"))


def test_two_companies_do_not_share_a_cached_sentence() -> None:
    first = envelope.reason(make_person(company_name="Aalto Oy"), "en")
    second = envelope.reason(make_person(company_name="100 % {{x}} %(function)s"), "en")
    assert "Aalto Oy" in first
    assert "Finance, 100 % {{x}} %(function)s" in second


def test_every_message_names_its_sender(made: Rendering) -> None:
    final = made.final(make_person())
    for words in (made.entity.name, made.entity.business_id, made.entity.postal_address):
        assert html.escape(words) in final.html
        assert words in final.text


# Languages


def test_a_language_without_a_version_gets_finnish_or_the_first_there_is(
    settings: Settings,
) -> None:
    both = make_rendering(settings, languages=("en", "fi"))
    assert both.language_of(make_person(language="sv")) == "fi"
    assert both.language_of(make_person(language="en")) == "en"
    swedish = make_rendering(settings, languages=("sv",))
    final = swedish.final(make_person(language="fi"))
    with in_language("sv"):
        assert gettext("Stop marketing messages") in final.text
    assert 'lang="sv"' in final.html


# From


@pytest.mark.parametrize(
    "name",
    [
        "Esimerkki Oy",
        'Esimerkki, "Paras" Oy',
        "Äyriäinen",
        "Äyriäisten ja Öljynjalostajien Keskusliiton Åboländska Avdelning i Egentliga Finland r.f.",
        "日本" * 40,
        "Pääte <a@b.example>",
        "Rivi\r\nBcc: muu@b.example",
        "x" * 300,
    ],
)
def test_a_sender_name_is_ascii_on_the_wire_and_reads_as_written(name: str) -> None:
    value = envelope.sender(name, "uutiset@esimerkki.example")
    assert HEADER_VALUE.fullmatch(value)
    shown, address = parseaddr(value)
    assert address == "uutiset@esimerkki.example"
    assert str(make_header(decode_header(shown))) == " ".join(name.split())
    assert all(len(word) <= 75 for word in re.findall(r"=\?.*?\?=", value))


def test_a_sender_without_a_name_is_the_address() -> None:
    assert envelope.sender(" \n", "a@b.example") == "a@b.example"


def test_the_hash_covers_every_word_in_every_language(settings: Settings) -> None:
    base = make_rendering(settings, languages=("fi", "sv")).content_hash()
    assert base == make_rendering(settings, languages=("sv", "fi")).content_hash()
    assert base != make_rendering(settings).content_hash()
    assert base != make_rendering(settings, languages=("fi", "sv"), subject="Muu").content_hash()
    other = MJML.replace("Lue", "Katso")
    assert base != make_rendering(settings, languages=("fi", "sv"), mjml=other).content_hash()
