"""Keep what a damaged store has lost, a sentence a line: for the daemon's status, and once for the next command."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from azjobs.core.layout import Layout


def note_loss(layout: Layout[Path], sentence: str) -> None:
    """Keep a sentence about what was lost."""
    for file in (layout.losses_file, layout.news_file):
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as out:
            out.write(f"{sentence}\n")


def load_losses(layout: Layout[Path]) -> list[str]:
    """Return every sentence, until somebody removes the file."""
    return _lines(layout.losses_file)


def take_news(layout: Layout[Path]) -> list[str]:
    """Return the sentences that nobody has taken yet."""
    sentences = _lines(layout.news_file)
    if sentences:
        with contextlib.suppress(OSError):
            layout.news_file.unlink(missing_ok=True)
    return sentences


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
