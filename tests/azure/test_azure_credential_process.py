"""A credential that is somebody's own code runs in a process of its own, and whatever it does there is survived."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import own_credentials
import pytest
from azure.identity import ClientAssertionCredential
from msgspec.structs import replace

from azjobs.azure.refusals import SignInUnavailable
from azjobs.core.claims import parse_claims, tenant_of
from azjobs.core.context import AZURE_CLOUD, SignInKey
from azjobs.core.errors import CannotSend, SignInFailed
from azjobs.core.signin import SignIn
from azjobs.daemon.accounts.credential_processes import ProcessCredential
from azjobs.process.credential_frames import dump_credential
from azjobs.process.interpreter import interpreter_key

SCOPE = "https://management.azure.com/.default"
DEADLINE_S = 30.0
Make = Callable[..., ProcessCredential]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make process credentials of this interpreter, in a folder of the test; all are ended with it."""
    made: list[ProcessCredential] = []

    def make(credential: object, *, payload: str = "", answer_s: float = 30.0, **environ: str) -> ProcessCredential:
        arguments = {
            "interpreter": msgspec.to_builtins(interpreter_key()),
            "sys_path": [str(Path(__file__).parent)],
            "folder": str(tmp_path),
        }
        secrets = {
            "payload": payload or dump_credential(credential).reveal(),
            "environment": msgspec.json.encode({**os.environ, **environ}).decode(),
        }
        key = SignInKey("azurecloud", "ada", "t-1")
        sign_in = SignIn(key, "ProcessCredential", AZURE_CLOUD, arguments, tuple(secrets))
        made.append(ProcessCredential(sign_in, secrets, answer_s=answer_s))
        return made[-1]

    yield make
    for one in made:
        one.close()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline_at = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline_at
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def pid_of(credential: ProcessCredential) -> int:
    return int(credential.get_token(SCOPE).token.split()[1])


def test_a_home_made_credential_gives_tokens_by_its_callers_environment(cloud: Any, make: Make) -> None:
    """Its secret comes from a variable, which no file, argument or /proc entry shows."""
    end = cloud.endpoint
    own = own_credentials.HomeMade(end["tenant_id"], end["client_id"], end["url"], end["ca_file"])
    credential = make(own, OWN_SECRET=end["client_secret"])
    found = credential.get_token(cloud.context.environment.scope)
    assert tenant_of(parse_claims(found.token)) == end["tenant_id"]
    assert found.expires_on > time.time()
    assert credential._process is not None
    folder = Path(f"/proc/{credential._process.pid}")
    shown = (folder / "environ").read_bytes() + (folder / "cmdline").read_bytes()
    assert b"azjobs._main.credential" in shown
    assert end["client_secret"].encode() not in shown


def test_one_process_serves_all_questions_in_the_callers_folder(make: Make, tmp_path: Path) -> None:
    """The object lives on between questions; scopes and claims reach it."""
    credential = make(own_credentials.Says())
    first, second = credential.get_token(SCOPE, "b"), credential.get_token(SCOPE, claims="{}")
    folder, pid, asked, *scopes = first.token.split()
    assert (folder, asked, scopes) == (str(tmp_path), "1", [SCOPE, "b"])
    assert second.token.split()[1:] == [pid, "2", SCOPE, "claims={}"]


def test_a_function_that_makes_the_credential_does_as_well(make: Make) -> None:
    """For objects that cannot be pickled: the class itself, or any function without arguments."""
    assert make(own_credentials.Says).get_token(SCOPE).token.split()[2] == "1"


def test_a_credential_of_main_travels_by_value(make: Make) -> None:
    """The class was typed into a script that no other process can import."""
    script = """
        from azjobs.process.credential_frames import dump_credential
        from azure.core.credentials import AccessToken

        class Mine:
            def get_token(self, *scopes, **kwargs):
                return AccessToken("of main", 2_000_000_000)

        print(dump_credential(Mine()).reveal())
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True)
    assert make(None, payload=done.stdout.strip()).get_token(SCOPE).token == "of main"


def test_a_callback_that_gives_assertions_is_asked_there(cloud: Any, make: Make) -> None:
    """azure-identity's own class with a function inside: the embedded cloud says what it thinks of the assertion."""
    end = cloud.endpoint

    def made() -> ClientAssertionCredential:
        return ClientAssertionCredential(
            end["tenant_id"],
            end["client_id"],
            lambda: f"assertion-of-{os.environ['OWN_NAME']}",
            authority=end["url"],
            disable_instance_discovery=True,
            connection_verify=end["ca_file"],
        )

    credential = make(made, OWN_NAME="ada")
    with pytest.raises(SignInFailed, match="AADSTS"):
        credential.get_token(cloud.context.environment.scope)
    assert cloud.token_requests() == 1


