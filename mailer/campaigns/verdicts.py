"""The outcome of one check, and where to mend what it found."""

from dataclasses import dataclass

from mailer.languages import N_

BLOCK, WARN, INFO, OK = "block", "warn", "info", "ok"
# Worst first.
EFFECTS = (BLOCK, WARN, INFO, OK)

ACTIONS = {
    "recipients": N_("Change the recipients"),
    "content": N_("Change the content"),
    "test": N_("Send a test"),
    "time": N_("Change the time"),
    "settings": N_("Open the settings"),
    "sending": N_("See the warm-up"),
}


@dataclass(frozen=True, slots=True)
class Fix:
    """Where to mend it: a key of ACTIONS, and the field and language there."""

    screen: str
    field: str = ""
    language: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the list before sending. `title` and `detail` are in the language in force."""

    code: str
    effect: str
    title: str
    detail: str = ""
    fix: Fix | None = None

    @property
    def blocks(self) -> bool:
        """Whether nothing may be sent before this is mended."""
        return self.effect == BLOCK
