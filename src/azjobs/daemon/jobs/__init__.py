"""The unfinished jobs: the one door through which they change, their records, turns and time limits."""
