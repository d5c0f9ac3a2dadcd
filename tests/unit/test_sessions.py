"""The sign-ins of a session that has ended stay while an unfinished job needs them, and no end costs more for that."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core_samples import make_process_job
from lines import Lines
from test_engine_edges import Engine

from azjobs.azure.broker import TokenBroker
from azjobs.core.context import Account, AccountType, ContextValue, Environment, Tenant
from azjobs.core.events import ProcessEnded
from azjobs.core.states import Running
from azjobs.daemon.accounts.safe import Safe
from azjobs.daemon.accounts.sessions import Sessions
from azjobs.daemon.accounts.sign_ins import SignIns
from azjobs.daemon.vault import Vault
from azjobs.keeper.channel import KeeperChannel
from keeper_end import KeeperEnd

CLOUD = Environment("AzureCloud", "https://management.azure.com", "https://login.microsoftonline.com")
GONE = ContextValue("c", Account("ana@contoso.com", AccountType.USER), Tenant("t"), CLOUD, scope="gone")
NOBODY = (2**22 + 1, 1)  # beyond the highest pid that Linux gives [proc(5), pid_max]


def lines_of_an_end(keeper: KeeperEnd, folder: Path, jobs: int) -> int:
    """How many lines run when one of many jobs of a session that has ended comes to its end; then all end."""

    async def run() -> int:
        channel = await KeeperChannel.open(keeper.socket)
        vault, engine, broker = Vault(channel), Engine(), TokenBroker()
        sessions = Sessions(vault, SignIns(vault, engine.store, broker, Safe(folder / "sign-ins.json")), engine.runner)
        await sessions.add("gone", NOBODY)
        engine.runner.on_finished.append(sessions.job_finished)
        for number in range(jobs):
            engine.take(make_process_job(uuid=f"{number:04}", state=Running(0.0), context=GONE))
        lines = Lines()
        with lines.counted():
            engine.runner.apply("0000", ProcessEnded(1.0, "completed"))
            await asyncio.sleep(0)
        assert "session:gone" in keeper.memory.secrets
        for number in range(1, jobs):
            engine.runner.apply(f"{number:04}", ProcessEnded(1.0, "completed"))
        while await channel.get("session:gone") is not None:
            pass
        sessions.close()
        await broker.close()
        await channel.close()
        return lines.count

    return asyncio.run(asyncio.wait_for(run(), 30.0))


def test_the_end_of_a_job_costs_the_same_whatever_the_number_of_jobs(tmp_path: Path) -> None:
    """Of those that need the sign-ins of its session; with the last of them the session is forgotten."""
    counts = []
    for jobs in (10, 200):
        with KeeperEnd() as keeper:
            counts.append(lines_of_an_end(keeper, tmp_path, jobs))
    assert counts[0] == counts[1]
