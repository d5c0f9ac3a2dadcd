"""How long finished jobs are kept, and how much of their output: the standing policy of a home.

Pure. Where a limit is None there is none; without a policy nothing is ever
removed unasked.
"""

from __future__ import annotations

import re

import msgspec

from azjobs.core.errors import InvalidInput

FORMAT = 1  # of the file; raised when the release before can no longer read it
REMEDY = "set the policy again"  # once a file that cannot be understood is removed

_DAY_S = 86_400.0
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": _DAY_S, "w": 7 * _DAY_S}
_AGE = re.compile(r"(\d+(?:\.\d+)?)([smhdw])", re.IGNORECASE)


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept.

    `keep_days`: a job that ended longer ago is removed. `keep_jobs`: of those
    that have ended only so many are kept, the ones that ended last.
    `output_cap_bytes`: more output than that is not kept of one job.
    """

    keep_days: float | None = None
    keep_jobs: int | None = None
    output_cap_bytes: int | None = None
    format: int = FORMAT

    @property
    def removes(self) -> bool:
        """Whether jobs are removed by it at all."""
        return self.keep_days is not None or self.keep_jobs is not None

    def ended_before(self, now: float) -> float | None:
        """Return the instant before which a job must have ended to be too old now."""
        return None if self.keep_days is None else now - self.keep_days * _DAY_S

    def due_at(self, oldest_end_at: float) -> float | None:
        """Return when a job that ended at that instant will be too old."""
        return None if self.keep_days is None else oldest_end_at + self.keep_days * _DAY_S


def check_policy(policy: Policy) -> Policy:
    """Return a policy that can be kept.

    Raises:
        InvalidInput: a limit is below zero, or no number.
    """
    limits = {"keep_days": policy.keep_days, "keep_jobs": policy.keep_jobs, "output_cap_bytes": policy.output_cap_bytes}
    for name, limit in limits.items():
        if limit is not None and not 0 <= limit < float("inf"):
            raise InvalidInput(f"{name} is a number from 0 on, not {limit}; nothing was changed.")
    return policy


def parse_age_s(text: str) -> float:
    """Read an age like 30d, 12h, 90m or 2w; returns seconds.

    Raises:
        InvalidInput: it is none.
    """
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise InvalidInput(f"'{text}' is no age. Type a number with its unit: 90s, 45m, 12h, 30d or 2w.")
    return float(found[1]) * _UNITS_S[found[2].lower()]
