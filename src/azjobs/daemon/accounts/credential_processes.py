"""Ask credentials that run in processes of their own, since they are the caller's own code.

Synchronous: the broker calls it from its threads. A process is started at the
first question, and again when it has ended; whatever it does, a question is
answered in time. Neither its arguments, its environment as /proc shows it, nor
any file has anything of the credential.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from typing import Any

import msgspec
from azure.core.credentials import AccessToken

from azjobs.azure.refusals import CONNECT, SignInUnavailable, explain
from azjobs.core.errors import SignInFailed
from azjobs.core.signin import SignIn
from azjobs.process.credential_frames import (
    PROTOCOL,
    Ask,
    Begin,
    Failed,
    FromProcess,
    Given,
    Ready,
    load_payload,
    parse_from_process,
    send,
)
from azjobs.process.frames import read_body
from azjobs.process.interpreter import Interpreter, relevant_environment

PAYLOAD, ENVIRONMENT = "payload", "environment"  # the secrets of this kind
START_S = 60.0  # guess: a cold start with the SDK on a busy machine was seen to take 2 s
ANSWER_S = 60.0  # guess: as long as azure-identity gives a tool six times over


class _Ended(Exception):
    """The process has ended, or says what cannot be understood."""


class ProcessCredential:
    """A credential that is asked in a process of its own. One question at a time."""

    def __init__(self, sign_in: SignIn, secrets: Mapping[str, str], *, answer_s: float = ANSWER_S) -> None:
        """Nothing is started yet.

        Raises:
            SignInFailed: the description is not whole.
        """
        self._account = sign_in.key.account
        self._tenant = str(sign_in.arguments.get("tenant_id") or "")
        self._answer_s = answer_s
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._is_closed = False
        try:
            self._interpreter = msgspec.convert(sign_in.arguments["interpreter"], Interpreter, strict=False)
            environ = msgspec.json.decode(secrets[ENVIRONMENT], type=dict[str, str])
            path = [str(entry) for entry in sign_in.arguments.get("sys_path") or ()]
            folder = str(sign_in.arguments.get("folder") or "/")
            self._begin = Begin(environ, folder, path, load_payload(secrets[PAYLOAD]))
        except (KeyError, ValueError, msgspec.MsgspecError):
            raise SignInFailed(f"The credential of {self._account} must be given again. {CONNECT}") from None

    def get_token(self, *scopes: str, claims: str | None = None, **_options: Any) -> AccessToken:
        """Return an access token for `scopes`.

        Raises:
            SignInFailed: the credential gives none, or its process cannot be started.
            SignInUnavailable: it could not reach the sign-in service, or did not answer in time.
        """
        ask = Ask(scopes, claims or "", self._tenant)
        with self._lock:
            try:
                answer = self._asked(ask)
            except _Ended:  # it may have been killed for want of memory: once more, with a new one
                try:
                    answer = self._asked(ask)
                except _Ended:
                    raise SignInFailed(f"The process of {self._account}'s credential ends without a token.") from None
        if isinstance(answer, Given):
            return AccessToken(answer.token, answer.expires_on)
        text = answer.text if isinstance(answer, Failed) else "it gave no answer"
        raise explain(text, account=self._account, tenant=self._tenant, is_network=bool(_is_network(answer)))

    def close(self) -> None:
        """End the process, and whatever it started; start no more."""
        self._is_closed = True
        self._end()

    def _asked(self, ask: Ask) -> FromProcess:
        channel = self._started()
        channel.settimeout(self._answer_s)
        try:
            send(channel, ask)
            return self._read(channel)
        except TimeoutError:
            self._end()
            text = f"The credential of {self._account} gave no token in {self._answer_s:g} s."
            raise SignInUnavailable(text) from None
        except OSError:
            self._end()
            raise _Ended from None
        except _Ended:
            self._end()
            raise

    def _started(self) -> socket.socket:
        if self._is_closed:
            raise SignInUnavailable("The sign-in was made anew meanwhile.")
        if self._channel is None:
            ours, theirs = socket.socketpair()
            ours.settimeout(START_S)
            self._channel = ours
            with tempfile.TemporaryFile() as words:
                with theirs:
                    self._execute(theirs, words.fileno())
                if self._is_closed:  # while it was being started
                    self._end()
                    raise _Ended
                self._begun(ours, words.fileno())
        return self._channel

    def _execute(self, theirs: socket.socket, words: int) -> None:
        interpreter, fd = self._interpreter, theirs.fileno()
        environ = {os.fsencode(name): os.fsencode(value) for name, value in self._begin.environ.items()}
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the caller's own interpreter, no shell
                [interpreter.executable, *interpreter.options, "-m", "azjobs._main.credential", str(fd)],
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                pass_fds=[fd],
                cwd="/",
                env=dict(relevant_environment(environ)),
                start_new_session=True,
            )
        except OSError as error:
            self._end()
            raise SignInFailed(f"{interpreter.executable} cannot be executed: {error.strerror}.") from None

    def _begun(self, channel: socket.socket, words: int) -> None:
        """What it says until it is ready is Python's own, about a package that is not there."""
        try:
            report: FromProcess | None = self._read(channel)
        except (OSError, _Ended):
            report = None
        if isinstance(report, Ready) and report.protocol == PROTOCOL:
            with contextlib.suppress(OSError):  # then the question finds out
                send(channel, self._begin)
            return
        if self._is_closed:
            raise _Ended
        said = os.pread(words, 64 * 1024, 0).decode("utf-8", "replace").strip().splitlines()
        self._end()
        why = said[-1] if said else "it does not answer, or has another version of azjobs"
        raise SignInFailed(f"{self._interpreter.executable} cannot run the credential of {self._account}: {why}.")

    def _read(self, channel: socket.socket) -> FromProcess:
        body = read_body(channel)
        if body is None:
            raise _Ended
        try:
            return parse_from_process(body)
        except msgspec.MsgspecError:
            raise _Ended from None

    def _end(self) -> None:
        channel, process = self._channel, self._process
        self._channel = self._process = None
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)  # its session is its own
            process.wait()
        if channel is not None:
            channel.close()


def _is_network(answer: FromProcess) -> bool:
    return isinstance(answer, Failed) and answer.is_network
