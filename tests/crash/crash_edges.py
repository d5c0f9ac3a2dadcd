"""The edges at which the crash suite kills, as data: who, in which function, and how often that is passed in a round.

An edge is written `role/module:function`. A kill is an edge, the side of it and
the number of the passage: `daemon/store.sqlite:SqliteStore.commit/before/3`.
"""

from __future__ import annotations

import random
from typing import NamedTuple

SIDES = ("before", "after")


class Kill(NamedTuple):
    """One process is killed when it passes this edge for the n-th time."""

    edge: str
    side: str
    nth: int

    @property
    def role(self) -> str:
        """Who is killed."""
        return self.edge.partition("/")[0]

    def __str__(self) -> str:
        return f"{self.edge}/{self.side}/{self.nth}"


#: Edges with the number of passages of one process in a round in which nothing is killed (`test_every_edge_is_passed`
#: sees to it that there is one at least); it need not be exact.
EDGES = {
    # Store
    "daemon/store.database:open_for_writing": 1,
    "daemon/store.sqlite:SqliteStore._raise_epoch": 1,
    "daemon/store.sqlite:SqliteStore.load_unfinished": 1,
    "daemon/store.sqlite:SqliteStore.add": 8,
    "daemon/store.sqlite:SqliteStore.remove": 1,
    "daemon/store.sqlite:SqliteStore.save_sign_in": 1,
    "daemon/store.sqlite:SqliteStore.commit": 60,
    "daemon/store.sqlite:SqliteStore._write": 60,
    "daemon/store.queries:query": 200,  # between the statements of one transaction
    "daemon/store.bell:Bell.ring": 60,
    "daemon/store.sqlite:SqliteStore.sync": 20,
    # Journals
    "daemon/process.journal:create_journal": 5,
    "daemon/process.journal:open_raw_output": 4,
    "daemon/process.journal:remove_files": 1,
    "daemon/daemon.jobs.leftovers:Leftovers._sweep": 2,
    "daemon/store.sqlite:SqliteStore.drop_payload": 8,
    "daemon/daemon.jobs.records:JournalRecords.write": 12,
    "job/process.journal:JournalWriter.write": 3,
    "job/process.journal:JournalWriter.end": 1,
    # Socket
    "daemon/daemon.serving.server:Server._greet": 6,
    "daemon/daemon.serving.server:Server._serve": 16,
    "daemon/daemon.serving.server:Connection.send": 30,
    "daemon/daemon.serving.submissions:Submissions._take": 8,
    "daemon/daemon.serving.job_requests:JobRequests._on_stop": 1,
    "daemon/daemon.serving.removals:Removals._on_remove": 1,
    "daemon/daemon.serving.removals:Removals.forget": 1,
    "daemon/daemon.serving.callers:Callers._orphaned": 1,
    "client/keeper.start:start_keeper": 1,
    "client/keeper.launch:connect": 2,
    "client/session.link.connection:Connection._greet": 2,
    "client/session.link.connection:Connection.send": 12,
    "client/session.link.connection:Connection._next_reply": 12,
    "client/session.link.connection:Connection.ask": 10,
    "caller/session.link.connection:Connection._greet": 1,
    "caller/session.link.connection:Connection.send": 3,
    "caller/session.link.connection:Connection._next_reply": 4,
    "job/session.link.connection:Connection.send": 3,
    "job/session.link.connection:Connection._next_reply": 4,
    # HTTP
    "daemon/azure.broker:TokenBroker.fetch": 10,
    "daemon/azure.sender:Sender.send": 16,
    "daemon/azure.sender:Sender.poll": 6,
    "daemon/azure.transport:AiohttpTransport.send": 22,
    "daemon/azure.transport:_on_connected": 22,  # after it the request goes out
    "daemon/azure.transport:_read": 22,  # before it the reply has begun
    "daemon/daemon.jobs.runner:Runner.apply": 60,
    # The keeper's channel
    "daemon/keeper.channel:KeeperChannel._ask": 40,
    "daemon/daemon.vault:Vault.put_job_secrets": 6,
    "daemon/daemon.vault:Vault.put_sign_in": 1,
    "daemon/daemon.vault:Vault.drop_jobs": 6,
    "daemon/daemon.accounts.sign_ins:SignIns._keep": 1,
    "daemon/daemon.accounts.sessions:Sessions.add": 10,
    "daemon/daemon.daemon:Daemon._signed_in": 1,
    "daemon/daemon.recovery:Recovery.run": 1,
    "daemon/daemon.daemon:Daemon._forget_secrets": 8,
    # The keeper itself
    "keeper/keeper.birth:_take_places": 1,
    "keeper/keeper.birth:_say_ready": 1,
    "keeper/keeper.doors:bind_unix": 1,
    "keeper/keeper.spawn:start_daemon": 1,
    "keeper/keeper.requests:answer": 40,
    "keeper/keeper.peer:DaemonEnd._receive": 40,
    "keeper/keeper.peer:DaemonEnd._send": 40,
    "keeper/keeper.loop:Keeper._advance": 60,
    # Starting of processes
    "daemon/process.spawn:spawn": 1,
    "daemon/process.launcher:ForkLauncher._start": 5,
    "daemon/process.pool:ParentLink.start": 5,
    "daemon/process.offer:Offer.hand_over": 5,
    "daemon/daemon.processes.job_processes:ProcessRunner._start_message": 5,
    "daemon/daemon.processes.job_processes:ProcessRunner._end": 5,
    "daemon/process.stop:stop_tree": 2,
    "daemon/process.stop:_kill_descendants": 2,
    "warm parent/process.warm:ready": 1,
    "warm parent/process.warm:WarmParent._handle_requests": 5,
    "warm parent/process.warm:WarmParent._use_spare": 5,
    "warm parent/process.warm:WarmParent._fork_spare": 5,
    "warm parent/process.warm:WarmParent._started": 5,
    "warm parent/process.warm:WarmParent._reap": 5,
    "spare/process.job:detach": 1,
    "spare/process.job:rehearse": 1,
    "spare/process.warm:wait_for_job": 1,
    # The job's own process
    "job/process.job:_take_standard_streams": 1,
    "job/process.frames:read_body": 1,
    "job/process.job:_prepare": 1,
    "job/process.job:_deliver": 1,
    "job/process.values:ObjectWriter.content_of": 1,
    "job/process.command:_Shim.start": 1,
    "job/process.command:_Shim.pump": 1,
    "job/process.command:_Shim.settle": 1,
}

