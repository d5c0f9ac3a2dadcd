"""What every store promises to the daemon, whatever it keeps its jobs in."""

from __future__ import annotations

import msgspec
import pytest
from store_samples import Opener, make_job

from azjobs.core.context import AZURE_CLOUD, SignInKey
from azjobs.core.errors import Fault, JobNotFound
from azjobs.core.job import Notice
from azjobs.core.signin import SignIn
from azjobs.core.states import Blocked, Completed, Failed, Question, QuestionKind, Running, Stopped
from azjobs.store.protocol import Fenced

SIGN_IN = SignIn(SignInKey("azurecloud", "me", "t1"), "DeviceCodeCredential", AZURE_CLOUD, {"client_id": "c"})


def test_epoch_rises_with_each_opening(open_store: Opener):
    """Each opening of a store has a higher epoch than all before."""
    epochs = [open_store().epoch for _ in range(3)]
    assert epochs == [1, 2, 3]


def test_ids_count_from_one(open_store: Opener):
    """The first job is job 1, and each new one is the next."""
    store = open_store()
    assert [store.add(make_job(f"u{i}"), is_attached=False).id for i in range(3)] == [1, 2, 3]


def test_added_job_is_loaded_as_it_was_returned(open_store: Opener):
    """What `add` returns is what is recorded, at once and after a reopening."""
    store = open_store()
    job = store.add(make_job(), is_attached=False)
    assert store.load("u1") == job
    store.commit()
    store.sync()
    assert store.load("u1") == job
    assert open_store().load("u1") == job


def test_jobs_of_one_moment_stay_in_the_order_in_which_they_came(open_store: Opener):
    """As the children of a batch, which have no ids while a call waits for them: a queue begins them in that order."""
    store = open_store()
    uuids = ["c", "a", "d", "b"]
    for uuid in uuids:
        store.add(make_job(uuid), is_attached=True)
    store.save([make_job("a", status_message="saved again")])
    store.commit()
    store.save([make_job("d", status_message="saved again")])
    for one in (store, open_store()):
        assert [job.uuid for job in one.load_unfinished()] == uuids
        assert [job.uuid for job in one.load_attached()] == uuids


def test_attached_jobs_are_found_ended_or_not(open_store: Opener):
    """A job without an id is one, until it gets an id."""
    store = open_store()
    for uuid in ("u1", "u2", "u3"):
        store.add(make_job(uuid), is_attached=True)
    store.add(make_job("u4"), is_attached=False)
    store.save([make_job("u2", state=Completed(1.0, 2.0))])
    store.commit()
    store.give_id("u3")
    assert [job.uuid for job in store.load_attached()] == ["u1", "u2"]
    store.commit()
    assert [job.uuid for job in open_store().load_attached()] == ["u1", "u2"]


def test_uncommitted_changes_are_given_up_with_the_store(open_store: Opener):
    """A job that was never committed is gone after a reopening, and its id is free as nobody has seen it."""
    store = open_store()
    store.add(make_job("u1"), b"payload", is_attached=False)
    store.close()
    store = open_store()
    assert store.load("u1") is None
    assert store.payload("u1") == b""
    assert store.add(make_job("u2"), is_attached=False).id == 1


def test_same_uuid_again_returns_the_stored_job(open_store: Opener):
    """A repeated submit changes nothing, before a commit, after it and after a reopening."""
    store = open_store()
    first = store.add(make_job(), b"one", is_attached=False)
    again = make_job(name="other", session="other")
    assert store.add(again, b"two", is_attached=True) == first
    store.commit()
    assert store.add(again, b"two", is_attached=False) == first
    store = open_store()
    assert store.add(again, b"two", is_attached=False) == first
    assert store.payload("u1") == b"one"
    assert store.add(make_job("u2"), is_attached=False).id == 2


def test_attached_job_has_no_id_until_it_is_given_one(open_store: Opener):
    """A job with a caller takes no id; when the caller goes away it gets the next one, once."""
    store = open_store()
    assert store.add(make_job("u1", id=7), is_attached=True).id is None
    assert store.add(make_job("u2"), is_attached=False).id == 1
    given = store.give_id("u1")
    assert given.id == 2
    assert store.give_id("u1") == given
    store.commit()
    assert open_store().load("u1") == given


def test_giving_an_id_to_an_unknown_job_is_an_error(open_store: Opener):
    """`give_id` names the job that it does not find."""
    with pytest.raises(JobNotFound, match="nobody"):
        open_store().give_id("nobody")


@pytest.mark.parametrize("does_commit_between", [True, False])
def test_ids_are_never_given_again(open_store: Opener, *, does_commit_between: bool):
    """The id of a removed job, even of the newest one, is not given to another."""
    store = open_store()
    for i in range(3):
        store.add(make_job(f"u{i}"), is_attached=False)
    if does_commit_between:
        store.commit()
    store.remove(["u1", "u2"])
    store.commit()
    assert open_store().add(make_job("u9"), is_attached=False).id == 4


