"""C. Looking, waiting, receiving: the transcripts, as users type them."""

from __future__ import annotations

import json
import textwrap

import pytest

from terminal import Home, Python, Shell, matches, visible, wait_until

PASSWORD = "Pa55-word-long"


@pytest.fixture
def admin(signed_in: Shell) -> Shell:
    """The shell, signed in, with a credential named admin."""
    done = signed_in("azjobs credential get --name admin --username vmadmin --password-stdin", stdin=f"{PASSWORD}\n")
    assert done.code == 0, done
    return signed_in


def test_c1_the_table_of_jobs_and_its_other_views(admin: Shell) -> None:
    """C1: a table on a terminal, PowerShell's columns on request, JSON in camelCase."""
    assert admin("azjobs vm new --name MyVm --credential admin --as-job -q").out == "1\n"
    assert admin("azjobs job start --name nightly -q -- sleep 60").out == "2\n"
    assert admin("azjobs job wait 1").code == 0
    lines = admin.tty("azjobs job get").out.splitlines()
    assert lines[0].split() == ["Id", "Name", "State", "Context", "Target", "Elapsed", "More"]
    assert matches("1 New-AzVM MyVm Completed Rehearsal MyVm 0:0… yes", lines[1]), lines
    assert matches("2 nightly Running Rehearsal 0:0…", lines[2]), lines
    header = admin.tty("azjobs job get --view powershell").out.splitlines()[0]
    assert header.split() == ["Id", "Name", "PSJobTypeName", "State", "HasMoreData", "Location", "Command"]
    job = admin("azjobs job get 1 --output json").json
    assert {
        "id", "instanceId", "name", "jobType", "state", "remoteState", "hasMoreData", "context", "target",
        "command", "location", "statusMessage", "beginTime", "endTime", "error",
    } <= job.keys()  # fmt: skip
    assert (job["jobType"], job["state"], job["hasMoreData"]) == ("AzureLongRunningJob", "Completed", True)


def test_c1_jobs_are_found_by_id_name_pattern_and_state(python: Python) -> None:
    """C1: get_job() is every job; by id, by a wildcard, by a job, by state."""
    done = python(
        """
        one = az.start_job(lambda: 1, name="New-one")
        two = az.start_job(command=["sleep", "60"], name="other")
        az.wait_job(one, timeout=30)
        print(len(az.get_job()), az.get_job(1).name, [j.name for j in az.get_job("New-*")], az.get_job(one).id)
        print([j.name for j in az.get_job(state="Running")])
        """
    )
    assert done.out.splitlines() == ["2 New-one ['New-one'] 1", "['other']"], done


def test_c2_a_machine_can_be_looked_at_while_it_is_made(admin: Shell, home: Home, python: Python) -> None:
    """C2: by name, with its status, and through the job's own context."""
    home.cloud.time("at-once", kinds={"vm-create": {"mode": "held"}})
    assert admin("azjobs vm new --name MyVm --credential admin --as-job -q").out == "1\n"
    wait_until(lambda: admin("azjobs vm get --name MyVm").code == 0, what="the machine can be read")
    shown = admin("azjobs vm get --name MyVm --status").json
    assert shown["provisioningState"] == "Creating" if isinstance(shown, dict) else shown[0]["provisioningState"]
    done = python(
        """
        job = az.get_job(1)
        print(job.state, az.get_az_vm(name="MyVm").provisioning_state, az.get_az_vm(job=job).name)
        """
    )
    assert done.out == "Running Creating MyVm\n", done


def test_c3_another_terminal_sees_the_jobs_and_a_killed_daemon_loses_none(admin: Shell, home: Home) -> None:
    """C3: the job is made in a terminal that closes, the daemon is killed, and it completes all the same."""
    home.cloud.time("scaled", scale=0.01)
    made = admin.tty("azjobs vm new --name MyVm --credential admin --as-job -q")
    assert made.out.strip() == "1"
    home.kill("_main.daemon")
    other = Shell(home, "terminal-2")
    assert "New-AzVM MyVm" in other.tty("azjobs job get").out
    assert other("azjobs job wait 1").code == 0
    assert other("azjobs job get 1 --output json").json["state"] == "Completed"
    effects = [entry for entry in home.cloud.effects() if entry["effect"] == "created"]
    assert len(effects) == len({entry["resource_id"] for entry in effects}) >= 5


