"""Starting jobs, and what reaches them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from upstream_functions import add, arguments, process_id, read_lines, where

import azjobs as az
from azjobs.core.errors import InvalidInput, JobNotFound
from terminal import Home, Shell

LIMIT_S = 30.0


def output(job: az.Job[Any]) -> str:
    """What a command or script printed."""
    az.wait_job(job, timeout=LIMIT_S)
    return "".join(az.receive_job(job))


@pytest.mark.upstream(1, 2, 3)
def test_a_started_job_has_its_name_and_is_listed(live: Home) -> None:
    """By its id, and among all jobs."""
    one = az.start_job(add, argument_list=[1, 1], name="Näme with  blanks")
    two = az.start_job(add, argument_list=[1, 1])
    assert (one.name, two.name) == ("Näme with  blanks", f"Job{two.id}")
    assert one.id is not None
    assert az.get_job(one.id) == one
    assert az.get_job() == [one, two]
    assert all(isinstance(job, az.Job) for job in az.get_job())


@pytest.mark.upstream(4, 13)
def test_a_removed_job_is_not_found(live: Home) -> None:
    """By itself, its id and its name; a running one is removed by force."""
    job = az.start_job(command=["sleep", "60"], name="gone")
    identity = job.id
    az.remove_job(job, force=True)
    for name in (job, identity, "gone"):
        with pytest.raises(JobNotFound):
            az.get_job(name)  # type: ignore[arg-type]


@pytest.mark.upstream(8, 65, 131)
def test_arguments_arrive_as_they_are(live: Home) -> None:
    """In order, and by name."""
    job = az.start_job(arguments, argument_list=["a", 2, [3]], keyword_arguments={"last": None})
    assert job.result(LIMIT_S) == (("a", 2, [3]), {"last": None})


@pytest.mark.upstream(17, 18)
def test_a_shell_line_starts_a_job(shell: Shell) -> None:
    """And shows it at once; the shell has put in its variables before, of which one that is not set is empty."""
    done = shell('azjobs job start -q -- echo "[$NOT_SET]"')
    assert (done.code, done.err) == (0, "")
    assert shell(f"azjobs job receive {done.out.strip()} --wait").out == "[]\n"


@pytest.mark.upstream(19, 67, 68, 96)
@pytest.mark.difference("variables")
def test_variables_of_the_caller_are_used_in_the_job(live: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a function by its closure, copied as they are when it starts, and the environment of any job."""
    monkeypatch.setenv("PLAIN", "value with  blanks")
    number, several = 5, {"odd": [1, 3]}
    job = az.start_job(lambda more: (number, several["odd"][1], LIMIT_S, more), argument_list=["x"])
    number = 6
    assert job.result(LIMIT_S) == (5, 3, LIMIT_S, "x")
    assert output(az.start_job(command=["sh", "-c", 'printf %s "$PLAIN"'])) == "value with  blanks"
    many = [az.start_job(lambda n=n: n * number) for n in range(3)]
    assert [one.result(LIMIT_S) for one in many] == [0, 6, 12]


@pytest.mark.upstream(20, 21)
def test_a_job_has_a_process_id_of_its_own(live: Home) -> None:
    """Whatever the caller's is."""
    own = os.getpid()
    assert az.start_job(process_id).result(LIMIT_S) != own
    assert int(output(az.start_job(command=["sh", "-c", "echo $$"]))) != own


