"""Count what Python does, where time would tell more of the machine than of the code."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import azjobs

_OURS = str(Path(azjobs.__file__).parent)


class Lines:
    """How many lines of azjobs have run; a loop in one line counts each time around."""

    def __init__(self) -> None:
        self.count = 0

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count those that this thread runs meanwhile."""
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)

    def _trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            self.count += 1
        return self._trace if frame.f_code.co_filename.startswith(_OURS) else None