#: Jobs of every kind are under way then.
DAEMON_KILLED = Kill("daemon/daemon.serving.removals:Removals._on_remove", "before", 1)
KEEPER_KILLED = Kill("keeper/keeper.requests:answer", "after", 30)
#: Edges that only those pass who take over after a kill: that kill, and the passages.
TAKING_OVER = {
    "daemon/daemon.recovery:Recovery._take_up": (DAEMON_KILLED, 3),
    "daemon/daemon.processes.job_processes:ProcessRunner.watch": (DAEMON_KILLED, 1),
    "keeper/keeper.loop:Keeper._daemon_ended": (DAEMON_KILLED, 1),
    "daemon/keeper.successor:start_successor": (KEEPER_KILLED, 1),
    "daemon/keeper.start:start_keeper": (KEEPER_KILLED, 1),
    "keeper/keeper.doors:adopt_unix": (KEEPER_KILLED, 1),
}

#: Every edge on both sides, in an order in which neighbours have little in common.
COMBINATIONS = tuple((edge, side) for edge in (*EDGES, *TAKING_OVER) for side in SIDES)
_STRIDE = 61  # prime to the number of combinations, which a test looks at


def kills_of(seed: int) -> tuple[Kill, ...]:
    """Return what is killed in the round of this seed.

    The first rounds have each edge on each side once, at its first passage;
    those that follow at passages by chance, every third with a second kill.
    """
    count = len(COMBINATIONS)
    turn, place = divmod(seed, count)
    chance = random.Random(seed)
    kills = _at(*COMBINATIONS[place * _STRIDE % count], chance if turn else None)
    if turn and seed % 3 == 0:
        kills += _at(*chance.choice(COMBINATIONS), chance)
    return tuple(dict.fromkeys(kills))


def _at(edge: str, side: str, chance: random.Random | None) -> list[Kill]:
    """A kill at the edge's first passage, or at one by chance, and before it the kill that leads there."""
    before, passages = ([], EDGES[edge]) if edge in EDGES else ([TAKING_OVER[edge][0]], TAKING_OVER[edge][1])
    return [*before, Kill(edge, side, chance.randint(1, passages) if chance is not None else 1)]


def parse_kills(text: str) -> tuple[Kill, ...]:
    """Read kills as they are printed, with + between them."""
    found = []
    for one in filter(None, text.split("+")):
        edge, side, nth = one.strip().rsplit("/", 2)
        found.append(Kill(edge, side, int(nth)))
    return tuple(found)
