"""Secrets are not seen: not printed, not formatted, not logged, not pickled, not in an error."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import string
import traceback
from collections.abc import Callable

import cloudpickle
import msgspec
import pytest

from azjobs.core.errors import CannotSend, InvalidInput
from azjobs.core.secret import Credential, SecureString

CANARY = "c4nary-in-a-c0al-mine"
SECRET = SecureString(CANARY)
CREDENTIAL = Credential("vmadmin", SECRET)


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        format,
        lambda value: f"{value} {value!r} {value!s} {value!a} {value:>40} {value:s}",
        lambda value: "%s %r %a" % (value, value, value),  # noqa: UP031 - this very way is tried
        lambda value: "{} {0!r}".replace("{}", "{0}").format(value),
        lambda value: string.Template("$value").substitute(value=value),
        lambda value: repr([value, {"key": value}, (value,)]),
        pprint.pformat,
        lambda value: pprint.pformat({"deep": [value]}, width=1),
        lambda value: repr(dir(value)),
        lambda value: repr(type(value).__dict__),
    ],
    ids=range(13),
)
@pytest.mark.parametrize("value", [SECRET, CREDENTIAL], ids=["SecureString", "Credential"])
def test_secret_is_not_shown(value: object, show: Callable[[object], str]):
    """Whatever turns it into text shows what it is, not what it holds."""
    assert CANARY not in show(value)


def test_mask_says_what_it_is():
    """A secret shows its kind; a credential its user, which is no secret."""
    assert (str(SECRET), f"{SECRET:x}") == ("<SecureString>", "<SecureString>")
    assert (str(CREDENTIAL), f"{CREDENTIAL:10}") == ("<Credential vmadmin>", "<Credential vmadmin>")


def test_secret_is_not_logged(caplog: pytest.LogCaptureFixture):
    """A log line with a secret in its arguments holds the mask."""
    logging.getLogger("test").error("with %s and %r", SECRET, CREDENTIAL)
    assert caplog.messages == ["with <SecureString> and <Credential vmadmin>"]


@pytest.mark.parametrize("value", [SECRET, CREDENTIAL, [SECRET], {"key": CREDENTIAL}], ids=range(4))
@pytest.mark.parametrize(
    "copying",
    [
        *(lambda value, number=number: pickle.dumps(value, number) for number in range(pickle.HIGHEST_PROTOCOL + 1)),
        cloudpickle.dumps,
        lambda value: cloudpickle.dumps(lambda: value),
        copy.deepcopy,
    ],
    ids=range(pickle.HIGHEST_PROTOCOL + 4),
)
def test_secret_refuses_to_be_pickled(value: object, copying: Callable[[object], object]):
    """In every protocol, alone, inside something and in a closure; and the refusal does not show it either."""
    with pytest.raises(CannotSend, match="cannot be pickled") as refusal:
        copying(value)
    assert CANARY not in "".join(traceback.format_exception(refusal.value))


@pytest.mark.parametrize("encode", [json.dumps, msgspec.json.encode, msgspec.msgpack.encode])
@pytest.mark.parametrize("value", [SECRET, CREDENTIAL, {"key": [SECRET]}], ids=range(3))
def test_secret_refuses_to_be_encoded(value: object, encode: Callable[[object], object]):
    """Encoders that were not told how to do it refuse, without showing it."""
    with pytest.raises(TypeError) as refusal:
        encode(value)
    assert CANARY not in repr(refusal.value)


def test_secret_is_had_by_asking_for_it():
    """`reveal` gives it, as it was."""
    assert SECRET.reveal() == CANARY
    assert CREDENTIAL.password.reveal() == CANARY
    assert len(SECRET) == len(CANARY)
    assert SecureString("pässwörd €").reveal() == "pässwörd €"


def test_secrets_compare_by_content():
    """Equal secrets are equal and hash alike; a secret never equals its text."""
    assert SecureString("ä") == SecureString("ä")
    assert SecureString("a") != SecureString("b")
    assert SECRET != CANARY
    assert CREDENTIAL != ("vmadmin", SECRET)
    assert len({SecureString("a"), SecureString("a"), SecureString("b")}) == 2
    assert Credential("u", SecureString("a")) == Credential("u", SecureString("a"))
    assert Credential("u", SecureString("a")) != Credential("v", SecureString("a"))
    assert Credential("u", SecureString("a")) != Credential("u", SecureString("b"))
    assert len({Credential("u", SecureString("a")), Credential("u", SecureString("a")), Credential("v")}) == 2


@pytest.mark.parametrize(
    "make",
    [
        lambda: SecureString(CANARY.encode()),  # type: ignore[arg-type]
        lambda: SecureString(SECRET),  # type: ignore[arg-type]
        lambda: Credential("vmadmin", CANARY),  # type: ignore[arg-type]
        lambda: Credential(SECRET),  # type: ignore[arg-type]
        lambda: Credential("  "),
    ],
    ids=range(5),
)
def test_wrong_type_is_refused_without_showing_it(make: Callable[[], object]):
    """A password that comes as anything else is refused at once, and the error does not hold it."""
    with pytest.raises(TypeError) as refusal:
        make()
    assert CANARY not in repr(refusal.value)


def test_text_that_is_no_unicode_is_refused_without_showing_it():
    """Undecoded bytes are refused when the secret is made: an error of encoding it later would carry all of it."""
    with pytest.raises(InvalidInput, match="Unicode") as refusal:
        SecureString(CANARY + "\udcff")
    assert CANARY not in repr(refusal.value)
    assert refusal.value.__context__ is None


def test_credential_without_password_has_an_empty_one():
    """A user name alone is a credential with an empty password."""
    assert Credential("vmadmin").password.reveal() == ""
