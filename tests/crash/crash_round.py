"""One round: a fresh home, a mix of jobs, one process or two killed at an edge, and all has to end as it should.

The rounds of one site share an embedded cloud; each has resource groups of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any
from zlib import crc32

import crash_killing
import crash_mix
from crash_edges import EDGES, TAKING_OVER, Kill

from azjobs.core.job import BatchWork, Job, PlanWork
from azjobs.core.layout import Layout
from azjobs.core.states import FINISHED, Blocked, QuestionKind, Running
from azjobs.keeper.launch import run_folder, running_daemon
from azjobs.simulator.control import ControlClient
from azjobs.simulator.launch import ensure_simulator, stop_simulator
from azjobs.store.reader import read_jobs
from terminal import Home, Shell, wait_until

HERE = Path(__file__).parent
STANDING = ("standing-a", "standing-b", "standing-c")  # the first is restarted alone, the others by a batch
ROUND_S = 120.0  # by then a round is over on the busiest machine, or something hangs
PAUSE_S = 0.05  # between two looks, which cost more than a condition of an ordinary test
LEFT_S = 10.0  # how long a process may take to leave
BOOT = """\
import sys
sys.path.insert(0, {here!r})
import crash_killing
del sys.path[0]
crash_killing.install({patch!r})
"""
KEEPER = f"""{BOOT}
import importlib.util
spec = importlib.util.spec_from_file_location("azjobs_keeper", {{keeper!r}})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
sys.exit(module.main())
"""
#: How long the product waits for those who come back; shorter here, so that a round is.
CONSTANTS = {
    "azjobs.daemon.serving.callers": {"CALLER_GRACE_S": 0.5},
    "azjobs.daemon.processes.job_processes": {"STOP_GRACE_S": 0.5},
    "azjobs.core.lro": {"RESOURCE_DELAY_S": 0.3},
}


class Site:
    """An embedded cloud for many rounds, with machines that stand there from the beginning."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.simulator = folder / "simulator"
        self.simulator.mkdir(mode=0o700)
        self._rounds = 0
        self.cloud = ControlClient.of(ensure_simulator(self.simulator))
        self.cloud.quota(1_000_000)
        self.cloud.limits(enforced=False)
        self.cloud.retry_after(0)
        self.cloud.time("at-once")
        self._make_standing()
        self.cloud.time(kinds={"vm-create": {"mode": "seconds", "seconds": 0.2}})

    def round(self, kills: Iterable[Kill], *, is_census: bool = False) -> Round:
        """Prepare a round."""
        self._rounds += 1
        return Round(self, f"round{self._rounds}", tuple(kills), is_census=is_census)

    def close(self) -> None:
        """Stop the cloud."""
        stop_simulator(self.simulator)

    def _make_standing(self) -> None:
        made = Round(self, "standing", ())
        code = f"""
import azjobs as az
az.connect_az_account(environment="AzureSimulator")
secret = az.Credential("vmadmin", az.SecureString({crash_mix.PASSWORD!r}))
for name in {STANDING!r}:
    az.new_az_vm(name, resource_group_name={crash_mix.STANDING_GROUP!r}, credential=secret)
"""
        subprocess.run([sys.executable, "-c", code], env=made.environment, check=True, timeout=ROUND_S)
        made.end()


