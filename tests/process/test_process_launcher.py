"""Starting: who may die, and what goes on all the same."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import job_functions as functions
import msgspec
import pytest
from process_site import LoopThread, RunningJob, Site, is_gone, is_locked, wait_until

from azjobs.core.job import ProcessKind
from azjobs.core.journal import Information, Outcome
from azjobs.process import pool, spawn
from azjobs.process.identity import has_ended
from azjobs.process.interpreter import Interpreter, interpreter_key, relevant_environment
from azjobs.process.journal import is_alive
from azjobs.process.launcher import Exited, ForkLauncher, Launcher, StandbyLauncher, default_launcher
from azjobs.process.offer import Started, StartProcess
from azjobs.process.payload import dump
from azjobs.process.spawn import LaunchFailed
from azjobs.process.table import list_processes


@contextlib.contextmanager
def own_site(site: Site, kind: type = ForkLauncher, **settings: float) -> Iterator[Site]:
    """Give a site with a launcher of its own, which is closed at the end."""

    async def make() -> Launcher:
        return kind(lambda exited: site.ends[exited.job_id].set_result(exited), **settings)

    own = Site(site.folder, site.thread, site.thread.run(make()), site.ends)
    try:
        yield own
    finally:
        site.thread.run(own.launcher.close())
        own.end_all()


def warm_pid(site: Site, process: StartProcess) -> int:
    """The pid of the warm parent that starts such a job."""
    return site.thread.run(site.launcher.warm(process.key))


def children_of(pid: int) -> list[int]:
    """Living children."""
    return [process.pid for process in list_processes() if process.parent == pid and not process.is_zombie]


def test_a_killed_warm_parent_takes_nothing_with_it(site: Site, tmp_path: Path) -> None:
    """A job goes on, its result is in the journal, its end is told without a status; the next has a new parent."""
    flag = tmp_path / "flag"
    with own_site(site) as own:
        job = own.call(functions.hold_on, str(flag))
        parent = warm_pid(own, own.process(ProcessKind.FUNCTION))
        job.wait_for_text("running")
        os.kill(parent, signal.SIGKILL)
        wait_until(lambda: is_gone([parent]), "the parent is gone")
        assert is_alive(job.journal)
        later = own.call(functions.add, 1, 2)
        assert later.output() == [3]
        flag.touch()
        assert (job.output(), job.end().outcome) == (["done"], Outcome.COMPLETED)
        assert job.exited() == Exited(job.journal.stem, *job.started, None)
        assert warm_pid(own, own.process(ProcessKind.FUNCTION)) != parent


def test_a_warm_parent_that_was_killed_just_now_is_not_asked_again(site: Site) -> None:
    """The loop has not heard of its end yet when a job is to be started: the job gets a new parent all the same."""
    with own_site(site) as own:
        process = own.process(ProcessKind.FUNCTION, payload=dump(functions.add, (1, 2)))
        parent = warm_pid(own, process)

        async def kill_and_start() -> Started:
            os.kill(parent, signal.SIGKILL)
            wait_until(lambda: is_gone([parent]), "the parent is gone")  # and the loop stands still
            return await own.launcher.start(process)

        started = own.thread.run(kill_and_start())
        job = RunningJob(process.journal, started, Future())
        assert job.output() == [3]


def test_jobs_go_on_when_the_daemon_is_killed(site: Site, tmp_path: Path) -> None:
    """Kill -9 of everything but the job itself: its value and its end are in the journal."""
    flag = tmp_path / "flag"
    code = """
import asyncio, os, sys
from pathlib import Path
import job_functions
from azjobs.core.job import ProcessKind
from azjobs.process.frames import StartMessage
from azjobs.process.interpreter import interpreter_key
from azjobs.process.launcher import ForkLauncher, StandbyLauncher, StartProcess
from azjobs.process.payload import dump
async def main():
    for kind in (ForkLauncher, StandbyLauncher):
        launcher = kind(print)
        journal = Path(sys.argv[1]) / f"{kind.__name__}.journal"
        message = StartMessage(journal=str(journal), kind=ProcessKind.FUNCTION, environ=dict(os.environb), folder=b"/",
            umask=0, sys_path=sys.path, payload=dump(job_functions.hold_on, (sys.argv[2],)))
        start = StartProcess(job_id=kind.__name__, journal=journal, interpreter=interpreter_key(), message=message)
        print(*await launcher.start(start), flush=True)
        await asyncio.sleep(0.2)  # so that the spares are there too
    await asyncio.sleep(60)
