"""The keeper's pure parts: when a daemon is started, what a frame is, how a request is answered."""

from __future__ import annotations

import base64
import json

import pytest

from azjobs.keeper.errors import DaemonFailed, FrameTooLarge, KeeperError, UsageWrong
from azjobs.keeper.frames import FRAME_CAP_BYTES, FrameBuffer, format_frame, parse_body
from azjobs.keeper.handover import Handover, take_handover
from azjobs.keeper.options import parse_options
from azjobs.keeper.protection import format_environment, own_environment, parse_environment
from azjobs.keeper.requests import Memory, answer
from azjobs.keeper.supervision import DUE, FAILED, RESTING, RUNNING, Supervision, describe_end

KILLED, CRASHED = 9, 11  # wait statuses: SIGKILL, SIGSEGV


def failing(times: int, *, each_s: float = 0.0) -> tuple[Supervision, float]:
    """A supervision whose daemon was started and killed `times` times, and the time then."""
    supervision, now = Supervision(), 100.0
    supervision.ask(now)
    for _ in range(times):
        now = max(now, supervision.due_at)
        assert supervision.is_due(now)
        supervision.started(now)
        now += each_s
        supervision.ended(now, CRASHED, is_asked_for=False)
    return supervision, now


def test_nothing_is_started_unasked():
    """A fresh supervision rests; asked, a daemon is due at once."""
    supervision = Supervision()
    assert not supervision.is_due(1e9)
    supervision.ask(5.0)
    assert supervision.is_due(5.0)
    supervision.started(5.0)
    supervision.ask(6.0)
    assert supervision.phase == RUNNING, "one is enough"


@pytest.mark.parametrize(("ends", "delay_s"), [(1, 0.0), (2, 0.1), (3, 0.5), (4, 1.0), (5, 2.0)])
def test_restarts_come_slower_and_slower(ends, delay_s):
    """The nth end in a row waits for the nth delay."""
    supervision, now = failing(ends)
    assert supervision.phase == DUE
    assert supervision.due_at - now == pytest.approx(delay_s)
    assert supervision.is_due(now + delay_s)
    assert not supervision.is_due(now + delay_s - 0.01)


def test_sixth_end_within_a_minute_is_the_last():
    """After five failed restarts nothing is started for 60 s, whoever asks."""
    supervision, now = failing(6)
    assert supervision.phase == FAILED
    supervision.ask(now + 1)
    assert not supervision.is_due(now + 59)
    assert not supervision.forgive(now + 59, is_work_pending=True)


@pytest.mark.parametrize(("is_work_pending", "phase"), [(True, DUE), (False, RESTING)])
def test_given_up_daemon_is_forgiven_after_a_minute(is_work_pending, phase):
    """After 60 s it is started at once if there is work, else at the next connection; the count begins anew."""
    supervision, now = failing(6)
    assert supervision.forgive(now + 60, is_work_pending=is_work_pending)
    assert supervision.phase == phase
    supervision.ask(now + 60)
    supervision.started(now + 60)
    supervision.ended(now + 61, CRASHED, is_asked_for=False)
    assert supervision.phase == DUE
    assert supervision.due_at == now + 61


def test_rare_failures_are_never_given_up():
    """A daemon that dies every 20 s is started again for ever, at most after half a second."""
    supervision, now = failing(50, each_s=20.0)
    assert supervision.phase == DUE
    assert supervision.due_at - now <= 0.5


