"""The processes of jobs, what these ask for while they run, and the commands that are run when jobs have ended."""
