"""Start a keeper that outlives its starter, and wait until its socket is bound.

The starter's environment goes to the keeper through a pipe and stands in no
process's /proc/PID/environ but the daemon's. What a daemon must not inherit
from whichever shell happened to be first is left out.
"""

# ruff: noqa: PTH100 - resolve() would follow links, and name one home twice

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import azjobs
from azjobs.keeper.errors import BY_EXIT, StartFailed, StartTimedOut
from azjobs.keeper.folder import LOGS_NAME, make_private, open_private
from azjobs.keeper.handover import IDENTITY_PATH, NAMES
from azjobs.keeper.options import IDLE_S
from azjobs.keeper.protection import format_environment, own_environment

if TYPE_CHECKING:
    from subprocess import Popen  # imported for real only where a keeper is started

LOG_NAME = "keeper.log"
TRIES = 3  # guess: nobody kills that many newborn keepers by accident
START_TIMEOUT_S = 10.0  # a guess: a hundred times what a start takes

#: Secrets that azure-identity, Terraform and pipelines read from the environment [azure-identity
#: EnvironmentCredential; docs.github.com, "OpenID Connect reference"; learn.microsoft.com, "Predefined variables"]:
#: a submit or a sign-in hands them to the keeper, the daemon never looks for them here.
SECRET_NAMES = frozenset(
    {
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
        "ARM_CLIENT_SECRET",
        "AZURE_CLIENT_CERTIFICATE_PASSWORD",
        "AZURE_CLIENT_SECRET",
        "AZURE_PASSWORD",
        "SYSTEM_ACCESSTOKEN",
    }
)
#: How a host's managed identity is reached: such a sign-in runs in a credential process, which is told them.
HOST_NAMES = frozenset({"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET"})
_PROXY_NAMES = frozenset({"http_proxy", "https_proxy", "all_proxy"})  # a password may be in their address
JOB_VARIABLE = "AZJOBS_JOB"  #: marks what a job starts; its value is the job's uuid
_SESSION_NAMES = frozenset({"AZJOBS_SESSION", JOB_VARIABLE})  # a daemon belongs to no session, and to no job


def daemon_command(home: Path) -> list[str]:
    """Return how the daemon of `home` is started, by this very interpreter."""
    return [sys.executable, "-P", "-m", "azjobs._main.daemon", "--home", str(home)]


def daemon_environment(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the daemon's environment: `environment` without secrets and without what belongs to one shell."""
    left_out = SECRET_NAMES | HOST_NAMES | _SESSION_NAMES | frozenset(NAMES)
    if environment.get("IDENTITY_ENDPOINT", "").endswith(IDENTITY_PATH):  # started from within a job
        left_out |= {"AZURE_TOKEN_CREDENTIALS"}
    kept = {
        name: value
        for name, value in environment.items()
        if name not in left_out and not (name.lower() in _PROXY_NAMES and "@" in value)
    }
    return kept | {"AZJOBS_HOME": str(home)}


def start_keeper(
    run_folder: Path,
    home: Path,
    *,
    command: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
    idle_s: float = IDLE_S,
    options: Sequence[str] = (),
    inherited_fds: Sequence[int] = (),
) -> None:
    """Start a keeper and return when its socket is bound.

    Args:
        run_folder: what `launch.run_folder(home)` gave.
        home: the home folder; its logs/keeper.log takes the keeper's few lines.
        command: the daemon's; `daemon_command(home)` when None.
        environment: the daemon's; `daemon_environment` of this process when None.
        idle_s: how long the keeper stays without daemon and secrets.
        options: more options of the keeper.
        inherited_fds: the descriptors that `options` name.

    Raises:
        KeeperRunning: there is one already.
        FolderUnusable, SocketPathTooLong, LocksUnsupported, SocketTaken: no socket can be there.
        StartFailed, StartTimedOut: it ended early, or hangs.
    """
    import subprocess  # noqa: PLC0415 - most clients find a keeper and need none of it

    run_folder, home = Path(os.path.abspath(run_folder)), Path(os.path.abspath(home))
    fixed = ["--run", str(run_folder), "--home", str(home), "--idle-s", f"{idle_s:g}", "--detach", *options]
    whole = daemon_environment(os.environ, home) if environment is None else environment
    log = home / LOGS_NAME / LOG_NAME
    for _ in range(TRIES):
        process = _execute([*fixed, "--"], command or daemon_command(home), whole, home / LOGS_NAME, inherited_fds)
        try:
            code = process.wait(START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise StartTimedOut(f"The keeper was not ready after {START_TIMEOUT_S:g} s. See {log}") from None
        if code != -signal.SIGKILL:  # somebody killed it; its locks went with it
            break
    if code:
        kind = BY_EXIT.get(code, StartFailed)
        raise kind(f"{kind.__doc__} See {log}")


def _execute(
    options: Sequence[str],
    command: Sequence[str],
    environment: Mapping[str, str],
    logs: Path,
    inherited_fds: Sequence[int],
) -> Popen[bytes]:
    import subprocess  # noqa: PLC0415 - most clients find a keeper and need none of it

    make_private(str(logs))
    log_fd = open_private(str(logs / LOG_NAME), os.O_WRONLY | os.O_APPEND)
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(  # noqa: S603 - this very interpreter and its own file
            [*_keeper_program(), "--env-fd", str(reading), *options, *command],
            stdin=subprocess.DEVNULL,
            stdout=log_fd,
            stderr=log_fd,
            env=own_environment(os.environb),
            cwd="/",
            pass_fds=(reading, *inherited_fds),
            start_new_session=True,
        )
    except OSError as error:
        os.close(writing)
        raise StartFailed(f"The keeper could not be started: {error.strerror}.") from error
    finally:
        os.close(reading)
        os.close(log_fd)
    _feed(writing, format_environment({os.fsencode(name): os.fsencode(value) for name, value in environment.items()}))
    return process


def _keeper_program() -> list[str]:
    if not sys.executable:
        raise StartFailed("The keeper could not be started: this program does not know its Python interpreter.")
    return [sys.executable, "-I", "-S", str(Path(azjobs.__file__).parent / "_main" / "keeper.py")]


def _feed(fd: int, data: bytes) -> None:
    """Write all of `data` and close; a reader that ended early says why by its exit code."""
    with suppress(BrokenPipeError), os.fdopen(fd, "wb") as pipe:
        pipe.write(data)
