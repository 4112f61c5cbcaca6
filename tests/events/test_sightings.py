"""A request becomes a hit in memory; of who made it nothing readable goes on."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from mailer.events.links import Received, decode
from mailer.events.networks import Networks
from mailer.events.sightings import Watch

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
BROWSER = {
    "REQUEST_METHOD": "GET",
    "REMOTE_ADDR": "93.184.216.34",
    "HTTP_USER_AGENT": AGENT,
    "HTTP_ACCEPT": "text/html,*/*;q=0.8",
    "HTTP_ACCEPT_LANGUAGE": "fi",
    "HTTP_SEC_FETCH_MODE": "navigate",
}
WATCH = Watch("a secret", secure=True)


def test_an_empty_request_is_a_hit_of_nobody_known() -> None:
    hit = WATCH.hit("click", 1, {}, at=AT)
    assert (hit.client, hit.origin) == ("no_client", None)


def test_a_browsers_request_is_a_hit_without_signals() -> None:
    hit = WATCH.hit("click", 1, BROWSER, at=AT)
    assert (hit.client, hit.signals, hit.at, hit.link_id) == ("browser", frozenset(), AT, 1)
    line = Received(1, hit).encode()
    assert "93.184" not in line
    assert "Firefox" not in line
    assert decode(line) == Received(1, hit)


def test_every_request_is_a_hit_of_its_own_and_one_origin_shows() -> None:
    first, second = (WATCH.hit("click", 1, BROWSER, at=AT) for _ in range(2))
    other = WATCH.hit("click", 1, BROWSER | {"HTTP_USER_AGENT": AGENT + "1"}, at=AT)
    assert first.key != second.key
    assert first.origin == second.origin
    assert first.network == other.network
    assert first.origin != other.origin


def test_a_network_on_the_operators_list_is_a_signal() -> None:
    watch = Watch("a secret", secure=True, networks=Networks(["93.184.216.0/24 gateway"]))
    assert watch.hit("open", None, BROWSER, at=AT).signals == {"gateway_network"}


def test_a_line_of_the_version_before_is_read() -> None:
    received = decode("hit:1,click,7,3,1764000000000,browser,head no_language")
    assert (received.hit.origin, received.hit.signals) == (None, {"head", "no_language"})


@given(
    st.dictionaries(
        st.sampled_from(sorted(BROWSER)), st.text(max_size=2000) | st.none() | st.integers()
    )
)
def test_any_request_is_a_hit_that_travels(environ: dict[str, object]) -> None:
    hit = WATCH.hit("open", None, environ, at=AT)
    assert decode(Received(9, hit).encode()) == Received(9, hit)