@pytest.mark.parametrize(
    ("status", "is_asked_for", "lived_s", "phase"),
    [
        pytest.param(0, False, 0.1, RESTING, id="idle-at-once-with-nobody-waiting"),
        pytest.param(0, True, 30.0, RESTING, id="idle-just-as-somebody-came"),
        pytest.param(0, True, 0.1, DUE, id="left-a-connection-unserved"),
        pytest.param(1 << 8, False, 30.0, DUE, id="exit-code-1"),
        pytest.param(15, False, 30.0, DUE, id="killed-by-SIGTERM"),
    ],
)
def test_how_a_daemon_ended_decides(status, is_asked_for, lived_s, phase):
    """Only an end with 0 that left nobody waiting is a rest."""
    supervision = Supervision()
    supervision.started(0.0)
    supervision.ended(lived_s, status, is_asked_for=is_asked_for)
    assert supervision.phase == phase


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "with exit code 0"),
        (7 << 8, "with exit code 7"),
        (9, "killed by SIGKILL"),
        (11 | 0x80, "killed by SIGSEGV"),
        (60, "killed by signal 60"),
    ],
)
def test_end_is_described(status, text):
    """A wait status is told by code or by the signal's name, core or not."""
    assert describe_end(status, {9: "SIGKILL", 11: "SIGSEGV"}) == text


def test_frames_survive_any_cutting():
    """However the bytes arrive, the same messages come out."""
    messages = [{"seq": n, "op": "put", "key": "ä" * n} for n in range(20)]
    data = b"".join(format_frame(message) for message in messages)
    for size in (1, 3, 7, 64, len(data)):
        buffer, found = FrameBuffer(), []
        for start in range(0, len(data), size):
            buffer.feed(data[start : start + size])
            while (body := buffer.next_body()) is not None:
                found.append(parse_body(body))
        assert found == messages


def test_frames_have_a_cap_both_ways():
    """More than 16 MiB is neither written nor waited for."""
    with pytest.raises(FrameTooLarge):
        format_frame({"value": "x" * FRAME_CAP_BYTES})
    buffer = FrameBuffer()
    buffer.feed((FRAME_CAP_BYTES + 1).to_bytes(4, "big"))
    with pytest.raises(FrameTooLarge):
        buffer.next_body()


def ask(memory: Memory, **request) -> dict:
    """Answer one request, given as fields."""
    return parse_body(answer(memory, json.dumps(request).encode())[4:])


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({}, "`op` has to be a text."),
        ({"op": "steal"}, "There is no such operation."),
        ({"op": "put", "key": 1, "value": ""}, "`key` has to be a text."),
        ({"op": "put", "key": "k"}, "A value has to be base64."),
        ({"op": "put", "key": "k", "value": "s3cr*t"}, "A value has to be base64."),
        ({"op": "put_many", "items": []}, "`items` has to be an object."),
        ({"op": "get_many", "keys": "k"}, "`keys` has to be a list of texts."),
        ({"op": "hold", "count": -1}, "`count` has to be a number, 0 or more."),
        ({"op": "ack_exits", "pids": [[1]]}, "`pids` has to be a list of [pid, start_time]."),
    ],
)
def test_bad_request_is_refused_with_its_seq(request_, error):
    """Each refusal names the field, never its content, and belongs to its request."""
    memory = Memory(dict)
    assert ask(memory, seq=5, **request_) == {"seq": 5, "ok": False, "error": error}
    assert memory.secrets == {}


def test_put_many_is_all_or_nothing():
    """One bad value among good ones stores none."""
    memory = Memory(dict)
    reply = ask(memory, seq=1, op="put_many", items={"a": base64.b64encode(b"1").decode(), "b": "*"})
    assert reply["ok"] is False
    assert memory.secrets == {}


def test_seq_that_is_no_number_is_not_echoed():
    """A seq is a number; a text of megabytes does not come back."""
    assert ask(Memory(dict), seq="x" * 1000, op="hold", count=3) == {"seq": None, "ok": True}


