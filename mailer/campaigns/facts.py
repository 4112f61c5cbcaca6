"""What is known of a campaign when it is checked. Collected by mailer.sending.readiness."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

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
    """Amazon SES's limits in 24 hours; `per_day` below 0 is none."""

    per_day: float
    used: float

    @property
    def left(self) -> float:
        """How many more may go today."""
        return float("inf") if self.per_day < 0 else max(0.0, self.per_day - self.used)


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
    tested: bool = False
    # Whether links to invented domains are in order: true only where SES is the stand-in.
    examples_allowed: bool = False
