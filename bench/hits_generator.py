"""A made-up log of opens and clicks in which it is known who did what.

People, gateways and previewers act as is published of them (rules 4.1, peers 23) and by parameters
drawn anew for each seed; nothing here is taken from the classifier. What is not published is drawn
from wide ranges. Every address, name and agent is invented.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 3, 3, 6, tzinfo=UTC)
PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
IMAGE = "image/avif,image/webp,image/svg+xml,image/*,*/*;q=0.8"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
CHROME = WINDOWS + "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
EDGE = CHROME + " Edg/{}.0.0.0"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"
MAC_SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/{}.1 Safari/605.1.15"
)
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS {0}_2 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/{0}.2 Mobile/15E148 Safari/604.1"
)
IPHONE_WEBVIEW = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS {}_2 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Mobile/15E148"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/{}.0.0.0 Mobile Safari/537.36"
)
OUTLOOK = (
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0.{}; ms-office)"
)
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the log with its label. `link` None with kind click: the unseen link."""

    message: int
    domain: str
    delivered_at: datetime
    links: int
    kind: str
    link: int | None
    at: datetime
    method: str
    headers: dict[str, str]
    address: str
    label: str  # human | machine
    agent: str


@dataclass(slots=True)
class Client:
    """A program somewhere: what it sends with a page and with an image."""

    agent: str
    address: str
    language: str | None = "fi-FI,fi;q=0.9,en;q=0.6"
    page: str | None = PAGE
    fetch_metadata: bool = True

    def headers(self, kind: str) -> dict[str, str]:
        found = {"user-agent": self.agent}
        if self.language:
            found["accept-language"] = self.language
        accept = self.page if kind == "click" else IMAGE
        if accept:
            found["accept"] = accept
        if self.fetch_metadata:
            found["sec-fetch-mode"] = "navigate" if kind == "click" else "no-cors"
        return found


@dataclass(slots=True)
class Mail:
    """One delivered message."""

    number: int
    domain: str
    delivered_at: datetime
    links: int
    log: list[Request] = field(default_factory=list)

    def hit(
        self,
        kind: str,
        link: int | None,
        seconds: float,
        client: Client,
        who: tuple[str, str],
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
    ) -> None:
        at = self.delivered_at + timedelta(seconds=seconds)
        sent = headers if headers is not None else client.headers(kind)
        place = (self.number, self.domain, self.delivered_at, self.links)
        self.log.append(Request(*place, kind, link, at, method, sent, client.address, *who))


Gateway = Callable[["World", Mail], None]
# Where the gateways of this world come from, as an operator's list would have it. The lone
# detonator, the slow scanner and the checker of headers rent networks that are on no list.
LISTED = (
    *(f"209.222.{third}.0/24 gateway" for third in range(80, 96)),
    *(f"67.231.{third}.0/24 gateway" for third in range(144, 160)),
    *(f"52.{second}.0.0/16 gateway" for second in range(96, 104)),
    *(f"40.94.{third}.0/24 gateway" for third in range(41)),
)


class World:
    """Everything drawn for one seed."""

    def __init__(self, seed: int, companies: int) -> None:
        self.random = random.Random(seed)
        draw = self.random.uniform
        self.companies = companies
        self.opens = draw(0.15, 0.5)
        self.clicks = draw(0.03, 0.15)
        self.hasty = draw(0.02, 0.12)  # people who react within the first minutes
        self.follows_hidden = {"parser": draw(0.6, 0.98), "browser": draw(0.2, 0.8)}
        self.clumsy = draw(0.02, 0.1)  # double clicks
        self.browser_version = self.random.randint(120, 145)
        self._next = seed * 1_000_000

    def address(self, network: str) -> str:
        return f"{network}.{self.random.randint(1, 254)}"

    def network(self) -> str:
        first = self.random.choice([62, 77, 80, 84, 85, 88, 91, 109, 176, 185, 193, 194])
        return f"{first}.{self.random.randint(1, 250)}.{self.random.randint(0, 255)}"

    def mail(self, domain: str, links: int, seconds: float) -> Mail:
        self._next += 1
        return Mail(self._next, domain, BEGIN + timedelta(seconds=seconds), links)

    def reaction(self) -> float:
        """Seconds until a person looks: mostly an hour or so, for a few the notification."""
        if self.random.random() < self.hasty:
            return 3 + self.random.expovariate(1 / 45)
        return min(self.random.lognormvariate(8.4, 1.6), 6 * 86400)


