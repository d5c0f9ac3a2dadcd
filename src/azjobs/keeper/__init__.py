"""The keeper: a very small process that supervises the daemon and holds in memory what must never be on disk.

Two kinds of modules live here. Those of the keeper process itself import only
the light part of the standard library, and all of it at start. `channel` is
the daemon's side and needs asyncio; `launch` is the client's side.
"""
