"""Trouble on demand: latency, refusals, lost answers. Set over HTTP."""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from mailer.stand_in.errors import STATUS

RATES: Final = frozenset(
    {
        "throttle_rate",
        "error_rate",
        "drop_rate",
        "lose_rate",
        "entry_failure_rate",
        "event_loss_rate",
        "event_duplicate_rate",
        "queue_duplicate_rate",
    }
)


@dataclass(frozen=True, slots=True)
class FaultSettings:
    """What goes wrong, by probability (`*_rate`, 0 to 1) or for the next n sends (`*_next`)."""

    latency_ms: int = 0
    throttle_rate: float = 0.0  # 429 without accepting
    throttle_next: int = 0
    error_rate: float = 0.0  # 500 without accepting
    error_next: int = 0
    drop_rate: float = 0.0  # accepted, then the connection closes without an answer
    drop_next: int = 0
    lose_rate: float = 0.0  # body read, not accepted, the connection closes without an answer
    lose_next: int = 0
    entry_failure_rate: float = 0.0  # TRANSIENT_FAILURE of an entry of a bulk call
    event_loss_rate: float = 0.0
    event_duplicate_rate: float = 0.0
    event_delay_ms: int = 0
    event_jitter_ms: int = 0  # each event comes up to so much later still: out of order
    queue_duplicate_rate: float = 0.0  # received, and visible to others all the same
    queue_hidden_ms: int = 0  # hidden for so long whatever the reader asks; 0 = as it asks
    account_suspended: bool = False
    sending_paused: bool = False
    refuse: str | None = None  # every send is answered with this error


def read_faults(current: FaultSettings, changes: object) -> FaultSettings:
    """The settings with `changes` applied. Raises ValueError with a sentence."""
    if not isinstance(changes, dict):
        raise ValueError("Faults must be a JSON object.")  # noqa: TRY004 - one error for the edge
    known = {f.name for f in fields(FaultSettings)}
    for name, value in changes.items():
        if name not in known:
            raise ValueError(f"There is no fault called {name}.")
        _check(name, value, getattr(FaultSettings(), name))
    return replace(current, **changes)


def _check(name: str, value: Any, default: Any) -> None:
    if name == "refuse":
        if value is not None and not (isinstance(value, str) and value in STATUS):
            raise ValueError("refuse must be null or the name of an error.")
    elif isinstance(default, bool):
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false.")
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{name} must be a number.")
    elif name in RATES:
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must be between 0 and 1.")
    elif not isinstance(value, int) or not 0 <= value <= 600_000:
        raise ValueError(f"{name} must be a whole number from 0 to 600000.")


class Faults:
    """The settings in force, and the dice."""

    def __init__(self) -> None:
        """Starts with nothing wrong."""
        self.settings = FaultSettings()
        self._lock = threading.Lock()
        self._dice = random.Random()  # noqa: S311 - trouble, not secrets

    def change(self, changes: Mapping[str, Any] | object) -> FaultSettings:
        """Applies changes to some settings. Raises ValueError with a sentence."""
        with self._lock:
            self.settings = read_faults(self.settings, changes)
            return self.settings

    def clear(self) -> None:
        """Nothing is wrong any more."""
        with self._lock:
            self.settings = FaultSettings()

    def strikes(self, fault: str) -> bool:
        """Whether `fault` (throttle, error, drop, lose) hits now; uses up one of its `*_next`."""
        settings = self.settings
        if getattr(settings, f"{fault}_next"):
            with self._lock:
                left = getattr(self.settings, f"{fault}_next")
                if left:
                    self.settings = replace(self.settings, **{f"{fault}_next": left - 1})
                    return True
        return self.rolls(getattr(settings, f"{fault}_rate"))

    def rolls(self, rate: float) -> bool:
        """True with the given probability."""
        return rate > 0 and self._dice.random() < rate

    def event_delay(self) -> float:
        """Seconds until one event is posted."""
        settings = self.settings
        jitter = settings.event_jitter_ms * self._dice.random() if settings.event_jitter_ms else 0.0
        return (settings.event_delay_ms + jitter) / 1000