def generate(seed: int, *, companies: int = 120) -> Iterator[Request]:
    """The log of one campaign, message by message; within a message in no order of time."""
    world = World(seed, companies)
    links = world.random.choice([1, 2, 3, 4, 5, 6, 8, 10, 12])
    seconds = 0.0
    for number in range(companies):
        people = min(80, 1 + int(world.random.paretovariate(1.1)))
        company = _Company(world, number)
        for _ in range(people):
            seconds += world.random.expovariate(20)
            mail = world.mail(company.domain, links, seconds)
            company.receive(mail)
            yield from mail.log
        yield from company.meeting()


class _Company:
    """People of one mail domain behind one gateway and, at work, one network."""

    def __init__(self, world: World, number: int) -> None:
        self.world = world
        pick = world.random
        self.domain = f"yritys{number}.example"
        self.office = world.network()
        managed = world.browser_version - pick.randint(0, 6)
        self.managed = pick.choice([CHROME.format(managed), EDGE.format(managed, managed), None])
        self.gateway: Gateway | None = pick.choices(list(GATEWAYS), list(GATEWAYS.values()))[0]
        self.mail_system = pick.choices(["outlook", "google", "mixed"], [5, 2, 3])[0]
        self.mails: list[Mail] = []
        self._stretch = 0

    def receive(self, mail: Mail) -> None:
        self.mails.append(mail)
        if self.gateway is not None:
            self.gateway(self.world, mail)
        _Person(self, mail).react()

    def meeting(self) -> Iterator[Request]:
        """Now and then somebody says in a meeting: look at that link."""
        pick = self.world.random
        if len(self.mails) < 4 or pick.random() > 0.1:
            return
        begins = pick.uniform(3600, 40_000)
        for mail in pick.sample(self.mails, min(len(self.mails), pick.randint(3, 8))):
            before = len(mail.log)
            late = (self.mails[0].delivered_at - mail.delivered_at).total_seconds()
            client = _Person(self, mail).browser(at_work=True)
            mail.hit("click", 1, begins + late + pick.uniform(0, 60), client, HUMAN["meeting"])
            yield from mail.log[before:]


HUMAN = {
    name: ("human", name)
    for name in ("desktop", "phone", "forwarded", "restored tabs", "meeting", "gmail", "yahoo")
}
MACHINE = {
    name: ("machine", name)
    for name in (
        "named gateway",
        "sweeping gateway",
        "time-of-click check",
        "sampling sandbox",
        "browser detonation",
        "slow scanner",
        "head checker",
        "lone detonation",
        "apple privacy",
        "chat preview",
        "mail app prefetch",
    )
}