def test_an_asynchronous_credential_is_awaited(make: Make) -> None:
    """As those of azure.identity.aio."""
    assert make(own_credentials.Asynchronous()).get_token(SCOPE).token == "later"


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ("raise", SignInFailed, "the badge of ada is not in the reader. Type: azjobs account connect"),
        ("network", SignInUnavailable, "no route to host"),
        ("leave", SignInFailed, "enough"),
        ("die", SignInFailed, "The process of ada's credential ends without a token"),
        ("nothing", SignInFailed, "token"),
    ],
)
def test_each_way_to_fail_is_one_sentence(make: Make, how: str, kind: type[Exception], words: str) -> None:
    """In the credential's own words, first line only; what is of the network may be tried again."""
    with pytest.raises(kind, match=words) as caught:
        make(own_credentials.Fails(how)).get_token(SCOPE)
    assert "\n" not in str(caught.value)


def test_one_that_hangs_is_given_up_in_time_and_its_process_ended(make: Make) -> None:
    """Trying again starts another process."""
    credential = make(own_credentials.Fails("hang"), answer_s=0.2)
    with pytest.raises(SignInUnavailable, match=r"The credential of ada gave no token in 0\.2 s\."):
        credential.get_token(SCOPE)
    assert credential._process is None


def test_what_it_prints_is_seen_by_nobody(make: Make, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Neither stream of its process leads anywhere."""
    assert make(own_credentials.Fails("print")).get_token(SCOPE).token == "printed"
    assert "hunter2" not in "".join(capfd.readouterr())
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_one_that_was_killed_is_started_again(make: Make) -> None:
    """The next question does not even notice."""
    credential = make(own_credentials.Says())
    pid = pid_of(credential)
    os.kill(pid, 9)
    assert pid_of(credential) != pid


def test_signing_out_ends_the_process_and_no_other_is_started(make: Make, tmp_path: Path) -> None:
    """Closing is for good, also for a question that is under way."""
    credential = make(own_credentials.Says())
    pid = pid_of(credential)
    credential.close()
    assert not is_alive(pid)
    with pytest.raises(SignInUnavailable):
        credential.get_token(SCOPE)
    hanging = make(own_credentials.Fails("hang"), OWN_MARK=str(tmp_path / "hangs"))
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(hanging.get_token, SCOPE)
        wait_until((tmp_path / "hangs").exists)
        hanging.close()
        assert isinstance(asking.exception(DEADLINE_S), SignInUnavailable)


def test_the_process_ends_with_the_daemon_even_while_the_credential_hangs(tmp_path: Path) -> None:
    """Nobody is left to kill it: it watches its channel itself."""
    script = """
        import sys, threading, msgspec, os
        sys.path.insert(0, sys.argv[1])
        import own_credentials
        from azjobs.core.context import AZURE_CLOUD, SignInKey
        from azjobs.core.signin import SignIn
        from azjobs.daemon.accounts.credential_processes import ProcessCredential
        from azjobs.process.credential_frames import dump_credential
        from azjobs.process.interpreter import interpreter_key

        arguments = {"interpreter": msgspec.to_builtins(interpreter_key()), "sys_path": [sys.argv[1]], "folder": "/"}
        payload = dump_credential(own_credentials.Fails("hang")).reveal()
        secrets = {"payload": payload, "environment": msgspec.json.encode(dict(os.environ)).decode()}
        sign_in = SignIn(SignInKey("c", "ada", "t"), "ProcessCredential", AZURE_CLOUD, arguments, tuple(secrets))
        credential = ProcessCredential(sign_in, secrets)
        threading.Thread(target=credential.get_token, args=("s",), daemon=True).start()
        while not os.path.exists(os.environ["OWN_MARK"]):
            pass
        print(credential._process.pid, flush=True)
        sys.stdin.read()
    """
    folder = str(Path(__file__).parent)
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script), folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OWN_MARK": str(tmp_path / "hangs")},
    ) as daemon:
        assert daemon.stdout is not None
        pid = int(daemon.stdout.readline())
        assert is_alive(pid)
        daemon.kill()
    wait_until(lambda: not _is_running(pid))


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_an_interpreter_that_cannot_run_it_is_named(make: Make, tmp_path: Path) -> None:
    """Not there, or without azjobs: one sentence says which program and why."""
    whole = make(own_credentials.Says())
    whole._interpreter = replace(whole._interpreter, executable=str(tmp_path / "python"))
    with pytest.raises(SignInFailed, match=r"/python cannot be executed: No such file or directory\."):
        whole.get_token(SCOPE)
    whole._interpreter = replace(interpreter_key(), options=("-I", "-S"))
    with pytest.raises(SignInFailed, match=r"cannot run the credential of ada: .*azjobs"):
        whole.get_token(SCOPE)


def test_what_cannot_be_pickled_is_refused_with_what_to_do() -> None:
    """A lock inside: the sentence says to give a function instead."""
    with pytest.raises(CannotSend, match="Give a function that makes it instead"):
        dump_credential(threading.Lock())
