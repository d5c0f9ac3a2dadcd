"""What the process of a job can reach over the wire: what its job was granted, as it was granted, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

import azjobs as az
from azjobs.core.wire import Ok, PutCredential, Submit
from azjobs.session.link.client import Client
from azjobs.session.link.local import local
from terminal import Home

LIMIT_S = 30.0
NOWHERE = "https://127.0.0.1:9"


@pytest.fixture
def context(signed_in: Home) -> az.Context:
    """The context that the jobs are granted."""
    found = az.get_az_context()
    assert found is not None
    return found


def forged(address: str, scope: str) -> Any:
    """The job's own context with another address or scope: its account, tenant and subscription are the same."""
    from msgspec.structs import replace  # noqa: PLC0415 - in the job

    own = az.get_az_context()
    assert own is not None
    changes = {"resource_manager_url": address, "authority_url": address, "audience": address} if address else {}
    return replace(own.value, environment=replace(own.value.environment, **changes), scope=scope or own.value.scope)


def send(message: Any, kind: Any) -> Any:
    """Send a message as the job, past everything that checks on this side; a refusal is its class's name."""
    from azjobs.core.errors import AzJobsError  # noqa: PLC0415 - in the job
    from azjobs.session.link.local import local as here  # noqa: PLC0415 - in the job

    try:
        return here().client.ask(message, kind)
    except AzJobsError as error:
        return f"{type(error).__name__}: {error}"


@pytest.mark.parametrize(("address", "scope"), [(NOWHERE, ""), ("", "somebody else's"), (NOWHERE, "somebody else's")])
def test_a_job_acts_in_the_copies_it_was_granted_whatever_it_sends_by_their_key(
    context: az.Context, signed_in: Home, address: str, scope: str
) -> None:
    """Tokens, reads, dry runs and jobs: each goes where the grant says, by the grant's sign-in."""

    def act(address: str, scope: str) -> tuple[int, list[str], int, str]:
        import time  # noqa: PLC0415 - in the job
        from uuid import uuid4  # noqa: PLC0415 - in the job

        from azjobs.core import wire  # noqa: PLC0415 - in the job
        from azjobs.core.job import Job, PlanWork  # noqa: PLC0415 - in the job

        wrong = forged(address, scope)
        subscription = {"subscription_id": wrong.subscription.id}
        group = {**subscription, "name": "granted", "location": "eastus"}
        token = send(wire.GetToken(0, wrong), wire.Token)
        read = send(wire.Read(0, "get-az-resource-group@1", subscription, wrong), wire.Result)
        writes = send(wire.WhatIf(0, "new-az-resource-group@1", {**group, "name": "new"}, wrong), wire.Writes)
        job = Job(
            uuid=str(uuid4()),
            name="forged",
            command="c",
            session="another",
            submitted_at=time.time(),
            work=PlanWork("new-az-resource-group@1", group),
            context=wrong,
            grants=(wrong,),
        )
        taken = send(Submit(0, job), wire.Accepted).job
        return len(token.token), [one["name"] for one in read.value], len(writes.writes), taken.uuid

    az.new_az_resource_group(name="there", location="eastus")
    length, names, writes, uuid = az.start_job(act, argument_list=[address, scope]).result(LIMIT_S)
    assert length > 100
    assert "there" in names
    assert writes == 1
    (job,) = [job for job in az.get_job() if job.uuid == uuid]
    assert job.result(LIMIT_S).name == "granted"
    row = job.view.row
    assert (row.context, row.grants, row.session) == (context.value, (context.value,), local().key)


