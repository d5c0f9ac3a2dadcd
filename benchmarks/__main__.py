"""Run every benchmark, each beside what a user would pick instead, in the same run; prints ratios.

    python -m benchmarks [name ...]

Absolute times belong to this machine and this moment: read the ratios.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib import import_module

NAMES = ("process_jobs", "waking", "memory", "listing", "submitting", "queueing", "operations", "counting")


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all."""
    print(f"{platform.platform()}, CPython {platform.python_version()}, {os.cpu_count()} CPUs")
    for name in names or NAMES:
        print(f"\n== {name} ==", flush=True)
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
