"""Hold every removal and stop against what the user has protected, as the profile says it at that moment.

The file is read again only when it has changed. Where it cannot be read it is
not known what is protected, and so nothing is removed or stopped.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from azjobs.core.arm import Request
from azjobs.core.errors import HomeUnusable, ResourceProtected
from azjobs.core.job import Job, PlanWork
from azjobs.core.layout import Layout
from azjobs.core.plan import Send
from azjobs.core.plans import PLANS
from azjobs.core.profile import FORMAT, Profile
from azjobs.core.protection import Protection, is_destructive, refusal, verdict
from azjobs.store.whole_file import WholeFile

_State = tuple[int, int, int]  # the file's inode, time of change in nanoseconds, and size in bytes


class Protections:
    """The protections of a home."""

    def __init__(self, layout: Layout[Path]) -> None:
        self._file = WholeFile(layout.profile_file, Profile, Profile(), newest_format=FORMAT)
        self._known: tuple[_State, tuple[Protection, ...]] | None = None

    def check(self, request: Request, overrides: Iterable[str] = ()) -> None:
        """Refuse a request that removes or stops what is protected, unless the protection is named in `overrides`.

        Raises:
            ResourceProtected: it is protected, or it cannot be known what is.
        """
        if not is_destructive(request):
            return
        protection = verdict(request, self._load(), overrides)
        if protection is not None:
            raise ResourceProtected(refusal(protection, request))

    def check_job(self, job: Job) -> None:
        """Refuse a job whose first requests remove or stop what is protected: an early answer, each is held again.

        Raises:
            ResourceProtected: as `check`.
        """
        work = job.work
        if not isinstance(work, PlanWork) or work.calls:
            return  # what a job takes over has begun already
        decision = PLANS[work.plan](work.arguments, {})
        for request in decision.requests.values() if isinstance(decision, Send) else ():
            self.check(request, job.overrides)

    def _load(self) -> tuple[Protection, ...]:
        try:
            state = self._state()
            if state is None:
                return ()
            if self._known is None or self._known[0] != state:
                self._known = (state, self._file.load().protections)
            return self._known[1]
        except (OSError, HomeUnusable) as error:
            text = str(error) if isinstance(error, HomeUnusable) else f"{self._file.path}: {error.strerror}."
            raise ResourceProtected(
                f"It cannot be known what is protected, so nothing is removed or stopped. {text}"
            ) from None

    def _state(self) -> _State | None:
        try:
            found = self._file.path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
