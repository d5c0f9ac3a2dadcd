"""What a job process is handed arrives as it was packed, and its input leaves nothing behind."""

from __future__ import annotations

import os
import pickle
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azjobs.process.package import Package, open_stdin, pack, unpack
from azjobs.process.payload import dump

CALLS = st.sampled_from([b"", dump(abs, (-1,)), pickle.dumps(None)])


@given(call=CALLS, first=CALLS, first_file=st.text(), stdin=st.none() | st.binary())
def test_a_package_is_opened_as_it_was_packed(call: bytes, first: bytes, first_file: str, stdin: bytes | None) -> None:
    """Whatever is in it; an empty input is another thing than none."""
    package = Package(call, first, first_file, stdin)
    assert unpack(pack(package)) == package
    assert b"SECRET" not in repr(Package(b"SECRET", stdin=b"SECRET")).encode()


def test_a_call_alone_is_its_pickle() -> None:
    """Nothing is added to what most jobs are, and nothing is nothing."""
    call = dump(abs, (-1,))
    assert (pack(Package(call)), pack(Package())) == (call, b"")


def test_an_input_has_no_name_anybody_could_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read from its beginning to its end, and is gone with the descriptor."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    fd = open_stdin(b"one\ntwo")
    assert list(tmp_path.iterdir()) == []
    with os.fdopen(fd, "rb") as file:
        assert file.read() == b"one\ntwo"