asyncio.run(main())
"""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    daemon = subprocess.Popen([sys.executable, "-c", code, tmp_path, flag], stdout=subprocess.PIPE, env=environ)
    assert daemon.stdout is not None
    jobs = []
    for name in ("ForkLauncher", "StandbyLauncher"):
        pid, started = map(int, daemon.stdout.readline().split())
        jobs.append(RunningJob(tmp_path / f"{name}.journal", (pid, started), Future()))  # type: ignore[arg-type]
        jobs[-1].wait_for_text("running")

    def of_daemon() -> list[int]:
        found = [process.pid for process in list_processes() if process.parent == daemon.pid]
        return [pid for pid in found if pid != jobs[1].started[0]]

    wait_until(lambda: len(of_daemon()) == 2, "the warm parent, and the next standby")
    others = of_daemon()
    spares = [pid for parent in others for pid in children_of(parent) if pid != jobs[0].started[0]]
    assert len(spares) == 1
    daemon.kill()
    daemon.communicate()
    wait_until(lambda: is_gone([*others, *spares]), "warm parent, spare and standby leave with the daemon")
    assert all(is_alive(job.journal) for job in jobs)
    flag.touch()
    assert [(job.output(), job.end().outcome) for job in jobs] == [(["done"], Outcome.COMPLETED)] * 2


def test_a_closed_launcher_leaves_its_jobs(site: Site, tmp_path: Path) -> None:
    """They end as they would have."""
    flag = tmp_path / "flag"
    for kind in (ForkLauncher, StandbyLauncher):
        flag.unlink(missing_ok=True)
        with own_site(site, kind) as own:
            job = own.call(functions.hold_on, str(flag))
            job.wait_for_text("running")
            own.thread.run(own.launcher.close())
            flag.touch()
            assert (job.output(), job.ended.done()) == (["done"], False)
            wait_until(lambda: has_ended(*job.started), "the process ends")  # noqa: B023 - used at once


def test_a_killed_spare_costs_nothing(site: Site) -> None:
    """The next job gets a process of its own, and another spare is made."""
    with own_site(site) as own:
        parent = warm_pid(own, own.process(ProcessKind.FUNCTION))
        wait_until(lambda: len(children_of(parent)) == 1, "a spare is there")
        (spare,) = children_of(parent)
        os.kill(spare, signal.SIGKILL)
        wait_until(lambda: is_gone([spare]), "the spare is gone")
        job = own.call(functions.add, 1, 2)
        assert (job.output(), job.exited().exit_code) == ([3], 0)
        wait_until(lambda: len(children_of(parent)) == 1, "a new spare is there")
        (spare,) = children_of(parent)
        job = own.call(functions.add, 1, 2)
        assert (job.pid, job.output()) == (spare, [3])


def test_who_waited_for_a_job_finds_the_next_process_ready(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of the job that was started last is the occasion for another spare: no silence is waited for."""
    monkeypatch.setattr(pool, "_MODULE", "patient_parent")
    environ = {**os.environb, b"PYTHONPATH": os.fsencode(Path(__file__).parent)}
    with own_site(site) as own:
        parent = warm_pid(own, own.process(ProcessKind.FUNCTION, environ=environ))
        for _ in range(3):
            wait_until(lambda: len(children_of(parent)) == 1, "a spare is there")
            (spare,) = children_of(parent)
            job = own.call(functions.add, 1, 2, environ=environ)
            assert (job.pid, job.output(), job.exited().exit_code) == (spare, [3], 0)


