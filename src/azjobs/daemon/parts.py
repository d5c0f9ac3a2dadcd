"""Name what a daemon is made of, as far as the requests of clients need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from azjobs.daemon.followers import Followers
from azjobs.daemon.held_requests import HeldRequests
from azjobs.daemon.job_tokens import JobTokens
from azjobs.daemon.ledger import Ledger
from azjobs.daemon.plain_reads import PlainReads
from azjobs.daemon.processes import ProcessRunner
from azjobs.daemon.protections import Protections
from azjobs.daemon.queues import Queues
from azjobs.daemon.rights import Rights
from azjobs.daemon.runner import Runner
from azjobs.daemon.sessions import Sessions
from azjobs.daemon.sign_ins import SignIns
from azjobs.daemon.vault import Vault
from azjobs.store.protocol import JobStore


@dataclass(frozen=True, slots=True)
class Parts:
    """What a daemon is made of, as far as requests need it. `remove_files`: of a job (uuid) whose row is removed."""

    store: JobStore
    ledger: Ledger
    runner: Runner
    vault: Vault
    sign_ins: SignIns
    job_tokens: JobTokens
    held: HeldRequests
    sessions: Sessions
    rights: Rights
    followers: Followers
    reads: PlainReads
    protections: Protections
    processes: ProcessRunner
    queues: Queues
    remove_files: Callable[[str], None]
