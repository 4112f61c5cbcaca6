"""Whether this process was asked to stop: long jobs look between two batches and end early."""

import threading

_asked = threading.Event()


def ask() -> None:
    """Remember that the process should end soon. Safe to call from a signal handler."""
    _asked.set()


def asked() -> bool:
    """Whether the process should end soon."""
    return _asked.is_set()
