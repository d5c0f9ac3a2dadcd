"""Stopping a tree: asked first, then nothing of it is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import job_functions as functions
import pytest
from process_site import LoopThread, RunningJob, Site, is_gone, wait_until

from azjobs.core.journal import Outcome
from azjobs.process import table
from azjobs.process.exits import wait_exit
from azjobs.process.identity import has_ended, start_time
from azjobs.process.journal import is_alive, load_end
from azjobs.process.stop import StopResult, kill_marked, stop_tree
from azjobs.process.table import descendants, list_processes

#: A process that survives SIGTERM, says so, and goes on for long.
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"


def stop(site: Site, job: RunningJob, grace_s: float) -> StopResult:
    """Stop a job."""
    return site.thread.run(stop_tree(*job.started, grace_s))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no environment of others can be read")
def test_who_has_the_mark_is_killed_with_all_that_came_from_it(site: Site) -> None:
    """Also a child that dropped it from its environment; whoever has another mark goes on."""
    code = "env -i sleep 60 & echo $!; setsid sleep 60 & echo $!; wait"
    trees = [
        subprocess.Popen(["sh", "-c", code], env={**os.environ, "MARK": mark}, stdout=subprocess.PIPE, text=True)
        for mark in ("mine", "mine too")
    ]
    pids = [[tree.pid, *(int(tree.stdout.readline()) for _ in range(2))] for tree in trees if tree.stdout]
    try:
        wait_until(lambda: len(descendants(list_processes(), {tree.pid for tree in trees})) == 4, "all run")
        site.thread.run(kill_marked(b"MARK=mine"))
        assert is_gone(pids[0])
        assert not any(is_gone([pid]) for pid in pids[1])
    finally:
        site.thread.run(kill_marked(b"MARK=mine too"))
        for tree in trees:
            tree.communicate()


def test_a_job_that_answers_ends_by_itself(site: Site) -> None:
    """It cleans up and writes its end within the grace."""
    job = site.call(functions.wait_for_stop)
    job.wait_for_text("running")
    assert stop(site, job, 20) is StopResult.ASKED
    assert (job.told()[-1], job.end().outcome) == ("information: cleaned up", Outcome.STOPPED)


def test_a_job_that_does_not_answer_is_killed_with_all_that_came_from_it(site: Site) -> None:
    """Also a grandchild in a session of its own, and one that lost its parent; only then is the stop over."""
    job = site.call(functions.sleep_and_ignore)
    job.wait_for_text("armed")
    pids = [int(text) for text in job.printed() if text.isdecimal()]
    assert len(pids) == 2
    assert not any(has_ended(pid, start_time(pid) or 0) for pid in pids)
    assert stop(site, job, 0.05) is StopResult.KILLED
    assert is_gone([job.pid, *pids])
    assert (is_alive(job.journal), load_end(job.journal)) == (False, None)


def test_stopping_a_command_stops_what_it_started(any_site: Site) -> None:
    """The command is asked; a process of its that ignores this, in another session, is killed."""
    inner = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], start_new_session=True)"
    script = f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {inner!r}])\ntime.sleep(60)"
    job = any_site.command(sys.executable, "-c", script)
    wait_until(lambda: b"ready" in job.journal.read_bytes(), "the grandchild is ready")
    wait_until(lambda: len(descendants(list_processes(), {job.pid})) == 2, "the process in between has gone")
    tree = [process.pid for process in descendants(list_processes(), {job.pid})]
    assert stop(any_site, job, 20) is StopResult.ASKED
    assert job.end().outcome is Outcome.STOPPED
    assert is_gone([job.pid, *tree])


def test_a_suspended_job_can_be_stopped(site: Site) -> None:
    """It is woken so that it can answer."""
    job = site.call(functions.wait_for_stop)
    job.wait_for_text("running")
    os.kill(job.pid, signal.SIGSTOP)
    assert stop(site, job, 20) is StopResult.ASKED
    assert job.end().outcome is Outcome.STOPPED


def test_another_process_under_the_same_pid_is_left_alone(loop_thread: LoopThread) -> None:
    """The start time decides, not the pid."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = start_time(process.pid)
        assert started is not None
        assert loop_thread.run(stop_tree(process.pid, started + 1, 1)) is StopResult.GONE
        assert process.poll() is None


def test_stopping_what_has_ended_does_nothing(site: Site) -> None:
    """A second stop, or one that comes too late, is no error."""
    job = site.call(functions.add, 1, 2)
    job.exited()
    assert stop(site, job, 1) is StopResult.GONE
    assert job.end().outcome is Outcome.COMPLETED


def test_a_process_is_known_by_its_start_time(loop_thread: LoopThread) -> None:
    """None for a pid that is not there; a zombie is there, but has ended."""
    process = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    started = start_time(process.pid)
    assert started is not None
    assert not loop_thread.run(wait_exit(process.pid, started, 0.01))
    assert loop_thread.run(wait_exit(process.pid, started - 1, 0.01))
    assert not has_ended(process.pid, started)
    process.kill()
    assert loop_thread.run(wait_exit(process.pid, started, 20))
    wait_until(lambda: has_ended(process.pid, started), "a zombie has ended")
    assert start_time(process.pid) == started
    process.communicate()
    assert start_time(process.pid) is None
    assert loop_thread.run(wait_exit(process.pid, started))


def test_both_ways_to_list_processes_agree() -> None:
    """`ps`, for systems without /proc, tells the same about this process and its parent."""
    own = {process.pid: process for process in list_processes()}
    asked = {process.pid: process for process in table._from_ps()}
    for pid in (1, *own):
        if pid in asked and pid in own and not own[pid].is_zombie:
            assert asked[pid].start_time == own[pid].start_time
    assert asked[os.getpid()] == own[os.getpid()]


@pytest.mark.parametrize("roots", [{1}, {1, 2}, {4}])
def test_descendants_are_found_at_any_depth(roots: set[int]) -> None:
    """Without the roots themselves."""
    parents = {2: 1, 3: 2, 4: 3, 5: 1, 6: 99}
    everyone = [table.Process(pid, parent, 0, 0, is_zombie=False) for pid, parent in parents.items()]
    expected = {1: {2, 3, 4, 5}, 2: {3, 4}, 4: set()}
    found = {process.pid for process in descendants(everyone, roots)}
    assert found == set.union(*(expected[root] for root in roots)) - roots
