"""What a command that works on the register needs: servers, settings and sessions, for its time."""

from collections.abc import Iterator
from contextlib import contextmanager

# Every table, because a table that a command writes may point at one it does not import.
from mailer import installation, models  # noqa: F401
from mailer.config import from_environment
from mailer.installation import Installation
from mailer.stack.servers import borrowed


@contextmanager
def connected() -> Iterator[Installation]:
    """The installation that the environment names, the running stack's, or a private one under
    var/. Raises StackError."""
    with borrowed() as environ:
        here = installation.install(from_environment(environ))
        try:
            yield here
        finally:
            here.engine.dispose()
            here.redis.close()