def test_c4_each_record_is_received_once_and_a_result_again_and_again(admin: Shell, python: Python) -> None:
    """C4: receive consumes, result does not."""
    assert admin("azjobs job start -q -- sh -c 'echo one; echo two >&2'").out == "1\n"
    assert admin("azjobs job wait 1").code == 0
    first = admin("azjobs job receive 1")
    assert (first.code, first.out, first.err.strip()) == (0, "one\n", "two")
    again = admin("azjobs job receive 1")
    assert (again.code, again.out, again.err) == (0, "", "")
    done = python(
        """
        import logging
        def work():
            logging.warning("careful")
            yield 1
            yield 2
            raise ValueError("no more")
        job = az.start_job(work)
        az.wait_job(job, timeout=30)
        kept = az.receive_job(job, keep=True)
        got = az.receive_job(job)
        print(kept == got == [1, 2], len(got.errors), len(got.warnings), az.receive_job(job))
        other = az.start_job(work)
        try:
            az.receive_job(other, wait=True, error_action="Stop")
        except az.JobFailed as error:
            print(error.output)
        value = az.start_job(lambda: {"a": 1})
        print(value.result(timeout=30), value.result())
        """
    )
    assert done.out.splitlines() == ["True 1 1 []", "[1, 2]", "{'a': 1} {'a': 1}"], done
    assert admin("azjobs job result 4").json == admin("azjobs job result 4").json == {"a": 1}


def test_c5_print_is_information_and_yield_is_output(python: Python) -> None:
    """C5: as it happens, in order."""
    done = python(
        """
        def count():
            print("starting")
            for i in range(3): yield i
        print(az.receive_job(az.start_job(count), wait=True))
        """
    )
    assert done.out == "starting\n[0, 1, 2]\n", done


def test_c6_waiting_tells_by_its_exit_code_how_the_jobs_ended(shell: Shell) -> None:
    """C6: 0 all well, 1 failed, 6 some failed, 5 still running, which they go on doing."""
    assert shell("azjobs job start -q -- true").out == "1\n"
    assert shell("azjobs job start -q -- false").out == "2\n"
    assert shell("azjobs job start -q -- sleep 60").out == "3\n"
    assert shell("azjobs job wait 1").code == 0
    assert shell("azjobs job wait 2").code == 1
    assert shell("azjobs job wait 1 2").code == 6
    assert shell("azjobs job wait 3 --timeout 0.2").code == 5
    assert shell("azjobs job get 3 --output json").json["state"] == "Running"


def test_c6_interrupting_a_wait_leaves_the_job_running(shell: Shell, home: Home) -> None:
    """C6: Ctrl-C is exit 130 and the job goes on."""
    assert shell("azjobs job start -q -- sleep 60").out == "1\n"
    line = "azjobs job wait 1 & pid=$!; sleep 1; kill -INT $pid; wait $pid; echo code $?"
    done = shell(f"set -m; {line}")
    assert "code 130" in done.out, done
    assert shell("azjobs job get 1 --output json").json["state"] == "Running"


def test_c6_wait_job_returns_those_that_have_ended(python: Python) -> None:
    """C6: within a time, or at the first."""
    done = python(
        """
        quick = az.start_job(lambda: 1, name="quick")
        slow = az.start_job(command=["sleep", "60"], name="slow")
        print([j.name for j in az.wait_job([quick, slow], any=True)])
        print([j.name for j in az.wait_job([quick, slow], timeout=0.2)])
        """
    )
    assert done.out.splitlines() == ["['quick']", "['quick']"], done


