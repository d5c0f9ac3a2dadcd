"""Do what a page says, as its reader would: type its sessions, run its programs, compare what it promises.

What a page may hold:

- ```console: lines that begin with `$ ` are typed on a terminal, all in one session of azjobs. The lines under a
  command are what it shows; without any, only its success is compared. `$ echo $?` tells the exit code of the command
  before it; any other command must succeed. `…` is any text; elapsed times are not compared.
- ```python: a program of its own, that imports what it uses. One that begins with a comment such as `# report.py` is a
  file, saved in the folder that the reader is in. A ```text block right after a program is what it prints.
- ```bash: a script, run without a terminal, that ends at the first error.
- `<!-- meanwhile: … -->`: what happens in the world at this place, by one of the names in `MEANWHILE`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from terminal import Ended, Home, Python, Shell, matches, visible, wait_until

ROOT = Path(__file__).parents[2]
PASSWORD = "Pa55-word-long"
LIMIT_S = 45.0
#: Targets of the Makefile: one makes a virtualenv first, the other is what runs this.
NOT_RUN = ("make demo", "make test")
_FENCE = re.compile(r"```(\w*)\s*")
_MEANWHILE = re.compile(r"<!-- meanwhile: (.*) -->")
_FILE_NAME = re.compile(r"# (\w+\.py)\n")
_SECRET_PROMPT = re.compile(r".*[Pp]assword.*:")
_OPEN_PROMPT = re.compile(r"(?P<prompt>.*(?:confirm:|\[y/N\])) (?P<typed>.+)")
_ELAPSED = re.compile(r"\b\d+:\d\d\b")


class Block(NamedTuple):
    """A piece of a page that somebody acts on."""

    line: int
    kind: str
    text: str


class Step(NamedTuple):
    """A command, and the lines it shows."""

    command: str
    shown: list[str]


def blocks_of(text: str) -> Iterator[Block]:
    """Yield the fenced blocks of a page and what happens between them; raises ValueError for a fence left open."""
    kind: str | None = None
    start, body = 0, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        fence = _FENCE.fullmatch(line)
        if fence is not None and kind is None:
            kind, start, body = fence[1], number, []
        elif fence is not None:
            yield Block(start, kind or "", "\n".join(body) + "\n")
            kind = None
        elif kind is not None:
            body.append(line)
        elif (meanwhile := _MEANWHILE.fullmatch(line)) is not None:
            yield Block(number, "meanwhile", meanwhile[1])
    if kind is not None:
        raise ValueError(f"the block that begins in line {start} has no end")


def steps_of(block: Block) -> list[Step]:
    """Return the commands of a session with what each shows."""
    steps: list[Step] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            steps.append(Step(line[2:], []))
        elif steps and steps[-1].command.endswith("\\") and not steps[-1].shown:
            steps[-1] = Step(f"{steps[-1].command[:-1]}{line.strip()}", [])
        else:
            assert steps, f"line {block.line}: a session begins with a command, not with {line!r}"
            steps[-1].shown.append(line)
    return steps


def answers_to(shown: list[str]) -> list[tuple[str, str]]:
    """Return what is typed at the prompts among these lines: passwords unseen, other answers as the page has them."""
    answers = []
    for line in shown:
        if _SECRET_PROMPT.fullmatch(line):
            answers.append((line, PASSWORD))
        elif asked := _OPEN_PROMPT.fullmatch(line):
            answers.append((asked["prompt"], asked["typed"]))
    return answers


def settled(text: str) -> str:
    """Return what is on the screen in the end, without what is never twice the same.

    Times that have passed, and whether a job that goes on has said something yet.
    """
    text = _ELAPSED.sub("0:00", visible(text.replace("\r\n", "\n")))
    return re.sub(r"(?m)( Running .*0:00)\s+yes\s*$", r"\1", text)


def _restart_machine(home: Home) -> None:
    """Do to secrets in memory what a restart does, while the resources before the virtual machine are being made."""
    wait_until(lambda: any("virtualnetworks" in effect["resource_id"] for effect in home.cloud.effects()))
    home.kill("keeper.py")


def _two_more(home: Home) -> None:
    home.add_subscriptions(
        Production="33333333-3333-4333-8333-333333333333", Staging="22222222-2222-4222-8222-222222222222"
    )


def _a_second() -> dict[str, object]:
    return {"mode": "seconds", "seconds": 1.0}


def _no_room() -> dict[str, object]:
    return {"fail_operation": {"code": "AllocationFailed", "message": "There is no room for web2."}}


def _take_minutes(home: Home) -> None:
    home.cloud.time("at-once", kinds={kind: {"mode": "held"} for kind in ("vm-create", "deployment-write")})


def _wait_for_status(home: Home, path_regex: str) -> None:
    """Wait until a daemon asks how an operation fares: its watch is recorded then."""
    home.cloud.wait_for_requests(path_regex=path_regex, timeout_s=LIMIT_S)


def _end_all(home: Home) -> None:
    home.cloud.time("at-once", kinds={"vm-create": {"mode": "at-once"}})
    home.cloud.finish()


#: What can happen while a page is read, by the words in the page.
MEANWHILE: dict[str, Callable[[Home], None]] = {
    "the account is given Staging and Production": _two_more,
    "the network takes a second": lambda home: home.cloud.time("at-once", kinds={"vnet-write": _a_second()}),
    "the machine restarts before the password was sent": _restart_machine,
    "Azure does not answer the restart": lambda home: home.cloud.fault("/restart$", "reset-after"),
    "machines and deployments take some minutes": _take_minutes,
    "the machine is being made": lambda home: _wait_for_status(home, "Microsoft.Compute/.*/operations/"),
    "the deployment is under way": lambda home: _wait_for_status(home, "/operationStatuses/"),
    "Azure is done": _end_all,
    "web2 finds no room": lambda home: home.cloud.fault("/web2/start$", _no_room()),
}


class Reader:
    """Follows a page in one session and one folder."""

    def __init__(self, home: Home, shell: Shell, python: Python, folder: Path) -> None:
        self._home = home
        self._shell = shell
        self._python = python
        self._folder = folder
        self._last_code = 0

    def follow(self, page: Path) -> None:
        """Do everything that the page says, in its order."""
        printed: Ended | None = None
        for block in blocks_of(page.read_text(encoding="utf-8")):
            where = f"{page.relative_to(ROOT)}:{block.line}"
            printed = self.act(block, where, printed)

    def act(self, block: Block, where: str, printed: Ended | None = None) -> Ended | None:
        """Do what one block says; `printed` is how the program before it ended, which is returned for a program."""
        match block.kind:
            case "console":
                self._type(steps_of(block), where)
            case "python":
                return self._run(block.text, where)
            case "text":
                assert printed is not None, f"{where}: there is no program before what it prints"
                assert matches(settled(block.text), settled(printed.out)), f"{where}: printed\n{printed.out}"
            case "bash":
                self._script(block.text, where)
            case "meanwhile":
                MEANWHILE[block.text](self._home)
            case kind:
                raise AssertionError(f"{where}: nobody knows what to do with {kind or 'a block without a kind'}")
        return None

    def _type(self, steps: list[Step], where: str) -> None:
        for number, step in enumerate(steps):
            if step.command.split("#")[0].strip() in NOT_RUN:
                continue
            done = self._on_terminal(f"(exit {self._last_code}); {step.command}", *answers_to(step.shown))
            self._last_code = done.code
            shown = settled(done.out)
            told = f"{where}: $ {step.command}\nexit code {done.code}\n{shown}"
            is_code_next = any(after.command.startswith("echo $?") for after in steps[number + 1 : number + 2])
            assert done.code == 0 or is_code_next, told
            if step.shown:
                assert matches(settled("\n".join(step.shown)), shown), told

    def _run(self, code: str, where: str) -> Ended:
        if name := _FILE_NAME.match(code):
            (self._folder / name[1]).write_text(code)
            return Ended(0, "", "")
        assert "az." not in code or "import azjobs as az\n" in code, f"{where}: az is not imported"
        if "get_credential(" in code:
            (self._folder / "program.py").write_text(code)
            done = self._on_terminal("python -W error program.py", ("Password for vmadmin:", PASSWORD))
            done = done._replace(out=done.out.partition("Password for vmadmin:")[2])
        else:
            done = self._python(code, timeout_s=LIMIT_S)
        assert done.code == 0, f"{where}: {done.out}{done.err}"
        return done

    def _script(self, text: str, where: str) -> None:
        (self._folder / "script.sh").write_text(text)
        done = self._shell(f"cd '{self._folder}'; bash -e script.sh", timeout_s=LIMIT_S)
        assert done.code == 0, f"{where}: {done}"

    def _on_terminal(self, line: str, *answers: tuple[str, str]) -> Ended:
        return self._shell.tty(f"cd '{self._folder}'; {line}", *answers, timeout_s=LIMIT_S)
