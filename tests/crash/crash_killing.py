"""Make processes of azjobs kill themselves at named edges, from outside: Python imports this at their start.

A `sitecustomize` on the path calls `install`, the keeper (which looks at no
path) is started through a file that does. An import hook then wraps the
functions where the edges are, once their module is loaded. A process that
passes an edge for the n-th time ends itself by SIGKILL, before the function or
after it. A marker file makes it happen once: the successor lives.

Standard library only, and nothing of the tests: it runs in the product's processes.
"""

from __future__ import annotations

import functools
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from typing import Any

KEEPER_FILE = "crash_keeper.py"  # its name is how a keeper knows that it is one
PLAN_FILE, PASSED_FILE = "plan.json", "passed"
_IS_COROUTINE = 0x80  # inspect.CO_COROUTINE; inspect itself would cost the keeper more than all of its own code

#: What starts a process, by a word of its command line, and what its forked children are.
_ROLES = (
    (KEEPER_FILE, "keeper", "keeper"),
    ("azjobs._main.daemon", "daemon", "daemon"),
    ("azjobs._main.warm_parent", "warm parent", "spare"),
    ("crash_mix.py", "client", "caller"),
)

_born_as, _child_role, _born_pid = "", "", 0
_is_job = False


def role() -> str:
    """What this process is now; a spare becomes a job when it gets one."""
    if os.getpid() == _born_pid:
        return _born_as
    return "job" if _is_job else _child_role


def install(folder: str) -> None:
    """Prepare this process: its edges by `folder`/plan.json."""
    global _born_as, _child_role, _born_pid  # noqa: PLW0603 - one process is one thing
    with open(f"{folder}/{PLAN_FILE}") as file:  # noqa: PTH123 - pathlib is not what the keeper has
        plan = json.load(file)
    words = [word.rpartition("/")[2] for word in sys.orig_argv]
    found = next((one for one in _ROLES if one[0] in words), None)
    _, _born_as, _child_role = found or ("", "", "")
    _born_pid = os.getpid()
    hook = _Hook()
    hook.after("azjobs.keeper.start", lambda module: _start_keepers_by(module, f"{folder}/{KEEPER_FILE}"))
    for module, values in plan["constants"].items():
        hook.after(module, functools.partial(_set_constants, values=values))
    if _born_as == "warm parent":
        hook.after("azjobs.process.job", _notice_jobs)
    if plan["is_census"]:
        for edge in plan["edges"]:
            _watch(hook, edge, functools.partial(_note, f"{folder}/{PASSED_FILE}", edge))
    for number, kill in enumerate(plan["kills"]):
        _watch(hook, kill["edge"], _Strike(f"{folder}/killed-{number}", **kill))
    sys.meta_path.insert(0, hook)


class _Hook(MetaPathFinder):
    """Calls back with each wanted module right after it was loaded, before whoever imports it has seen it."""

    def __init__(self) -> None:
        self._wanted: dict[str, list[Callable[[Any], None]]] = {}

    def after(self, module: str, react: Callable[[Any], None]) -> None:
        self._wanted.setdefault(module, []).append(react)

    def find_spec(self, name: str, path: Sequence[str] | None = None, _target: Any = None) -> Any:
        wanted = self._wanted.pop(name, None)
        if wanted is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec is not None
        assert spec.loader is not None
        load = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            load(module)
            for react in wanted:
                react(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


Passed = Callable[[str], None]


class _Strike:
    """Kills this process when it passes an edge for the n-th time, unless that was done already.

    `victim`: a file with the pid of another one to be killed in its place.
    """

    def __init__(self, marker: str, *, edge: str, side: str, nth: int, victim: str = "") -> None:
        self._victim = victim
        self._marker, self._side, self._nth, self._edge = marker, side, nth, edge
        self._role = edge.partition("/")[0]

    def __call__(self, side: str) -> None:
        if side != self._side or role() != self._role:
            return
        self._nth -= 1
        if self._nth:
            return
        try:
            fd = os.open(self._marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        os.write(fd, json.dumps({"role": role(), "pid": os.getpid(), "edge": self._edge, "side": side}).encode())
        if not self._victim:
            os.kill(os.getpid(), signal.SIGKILL)
        with open(self._victim) as file:  # noqa: PTH123 - as above
            victim = int(file.read())
        os.kill(victim, signal.SIGKILL)
        while _is_there(victim):  # this process stands still until then
            pass


def _is_there(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - as above
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _note(file: str, edge: str, side: str) -> None:
    if role() == edge.partition("/")[0]:
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(fd, f"{os.getpid()} {edge} {side}\n".encode())
        os.close(fd)


def _watch(hook: _Hook, edge: str, passed: Passed) -> None:
    """Wrap the edge's function, in the processes that are of its role or may become so."""
    role_name, _, place = edge.partition("/")
    family = {_born_as, _child_role, *(["job"] if _born_as == "warm parent" else [])}
    if role_name in family:
        module, _, path = place.partition(":")
        hook.after(f"azjobs.{module}", functools.partial(_wrap, path=path, passed=passed))


def _wrap(module: Any, *, path: str, passed: Passed) -> None:
    owner, _, name = path.rpartition(".")
    holder = getattr(module, owner, None) if owner else module
    raw = vars(holder).get(name) if holder is not None else None
    if raw is None:  # no such function any more: the test that each edge is passed says so
        return
    kind = type(raw) if isinstance(raw, staticmethod | classmethod) else None
    wrapped = _around(raw.__func__ if kind else raw, passed)
    setattr(holder, name, kind(wrapped) if kind else wrapped)


def _around(function: Any, passed: Passed) -> Any:
    if function.__code__.co_flags & _IS_COROUTINE:

        @functools.wraps(function)
        async def around(*args: Any, **kwargs: Any) -> Any:
            passed("before")
            value = await function(*args, **kwargs)
            passed("after")
            return value

    else:

        @functools.wraps(function)
        def around(*args: Any, **kwargs: Any) -> Any:
            passed("before")
            value = function(*args, **kwargs)
            passed("after")
            return value

    return around


def _set_constants(module: Any, *, values: dict[str, float]) -> None:
    for name, value in values.items():
        assert hasattr(module, name), f"{module.__name__} has no {name}"
        setattr(module, name, value)


def _notice_jobs(module: Any) -> None:
    run_job = module.run_job

    def run(*args: Any) -> None:
        global _is_job  # noqa: PLW0603 - one process is one thing
        _is_job = True
        run_job(*args)

    module.run_job = run


def _start_keepers_by(module: Any, file: str) -> None:
    program = module._keeper_program

    def keeper_program() -> list[str]:
        *interpreter, own = program()
        assert own.endswith("keeper.py")
        return [*interpreter, file]

    module._keeper_program = keeper_program