class Round:
    """One home, from its first process to its last."""

    def __init__(self, site: Site, name: str, kills: tuple[Kill, ...], *, is_census: bool = False) -> None:
        self.site = site
        self.name = name
        self.folder = site.folder / name
        self.patch = self.folder / "patch"
        self.home = Home(self.folder / "home")
        self.layout = Layout(self.home.folder)
        for folder in (self.folder, self.home.folder, self.patch):
            folder.mkdir(mode=0o700)
        (self.home.folder / "simulator").symlink_to(site.simulator)
        effects = site.cloud.effects()
        self._seen = effects[-1]["seq"] if effects else 0
        self._write_patch()
        self.arm(kills, is_census=is_census)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the round's processes."""
        return {**os.environ, "AZJOBS_HOME": str(self.home.folder), "PYTHONPATH": str(self.patch)}

    def arm(self, kills: Iterable[Kill], *, is_census: bool = False, victim: str = "") -> None:
        """Say what is killed; processes that start from now on know of it. The pace of the client comes with it.

        `victim`: a file with the pid of whom to kill in place of whoever passes the edge.
        """
        kills = tuple(kills)
        self.pace = (crash_mix.PATIENT, crash_mix.HASTY)[crc32("+".join(map(str, kills)).encode()) % 2]
        plan = {
            "kills": [{"edge": kill.edge, "side": kill.side, "nth": kill.nth, "victim": victim} for kill in kills],
            "is_census": is_census,
            "edges": [*EDGES, *TAKING_OVER],
            "constants": CONSTANTS,
        }
        (self.patch / crash_killing.PLAN_FILE).write_text(json.dumps(plan))

    def play(self) -> None:
        """Let the client submit and leave, then let everything end: start again what is needed, answer what asks."""
        mix = [sys.executable, str(HERE / "crash_mix.py"), str(self.folder), self.name, self.pace, *STANDING]
        with (self.folder / "client.log").open("wb") as log:
            subprocess.run(mix, env=self.environment, stdout=log, stderr=log, timeout=ROUND_S, check=False)
        wait_until(self._has_ended, timeout_s=ROUND_S, what="every job has ended", pause_s=PAUSE_S)

    def end(self) -> dict[int, str]:
        """Tell keeper and daemon to end; returns what was left behind then, killed now."""
        for pid, line in self.processes().items():
            if crash_killing.KEEPER_FILE in line.partition(" -- ")[0]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
        try:
            wait_until(lambda: not self.processes(), timeout_s=LEFT_S, pause_s=PAUSE_S)
        except AssertionError:
            left = self.processes()
            self.kill_all()
            return left
        return {}

    def kill_all(self) -> None:
        """Kill whatever is left: keepers first, since they start daemons again."""

        def clear() -> bool:
            found = self.processes()
            for pid in sorted(found, key=lambda pid: crash_killing.KEEPER_FILE not in found[pid]):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not found

        wait_until(clear, what="everything is killed")

    def forget(self) -> None:
        """Remove the round's files."""
        shutil.rmtree(self.folder)

    # What there is to be seen

    def jobs(self) -> list[Job]:
        """Every job in the store, attached ones too."""
        file = self.layout.store_file
        if not file.exists():
            return []
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
            try:
                uuids = [uuid for (uuid,) in db.execute("SELECT uuid FROM jobs")]
            except sqlite3.OperationalError:  # its tables are not made yet
                return []
        return read_jobs(file, uuids=uuids)

    @cached_property
    def said(self) -> dict[str, dict[str, str]]:
        """What the client said, once it has ended: word, name, rest."""
        found: dict[str, dict[str, str]] = {}
        file = self.folder / "said"
        for line in file.read_text().splitlines() if file.exists() else ():
            word, name, *rest = line.split(" ", 2)
            found.setdefault(word, {})[name] = rest[0].strip() if rest else ""
        return found

    def killed(self) -> list[dict[str, Any]]:
        """Which processes were killed so far: role, pid, edge, side."""
        return [json.loads(file.read_text()) for file in sorted(self.patch.glob("killed-*"))]

    def passed(self) -> set[str]:
        """The edges that were passed, in a census."""
        return {line.split(" ", 1)[1].rpartition(" ")[0] for line in self._passed_file.read_text().splitlines()}

    def lines(self, name: str) -> list[str]:
        """What a job's script wrote."""
        file = self.folder / f"{name}.lines"
        return file.read_text().splitlines() if file.exists() else []

    def effects(self) -> list[tuple[str, str]]:
        """What was really done in the cloud since the round began: resource ids, in lower case, and effects."""
        return [(e["resource_id"], e["effect"]) for e in self.site.cloud.effects(since=self._seen)]

    def forget_when_it_began(self) -> None:
        """From now on everything that was ever done in the cloud counts as done by this round."""
        self._seen = 0

    def processes(self) -> dict[int, str]:
        """Every process that has this round's folder in its command line or environment."""
        found, own = {}, os.fsencode(f"{self.folder}/")
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    line = (entry / "cmdline").read_bytes()
                    if own in line or own in (entry / "environ").read_bytes():
                        found[int(entry.name)] = line.replace(b"\0", b" ").decode(errors="replace")
        return found

    @property
    def _passed_file(self) -> Path:
        return self.patch / crash_killing.PASSED_FILE

    def _write_patch(self) -> None:
        names = {"here": str(HERE), "patch": str(self.patch)}
        keeper = HERE.parents[1] / "src" / "azjobs" / "_main" / "keeper.py"
        (self.patch / "sitecustomize.py").write_text(BOOT.format(**names))
        (self.patch / crash_killing.KEEPER_FILE).write_text(KEEPER.format(**names, keeper=str(keeper)))

    # What keeps it going

    def _has_ended(self) -> bool:
        """Whether every job has; what blocks is answered, and a daemon that nobody starts again is started."""
        is_left = not self._is_asked_for_more()  # before the jobs are looked at: there will be no others
        jobs = self.jobs()
        for job in jobs:
            if job.name in crash_mix.ENDLESS and job.id is not None and isinstance(job.state, Running | Blocked):
                self._shell(f"azjobs job stop {job.id}")  # the client was killed before it could
            elif isinstance(job.state, Blocked) and not isinstance(job.work, BatchWork):  # its children ask
                self._answer(job)
        has_ended = all(job.state_name in FINISHED and job.id is not None for job in jobs)
        if not has_ended and not self._is_kept():
            self._shell("azjobs job get")
        return has_ended and is_left

    def _is_asked_for_more(self) -> bool:
        """Whether the client is still there, or its child, which goes on without it."""
        return any("crash_mix.py" in line for line in self.processes().values())

    def _is_kept(self) -> bool:
        """Whether a daemon runs or is being started: then nobody has to ask for one."""
        return running_daemon(run_folder(self.home.folder)) is not None or any(
            crash_killing.KEEPER_FILE in line.partition(" -- ")[0] for line in self.processes().values()
        )

    def _answer(self, job: Job) -> None:
        """As a user would: the password again, the environment again; of an unanswered request what the cloud says."""
        assert isinstance(job.state, Blocked)
        line, stdin = f"azjobs job answer {job.id}", None
        if job.state.question.kind is QuestionKind.UNANSWERED:
            has_effect = any(what.endswith(f"/{job.target}") and how == "restarted" for what, how in self.effects())
            line += " --choice done" if has_effect else " --choice again"
        elif job.state.question.kind is QuestionKind.SIGN_IN:
            line = "azjobs account connect --environment AzureSimulator"
        elif isinstance(job.work, PlanWork):
            line, stdin = f"{line} --password-stdin", f"{crash_mix.PASSWORD}\n"
        if job.id is not None:
            self._shell(line, stdin=stdin)

    def _shell(self, line: str, *, stdin: str | None = None) -> None:
        """Type a line in another terminal; it may be refused, if what it is about has changed meanwhile."""
        shell = Shell(self.home, "terminal-1")
        shell.environment["PYTHONPATH"] = str(self.patch)
        shell(line, stdin=stdin)