def test_c7_a_failure_says_what_went_wrong_and_what_was_left(admin: Shell, home: Home) -> None:
    """C7: ARM's code and message, and what was created before."""
    home.cloud.quota(100, family="Standard_D", location="eastus")
    assert admin("azjobs vm new --name Big --size Standard_D128s_v6 --credential admin --as-job -q").out == "1\n"
    done = admin.tty("azjobs job wait 1; azjobs job receive 1")
    expected = """
        Id Name State Context Target Elapsed More
        1 New-AzVM Big Failed Rehearsal Big 0:… yes
        New-AzVM Big failed: QuotaExceeded. Approved Standard_D family cores: 100, needed: 128 (eastus). Created and
        left: resource group Big, virtualNetworks/Big, networkSecurityGroups/Big, networkInterfaces/Big.
        Details: azjobs job get 1 --debug
        """
    assert matches(expected, visible(done.out)), done.out


def test_c8_a_job_is_a_future(python: Python) -> None:
    """C8: as_completed, wait, asyncio.wrap_future and await; a cancelled await leaves the job alone."""
    done = python(
        """
        import asyncio, concurrent.futures as cf
        jobs = [az.start_job(lambda n=n: n * n) for n in range(3)]
        print(sorted(j.result() for j in cf.as_completed(jobs, timeout=30)))
        async def main():
            print(await az.start_job(lambda: "awaited"), await asyncio.wrap_future(az.start_job(lambda: "wrapped")))
            slow = az.start_job(command=["sleep", "60"])
            try:
                await asyncio.wait_for(slow, 0.2)
            except TimeoutError:
                print(slow.state, slow.cancelled())
            print(jobs[0].cancel(), slow.cancel())
        asyncio.run(main())
        """
    )
    assert done.out.splitlines() == ["[0, 1, 4]", "awaited wrapped", "Running False", "False True"], done


def test_c9_stopping_a_process_job_keeps_its_output(shell: Shell) -> None:
    """C9: Stopped, and what it said is still there."""
    assert shell("azjobs job start -q -- sh -c 'echo begun; sleep 60'").out == "1\n"
    wait_until(lambda: "begun" in shell("azjobs job receive 1 --keep").out)
    assert shell("azjobs job stop 1").code == 0
    wait_until(lambda: shell("azjobs job get 1 --output json").json["state"] == "Stopped")
    assert shell("azjobs job receive 1").out == "begun\n"


def test_c9_a_stopped_azure_job_goes_on_unwatched_until_it_is_resumed(admin: Shell, home: Home) -> None:
    """C9, shell: Stopped, remoteState Running, says that the operation goes on; resumed, it is watched to its end."""
    home.cloud.time("at-once", kinds={"vm-create": {"mode": "held"}})
    assert admin("azjobs vm new --name MyVm --credential admin --as-job -q").out == "1\n"
    wait_until(
        lambda: admin("azjobs job get 1 --output json").json["remoteState"] == "InProgress", what="it is watched"
    )
    stopped = admin("azjobs job stop 1")
    assert (stopped.code, stopped.out) == (0, "")
    assert stopped.err == "Stopped watching. The operation goes on in Azure (MyVm, creating).\n"
    job = admin("azjobs job get 1 --output json").json
    assert (job["state"], job["remoteState"]) == ("Stopped", "Running")
    resumed = admin("azjobs job resume 1")
    assert (resumed.code, resumed.json["state"]) == (0, "Running")
    again = admin("azjobs job resume 1")
    assert (again.code, again.err) == (1, "Job 1 is not stopped: it is Running.\n")
    home.cloud.finish()
    assert admin("azjobs job wait 1").code == 0
    assert admin("azjobs job result 1").json["name"] == "MyVm"


def test_c9_cancel_says_when_azure_offers_none(admin: Shell, home: Home) -> None:
    """C9, shell: a machine that is being made cannot be cancelled; that is said, and it is watched no more."""
    home.cloud.time("at-once", kinds={"vm-create": {"mode": "held"}})
    assert admin("azjobs vm new --name MyVm --credential admin --as-job -q").out == "1\n"
    wait_until(
        lambda: admin("azjobs job get 1 --output json").json["remoteState"] == "InProgress", what="it is watched"
    )
    stopped = admin("azjobs job stop 1 --cancel")
    said = "Azure offers no way to cancel this operation, and it goes on there (MyVm, creating)."
    assert (stopped.code, stopped.err) == (0, f"Stopped watching: {said}\n")
    job = admin("azjobs job get 1 --output json").json
    assert (job["state"], job["remoteState"]) == ("Stopped", "Running")


