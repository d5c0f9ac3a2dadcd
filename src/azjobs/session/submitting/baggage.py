"""Collect what travels beside a pickle: contexts as grants, secrets by the private channel.

Each is given a persistent id while the call is pickled, wherever in it (an
argument, a closure, a global that the function uses) it is found:

    context:N             the Nth grant of the job
    tokens:N              the TokenCredential of the Nth grant
    async-tokens:N        its AsyncTokenCredential
    secret:NAME           a SecureString
    credential:NAME:USER  a Credential; NAME is its password's
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TypeGuard

from azjobs.core.context import ContextValue
from azjobs.core.secret import Credential, SecureString
from azjobs.session.contexts.context import Context
from azjobs.session.contexts.token import BrokeredCredential
from azjobs.session.link.named_secret import NamedSecret

if TYPE_CHECKING:
    from azjobs.session.contexts.async_token import AsyncBrokeredCredential


class Baggage:
    """What one job is given beside its pickle; `own` is the context it acts in."""

    def __init__(self, own: ContextValue | None) -> None:
        self.grants: list[ContextValue] = [own] if own is not None else []
        self.clear: dict[str, SecureString] = {}
        self.named: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self._names: dict[int, tuple[SecureString, str]] = {}  # by id; what is kept alive keeps its id

    def name_of(self, value: object) -> str | None:
        """Return the persistent id of what must not be pickled; None for the rest."""
        if isinstance(value, Context):
            return f"context:{self._grant(value.value)}"
        if isinstance(value, Credential):
            return f"credential:{self._secret(value.password, f'The password of {value.username}')}:{value.username}"
        if isinstance(value, SecureString):
            return f"secret:{self._secret(value, 'A secret argument')}"
        if isinstance(value, BrokeredCredential):
            return f"tokens:{self._grant(value.context)}"
        if _is_async_credential(value):
            return f"async-tokens:{self._grant(value.context)}"
        return None

    def _grant(self, context: ContextValue) -> int:
        if context not in self.grants:
            self.grants.append(context)
        return self.grants.index(context)

    def _secret(self, secret: SecureString, question: str) -> str:
        known = self._names.get(id(secret))
        if known is not None:
            return known[1]
        name = f"secret-{len(self._names) + 1}"
        self._names[id(secret)] = (secret, name)
        self.asks[name] = question
        if isinstance(secret, NamedSecret):
            self.named[name] = secret.name
        else:
            self.clear[name] = secret
        return name


def _is_async_credential(value: object) -> TypeGuard[AsyncBrokeredCredential]:
    """Whether it is one; where nobody has imported them there are none."""
    module = sys.modules.get("azjobs.session.contexts.async_token")
    return module is not None and isinstance(value, module.AsyncBrokeredCredential)
