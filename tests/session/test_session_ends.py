"""The sign-ins of a session that has ended are gone once no job needs them, whatever was killed meanwhile."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

import azjobs as az
from azjobs.core.context import ContextValue
from azjobs.core.wire import GetToken, Token
from azjobs.session.link.local import local
from azjobs.store.reader import read_jobs
from terminal import Home, Python, wait_until

LEAVE = """
import sys
az.disable_az_context_autosave(scope="Process")
context = az.connect_az_account(environment="AzureSimulator")
def work(path):
    import pathlib, time
    while not pathlib.Path(path).exists():
        time.sleep(0.01)
az.start_job(work, argument_list=[sys.argv[1]], az_context=context)
print(context.value.scope)
"""


def is_signed_in(context: ContextValue) -> bool:
    """Whether somebody who knows of the session's context would get a token."""
    try:
        return bool(local().client.ask(GetToken(0, context), Token).token)
    except az.NotSignedIn:
        return False


def test_a_session_that_ended_while_a_job_needed_its_sign_in_leaves_none_though_the_daemon_was_killed(
    home: Home, python: Python, tmp_path: Path
) -> None:
    """The next daemon knows that the session has ended, keeps the sign-in for the job, and forgets it after that."""
    go = tmp_path / "go"
    done = python(LEAVE, arguments=[str(go)])
    assert done.code == 0, done
    context = replace(az.connect_az_account(environment="AzureSimulator").value, scope=done.out.strip())
    assert is_signed_in(context)
    home.kill("_main.daemon")
    assert is_signed_in(context)
    go.touch()
    wait_until(lambda: not is_signed_in(context), what="the sign-in is forgotten")
    assert [job.state_name for job in read_jobs(home.folder / "store.db")] == ["Completed"]