def test_many_jobs_at_once_all_run(any_site: Site) -> None:
    """With or without a spare, each in a process of its own, each end told once."""
    count = 12 if isinstance(any_site.launcher, ForkLauncher) else 3
    processes = [any_site.process(ProcessKind.FUNCTION, payload=dump(functions.add, (n, n))) for n in range(count)]

    async def start_all() -> list[tuple[int, int]]:
        return await asyncio.gather(*(any_site.launcher.start(process) for process in processes))

    started = any_site.thread.run(start_all())
    jobs = [RunningJob(p.journal, s, any_site.ends[p.job_id]) for p, s in zip(processes, started, strict=True)]
    assert [job.output() for job in jobs] == [[2 * n] for n in range(count)]
    assert [job.exited() for job in jobs] == [Exited(p.job_id, *s, 0) for p, s in zip(processes, started, strict=True)]
    assert len({job.pid for job in jobs}) == count


def test_a_large_payload_arrives_whole(any_site: Site) -> None:
    """Larger than any socket's buffer."""
    data = os.urandom(3_000_000)
    job = any_site.call(lambda data: [len(data), data == bytes(data)], data)
    assert job.output() == [[3_000_000, True]]


def test_a_job_is_started_once(any_site: Site) -> None:
    """A second start under the same id is refused, and does not touch the first."""
    process = any_site.process(ProcessKind.FUNCTION, payload=dump(functions.add, (1, 2)))
    job = any_site.start(process)
    with pytest.raises(FileExistsError):
        any_site.start(process)
    assert job.output() == [3]


def test_an_interpreter_that_cannot_run_jobs_is_named(any_site: Site, tmp_path: Path) -> None:
    """One sentence, with what it said last; and no journal is left."""
    missing = msgspec.structs.replace(interpreter_key(), executable=str(tmp_path / "python"))
    with pytest.raises(LaunchFailed, match=r"python cannot be executed: No such file or directory\."):
        any_site.call(functions.add, 1, 2, interpreter=missing)
    bare = msgspec.structs.replace(interpreter_key(), options=("-S",))
    with pytest.raises(LaunchFailed, match=r"cannot run jobs: .*No module named"):
        any_site.call(functions.add, 1, 2, interpreter=bare)
    assert not any(path.suffix for path in any_site.folder.iterdir())


