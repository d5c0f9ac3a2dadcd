"""The files of contexts and sessions: replaced whole, never lost, private, and never taken for empty."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import random
import signal
import stat
from multiprocessing.synchronize import Barrier
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from azjobs.core import profile as rules
from azjobs.core.context import Account, AccountType, ContextValue, Environment, Subscription, Tenant
from azjobs.core.errors import HomeUnusable, InvalidInput, ModeRepaired, StoreTooNew
from azjobs.core.layout import Layout
from azjobs.core.profile import Profile, SessionState
from azjobs.process.identity import start_time
from azjobs.session.link.identity import SessionIdentity, SessionUnknown, named
from azjobs.session.link.profile_file import profile_file
from azjobs.session.link.session_file import (
    FileSession,
    MemorySession,
    NoSession,
    make_job_session,
    remove_ended,
    session_path,
)

CLOUD = Environment("AzureCloud", "https://management.azure.com", "https://login.microsoftonline.com")
PROCESSES, ROUNDS = 20, 3


def numbered(number: int) -> ContextValue:
    account = Account(f"user{number}@contoso.com", AccountType.USER)
    return ContextValue("", account, Tenant("t-1", "Contoso"), CLOUD, Subscription(f"s-{number}", f"Sub {number}"))


def add_contexts(home: str, number: int, together: Barrier) -> None:
    """One of many processes that save contexts at the same time."""
    file = profile_file(Layout(Path(home)))
    together.wait()
    for turn in range(ROUNDS):
        file.change(lambda profile, turn=turn: rules.save_contexts(profile, [numbered(number * ROUNDS + turn)]))


@pytest.mark.slow
def test_twenty_processes_that_save_at_once_lose_nothing(tmp_path: Path) -> None:
    """Every context that any of them saved is there, and a reader never met a part of a file."""
    context = multiprocessing.get_context("fork")
    together = context.Barrier(PROCESSES)
    children = [context.Process(target=add_contexts, args=(str(tmp_path), n, together)) for n in range(PROCESSES)]
    for child in children:
        child.start()
    file = profile_file(Layout(tmp_path))
    seen = 0
    while any(child.is_alive() for child in children):
        now = len(file.load().contexts)  # raises when it meets a torn file
        assert now >= seen
        seen = now
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * PROCESSES
    saved = {c.subscription.id for c in file.load().contexts if c.subscription}
    assert saved == {f"s-{n}" for n in range(PROCESSES * ROUNDS)}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contexts.json", "contexts.json.lock"]


CROWD, KILLED, CHANGES = 100, 30, 4


def change_contexts(home: str, number: int, said: int, gate: str) -> None:
    """One of the crowd: saves contexts, renames them and chooses; each change that is done is said."""
    file = profile_file(Layout(Path(home)))
    with Path(gate).open() as closed:
        fcntl.flock(closed, fcntl.LOCK_SH)
    for turn in range(CHANGES):
        mine = numbered(number * CHANGES + turn)
        file.change(lambda profile, mine=mine: rules.save_contexts(profile, [mine]))
        name = f"own {number}.{turn}"
        file.change(
            lambda profile, mine=mine, name=name: replace(
                profile, contexts=rules.renamed(profile.contexts, mine, name), default=name
            )
        )
        os.write(said, f"{mine.subscription.id if mine.subscription else ''} {name}\n".encode())


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_a_hundred_processes_of_which_some_are_killed_lose_nothing_that_was_done(tmp_path: Path) -> None:
    """Every change that had returned is there, no file is torn, and nothing is left by those that were killed."""
    context = multiprocessing.get_context("fork")
    log = tmp_path / "said"
    said = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with (tmp_path / "gate").open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        arguments = [(str(home), n, said, gate.name) for n in range(CROWD)]
        children = [context.Process(target=change_contexts, args=one) for one in arguments]
        for child in children:
            child.start()
        fcntl.flock(gate, fcntl.LOCK_UN)
    file = profile_file(Layout(home))
    doomed = random.sample(children, KILLED)
    seen = 0
    while any(child.is_alive() for child in children):
        if doomed:
            doomed.pop().kill()  # whatever it is at
        now = len(file.load().contexts)  # raises when it meets a torn file
        assert now >= seen
        seen = now
    for child in children:
        child.join()
    os.close(said)
    assert {child.exitcode for child in children} == {0, -signal.SIGKILL}
    profile = file.load()
    names = {c.subscription.id: c.name for c in profile.contexts if c.subscription}
    done = dict(line.split(" ", 1) for line in log.read_text().splitlines())
    assert len(done) >= (CROWD - KILLED) * CHANGES
    assert {id: names.get(id) for id in done} == done
    assert rules.find(profile.contexts, profile.default) is not None
    file.change(lambda profile: replace(profile, autosave=False))
    assert sorted(path.name for path in home.iterdir()) == ["contexts.json", "contexts.json.lock"]


def test_what_a_killed_writer_left_goes_with_the_next_change(tmp_path: Path) -> None:
    """And nothing else does."""
    left, other = tmp_path / ".contexts.json.4711", tmp_path / ".contexts.json.mine"
    left.write_text("{")
    other.write_text("{")
    profile_file(Layout(tmp_path)).change(lambda profile: replace(profile, autosave=False))
    assert (left.exists(), other.exists()) == (False, True)


def test_a_lock_that_cannot_be_had_names_its_holder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process was stopped in the middle: after a while that is said, and nothing is changed."""
    file = profile_file(Layout(tmp_path))
    file.change(lambda profile: replace(profile, autosave=False))
    before = file.path.read_bytes()
    monkeypatch.setattr("azjobs.store.whole_file.LOCK_DEADLINE_S", 0.05)
    with (tmp_path / "contexts.json.lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        said = f"has been held by process {os.getpid()} for more than 0.05 seconds; nothing was changed"
        with pytest.raises(HomeUnusable, match=said):
            file.change(lambda profile: replace(profile, autosave=True))
    assert file.path.read_bytes() == before


@pytest.mark.parametrize("name", ["contexts.json", "contexts.json.lock"])
def test_a_link_in_the_place_of_a_file_is_refused_and_left(tmp_path: Path, name: str) -> None:
    """Nothing is read or written where it leads."""
    aim = tmp_path / "aim"
    aim.write_text("{}")
    (tmp_path / name).symlink_to(aim)
    with pytest.raises(HomeUnusable, match=f"{name} is a symbolic link"):
        profile_file(Layout(tmp_path)).change(lambda profile: replace(profile, autosave=False))
    assert aim.read_text() == "{}"


def test_a_link_in_the_place_of_the_sessions_folder_is_refused(tmp_path: Path) -> None:
    """A session's choice says where commands act: it is read from the home only."""
    (tmp_path / "aim").mkdir()
    (tmp_path / "sessions").symlink_to("aim")
    with pytest.raises(HomeUnusable, match="sessions is a symbolic link"):
        FileSession(Layout(tmp_path), named("one")).change(lambda state: replace(state, autosave=False))
    assert not list((tmp_path / "aim").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """Whoever owns it could change where commands act."""
    file = profile_file(Layout(tmp_path))
    file.change(lambda profile: replace(profile, autosave=False))
    os.chown(file.path, 12345, -1)
    with pytest.raises(HomeUnusable, match=r"contexts\.json belongs to another user"):
        file.load()


def test_modes_that_are_too_wide_are_repaired_with_one_warning(tmp_path: Path) -> None:
    """Of files and of the sessions folder."""
    file, session = profile_file(Layout(tmp_path)), FileSession(Layout(tmp_path), named("one"))
    file.change(lambda profile: replace(profile, autosave=False))
    session.change(lambda state: replace(state, autosave=False))
    file.path.chmod(0o644)
    (tmp_path / "sessions").chmod(0o755)
    with pytest.warns(ModeRepaired, match=r"contexts\.json was open to other users \(mode 0644\)"):
        file.load()
    with pytest.warns(ModeRepaired, match="sessions was open"):
        session.change(lambda state: replace(state, autosave=True))
    assert file.load().autosave is False
    assert session.change(lambda state: state).autosave is True
    assert [stat.S_IMODE(path.stat().st_mode) for path in (file.path, tmp_path / "sessions")] == [0o600, 0o700]


def test_a_saved_file_is_for_its_user_only(tmp_path: Path) -> None:
    """Mode 0600, whatever the umask is."""
    before = os.umask(0)
    try:
        profile_file(Layout(tmp_path)).change(lambda profile: replace(profile, autosave=False))
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {"contexts.json": 0o600, "contexts.json.lock": 0o600}


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b'{"contexts": 5}', b"[]"])
def test_a_file_that_cannot_be_understood_is_named_copied_and_left(tmp_path: Path, damage: bytes) -> None:
    """It is never an empty profile: neither a reader nor a writer goes on."""
    file = profile_file(Layout(tmp_path))
    file.path.write_bytes(damage)
    file.path.chmod(0o600)
    for _ in range(2):
        with pytest.raises(HomeUnusable, match=r"contexts\.json cannot be understood .* copied to") as caught:
            file.load()
    with pytest.raises(HomeUnusable):
        file.change(lambda profile: replace(profile, autosave=False))
    copies = list(tmp_path.glob("*.damaged-*"))
    assert len(copies) == 1
    assert str(copies[0]) in str(caught.value)
    assert (file.path.read_bytes(), copies[0].read_bytes()) == (damage, damage)


