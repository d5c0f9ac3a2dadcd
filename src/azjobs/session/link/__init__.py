"""The connection of this process to the daemon: who this process is, where the home is, what its session has chosen."""
