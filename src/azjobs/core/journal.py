"""Know the records of a job's journal and their bytes.

Pure: bytes in, records out, and back. A record is `RS crc32 SP json LF`, with the
checksum as eight hex digits over the JSON. JSON never holds a raw RS or LF, so a
reader finds the next record after any damage; the offset of a record is its id.
A record is whole when it starts with RS, ends with LF and its checksum fits;
anything else is skipped up to the next RS.

Instants are epoch seconds UTC, sizes bytes, offsets bytes from the file's start.
"""

from __future__ import annotations

import math
from binascii import crc32
from enum import StrEnum
from typing import Any, NamedTuple, TypeGuard

import msgspec

from azjobs.core.errors import Fault
from azjobs.core.job import ProcessKind

RS = b"\x1e"
LF = b"\n"
CHUNK_SIZE_BYTES = 64 * 1024  # guess: large enough to be cheap, small enough to be one page of a reader
_OVERHEAD = 10  # RS, eight hex digits, SP
CAPPED = "OutputCapped"  # category of the warning that more output is not kept


class Outcome(StrEnum):
    """How a job process ended, as it says itself."""

    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


class Stamp(msgspec.Struct, frozen=True, array_like=True):
    """When a record was written, and how long the two raw output files were then.

    The lengths give text that bypassed Python (C code, child processes) its place in the one order.
    """

    at: float
    out_size_bytes: int = 0
    err_size_bytes: int = 0


class _Record(msgspec.Struct, frozen=True, tag_field="k", omit_defaults=True):
    stamp: Stamp = msgspec.field(name="t")


class Begin(_Record, frozen=True, tag="b"):
    """The first record: which process writes. `start_time` is in the unit of `process.identity`."""

    pid: int = msgspec.field(name="p")
    start_time: int = msgspec.field(name="s")
    boot_id: str = msgspec.field(name="b")
    pid_namespace: str = msgspec.field(name="n")
    work: ProcessKind = msgspec.field(name="w", default=ProcessKind.FUNCTION)


class JsonValue(msgspec.Struct, frozen=True, tag_field="k", tag="j"):
    """A value that JSON gives back exactly; see `is_exact_json`."""

    value: Any = msgspec.field(name="v")


class ObjectFormat(StrEnum):
    """What the bytes of a stored object are."""

    JSON = "json"  # anybody may read it
    PICKLE = "pickle"  # opened only by the Python face of the same user


class StoredObject(msgspec.Struct, frozen=True, tag_field="k", tag="s", omit_defaults=True):
    """A value kept beside the journal, in the `.objects` file.

    `text` is what to show where the object is not opened; `view` its nearest JSON, when there is one.
    """

    offset: int = msgspec.field(name="o")
    size_bytes: int = msgspec.field(name="n")
    format: ObjectFormat = msgspec.field(name="f")
    type_name: str = msgspec.field(name="y")
    text: str = msgspec.field(name="x", default="")
    view: Any = msgspec.field(name="v", default=None)


class TextChunk(msgspec.Struct, frozen=True, tag_field="k", tag="t"):
    """Standard output of a command, valid UTF-8, exactly as it came: newlines are in it."""

    text: str = msgspec.field(name="v")


class DataChunk(msgspec.Struct, frozen=True, tag_field="k", tag="d"):
    """Standard output of a command that is not UTF-8, exactly as it came (base64 in JSON)."""

    data: bytes = msgspec.field(name="v")


Content = JsonValue | StoredObject | TextChunk | DataChunk


class Output(_Record, frozen=True, tag="o"):
    """One returned or yielded value, or a piece of a command's standard output."""

    content: Content = msgspec.field(name="c")


class Information(_Record, frozen=True, tag="i"):
    """Printed text, without its last newline. `partial`: there was none, the line goes on.

    `data`: what was printed, newline and all, where it is not UTF-8; `text` shows it as well as text can.
    """

    text: str = msgspec.field(name="x")
    partial: bool = msgspec.field(name="q", default=False)
    data: bytes = msgspec.field(name="d", default=b"")


class Error(_Record, frozen=True, tag="e"):
    """An exception, a logged error, or standard error of a command (then `type` is empty).

    `traceback` is text and never shows local variables. `fault`: the error as data, when it has one.
    `partial` and `data` are as in `Information`.
    """

    type: str = msgspec.field(name="y")
    message: str = msgspec.field(name="x")
    traceback: str = msgspec.field(name="b", default="")
    fault: Fault | None = msgspec.field(name="f", default=None)
    partial: bool = msgspec.field(name="q", default=False)
    data: bytes = msgspec.field(name="d", default=b"")


class Warning(_Record, frozen=True, tag="w"):
    """A warning of the `warnings` module (`category` is its class) or of `logging`."""

    text: str = msgspec.field(name="x")
    category: str = msgspec.field(name="y", default="")


class Verbose(_Record, frozen=True, tag="v"):
    """Detail for whoever asks for it."""

    text: str = msgspec.field(name="x")


class Debug(_Record, frozen=True, tag="d"):
    """Detail for programmers."""

    text: str = msgspec.field(name="x")


class Progress(_Record, frozen=True, tag="p"):
    """How far an activity is.

    `percent` is 0 to 100, None when it cannot be told; `parent` names the activity around it.
    `completed`: the activity is over, as it is at 100 percent.
    """

    activity: str = msgspec.field(name="a")
    status: str = msgspec.field(name="x", default="")
    percent: float | None = msgspec.field(name="n", default=None)
    parent: str = msgspec.field(name="u", default="")
    completed: bool = msgspec.field(name="z", default=False)