class _Person:
    """One recipient and what they do with one message."""

    def __init__(self, company: _Company, mail: Mail) -> None:
        self.world = company.world
        self.company = company
        self.mail = mail
        self.pick = company.world.random
        self.home = company.world.network()
        self.on_phone = self.pick.random() < 0.45

    def browser(self, *, at_work: bool) -> Client:
        version = self.world.browser_version - self.pick.choice([0, 0, 0, 1, 2, 9, 30])
        if self.on_phone and not at_work:
            agent = self.pick.choice(
                [
                    IPHONE.format(self.pick.choice([15, 16, 17, 18, 26])),
                    IPHONE_WEBVIEW.format(18),
                    ANDROID.format(version),
                    ANDROID.format(version),
                ]
            )
        else:
            agent = self.company.managed or self.pick.choice(
                [
                    CHROME.format(version),
                    EDGE.format(version, version),
                    FIREFOX.format(version),
                    MAC_SAFARI.format(self.pick.choice([15, 16, 17, 18, 26])),
                ]
            )
        client = Client(agent, self.world.address(self.company.office if at_work else self.home))
        old_webkit = any(f"Version/{n}" in agent for n in (15, 16))
        client.fetch_metadata = not old_webkit and "Mobile/15E148" not in agent[-13:]
        if self.pick.random() < 0.004:
            client.language = None  # an odd privacy tool
        if self.pick.random() < 0.01:
            client.fetch_metadata = False  # a proxy that strips what it does not know
        return client

    def react(self) -> None:
        self._apple_privacy()
        if self.pick.random() > self.world.opens:
            return
        begins = self.world.reaction()
        who = HUMAN["phone" if self.on_phone else "desktop"]
        for again in range(1 + int(self.pick.expovariate(1.2))):
            self._open(begins + again * self.pick.uniform(60, 90_000), who)
        if self.pick.random() < self.world.clicks / self.world.opens:
            self._click(begins + self.pick.lognormvariate(2.6, 1.0), who)
        if self.pick.random() < 0.03:
            self._forward(begins + self.pick.uniform(60, 20_000))
        if self.pick.random() < 0.02:
            self._share_in_chat(begins + self.pick.uniform(60, 20_000))

    def _open(self, seconds: float, who: tuple[str, str]) -> None:
        system = self.company.mail_system
        if system == "google" or (system == "mixed" and self.pick.random() < 0.2):
            client = Client(GMAIL, self.world.address("66.249.93"), None, None, False)
            self.mail.hit("open", None, seconds, client, HUMAN["gmail"])
        elif self.pick.random() < 0.02:
            client = Client(YAHOO, self.world.address("87.248.110"), None, None, False)
            self.mail.hit("open", None, seconds, client, HUMAN["yahoo"])
        elif self.on_phone:
            self.mail.hit("open", None, seconds, self.browser(at_work=False), who)
        else:
            client = Client(
                OUTLOOK.format(self.pick.randint(12000, 19000)),
                self.world.address(self.company.office),
                fetch_metadata=False,
            )
            self.mail.hit("open", None, seconds, client, who)

    def _click(self, seconds: float, who: tuple[str, str]) -> None:
        client = self.browser(at_work=not self.on_phone)
        wanted = min(self.mail.links, 1 + int(self.pick.expovariate(1.3)))
        chosen = self.pick.sample(range(1, self.mail.links + 1), wanted)
        if self.pick.random() < 0.5:
            chosen.sort()
        # Some open one tab after the other, most read what they opened.
        tabs = self.pick.random() < 0.3
        at = seconds
        for link in chosen:
            self._time_of_click(link, at)
            self.mail.hit("click", link, at, client, who)
            if self.pick.random() < self.world.clumsy:
                self.mail.hit("click", link, at + self.pick.uniform(0.08, 0.6), client, who)
            at += self.pick.uniform(0.7, 5) if tabs else self.pick.lognormvariate(3.7, 1.0)
        if wanted > 1 and self.pick.random() < 0.05:
            morning = at + self.pick.uniform(30_000, 90_000)
            for link in chosen:
                moment = morning + self.pick.uniform(0, 1.5)
                self.mail.hit("click", link, moment, client, HUMAN["restored tabs"])

    def _time_of_click(self, link: int, at: float) -> None:
        if self.company.gateway in (_rewriting, _detonating) and self.pick.random() < 0.6:
            client = Client(
                CHROME.format(self.world.browser_version - 12),
                self.world.address(f"40.94.{self.pick.randint(0, 40)}"),
                language=self.pick.choice([None, "en-US"]),
                fetch_metadata=self.pick.random() < 0.5,
            )
            moment = at - self.pick.uniform(0.05, 2.5)
            self.mail.hit("click", link, moment, client, MACHINE["time-of-click check"])

    def _forward(self, seconds: float) -> None:
        other = _Person(self.company, self.mail)
        moment = seconds + self.world.reaction()
        self.mail.hit("open", None, moment, other.browser(at_work=True), HUMAN["forwarded"])
        if self.pick.random() < 0.4:
            link = self.pick.randint(1, self.mail.links)
            client = other.browser(at_work=True)
            self.mail.hit("click", link, moment + 20, client, HUMAN["forwarded"])

    def _share_in_chat(self, seconds: float) -> None:
        agent = self.pick.choice(
            [
                "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
                "WhatsApp/2.23.20.0 A",
                "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
                "TelegramBot (like TwitterBot)",
                "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
                # A previewer that calls itself a browser.
                CHROME.format(self.world.browser_version - 20),
            ]
        )
        client = Client(agent, self.world.address(self.world.network()), None, "*/*", False)
        link = self.pick.randint(1, self.mail.links)
        self.mail.hit("click", link, seconds, client, MACHINE["chat preview"])

    def _apple_privacy(self) -> None:
        if not self.on_phone or self.pick.random() > 0.35:
            return
        client = Client(
            "Mozilla/5.0", self.world.address(f"172.224.{self.pick.randint(224, 255)}"),
            None, None, False,
        )  # fmt: skip
        at = self.pick.choice([self.pick.uniform(0, 90), self.pick.lognormvariate(7.5, 1.5)])
        self.mail.hit("open", None, at, client, MACHINE["apple privacy"])


