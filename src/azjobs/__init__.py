"""Azure operations as background jobs, for Python and the shell."""