def test_a_job_reaches_no_sign_in_no_credential_and_no_daemon(context: az.Context) -> None:
    """Whatever session it says that it is of."""
    here = local()
    here.client.ask(PutCredential(0, "Admin", "vmadmin", az.SecureString("very secret")), Ok)

    def reach(session: str) -> list[str]:
        import time  # noqa: PLC0415 - in the job
        from uuid import uuid4  # noqa: PLC0415 - in the job

        from azjobs.core import wire  # noqa: PLC0415 - in the job
        from azjobs.core.job import Job, PlanWork  # noqa: PLC0415 - in the job
        from azjobs.core.signin import SignIn  # noqa: PLC0415 - in the job
        from azjobs.session.link.identity import SessionIdentity  # noqa: PLC0415 - in the job
        from azjobs.session.link.local import local as here  # noqa: PLC0415 - in the job

        here().client._identity = SessionIdentity(session)
        own = az.get_az_context()
        assert own is not None
        sign_in = SignIn(own.value.sign_in_key, "ManagedIdentityCredential", own.environment)
        work = PlanWork("new-az-resource-group@1", {"name": "g"}, secrets={"password": "The password"})
        job = Job(uuid=str(uuid4()), name="n", command="c", session=session, submitted_at=time.time(), work=work)
        messages = [
            wire.PutSignIn(0, sign_in),
            wire.DropSignIn(0, own.value.sign_in_key),
            wire.PutCredential(0, "Admin", "other", az.SecureString("x")),
            wire.FindCredential(0),
            wire.Submit(0, job, named={"password": "Admin"}),
            wire.Shutdown(0),
        ]
        return [send(message, wire.Ok) for message in messages]

    answers = az.start_job(reach, argument_list=[here.key]).result(LIMIT_S)
    assert all(answer.startswith("Refused: A job ") for answer in answers), answers
    assert context.credential.get_token().token


def test_a_job_changes_the_jobs_of_its_own_session_only(context: az.Context, signed_in: Home) -> None:
    """Those of another one it can neither stop nor remove nor answer."""

    def change(uuid: str) -> list[str]:
        from azjobs.core import wire  # noqa: PLC0415 - in the job

        messages = [
            wire.Stop(0, (uuid,)),
            wire.Remove(0, (uuid,), force=True),
            wire.Detach(0, uuid),
            wire.Answer(0, uuid, choice="done"),
        ]
        return [str(send(message, object)) for message in messages]

    code = "import time; time.sleep(60)"
    starting = f"import azjobs as az, sys; print(az.start_job(command=[sys.executable, '-c', {code!r}]).uuid)"
    done = subprocess.run([sys.executable, "-c", starting], capture_output=True, text=True, timeout=30, check=True)
    (other,) = [job for job in az.get_job() if job.uuid == done.stdout.strip()]
    try:
        answers = az.start_job(change, argument_list=[other.uuid]).result(LIMIT_S)
        assert all(answer.endswith("a job changes those of its own.") for answer in answers), answers
        assert not other.done()
    finally:
        az.stop_job(other)
    own = az.start_job(change, argument_list=[az.start_job(lambda: 1).uuid]).result(LIMIT_S)
    assert own[0].startswith("Ok(")


def test_a_job_makes_itself_no_child_of_a_batch(context: az.Context) -> None:
    """It would be sent the secrets that were given for that batch, and would be counted by it."""
    batch = az.remove_az_resource_group(["no-such-group"], as_job=True)

    def join(parent: str) -> str:
        import time  # noqa: PLC0415 - in the job
        from uuid import uuid4  # noqa: PLC0415 - in the job

        from azjobs.core.job import Job, PlanWork  # noqa: PLC0415 - in the job
        from azjobs.core.wire import Accepted  # noqa: PLC0415 - in the job

        own = az.get_az_context()
        assert own is not None
        group = {"subscription_id": own.value.subscription.id, "name": "stolen", "location": "eastus"}
        job = Job(
            uuid=str(uuid4()),
            name="n",
            command="c",
            session="s",
            submitted_at=time.time(),
            work=PlanWork("new-az-resource-group@1", group, secrets={"password": "The password"}),
            context=own.value,
            grants=(own.value,),
            parent=parent,
        )
        return str(send(Submit(0, job), Accepted))

    answer = az.start_job(join, argument_list=[batch.uuid]).result(LIMIT_S)
    assert answer == "InvalidInput: A child is submitted with its batch."
    assert [one.target for one in batch.report] == ["no-such-group"]


def test_a_key_that_is_no_ones_opens_nothing(signed_in: Home) -> None:
    """Not even a greeting."""
    for key in ("x", "\u00e4" * 1000):
        with pytest.raises(az.Refused, match="opens nothing"):
            Client(local().layout, None, key).open()
