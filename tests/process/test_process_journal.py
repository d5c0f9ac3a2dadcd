"""Journal files: who may write, what readers see, who has received what."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from process_site import is_locked, wait_until

from azjobs.core.journal import Begin, End, Gap, Information, Outcome, Progress, Stamp, Verbose, format_record
from azjobs.process import reader as reader_module
from azjobs.process.cursor import Position, load_position
from azjobs.process.identity import boot_id, pid_namespace, start_time
from azjobs.process.journal import (
    JournalWriter,
    companion,
    create_journal,
    is_alive,
    load_begin,
    load_end,
    open_raw_output,
    remove_drafts,
    remove_files,
)
from azjobs.process.reader import Entry, JournalReader, follow, has_unread, receive, receive_to_end
from azjobs.process.watch import InotifyWatch, IntervalWatch, Wake, open_watch

STAMP = Stamp(1.0)

#: Appends numbered records as fast as it can, until it is killed.
RELENTLESS_WRITER = """
import os, sys
from azjobs.core.journal import Verbose
from azjobs.process.journal import JournalWriter
writer = JournalWriter(os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND))
number = 0
print("writing", flush=True)
while True:
    writer.write(Verbose(writer.stamp(), f"{sys.argv[2]} {number} " + "x" * (number * 7919 % 9000)))
    number += 1
"""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Give where a journal is to be."""
    return tmp_path / "3f.journal"


@pytest.fixture
def writer(journal: Path) -> Iterator[JournalWriter]:
    """Give the writer of a new journal."""
    writer = JournalWriter(create_journal(journal))
    yield writer
    writer.close()


def texts(entries: Sequence[Entry]) -> list[str]:
    """The texts of some entries."""
    return [entry.record.text for entry in entries if isinstance(entry.record, Verbose | Information)]


def test_a_new_journal_is_locked_private_and_alone(journal: Path, writer: JournalWriter) -> None:
    """Nobody ever sees it unlocked, since it gets its name last; nothing else is left beside it."""
    assert (is_alive(journal), journal.stat().st_mode & 0o777) == (True, 0o600)
    assert [path.name for path in journal.parent.iterdir()] == [journal.name]


def test_a_job_has_one_journal_only(journal: Path, writer: JournalWriter) -> None:
    """A second start cannot write into the first one's journal."""
    with pytest.raises(FileExistsError):
        create_journal(journal)
    assert [path.name for path in journal.parent.iterdir()] == [journal.name]
    assert is_alive(journal)


def test_the_lock_goes_with_the_last_holder(journal: Path) -> None:
    """It belongs to the open file: a copy of the descriptor keeps it, the last close frees it."""
    fd = create_journal(journal)
    copy = os.dup(fd)
    os.close(fd)
    assert is_alive(journal)
    os.close(copy)
    assert not is_alive(journal)


def test_asking_for_the_lock_does_not_take_it(journal: Path, writer: JournalWriter) -> None:
    """Readers look as often as they like; a missing journal has no writer."""
    assert is_alive(journal)
    assert is_alive(journal)
    writer.close()
    with journal.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert not is_alive(journal)
    assert not is_alive(journal.with_name("other.journal"))


def test_a_lock_taken_along_by_a_stranger_does_not_make_a_dead_job_alive(journal: Path) -> None:
    """When the process of the first record has ended, whoever still holds the lock is not the job."""
    process = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE)
    started = start_time(process.pid) or 0
    writer = JournalWriter(create_journal(journal))
    writer.write(Begin(STAMP, process.pid, started, boot_id(), pid_namespace()))
    assert is_alive(journal)
    process.kill()
    wait_until(lambda: not is_alive(journal), "a zombie is not alive")
    process.communicate()
    assert (is_alive(journal), is_locked(journal)) == (False, True)
    writer.close()


