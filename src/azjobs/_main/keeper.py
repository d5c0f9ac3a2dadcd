"""The keeper's entry point: python -I -S keeper.py --run FOLDER --home FOLDER [options] -- COMMAND.

Without site-packages on the path, so that nothing installed beside azjobs is
ever loaded into the process that holds the secrets.
"""

# ruff: noqa: PTH100, PTH120 - pathlib would cost the keeper 0.9 MB

import os
import sys


def main() -> int:
    """Run the keeper; return its exit code."""
    # At the end: a folder of installed packages must not be able to shadow a module of the standard library.
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from azjobs.keeper.birth import serve  # noqa: PLC0415 - cannot be found before the line above

    return serve(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
