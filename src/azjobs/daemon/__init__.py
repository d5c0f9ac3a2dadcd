"""The daemon: performs the effects that `core` decides, and feeds back what came of them.

One process, one event loop, the only writer of the store. It holds no job's
state of its own: killed at any moment, its successor goes on from the store,
the journals and the keeper.
"""
