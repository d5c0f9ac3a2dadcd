"""This process: who it is, its current context, its handles to jobs.

Each room uses those below it (each module says more):

    submitting  commands over one target or many, functions and operations of an SDK, as jobs or as blocking calls
    jobs        handles to jobs, and all that is done with them: find, wait, receive, answer, stop, keep, watch
    accounts    sign in and out, the contexts that accounts give, clouds, credentials with a name
    contexts    which context is current, tokens and SDK clients that cannot leave theirs, protections
    link        the connection to the daemon, the home, the identity of this session

Nothing here imports azure.*, aiohttp, asyncio or rich when it is imported.
"""
