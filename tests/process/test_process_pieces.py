"""How what a command prints is cut into records."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from azjobs.core.journal import CHUNK_SIZE_BYTES
from azjobs.process.pieces import LineCutter


@given(st.lists(st.binary(max_size=50) | st.text(max_size=20).map(str.encode), max_size=10), st.integers(0, 5))
def test_a_pipe_is_cut_into_pieces_that_lose_nothing(reads: list[bytes], quiet_after: int) -> None:
    """Pieces end at a newline, at a silence or at the end; together they are what came."""
    cutter = LineCutter()
    pieces = []
    for number, data in enumerate(reads):
        pieces += [(piece, number == quiet_after) for piece in cutter.feed(data)]
        if number == quiet_after:
            pieces += [(piece, True) for piece in cutter.flush()]
    assert all(piece.endswith(b"\n") for piece, is_quiet in pieces if not is_quiet)
    pieces += [(piece, True) for piece in cutter.flush(final=True)]
    assert b"".join(piece for piece, _ in pieces) == b"".join(reads)
    assert not cutter.holds_something


@given(st.text("aé€😀\n", min_size=1, max_size=200), st.lists(st.integers(1, 7), min_size=1, max_size=300))
def test_a_silence_does_not_cut_a_character(text: str, sizes: list[int]) -> None:
    """However the bytes arrive, and even if every read is followed by silence, each piece is valid text."""
    cutter, data, pieces = LineCutter(), text.encode(), []
    while data:
        size = sizes.pop() if sizes else len(data)
        pieces += [*cutter.feed(data[:size]), *cutter.flush()]
        data = data[size:]
    assert "".join(piece.decode() for piece in pieces) == text


def test_a_line_without_end_is_cut_at_the_size_of_a_chunk() -> None:
    """Memory stays bounded, and still no character is cut."""
    cutter = LineCutter()
    pieces = list(cutter.feed("€".encode() * CHUNK_SIZE_BYTES)) + list(cutter.flush(final=True))
    assert max(map(len, pieces)) <= CHUNK_SIZE_BYTES
    assert "".join(piece.decode() for piece in pieces) == "€" * CHUNK_SIZE_BYTES
