"""What a receiver gets from the output records of a job."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azjobs.core.journal import Content, DataChunk, JsonValue, ObjectFormat, StoredObject, TextChunk
from azjobs.core.streams import values_of

STORED = StoredObject(0, 1, ObjectFormat.PICKLE, "complex")


@pytest.mark.parametrize(
    ("contents", "values"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([JsonValue(1), JsonValue([None])], [1, [None]], id="values-are-themselves"),
        pytest.param([STORED], [1j], id="an-object-is-opened"),
        pytest.param([TextChunk("a\nb\n")], ["a", "b"], id="text-is-lines"),
        pytest.param([TextChunk("a\n\n")], ["a", ""], id="an-empty-line-is-a-line"),
        pytest.param([TextChunk("a\nb")], ["a", "b"], id="the-last-line-may-be-unfinished"),
        pytest.param([TextChunk("a"), TextChunk("b\nc\n")], ["ab", "c"], id="pieces-of-a-line-are-joined"),
        pytest.param([TextChunk("a\r\nb\x0c\n")], ["a\r", "b\x0c"], id="only-newlines-cut"),
        pytest.param(
            [TextChunk("a"), DataChunk(b"\xff"), TextChunk("b\n")], ["a", b"\xff", "b"], id="bytes-stay-bytes"
        ),
    ],
)
def test_output_records_become_values(contents: list[Content], values: list[object]) -> None:
    """Each kind of content has one reading."""
    assert values_of(contents, lambda stored: 1j) == values


@given(st.lists(st.text("ab\n", max_size=5), max_size=10))
def test_however_text_was_cut_its_lines_are_the_same(pieces: list[str]) -> None:
    """Where a pipe was cut is chance, and must not be seen."""
    whole = "".join(pieces)
    assert values_of(map(TextChunk, pieces), lambda stored: stored) == values_of(
        [TextChunk(whole)], lambda stored: stored
    )
