"""The numbers of a report as bars, pictures and named groups, in the reader's language."""

from collections.abc import Iterable
from dataclasses import dataclass

from mailer.campaigns.models import Campaign
from mailer.events import report_tables, reports
from mailer.events.small_cells import OTHERS, Group
from mailer.languages import LANGUAGE_NAMES, N_
from mailer.languages import gettext as _
from mailer.roles.taxonomy import FUNCTION_LABELS, LEVEL_LABELS, LEVEL_RANKS
from mailer.web import notice_in_force

WIDTH, HEIGHT = 640, 120
# From the audience down to the click: name of the number, label, what it is a share of.
STEPS = (
    ("audience", N_("In the segment"), None),
    ("blocked", N_("Left out"), "audience"),
    ("sent", N_("Sent"), "audience"),
    ("delivered", N_("Delivered"), "sent"),
    ("opened", N_("Opened (estimate)"), "delivered"),
    ("clicked", N_("Clicked"), "delivered"),
)
SIDE = (
    ("bounced", N_("Bounced for good"), "sent"),
    ("soft_bounced", N_("Bounced for now or delayed"), "sent"),
    ("complained", N_("Reported as spam"), "delivered"),
    ("opted_out", N_("Opted out"), "delivered"),
    ("not_my_work", N_("Not part of my work"), "delivered"),
    ("failed", N_("Refused by Amazon SES"), "audience"),
    ("uncertain", N_("Not known whether sent"), "audience"),
    ("waiting", N_("Waiting"), "audience"),
    ("cancelled", N_("Not sent: stopped"), "audience"),
)
# Shown below the people, never as people.
FOLDED = (
    ("machine_opens", N_("Opens by machines")),
    ("machine_clicks", N_("Clicks by machines")),
    ("unclear_clicks", N_("Unclear clicks")),
)


@dataclass(frozen=True, slots=True)
class Bar:
    """A number with its bar and, where it is a share of something, of what."""

    label: str
    sentence: str
    value: int
    whole: int | None
    width: float


def shown(campaign: Campaign) -> set[str]:
    """`opens` and `clicks` where the notice declares people's and the campaign asked for them."""
    notice = notice_in_force()
    visible = set()
    if notice is not None and notice.opens.individual and campaign.track_opens:
        visible.add("opens")
    if notice is not None and notice.clicks.individual and campaign.track_clicks:
        visible.add("clicks")
    return visible


def bars(
    steps: Iterable[tuple[str, str, str | None]],
    funnel: reports.Funnel,
    visible: set[str],
    *,
    of: str,
) -> list[Bar]:
    """The numbers that may be shown, each with a bar as long as its share of `of`."""
    absent = {"opened"} if "opens" not in visible else set()
    if "clicks" not in visible:
        absent.add("clicked")
    widest = max(funnel[of], 1)
    return [
        Bar(
            label=_(label),
            sentence=_(reports.DEFINITIONS[name]),
            value=funnel[name],
            whole=funnel[whole] if whole else None,
            width=round(WIDTH * min(funnel[name] / widest, 1), 1),
        )
        for name, label, whole in steps
        if name not in absent
    ]


def chart(hours: list[report_tables.Hour]) -> list[dict[str, float]]:
    """Bars of the timeline, in the units of the picture: clicks up, opt-outs below the line."""
    tallest = max([1, *(max(hour.clicks, hour.opt_outs) for hour in hours)])
    step = WIDTH / len(hours)
    upper = HEIGHT * 0.7
    return [
        {
            "x": round(index * step + 1, 1),
            "width": round(step - 2, 1),
            "clicks": round(upper * hour.clicks / tallest, 1),
            "top": round(upper - upper * hour.clicks / tallest, 1),
            "below": round(upper + 1, 1),
            "opt_outs": round((HEIGHT - upper - 1) * hour.opt_outs / tallest, 1),
        }
        for index, hour in enumerate(hours)
    ]


def named(grouping: str, groups: Iterable[Group]) -> list[tuple[str, Group]]:
    """Groups with their names in the reader's language."""
    return [(_name_of(grouping, group.name), group) for group in groups]


def _name_of(grouping: str, name: str) -> str:
    if name == OTHERS:
        return _("Others, together")
    if name == "?":
        return _("Not known")
    if grouping == "function":
        return _(FUNCTION_LABELS.get(name, name))
    if grouping == "level":
        return _(_LEVELS.get(name, name))
    if grouping == "language":
        return LANGUAGE_NAMES.get(name, name)
    return name


_LEVELS = {str(rank): LEVEL_LABELS[level] for level, rank in LEVEL_RANKS.items()}