def deployment(home: Home, group: str = "g") -> str:
    """Return the path of a deployment with its api-version, and put the body of one into deployment.json."""
    template = {"$schema": "https://example.com/t#", "contentVersion": "1.0.0.0", "resources": []}
    body = {"properties": {"mode": "Incremental", "template": template}}
    (home.folder / "deployment.json").write_text(json.dumps(body))
    place = f"/subscriptions/{home.endpoint['subscription_id']}/resourceGroups/{group}"
    return f"{place}/providers/Microsoft.Resources/deployments/d?api-version=2024-11-01"


def test_c9_cancel_asks_azure_and_waits_for_what_it_says(signed_in: Shell, home: Home) -> None:
    """C9, shell: a deployment is Canceled in Azure, and so the job is Stopped; nothing is left to resume."""
    path, payload = deployment(home), home.folder / "deployment.json"
    assert signed_in("azjobs resource-group new g --location eastus").code == 0
    home.cloud.time("held")
    assert signed_in(f"azjobs rest PUT '{path}' --payload @{payload} --as-job -q").out == "1\n"
    wait_until(
        lambda: signed_in("azjobs job get 1 --output json").json["remoteState"] == "Running", what="it is watched"
    )
    stopped = signed_in("azjobs job stop 1 --cancel")
    assert stopped == (0, "", "Azure cancelled it (deployments/d). What it had made by then stays.\n")
    job = signed_in("azjobs job get 1 --output json").json
    assert (job["state"], job["remoteState"]) == ("Stopped", "Canceled")
    assert [one["status"] for one in home.cloud.operations()] == ["Canceled"]
    resumed = signed_in("azjobs job resume 1")
    assert (resumed.code, resumed.err) == (1, f"Job 1 has nothing left to watch: {stopped.err}")


def test_c9_a_cancel_that_azure_refuses_is_said_and_the_job_goes_on(signed_in: Shell, home: Home) -> None:
    """C9, shell: refused by the service's code; the job is Stopping, and ends as the operation does."""
    path, payload = deployment(home), home.folder / "deployment.json"
    assert signed_in("azjobs resource-group new g --location eastus").code == 0
    home.cloud.time("held")
    assert signed_in(f"azjobs rest PUT '{path}' --payload @{payload} --as-job -q").out == "1\n"
    wait_until(
        lambda: signed_in("azjobs job get 1 --output json").json["remoteState"] == "Running", what="it is watched"
    )
    home.cloud.fault("/cancel$", {"status": 409, "code": "DeploymentCannotBeCancelled", "message": "Too late."})
    stopped = signed_in("azjobs job stop 1 --cancel")
    refusal = "Azure refused to cancel deployments/d (DeploymentCannotBeCancelled: Too late)."
    assert stopped == (0, "", f"{refusal} It goes on: azjobs job wait 1\n")
    job = signed_in("azjobs job get 1 --output json").json
    assert (job["state"], job["statusMessage"]) == ("Stopping", f"{refusal} It is watched to its end.")
    home.cloud.finish()
    assert signed_in("azjobs job wait 1").code == 0
    assert signed_in("azjobs job get 1 --output json").json["state"] == "Completed"


def test_c9_cancelling_in_python(signed_in: Shell, home: Home, python: Python) -> None:
    """C9, Python: of a request, and of what an official client has begun."""
    path = deployment(home)
    assert signed_in("azjobs resource-group new g --location eastus").code == 0
    home.cloud.time("held")
    done = python(
        f"""
        import json, pathlib
        from azure.mgmt.resource.deployments import DeploymentsMgmtClient
        body = json.loads(pathlib.Path({str(home.folder / "deployment.json")!r}).read_text())
        def stop(job):
            [stopped] = az.stop_job(job, cancel=True)
            print(stopped.state, stopped.remote_state, stopped.status_message, stopped.cancel())
            try:
                stopped.result()
            except az.JobStopped as error:
                print(error)
        stop(az.invoke_az_rest_method("PUT", {path!r}, payload=body, as_job=True, job_name="mine"))
        client = az.get_az_context().client(DeploymentsMgmtClient)
        stop(az.track(client.deployments.begin_create_or_update, "g", "e", body, job_name="theirs"))
        """
    )
    assert done.out.splitlines() == [
        "Stopped Canceled Azure cancelled it (deployments/d). What it had made by then stays. True",
        "mine was stopped before it had a result.",
        "Stopped Canceled Azure cancelled it (deployments/e). What it had made by then stays. True",
        "theirs was stopped before it had a result.",
    ], done


