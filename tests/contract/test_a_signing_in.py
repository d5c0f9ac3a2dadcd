"""A. Ways to sign in, as users type them: the browser, a code, a certificate, sources of federated tokens, az."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from uuid import uuid4

import pytest

from applications import add_application, make_certificate, trusted
from persons import add_person, make_browser
from standin_tools import put_tools, write_az_profile
from terminal import Home, Python, Shell, wait_until

SIMULATOR = "--environment AzureSimulator"


@pytest.fixture(autouse=True)
def _cloud(home: Home) -> None:
    home.start_cloud()


def test_a_person_signs_in_with_the_browser(home: Home, shell: Shell, tmp_path: Path) -> None:
    """With nothing said it opens; the page's form comes back to the program that waits."""
    ana = add_person(home, "ana", {"Fabrikam": {"subscriptions": ["Shop"]}})
    home.cloud.browser(ana.username)
    shell.environment["BROWSER"] = str(make_browser(tmp_path, home.endpoint["ca_file"]))
    done = shell(f"azjobs account connect {SIMULATOR} --account-id {ana.username} --scope Process")
    assert done.code == 0, done
    assert f"Signed in as {ana.username}, tenant Fabrikam, subscription Shop. [SIMULATOR]" in done.err


def test_a_tenant_that_wants_a_second_factor_is_left_out_with_what_to_type(
    home: Home, shell: Shell, tmp_path: Path
) -> None:
    """A warning on stderr; the other tenants have their contexts."""
    bea = add_person(
        home, "bea", {"Home": {"subscriptions": ["H"]}, "Strict": {"subscriptions": ["S"], "needs_mfa": True}}
    )
    home.cloud.browser(bea.username, mfa=False)
    shell.environment["BROWSER"] = str(make_browser(tmp_path, home.endpoint["ca_file"]))
    done = shell(f"azjobs account connect {SIMULATOR} --account-id {bea.username} --scope Process")
    assert done.code == 0, done
    assert "Tenant Strict" in done.err
    assert f"To sign in there, type: azjobs account connect --tenant {bea.tenants['Strict']}" in done.err
    assert shell("azjobs context get --list-available --output json --query '[].name'").json == ["H"]


