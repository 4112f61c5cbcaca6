"""What is known of a campaign when it is checked. Collected by mailer.sending.readiness."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from mailer.campaigns.content import ImageSpot, LinkSpot
from mailer.campaigns.problems import Problem
from mailer.notice.schema import Entity


@dataclass(frozen=True, slots=True)
class Version:
    """The message in one language, as written and, when it could be made, as a recipient gets it.

    `size` is bytes of the longest HTML anybody could get. The booleans say what the finished
    message of a sample recipient holds.
    """

    language: str
    subject: str
    preheader: str
    problems: tuple[Problem, ...] = ()
    links: tuple[LinkSpot, ...] = ()  # all of them, also the empty ones
    images: tuple[ImageSpot, ...] = ()
    fields: frozenset[str] = frozenset()
    # Whether a sample message was made; without a sender there is none, and nothing to look at.
    rendered: bool = False
    size: int = 0
    has_opt_out: bool = False
    has_headers: bool = False
    has_sender: bool = False
    has_reason: bool = False
    has_leftovers: bool = False

    @property
    def made(self) -> bool:
        """Whether the message could be made."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Limits:
    """Amazon SES's limits in 24 hours; `per_day` below 0 is none. `planned`: by other campaigns."""

    per_day: float
    used: float
    planned: float = 0

    @property
    def left(self) -> float:
        """How many more may go in the 24 hours."""
        if self.per_day < 0:
            return float("inf")
        return max(0.0, self.per_day - self.used - self.planned)


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a sending would be done, the messages of each day in Helsinki, and what limits it.

    `limits`: keys of mailer.sending.plan.LIMITS.
    """

    ends_at: datetime
    days: list[tuple[date, int]]
    limits: frozenset[str] = frozenset()

    @property
    def messages(self) -> int:
        """How many it is about."""
        return sum(number for _, number in self.days)


@dataclass(frozen=True, slots=True)
class Collisions:
    """Recipients who get another message within a week, and of which campaigns.

    `recent` got one in the week before; `others`: campaigns' names with how many will get theirs.
    """

    people: int = 0
    companies: int = 0
    recent: int = 0
    others: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the checks look at."""

    now: datetime
    starts_at: datetime | None = None
    segment: str | None = None
    segment_fault: str = ""
    people: int = 0
    companies: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    languages: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    functions: tuple[str, ...] = ()
    relevance_basis: str = ""
    purpose_declared: bool = False
    entity: Entity | None = None
    sender_domain: str = ""
    domain_of_entity: bool = False
    domain_verified: bool = False
    versions: tuple[Version, ...] = ()
    default_language: str = "fi"
    worker_alive: bool = False
    limits: Limits | None = None
    forecast: Forecast | None = None
    collisions: Collisions = field(default_factory=Collisions)
    # What the marketer chose: each message in its recipient's business hours; several days, if the
    # quota asks for them.
    business_hours: bool = False
    spread_days: bool = False
    # Whether Finnish offices are open on the day it starts.
    working_day: bool = True
    # The notice's limit: at most one message to a person in so many days; 0 is none.
    frequency_cap_days: int = 0
    tested: bool = False
    # Whether links to invented domains are in order: true only where SES is the stand-in.
    examples_allowed: bool = False