def test_c9_stopping_and_resuming_in_python(admin: Shell, home: Home, python: Python) -> None:
    """C9, Python: the same; a handle that was told of the stop tells the truth, and resume_job gives one that waits."""
    home.cloud.time("at-once", kinds={"vm-create": {"mode": "held"}})
    assert admin("azjobs vm new --name MyVm --credential admin --as-job -q").out == "1\n"
    wait_until(
        lambda: admin("azjobs job get 1 --output json").json["remoteState"] == "InProgress", what="it is watched"
    )
    done = python(
        """
        import concurrent.futures as cf
        process = az.start_job(command=["sleep", "60"])
        print(az.stop_job(process)[0].state)
        job = az.get_job(1)
        told = []
        job.add_done_callback(lambda j: told.append(j.state.value))
        [stopped] = az.stop_job(job)
        cf.wait([job], timeout=30)
        print(stopped.state, stopped.remote_state, stopped.status_message, job.done(), told)
        resumed = az.resume_job(job)
        print(resumed.state, job.done(), cf.wait([resumed], timeout=0).done, resumed == job)
        for wrong in (resumed, process):
            try:
                az.resume_job(wrong)
            except az.JobNotStopped as error:
                print(error)
        az.stop_job(1, cancel=True)
        print(job.status_message)
        """
    )
    assert done.out.splitlines() == [
        "Stopped",
        "Stopped Running Stopped watching. The operation goes on in Azure (MyVm, creating). True ['Stopped']",
        "Running False set() True",
        "Job 1 is not stopped: it is Running.",
        "Job 2 was a process, which was ended: start it anew. Only an operation in Azure goes on unwatched.",
        "Stopped watching: Azure offers no way to cancel this operation, and it goes on there (MyVm, creating).",
    ], done


def test_c10_a_running_job_is_not_removed_without_force(shell: Shell) -> None:
    """C10: refused, exit 1, and the job stays."""
    assert shell("azjobs job start -q -- sleep 60").out == "1\n"
    done = shell("azjobs job remove 1")
    assert (done.code, done.err.strip()) == (1, "Job 1 is running. Stop it first, or use force.")
    assert shell("azjobs job get 1 --output json").json["state"] == "Running"
    assert shell("azjobs job remove 1 --force").code == 0
    assert shell("azjobs job get 1").code == 3


def test_c11_an_unknown_job_is_named_and_a_pattern_without_a_hit_is_empty(shell: Shell, python: Python) -> None:
    """C11: exit 3 and one sentence; a wildcard is no error."""
    done = shell("azjobs job get 99")
    assert (done.code, done.out, done.err.strip()) == (3, "", "No job 99. Type: azjobs job get")
    none = shell("azjobs job get 'Nothing*'")
    assert (none.code, none.out.strip() in ("", "[]")) == (0, True)
    raised = python("try: az.get_job(99)\nexcept az.JobNotFound as error: print(error)")
    assert raised.out.strip() == "No job 99. Type: azjobs job get"


def test_a_job_that_dies_without_a_word_is_failed(shell: Shell, python: Python) -> None:
    """A process job that is killed is Failed, and says by which signal."""
    done = python(
        textwrap.dedent(
            """
            import os, signal
            job = az.start_job(lambda: os.kill(os.getpid(), signal.SIGKILL))
            az.wait_job(job, timeout=30)
            print(job.state, "signal 9" in str(job.error))
            """
        )
    )
    assert done.out == "Failed True\n", done
