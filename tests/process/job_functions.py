"""What the jobs of these tests run; imported by name in the job, like a module of the user's."""

# ruff: noqa: T201, LOG015, PLC0415, PTH - jobs print, use the root logger and the descriptors, and import late
from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from azjobs.process.progress import write_progress


def add(left: int, right: int) -> int:
    """Return a sum."""
    return left + right


def say_nothing() -> None:
    """Return nothing and print nothing."""


def count() -> Iterator[int]:
    """Print, then yield."""
    print("starting")
    yield from range(3)


def count_and_return() -> Iterator[int]:
    """Yield, then return."""
    yield 1
    return "the end"


async def twice(value: int) -> int:
    """Be a coroutine."""
    return value * 2


async def count_async() -> AsyncIterator[int]:
    """Be an asynchronous generator."""
    yield 1
    yield 2


def fail() -> None:
    """Raise with a secret in a local variable."""
    password = "hunter2"
    raise ValueError("no such machine") from KeyError(len(password))


def speak_on_all_streams() -> Iterator[str]:
    """Use each stream once, in a known order."""
    print("one", end="")
    logging.warning("two")
    logging.error("three")
    warnings.warn("four", stacklevel=1)
    write_progress("copy", "half", 50, parent="all")
    logging.basicConfig(level=logging.DEBUG)
    logging.info("five")
    logging.debug("six")
    yield "seven"
    print("eight", file=sys.stderr)
    sys.stdout.write("nine")


def print_past_python(size: int) -> None:
    """Let C code write more than any pipe holds, between two lines of Python's, holding the lock of the interpreter."""
    libc = ctypes.PyDLL(None)
    print("before")
    text = (b"x" * 99 + b"\n") * (size // 100)
    libc.write(1, text, len(text))
    print("between")
    libc.write(2, b"error output\n", 13)
    print("after")


def print_by_child() -> None:
    """Let a child process print between two lines."""
    print("before")
    subprocess.run(["/bin/sh", "-c", "echo child; echo complaint >&2"], check=True)
    print("after")


def print_in_forked_child() -> None:
    """Let a forked copy of the job print, log, and end as it likes."""
    print("parent")
    pid = os.fork()
    if pid == 0:
        print("child")
        logging.error("child error")
        os._exit(0)
    os.waitpid(pid, 0)
    print("parent again")


def use_thread() -> str:
    """Leave a thread and an exit handler behind that still have something to say."""
    import atexit

    def say_later() -> None:
        time.sleep(0.05)
        print("thread")

    threading.Thread(target=say_later).start()
    atexit.register(print, "exit handler")
    return "returned"


def raise_in_thread() -> str:
    """Have an exception in a thread."""

    def raise_it() -> None:
        raise RuntimeError("in a thread")

    thread = threading.Thread(target=raise_it)
    thread.start()
    thread.join()
    return "went on"


def leave(code: object) -> None:
    """End by SystemExit."""
    sys.exit(code)  # type: ignore[arg-type]


def crash() -> None:
    """End without a word, like a fault in C code."""
    print("so far")
    os.kill(os.getpid(), 9)


def return_lock() -> object:
    """Return what cannot be pickled."""
    return threading.Lock()


def describe_process() -> dict[str, Any]:
    """Tell how the process is set up."""
    return {
        "folder": str(Path.cwd()),
        "umask": os.umask(0),
        "variable": os.environ.get("JOB_TEST_VARIABLE"),
        "home": os.environ.get("HOME"),
        "sid_is_pid": os.getsid(0) == os.getpid(),
        "stdin": sys.stdin.read(),
        "raw_stdin": os.read(0, 10).decode(),
        "fds": [path.name for path in Path("/proc/self/fd").iterdir()],
        "argv": sys.argv,
        "comm": Path("/proc/self/comm").read_text(),
        "main": sys.modules["__main__"].__dict__.get("__file__"),
    }


def show_process() -> dict[str, str]:
    """Give what other processes of the same user can read of this one."""
    proc = Path("/proc/self")
    return {name: (proc / name).read_bytes().decode("latin-1") for name in ("environ", "cmdline")}


def hold_on(flag: str) -> str:
    """Say that it runs, and go on until the file is there."""
    print("running")
    _wait_for(flag)
    return "done"


def _wait_for(flag: str) -> None:
    """Wait for the file, but not for ever: a failed test must leave nothing behind."""
    for _ in range(3000):
        if Path(flag).exists():
            return
        time.sleep(0.01)


def start_children(flag: str) -> None:
    """Leave a child by subprocess and one by fork, both waiting for the file, then end."""
    code = f"import os, time\nfor _ in range(3000): os.path.exists({flag!r}) or time.sleep(0.01)"
    child = subprocess.Popen([sys.executable, "-c", code], close_fds=False)
    print(child.pid)
    pid = os.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])
    print(pid)
    forked = os.fork()
    if forked == 0:
        _wait_for(flag)
        os._exit(0)
    print(forked)
    child.returncode = 0  # not waited for


