"""The files of contexts and sessions: replaced whole, never lost, private, and never taken for empty."""

from __future__ import annotations

import multiprocessing
import os
import stat
from multiprocessing.synchronize import Barrier
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from azjobs.core import profile as rules
from azjobs.core.context import Account, AccountType, ContextValue, Environment, Subscription, Tenant
from azjobs.core.errors import HomeUnusable, InvalidInput, StoreTooNew
from azjobs.core.layout import Layout
from azjobs.core.profile import Profile, SessionState
from azjobs.process.identity import start_time
from azjobs.session.identity import SessionIdentity, SessionUnknown, named
from azjobs.session.profile_file import profile_file
from azjobs.session.session_file import (
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