def test_two_writers_killed_at_random_leave_every_whole_record(journal: Path) -> None:
    """Only the records under way at a kill are torn, and readers skip them."""
    os.close(create_journal(journal))
    dice = random.Random(20)
    for number in range(6):
        names = [f"{number}a", f"{number}b"]
        writers = [
            subprocess.Popen([sys.executable, "-c", RELENTLESS_WRITER, journal, name], stdout=subprocess.PIPE)
            for name in names
        ]
        for process in writers:
            assert process.stdout is not None
            process.stdout.readline()
        time.sleep(dice.uniform(0, 0.01))  # the moment of death, not a synchronisation
        for process in writers:
            process.kill()
        for process in writers:
            process.communicate()
    with JournalReader(journal) as reader:
        words = [text.split() for text in texts(list(reader.read()))]
    for name in {word[0] for word in words}:
        numbers = [int(word[1]) for word in words if word[0] == name]
        assert numbers == list(range(len(numbers)))
    assert all(len(word[2]) == int(word[1]) * 7919 % 9000 for word in words if len(word) > 2)
    assert len({word[0] for word in words}) > 6


def test_a_full_disk_makes_a_writer_wait_and_say_so(journal: Path) -> None:
    """Nothing is dropped: the record comes when there is room, and a gap tells how long it took."""
    fd = os.open("/dev/full", os.O_WRONLY)
    room = create_journal(journal)
    waits: list[float] = []

    def wait(delay_s: float) -> None:
        waits.append(delay_s)
        if len(waits) == 3:
            os.dup2(room, fd)

    writer = JournalWriter(fd, wait=wait)
    writer.write(Verbose(STAMP, "patient"))
    writer.close()
    os.close(room)
    with JournalReader(journal) as reader:
        (record, gap) = (entry.record for entry in reader.read())
    assert record == Verbose(STAMP, "patient")
    assert isinstance(gap, Gap)
    assert gap.waited_s == pytest.approx(sum(waits))
    assert waits == sorted(waits)


def test_nothing_is_written_after_the_end(journal: Path, writer: JournalWriter) -> None:
    """A thread that is late cannot make a finished job unfinished; the lock stays until the process ends."""
    writer.end(End(STAMP, Outcome.COMPLETED))
    writer.write(Verbose(STAMP, "late"))
    assert load_end(journal) == End(STAMP, Outcome.COMPLETED)
    assert (journal.read_bytes().count(b"\x1e"), is_alive(journal)) == (1, True)


def test_the_first_and_the_last_record_are_found_alone(journal: Path, writer: JournalWriter) -> None:
    """Cheaply, whatever lies between, and also when the last one is longer than the piece that is looked at."""
    assert (load_begin(journal), load_end(journal)) == (None, None)
    begin = Begin(STAMP, 1, 2, "b", "n")
    writer.write(begin)
    for _ in range(100):
        writer.write(Verbose(STAMP, "x" * 1000))
    assert (load_begin(journal), load_end(journal)) == (begin, None)
    writer.write(Verbose(STAMP, "x" * 100_000))
    assert load_end(journal) is None
    writer.write(End(STAMP, Outcome.STOPPED))
    assert load_end(journal) == End(STAMP, Outcome.STOPPED)
    assert load_end(journal.with_name("none.journal")) is None
    assert load_begin(journal.with_name("none.journal")) is None


def test_a_record_longer_than_a_readers_window_is_read(journal: Path, writer: JournalWriter) -> None:
    """Memory is bounded by the longest record, not by the file."""
    writer.write(Verbose(STAMP, "a" * 3_000_000))
    writer.write(Verbose(STAMP, "b"))
    with JournalReader(journal) as reader:
        assert [len(text) for text in texts(list(reader.read()))] == [3_000_000, 1]
        assert list(reader.read()) == []
        writer.write(Verbose(STAMP, "c"))
        assert texts(list(reader.read())) == ["c"]


