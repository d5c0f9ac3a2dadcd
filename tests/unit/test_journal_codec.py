"""The journal's bytes: whatever happens between them, every whole record is found, once, at its offset."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azjobs.core.errors import Fault, Sent
from azjobs.core.job import ProcessKind
from azjobs.core.journal import (
    Begin,
    DataChunk,
    Debug,
    End,
    Error,
    Gap,
    Information,
    JsonValue,
    ObjectFormat,
    Outcome,
    Output,
    Progress,
    Record,
    Stamp,
    StoredObject,
    TextChunk,
    Verbose,
    format_record,
    is_content,
    is_exact_json,
    last_record,
    parse_record,
    scan,
)
from azjobs.core.journal import Warning as WarningRecord

STAMP = Stamp(1795472706.25, 3, 4)
RECORDS: list[Record] = [
    Begin(STAMP, 17, 242536, "boot", "pid:[1]", ProcessKind.COMMAND),
    Output(STAMP, JsonValue({"a": [1, None, "x\x1e\n"]})),
    Output(STAMP, StoredObject(10, 20, ObjectFormat.PICKLE, "complex", "1j", [1])),
    Output(STAMP, TextChunk("one\r\ntwo")),
    Output(STAMP, DataChunk(b"\x1e\xff\n")),
    Information(STAMP, "", partial=True),
    Error(STAMP, "ValueError", "no", "Traceback…", Fault("ValueError", "no", sent=Sent.NO)),
    WarningRecord(STAMP, "old", "DeprecationWarning"),
    Verbose(STAMP, "v"),
    Debug(STAMP, "d"),
    Progress(STAMP, "copy", "half", 50.0, "all"),
    Gap(STAMP, 1.5, "no space"),
    End(STAMP, Outcome.FAILED, -9, Fault("ExitStatus", "killed")),
]

records = st.sampled_from(RECORDS)
#: What a writer leaves that is killed in the middle of a write: the beginning of a record.
torn = st.builds(
    lambda record, share: format_record(record)[: int(len(format_record(record)) * share)], records, st.floats(0, 0.99)
)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    """Every kind of record survives its encoding."""
    assert parse_record(format_record(record)) == record


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_is_one_line_that_begins_with_rs(record: Record) -> None:
    """RS and LF stand at its ends and nowhere else, whatever the text in it."""
    frame = format_record(record)
    assert (frame[:1], frame[-1:], frame.count(b"\x1e"), frame.count(b"\n")) == (b"\x1e", b"\n", 1, 1)
    json.loads(frame[10:-1])


@pytest.mark.parametrize("at", range(0, 60, 7))
def test_a_changed_byte_makes_a_record_not_whole(at: int) -> None:
    """The checksum covers the JSON, and the frame is checked too."""
    frame = bytearray(format_record(Information(STAMP, "some text")))
    at %= len(frame)
    frame[at] ^= 1
    assert parse_record(bytes(frame)) is None


def test_a_record_of_a_kind_from_the_future_is_skipped() -> None:
    """A reader of this version goes on behind what it does not know."""
    body = b'{"k":"hologram","t":[1.0,0,0]}'
    from binascii import crc32  # noqa: PLC0415 - an independent writer of the format

    foreign = b"\x1e%08x %b\n" % (crc32(body), body)
    known = format_record(Verbose(STAMP, "v"))
    found, consumed = scan(foreign + known)
    assert ([item.record for item in found], consumed) == ([Verbose(STAMP, "v")], len(foreign + known))


@given(st.lists(st.tuples(torn, records), max_size=8), torn)
def test_every_whole_record_is_found_between_torn_ones(parts: list[tuple[bytes, Record]], tail: bytes) -> None:
    """Torn pieces are skipped, offsets are true, and an unfinished tail is not consumed."""
    data = b"".join(piece + format_record(record) for piece, record in parts)
    found, consumed = scan(data + tail, 1000)
    assert [item.record for item in found] == [record for _, record in parts]
    assert all(data[item.offset - 1000 : item.end - 1000] == format_record(item.record) for item in found)
    assert consumed == 1000 + len(data)


@given(st.lists(st.tuples(torn, records), max_size=5), st.data())
def test_reading_can_stop_and_go_on_anywhere(parts: list[tuple[bytes, Record]], data: st.DataObject) -> None:
    """Whoever reads on from what was consumed sees each record once, however the bytes arrive."""
    whole = b"".join(piece + format_record(record) for piece, record in parts)
    seen: list[Record] = []
    position = end = 0
    while position < len(whole):
        end = data.draw(st.integers(min(end + 1, len(whole)), len(whole)))
        found, position = scan(whole[position:end], position)
        seen += [item.record for item in found]
        assert position <= end
    assert seen == [record for _, record in parts]


@given(st.binary(max_size=200))
def test_garbage_holds_no_record_and_breaks_nothing(data: bytes) -> None:
    """Bytes that nobody wrote as a record are never taken for one."""
    found, consumed = scan(data)
    assert (found, consumed <= len(data)) == ([], True)


@given(st.lists(records, min_size=1, max_size=5), torn)
def test_the_last_record_is_found_from_any_tail_that_holds_it(written: list[Record], tail: bytes) -> None:
    """The tail may begin in the middle of a record, and end in the middle of one."""
    data = b"".join(map(format_record, written)) + tail
    assert last_record(data) == written[-1]
    assert last_record(data[-len(format_record(written[-1]) + tail) - 3 :]) == written[-1]


def test_a_tail_without_a_whole_record_has_no_last_one() -> None:
    """Neither an empty file nor the rest of a long record."""
    assert last_record(b"") is None
    assert last_record(format_record(Verbose(STAMP, "x" * 100))[5:]) is None


def test_text_that_is_no_unicode_is_written_as_escapes() -> None:
    """A file name with undecodable bytes must not cost the record."""
    read = parse_record(format_record(Error(STAMP, "OSError", "no file 'a\udcff'", "…\udcff")))
    assert isinstance(read, Error)
    assert (read.message, read.traceback) == ("no file 'a\\udcff'", "…\\udcff")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_a_value_that_counts_as_json_comes_back_with_its_types(value: object) -> None:
    """What is kept as JSON is what the job returned, not something like it."""
    assert is_exact_json(value)
    read = parse_record(format_record(Output(STAMP, JsonValue(value))))
    assert isinstance(read, Output)
    assert isinstance(read.content, JsonValue)
    assert repr(read.content.value) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        (1, 2),
        {1: 2},
        math.nan,
        math.inf,
        2**63,
        -(2**63) - 1,
        b"x",
        {"a": (1,)},
        [{"a": {1}}],
        "\udcff",
        {"\udcff": 1},
        True + 1j,
    ],
    ids=repr,
)
def test_a_value_that_json_would_change_does_not_count_as_json(value: object) -> None:
    """Tuples, other keys than text, NaN, large integers and everything else are kept as objects."""
    assert not is_exact_json(value)


def test_only_first_and_last_record_are_of_no_stream() -> None:
    """Nobody waits for a process to say that it began."""
    assert [type(record) for record in RECORDS if not is_content(record)] == [Begin, End]
