"""Client and daemon understand each other, byte by byte, and take nothing else."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, get_args

import msgspec
import pytest
from core_samples import make_plan_job, make_process_job
from hypothesis import given
from hypothesis import strategies as st

from azjobs.core import wire
from azjobs.core.context import AZURE_CLOUD, Account, AccountType, ContextValue, SignInKey, Tenant
from azjobs.core.errors import Fault
from azjobs.core.plan import PlannedWrite
from azjobs.core.secret import SecureString
from azjobs.core.signin import SignIn
from azjobs.core.states import Failed, Running

CONTEXT = ContextValue("c", Account("me", AccountType.USER), Tenant("t"), AZURE_CLOUD)
KEY = SignInKey("azurecloud", "me", "t")
CANARY = "c4nary-in-a-c0al-mine"
SECRETS = {"pw": SecureString(CANARY)}

MESSAGES: list[wire.Message] = [
    wire.Hello("1.0", "/usr", "s", 42, leader=(41, 7), job_key="k"),
    wire.Submit(1, make_process_job(), secrets=SECRETS, named={"a": "b"}, payload=b"\x00\xff", environment={"A": "1"}),
    wire.SubmitBatch(
        1, make_plan_job(), "stop-az-vm@1", (wire.Target("u", "Stop-AzVM a", "a", {"id": "/a"}),), secrets=SECRETS
    ),
    wire.Read(2, "get-az-vm@1", {"name": "x", "deep": [{"a": None}]}, CONTEXT),
    wire.WhatIf(3, "new-az-vm@1", {}, CONTEXT),
    wire.Follow(4, ("u",)),
    wire.Stop(5, ("u",), cancel=True),
    wire.Resume(17, ("u",)),
    wire.Remove(6, ("u",), force=True),
    wire.Prune(6, 60.0, 100, is_rehearsal=True),
    wire.Detach(7, "u"),
    wire.Answer(8, "u", SECRETS, "again", line=SecureString(CANARY), ask="a"),
    wire.PutSignIn(9, SignIn(KEY, "DeviceCodeCredential", AZURE_CLOUD), SECRETS, "s"),
    wire.DropSignIn(10, KEY),
    wire.PutCredential(11, "admin", "vmadmin", SecureString(CANARY)),
    wire.FindCredential(12, "admin"),
    wire.GetToken(14, CONTEXT, ("scope",), "claims", "t"),
    wire.AskUser(15, "a", "Name? ", is_hidden=True),
    wire.Status(16),
    wire.Shutdown(17),
]
REPLIES: list[wire.Reply] = [
    wire.Welcome("1.0", 3, 42),
    wire.Ok(1, "Said."),
    wire.SignedIn(1, "t-1", "o-1", Account("ana@contoso.com", AccountType.USER), "Kept in a file."),
    wire.Accepted(2, make_plan_job(id=1, state=Running(1.0))),
    wire.Result(3, [{"a": 1.5}]),
    wire.Writes(4, (PlannedWrite("create", "x", "PUT", "/r/x"),)),
    wire.Token(5, SecureString(CANARY), 1_900_000_000),
    wire.Line(6, SecureString(CANARY)),
    wire.CredentialNames(6, {"admin": "vmadmin"}),
    wire.Pruned(6, (1, 2)),
    wire.DaemonStatus(7, 42, "1.0", 3, 1.0, ("1 a",), ("2 b",), ("The disk is full.",)),
    wire.Refusal(8, "JobNotFound", "No job 9.", Fault("E", "")),
    wire.Changed("u", 1, Failed(1.0, 2.0, Fault("E", "Because.", left=("x",))), percent=50.0, parent="p"),
]


def test_every_message_is_tried_here():
    """The tables of this file hold each message and each reply that there is."""
    assert [type(message) for message in MESSAGES] == list(get_args(wire.Message))
    assert [type(reply) for reply in REPLIES] == list(get_args(wire.Reply))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_message_arrives_as_it_was_sent(message: wire.Message):
    """What the client says is what the daemon hears."""
    (frame,) = wire.FrameBuffer().feed(wire.format_frame(message))
    assert wire.parse_message(frame) == message


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: type(reply).__name__)
def test_reply_arrives_as_it_was_sent(reply: wire.Reply):
    """What the daemon says is what the client hears."""
    (frame,) = wire.FrameBuffer().feed(wire.format_frame(reply))
    assert wire.parse_reply(frame) == reply


@pytest.mark.parametrize("message", [*MESSAGES, *REPLIES], ids=lambda message: type(message).__name__)
def test_message_does_not_show_its_secrets(message: Any):
    """A message that is printed or logged holds the mask."""
    assert CANARY not in f"{message!r} {message}"


def test_secrets_are_on_the_wire():
    """The other side gets what it needs: the mask is for eyes only."""
    for message in MESSAGES:
        with_secrets = wire.Submit | wire.SubmitBatch | wire.Answer | wire.PutSignIn | wire.PutCredential
        has_secret = isinstance(message, with_secrets)
        assert (CANARY.encode() in wire.format_frame(message)) is has_secret


def test_what_is_no_part_of_a_message_is_refused():
    """An object that has no place in a message is the error of its sender."""
    with pytest.raises(NotImplementedError, match="A object is no part of a message"):
        wire.format_frame(wire.Result(1, object()))


@given(cuts=st.lists(st.integers(0, 400), max_size=12))
def test_frames_are_found_however_the_bytes_come(cuts: list[int]):
    """Cut anywhere, the same frames come out in the same order."""
    sent = [wire.Status(1), wire.Follow(2, ("u" * 200,)), wire.Stop(3, ()), wire.Status(4)]
    data = b"".join(map(wire.format_frame, sent))
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    buffer, frames = wire.FrameBuffer(), list[bytes]()
    for start, end in pairwise(places):
        frames += buffer.feed(data[start:end])
    assert [wire.parse_message(frame) for frame in frames] == sent
    assert buffer.feed(b"") == []


def test_frame_over_the_cap_is_refused_by_both_sides():
    """A length over the cap is refused before anything is read, and never sent."""
    with pytest.raises(wire.FrameTooLarge, match="over the cap of 16,777,216"):
        wire.format_frame(wire.Result(1, b"x" * wire.FRAME_CAP_BYTES))
    with pytest.raises(wire.FrameTooLarge, match="A frame of 16,777,217 bytes"):
        wire.FrameBuffer().feed((wire.FRAME_CAP_BYTES + 1).to_bytes(4, "big"))
    with pytest.raises(wire.FrameTooLarge):
        wire.FrameBuffer().feed(b"GET / HTTP/1.1\r\n")


def test_frame_of_just_the_cap_passes():
    """The cap itself is no excess."""
    head = wire.FRAME_CAP_BYTES.to_bytes(4, "big")
    (frame,) = wire.FrameBuffer().feed(head + bytes(wire.FRAME_CAP_BYTES))
    assert len(frame) == wire.FRAME_CAP_BYTES


DEEP = msgspec.msgpack.encode({"type": "Result", "seq": 1, "value": 7})[:-1] + b"\x91" * 100_000 + b"\x07"


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="no-msgpack"),
        pytest.param(msgspec.msgpack.encode({"type": "Unknown", "seq": 1}), id="an-unknown-message"),
        pytest.param(msgspec.msgpack.encode({"seq": 1}), id="no-type"),
        pytest.param(msgspec.msgpack.encode({"type": "Stop", "seq": "1", "uuids": []}), id="a-wrong-type"),
        pytest.param(msgspec.msgpack.encode({"type": "Stop", "seq": 1}), id="a-missing-part"),
        pytest.param(wire.format_frame(wire.Status(1))[4:] + b"\x00", id="too-much"),
        pytest.param(DEEP, id="nested-too-deep"),
        pytest.param(
            msgspec.msgpack.encode({"type": "Answer", "seq": 1, "uuid": "u", "secrets": {"a": 7}}), id="no-text"
        ),
    ],
)
@pytest.mark.parametrize("parse", [wire.parse_message, wire.parse_reply])
def test_frame_that_is_no_message_is_one_kind_of_error(parse: Any, frame: bytes):
    """Whatever a peer sends, the receiver has one error to expect."""
    with pytest.raises(msgspec.DecodeError):
        parse(frame)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(frame: bytes):
    """No bytes do anything else to the receiver."""
    for parse in (wire.parse_message, wire.parse_reply):
        try:
            parse(frame)
        except msgspec.DecodeError:
            continue


def test_parts_of_a_newer_client_are_passed_over():
    """A message of a newer version may say more; what is known of it is understood."""
    body = {"type": "Stop", "seq": 1, "uuids": ["u"], "reason": "because"}
    assert wire.parse_message(msgspec.msgpack.encode(body)) == wire.Stop(1, ("u",))
