"""What a job is, as one value: what was asked, in which contexts, how far it is.

The whole value is stored as one versioned JSON document. It holds no secret: a
secret in a request is a named hole, a secret argument of a function a
persistent id; both are filled in memory when they are needed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from azjobs.core.arm import Answer, Request
from azjobs.core.context import ContextValue
from azjobs.core.errors import Fault
from azjobs.core.lro import Watch
from azjobs.core.states import JobState, NotStarted, State, is_finished, name_of

FORMAT = 2  # raised when a stored job can no longer be read by the release before


class JobType(StrEnum):
    """The kinds of job."""

    BACKGROUND = "BackgroundJob"
    AZURE = "AzureLongRunningJob"
    BATCH = "BatchJob"


class ProcessKind(StrEnum):
    """What a process job runs."""

    FUNCTION = "function"
    FILE = "file"
    COMMAND = "command"


class Intended(msgspec.Struct, frozen=True, tag="intended", omit_defaults=True):
    """Recorded, and about to be sent or sent without an answer yet; `sends` counts the attempts begun.

    `problems` counts the attempts in a row that came to nothing, `refusals` those
    in a row that the service put off.
    """

    sends: int = 0
    problems: int = 0
    refusals: int = 0


class Looking(msgspec.Struct, frozen=True, tag="looking", omit_defaults=True):
    """Unanswered: the resource is being read to learn whether the request took effect.

    If it did not, the request is sent again, or ends with `fault` when there is
    one. `is_accepted`: Azure took the request, but what became of it is lost.
    """

    sends: int = 1
    problems: int = 0
    fault: Fault | None = None
    is_accepted: bool = False


class Unclear(msgspec.Struct, frozen=True, tag="unclear", omit_defaults=True):
    """Unanswered, and looking cannot tell: the user is asked."""

    sends: int = 1


class Watching(msgspec.Struct, frozen=True, tag="watching", omit_defaults=True):
    """Accepted by Azure; `watch` says where its status is read.

    `problems` counts the readings in a row that told nothing, `losses` those in a
    row that found nothing there. `delay_s` is how long Azure asked to wait for the
    next reading, when it last said anything new.
    """

    watch: Watch
    problems: int = 0
    status: str = ""
    was_created: bool = False
    percent: float | None = None
    losses: int = 0
    delay_s: float = 0.0


class Fetching(msgspec.Struct, frozen=True, tag="fetching", omit_defaults=True):
    """Succeeded; its result is being read from `url`, which was refused `refusals` times in a row."""

    url: str
    problems: int = 0
    was_created: bool = False
    refusals: int = 0


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """Answered for good."""

    answer: Answer


Phase = Intended | Looking | Unclear | Watching | Fetching | Ended


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """One request of a plan and how far it is.

    `is_held`: it waits for the answer to the job's question, nothing is under way for it.
    """

    request: Request
    phase: Phase
    is_held: bool = False


class PlanWork(msgspec.Struct, frozen=True, tag="plan", omit_defaults=True):
    """Work at Azure: a plan, its arguments, and its requests in the order they were made.

    `secrets` names the holes that must be filled, with what to ask for when one is missing.
    """

    plan: str
    arguments: dict[str, Any] = {}
    calls: dict[str, Call] = {}
    secrets: dict[str, str] = {}


class ProcessWork(msgspec.Struct, frozen=True, tag="process", omit_defaults=True):
    """Work in a process of its own.

    `interpreter` is the key of the warm parent that starts it; `folder` its
    working directory; `environment` the keeper's name of the environment at
    submit (never stored itself). `yields`: the function gives its output piece by
    piece, so its value is a list. `azure`: its caller has the Azure SDK imported,
    so a warm parent that has it too is worth its memory. `key_sha256`: hash of the
    capability with which the process asks the daemon for tokens.
    `output_cap_bytes`: more output than that is not kept; None: there is no limit.
    `pid` and `start_time` (ticks since boot) once it runs.
    """

    kind: ProcessKind
    folder: str
    umask: int
    interpreter: dict[str, Any] = {}
    environment: str = ""
    arguments: tuple[str, ...] = ()
    secrets: dict[str, str] = {}
    sys_path: tuple[str, ...] = ()
    yields: bool = False
    azure: bool = False
    key_sha256: str = ""
    output_cap_bytes: int | None = None
    pid: int = 0
    start_time: int = 0
    boot_id: str = ""


class BatchWork(msgspec.Struct, frozen=True, tag="batch", omit_defaults=True):
    """Work divided among child jobs, one a target. `counts`: how many of them are in each state.

    `is_fail_fast`: once one has failed, nothing more is begun.
    """

    counts: dict[JobState, int]
    is_fail_fast: bool = False

    @property
    def total(self) -> int:
        """How many children there are."""
        return sum(self.counts.values())

    @property
    def secrets(self) -> dict[str, str]:
        """Its children ask, it never does."""
        return {}


Work = PlanWork | ProcessWork | BatchWork


class Queue(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a job waits for its turn. `limit`: how many jobs of the queue run at once from now on; None leaves it."""

    name: str
    limit: int | None = None