def _order(world: World, mail: Mail, engine: str) -> list[int | None]:
    """The links as a gateway follows them, the unseen one among them if it takes that too."""
    found: list[int | None] = list(range(1, mail.links + 1))
    if world.random.random() < world.follows_hidden[engine]:
        found.append(None)
    if world.random.random() < 0.3:
        world.random.shuffle(found)
    return found


def _seconds_after_delivery(world: World) -> float:
    """As one sender's log of 836 bursts has it: median 43 s, two thirds at 20-60 s."""
    draw = world.random.random()
    if draw < 0.66:
        return world.random.uniform(20, 60)
    return world.random.uniform(60, 300) if draw < 0.94 else world.random.uniform(1, 900)


def _sweeping(world: World, mail: Mail) -> None:
    """All links within about a second, an open before: Barracuda's way."""
    pick = world.random
    named = pick.random() < 0.3
    who = MACHINE["named gateway" if named else "sweeping gateway"]
    bare = pick.random() < 0.5
    client = Client(
        "Mozilla/5.0 (compatible; BarracudaCentral)" if named
        else CHROME.format(world.browser_version - pick.randint(0, 40)),
        world.address(f"209.222.{pick.randint(80, 95)}"),
        language=None if bare else "en-US,en;q=0.9",
        page="*/*" if bare else PAGE,
        fetch_metadata=not bare,
    )  # fmt: skip
    at = _seconds_after_delivery(world)
    if pick.random() < 0.8:
        before = max(0.1, at - pick.expovariate(1 / 13))
        mail.hit("open", None, before, client, who)
    length = pick.choice([0.3, 0.8, 1.5, 4.0])
    for link in _order(world, mail, "parser"):
        mail.hit("click", link, at + pick.uniform(0, length), client, who)


def _sampling(world: World, mail: Mail) -> None:
    """A sandbox that looks at some links, each from another machine of its cloud: Proofpoint's."""
    pick = world.random
    at = pick.lognormvariate(4.5, 1.2)
    links = _order(world, mail, "browser")
    for link in pick.sample(links, min(len(links), pick.randint(1, 3))):
        client = Client(
            CHROME.format(world.browser_version - pick.randint(0, 60)),
            world.address(f"67.231.{pick.randint(144, 159)}"),
            language=pick.choice([None, "en-US,en;q=0.9", "en-US,en;q=0.9"]),
            fetch_metadata=pick.random() < 0.7,
        )
        mail.hit("click", link, at, client, MACHINE["sampling sandbox"])
        at += pick.expovariate(1 / 15)


