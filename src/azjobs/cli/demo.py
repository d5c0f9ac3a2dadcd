"""Tell the whole story for real, in a throw-away home on the embedded cloud.

Twelve machines in the three ways at once, `Get-AzVM` in between, a terminal
that is closed, the daemon killed before the first machine's last request, and
two failures that say what went wrong. Nothing is staged: every line shown comes
from the same commands that users have.
"""

from __future__ import annotations

import contextlib
import os
import pty
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from azjobs.core.errors import AzJobsError
from azjobs.core.secret import Credential, SecureString
from azjobs.core.states import FINISHED

WAYS = 4  # machines in each of the three ways, the last of them from a terminal that is closed
SCALE = 0.03  # of the nominal durations of the embedded cloud: a machine takes some 4 s
LONGEST_S = 100.0  # the whole story is promised to take less than two minutes
SESSION = "azjobs-demo"


def run() -> int:
    """Tell the story; returns the exit status: 0 when everything ended as it was told."""
    folder = Path(tempfile.mkdtemp(prefix="azjobs-demo-"))
    os.environ["AZJOBS_HOME"] = str(folder)
    os.environ["AZJOBS_SESSION"] = SESSION
    say(f"A throw-away home: {folder}")
    try:
        return _Story(folder).tell()
    finally:
        _end(folder)


class _Story:
    """The chapters, in order."""

    def __init__(self, folder: Path) -> None:
        import azjobs as az  # noqa: PLC0415 - after the home was chosen

        self.az = az
        self.folder = folder
        self.password = f"Aa1-{secrets.token_urlsafe(12)}"
        self.begun = time.monotonic()
        self.cloud: Any = None

    def tell(self) -> int:
        """Tell all of it."""
        cloud = self.cloud = self.sign_in()
        credential = Credential("vmadmin", SecureString(self.password))
        jobs = self.start(credential)
        failing = self.start_failing(credential)
        self.look(jobs)
        self.kill(cloud, jobs)
        ok = self.wait([*jobs, *failing])
        return 0 if ok and self.receive(jobs, failing) and self.check(cloud) else 1

    def sign_in(self) -> Any:
        """Connect-AzAccount, and the context it gives."""
        chapter("Sign in", "azjobs account connect --environment AzureSimulator")
        context = self.az.connect_az_account(environment="AzureSimulator")
        say(repr(context))
        from azjobs.simulator.control import ControlClient  # noqa: PLC0415 - starts with the embedded cloud
        from azjobs.simulator.launch import ensure_simulator  # noqa: PLC0415

        cloud = ControlClient.of(ensure_simulator(self.folder / "simulator"))
        cloud.time("scaled", scale=SCALE)
        cloud.quota(100, family="Standard_D", location="eastus")
        return cloud

    def start(self, credential: Credential) -> list[Any]:
        """The three ways of the article, and a terminal that is closed."""
        az = self.az
        names = [f"web{n:02}" for n in range(3 * WAYS)]
        chapter("Four machines, each by a function in a process of its own", "start_job(make, argument_list=[creds])")
        jobs = [az.start_job(make_vm, argument_list=[name, credential], name=name) for name in names[:WAYS]]
        chapter("Four more, with the context given", "start_job(make, argument_list=[creds], az_context=context)")
        context = az.get_az_context()
        jobs += [
            az.start_job(make_vm, argument_list=[name, credential], name=name, az_context=context)
            for name in names[WAYS : 2 * WAYS]
        ]
        chapter("Three more, without any process", 'new_az_vm(name="web08", credential=creds, as_job=True)')
        jobs += [az.new_az_vm(name=name, credential=credential, as_job=True) for name in names[2 * WAYS : -1]]
        chapter("The last one from another terminal, which is closed", f"azjobs vm new --name {names[-1]} … --as-job")
        jobs.append(az.get_job(self.from_a_terminal_that_closes(names[-1])))
        for job in jobs:
            say(repr(job))
        return jobs

    def from_a_terminal_that_closes(self, name: str) -> int:
        """Submit on a terminal of its own and hang up; returns the job's id."""
        command = [sys.executable, "-m", "azjobs._main.cli", "vm", "new", "--name", name, "--credential", "vmadmin"]
        reading, writing = os.pipe()
        pid, terminal = pty.fork()
        if pid == 0:
            os.dup2(reading, 0)
            os.execv(  # noqa: S606 - our own command, on the terminal made for it
                sys.executable, [*command, "--password-stdin", "--as-job", "-q"]
            )
        os.close(reading)
        os.write(writing, f"{self.password}\n".encode())
        os.close(writing)
        said = _read_all(terminal)
        os.close(terminal)
        os.waitpid(pid, 0)
        return int(said.split()[-1])

    def start_failing(self, credential: Credential) -> list[Any]:
        """A password that Azure would refuse, and a machine larger than the quota."""
        az = self.az
        chapter("A password that is too simple, and a machine that is too large", "two failures, on purpose")
        weak = Credential("vmadmin", SecureString("password"))
        return [
            az.start_job(make_vm, argument_list=["weak", weak], name="weak"),
            az.new_az_vm(name="Big", size="Standard_D128s_v6", credential=credential, as_job=True),
        ]

    def look(self, jobs: list[Any]) -> None:
        """Get-AzVM while they are made."""
        chapter("Meanwhile", "azjobs job get")
        last = jobs[-1]
        _until(lambda: last.state in FINISHED or self.has_network(), "the networks are made")
        _run("job", "get", "--output", "table")

    def has_network(self) -> bool:
        """Whether the work has come as far as the first network."""
        return any("/virtualnetworks/" in effect["resource_id"] for effect in self.cloud.effects())

    def kill(self, cloud: Any, jobs: list[Any]) -> None:
        """Kill the daemon, before the first machine's last request."""
        chapter("The daemon is killed", "kill -9")
        pid = _daemon_pid()
        os.kill(pid, signal.SIGKILL)
        has_sent = bool(cloud.requests(method="PUT", path_regex="virtualMachines/web00"))
        when = "after" if has_sent else "before"
        say(
            f"Daemon {pid} is gone, {when} the last request of web00. Nobody types anything: the keeper starts another."
        )
        say(f"{sum(job.state not in FINISHED for job in jobs)} of {len(jobs)} machines are under way.")
        chapter("Machines while they are made", "azjobs vm get")
        machines: list[Any] = []
        while len(machines) < WAYS and time.monotonic() - self.begun < LONGEST_S:
            machines = self.az.get_az_vm()
        for machine in machines:
            say(f"{machine.name:<8} {machine.location:<8} {machine.provisioning_state}")

    def wait(self, jobs: list[Any]) -> bool:
        """A live table until everything has ended."""
        chapter("Wait", "azjobs job wait")
        with _live() as show:
            while True:
                _, waiting = self.split(jobs)
                show(jobs)
                if not waiting or time.monotonic() - self.begun > LONGEST_S:
                    return not waiting
                self.az.wait_job(waiting, any=True, timeout=0.5)

    @staticmethod
    def split(jobs: list[Any]) -> tuple[list[Any], list[Any]]:
        """Those that have ended, and the others."""
        waiting = [job for job in jobs if job.state not in FINISHED]
        return [job for job in jobs if job not in waiting], waiting

    def receive(self, jobs: list[Any], failing: list[Any]) -> bool:
        """The results, and what the failures say."""
        chapter("Receive", "azjobs job receive")
        for job in jobs:
            if job.state != "Completed":
                say(f"{job!r}: {job.error}")
                continue
            machine = job.result()
            say(f"{machine.name:<8} {machine.location:<8} {machine.provisioning_state}")
        for job in failing:
            try:
                job.result()
            except AzJobsError as error:
                say(str(error))
        return all(job.state == "Completed" for job in jobs) and all(job.state == "Failed" for job in failing)

    def check(self, cloud: Any) -> bool:
        """What the cloud itself says: nothing was made twice."""
        chapter("The cloud's own journal", "one effect for each resource")
        made = [effect["resource_id"] for effect in cloud.effects() if effect["effect"] == "created"]
        say(f"{len(made)} resources made, {len(made) - len(set(made))} of them twice.")
        say(f"All of it took {time.monotonic() - self.begun:.0f} s.")
        return len(made) == len(set(made))


