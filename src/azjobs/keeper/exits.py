"""How orphans ended, remembered until the daemon says that it has recorded it.

Pure: told by `orphans`, asked by `requests`. A process is named by pid and
start time, since a pid alone is given out again.
"""

from __future__ import annotations

CAPACITY = 10_000  # about 2 MB; a guess: more than any queue ends while a daemon restarts


class Exit:
    """One process that ended. `start_time` is in clock ticks since boot, None where it cannot be known."""

    __slots__ = ("ended_at", "pid", "start_time", "status")

    def __init__(self, pid: int, start_time: int | None, status: int, ended_at: float) -> None:
        self.pid = pid
        self.start_time = start_time
        #: The raw wait status, for os.waitstatus_to_exitcode.
        self.status = status
        self.ended_at = ended_at

    def as_fields(self) -> dict[str, object]:
        """Return the fields of one entry of an `exits` reply and of an `exit` event."""
        return {"pid": self.pid, "start_time": self.start_time, "status": self.status, "ended_at": self.ended_at}


class ExitList:
    """The exits not acknowledged yet, oldest first; beyond the capacity the oldest is forgotten."""

    __slots__ = ("_by_process", "_capacity")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._by_process: dict[tuple[int, int | None], Exit] = {}

    def add(self, ended: Exit) -> None:
        """Remember `ended`."""
        self._by_process[ended.pid, ended.start_time] = ended
        if len(self._by_process) > self._capacity:
            del self._by_process[next(iter(self._by_process))]

    def drop(self, pid: int, start_time: int | None) -> bool:
        """Forget one exit; return whether it was there."""
        return self._by_process.pop((pid, start_time), None) is not None

    def entries(self) -> list[dict[str, object]]:
        """Return the fields of each exit, oldest first."""
        return [ended.as_fields() for ended in self._by_process.values()]

    def __len__(self) -> int:
        return len(self._by_process)
