"""Be a warm parent: an interpreter that has imported what jobs need, and forks one child for each.

Single-threaded, no event loop, no database, no network; it never sees a payload
or a secret, those go from the daemon straight to the child. One child is forked
ahead and waits (the spare), so that a job does not wait for the fork. When the
daemon is gone it ends at once; its children go on.
"""

from __future__ import annotations

import contextlib
import gc
import os
import select
import signal
import site
import socket
import sysconfig
from time import monotonic
from typing import NamedTuple

from azjobs.core.version import VERSION
from azjobs.process.clib import become_subreaper
from azjobs.process.frames import (
    PROTOCOL,
    ExitedReport,
    FrameBuffer,
    FromParent,
    Ready,
    RefusedReport,
    RetireRequest,
    StartedReport,
    StartRequest,
    format_frame,
    parse_to_parent,
    receive_into,
    send_frame,
)
from azjobs.process.identity import boot_id, pid_namespace, start_time
from azjobs.process.job import detach, handled_signals, keep_only, rehearse

_QUIET_S = 0.02  # measured: a fork of a small parent takes 1 to 2 ms; after this silence it disturbs nobody


class JobStart(NamedTuple):
    """What a child got to do: the request and its open files."""

    request: StartRequest
    fds: list[int]


class _Spare(NamedTuple):
    pid: int
    start_time: int
    channel: socket.socket


class DaemonGone(Exception):
    """Nobody is there any more to start jobs for."""


class WarmParent:
    """The loop. `serve` returns in children only, with their job; the parent leaves by `DaemonGone`."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._buffer = FrameBuffer()
        self._jobs: dict[int, StartedReport] = {}
        self._spare: _Spare | None = None
        self._spare_due_at: float | None = None
        self._newest = 0  # the pid of the job that was started last
        self._is_retired = False
        self._wake, self._wake_write = os.pipe()
        for fd in (self._wake, self._wake_write):
            os.set_blocking(fd, False)

    def serve(self) -> JobStart | None:
        """Start jobs until the daemon is gone. Returns a job in a child, None in a spare that nobody needed.

        Raises:
            DaemonGone: in the parent.
        """
        gc.freeze()
        gc.disable()
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken
        boot_id(), pid_namespace(), handled_signals()  # remembered for every child
        self._send(ready())
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        self._spare_due_at = monotonic()
        while True:
            events = dict(poll.poll(self._pause_ms()))
            if self._wake in events:
                self._reap()
            if self._channel.fileno() in events:
                start = self._handle_requests()
                if start is not None:
                    return start
            if self._is_retired and not self._jobs:
                raise DaemonGone
            if self._spare_due_at is not None and monotonic() >= self._spare_due_at:
                child = self._fork_spare()
                if child is not None:
                    return wait_for_job(child)

    def _pause_ms(self) -> float | None:
        return None if self._spare_due_at is None else max(0.0, self._spare_due_at - monotonic()) * 1000

    def _handle_requests(self) -> JobStart | None:
        """Return a job when this process has become a child."""
        if not receive_into(self._channel, self._buffer):
            raise DaemonGone
        for body in self._buffer.bodies():
            request = parse_to_parent(body)
            if isinstance(request, RetireRequest):
                self._retire()
                continue
            fds = self._buffer.take_fds(request.fd_count)
            if not self._use_spare(request, fds) and self._fork_job(request, fds):
                return JobStart(request, fds)
            for fd in fds:
                os.close(fd)
            if not self._is_retired:
                self._spare_due_at = monotonic() + _QUIET_S
        return None

    def _use_spare(self, request: StartRequest, fds: list[int]) -> bool:
        spare, self._spare = self._spare, None
        if spare is None:
            return False
        with spare.channel:
            try:
                send_frame(spare.channel, format_frame(request), fds)
            except OSError:  # it was killed; the job gets a process of its own
                return False
        self._started(request, spare.pid, spare.start_time)
        return True

    def _fork_job(self, request: StartRequest, fds: list[int]) -> bool:
        """Whether this process is the child now."""
        try:
            pid = os.fork()
        except OSError as error:
            for fd in fds:  # before it is told: then nobody sees the journal locked any more
                os.close(fd)
            fds.clear()
            self._send(RefusedReport(request.job_id, f"no process can be made: {error.strerror}"))
            return False
        if pid == 0:
            self._become_child(fds)
            return True
        self._started(request, pid, start_time(pid) or 0)
        return False

    def _fork_spare(self) -> socket.socket | None:
        """Return the channel of the spare in the child, None in the parent."""
        self._spare_due_at = None
        ours, theirs = socket.socketpair()
        try:
            pid = os.fork()
        except OSError:  # a job that needs a process will say so
            ours.close()
            theirs.close()
            return None
        if pid == 0:
            ours.detach()
            self._become_child([theirs.fileno()])
            return theirs
        theirs.close()
        self._spare = _Spare(pid, start_time(pid) or 0, ours)
        return None

    def _become_child(self, keep: list[int]) -> None:
        """The descriptors are closed all together; the objects that held them must not close their numbers again."""
        self._channel.detach()
        if self._spare is not None:
            self._spare.channel.detach()
        detach()
        become_subreaper()
        keep_only(keep)
        gc.enable()

    def _started(self, request: StartRequest, pid: int, started: int) -> None:
        report = StartedReport(request.job_id, pid, started)
        self._jobs[pid] = report
        self._newest = pid
        self._send(report)

    def _retire(self) -> None:
        """No spare is needed any more: it ends when its channel closes."""
        self._is_retired = True
        self._spare_due_at = None
        if self._spare is not None:
            self._spare.channel.close()
            self._spare = None

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 512)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            job = self._jobs.pop(pid, None)
            if job is not None:
                self._send(ExitedReport(job.job_id, pid, job.start_time, status))
                if pid == self._newest and self._spare is None and not self._is_retired:
                    self._spare_due_at = monotonic()  # whoever waited for it may ask for the next one at once
            elif self._spare is not None and pid == self._spare.pid:
                self._spare.channel.close()
                self._spare = None

    def _send(self, report: FromParent) -> None:
        try:
            send_frame(self._channel, format_frame(report))
        except OSError as error:
            raise DaemonGone from error


def ready() -> Ready:
    """Say who is ready, and where the packages of this interpreter are."""
    paths = sysconfig.get_paths()
    folders = {paths["purelib"], paths["platlib"]}
    if site.ENABLE_USER_SITE:
        folders.add(site.getusersitepackages())
    return Ready(os.getpid(), PROTOCOL, VERSION, tuple(sorted(folders)))


def wait_for_job(channel: socket.socket) -> JobStart | None:
    """Wait for one job; None when whoever might have sent one has ended."""
    rehearse()
    buffer = FrameBuffer()
    with channel:
        while receive_into(channel, buffer):
            for body in buffer.bodies():
                request = parse_to_parent(body)
                if isinstance(request, StartRequest):
                    return JobStart(request, buffer.take_fds(request.fd_count))
    return None