def test_answer_over_the_cap_is_an_error():
    """What does not fit in one frame is refused, and the next request is served."""
    memory = Memory(dict)
    memory.secrets = {"a": b"x" * (FRAME_CAP_BYTES // 2), "b": b"x" * (FRAME_CAP_BYTES // 2)}
    reply = ask(memory, seq=1, op="get_many", keys=["a", "b"])
    assert reply == {"seq": 1, "ok": False, "error": "The answer is over 16 MiB. Ask for fewer keys."}
    assert ask(memory, seq=2, op="keys", prefix="")["keys"] == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--run"], "--run is unknown or misses its value."),
        (["--run", "here", "--home", "/h", "--", "d"], "--run needs an absolute folder."),
        (["--run", "/r", "--", "d"], "--home needs an absolute folder."),
        (["--run", "/r", "--home", "/h"], "The daemon's command has to follow after --."),
        (["--idle-s", "soon"], "--idle-s needs a number, not soon."),
        (["--color", "red"], "There is no option --color."),
    ],
)
def test_bad_command_line_is_one_sentence(words, error):
    """What is wrong with the keeper's arguments is said by name."""
    with pytest.raises(UsageWrong, match=error.replace(".", r"\.")):
        parse_options(words)


def test_command_line_is_read():
    """Every option has its place; the daemon's command is all after the dashes, dashes included."""
    words = [
        "--run",
        "/r",
        "--home",
        "/h",
        "--idle-s",
        "1.5",
        "--start",
        "--detach",
        "--ready-fd",
        "3",
        "--env-fd",
        "4",
        "--listen-fd",
        "5",
    ]
    options = parse_options([*words, "--identity-fd", "6", "--after-fd", "7", "--", "python", "--", "--run"])
    assert (options.run_folder, options.home, options.idle_s) == ("/r", "/h", 1.5)
    assert options.is_started
    assert options.is_detached
    assert options.inherited_fds() == [3, 4, 5, 6, 7]
    assert options.command == ["python", "--", "--run"]


def test_process_without_a_keeper_takes_no_handover():
    """Without the names, or with nonsense in them, there is no handover, and the names are gone."""
    environment = {"AZJOBS_LISTEN_FD": "x", "AZJOBS_KEEPER_FD": "4", "OTHER": "1"}
    assert take_handover(environment) is None
    assert environment == {"OTHER": "1"}


def test_handover_needs_no_identity_port(tmp_path):
    """A daemon may come without an identity port; its descriptors are closed to its children."""
    with (tmp_path / "a").open("w") as one, (tmp_path / "b").open("w") as other:
        names = {"AZJOBS_LISTEN_FD": str(one.fileno()), "AZJOBS_KEEPER_FD": str(other.fileno())}
        handover = take_handover(names)
        assert isinstance(handover, Handover)
        assert (handover.listen_fd, handover.keeper_fd, handover.identity_fd) == (one.fileno(), other.fileno(), None)


def test_environment_travels_unchanged():
    """Any bytes but zero come through; what the keeper needs itself is little."""
    environment = {b"A": b"1=2\n3", b"B": b"", b"\xff": b"\xfe", b"PATH": b"/bin", b"TOKEN": b"t"}
    assert parse_environment(format_environment(environment)) == environment
    assert own_environment(environment) == {b"PATH": b"/bin"}


def test_error_says_its_docstring():
    """An error without a message has its docstring's first line."""
    assert str(DaemonFailed()) == "The daemon keeps failing and is not started again for now."
    assert str(KeeperError("This.")) == "This."


def test_a_daemon_that_was_ready_and_is_killed_again_and_again_is_started_at_once_each_time() -> None:
    """Sixty kills in a minute are no crash loop; one more is."""
    supervision, now = Supervision(), 100.0
    supervision.ask(now)
    for _ in range(60):
        supervision.started(now)
        supervision.ended(now + 0.5, KILLED, is_asked_for=False, was_ready=True)
        assert (supervision.phase, supervision.due_at) == (DUE, now + 0.5)
        now += 0.5
    for _ in range(6):
        supervision.started(now)
        supervision.ended(now, CRASHED, is_asked_for=False, was_ready=True)
    assert supervision.phase == FAILED
