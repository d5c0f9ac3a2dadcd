"""Drive the product as its users do: command lines, terminals with a keyboard, Python interpreters."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from azjobs.simulator.control import ControlClient
from azjobs.simulator.launch import ensure_simulator

DEADLINE_S = 30.0
#: By machine: numbers of the system calls that wait without a limit, with the argument that says so and its value.
ENDLESS = {
    "x86_64": {
        "7": (2, 0xFFFFFFFF),
        "45": None,
        "202": (3, 0),
        "270": (4, 0),
        "23": (4, 0),
    },  # poll, recvfrom, futex, selects
    "aarch64": {"73": (2, 0), "207": None, "98": (3, 0), "72": (4, 0)},  # ppoll, recvfrom, futex, select
}


class Ended(NamedTuple):
    """How a command ended. On a terminal `out` has both streams."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The standard output, as JSON."""
        return json.loads(self.out)


class Home:
    """A home folder, and what runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def cloud(self) -> ControlClient:
        """Control of the embedded cloud of this home, which must run."""
        return ControlClient.of(self.endpoint)

    def start_cloud(self) -> None:
        """Start the embedded cloud without signing anybody in."""
        ensure_simulator(self.folder / "simulator")

    @property
    def endpoint(self) -> dict[str, Any]:
        """What the embedded cloud says of itself."""
        found: dict[str, Any] = json.loads((self.folder / "simulator" / "endpoint.json").read_text())
        return found

    def add_subscriptions(self, **names: str) -> None:
        """Add subscriptions, ids by name, that the demo account may use."""
        end = self.endpoint
        tenant = end["tenant_id"]
        self.cloud.directory(
            subscriptions=[{"id": id, "name": name, "tenant_id": tenant} for name, id in names.items()]
        )
        rights = {f"/subscriptions/{id}": "Owner" for id in (end["subscription_id"], *names.values())}
        demo = {"tenant_id": tenant, "client_id": end["client_id"], "secret": end["client_secret"], "rights": rights}
        self.cloud.directory(principals=[demo])

    def add_principal(self, name: str, *, subscriptions: int, secret: str = "") -> dict[str, Any]:
        """Add a tenant with subscriptions and a service principal that owns them; returns what it needs to sign in."""
        tenant, client = str(uuid4()), str(uuid4())
        owned = [str(uuid4()) for _ in range(subscriptions)]
        secret = secret or f"secret~{uuid4()}"
        self.cloud.directory(
            tenants=[{"id": tenant, "name": name}],
            subscriptions=[{"id": id, "name": f"{name} {n}", "tenant_id": tenant} for n, id in enumerate(owned)],
            principals=[
                {
                    "tenant_id": tenant,
                    "client_id": client,
                    "secret": secret,
                    "name": name,
                    "rights": {f"/subscriptions/{id}": "Owner" for id in owned},
                }
            ],
        )
        return {"tenant": tenant, "client": client, "secret": secret, "subscriptions": owned}

    def pids(self) -> dict[int, str]:
        """Every process that works in this home, by its environment or command line.

        Whoever has gone while this looked may have left a child that was not there at the first look.
        """
        found: dict[int, str] = {}
        seen = {os.getpid()}
        while new := {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()} - seen:
            seen |= new
            for pid in sorted(new):
                entry = Path(f"/proc/{pid}")
                with contextlib.suppress(OSError):
                    line = (entry / "cmdline").read_bytes()
                    if os.fsencode(self.folder) in line or self._is_of_home(entry):
                        found[pid] = line.replace(b"\0", b" ").decode(errors="replace")
        return found

    def _is_of_home(self, entry: Path) -> bool:
        """By its environment, or by a file of the home that it has open: a job process holds its journal."""
        wanted = b"AZJOBS_HOME=" + os.fsencode(self.folder) + b"\0"
        if wanted in (entry / "environ").read_bytes() + b"\0":
            return True
        links = []
        for fd in (entry / "fd").iterdir():
            with contextlib.suppress(OSError):
                links.append(str(fd.readlink()))
        return any(link.startswith(f"{self.folder}/") for link in links)

    def find(self, word: str) -> list[int]:
        """The pids of processes whose command line has `word`, just now: "_main.daemon", "keeper.py".

        The keeper's own command line has the daemon's in it, as what it starts;
        and whoever is just being forked has the line of the one that forks.
        """
        own_part = {pid: line.partition(" -- ")[0] for pid, line in self.pids().items()}
        hits = [pid for pid, line in own_part.items() if word in line]
        return [pid for pid in hits if _parent_of(pid) not in hits]

    def warm_parent(self) -> int:
        """The process that the daemon has jobs forked by, which has nothing of the home; 0 while there is none."""
        daemon = self.process("_main.daemon")
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if _parent_of(int(entry.name)) == daemon and b"_main.warm_parent" in (entry / "cmdline").read_bytes():
                    return int(entry.name)
        return 0

    def process(self, word: str) -> int:
        """The pid of the one process whose command line has `word`, as `find` has it."""
        found: list[int] = wait_until(
            lambda: pids if len(pids := self.find(word)) == 1 else None, what=f"one {word} runs"
        )
        return found[0]

    def kill(self, word: str) -> int:
        """Kill that process with SIGKILL; returns its pid."""
        pid = self.process(word)
        os.kill(pid, signal.SIGKILL)
        return pid

    def end(self) -> None:
        """Kill whatever still runs here: keepers first, since they start daemons again."""

        def left() -> dict[int, str]:
            return self.pids()

        deadline_at = time.monotonic() + DEADLINE_S
        while found := left():
            for pid in sorted(found, key=lambda pid: "keeper" not in found[pid]):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > deadline_at:
                raise AssertionError(f"left behind: {found}")
            time.sleep(0.01)


class Shell:
    """A shell session: every command line runs in a bash of its own, in the same session of azjobs."""

    def __init__(self, home: Home, session: str) -> None:
        self.home = home
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("AZJOBS_")},
            "AZJOBS_HOME": str(home.folder),
            "AZJOBS_SESSION": session,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "TERM": "xterm",
            "COLUMNS": "140",
        }

    def __call__(self, line: str, *, stdin: str | None = None, timeout_s: float = DEADLINE_S) -> Ended:
        """Run a command line without a terminal."""
        done = subprocess.run(
            ["bash", "-c", line],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=self.environment,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def tty(self, line: str, *answers: tuple[str, str], timeout_s: float = DEADLINE_S) -> Ended:
        """Run a command line on a terminal, and type each answer when its prompt is seen."""
        pid, fd = pty.fork()
        if pid == 0:
            os.execvpe("bash", ["bash", "-c", line], self.environment)
        screen = Screen(fd, timeout_s)
        try:
            for prompt, answer in answers:
                screen.wait_for(prompt)
                os.write(fd, answer.encode() + b"\n")
            out = screen.read_all()
        finally:
            os.close(fd)
            _, status = os.waitpid(pid, 0)
        return Ended(os.waitstatus_to_exitcode(status), out.replace("\r\n", "\n"), "")


def visible(text: str) -> str:
    """What is left to be seen of what was written on a terminal: lines that were written over are not."""
    lines, row, column = [""], 0, 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+|\x1b", text):
        if piece == "\r":
            column = 0
        elif piece == "\n":
            row, column = row + 1, 0
            lines += [""] * (row - len(lines) + 1)
        elif piece == "\x1b[A":
            row = max(0, row - 1)
        elif piece == "\x1b[K":
            lines[row] = lines[row][:column]
        elif not piece.startswith("\x1b["):
            lines[row] = lines[row][:column].ljust(column) + piece + lines[row][column + len(piece) :]
            column += len(piece)
    while len(lines) > row + 1 and not lines[-1]:
        lines.pop()
    return "\n".join(lines)


class Screen:
    """What appears on a terminal."""

    def __init__(self, fd: int, timeout_s: float) -> None:
        self._fd = fd
        self._deadline_at = time.monotonic() + timeout_s
        self.seen = ""
        self._is_over = False

    def wait_for(self, text: str) -> None:
        """Read until the text appears."""
        start = len(self.seen)
        while text not in self.seen[start:]:
            assert not self._is_over, f"the command ended without {text!r}: {self.seen}"
            self.read()

    def read_all(self) -> str:
        """Read to the end."""
        while not self._is_over:
            self.read()
        return self.seen

    def read(self) -> None:
        """Read what comes next."""
        left_s = self._deadline_at - time.monotonic()
        ready, _, _ = select.select([self._fd], [], [], max(0, left_s))
        assert ready, f"nothing more came: {self.seen}"
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # Linux's way to say that nobody holds the other side
            data = b""
        self._is_over = not data
        self.seen += data.decode(errors="replace")


class Terminal:
    """A bash on a terminal of its own."""

    def __init__(self, shell: Shell) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], {**shell.environment, "PS1": "ready> "})
        self.resize(100, 12)
        self.screen = Screen(self.fd, DEADLINE_S)
        self._at = 0
        self.wait_for("ready> ")

    def wait_for(self, text: str) -> None:
        """Read until the text appears after what was waited for before."""
        while (found := self.screen.seen.find(text, self._at)) < 0:
            self.screen.read()
        self._at = found + len(text)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.fd, keys.encode())

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the window."""
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def end(self) -> None:
        """Close it."""
        os.close(self.fd)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Python:
    """Runs code in fresh interpreters."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.command = [sys.executable, "-W", "error", "-c", "import azjobs as az\n"]
        self.environment = {**os.environ, "AZJOBS_HOME": str(home.folder)}

    def __call__(self, code: str, *, timeout_s: float = DEADLINE_S, arguments: Sequence[str] = ()) -> Ended:
        """Run code, with azjobs imported as az; the end is awaited."""
        command, body = self.command[:-1], self.command[-1] + textwrap.dedent(code)
        done = subprocess.run(
            [*command, body, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            env=self.environment,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


def _parent_of(pid: int) -> int:
    """The pid of a process's parent; 0 when the process has gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def wait_until(
    condition: Callable[[], Any], *, timeout_s: float = DEADLINE_S, what: str = "", pause_s: float = 0.01
) -> Any:
    """Return the first true value of the condition, which is looked at again after each pause."""
    deadline_at = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline_at, f"never became true: {what or condition}"
        time.sleep(pause_s)
    return value


def sleeps_without_limit(pid: int) -> bool:
    """Whether every thread of a process waits for something to happen, for however long."""
    endless = ENDLESS[platform.machine()]
    for thread in Path(f"/proc/{pid}/task").iterdir():
        number, *arguments = (thread / "syscall").read_text().split()
        if number not in endless:
            return False
        wanted = endless[number]
        if wanted is not None and int(arguments[wanted[0]], 16) & 0xFFFFFFFF != wanted[1]:
            return False
    return True


def matches(pattern: str, text: str) -> bool:
    """Whether text is as a transcript says: `…` is any text, runs of blanks are one blank."""
    pieces = [re.escape(re.sub(r"\s+", " ", piece)) for piece in pattern.strip().split("…")]
    return re.fullmatch(".*".join(pieces), re.sub(r"\s+", " ", text.strip()), re.DOTALL) is not None
