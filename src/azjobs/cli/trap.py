"""Refuse a password on the command line before anything reads it: others can see arguments. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from azjobs.core.errors import InvalidInput

SENTENCE = "Passwords are not taken as arguments (others can see them). Use --password-stdin or a named credential."
#: Everything in a sign-in or credential that is secret, however it is spelled.
SECRETS = frozenset(
    {"password", "certificatepassword", "accesstoken", "federatedtoken", "clientassertion", "secret", "clientsecret"}
)
_OPTION = re.compile(r"--?([A-Za-z][\w-]*)")


def refuse_passwords(words: Sequence[str]) -> None:
    """Refuse a line that holds a password as an argument; what follows `--` is another program's.

    Raises:
        InvalidInput: it does.
    """
    for word in words:
        if word == "--":
            return
        match = _OPTION.match(word)
        if match is not None and match[1].replace("-", "").replace("_", "").lower() in SECRETS:
            raise InvalidInput(SENTENCE)
