"""What runs before a job's work in the same process, and what the job reads from its standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import azjobs as az
from azjobs.core.errors import CannotSend, InvalidInput
from terminal import Home, Shell

LIMIT_S = 30.0


def prepare() -> Iterator[str]:
    """Say so, and leave a trace in the process."""
    import decimal  # noqa: PLC0415 - in the job

    decimal.getcontext().prec = 3
    yield "prepared"


def third() -> str:
    import decimal  # noqa: PLC0415 - in the job

    return str(decimal.Decimal(1) / 3)


def fail() -> None:
    raise ValueError("not ready")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Defines what the work needs."""
    path = tmp_path / "first.py"
    path.write_text("import sys\nlimit = 3\ndef twice(n): return 2 * n\nprint('first', len(sys.argv))\n")
    return path


def test_a_function_runs_before_the_work(home: Home) -> None:
    """In the same process; what it yields is output, before that of the work; what it returns is not."""
    job = az.start_job(third, initialization_script=prepare)
    assert (job.result(LIMIT_S), az.receive_job(job)) == (["prepared", "0.333"],) * 2
    assert az.start_job(third, initialization_script=third).result(LIMIT_S) == "0." + "3" * 28


def test_what_a_file_defines_is_there_for_a_script_and_a_function(
    home: Home, shell: Shell, script: Path, tmp_path: Path
) -> None:
    """A script has the names, a function finds them in the module __main__."""
    work = tmp_path / "work.py"
    work.write_text("import sys\nprint(twice(limit), sys.argv[1:], __name__)\n")
    job = az.start_job(file_path=work, argument_list=["a"], initialization_script=script)
    az.wait_job(job, timeout=LIMIT_S)
    assert "".join(az.receive_job(job)).splitlines() == ["first 1", "6 ['a'] __main__"]

    def use() -> int:
        import __main__ as main  # noqa: PLC0415 - in the job

        value: int = main.twice(main.limit)
        return value

    assert az.start_job(use, initialization_script=script).result(LIMIT_S) == 6
    assert shell(f"azjobs job start --file {work} --initialization-script {script} -q -- b").out == "3\n"
    assert shell("azjobs job receive 3 --wait").out.splitlines() == ["first 1", "6 ['b'] __main__"]


def test_when_it_fails_the_work_never_runs(home: Home, tmp_path: Path) -> None:
    """The job has failed for that reason; one that leaves with 0 has done its part."""
    job = az.start_job(third, initialization_script=fail)
    az.wait_job(job, timeout=LIMIT_S)
    received = az.receive_job(job)
    assert (received, [error.message for error in received.errors], job.state) == ([], ["not ready"], "Failed")
    leaving = tmp_path / "leaving.py"
    leaving.write_text("raise SystemExit(0)")
    assert az.start_job(third, initialization_script=leaving).result(LIMIT_S) == "0." + "3" * 28


def test_a_secret_reaches_what_runs_first(home: Home) -> None:
    """By the private channel, as one of the work's own."""
    secret = az.SecureString("s3cret-of-first")

    def use() -> Iterator[int]:
        yield len(secret.reveal())

    job = az.start_job(third, initialization_script=use)
    assert job.result(LIMIT_S)[0] == len("s3cret-of-first")
    for file in home.folder.rglob("*"):
        assert not file.is_file() or b"s3cret-of-first" not in file.read_bytes(), file


def test_a_command_is_told_how_to_begin_with_another(home: Home, shell: Shell) -> None:
    """There is no process of ours in which anything could run before it."""
    with pytest.raises(InvalidInput, match="initialization_script is for functions and scripts"):
        az.start_job(command=["true"], initialization_script=prepare)  # type: ignore[call-overload]
    with pytest.raises(InvalidInput, match=r"The script .*gone\.py cannot be read"):
        az.start_job(third, initialization_script="gone.py")
    assert shell("azjobs job start --initialization-script x.py -- true").code == 2
    assert az.get_job() == []


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("one\ntwo", ["one\n", "two"]),
        (b"\xc3\xbc\n", ["ü\n"]),
        (["one", 2, "three\n"], ["one\n", "2\n", "three\n"]),
        ((n for n in range(2)), ["0\n", "1\n"]),
        ("", []),
        (None, []),
    ],
    ids=["text", "bytes", "lines", "generator", "empty", "none"],
)
def test_every_kind_of_job_reads_what_it_is_given(home: Home, tmp_path: Path, given: object, read: list[str]) -> None:
    """Functions, scripts and commands alike, in order, to its end."""
    stdin = list(given) if not isinstance(given, str | bytes | None) else given  # type: ignore[call-overload]
    work = tmp_path / "work.py"
    work.write_text("import sys\nprint(*sys.stdin, sep='', end='')")
    function = az.start_job(lambda: list(sys.stdin), input_object=stdin)
    jobs = [az.start_job(command=["cat"], input_object=stdin), az.start_job(file_path=work, input_object=stdin)]
    assert function.result(LIMIT_S) == read
    az.wait_job(jobs, timeout=LIMIT_S)
    assert ["".join(az.receive_job(job)) for job in jobs] == ["".join(read)] * 2


def test_input_reads_it_too(home: Home) -> None:
    """And nobody is asked; at its end there is an EOFError, as in a pipe."""

    def work() -> list[str]:
        found = [input(), input()]
        try:
            input()
        except EOFError:
            found.append("end")
        return found

    assert az.start_job(work, input_object=["a", "b"]).result(LIMIT_S) == ["a", "b", "end"]


def test_the_shell_hands_on_its_own_input_or_a_file(home: Home, shell: Shell, tmp_path: Path) -> None:
    """To a job that outlives the pipe."""
    file = tmp_path / "in"
    file.write_bytes(b"\xff\x00z")
    assert shell("printf 'a\\nb' | azjobs job start --input - -q -- cat").out == "1\n"
    assert shell(f"azjobs Start-Job -InputObject {file} -q -- cat").out == "2\n"
    assert shell("azjobs job receive 1 --wait").out == "a\nb"
    assert shell("azjobs job receive 2 --wait | od -An -tx1").out.split() == ["ff", "00", "7a"]
    done = shell("azjobs job start --input gone -- cat")
    assert done == (2, "", "--input: gone cannot be read: No such file or directory. No job was started.\n")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([az.SecureString("x")], "input_object holds a secret, which must not be written to a file."),
        (az.Credential("u", az.SecureString("x")), "input_object is text, bytes, or things that are a line each"),
        (5, "input_object is text, bytes, or things that are a line each, not int."),
        (b"x" * (9 * 1024 * 1024), "input_object is 9 MB, more than the 8 MB that can be sent."),
    ],
    ids=["secret", "credential", "number", "large"],
)
def test_what_cannot_be_an_input_starts_nothing(home: Home, given: object, sentence: str) -> None:
    """And is said in one sentence."""
    with pytest.raises(CannotSend) as refusal:
        az.start_job(command=["cat"], input_object=given)  # type: ignore[call-overload]
    assert sentence in str(refusal.value)
    assert az.get_job() == []