class Gap(_Record, frozen=True, tag="g"):
    """Something about the journal itself: the job had to wait `waited_s` before it could write (a full disk).

    At 0 seconds it is what a reader noticed: the last record is not whole.
    """

    waited_s: float = msgspec.field(name="s")
    reason: str = msgspec.field(name="x", default="")

    @property
    def text(self) -> str:
        """What there is to say of it."""
        return (
            f"The job waited {self.waited_s:.1f} s before it could write: {self.reason}."
            if self.waited_s
            else self.reason
        )


class End(_Record, frozen=True, tag="z"):
    """The last record. `exit_status`: of a command; negative is the signal that ended it."""

    outcome: Outcome = msgspec.field(name="o")
    exit_status: int | None = msgspec.field(name="n", default=None)
    error: Fault | None = msgspec.field(name="f", default=None)


Record = Begin | Output | Information | Error | Warning | Verbose | Debug | Progress | Gap | End


class Found(NamedTuple):
    """A whole record, where it starts (its id) and where a reader that has it goes on."""

    offset: int
    end: int
    record: Record


class Scan(NamedTuple):
    """The whole records of a piece of a journal.

    `consumed` is the offset before which everything is decided for good; an
    unfinished record at the end is not consumed, it may still be growing.
    """

    found: list[Found]
    consumed: int


#: What the JSON of those records begins with that are to be received, but for progress.
_MARKS = tuple(
    b' {"k":"%b"' % str(kind.__struct_config__.tag).encode()
    for kind in (Output, Information, Error, Warning, Verbose, Debug, Gap)
)
MARK_BYTES = _OVERHEAD + len(_MARKS[0])  # from the beginning of a record to the end of its mark

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def format_record(record: Record) -> bytes:
    """Encode a record; the result is to be written by one append."""
    try:
        body = _encoder.encode(record)
    except UnicodeEncodeError:
        body = _encoder.encode(_without_surrogates(msgspec.to_builtins(record)))
    return b"\x1e%08x %b\n" % (crc32(body), body)


def parse_record(frame: bytes) -> Record | None:
    """Decode one frame, RS to LF; None when it is not whole, or of a kind that this version does not know."""
    body = frame[_OVERHEAD:-1]
    if frame[:1] != RS or frame[-1:] != LF or frame[1:_OVERHEAD] != b"%08x " % crc32(body):
        return None
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError:
        return None


def scan(data: bytes, base: int = 0) -> Scan:
    """Find the whole records of `data`, a piece of a journal that starts at offset `base`."""
    found: list[Found] = []
    start = data.find(RS)
    while start >= 0:
        stop = data.find(LF, start)
        torn_by = data.find(RS, start + 1, stop if stop >= 0 else len(data))
        if torn_by >= 0:
            start = torn_by
            continue
        if stop < 0:
            return Scan(found, base + start)
        record = parse_record(data[start : stop + 1])
        if record is not None:
            found.append(Found(base + start, base + stop + 1, record))
        start = data.find(RS, stop + 1)
    return Scan(found, base + len(data))


def last_record(data: bytes) -> Record | None:
    """Return the last whole record of this tail of a journal; None when none is in it.

    The warning that more output is not kept does not count: the daemon may write it after the job's own end.
    """
    start = data.rfind(RS)
    while start >= 0:
        stop = data.find(LF, start)
        record = parse_record(data[start : stop + 1]) if stop >= 0 else None
        if record is not None and not (isinstance(record, Warning) and record.category == CAPPED):
            return record
        start = data.rfind(RS, 0, start)
    return None


def find_unread(data: bytes) -> int:
    """Return where the first record of this piece may begin that is to be received, -1 when there is none.

    How far the work is does not count. Nothing is decoded: a job may have told its
    progress a hundred thousand times.
    """
    hits = [at for mark in _MARKS if (at := data.find(mark)) >= 0]
    return max(0, data.rfind(RS, 0, min(hits))) if hits else -1


def is_exact_json(value: object) -> TypeGuard[Any]:
    """Whether JSON gives this value back as it is: same types, nothing lost.

    So no tuples, no keys but text, no NaN, no integers beyond 64 bit, no subclasses, no lone surrogates.
    """
    kind = type(value)
    if value is None or kind is bool:
        return True
    if kind is str:
        return _is_unicode(value)  # type: ignore[arg-type]  # narrowed by the exact type
    if kind is int:
        return -(2**63) <= value < 2**63  # type: ignore[operator]  # as above
    if kind is float:
        return math.isfinite(value)  # type: ignore[arg-type]  # as above
    if kind is list:
        return all(is_exact_json(item) for item in value)  # type: ignore[attr-defined]  # as above
    if kind is dict:
        items = value.items()  # type: ignore[attr-defined]  # as above
        return all(type(k) is str and _is_unicode(k) and is_exact_json(v) for k, v in items)
    return False


def is_content(record: Record) -> bool:
    """Whether it belongs to one of the streams, so that somebody wants to receive it."""
    return not isinstance(record, Begin | End)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_surrogates(value: Any) -> Any:
    """Text that came from undecodable bytes shows them as escapes; the record must be written all the same."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
