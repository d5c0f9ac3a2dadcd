"""Commands and script files as jobs: stdout is output, stderr is error, a non-zero exit is a failure."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from process_site import Site, is_gone, wait_until

from azjobs.core.journal import DataChunk, Error, Information, Outcome, Output, TextChunk

BINARY = bytes(range(256)) * 1000


def test_a_command_prints_to_output_and_error_in_order_of_arrival(any_site: Site, tmp_path: Path) -> None:
    """Lines keep their order, and a last line without newline is kept as it is."""
    gates = {word: tmp_path / word for word in ("one", "two")}
    for gate in gates.values():
        os.mkfifo(gate)
    one, two = gates.values()
    job = any_site.command("sh", "-c", f"echo one; read go < {one}; echo two >&2; read go < {two}; printf three")
    for word, gate in gates.items():
        wait_until(lambda word=word: word.encode() in job.journal.read_bytes(), "it has arrived")
        gate.write_text("go\n")
    assert job.told() == ["one\n", "error: two", "three"]
    assert (job.end().outcome, job.end().exit_status, job.exited().exit_code) == (Outcome.COMPLETED, 0, 0)


def test_a_command_that_ends_with_a_status_failed(any_site: Site) -> None:
    """The status is in the final record, and in words."""
    job = any_site.command("sh", "-c", "exit 7")
    end = job.end()
    assert (end.outcome, end.exit_status) == (Outcome.FAILED, 7)
    assert end.error is not None
    assert end.error.message == "The command ended with exit status 7."


def test_a_command_ended_by_a_signal_says_which(site: Site) -> None:
    """A negative status is the signal."""
    end = site.command("sh", "-c", "kill -9 $$").end()
    assert (end.outcome, end.exit_status) == (Outcome.FAILED, -9)
    assert end.error is not None
    assert end.error.message == "The command was ended by signal 9 (SIGKILL)."


def test_binary_output_is_kept_to_the_byte(any_site: Site) -> None:
    """Whatever is no text is kept as bytes; together the pieces are what the command wrote."""
    code = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 1000)"
    job = any_site.command(sys.executable, "-c", code)
    pieces = [r.content for r in job.records() if isinstance(r, Output)]
    assert any(isinstance(piece, DataChunk) for piece in pieces)
    data = [
        p.data if isinstance(p, DataChunk) else p.text.encode() for p in pieces if isinstance(p, DataChunk | TextChunk)
    ]
    assert b"".join(data) == BINARY


def test_much_output_arrives_whole(site: Site) -> None:
    """More than the pipes hold, on both, with lines kept whole."""
    job = site.command("sh", "-c", "seq 1 50000; seq 1 50000 >&2")
    records = job.records()
    out = "".join(r.content.text for r in records if isinstance(r, Output) and isinstance(r.content, TextChunk))
    err = "".join(r.message + "\n" * (not r.partial) for r in records if isinstance(r, Error))
    assert out == err == "".join(f"{number}\n" for number in range(1, 50001))
    assert len(records) < 200


def test_an_unfinished_line_is_shown_when_the_command_falls_silent(site: Site, tmp_path: Path) -> None:
    """A prompt or a row of dots does not wait for its newline."""
    flag = tmp_path / "flag"
    job = site.command("sh", "-c", f"printf wait; while [ ! -e {flag} ]; do sleep 0.01; done; echo ed")
    wait_until(lambda: b"wait" in job.journal.read_bytes(), "the unfinished line is journaled")
    flag.touch()
    assert job.told() == ["wait", "ed\n"]


def test_a_command_has_an_empty_input_and_its_own_session(site: Site) -> None:
    """It reads the end of its input at once, leads a session, and has the default signals."""
    code = (
        "import os, sys; print(sys.stdin.read() == '', os.getsid(0) == os.getpid(),"
        "sorted(map(int, os.listdir('/proc/self/fd')))[:-1])"
    )
    assert site.command(sys.executable, "-c", code).output() == ["True True [0, 1, 2]\n"]
    masks = "".join(map(str, site.command("grep", "-E", "SigIgn|SigBlk", "/proc/self/status").output()))
    # Up to signal 31: the C library ignores its own two above that in whatever it spawns.
    assert [int(line.split()[1], 16) & 0x7FFFFFFF for line in masks.splitlines()] == [0, 0]


def test_a_command_runs_in_the_folder_and_environment_of_the_submit(site: Site, tmp_path: Path) -> None:
    """Also its program is looked for in that environment's PATH."""
    program = tmp_path / "bin" / "hello"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nprintf \'%s %s\' "$WHO" "$(umask)"; pwd\n')
    program.chmod(0o755)
    environ = {b"PATH": os.fsencode(program.parent) + b":/bin:/usr/bin", b"WHO": b"\xff"}
    job = site.command("hello", environ=environ, umask=0o77)
    assert job.output() == [b"\xff 0077" + os.fsencode(tmp_path) + b"\n"]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("no-such-command", "Cannot start 'no-such-command': there is no such command in PATH."),
        ("./missing", "Cannot start './missing': there is no such file."),
        ("./plain", "Cannot start './plain': ./plain may not be executed."),
        (
            "./headless",
            "Cannot start './headless': it is no program, and has no first line that names its interpreter.",
        ),
        ("./strange", "Cannot start './strange': the interpreter that it names in its first line does not exist."),
        ("", "Cannot start a command without a name."),
        (b"a\0", "Cannot start 'a\\x00': one of its words holds a zero byte, which no program can be given."),
    ],
)
def test_a_command_that_cannot_be_started_fails_in_a_sentence(
    site: Site, tmp_path: Path, word: str | bytes, sentence: str
) -> None:
    """The sentence says what is wrong with it; there is no exit status, since nothing ran."""
    (tmp_path / "plain").write_text("hello")
    (tmp_path / "headless").write_text("hello")
    (tmp_path / "headless").chmod(0o755)
    (tmp_path / "strange").write_text("#!/no/such/interpreter\n")
    (tmp_path / "strange").chmod(0o755)
    job = site.command(word)
    end = job.end()
    assert (job.told(), end.outcome, end.exit_status) == ([f"error: {sentence}"], Outcome.FAILED, None)
    assert end.error is not None
    assert end.error.message == sentence


