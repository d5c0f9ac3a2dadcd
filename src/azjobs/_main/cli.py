"""Entry point of the command line: `azjobs`, and `python -m azjobs._main.cli`."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line of this process and return its exit code."""
    # A command makes little garbage and ends soon; without collections the imports are a tenth faster.
    gc.disable()
    try:
        from azjobs.cli.main import main as run  # noqa: PLC0415 - after the line above, which is for the imports

        return run()
    except KeyboardInterrupt:  # before or after anything was done: the rest is told where it happens
        return 130


if __name__ == "__main__":
    sys.exit(main())
