"""What is sent to a job and kept from it: by value, without secrets, or refused by name."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path

import job_functions as functions
import pytest
from azure.core.credentials import AccessToken
from azure.identity import ClientSecretCredential

from azjobs.core.errors import CannotSend, HomeUnusable
from azjobs.core.journal import JsonValue, ObjectFormat, StoredObject
from azjobs.core.secret import Credential, SecureString
from azjobs.process.objects import load_bytes, load_object
from azjobs.process.payload import CannotKeep, dump, dump_value, load
from azjobs.process.values import ObjectWriter

LOCK = threading.Lock()


def sample(first: object, /, second: object = None, *rest: object, named: object = None) -> tuple[object, ...]:
    """Take arguments of each kind."""
    return (first, second, *rest, named)


@pytest.mark.parametrize(
    ("args", "kwargs", "name"),
    [
        ((LOCK,), {}, "'first'"),
        ((1, [LOCK]), {}, "'second'"),
        ((1, 2, 3, LOCK), {}, "4"),
        ((1,), {"named": LOCK}, "'named'"),
    ],
)
def test_an_argument_that_cannot_be_sent_is_named(args: tuple, kwargs: dict, name: str) -> None:
    """As the signature calls it, or by its position."""
    with pytest.raises(
        CannotSend, match=rf"^Argument {name} .* cannot be sent to another process: cannot pickle '_thread"
    ):
        dump(sample, args, kwargs)


def test_a_variable_from_outside_that_cannot_be_sent_is_named() -> None:
    """Nobody passed it, so the function alone would be a riddle."""
    held = threading.Lock()
    with pytest.raises(CannotSend, match=r"it uses 'held' \(_thread\.lock\): cannot pickle"):
        dump(lambda: held.locked() or 1)


def test_a_secret_travels_by_name_only() -> None:
    """The payload has its persistent id; the receiver's resolve gives the secret back, wherever it stands."""
    secret = Credential("vmadmin", SecureString("hunter2"))
    held = SecureString("correct-horse")
    asked: list[str] = []

    def persistent(value: object) -> str | None:
        return {"Credential": "c", "SecureString": "s"}.get(type(value).__name__)

    def resolve(name: str) -> object:
        asked.append(name)
        return {"c": secret, "s": held}[name]

    payload = dump(lambda value, **_: (value, held), ({"deep": [secret]},), {"again": secret}, persistent=persistent)
    assert b"hunter2" not in payload
    assert b"correct-horse" not in payload
    function, args, kwargs = load(payload, resolve)
    assert function(*args, **kwargs) == ({"deep": [secret]}, held)
    assert set(asked) == {"c", "s"}
    with pytest.raises(pickle.UnpicklingError, match="nothing is granted under the name"):
        load(
            payload,
            lambda name: (_ for _ in ()).throw(pickle.UnpicklingError(f"nothing is granted under the name {name}")),
        )


@pytest.mark.parametrize(
    "value",
    [
        SecureString("hunter2"),
        ClientSecretCredential("tenant", "client", "hunter2"),
        AccessToken("hunter2", 0),
        [{"deep": AccessToken("hunter2", 0)}],
    ],
    ids=["SecureString", "ClientSecretCredential", "AccessToken", "nested"],
)
def test_what_holds_a_secret_is_neither_sent_nor_kept_in_a_file(value: object, tmp_path: Path) -> None:
    """Known credentials and tokens are refused in both directions, in words that do not show them."""
    for refused in (lambda: dump(sample, (value,)), lambda: dump_value(value)):
        with pytest.raises((CannotSend, CannotKeep)) as caught:
            refused()
        assert "hunter2" not in str(caught.value)
    with pytest.raises(CannotKeep):
        ObjectWriter(tmp_path / "1.journal", lambda _: None).content_of(value)
    assert list(tmp_path.iterdir()) == []


def test_values_are_kept_in_the_way_that_loses_nothing(tmp_path: Path) -> None:
    """Small JSON in the record, large JSON and objects beside it, each opened again as it was."""
    journal = tmp_path / "1.journal"
    writer = ObjectWriter(journal, lambda _: None)
    assert writer.content_of([1, "a"]) == JsonValue([1, "a"])
    large, odd = ["x" * 1000] * 100, {(1, 2): {3}}
    stored = [writer.content_of(large), writer.content_of(odd), writer.content_of(large)]
    assert [s.format for s in stored if isinstance(s, StoredObject)] == [
        ObjectFormat.JSON,
        ObjectFormat.PICKLE,
        ObjectFormat.JSON,
    ]
    assert [load_object(journal, s) for s in stored if isinstance(s, StoredObject)] == [large, odd, large]


def test_a_value_that_holds_itself_is_kept_as_an_object(tmp_path: Path) -> None:
    """JSON has no end for it, pickle has."""
    endless: list[object] = []
    endless.append(endless)
    stored = ObjectWriter(tmp_path / "1.journal", lambda _: None).content_of(endless)
    assert isinstance(stored, StoredObject)
    (inner,) = loaded = load_object(tmp_path / "1.journal", stored)
    assert inner is loaded


def test_a_value_without_a_readable_form_is_kept_all_the_same(tmp_path: Path) -> None:
    """Its own repr may fail; there is a text anyhow, and a long one is cut."""

    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError

    writer = ObjectWriter(tmp_path / "1.journal", lambda _: None)
    shy, long = writer.content_of(Shy()), writer.content_of(("x" * 10_000,))
    assert isinstance(shy, StoredObject)
    assert isinstance(long, StoredObject)
    assert shy.text.startswith("<")
    assert (len(long.text), long.text[-1]) == (500, "…")


def test_damaged_values_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    """A file that is gone or too short is never an empty value."""
    journal = tmp_path / "1.journal"
    stored = StoredObject(10, 20, ObjectFormat.JSON, "list")
    for content in (None, b"short"):
        if content is not None:
            journal.with_suffix(".objects").write_bytes(content)
        with pytest.raises(HomeUnusable, match=r"1\.objects does not hold"):
            load_bytes(journal, stored)


def test_a_result_in_an_unknown_persistent_id_is_refused() -> None:
    """Nothing is granted by default."""
    payload = dump(
        functions.length_of,
        (functions.Secret("x"),),
        persistent=lambda v: "s" if isinstance(v, functions.Secret) else None,
    )
    with pytest.raises(LookupError):
        load(payload, {}.__getitem__)
