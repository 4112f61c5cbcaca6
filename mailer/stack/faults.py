"""What can stop the stack, and the exit codes that say so: their one home.

| code | meaning                                                              |
|------|----------------------------------------------------------------------|
| 0    | done, or stopped by Ctrl-C or TERM after everything was closed       |
| 1    | a fault of the program; the traceback is on standard error           |
| 2    | something expected is missing or wrong; one sentence says what to do |
| 3    | the stack of this directory is running already                       |
| 4    | a child process kept dying, or the stack never answered              |
"""

FAULT = 1
EXPECTED = 2
RUNNING_ALREADY = 3
CHILD_LOST = 4


class StackError(Exception):
    """The stack cannot run as things are. The text is one sentence for the operator."""

    exit_code = EXPECTED


class RunningAlreadyError(StackError):
    """Somebody else owns this data directory now."""

    exit_code = RUNNING_ALREADY


class ChildLostError(StackError):
    """A process of the stack could not be kept alive."""

    exit_code = CHILD_LOST
