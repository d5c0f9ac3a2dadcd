"""What the daemon holds with the keeper for its jobs, over the keeper's own end of the channel."""

from __future__ import annotations

import asyncio

import pytest

from azjobs.core.secret import SecureString
from azjobs.daemon.vault import Vault
from azjobs.keeper import requests
from azjobs.keeper.channel import KeeperChannel
from keeper_end import KeeperEnd


def test_what_is_held_for_ended_jobs_is_forgotten_by_the_next_daemon() -> None:
    """Secrets of jobs that are unfinished stay, and their environments, and whatever belongs to no job."""

    async def forget(keeper: KeeperEnd) -> None:
        channel = await KeeperChannel.open(keeper.socket)
        former = Vault(channel)
        for uuid in ("ended", "unfinished"):
            await former.put_job_secrets(uuid, {"password": SecureString("Pa55-word-long")})
        wanted = await former.put_environment({"A": "1"})
        await former.put_environment({"A": "2"})
        await channel.put("signin:CurrentUser:me", b"{}")
        vault = Vault(channel)
        vault.claim_environment(wanted)
        await vault.tidy({"unfinished"})
        assert sorted(keeper.memory.secrets) == [
            f"environment:{wanted}",
            "job:unfinished:password",
            "signin:CurrentUser:me",
        ]
        await channel.close()

    with KeeperEnd() as keeper:
        asyncio.run(forget(keeper))


@pytest.mark.parametrize("is_older", [False, True])
def test_the_secrets_of_many_jobs_are_forgotten_by_one_word(monkeypatch: pytest.MonkeyPatch, *, is_older: bool) -> None:
    """Those of others stay; a keeper of an older release, which does not know that word, forgets them too."""
    if is_older:
        monkeypatch.delitem(requests._OPERATIONS, "drop_prefixes")

    async def forget(keeper: KeeperEnd) -> None:
        channel = await KeeperChannel.open(keeper.socket)
        vault = Vault(channel)
        for uuid in ("one", "two", "three"):
            await vault.put_job_secrets(uuid, {"key": SecureString("k"), "password": SecureString("Pa55-word-long")})
        await vault.drop_jobs(["one", "two"])
        assert sorted(keeper.memory.secrets) == ["job:three:key", "job:three:password"]
        await channel.close()

    with KeeperEnd() as keeper:
        asyncio.run(forget(keeper))