def test_save_replaces_the_job(open_store: Opener):
    """The last save counts, within a transaction and over several."""
    store = open_store()
    job = store.add(make_job(), is_attached=False)
    for message in ("one", "two"):
        job = msgspec.structs.replace(job, status_message=message)
        store.save([job])
    store.commit()
    assert open_store().load("u1") == job
    assert job.status_message == "two"


def test_saving_a_removed_job_does_not_bring_it_back(open_store: Opener):
    """A late save of a job that was removed changes nothing, before and after the commit."""
    store = open_store()
    job = store.add(make_job(), is_attached=False)
    store.commit()
    store.remove(["u1"])
    store.save([job])
    assert store.load("u1") is None
    store.commit()
    store.save([job])
    store.commit()
    assert store.load_all() == []
    assert open_store().load_all() == []


def test_remove_forgets_the_payload_too(open_store: Opener):
    """A removed job leaves no payload; removing an unknown one is no error."""
    store = open_store()
    store.add(make_job(), b"payload", is_attached=False)
    store.commit()
    store.remove(["u1", "unknown"])
    assert store.payload("u1") == b""
    store.commit()
    store.add(make_job(), is_attached=False)
    store.commit()
    assert open_store().payload("u1") == b""


def test_removed_and_added_again_is_a_new_job(open_store: Opener):
    """After a removal in the same transaction the uuid is free, and the new job is all new."""
    store = open_store()
    store.add(make_job(), b"one", is_attached=False)
    store.commit()
    store.remove(["u1"])
    new = store.add(make_job(name="new", submitted_at=5.0, session="other"), b"two", is_attached=False)
    store.commit()
    store = open_store()
    assert store.load("u1") == new
    assert store.payload("u1") == b"two"
    assert new.id == 2


def test_unfinished_jobs_are_found(open_store: Opener):
    """All jobs that have not ended are found, attached ones too, in the order of submission."""
    store = open_store()
    fault = Fault("QuotaExceeded", "no cores")
    states = {
        "started": Running(2.0),
        "blocked": Blocked(2.0, Question(QuestionKind.SECRET, "password?", ("pw",))),
        "completed": Completed(2.0, 3.0),
        "failed": Failed(2.0, 3.0, fault),
        "stopped": Stopped(2.0, 3.0),
    }
    for position, (uuid, state) in enumerate(states.items()):
        store.add(make_job(uuid, state=state, submitted_at=100.0 - position), is_attached=uuid == "started")
    store.add(make_job("new", submitted_at=1.0), is_attached=False)
    expected = ["new", "blocked", "started"]
    assert [job.uuid for job in store.load_unfinished()] == expected
    store.commit()
    assert [job.uuid for job in store.load_unfinished()] == expected
    assert [job.uuid for job in open_store().load_unfinished()] == expected
    assert [job.uuid for job in store.load_all()] == ["new", "stopped", "failed", "completed", "blocked", "started"]


def test_job_that_ends_is_unfinished_no_more(open_store: Opener):
    """A job whose end is not committed yet is no longer among the unfinished."""
    store = open_store()
    job = store.add(make_job(), is_attached=False)
    store.commit()
    store.save([msgspec.structs.replace(job, state=Completed(1.0, 2.0))])
    assert store.load_unfinished() == []
    store.commit()
    assert open_store().load_unfinished() == []


def test_notice_is_due_from_the_end_of_its_job_until_it_is_given(open_store: Opener):
    """A job that goes on, or has no notice, is not among them; one that is removed is not any more."""
    store = open_store()
    notice = Notice(("mail", "me"), "/")
    going_on = store.add(make_job("u1", notice=notice, submitted_at=2.0), is_attached=False)
    store.add(make_job("u2", state=Completed(1.0, 2.0)), is_attached=False)
    store.add(make_job("u3", notice=notice, state=Completed(1.0, 2.0), submitted_at=1.0), is_attached=False)
    assert [job.uuid for job in store.load_notices_due()] == ["u3"]
    ended = msgspec.structs.replace(going_on, state=Completed(1.0, 2.0))
    store.save([ended])
    store.commit()
    store = open_store()
    assert [job.uuid for job in store.load_notices_due()] == ["u3", "u1"]
    store.save([msgspec.structs.replace(ended, notice=msgspec.structs.replace(notice, is_given=True))])
    store.remove(["u3"])
    assert store.load_notices_due() == []
    store.commit()
    assert open_store().load_notices_due() == []


