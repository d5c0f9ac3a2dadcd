"""The keeper's one loop: the daemon's end, its connections, its requests, the orphans, and the instants in between.

Nothing in it waits for anybody but in `select`. Instants are seconds of the
monotonic clock.
"""

from __future__ import annotations

import os
import selectors
import signal
import time

from azjobs.keeper.doors import is_waited_on, put_back, turn_away, withdraw
from azjobs.keeper.errors import FolderUnusable
from azjobs.keeper.folder import FAILED_NAME, remove, save_whole, socket_path, touch_all
from azjobs.keeper.orphans import has_children, iter_ended
from azjobs.keeper.peer import DaemonEnd
from azjobs.keeper.requests import Memory
from azjobs.keeper.spawn import NOT_STARTED_STATUS, log_path, start_daemon
from azjobs.keeper.supervision import (
    BACK_OFF_S,
    DUE,
    FAILED,
    GIVEN_UP_S,
    RESTING,
    RUNNING,
    WINDOW_S,
    Supervision,
    describe_end,
)

TYPE_CHECKING = False  # the name type checkers know; importing `typing` would cost the keeper 0.7 MB
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from azjobs.keeper.options import Options
    from azjobs.keeper.spawn import Plan

STOP_GRACE_S = 20.0  # a guess: a daemon stops within one flush to disk; service managers wait 90 s for the keeper
AFTER_GRACE_S = 30.0  # a guess: a leaving daemon that hangs longer is reported by the failing of the next one
#: A guess: a home that was removed has no keeper for long. Cleaners of temporary files want to see use
#: "at least once every 6 hours" [XDG base directory specification].
LOOK_EVERY_S = 600.0
_SIGNAL_NAMES = {int(number): number.name for number in signal.Signals}


