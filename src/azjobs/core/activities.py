"""Know which activities of a job are running, from the progress that it has told. Pure."""

from __future__ import annotations

from azjobs.core.journal import Progress

_LONGEST = 100  # guess: activities that never end must not fill a memory; the oldest are forgotten
_DONE_PERCENT = 100


class Activities:
    """The running activities of one job, each by its last word."""

    def __init__(self) -> None:
        self._running: dict[str, Progress] = {}

    def see(self, progress: Progress) -> None:
        """Take in what was told: an activity begins, goes on, or ends, and ends those inside it with itself."""
        if progress.completed or progress.percent == _DONE_PERCENT:
            self._end(progress.activity)
            return
        self._running[progress.activity] = progress
        if len(self._running) > _LONGEST:
            self._end(next(iter(self._running)))

    def rows(self) -> list[tuple[int, Progress]]:
        """Return them in the order in which they began, each under the one around it, with how deep it is."""
        rows: list[tuple[int, Progress]] = []
        shown: set[str] = set()

        def show(name: str, depth: int) -> None:
            shown.add(name)
            rows.append((depth, self._running[name]))
            for inner in self._inside(name):
                if inner not in shown:
                    show(inner, depth + 1)

        for is_of_top in (True, False):  # those that are around each other are of no top, and are shown all the same
            for name, progress in self._running.items():
                if name not in shown and (not is_of_top or progress.parent not in self._running):
                    show(name, 0)
        return rows

    def _end(self, name: str) -> None:
        if self._running.pop(name, None) is not None:
            for inner in self._inside(name):
                self._end(inner)

    def _inside(self, name: str) -> list[str]:
        return [inner for inner, progress in self._running.items() if progress.parent == name]