def test_payload_is_kept_until_it_is_dropped(open_store: Opener):
    """Any bytes come back as they were; dropped, they are gone and the job stays."""
    store = open_store()
    payload = bytes(range(256)) * 1000
    store.add(make_job(), payload, is_attached=False)
    assert store.payload("u1") == payload
    store.commit()
    store = open_store()
    assert store.payload("u1") == payload
    store.drop_payload(["u1", "unknown"])
    assert store.payload("u1") == b""
    store.commit()
    store = open_store()
    assert store.payload("u1") == b""
    assert store.load("u1") is not None


def test_sign_ins_are_kept_by_scope_and_key(open_store: Opener):
    """Saving a sign-in again replaces it; the same key in another scope is another one."""
    store = open_store()
    newer = msgspec.structs.replace(SIGN_IN, arguments={"client_id": "d"})
    store.save_sign_in("user", SIGN_IN)
    store.save_sign_in("session-1", SIGN_IN)
    store.commit()
    store.save_sign_in("user", newer)
    assert store.load_sign_ins() == [("session-1", SIGN_IN), ("user", newer)]
    store.commit()
    store = open_store()
    assert store.load_sign_ins() == [("session-1", SIGN_IN), ("user", newer)]
    store.drop_sign_in("session-1", SIGN_IN.key)
    store.drop_sign_in("nowhere", SIGN_IN.key)
    assert store.load_sign_ins() == [("user", newer)]
    store.commit()
    assert open_store().load_sign_ins() == [("user", newer)]


def test_older_writer_is_fenced(open_store: Opener):
    """Once a newer daemon has opened the store, the older one can write nothing, not even at a second try."""
    older = open_store()
    older.add(make_job("u1"), is_attached=False)
    older.commit()
    newer = open_store()
    older.add(make_job("u2"), is_attached=False)
    for _ in range(2):
        with pytest.raises(Fenced):
            older.commit()
    newer.add(make_job("u3"), is_attached=False)
    newer.commit()
    assert [job.uuid for job in open_store().load_all()] == ["u1", "u3"]


def test_fenced_writer_gives_no_id_away(open_store: Opener):
    """An id that a fenced daemon gave was never acknowledged, so the newer one may give it."""
    older = open_store()
    newer = open_store()
    older.add(make_job("u1"), is_attached=False)
    with pytest.raises(Fenced):
        older.commit()
    assert newer.add(make_job("u2"), is_attached=False).id == 1


def test_job_that_cannot_be_encoded_is_refused_when_it_is_added(open_store: Opener):
    """Text that is no Unicode is the error of its giver and does not spoil the next commit."""
    store = open_store()
    good = store.add(make_job("good"), is_attached=False)
    with pytest.raises(UnicodeEncodeError):
        store.add(make_job("bad", name="\udc80"), is_attached=False)
    store.commit()
    assert open_store().load_all() == [good]


def test_nothing_to_commit_is_no_error(open_store: Opener):
    """A commit without changes does nothing, even for a fenced daemon."""
    older = open_store()
    open_store()
    older.commit()
    older.sync()


def test_files_of_removed_jobs_are_remembered_until_they_are_gone(open_store: Opener):
    """A daemon that is killed between the two is followed by one that knows; a job that comes again has its own."""
    store = open_store()
    store.add(make_job("u1"), is_attached=False)
    store.add(make_job("u2"), is_attached=False)
    store.commit()
    store.remove(["u2", "u1"])
    store.commit()
    store = open_store()
    assert store.load_removed() == ["u1", "u2"]
    store.add(make_job("u2"), is_attached=False)
    assert store.load_removed() == ["u1"]
    store.drop_removed(["u1"])
    store.commit()
    assert open_store().load_removed() == []


def test_ended_jobs_are_found_by_age_and_by_number(open_store: Opener):
    """Those that ended first come first; calls that are attached and children of batches are not among them."""
    store = open_store()
    assert store.oldest_end() is None
    fault = Fault("QuotaExceeded", "no cores")
    states = [Completed(1.0, 30.0), Failed(1.0, 20.0, fault), Stopped(1.0, 30.0), Completed(1.0, 10.0), Running(1.0)]
    for number, state in enumerate(states):
        store.add(make_job(f"u{number}", state=state), is_attached=False)
    store.add(make_job("call", state=Completed(1.0, 2.0)), is_attached=True)
    store.add(make_job("child", state=Completed(1.0, 2.0), parent="u0"), is_attached=False)
    assert store.find_ended(beyond=0) == []
    store.commit()
    assert store.oldest_end() == 10.0
    assert store.find_ended() == []
    assert store.find_ended(before=20.0) == ["u3"]
    assert store.find_ended(before=1e300) == ["u3", "u1", "u0", "u2"]
    assert store.find_ended(beyond=0) == ["u3", "u1", "u0", "u2"]
    assert store.find_ended(beyond=1) == ["u3", "u1", "u0"]
    assert store.find_ended(beyond=3, before=25.0) == ["u3", "u1"]
    assert store.find_ended(beyond=99) == []