class Keeper:
    """A keeper at work, from the bound socket to its end."""

    def __init__(self, options: Options, plan: Plan, door: socket.socket, protection: dict[str, object]) -> None:
        now = time.monotonic()
        self._options = options
        self._plan = plan
        self._door = door
        self._protection = protection
        self._memory = Memory(self._status)
        self._supervision = Supervision()
        self._selector = selectors.DefaultSelector()
        self._daemon_pid = 0
        self._daemon: DaemonEnd | None = None
        #: Reads end of file when the daemon before this keeper's first one has left.
        self._after_fd = options.after_fd
        self._after_until_at = now + AFTER_GRACE_S
        self._is_stop_asked = False
        self._kill_at: float | None = None
        self._is_ended = False
        self._active_at = now
        self._look_at = now + LOOK_EVERY_S

    def run(self) -> None:
        """Serve until idle or told to stop, then take the socket away."""
        wakeup_fd = self._watch_signals()
        self._selector.register(wakeup_fd, selectors.EVENT_READ, lambda _: os.read(wakeup_fd, 65536))
        if self._after_fd is not None:
            self._selector.register(self._after_fd, selectors.EVENT_READ, lambda _: self._forget_predecessor())
        if self._options.is_started:
            self._supervision.ask(time.monotonic())
        while True:
            self._advance(time.monotonic())
            if self._is_ended:
                return
            for key, events in self._selector.select(self._wait_s(time.monotonic())):
                self._active_at = time.monotonic()
                key.data(events)

    def _watch_signals(self) -> int:
        def ask_stop(_number: int, _frame: object) -> None:
            self._is_stop_asked = True

        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # the byte in the pipe says it all
        signal.signal(signal.SIGTERM, ask_stop)
        return reading

    def _advance(self, now: float) -> None:
        """Do all that is due now; afterwards the selector watches what can happen next."""
        self._reap(now)
        if self._is_stop_asked:
            self._stop(now)
        if self._is_ended:
            return
        if self._supervision.forgive(now, is_work_pending=self._memory.hold_count > 0):
            remove(self._path(FAILED_NAME))
        if self._after_fd is not None and now >= self._after_until_at:
            self._forget_predecessor()
        if self._may_start() and self._supervision.is_due(now):
            self._start(now)
        if now >= self._look_at:
            self._look_at_folder(now)
        if self._is_idle() and now >= self._active_at + self._options.idle_s:
            self._leave_unless_asked(now)
        self._watch_daemon()
        self._watch(self._door, self._door_events(), self._knocked)

    def _wait_s(self, now: float) -> float:
        """Return how long nothing is due."""
        instants = [self._look_at]
        if self._supervision.phase == FAILED or (self._supervision.phase == DUE and self._may_start()):
            instants.append(self._supervision.due_at)
        if self._after_fd is not None:
            instants.append(self._after_until_at)
        if self._kill_at is not None:
            instants.append(self._kill_at)
        if self._is_idle():
            instants.append(self._active_at + self._options.idle_s)
        return max(0.0, min(instants) - now)

    # The daemon

    def _may_start(self) -> bool:
        return self._after_fd is None and self._kill_at is None

    def _start(self, now: float) -> None:
        self._supervision.started(now)
        self._memory.is_daemon_ready = False
        try:
            self._daemon_pid, sock = start_daemon(self._plan)
        except OSError as error:
            note(f"The daemon cannot be started: {error.strerror}.")
            self._daemon_ended(now, NOT_STARTED_STATUS)
            return
        self._daemon = DaemonEnd(sock, self._memory)
        note(f"The daemon {self._daemon_pid} was started.")

    def _reap(self, now: float) -> None:
        for ended in iter_ended():
            if ended.pid == self._daemon_pid:
                self._daemon_ended(now, ended.status)
                continue
            self._memory.exits.add(ended)
            if self._daemon is not None:
                self._daemon.push_exit(ended)

    def _daemon_ended(self, now: float, status: int) -> None:
        end = describe_end(status, _SIGNAL_NAMES)
        note(f"The daemon {self._daemon_pid} ended {end}.")
        self._daemon_pid = 0
        if self._daemon is not None:
            self._daemon.drain()
            self._let_go(self._daemon)
        if self._kill_at is not None:
            self._finish()
            return
        was_ready = self._memory.is_daemon_ready
        self._supervision.ended(now, status, is_asked_for=is_waited_on(self._door), was_ready=was_ready)
        if self._supervision.phase == FAILED:
            self._say_failed(end)

    def _say_failed(self, end: str) -> None:
        sentence = (
            f"The daemon ended {len(BACK_OFF_S) + 1} times within {WINDOW_S:.0f} seconds, the last time {end}; "
            f"it is tried again after {GIVEN_UP_S:.0f} seconds. See {log_path(self._options.home)}"
        )
        note(sentence)
        try:
            save_whole(self._path(FAILED_NAME), sentence + "\n")
        except (OSError, FolderUnusable) as error:
            note(f"That could not be written down: {error}")

    def _watch_daemon(self) -> None:
        daemon = self._daemon
        if daemon is None:
            return
        if daemon.is_open:
            self._watch(daemon.sock, daemon.wanted_events(), daemon.perform)
        else:
            note(f"The daemon {self._daemon_pid} closed its channel.")
            self._let_go(daemon)

    def _let_go(self, daemon: DaemonEnd) -> None:
        self._watch(daemon.sock, 0, daemon.perform)
        daemon.sock.close()
        self._daemon = None

    def _forget_predecessor(self) -> None:
        if self._after_fd is not None:
            self._selector.unregister(self._after_fd)
            os.close(self._after_fd)
            self._after_fd = None

    # The door

    def _door_events(self) -> int:
        """Watch for connections only while it is the keeper who has to react to them."""
        return selectors.EVENT_READ if self._supervision.phase in (RESTING, FAILED) and self._kill_at is None else 0

    def _knocked(self, _events: int) -> None:
        if self._supervision.phase == FAILED:
            turn_away(self._door)
        else:
            self._supervision.ask(time.monotonic())

    # The end

    def _is_idle(self) -> bool:
        memory = self._memory
        if self._supervision.phase != RESTING or self._after_fd is not None or self._daemon_pid or memory.secrets:
            return False
        is_exit_wanted = memory.hold_count > 0 and len(memory.exits) > 0
        return not is_exit_wanted and not has_children()  # the end of a living child is still to be learned

    def _leave_unless_asked(self, now: float) -> None:
        """End, but for a client that connected in the last moment: its connection would be lost with the socket."""
        try:
            aside = withdraw(self._options.run_folder)
        except OSError:  # somebody removed the socket; nobody can ask any more
            self._is_ended = True
            return
        if is_waited_on(self._door):
            put_back(self._options.run_folder, aside)
            self._supervision.ask(now)
            return
        note("The keeper is idle and ends.")
        remove(aside)
        self._is_ended = True

    def _stop(self, now: float) -> None:
        """Pass the wish to end on to the daemon, and insist after a while."""
        if self._supervision.phase != RUNNING:
            self._finish()
        elif self._kill_at is None:
            os.kill(self._daemon_pid, signal.SIGTERM)
            self._kill_at = now + STOP_GRACE_S
        elif now >= self._kill_at:
            os.kill(self._daemon_pid, signal.SIGKILL)
            self._kill_at = now + STOP_GRACE_S

    def _look_at_folder(self, now: float) -> None:
        """Keep the folder from cleaners; without a socket nobody can reach this keeper, yet its lock bars another."""
        self._look_at = now + LOOK_EVERY_S
        if not self._is_stop_asked and not touch_all(self._options.run_folder):
            note("The socket was removed.")
            self._is_stop_asked = True

    def _finish(self) -> None:
        note("The keeper was told to end.")
        remove(socket_path(self._options.run_folder))
        remove(self._path(FAILED_NAME))
        self._is_ended = True

    # The rest

    def _status(self) -> dict[str, object]:
        own: dict[str, object] = {"pid": os.getpid(), "daemon_pid": self._daemon_pid}
        return {**own, "daemon_starts": self._supervision.starts, **self._protection}

    def _path(self, name: str) -> str:
        return f"{self._options.run_folder}/{name}"

    def _watch(self, sock: socket.socket, events: int, react: Callable[[int], None]) -> None:
        """Make the selector watch `sock` for exactly `events`."""
        watched = self._selector.get_map().get(sock)
        if watched is None and events:
            self._selector.register(sock, events, react)
        elif watched is not None and not events:
            self._selector.unregister(sock)
        elif watched is not None and watched.events != events:
            self._selector.modify(sock, events, react)


def note(sentence: str) -> None:
    """Write one line to the keeper's own log, its stderr; never a secret, never a reason to fail."""
    line = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {sentence}\n"
    try:
        os.write(2, line.encode(errors="backslashreplace"))
    except OSError:
        return
