"""Claims of tokens, credentials that are asked for, and what `import azjobs` costs; nothing runs for any of it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from azjobs.core.claims import account_of, parse_claims, tenant_of
from azjobs.core.context import Account, AccountType


def token_of(claims: Any) -> str:
    return f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.sig"


@pytest.mark.parametrize(
    ("claims", "account"),
    [
        pytest.param({"upn": "a@b", "appid": "cli"}, Account("a@b", AccountType.USER), id="a-user-of-an-application"),
        pytest.param({"preferred_username": "a@b"}, Account("a@b", AccountType.USER), id="a-user-of-version-2"),
        pytest.param({"appid": "x"}, Account("x", AccountType.SERVICE_PRINCIPAL), id="an-application"),
        pytest.param({"azp": "x"}, Account("x", AccountType.SERVICE_PRINCIPAL), id="an-application-of-version-2"),
        pytest.param(
            {"appid": "x", "xms_mirid": "/subscriptions/…"},
            Account("x", AccountType.MANAGED_SERVICE),
            id="a-managed-identity",
        ),
        pytest.param({}, None, id="nobody"),
        pytest.param({"appid": 5}, None, id="not-text"),
    ],
)
def test_a_token_tells_whose_it_is(claims: dict[str, Any], account: Account | None) -> None:
    """As far as its claims do."""
    assert account_of(parse_claims(token_of(claims))) == account


def test_a_token_tells_its_tenant() -> None:
    """By the claim tid."""
    assert tenant_of(parse_claims(token_of({"tid": "t-1"}))) == "t-1"


@pytest.mark.parametrize("token", ["", "opaque", "a.b", "a.%%.c", "a.bm90anNvbg.c", token_of([1]), "a.é.c"])
def test_a_token_that_cannot_be_read_tells_nothing(token: str) -> None:
    """It is no error: opaque tokens are good tokens."""
    assert parse_claims(token) == {}


def test_a_password_that_is_at_hand_is_not_asked_for() -> None:
    """Nothing is shown of it."""
    credential = az.get_credential("vmadmin", password=az.SecureString("s3cret"))
    assert (credential.username, credential.password.reveal()) == ("vmadmin", "s3cret")
    assert f"{credential} {credential.password!r} {[credential]}" == (
        "<Credential vmadmin> <SecureString> [<Credential vmadmin>]"
    )


ASK = """
import azjobs as az
credential = az.get_credential({arguments})
print("got", credential.username, credential.password.reveal()[::-1])
"""


def test_without_a_terminal_a_password_cannot_be_asked_for() -> None:
    """The sentence says what to do."""
    done = subprocess.run(
        [sys.executable, "-c", ASK.format(arguments="'vmadmin'")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        start_new_session=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "InvalidInput: Password for vmadmin cannot be asked for: there is no terminal. Pass password=" in done.stderr


def test_a_password_is_asked_for_on_the_terminal_without_echo() -> None:
    """Also when standard input and output are elsewhere."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", ASK.format(arguments="'vmadmin', message='For MyVm'")])
    shown = b""
    while b"Password for vmadmin: " not in shown:
        shown += os.read(fd, 1024)
    os.write(fd, b"s3cret\n")
    try:
        while b"terc3s" not in shown:
            shown += os.read(fd, 1024)
    finally:
        os.waitpid(pid, 0)
        os.close(fd)
    assert b"For MyVm" in shown
    assert b"got vmadmin terc3s" in shown
    assert b"s3cret" not in shown


HEAVY = ("azure", "aiohttp", "rich", "asyncio", "cloudpickle", "ssl", "socket", "sqlite3")


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("import azjobs", ()),
        ("from azjobs.session.contexts.choosing import get_az_context", ()),
        ("import azjobs as az; az.get_job", ("sqlite3",)),
        ("import azjobs as az; az.start_job; az.receive_job; az.connect_az_account", ("sqlite3", "socket")),
    ],
)
def test_what_is_not_needed_is_not_imported(line: str, allowed: tuple[str, ...]) -> None:
    """A command line has sixty milliseconds altogether."""
    code = f"{line}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in HEAVY if name in loaded and name not in allowed] == []


def test_every_public_name_is_there_and_typed() -> None:
    """The lazy table and the list of names say the same."""
    missing = [name for name in az.__all__ if not hasattr(az, name)]
    assert missing == []
    source = Path(az.__file__).read_text()
    typed = source[source.index("if TYPE_CHECKING:") : source.index("#: Where each")]
    assert [name for name in az.__all__ if name not in typed] == []
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = az.nonsense
    assert set(az.__all__) <= set(dir(az))
