"""The keeper's command line, read without argparse, which would cost it a megabyte.

    keeper.py --run FOLDER --home FOLDER [options] -- COMMAND [ARGUMENT ...]

--run FOLDER      where the daemon's socket and the locks lie
--home FOLDER     where `logs/daemon.log` lies
--idle-s SECONDS  end after this long without daemon and secrets (30)
--start           start the daemon at once, not at the first connection
--detach          return to the caller when the socket is bound
--ready-fd N      write one byte there when the socket is bound
--env-fd N        read the daemon's environment there, as name=value with a zero byte after each
--listen-fd N     take over this listening Unix socket instead of binding one
--identity-fd N   take over this listening loopback socket instead of binding one
--after-fd N      start no daemon before this descriptor reads end of file
"""

from __future__ import annotations

from azjobs.keeper.errors import UsageWrong

IDLE_S = 30.0  # a guess: longer than the pause between two commands typed in a row


class Options:
    """What the keeper was started with; folders are absolute."""

    __slots__ = (
        "after_fd",
        "command",
        "env_fd",
        "home",
        "identity_fd",
        "idle_s",
        "is_detached",
        "is_started",
        "listen_fd",
        "ready_fd",
        "run_folder",
    )

    def __init__(self) -> None:
        self.run_folder = ""
        self.home = ""
        self.command: list[str] = []
        self.idle_s = IDLE_S
        self.is_started = False
        self.is_detached = False
        self.ready_fd: int | None = None
        self.env_fd: int | None = None
        self.listen_fd: int | None = None
        self.identity_fd: int | None = None
        self.after_fd: int | None = None

    def inherited_fds(self) -> list[int]:
        """Return every descriptor that was handed over."""
        fds = (self.ready_fd, self.env_fd, self.listen_fd, self.identity_fd, self.after_fd)
        return [fd for fd in fds if fd is not None]


def parse_options(arguments: list[str]) -> Options:
    """Return the options in `arguments`.

    Raises:
        UsageWrong: an option is unknown, misses its value, or a required one is missing.
    """
    options = Options()
    words = iter(arguments)
    for word in words:
        if word == "--":
            options.command = list(words)
        elif word == "--start":
            options.is_started = True
        elif word == "--detach":
            options.is_detached = True
        else:
            _set(options, word, next(words, None))
    for name, value in (("--run", options.run_folder), ("--home", options.home)):
        if not value.startswith("/"):
            raise UsageWrong(f"{name} needs an absolute folder.")
    if not options.command:
        raise UsageWrong("The daemon's command has to follow after --.")
    return options


def _set(options: Options, word: str, value: str | None) -> None:
    if value is None:
        raise UsageWrong(f"{word} is unknown or misses its value.")
    try:
        match word:
            case "--run":
                options.run_folder = value
            case "--home":
                options.home = value
            case "--idle-s":
                options.idle_s = float(value)
            case "--ready-fd" | "--env-fd" | "--listen-fd" | "--identity-fd" | "--after-fd":
                setattr(options, word[2:].replace("-", "_"), int(value))
            case _:
                raise UsageWrong(f"There is no option {word}.")
    except ValueError as error:
        raise UsageWrong(f"{word} needs a number, not {value}.") from error
