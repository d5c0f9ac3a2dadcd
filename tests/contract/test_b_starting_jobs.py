"""B. Starting jobs: the transcripts, as users type them."""

from __future__ import annotations

import textwrap

import pytest

from terminal import Home, Python, Shell, matches

PASSWORD = "Pa55-word-long"
SIGN_IN = 'az.connect_az_account(environment="AzureSimulator")\n'
CREDENTIAL = f'creds = az.Credential("vmadmin", az.SecureString("{PASSWORD}"))\n'


@pytest.fixture
def at_once(python: Python, home: Home) -> Python:
    """Python, signed in, where the embedded cloud finishes at once."""
    done = python(SIGN_IN)
    assert done.code == 0, done
    home.cloud.time("at-once")
    return python


@pytest.fixture
def admin(signed_in: Shell) -> Shell:
    """The shell, signed in, with a credential named admin."""
    done = signed_in("azjobs credential get --name admin --username vmadmin --password-stdin", stdin=f"{PASSWORD}\n")
    assert done.code == 0, done
    return signed_in


def run(python: Python, body: str) -> str:
    """Run code after the credential was made; returns what it printed."""
    done = python(CREDENTIAL + textwrap.dedent(body))
    assert done.code == 0, done.err
    return done.out


def test_b1_a_job_finds_the_context_that_was_current_when_it_was_submitted(at_once: Python) -> None:
    """B1: with autosave on, a function job needs no context of its own."""
    out = run(
        at_once,
        """
        az.enable_az_context_autosave()
        job = az.start_job(lambda vmadmin: az.new_az_vm(name="MyVm", credential=vmadmin), argument_list=[creds])
        print(job)
        machine = job.result(timeout=30)
        print(type(machine).__name__, machine.name, machine.provisioning_state)
        """,
    )
    assert out.splitlines() == ["<Job 1 'Job1' BackgroundJob Running>", "VirtualMachine MyVm Succeeded"]


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(
            "az.start_job(lambda context, vmadmin: az.new_az_vm(name='MyVm', az_context=context, credential=vmadmin),"
            " argument_list=[context, creds])",
            id="as an argument",
        ),
        pytest.param("az.start_job(make_vm, argument_list=[creds], az_context=context)", id="az_context="),
        pytest.param("in_context()", id="with context:"),
    ],
)
def test_b2_an_explicit_context_works_with_autosave_off(python: Python, home: Home, start: str) -> None:
    """B2: it is the only way into a process job when autosave is off."""
    out = run(
        python,
        f"""
        az.disable_az_context_autosave(scope="Process")
        az.connect_az_account(environment="AzureSimulator")
        context = az.get_az_context("Rehearsal")
        def make_vm(vmadmin):
            return az.new_az_vm(name="MyVm", credential=vmadmin)
        def in_context():
            with context:
                return az.start_job(make_vm, argument_list=[creds])
        job = {start}
        print(job.result(timeout=30).name)
        """,
    )
    assert out == "MyVm\n"


def test_b3_without_autosave_and_without_a_context_the_job_says_what_is_missing(python: Python) -> None:
    """B3: the first Azure command in the job raises ContextRequired."""
    out = run(
        python,
        """
        az.disable_az_context_autosave(scope="Process")
        az.connect_az_account(environment="AzureSimulator")
        job = az.start_job(lambda: az.get_az_vm())
        az.wait_job(job, timeout=30)
        print(job.state)
        try:
            job.result()
        except az.JobFailed as error:
            print(error)
        """,
    )
    state, message = out.splitlines()
    assert state == "Failed"
    assert (
        "Context autosave is off, so this job has no context. Pass az_context= to start_job or to the command."
        in message
    )


def test_b4_as_job_returns_a_handle_whatever_autosave_says(python: Python) -> None:
    """B4: the job is named after its command and its machine, or as the user says."""
    out = run(
        python,
        """
        az.disable_az_context_autosave(scope="Process")
        az.connect_az_account(environment="AzureSimulator")
        job = az.new_az_vm(name="MyVm", credential=creds, as_job=True)
        print(job)
        print(az.new_az_vm(name="MyVm2", credential=creds, as_job=True, job_name="blue 2"))
        print(job.result(timeout=30).name)
        """,
    )
    assert out.splitlines() == [
        "<Job 1 'New-AzVM MyVm' AzureLongRunningJob Running>",
        "<Job 2 'blue 2' AzureLongRunningJob Running>",
        "MyVm",
    ]


