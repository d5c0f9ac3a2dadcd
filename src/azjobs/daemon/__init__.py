"""The daemon: performs the effects that `core` decides, and feeds back what came of them.

One process, one event loop, the only writer of the store. It holds no job's
state of its own: killed at any moment, its successor goes on from the store,
the journals and the keeper. Each room uses those below it:

    daemon, recovery  the whole put together, and what becomes of unfinished jobs when it starts
    serving           what clients and the processes of jobs ask for
    sending           requests to Azure, plain reads and dry runs
    processes         the processes of jobs, what these ask for, and the commands for their ends
    accounts          sign-ins, persons, saved secrets, the ends of sessions
    jobs              the unfinished jobs, their records, turns and time limits
    vault             what the keeper holds in memory for the daemon
"""
