"""The durable record of all jobs: written by one daemon, read by anybody of the same user."""