def test_b5_the_shell_starts_the_same_jobs(signed_in: Shell) -> None:
    """B5: a named credential asked once, a table, an id for scripts, a password by pipe, and the cmdlet as typed."""
    asked = signed_in.tty("azjobs credential get --name admin --username vmadmin", ("Password for vmadmin:", PASSWORD))
    assert asked.code == 0, asked
    assert PASSWORD not in asked.out
    table = signed_in.tty("azjobs vm new --name MyVm --credential admin --as-job")
    assert matches(
        "Id Name State Context Target Elapsed More 1 New-AzVM MyVm Running Rehearsal MyVm 0:0…", table.out
    ), table
    quiet = signed_in("id=$(azjobs vm new --name MyVm2 --credential admin --as-job -q); echo $id")
    assert quiet.out == "2\n", quiet
    piped = signed_in(
        'printf "%s\\n" "$PW" | azjobs vm new --name MyVm3 --credential vmadmin --password-stdin --as-job -q'.replace(
            "$PW", PASSWORD
        )
    )
    assert piped.out == "3\n", piped
    typed = signed_in.tty("azjobs New-AzVM -Name MyVm4 -Credential admin -AsJob")
    assert typed.code == 0, typed
    assert "New-AzVM MyVm4" in typed.out
    assert signed_in("azjobs job wait 1 2 3 4").code == 0


def test_b6_a_command_and_a_script_run_as_jobs(shell: Shell, home: Home) -> None:
    """B6: no terminal, an empty stdin, the folder and the environment of the submit."""
    (home.folder / "report.py").write_text(
        "import os, sys\nprint(os.getcwd(), os.environ['GREETING'], sys.stdin.read() == '', sys.argv[1:])\n"
    )
    line = f"cd {home.folder} && GREETING=hello azjobs job start --name nightly -q -- python report.py --day 1"
    started = shell(line)
    assert (started.code, started.out) == (0, "1\n"), started
    assert shell("azjobs job wait 1").code == 0
    assert shell("azjobs job receive 1").out == f"{home.folder} hello True ['--day', '1']\n"
    second = shell(f"cd {home.folder} && GREETING=again azjobs job start --file report.py -q")
    assert (second.code, second.out) == (0, "2\n"), second
    assert shell("azjobs job wait 2").code == 0
    assert "again" in shell("azjobs job receive 2").out


def test_b7_a_function_job_runs_in_the_callers_own_interpreter(python: Python) -> None:
    """B7: same executable, same prefix, its own process."""
    out = run(
        python,
        """
        import os, sys
        def where():
            import os, sys
            return [sys.executable, sys.prefix, os.getpid()]
        executable, prefix, pid = az.start_job(where).result(timeout=30)
        print((executable, prefix) == (sys.executable, sys.prefix), pid != os.getpid())
        """,
    )
    assert out == "True True\n"


def test_b8_what_cannot_be_sent_is_named_and_no_job_exists(python: Python) -> None:
    """B8: an open socket has no way into another process."""
    out = run(
        python,
        """
        import socket
        with socket.socket() as open_socket:
            try:
                az.start_job(lambda s: s, argument_list=[open_socket])
            except az.CannotSend as error:
                print("s" in str(error), error)
        print(az.get_job())
        print(f"{creds}")
        """,
    )
    first, jobs, shown = out.splitlines()
    assert first.startswith("True")
    assert "socket" in first
    assert jobs == "[]"
    assert shown == "<Credential vmadmin>"


def test_b10_any_operation_runs_as_a_job(signed_in: Shell, home: Home, python: Python) -> None:
    """B10: a REST call that Azure answers with a long-running operation, and an official client's poller."""
    subscription = home.endpoint["subscription_id"]
    group = f"/subscriptions/{subscription}/resourceGroups/g"
    vnet = f"{group}/providers/Microsoft.Network/virtualNetworks/v"
    assert signed_in("azjobs resource-group new --name g --location eastus").code == 0
    (home.folder / "vnet.json").write_text(
        '{"location": "eastus", "properties": {"addressSpace": {"addressPrefixes": ["10.0.0.0/16"]}}}'
    )
    done = signed_in(f"azjobs rest PUT '{vnet}?api-version=2024-05-01' --payload @{home.folder}/vnet.json --as-job -q")
    assert (done.code, done.out) == (0, "1\n"), done
    assert signed_in("azjobs job wait 1").code == 0
    tracked = run(
        python,
        """
        from azure.mgmt.compute import ComputeManagementClient
        az.new_az_vm(name="vm", resource_group_name="g", credential=creds)
        client = az.get_az_context().client(ComputeManagementClient)
        job = az.track(client.virtual_machines.begin_deallocate("g", "vm", polling_interval=0.1))
        print(job.type, az.wait_job(job, timeout=30)[0].state)
        print(az.get_az_vm(name="vm", resource_group_name="g", status=True).power_state)
        client.close()
        """,
    )
    assert tracked.splitlines() == ["AzureLongRunningJob Completed", "deallocated"]
