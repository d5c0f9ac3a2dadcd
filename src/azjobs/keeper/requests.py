"""Answer one request of the daemon: the operations on secrets, exits and the amount of unfinished work.

Pure but for what it is told to remember. A request is a JSON object with `op`
and a number `seq`; the answer echoes `seq` with `ok` true and the result's fields, or
`ok` false and one sentence in `error`. No answer but get's and get_many's ever
holds a value, and no error holds anything of the request.
"""

from __future__ import annotations

import binascii

from azjobs.keeper.errors import FrameTooLarge
from azjobs.keeper.exits import ExitList
from azjobs.keeper.frames import format_frame, parse_body

TYPE_CHECKING = False  # the name type checkers know; importing `typing` would cost the keeper 0.7 MB
if TYPE_CHECKING:
    from collections.abc import Callable

    Fields = dict[str, object]

_REFUSED = {"seq": None, "ok": False}


class Memory:
    """All that the keeper holds for the daemon. Lives as long as the keeper, in no file."""

    __slots__ = ("exits", "hold_count", "is_daemon_ready", "secrets", "status")

    def __init__(self, status: Callable[[], Fields]) -> None:
        self.secrets: dict[str, bytes] = {}
        self.exits = ExitList()
        #: How much unfinished work the daemon said it has.
        self.hold_count = 0
        #: Whether the present daemon has said that at least once: then its recovery is done.
        self.is_daemon_ready = False
        #: Tells the facts of the process for the `status` operation.
        self.status = status


def answer(memory: Memory, body: bytes) -> bytes:
    """Perform the request in `body` and return the frame to send back; never raises for what the daemon sent."""
    seq: object = None
    try:
        request = parse_body(body)
        seq = request.get("seq") if isinstance(request.get("seq"), int) else None
        operation = _OPERATIONS.get(_text(request, "op"))
        if operation is None:
            raise ValueError("There is no such operation.")  # noqa: TRY301 - one place turns every refusal into an answer
        return format_frame({"seq": seq, "ok": True, **operation(memory, request)})
    except ValueError as error:
        return format_frame({**_REFUSED, "seq": seq, "error": str(error)})
    except FrameTooLarge:
        return format_frame({**_REFUSED, "seq": seq, "error": "The answer is over 16 MiB. Ask for fewer keys."})


def _put(memory: Memory, request: Fields) -> Fields:
    memory.secrets[_text(request, "key")] = _value(request.get("value"))
    return {}


def _put_many(memory: Memory, request: Fields) -> Fields:
    items = request.get("items")
    if not isinstance(items, dict):
        raise ValueError("`items` has to be an object.")  # noqa: TRY004 - answered like any other bad field
    # All values are decoded before the first is stored: a bad one leaves nothing half done.
    memory.secrets.update({key: _value(value) for key, value in items.items()})
    return {}


def _get(memory: Memory, request: Fields) -> Fields:
    value = memory.secrets.get(_text(request, "key"))
    return {"value": None if value is None else _encoded(value)}


def _get_many(memory: Memory, request: Fields) -> Fields:
    found = ((key, memory.secrets.get(key)) for key in _texts(request, "keys"))
    return {"values": {key: _encoded(value) for key, value in found if value is not None}}


def _drop(memory: Memory, request: Fields) -> Fields:
    return {"dropped": int(memory.secrets.pop(_text(request, "key"), None) is not None)}


def _drop_prefix(memory: Memory, request: Fields) -> Fields:
    return _drop_all(memory, (_text(request, "prefix"),))


def _drop_prefixes(memory: Memory, request: Fields) -> Fields:
    return _drop_all(memory, tuple(_texts(request, "prefixes")))


def _drop_all(memory: Memory, prefixes: tuple[str, ...]) -> Fields:
    wanted, lengths = set(prefixes), {len(prefix) for prefix in prefixes}
    # Ten thousand jobs may end at once: each key is looked at once, not once for each prefix.
    keys = [key for key in memory.secrets if any(key[:length] in wanted for length in lengths)]
    for key in keys:
        del memory.secrets[key]
    return {"dropped": len(keys)}


def _keys(memory: Memory, request: Fields) -> Fields:
    prefix = _text(request, "prefix")
    return {"keys": sorted(key for key in memory.secrets if key.startswith(prefix))}


def _exits(memory: Memory, _request: Fields) -> Fields:
    return {"exits": memory.exits.entries()}


def _ack_exits(memory: Memory, request: Fields) -> Fields:
    pairs = request.get("pids")
    if not isinstance(pairs, list) or not all(_is_process(pair) for pair in pairs):
        raise ValueError("`pids` has to be a list of [pid, start_time].")
    return {"dropped": sum(memory.exits.drop(pid, start_time) for pid, start_time in pairs)}


def _hold(memory: Memory, request: Fields) -> Fields:
    count = request.get("count")
    if not isinstance(count, int) or count < 0:
        raise ValueError("`count` has to be a number, 0 or more.")
    memory.hold_count = count
    memory.is_daemon_ready = True
    return {}


def _status(memory: Memory, _request: Fields) -> Fields:
    counts: Fields = {"secrets": len(memory.secrets), "exits": len(memory.exits), "hold_count": memory.hold_count}
    return {**counts, **memory.status()}


_OPERATIONS: dict[str, Callable[[Memory, Fields], Fields]] = {
    "put": _put,
    "put_many": _put_many,
    "get": _get,
    "get_many": _get_many,
    "drop": _drop,
    "drop_prefix": _drop_prefix,
    "drop_prefixes": _drop_prefixes,
    "keys": _keys,
    "exits": _exits,
    "ack_exits": _ack_exits,
    "hold": _hold,
    "status": _status,
}


def _text(request: Fields, field: str) -> str:
    value = request.get(field)
    if not isinstance(value, str):
        raise ValueError(f"`{field}` has to be a text.")  # noqa: TRY004 - answered like any other bad field
    return value


def _texts(request: Fields, field: str) -> list[str]:
    values = request.get(field)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"`{field}` has to be a list of texts.")
    return values


def _value(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("A value has to be base64.")  # noqa: TRY004 - answered like any other bad field
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise ValueError("A value has to be base64.") from None  # the cause could quote the secret


def _encoded(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


def _is_process(pair: object) -> bool:
    match pair:
        case [int(), int() | None]:
            return True
    return False