def test_ctrl_c_ends_a_sign_in_that_nobody_completes(home: Home, shell: Shell) -> None:
    """The code is shown, and 130 is the exit code; nothing was saved."""
    home.cloud.device_codes(approve_as="", interval_s=1)
    waiting = subprocess.Popen(
        ["azjobs", "account", "connect", *SIMULATOR.split(), "--use-device-authentication"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
        env=shell.environment,
    )
    assert waiting.stderr is not None
    assert "enter the code" in waiting.stderr.readline()
    os.kill(waiting.pid, signal.SIGINT)
    assert waiting.communicate(timeout=20)[1].strip() == "Interrupted."
    assert waiting.returncode == 130
    assert not (home.folder / "contexts.json").exists()


def test_a_certificate_with_a_password_signs_an_application_in(home: Home, shell: Shell, tmp_path: Path) -> None:
    """The password is read from stdin; a wrong one is one sentence."""
    path = tmp_path / "app.pfx"
    app = add_application(home, certificates=[make_certificate(path, "Pa55-of-the-file")])
    line = (
        f"azjobs account connect {SIMULATOR} --tenant {app['tenant']} --application-id {app['client']} --scope Process "
        f"--certificate-path {path} --certificate-password-stdin"
    )
    wrong = shell(line, stdin="wrong\n")
    assert (wrong.code, wrong.err.count("\n")) == (4, 1), wrong
    done = shell(line, stdin="Pa55-of-the-file\n")
    assert done.code == 0, done
    assert "tenant Apps, subscription Deployments" in done.err


def test_a_federated_token_is_read_from_its_file(home: Home, shell: Shell, tmp_path: Path) -> None:
    """Application and tenant are those of the workload's environment."""
    app, _ = trusted(home, "kubernetes")
    file = tmp_path / "token"
    file.write_text(home.cloud.assertion("kubernetes"))
    shell.environment |= {"AZURE_CLIENT_ID": app["client"], "AZURE_TENANT_ID": app["tenant"]}
    done = shell(f"azjobs account connect {SIMULATOR} --federated-token-file {file} --scope Process")
    assert done.code == 0, done
    shell.environment["AZURE_FEDERATED_TOKEN_FILE"] = str(file)
    pod = shell(f"azjobs account connect {SIMULATOR} --identity --scope Process")
    assert pod.code == 0, pod
    assert f"Signed in as {app['client']}" in pod.err


def test_a_function_gives_federated_tokens(home: Home, python: Python, tmp_path: Path) -> None:
    """It runs in a process of its own, whenever a token is needed."""
    app, _ = trusted(home, "kubernetes")
    file = tmp_path / "token"
    file.write_text(home.cloud.assertion("kubernetes"))
    done = python(
        f"""
        def assertion():
            with open({str(file)!r}) as lines:
                return lines.read()

        context = az.connect_az_account(
            environment="AzureSimulator", federated_token=assertion,
            application_id={app["client"]!r}, tenant={app["tenant"]!r}, scope="Process")
        print(context.subscription.name, bool(context.credential.get_token().token))
        """
    )
    assert (done.code, done.out.strip()) == (0, "Deployments True"), done


def test_what_az_is_signed_in_to_is_taken_over(home: Home, shell: Shell, tmp_path: Path) -> None:
    """A2: --from az, with the tool itself for tokens."""
    one = {**home.add_principal("Fabrikam", subscriptions=2), "name": "Fabrikam"}
    folder = put_tools(tmp_path / "bin", home.endpoint, [one])
    write_az_profile(tmp_path / ".azure", [one], default=one["subscriptions"][1])
    shell.environment |= {"HOME": str(tmp_path), "PATH": f"{folder}:{shell.environment['PATH']}"}
    done = shell(f"azjobs account connect {SIMULATOR} --from az")
    assert done.code == 0, done
    assert "subscription Sub 1 of Fabrikam. [SIMULATOR]" in done.err
    assert shell("azjobs resource-group get --output json").json == []


def test_on_a_terminal_one_of_several_subscriptions_is_picked_by_number(home: Home, shell: Shell) -> None:
    """Enter takes the marked one; a pipeline is never asked."""
    cyd = add_person(home, "cyd", {"Home": {"subscriptions": ["Alpha", "Beta"]}})
    home.cloud.device_codes(approve_as=cyd.username, interval_s=1)
    line = f"azjobs account connect {SIMULATOR} --use-device-authentication --scope Process"
    picked = shell.tty(line, ("Which subscription?", "2"))
    assert picked.code == 0, picked
    assert "* 1  Alpha" in picked.out.replace("*  1", "* 1")
    assert "subscription Beta. [SIMULATOR]" in picked.out
    kept = shell.tty(line, ("Which subscription?", ""))
    assert "subscription Beta. [SIMULATOR]" in kept.out
    wrong = shell.tty(line, ("Which subscription?", "3"))
    assert (wrong.code, "'3' is none of the numbers 1 to 2. Nothing was saved." in wrong.out) == (2, True)
    assert "subscription Beta. [SIMULATOR]" in shell(line).err


@pytest.mark.parametrize("service", ["GitHubActions", "AzurePipelines"])
def test_a_ci_service_gives_federated_tokens_to_its_jobs(home: Home, shell: Shell, service: str) -> None:
    """Where to ask and with what is in the job's environment; neither is in any file, nor in the shell's arguments."""
    app, told = trusted(home, {"GitHubActions": "github", "AzurePipelines": "azure-pipelines"}[service])
    names = {
        "GitHubActions": ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
        "AzurePipelines": ("SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN"),
    }[service]
    shell.environment |= dict(zip(names, (told["request_url"], told["request_token"]), strict=True))
    done = shell(
        f"azjobs account connect {SIMULATOR} --federated-from {service} --service-connection-id {uuid4()} "
        f"--application-id {app['client']} --tenant {app['tenant']} --scope Process"
    )
    assert done.code == 0, done
    assert "tenant Apps, subscription Deployments" in done.err
    files = [p for p in home.folder.rglob("*") if p.is_file() and "simulator" not in p.parts]
    assert [p for p in files if told["request_token"].encode() in p.read_bytes()] == []


def test_a_person_whose_sign_in_was_withdrawn_is_told_and_signs_in_again(home: Home, shell: Shell) -> None:
    """The sentence names the account; the contexts stay, and work again afterwards."""
    dan = add_person(home, "dan", {"Home": {"subscriptions": ["H"]}, "Guest": {"subscriptions": ["G"]}})
    home.cloud.device_codes(approve_as=dan.username, interval_s=1)
    home.cloud.token_lifetime(1)  # each use needs the refresh token
    line = f"azjobs account connect {SIMULATOR} --use-device-authentication --scope Process"
    assert shell(line).code == 0
    home.cloud.revoke(dan.username)
    wait_until(lambda: shell("azjobs resource-group get").code != 0, what="the last token is over")
    refused = shell("azjobs resource-group get")
    assert (refused.code, dan.username in refused.err, refused.out) == (4, True, ""), refused
    assert "Type: azjobs account connect" in refused.err
    home.cloud.token_lifetime(3600)
    assert shell(line).code == 0
    assert shell("azjobs resource-group get --output json").json == []


def test_the_identity_of_an_app_service_signs_in_and_outlives_the_daemon(home: Home, shell: Shell) -> None:
    """It is known by variables that the daemon does not have: a process of this interpreter asks for its tokens."""
    end = home.endpoint
    variables = {"IDENTITY_ENDPOINT": end["identity_endpoint"], "IDENTITY_HEADER": end["identity_header"]}
    shell.environment |= variables
    done = shell(f"azjobs account connect {SIMULATOR} --identity --scope Process")
    assert done.code == 0, done
    for name in variables:
        del shell.environment[name]
    assert shell("azjobs daemon stop").code == 0
    assert shell("azjobs resource-group get --output json").json == []
