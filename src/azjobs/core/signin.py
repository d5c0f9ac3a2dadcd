"""How a sign-in is described so that the daemon can build the credential again.

A description holds no secret: the secrets it needs are named in `secret_names`
and travel apart, kept in memory by the keeper.
"""

from __future__ import annotations

from typing import Any

import msgspec

from azjobs.core.context import Environment, SignInKey


class SignIn(msgspec.Struct, frozen=True, omit_defaults=True):
    """One account's way to tokens, without its secrets.

    `kind` is the name of the azure-identity class; `arguments` are its keyword
    arguments that are not secret, `secret_names` those that are.
    `is_saved`: it may be kept on disk; its secrets only where a keyring protects
    them, or `may_be_unencrypted`. `proxy`, `no_proxy` and `ca_file` are how the
    network of whoever signed in is left: the daemon connects in their place. A
    proxy that asks for a password is the secret "proxy" instead.
    """

    key: SignInKey
    kind: str
    environment: Environment
    arguments: dict[str, Any] = {}
    secret_names: tuple[str, ...] = ()
    is_saved: bool = False
    may_be_unencrypted: bool = False
    proxy: str = ""
    no_proxy: str = ""
    ca_file: str = ""
