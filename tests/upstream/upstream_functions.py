"""What the jobs of these tests do."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def add(left: int, right: int) -> int:
    """Say the sum."""
    return left + right


def arguments(*words: object, **named: object) -> tuple[tuple[object, ...], dict[str, object]]:
    """Say what was given."""
    return words, named


def raise_error(text: str) -> None:
    """Fail."""
    raise ValueError(text)


def where() -> str:
    """Say where it runs."""
    return str(Path.cwd())


def process_id() -> int:
    """Say which process it is."""
    return os.getpid()


def read_lines() -> Iterator[str]:
    """Give what comes in, line by line."""
    for line in sys.stdin:
        yield line.rstrip("\n")


def say_on_every_stream(text: str) -> str:
    """Say it everywhere, and at last give it."""
    logging.basicConfig(level=logging.DEBUG)
    log = logging.getLogger("work")
    log.error("error %s", text)
    warnings.warn(f"warning {text}", stacklevel=1)
    log.info("info %s", text)
    log.debug("debug %s", text)
    print(f"print {text}")  # noqa: T201 - to see where it goes
    return text


def count_until(flag: str) -> Iterator[int]:
    """Count, as fast as a file is written, until the file named so is there."""
    number = 0
    while not Path(flag).exists():
        yield number
        number += 1
        time.sleep(0.005)


def wait_for(flag: str, value: Any = "seen") -> Any:
    """Give the value once the file is there; `FLAG.begun` tells that it waits."""
    Path(f"{flag}.begun").touch()
    while not Path(flag).exists():
        time.sleep(0.01)
    return value