def sleep_and_ignore() -> None:
    """Refuse to stop when asked, with a grandchild that has a session of its own and has lost its parent."""
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    middle = (
        f"import os, subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {code!r}], start_new_session=True,"
        "stdout=subprocess.PIPE); p.stdout.readline(); print(p.pid, flush=True); os._exit(0)"
    )
    command = [sys.executable, "-c", middle]
    pid = subprocess.run(command, check=True, stdout=subprocess.PIPE, start_new_session=True).stdout
    print(int(pid))
    grandchild = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE)
    assert grandchild.stdout is not None
    grandchild.stdout.readline()
    print(grandchild.pid)
    print("armed")
    time.sleep(60)


def wait_for_stop() -> None:
    """Run until asked to stop; clean up then."""
    try:
        print("running")
        time.sleep(60)
    finally:
        print("cleaned up")


async def wait_for_stop_async() -> None:
    """As above, in a coroutine."""
    import asyncio

    try:
        print("running")
        await asyncio.sleep(60)
    finally:
        print("cleaned up")


class Granted:
    """A runtime for the hook: knows secrets by name, and says when the user's code is inside."""

    def __init__(self, runtime: dict[str, Any]) -> None:
        self._secrets = runtime["secrets"]

    def resolve(self, name: str) -> object:
        """Return the secret of that name."""
        return Secret(self._secrets[name])

    def persistent(self, value: object) -> str | None:
        """Refuse secrets in results."""
        if isinstance(value, Secret):
            raise TypeError("a secret is not a result")
        return None

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Say when it is entered and left."""
        print("entered")
        yield
        print("left")


prepare: Callable[[dict[str, Any]], Granted] = Granted


class Secret:
    """Something that must not be pickled."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __reduce__(self) -> Any:
        """Refuse."""
        raise TypeError("a secret is not pickled")


def length_of(secret: Secret) -> int:
    """Use a secret without showing it."""
    return len(secret.text)


def give_back(secret: Secret) -> Secret:
    """Try to return a secret."""
    return secret


def fork_in_c(flag: str) -> None:
    """Be copied by C code, which tells Python nothing; the copy waits for the file."""
    libc = ctypes.PyDLL(None)
    pid = libc.fork()
    if pid == 0:
        _wait_for(flag)
        os._exit(0)
    print(pid)


def print_by_the_c_library() -> None:
    """Leave text in the C library's buffer at the end."""
    ctypes.CDLL(None).printf(b"held by C\n")


def use_stdout_as_file() -> None:
    """Treat sys.stdout as libraries do."""
    sys.stdout.buffer.write(b"bytes \xff\n")
    print("not flushed", end=" ")
    print("by newline", end="", flush=True)
    print(" but by hand")
    subprocess.run(["echo", "handed on"], check=True, stdout=sys.stdout)
    print(sys.stdout.encoding, sys.stdout.isatty())


def configure_logging(path: str) -> None:
    """Configure logging as scripts do."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.info("formatted")
    logging.basicConfig(filename=path, level=logging.DEBUG)
    logging.debug("also in a file")
    logging.basicConfig(level=logging.ERROR, force=True)
    logging.warning("not asked for")
    logging.error("in the end")
    try:
        raise ValueError("known")  # noqa: TRY301 - to be caught here
    except ValueError:
        logging.exception("caught")