def test_an_unfinished_record_is_waited_for(journal: Path) -> None:
    """A reader that comes in the middle of a write sees the record when it is whole."""
    frame = format_record(Verbose(STAMP, "slow"))
    fd = create_journal(journal)
    os.write(fd, frame[:20])
    with JournalReader(journal) as reader:
        assert list(reader.read()) == []
        os.write(fd, frame[20:])
        os.close(fd)
        assert texts(list(reader.read())) == ["slow"]


def test_an_unfinished_line_of_raw_text_is_held_back_while_the_job_lives(journal: Path) -> None:
    """It comes when it is finished, or when nothing more can come."""
    writer = JournalWriter(create_journal(journal))
    out, err = open_raw_output(journal)
    with JournalReader(journal) as reader:
        os.write(out, b"one\ntw")
        os.write(err, "é".encode()[:1])
        assert texts(list(reader.read())) == ["one"]
        os.write(out, b"o\nthree")
        assert texts(list(reader.read())) == ["two"]
        assert texts(list(reader.read(final=True))) == ["three", "\\xc3"]
    for fd in (out, err):
        os.close(fd)
    writer.close()


@pytest.fixture
def no_backstop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an event can wake a follower."""
    monkeypatch.setattr(reader_module, "_BACKSTOP_S", 1000.0)


def test_a_follower_is_woken_by_events(journal: Path, no_backstop: None) -> None:
    """By a record, by raw text, and by the last writer's death, however it dies."""
    fd = create_journal(journal)
    raw = open_raw_output(journal)
    process = subprocess.Popen([sys.executable, "-S", "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[fd])
    writer = JournalWriter(fd)
    seen: list[str] = []
    thread = threading.Thread(target=lambda: [seen.extend(texts(batch)) for batch in follow(journal)])
    thread.start()
    writer.write(Verbose(writer.stamp(), "record"))
    wait_until(lambda: seen == ["record"], "the record is seen")
    os.write(raw[0], b"raw\n")
    wait_until(lambda: seen == ["record", "raw"], "the raw text is seen")
    for used in raw:
        os.close(used)
    writer.close()
    assert thread.is_alive()
    process.kill()
    process.communicate()
    thread.join(10)
    assert not thread.is_alive()


def test_a_follower_stops_at_the_end_record(journal: Path, writer: JournalWriter, no_backstop: None) -> None:
    """Even while the process is not quite gone."""
    writer.write(Verbose(STAMP, "a"))
    writer.write(End(STAMP, Outcome.COMPLETED))
    (batch,) = follow(journal)
    assert [type(entry.record) for entry in batch] == [Verbose, End]
    assert is_alive(journal)


def test_a_follower_gives_up_at_its_deadline(journal: Path, writer: JournalWriter) -> None:
    """With what there is."""
    writer.write(Verbose(STAMP, "a"))
    assert [texts(batch) for batch in follow(journal, timeout_s=0.05)] == [["a"]]
    assert not receive_to_end(journal, lambda batch: None, timeout_s=0.05)


def test_a_watch_tells_a_close_from_a_write(tmp_path: Path) -> None:
    """And forgets what happened before it was opened again."""
    path = tmp_path / "file"
    path.touch()
    for _ in range(3):
        with InotifyWatch() as watch, path.open("ab", buffering=0) as file:
            watch.add(path)
            assert watch.wait(0) is Wake.TIME
            file.write(b"x")
            assert watch.wait(1) is Wake.WRITTEN
            file.close()
            assert watch.wait(1) is Wake.CLOSED
            with path.open("ab"):
                pass


def test_a_watch_without_events_looks_at_intervals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system has no inotify instance left, followers still work."""
    monkeypatch.setattr(InotifyWatch, "__init__", lambda self: (_ for _ in ()).throw(OSError()))
    with open_watch() as watch:
        assert isinstance(watch, IntervalWatch)
        watch.add(tmp_path)
        assert watch.wait(0.001) is Wake.WRITTEN


def test_each_record_is_received_once(journal: Path, writer: JournalWriter) -> None:
    """The second receiver gets what came since; keep leaves it."""
    assert not receive(journal.with_name("none.journal"), lambda batch: None)
    got: list[str] = []
    take = lambda batch: got.extend(texts(batch))  # noqa: E731 - a sentence shorter
    writer.write(Verbose(STAMP, "a"))
    assert has_unread(journal)
    assert not receive(journal, take, keep=True)
    assert (got, has_unread(journal)) == (["a"], True)
    receive(journal, take)
    receive(journal, take)
    assert (got, has_unread(journal)) == (["a", "a"], False)
    writer.write(Verbose(STAMP, "b"))
    writer.write(End(STAMP, Outcome.COMPLETED))
    assert receive(journal, take)
    assert (got, has_unread(journal)) == (["a", "a", "b"], False)
    assert load_position(companion(journal, ".cursor")).journal == journal.stat().st_size
    assert companion(journal, ".cursor").stat().st_mode & 0o777 == 0o600


def test_a_job_without_output_has_nothing_unread(journal: Path, writer: JournalWriter) -> None:
    """That it began and ended is nothing to receive."""
    writer.write(Begin(STAMP, 1, 2, "b", "n"))
    writer.write(End(STAMP, Outcome.COMPLETED))
    assert not has_unread(journal)
    assert not has_unread(journal.with_name("none.journal"))


@pytest.mark.parametrize("padding", range(0, 260, 13))
def test_unread_records_are_found_behind_any_amount_of_progress(
    journal: Path, writer: JournalWriter, padding: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the pieces end in which it is looked for; a torn record is none."""
    monkeypatch.setattr(reader_module, "_WINDOW_BYTES", 256)
    writer.write(Begin(STAMP, 1, 2, "b", "n"))
    for number in range(20):
        writer.write(Progress(STAMP, "copy", "x" * (padding if number == 10 else 20), number))
    assert not has_unread(journal)
    os.write(writer._fd, format_record(Verbose(STAMP, "torn"))[:-5])
    writer.write(Progress(STAMP, "copy", "last"))
    assert not has_unread(journal)
    writer.write(Verbose(STAMP, "whole"))
    writer.write(End(STAMP, Outcome.COMPLETED))
    assert has_unread(journal)


def test_a_record_cut_off_by_the_death_of_its_writer_is_counted_once(journal: Path) -> None:
    """What came before it is there, and so is the raw text; the next receiver is not told again."""
    writer = JournalWriter(create_journal(journal))
    writer.write(Begin(STAMP, 1, 2, "b", "n"))
    writer.write(Verbose(STAMP, "whole"))
    out, err = open_raw_output(journal)
    os.write(out, b"raw\n")
    os.write(writer._fd, format_record(Verbose(STAMP, "torn"))[:-5])
    received: list[list[Entry]] = [[], [], []]
    receive(journal, received[0].extend)
    assert texts(received[0]) == ["whole", "raw"], "while it lives the record may be written to its end"
    for fd in (out, err):
        os.close(fd)
    writer.close()
    assert has_unread(journal)
    for share in received[1:]:
        receive(journal, share.extend)
    assert [type(entry.record) for entry in received[1]] == [Gap]
    assert (received[2], has_unread(journal)) == ([], False)


def test_a_record_that_the_daemon_is_writing_is_not_taken_for_lost(journal: Path) -> None:
    """Nobody holds the lock of an Azure job's journal."""
    frame = format_record(Verbose(STAMP, "whole"))
    journal.write_bytes(frame[:-5])
    got: list[str] = []
    receive(journal, lambda batch: got.extend(texts(batch)))
    journal.write_bytes(frame)
    receive(journal, lambda batch: got.extend(texts(batch)))
    assert got == ["whole"]


def test_what_could_not_be_delivered_stays_for_the_next_receiver(journal: Path, writer: JournalWriter) -> None:
    """A closed pipe on the way to the user loses nothing."""
    writer.write(Verbose(STAMP, "a"))

    def break_pipe(_: Sequence[Entry]) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        receive(journal, break_pipe)
    got: list[str] = []
    receive(journal, lambda batch: got.extend(texts(batch)))
    assert got == ["a"]


def test_concurrent_receivers_share_without_loss_or_double(journal: Path, writer: JournalWriter) -> None:
    """Two that wait for the end and one that comes and goes: together they have each record once, in order each."""
    out, err = open_raw_output(journal)
    raw_writer = JournalWriter(os.dup(writer._fd), raw_fds=(out, err))
    shares: list[list[str]] = [[], [], []]
    started = threading.Barrier(4)

    def wait_for_end(share: list[str]) -> None:
        started.wait()
        assert receive_to_end(journal, lambda batch: share.extend(texts(batch)), timeout_s=20)

    def come_and_go(share: list[str]) -> None:
        started.wait()
        while not receive(journal, lambda batch: share.extend(texts(batch))) and load_end(journal) is None:
            pass

    threads = [
        threading.Thread(target=target, args=(share,))
        for target, share in zip((wait_for_end, wait_for_end, come_and_go), shares, strict=True)
    ]
    for thread in threads:
        thread.start()
    started.wait()
    expected = []
    for number in range(300):
        raw_writer.write(Verbose(raw_writer.stamp(), f"record {number}"))
        os.write(out, f"raw {number}\n".encode())
        expected += [f"record {number}", f"raw {number}"]
    raw_writer.end(End(raw_writer.stamp(), Outcome.COMPLETED))
    for thread in threads:
        thread.join()
    order = {text: place for place, text in enumerate(expected)}
    assert sorted((text for share in shares for text in share), key=order.__getitem__) == expected
    assert all(share == sorted(share, key=order.__getitem__) for share in shares)
    for fd in (out, err):
        os.close(fd)
    raw_writer.close()


def test_a_receiver_that_is_killed_leaves_the_records(journal: Path, writer: JournalWriter) -> None:
    """The lock goes with it, and the cursor has not moved."""
    writer.write(Verbose(STAMP, "a"))
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom azjobs.process.reader import receive\n"
        "receive(Path(sys.argv[1]), lambda batch: (print('have it', flush=True), time.sleep(60)))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, journal], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    got: list[str] = []
    receive(journal, lambda batch: got.extend(texts(batch)))
    assert got == ["a"]


@pytest.mark.parametrize("content", [b"", b"garbage\n", b"1 2\n", b"-1 2 3\n"])
def test_an_unreadable_cursor_gives_everything_again(journal: Path, writer: JournalWriter, content: bytes) -> None:
    """Twice is better than never."""
    writer.write(Verbose(STAMP, "a"))
    companion(journal, ".cursor").write_bytes(content)
    assert load_position(companion(journal, ".cursor")) == Position()
    got: list[str] = []
    receive(journal, lambda batch: got.extend(texts(batch)))
    assert (got, has_unread(journal)) == (["a"], False)


def test_removing_a_job_removes_all_its_files(journal: Path, writer: JournalWriter) -> None:
    """And nothing else; files that are not there are no error."""
    other = journal.with_name("other.journal")
    other.touch()
    for fd in open_raw_output(journal):
        os.close(fd)
    receive(journal, lambda batch: None)
    remove_files(journal)
    remove_files(journal)
    assert list(journal.parent.iterdir()) == [other]


def test_drafts_of_journals_are_removed(tmp_path: Path) -> None:
    """A daemon that is killed while it creates a journal leaves a draft; journals themselves stay."""
    os.close(create_journal(tmp_path / "job.journal"))
    (tmp_path / ".new.journal.0f0f0f0f").touch()
    remove_drafts(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["job.journal"]


def test_reading_needs_neither_an_event_loop_nor_pickle() -> None:
    """A shell command that shows output starts fast."""
    code = (
        "import sys\nfrom azjobs.process.reader import receive, follow, has_unread\n"
        "from azjobs.process.objects import load_object\n"
        "print({'asyncio', 'cloudpickle', 'ctypes', 'logging'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