def test_a_file_of_a_newer_version_is_refused_and_left(tmp_path: Path) -> None:
    """An older azjobs never rewrites what it does not understand."""
    file = profile_file(Layout(tmp_path))
    newer = b'{"format": 2, "contexts": "of another kind"}'
    file.path.write_bytes(newer)
    file.path.chmod(0o600)
    with pytest.raises(StoreTooNew, match="newer version"):
        file.change(lambda profile: profile)
    assert file.path.read_bytes() == newer
    assert not list(tmp_path.glob("*.damaged-*"))


def test_a_change_that_is_refused_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    """What the decision raises comes through, and nothing is written."""
    file = profile_file(Layout(tmp_path))
    file.change(lambda profile: rules.save_contexts(profile, [numbered(1)]))
    before = file.path.read_bytes()

    def refuse(_: Profile) -> Profile:
        raise InvalidInput("no")

    with pytest.raises(InvalidInput, match="no"):
        file.change(refuse)
    assert file.path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    """The place of the file is a file itself: nothing can be written there, root or not."""
    blocker = tmp_path / "home"
    blocker.write_text("")
    with pytest.raises(HomeUnusable, match=r"contexts\.json"):
        profile_file(Layout(blocker)).change(lambda profile: replace(profile, autosave=False))


def test_a_saved_file_holds_nothing_but_what_a_context_is(tmp_path: Path) -> None:
    """Names and ids; there is no place for a secret."""
    file = profile_file(Layout(tmp_path))
    file.change(lambda profile: rules.save_contexts(profile, [numbered(1)]))
    saved = msgspec.json.decode(file.path.read_bytes())
    assert set(saved) == {"contexts"}
    assert set(saved["contexts"][0]) == {"name", "account", "tenant", "environment", "subscription"}


