"""Name what a daemon is made of, as far as the requests of clients need it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from azjobs.daemon.accounts.sessions import Sessions
from azjobs.daemon.accounts.sign_ins import SignIns
from azjobs.daemon.jobs.ledger import Ledger
from azjobs.daemon.jobs.queues import Queues
from azjobs.daemon.jobs.runner import Runner
from azjobs.daemon.processes.held_requests import HeldRequests
from azjobs.daemon.processes.job_processes import ProcessRunner
from azjobs.daemon.processes.job_tokens import JobTokens
from azjobs.daemon.sending.plain_reads import PlainReads
from azjobs.daemon.sending.protections import Protections
from azjobs.daemon.serving.followers import Followers
from azjobs.daemon.serving.rights import Rights
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