def _detonating(world: World, mail: Mail) -> None:
    """A real browser that loads the message and follows every link: Safe Links' way."""
    pick = world.random
    if pick.random() > 0.6:
        return
    client = Client(
        CHROME.format(world.browser_version - pick.randint(0, 15)),
        world.address(f"52.{pick.randint(96, 103)}.{pick.randint(0, 255)}"),
        language="en-US,en;q=0.9",
    )
    who = MACHINE["browser detonation"]
    at = pick.uniform(10, 60)
    mail.hit("open", None, at - pick.uniform(0, 5), client, who)
    pause = pick.choice([0.02, 0.2, 1.0, 2.5])
    for link in _order(world, mail, "browser"):
        mail.hit("click", link, at, client, who)
        at += pick.expovariate(1 / pause)


def _slow(world: World, mail: Mail) -> None:
    """Link by link with pauses, evenly or not."""
    pick = world.random
    full = pick.random() < 0.6
    client = Client(
        CHROME.format(world.browser_version - pick.randint(0, 30)),
        world.address(world.network()),
        language="en-US" if full else None,
        fetch_metadata=full,
    )
    at = pick.uniform(5, 1200)
    mean, even = pick.uniform(2, 45), pick.random() < 0.5
    for link in _order(world, mail, "parser"):
        mail.hit("click", link, at, client, MACHINE["slow scanner"])
        at += mean * (pick.uniform(0.97, 1.03) if even else pick.uniform(0.3, 1.7))


def _heads(world: World, mail: Mail) -> None:
    """HEAD for each link, then perhaps a look at some with GET."""
    pick = world.random
    agent = pick.choice([CHROME.format(100), "python-requests/2.31.0", "Java/17.0.1", ""])
    client = Client(agent, world.address(world.network()), None, "*/*", False)
    at = pick.uniform(0.5, 400)
    for link in _order(world, mail, "parser"):
        who = MACHINE["head checker"]
        mail.hit("click", link, at, client, who, method="HEAD")
        if pick.random() < 0.3:
            mail.hit("click", link, at + pick.uniform(0.1, 3), client, who)
        at += pick.uniform(0.05, 3)


def _rewriting(world: World, mail: Mail) -> None:
    """Rewrites links and looks at the moment of the click; seldom before: Mimecast's way."""
    if world.random.random() < 0.15:
        _sweeping(world, mail)


def _lone(world: World, mail: Mail) -> None:
    """The worst: a full browser in a rented network that follows one visible link, at any time."""
    pick = world.random
    if pick.random() > 0.4:
        return
    client = Client(
        CHROME.format(world.browser_version - pick.randint(0, 5)),
        world.address(world.network()),
        language=pick.choice(["en-US,en;q=0.9", "fi-FI,fi;q=0.9"]),
    )
    link = pick.randint(1, mail.links)
    mail.hit("click", link, pick.uniform(20, 3600), client, MACHINE["lone detonation"])


def _prefetching(world: World, mail: Mail) -> None:
    """A mail app that fetches the first link ahead for half of those who open."""
    pick = world.random
    if pick.random() > world.opens / 2:
        return
    client = Client(ANDROID.format(world.browser_version), world.address(world.network()))
    headers = client.headers("click") | {pick.choice(["sec-purpose", "purpose"]): "prefetch"}
    at = world.reaction()
    mail.hit("click", 1, at, client, MACHINE["mail app prefetch"], headers=headers)


GATEWAYS: dict[Gateway | None, float] = {
    None: 8,
    _sweeping: 4,
    _rewriting: 2,
    _sampling: 2,
    _detonating: 4,
    _slow: 1.5,
    _heads: 1.5,
    _lone: 1,
    _prefetching: 1,
}