def test_a_terminals_choice_is_remembered_for_its_next_command(tmp_path: Path) -> None:
    """Two commands of one session see one state; another session sees nothing of it."""
    layout = Layout(tmp_path)
    chosen = replace(numbered(1), name="Sub 1")
    FileSession(layout, named("one")).change(lambda state: replace(state, choice=chosen))
    assert FileSession(layout, named("one")).load().choice == chosen
    assert FileSession(layout, named("two")).load().choice is None


def test_the_file_of_a_terminal_that_is_gone_is_removed_with_the_next_new_one(tmp_path: Path) -> None:
    """A living terminal's file, a named session's and one that cannot be understood stay."""
    layout = Layout(tmp_path)
    own = (os.getpid(), start_time(os.getpid()) or 0)
    gone = SessionIdentity("tty:gone", (own[0], own[1] - 1))
    alive = SessionIdentity("tty:alive", own)
    for identity in (gone, alive, named("ci")):
        FileSession(layout, identity).change(lambda state: replace(state, autosave=False))
    damaged = layout.sessions_folder / "damaged.json"
    damaged.write_text("{")
    FileSession(layout, named("new")).change(lambda state: replace(state, autosave=False))
    assert not session_path(layout, gone.key).exists()
    assert session_path(layout, alive.key).exists()
    assert session_path(layout, named("ci").key).exists()
    assert damaged.exists()


def test_the_session_inside_a_command_goes_with_its_job_and_not_before_it_exists(tmp_path: Path) -> None:
    """The file is written before the job is: it is removed only when it is old and there is no journal."""
    layout = Layout(tmp_path)
    layout.journals_folder.mkdir()
    layout.journal_file("kept").touch()
    paths = {}
    for uuid in ("new", "old", "kept"):
        name = make_job_session(layout, uuid, numbered(1), autosave=False)
        paths[uuid] = session_path(layout, named(name).key)
        if uuid != "new":
            os.utime(paths[uuid], (0, 0))
    remove_ended(layout)
    assert {uuid for uuid, path in paths.items() if path.exists()} == {"new", "kept"}


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    """AZJOBS_SESSION may hold anything but too much."""
    odd = session_path(Layout(tmp_path), named("../a b/ü:*").key)
    assert odd.parent == tmp_path / "sessions"
    with pytest.raises(InvalidInput, match="AZJOBS_SESSION is too long"):
        session_path(Layout(tmp_path), named("x" * 300).key)


def test_without_a_session_looking_is_allowed_and_choosing_is_not() -> None:
    """A cron job sees the saved default, and is told how to choose."""
    store = NoSession(SessionUnknown())
    assert store.load() == SessionState()
    assert store.change(lambda state: state) == SessionState()
    with pytest.raises(SessionUnknown, match="Set AZJOBS_SESSION"):
        store.change(lambda state: replace(state, autosave=False))


def test_a_programs_choice_is_in_its_memory() -> None:
    """Nothing is left of it when the program ends."""
    store = MemorySession()
    store.change(lambda state: replace(state, autosave=False))
    assert store.load().autosave is False