def test_a_job_runs_in_the_interpreter_of_its_caller(site: Site, tmp_path: Path) -> None:
    """With the options it was started with; and a warm parent whose packages changed is replaced."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
    python = str(tmp_path / "v" / "bin" / "python")
    code = (
        "import json, sys, msgspec; from azjobs.process.interpreter import interpreter_key;"
        "print(msgspec.json.encode([interpreter_key(), sys.path]).decode())"
    )
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = tmp_path / "v" / "lib" / version / "site-packages"
    site_packages = [sysconfig.get_paths()["purelib"], str(Path(spawn.__file__).parents[2])]
    (library / "ours.pth").write_text("\n".join(site_packages))
    printed = subprocess.run(
        [python, "-O", "-X", "utf8", "-W", "error::UserWarning", "-c", code], capture_output=True, check=True
    )
    interpreter, path = msgspec.json.decode(printed.stdout, type=tuple[Interpreter, list[str]])
    assert interpreter.options[-3:] == ("-O", "-Xutf8", "-Werror::UserWarning")
    with own_site(site) as own:
        ask = {"interpreter": interpreter, "sys_path": [str(Path(__file__).parent), *path]}
        job = own.call(
            lambda: [sys.executable, sys.prefix, sys.flags.optimize, sys.flags.utf8_mode, sys.warnoptions], **ask
        )
        assert job.output() == [[python, str(tmp_path / "v"), 1, 1, ["error::UserWarning"]]]
        process = own.process(ProcessKind.FUNCTION, interpreter=interpreter)
        first = warm_pid(own, process)
        assert warm_pid(own, process) == first
        (library / "new-1.0.dist-info").mkdir()
        second = warm_pid(own, process)
        assert second != first
        wait_until(lambda: is_gone([first]), "the old parent leaves, since no child of its runs")


def test_the_least_recently_used_warm_parent_goes(site: Site, tmp_path: Path) -> None:
    """There are at most so many; one with a running job stays until that has ended, so that its status is told."""
    flag = tmp_path / "flag"

    def process(number: int) -> StartProcess:
        payload = dump(functions.hold_on, (str(flag),))
        environ = {**os.environb, b"PYTHONHASHSEED": b"%d" % number}
        return own.process(ProcessKind.FUNCTION, payload=payload, environ=environ)

    with own_site(site, max_parents=2) as own:
        job = own.start(process(1))
        first, second = warm_pid(own, process(1)), warm_pid(own, process(2))
        third = warm_pid(own, process(3))
        assert not is_gone([first])  # its job runs
        assert warm_pid(own, process(2)) == second
        assert warm_pid(own, process(3)) == third
        flag.touch()
        assert job.exited().exit_code == 0
        wait_until(lambda: is_gone([first]), "the retired parent leaves")
        assert warm_pid(own, process(1)) not in {first, second, third}
        wait_until(lambda: is_gone([second]), "the next least recently used one leaves")


def test_an_idle_warm_parent_goes(site: Site) -> None:
    """Memory is given back when nobody starts jobs."""
    with own_site(site, idle_s=0.05) as own:
        process = own.process(ProcessKind.FUNCTION)
        first = warm_pid(own, process)
        wait_until(lambda: is_gone([first]), "it leaves")
        assert warm_pid(own, process) != first


def test_a_warm_parent_has_no_payload_no_secret_and_one_thread(site: Site) -> None:
    """Its environment holds only what changes how an interpreter starts."""
    environ = {**os.environb, b"MY_SECRET": b"hunter2", b"LC_ALL": b"C.UTF-8", b"HOME": b"/root"}
    with own_site(site) as own:
        job = own.call(functions.add, 1, 2, environ=environ)
        assert job.output() == [3]
        parent = warm_pid(own, own.process(ProcessKind.FUNCTION, environ=environ))
        seen = Path(f"/proc/{parent}/environ").read_bytes()
        assert b"hunter2" not in seen
        assert {b"LC_ALL=C.UTF-8", b"HOME=/root"} <= set(seen.split(b"\0"))
        assert len(list(Path(f"/proc/{parent}/task").iterdir())) == 1


def test_the_variables_of_an_interpreter_are_picked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that Python, the loader and the C library read before our code runs; no other."""
    environ = {b"PYTHONPATH": b"p", b"LD_PRELOAD": b"l", b"LANG": b"C", b"PATH": b"/bin", b"TOKEN": b"t"}
    assert relevant_environment(environ) == ((b"LANG", b"C"), (b"LD_PRELOAD", b"l"), (b"PYTHONPATH", b"p"))


def test_azure_jobs_are_forked_from_a_parent_that_has_the_sdk(site: Site) -> None:
    """A second, larger warm parent; the small one stays small."""
    with own_site(site) as own:
        for azure in (False, True):
            process = own.process(ProcessKind.FUNCTION, payload=dump(lambda: "azure.core" in sys.modules))
            process = StartProcess(
                job_id=process.job_id,
                journal=process.journal,
                interpreter=process.interpreter,
                message=process.message,
                azure=azure,
            )
            assert own.start(process).output() == [azure]


def test_a_fork_in_c_code_does_not_keep_a_dead_job_alive(site: Site, tmp_path: Path) -> None:
    """Nothing tells Python of such a fork, so the copy keeps the lock; but it is not the job."""
    flag = tmp_path / "flag"
    job = site.call(functions.fork_in_c, str(flag))
    job.exited()
    assert (is_locked(job.journal), is_alive(job.journal)) == (True, False)
    (pid,) = (int(record.text) for record in job.records() if isinstance(record, Information))
    flag.touch()
    wait_until(lambda: is_gone([pid]), "the copy ends")


def test_each_system_has_its_means(loop_thread: LoopThread, monkeypatch: pytest.MonkeyPatch) -> None:
    """On macOS nothing can go on after a fork without exec; everywhere else the fork is the faster."""

    async def make() -> type:
        launcher = default_launcher(lambda exited: None)
        await launcher.close()
        return type(launcher)

    assert loop_thread.run(make()) is ForkLauncher
    monkeypatch.setattr(sys, "platform", "darwin")
    assert loop_thread.run(make()) is StandbyLauncher