def make_vm(name: str, vmadmin: Credential) -> Any:
    """What runs in the process of a function job."""
    from azjobs import new_az_vm  # noqa: PLC0415 - in the job's own process

    return new_az_vm(name=name, credential=vmadmin)


def chapter(title: str, command: str) -> None:
    """Begin a chapter."""
    sys.stdout.write(f"\n{title}   ({command})\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Say a line of it."""
    sys.stdout.write(f"  {text}\n")
    sys.stdout.flush()


def _run(*words: str) -> None:
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "azjobs._main.cli", *words], capture_output=True, text=True, check=False
    )
    for line in (done.stdout + done.stderr).splitlines():
        say(line)


@contextlib.contextmanager
def _live() -> Iterator[Callable[[list[Any]], None]]:
    """Show jobs in place on a terminal; elsewhere only how many have ended, when that changes."""
    if not sys.stdout.isatty():
        seen: list[int] = []

        def tell(jobs: list[Any]) -> None:
            ended = sum(job.state in FINISHED for job in jobs)
            if not seen or seen[-1] != ended:
                seen.append(ended)
                say(f"{ended} of {len(jobs)} have ended")

        yield tell
        return
    from rich.live import Live  # noqa: PLC0415 - only where something moves

    with Live(auto_refresh=False) as live:
        yield lambda jobs: live.update(_table(jobs), refresh=True)


def _table(jobs: list[Any]) -> Any:
    from rich.table import Table  # noqa: PLC0415 - only where something moves

    table = Table(box=None, pad_edge=True)
    for title in ("Id", "Name", "State", "What happens"):
        table.add_column(title)
    for job in jobs:
        table.add_row(str(job.id), job.name, str(job.state), job.status_message)
    return table


def _daemon_pid() -> int:
    done = subprocess.run(
        [sys.executable, "-m", "azjobs._main.cli", "daemon", "status", "--output", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    import json  # noqa: PLC0415 - one use

    return int(json.loads(done.stdout)["pid"])


def _read_all(fd: int) -> str:
    said = b""
    with contextlib.suppress(OSError):  # Linux's way to say that nobody holds the other side
        while data := os.read(fd, 4096):
            said += data
    return said.decode(errors="replace")


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline_at = time.monotonic() + LONGEST_S
    while not condition():
        if time.monotonic() > deadline_at:
            raise AzJobsError(f"It took too long until {what}.")
        time.sleep(0.05)


def _end(folder: Path) -> None:
    """End what runs in the throw-away home, and remove it."""
    from azjobs.keeper.launch import run_folder, running_keeper  # noqa: PLC0415
    from azjobs.simulator.launch import stop_simulator  # noqa: PLC0415

    stop_simulator(folder / "simulator")
    keeper = running_keeper(run_folder(folder))
    if keeper is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGTERM)
            _until(lambda: running_keeper(run_folder(folder)) is None, "the keeper ended")
    shutil.rmtree(folder, ignore_errors=True)