@pytest.mark.upstream(22, 23, 24, 42, 87, 105)
def test_jobs_run_in_the_callers_current_directory(live: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is when they are started; nothing of it is in their command."""
    script = tmp_path / "where.py"
    script.write_text("import os\nprint(os.getcwd())")
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        monkeypatch.chdir(folder)
        jobs = [az.start_job(command=["pwd"]), az.start_job(file_path=script), az.start_job(where)]
        assert [output(jobs[0]), output(jobs[1]), jobs[2].result(LIMIT_S)] == [
            f"{folder}\n",
            f"{folder}\n",
            str(folder),
        ]
        assert not any(str(folder) in job.command for job in jobs)


@pytest.mark.upstream(37, 39)
@pytest.mark.parametrize("name", ["with space", 'with "quote', "with ümlaut"])
def test_the_working_directory_may_be_called_anything(live: Home, tmp_path: Path, name: str) -> None:
    """Spaces and quotes are letters of its name."""
    (tmp_path / name).mkdir()
    assert az.start_job(where, working_directory=tmp_path / name).result(LIMIT_S) == str(tmp_path / name)


@pytest.mark.upstream(41)
@pytest.mark.parametrize("name", ["not there", " "])
def test_a_working_directory_that_is_not_there_is_refused(live: Home, tmp_path: Path, name: str) -> None:
    """And no job exists; an empty one is as none given."""
    with pytest.raises(InvalidInput, match="There is no folder"):
        az.start_job(where, working_directory=tmp_path / name)
    assert az.get_job() == []
    assert az.start_job(where, working_directory="").result(LIMIT_S) == str(Path.cwd())


@pytest.mark.upstream(25, 26)
def test_redirection_inside_a_job_fills_the_file(live: Home, tmp_path: Path) -> None:
    """And the job itself has said nothing."""
    out, err = tmp_path / "out", tmp_path / "err"
    job = az.start_job(command=["sh", "-c", f"echo one >{out}; echo two 2>{err} >&2"])
    az.wait_job(job, timeout=LIMIT_S)
    received = az.receive_job(job)
    assert (received, received.errors, out.read_text(), err.read_text()) == ([], [], "one\n", "two\n")


@pytest.mark.upstream(27, 63)
def test_a_function_gives_its_value(live: Home) -> None:
    """To whoever receives it."""
    assert az.receive_job(az.start_job(lambda: 2 + 3), wait=True) == [5]


@pytest.mark.upstream(28, 113)
def test_a_pipeline_or_chain_is_one_job_of_a_shell(live: Home) -> None:
    """With its result, and its failure where a part fails."""
    assert (
        output(az.start_job(command=["sh", "-c", "seq 10 | { s=0; while read n; do s=$((s+n)); done; echo $s; }"]))
        == "55\n"
    )
    chain = az.start_job(command=["sh", "-c", "echo a && false && echo b"])
    assert (output(chain), chain.state) == ("a\n", az.JobState.FAILED)


@pytest.mark.upstream(32)
def test_a_job_can_start_a_job(live: Home) -> None:
    """Which is a job like any other, and goes on when the first has ended; more data is only what there is."""

    def start() -> str:
        import azjobs  # noqa: PLC0415 - in the job

        return azjobs.start_job(add, argument_list=[20, 22], name="inner").uuid

    quiet = az.start_job(command=["sleep", "60"])
    outer = az.start_job(start)
    inner = az.get_job(outer.result(LIMIT_S))[0]
    assert (inner.name, inner.result(LIMIT_S), inner.parent) == ("inner", 42, None)
    assert (quiet.state, quiet.has_more_data) == (az.JobState.RUNNING, False)


@pytest.mark.upstream(64)
def test_what_runs_first_gives_its_output_first(live: Home) -> None:
    """In the same list."""

    def first() -> Any:
        yield "first"

    assert az.receive_job(az.start_job(add, argument_list=[1, 1], initialization_script=first), wait=True) == [
        "first",
        2,
    ]


@pytest.mark.upstream(66)
@pytest.mark.difference("input")
def test_input_arrives_in_order(live: Home) -> None:
    """A line each."""
    job = az.start_job(read_lines, input_object=[1, "zwei", 3])
    assert job.result(LIMIT_S) == ["1", "zwei", "3"]


@pytest.mark.upstream(69, 70, 71, 72, 73, 74)
@pytest.mark.difference("scripts")
def test_a_script_file_has_words_input_and_what_ran_before_it(live: Home, tmp_path: Path) -> None:
    """All of its output is received, after that of the initialization script."""
    script, first = tmp_path / "work.py", tmp_path / "first.py"
    first.write_text("print('first')\n")
    script.write_text("import sys\nfor n in range(10): print(n)\nprint(sys.argv[1:], sys.stdin.read(), end='')")
    job = az.start_job(file_path=script, argument_list=["a b", 2], input_object=["in"], initialization_script=first)
    assert output(job).splitlines() == ["first", *map(str, range(10)), "['a b', '2'] in"]


@pytest.mark.upstream(31)
def test_a_job_is_started_waited_for_and_received(live: Home) -> None:
    """Then it is Completed, nothing is left to receive, and its command is what was typed, blanks included."""
    job = az.start_job(command=[sys.executable, "-c", "print( 1 + 1 )"])
    [waited] = az.wait_job(job, timeout=LIMIT_S)
    assert waited.has_more_data
    assert "".join(az.receive_job(waited)) == "2\n"
    assert (job.state, job.has_more_data) == (az.JobState.COMPLETED, False)
    assert "'print( 1 + 1 )'" in job.command


@pytest.mark.upstream(43)
def test_a_native_command_is_a_job_from_start_to_removal(live: Home) -> None:
    """Without force, since it has ended."""
    job = az.start_job(command=["echo", "native"], name="native")
    az.wait_job(job, timeout=LIMIT_S)
    assert (job.state, job.has_more_data) == (az.JobState.COMPLETED, True)
    assert "".join(az.receive_job(job)) == "native\n"
    az.remove_job("native")
    with pytest.raises(JobNotFound, match="No job native"):
        az.get_job("native")


@pytest.mark.upstream(135)
@pytest.mark.parametrize("alias", ["gjb", "rcjb", "rjb", "sajb", "spjb", "wjb"])
def test_the_short_names_exist(shell: Shell, alias: str) -> None:
    """And stand for the same commands."""
    assert shell(f"azjobs {alias} --help").out.startswith("Usage: azjobs job ")