class Notice(msgspec.Struct, frozen=True, omit_defaults=True):
    """A command that is run once the job has ended, and whether it was.

    `environment`: the keeper's name of the environment at submit (never stored itself).
    """

    words: tuple[str, ...]
    folder: str
    environment: str = ""
    is_given: bool = False


class Job(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One job.

    `id` is None while a blocking call is attached to it: it gets one, and shows
    itself, when its caller goes away. `grants` are the contexts it may use.
    `overrides` names the protections that do not hold for it. `parent` is the uuid
    of the batch that it belongs to, `lost_parent` that of one it belonged to, which
    was lost with a damaged store. `time_limit_s` counts from its beginning, or from
    `resumed_at`, when it was last told to go on. `target` is what it acts on, for
    people. `is_cancelling`: it was asked to stop, and ends once Azure has ended what
    it was asked to cancel.
    """

    uuid: str
    id: int | None = None
    name: str
    command: str
    session: str
    submitted_at: float
    work: Work
    state: State = NotStarted()
    context: ContextValue | None = None
    grants: tuple[ContextValue, ...] = ()
    target: str = ""
    status_message: str = ""
    remote_state: str = ""
    location: str = "localhost"
    autosave: bool = True
    percent: float | None = None
    failing: Fault | None = None
    is_cancelling: bool = False
    overrides: tuple[str, ...] = ()
    parent: str = ""
    lost_parent: str = ""
    labels: dict[str, str] = {}
    queue: Queue | None = None
    time_limit_s: float | None = None
    notice: Notice | None = None
    resumed_at: float | None = None

    @property
    def is_notice_due(self) -> bool:
        """Whether it has ended, and nobody was told by its command yet."""
        return self.notice is not None and not self.notice.is_given and is_finished(self.state)

    @property
    def type(self) -> JobType:
        """The kind of job, as PowerShell's PSJobTypeName."""
        match self.work:
            case ProcessWork():
                return JobType.BACKGROUND
            case PlanWork():
                return JobType.AZURE
            case BatchWork():
                return JobType.BATCH

    @property
    def scopes(self) -> frozenset[str]:
        """Whose sign-ins it needs: the scopes of the contexts that it was granted."""
        return frozenset(context.scope for context in (*self.grants, self.context) if context is not None)

    @property
    def secrets_owner(self) -> str:
        """The uuid under which its secrets are kept: what was given for a batch serves each child."""
        return self.family or self.uuid

    @property
    def family(self) -> str:
        """The uuid that it shares with the other children of its batch, even of a lost one; "" without a batch."""
        return self.parent or self.lost_parent

    @property
    def on_its_own(self) -> Job:
        """It as a job like any other, which says that its batch was lost."""
        return replace(self, parent="", lost_parent=self.parent)

    @property
    def shown_name(self) -> str:
        """Its name; the one that PowerShell gives where none was given."""
        return self.name or (f"Job{self.id}" if self.id is not None else self.command)

    @property
    def state_name(self) -> JobState:
        """The stored state; `core.observe` tells the true one while no daemon runs."""
        return name_of(self.state)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Job)


def format_job(job: Job) -> bytes:
    """Encode a job for the store."""
    return _encoder.encode(job)


def parse_job(data: bytes | str) -> Job:
    """Decode a stored job.

    Raises:
        msgspec.ValidationError: it is not a job of this format.
    """
    return _decoder.decode(data)
