"""Both stores give the same answers to whatever is done to them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from store_samples import make_job

from azjobs.core.context import AZURE_CLOUD, SignInKey
from azjobs.core.signin import SignIn
from azjobs.core.states import Completed, Running, Stopped
from azjobs.store.memory import MemoryDisk, MemoryStore
from azjobs.store.protocol import Fenced, JobStore
from azjobs.store.sqlite import SqliteStore

UUIDS = st.sampled_from(["a", "b", "c", "d"])
ENDS = st.sampled_from([2.0, 3.0, 4.0])
STATES = st.one_of(
    st.just(Running(1.0)),
    st.builds(Completed, st.just(1.0), ENDS),
    st.builds(Stopped, st.just(1.0), ENDS),
)
SIGN_INS = st.builds(
    SignIn,
    st.builds(SignInKey, st.just("e"), st.sampled_from(["x", "y"]), st.just("t")),
    st.text(),
    st.just(AZURE_CLOUD),
)


class BothStores(RuleBasedStateMachine):
    """Does everything to a store in SQLite and to one in memory, and compares them after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.disk = MemoryDisk()
        self.stores: tuple[JobStore, JobStore]
        self.all_opened: list[JobStore] = []
        self.open_again()

    def teardown(self) -> None:
        """End the run."""
        for store in self.all_opened:
            store.close()
        self.folder.cleanup()

    def both(self, what: Any) -> None:
        """Do the same to both stores: they return, or raise, the same."""
        one, other = (_outcome(what, store) for store in self.stores)
        assert one == other

    @rule()
    def open_again(self) -> None:
        """As after the death of the daemon; the store before is fenced from now on."""
        self.stores = (SqliteStore(Path(self.folder.name) / "store.db"), MemoryStore(self.disk))
        self.all_opened += self.stores

    @rule(uuid=UUIDS, name=st.text(), payload=st.binary(max_size=10), is_attached=st.booleans(), at=st.integers(0, 3))
    def add(self, uuid: str, name: str, payload: bytes, *, is_attached: bool, at: int) -> None:
        """Submit, perhaps again."""
        job = make_job(uuid, name=name, submitted_at=float(at), parent="batch" if at == 3 else "")
        self.both(lambda store: store.add(job, payload, is_attached=is_attached))

    @rule(uuid=UUIDS)
    def give_id(self, uuid: str) -> None:
        """The caller went away."""
        self.both(lambda store: store.give_id(uuid))

    @rule(uuid=UUIDS, state=STATES)
    def save(self, uuid: str, state: Running | Completed | Stopped) -> None:
        """A job moved, or one that was removed, or never was, is said to have."""
        job = self.stores[1].load(uuid) or make_job(uuid)
        self.both(lambda store: store.save([msgspec.structs.replace(job, state=state)]))

    @rule(uuids=st.lists(UUIDS, max_size=2))
    def remove(self, uuids: list[str]) -> None:
        """Remove jobs, known or not."""
        self.both(lambda store: store.remove(uuids))

    @rule(uuids=st.lists(UUIDS, max_size=2))
    def drop_removed(self, uuids: list[str]) -> None:
        """The files of removed jobs are gone, or never were."""
        self.both(lambda store: store.drop_removed(uuids))

    @rule(before=st.one_of(st.none(), ENDS), beyond=st.one_of(st.none(), st.integers(0, 3)))
    def find_ended(self, before: float | None, beyond: int | None) -> None:
        """Look for what is old, or too much."""
        self.both(lambda store: store.find_ended(before=before, beyond=beyond))

    @rule(uuids=st.lists(UUIDS, max_size=2))
    def drop_payload(self, uuids: list[str]) -> None:
        """Payloads are needed no more."""
        self.both(lambda store: store.drop_payload(uuids))

    @rule(scope=st.sampled_from(["user", "s"]), sign_in=SIGN_INS)
    def save_sign_in(self, scope: str, sign_in: SignIn) -> None:
        """Sign in, perhaps again."""
        self.both(lambda store: store.save_sign_in(scope, sign_in))

    @rule(scope=st.sampled_from(["user", "s"]), sign_in=SIGN_INS)
    def drop_sign_in(self, scope: str, sign_in: SignIn) -> None:
        """Sign out, perhaps without having signed in."""
        self.both(lambda store: store.drop_sign_in(scope, sign_in.key))

    @rule()
    def commit(self) -> None:
        """One transaction."""
        self.both(lambda store: store.commit())

    @rule()
    @precondition(lambda self: len(self.all_opened) > 2)
    def older_ones_are_fenced(self) -> None:
        """What a daemon of before still writes never arrives."""
        for store in self.all_opened[-4:-2]:
            store.add(make_job("late"), is_attached=False)
            assert _outcome(lambda store: store.commit(), store) == Fenced

    @invariant()
    def they_hold_the_same(self) -> None:
        """What one store tells, the other tells too."""
        self.both(lambda store: store.load_all())
        self.both(lambda store: store.load_unfinished())
        self.both(lambda store: [job.uuid for job in store.load_children("batch")])
        self.both(lambda store: store.load_sign_ins())
        self.both(lambda store: (store.load_removed(), store.oldest_end()))
        self.both(lambda store: [(store.load(uuid), store.payload(uuid)) for uuid in "abcd"])
        self.both(lambda store: store.epoch)


def _outcome(what: Any, store: JobStore) -> Any:
    try:
        return what(store)
    except Exception as error:  # noqa: BLE001 - what is raised is compared
        return type(error)


BothStores.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestBothStores = pytest.mark.slow(BothStores.TestCase)