def test_a_command_whose_folder_is_gone_fails(site: Site, tmp_path: Path) -> None:
    """It is not run somewhere else."""
    job = site.command("touch", "here", folder=os.fsencode(tmp_path / "gone"))
    assert (job.error().type, job.end().outcome) == ("FileNotFoundError", Outcome.FAILED)
    assert not (tmp_path / "here").exists()


def test_processes_left_behind_do_not_keep_a_command_job_running(site: Site, tmp_path: Path) -> None:
    """The command's exit ends the job; what it left goes on, and the journal says so."""
    flag = tmp_path / "flag"
    script = f"(while [ ! -e {flag} ]; do sleep 0.01; done) & echo $!"
    job = site.command("sh", "-c", script)
    (pid,) = (int(str(text)) for text in job.output())
    assert job.end().outcome is Outcome.COMPLETED
    (note,) = (record.text for record in job.records() if isinstance(record, Information))
    assert "go on without the job" in note
    job.exited()
    assert not is_gone([pid])
    flag.touch()
    wait_until(lambda: is_gone([pid]), "what was left ends")


def test_output_that_others_finish_after_the_command_is_kept(site: Site, tmp_path: Path) -> None:
    """A pipeline's slower half may still be writing when the shell has ended."""
    held = tmp_path / "held"
    os.mkfifo(held)  # by the shell, until it has ended
    job = site.command("sh", "-c", f"(read line < {held}; echo late) & exec 3> {held}; exit 0")
    assert job.output() == ["late\n"]


def test_a_command_that_is_asked_to_stop_gets_the_signal(site: Site) -> None:
    """The shim hands it on, keeps what the command says about it, and calls the end stopped."""
    job = site.command("sh", "-c", "trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.01; done")
    wait_until(lambda: b"ready" in job.journal.read_bytes(), "the command has set its trap")
    os.kill(job.pid, signal.SIGTERM)
    end = job.end()
    assert (job.output(), end.outcome, end.exit_status) == (["ready\n", "bye\n"], Outcome.STOPPED, 3)


def test_a_script_file_runs_as_a_program_does(any_site: Site, tmp_path: Path) -> None:
    """It is __main__, has its arguments and its folder, and its standard output is output."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "neighbour_of_script.py").write_text("NAME = 'neighbour'\n")
    script = tmp_path / "lib" / "report.py"
    script.write_text(
        "import neighbour_of_script, os, sys, logging\n"
        "print(__name__, sys.argv[1:], neighbour_of_script.NAME, __file__ == sys.argv[0])\n"
        "os.write(1, b'raw\\n')\n"
        "sys.stdout.buffer.write(b'\\xff\\n')\n"
        "print('complaint', file=sys.stderr)\n"
        "logging.warning('careful')\n"
    )
    job = any_site.file(script, "--day", "1")
    assert job.told() == [
        "__main__ ['--day', '1'] neighbour True\n",
        "raw\n",
        b"\xff\n",
        "error: complaint",
        "warning: careful",
    ]
    assert job.end().outcome is Outcome.COMPLETED


def test_a_script_file_that_raises_or_is_missing_failed(site: Site, tmp_path: Path) -> None:
    """The error is a record with the script's own frames."""
    script = tmp_path / "bad.py"
    script.write_text("def f():\n    raise LookupError('no day')\nf()\n")
    job = site.file(script)
    assert (job.error().type, job.end().outcome) == ("LookupError", Outcome.FAILED)
    assert job.error().traceback.count("bad.py") == 2
    assert site.file(tmp_path / "missing.py").error().type == "FileNotFoundError"
