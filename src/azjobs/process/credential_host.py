"""Be a caller's credential: in a process of the caller's own interpreter, with the caller's environment.

For credentials that nobody can describe, since they are the caller's own code.
What that code prints goes nowhere: it may be a secret. When the daemon's end of
the channel closes, the process ends, whatever the code is doing then.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import pickle
import select
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from azjobs.core.version import VERSION
from azjobs.process.credential_frames import (
    PROTOCOL,
    Ask,
    Begin,
    Failed,
    Given,
    Ready,
    parse_to_process,
    send,
)
from azjobs.process.frames import read_body

# Raised by azure-core and requests when no answer came: by name, since neither may be there in this interpreter.
_NETWORK_ERRORS = frozenset({"ServiceRequestError", "ServiceResponseError", "ConnectionError", "Timeout"})
_LONGEST_TEXT = 2000  # guess: more than one sentence; the daemon shortens it


def serve(channel: socket.socket) -> NoReturn:
    """Answer until the daemon is gone."""
    _watch(channel)
    send(channel, Ready(PROTOCOL, VERSION))
    begin = _next(channel)
    if not isinstance(begin, Begin):
        os._exit(1)
    _silence()
    credential: object = None
    problem = ""
    try:
        credential = _made(begin)
    except BaseException as error:  # noqa: BLE001 - the caller's code; it is told at the first question
        problem = f"the credential cannot be made there: {_words(error)}"
    while True:
        ask = _next(channel)
        if isinstance(ask, Ask):
            send(channel, Failed(problem) if problem else _answer(credential, ask))


def _next(channel: socket.socket) -> Begin | Ask:
    body = read_body(channel)
    if body is None:
        os._exit(0)
    return parse_to_process(body)


def _watch(channel: socket.socket) -> None:
    """End with the daemon's end of the channel, even while the caller's code hangs."""

    def wait() -> None:
        poll = select.poll()
        poll.register(channel, 0)  # POLLHUP comes unasked
        while not any(events & (select.POLLHUP | select.POLLERR) for _, events in poll.poll()):
            pass
        os._exit(0)

    threading.Thread(target=wait, name="daemon-watch", daemon=True).start()


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    os.close(nowhere)


def _made(begin: Begin) -> object:
    os.environ.clear()
    os.environ.update(begin.environ)
    with contextlib.suppress(OSError):
        os.chdir(begin.folder or "/")
    sys.path[:] = [*begin.sys_path, *(entry for entry in sys.path if entry not in begin.sys_path)]
    credential = pickle.loads(begin.payload)  # noqa: S301 - of the same user, by the private channel
    if not _has_tokens(credential) and callable(credential):
        credential = credential()
    if not _has_tokens(credential):
        raise TypeError(f"a {type(credential).__name__} is no credential")
    return credential


def _has_tokens(credential: object) -> bool:
    is_class = isinstance(credential, type)
    return not is_class and (hasattr(credential, "get_token") or hasattr(credential, "get_token_info"))


def _answer(credential: Any, ask: Ask) -> Given | Failed:
    options = {"claims": ask.claims, "tenant_id": ask.tenant_id}
    given = {name: value for name, value in options.items() if value}
    try:
        if hasattr(credential, "get_token"):
            found = _awaited(lambda: credential.get_token(*ask.scopes, **given))
        else:
            found = _awaited(lambda: credential.get_token_info(*ask.scopes, options=given))
        token, expires_on = found.token, found.expires_on
    except BaseException as error:  # noqa: BLE001 - the caller's code may raise anything, SystemExit too
        return Failed(_words(error), _is_network(error))
    if not isinstance(token, str) or not token or not isinstance(expires_on, int | float):
        return Failed("it gave no access token, but something else")
    return Given(token, int(expires_on))


def _awaited(get: Callable[[], Any]) -> Any:
    """Those of azure.identity.aio are asynchronous; each question has a loop of its own."""

    async def awaited(found: Any) -> Any:
        return await found

    found = get()
    return asyncio.run(awaited(found)) if inspect.isawaitable(found) else found


def _words(error: BaseException) -> str:
    text = str(getattr(error, "message", None) or error).strip()[:_LONGEST_TEXT]
    return text or type(error).__name__


def _is_network(error: BaseException | None) -> bool:
    while error is not None:
        if any(kind.__name__ in _NETWORK_ERRORS for kind in type(error).__mro__):
            return True
        error = error.__cause__
    return False
