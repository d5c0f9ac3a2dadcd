"""People in the directory of the embedded cloud, and a browser that does for them what its page says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from terminal import Home

_BROWSER = """#!{python}
import os, sys
if os.fork():
    os._exit(0)  # whoever opened it listens only when it has returned
sys.path.insert(0, {tests!r})
from entra_clients import FormBrowser
FormBrowser({ca_file!r})._visit(sys.argv[1])
"""


class Person(NamedTuple):
    """A person, by user name, with the ids of the home tenant and of the others by their names."""

    username: str
    home: str
    tenants: dict[str, str]
    subscriptions: dict[str, str]  # by name


def add_person(home: Home, name: str, tenants: dict[str, dict[str, Any]]) -> Person:
    """Add a person whose first tenant is the home; each tenant: `subscriptions` (names) and what the control takes."""
    username = f"{name}-{uuid4().hex[:6]}@{name}.example"
    ids = {tenant: str(uuid4()) for tenant in tenants}
    subscriptions = {one: str(uuid4()) for about in tenants.values() for one in about.get("subscriptions", ())}
    first, *guests = ids.values()
    home.cloud.directory(
        tenants=[{"id": ids[tenant], "name": tenant, **_limits(about)} for tenant, about in tenants.items()],
        subscriptions=[
            {"id": subscriptions[one], "name": one, "tenant_id": ids[tenant], "state": about.get("state", "Enabled")}
            for tenant, about in tenants.items()
            for one in about.get("subscriptions", ())
        ],
        users=[
            {
                "username": username,
                "tenant_id": first,
                "password": "a-long-password",
                "guest_of": guests,
                "rights": {f"/subscriptions/{ident}": "Owner" for ident in subscriptions.values()},
            }
        ],
    )
    return Person(username, first, ids, subscriptions)


def _limits(about: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in about.items() if name not in ("subscriptions", "state")}


def make_browser(folder: Path, ca_file: str) -> Path:
    """Write a program for the variable BROWSER."""
    program = folder / "browser"
    tests = str(Path(__file__).parent / "simulator")
    program.write_text(_BROWSER.format(python=sys.executable, tests=tests, ca_file=ca_file))
    program.chmod(0o755)
    return program
