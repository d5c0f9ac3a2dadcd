"""What the daemon holds with the keeper for its jobs, over the keeper's own end of the channel."""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
from collections.abc import Iterator

import pytest

from azjobs.core.secret import SecureString
from azjobs.daemon.vault import Vault
from azjobs.keeper.channel import KeeperChannel
from azjobs.keeper.peer import DaemonEnd
from azjobs.keeper.requests import Memory


@pytest.fixture
def memory() -> Memory:
    """What the keeper holds."""
    return Memory(dict)


@pytest.fixture
def channel_end(memory: Memory) -> Iterator[socket.socket]:
    """The daemon's end of a channel, whose other end is served as the keeper does it."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    end = DaemonEnd(theirs, memory)

    def serve() -> None:
        with selectors.DefaultSelector() as selector:
            while end.is_open:
                selector.register(theirs, end.wanted_events())
                end.perform(selector.select()[0][1])
                selector.unregister(theirs)

    thread = threading.Thread(target=serve)
    thread.start()
    yield ours
    thread.join()
    theirs.close()


def test_what_is_held_for_ended_jobs_is_forgotten_by_the_next_daemon(memory: Memory, channel_end: socket.socket):
    """Secrets of jobs that are unfinished stay, and their environments, and whatever belongs to no job."""

    async def forget() -> None:
        channel = await KeeperChannel.open(channel_end)
        former = Vault(channel)
        for uuid in ("ended", "unfinished"):
            await former.put_job_secrets(uuid, {"password": SecureString("Pa55-word-long")})
        wanted = await former.put_environment({"A": "1"})
        await former.put_environment({"A": "2"})
        await channel.put("signin:CurrentUser:me", b"{}")
        vault = Vault(channel)
        vault.claim_environment(wanted)
        await vault.tidy({"unfinished"})
        assert sorted(memory.secrets) == [f"environment:{wanted}", "job:unfinished:password", "signin:CurrentUser:me"]
        await channel.close()

    asyncio.run(forget())
