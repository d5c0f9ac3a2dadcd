"""What belongs to a session ends with it, not before, and costs nothing afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from azjobs.store.reader import read_jobs
from terminal import Home, Python, Shell, wait_until


def cpu_ticks(pid: int) -> int:
    """How much the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_several_first_submits_of_a_session_that_ends_leave_a_quiet_daemon(shell: Shell, home: Home) -> None:
    """Four at once make one watch of the session's leader; its end is noticed once."""
    script = "for i in 1 2 3 4; do azjobs job start -q -- true & done; wait"
    environment = {k: v for k, v in shell.environment.items() if k != "AZJOBS_SESSION"}
    done = subprocess.run(["setsid", "-w", "bash", "-c", script], env=environment, check=False, capture_output=True)
    assert done.returncode == 0, done
    wait_until(lambda: all(job.state_name == "Completed" for job in read_jobs(home.folder / "store.db")))
    assert shell("azjobs daemon status").code == 0
    before = cpu_ticks(home.process("_main.daemon"))
    for _ in range(3):
        assert shell("azjobs daemon status").code == 0
    assert cpu_ticks(home.process("_main.daemon")) - before < 50, "half a second of CPU for three questions"
    assert "KeyError" not in (home.folder / "logs" / "daemon.log").read_text()


def signed_in_without_autosave(shell: Shell) -> None:
    """Sign in for this session only."""
    assert shell("azjobs context-autosave disable --scope Process").code == 0
    assert shell("azjobs account connect --environment AzureSimulator").code == 0
    assert shell("azjobs vm get").code == 0


def test_the_sign_in_of_a_named_session_outlives_its_jobs(shell: Shell) -> None:
    """A session that was given a name ends when its user says so, not when a job of it has ended."""
    signed_in_without_autosave(shell)
    assert shell("azjobs job start -q -- true").code == 0
    assert shell("azjobs job wait 1").code == 0
    assert shell("azjobs vm get").code == 0


def test_a_job_that_ended_while_no_daemon_ran_takes_no_sign_in_along(shell: Shell) -> None:
    """The next daemon settles the job, and the living session is still signed in."""
    signed_in_without_autosave(shell)
    assert shell("azjobs job start -q -- sleep 0.3").code == 0
    assert shell("azjobs daemon stop").code == 0
    wait_until(lambda: shell("azjobs job get 1 --output json").json["state"] == "Completed")
    assert shell("azjobs vm get").code == 0


def test_a_call_that_was_interrupted_after_the_daemon_died_stays_as_a_job(
    signed_in: Shell, home: Home, python: Python
) -> None:
    """Blocking, then kill -9 of the daemon, then Ctrl-C: the job shows itself, completes and stays."""
    home.cloud.time("at-once", kinds={"vm-create": {"mode": "held"}})
    program = subprocess.Popen(
        [
            *python.command[:-1],
            python.command[-1]
            + 'az.new_az_vm(name="MyVm", credential=az.Credential("vmadmin", az.SecureString("Pa55-word-long")))',
        ],
        env=python.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    home.cloud.wait_for_requests(method="PUT", path_regex="virtualMachines/MyVm", timeout_s=20, answered=True)
    before = home.kill("_main.daemon")
    wait_until(lambda: signed_in("azjobs daemon status").code == 0 and home.process("_main.daemon") != before)
    os.kill(program.pid, signal.SIGINT)
    _, err = program.communicate(timeout=30)
    assert "goes on" in err
    home.cloud.finish()
    assert signed_in("azjobs job wait 1").code == 0
    wait_until(lambda: "Succeeded" in signed_in("azjobs job result 1").out)
    assert len(signed_in("azjobs job get").json) == 1
