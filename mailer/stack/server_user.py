"""As whom PostgreSQL runs: it refuses root, so root needs another uid for it."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

from mailer.stack.faults import StackError
from mailer.stack.postgres_binaries import Binaries

NOBODY = 65534


def ways_to_run() -> list[tuple[str, ...]]:
    if os.geteuid() != 0:
        return [()]
    as_nobody = (
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--pdeathsig=INT",  # the kernel forgets the parent's wish when the uid changes
    )
    return [
        # The server sees uid 65534 while all files stay root's: nothing to add, nothing to chown.
        ("unshare", "--user", f"--map-user={NOBODY}"),
        as_nobody,
        # The same inside directories that only root may enter.
        (*as_nobody, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"),
    ]


def choose_way(binaries: Binaries, directory: Path) -> tuple[str, ...]:
    """The first way to run the server that works here, tried on its own files."""
    probe, postgres = directory / "probe", binaries.directory / "postgres"
    for prefix in ways_to_run():
        give_to_server(directory, prefix, deep=False)
        probe.mkdir(mode=0o700, exist_ok=True)
        give_to_server(probe, prefix)
        try:
            tried = subprocess.run(  # noqa: S603
                [*prefix, "sh", "-c", 'test -w "$1" && exec "$0" --version', postgres, probe],
                env=clean_environment(),
                capture_output=True,
                timeout=20,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        finally:
            probe.rmdir()
        if tried.returncode == 0:
            return prefix
    raise StackError(
        "PostgreSQL refuses to run as root, and this system allows neither user namespaces nor "
        "another uid; run as a normal user, or set DATABASE_URL."
    )


def give_to_server(path: Path, prefix: tuple[str, ...], *, deep: bool = True) -> None:
    """Hand files to the uid that the server will run under. Only root ever needs it."""
    if os.geteuid() != 0:
        return
    owner = NOBODY if prefix[:1] == ("setpriv",) else 0
    if path.lstat().st_uid == owner:
        return
    with suppress(PermissionError):  # a root without CAP_CHOWN: the probe tells
        os.chown(path, owner, owner)
        if deep and path.is_dir():
            for parent, directories, files in os.walk(path):
                for name in directories + files:
                    os.chown(Path(parent) / name, owner, owner, follow_symlinks=False)


def clean_environment() -> dict[str, str]:
    """The environment for server programs."""
    # Nothing inherited: PGDATA, PGPORT and locale variables would change the server.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
