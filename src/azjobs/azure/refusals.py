"""Say in one sentence why a sign-in did not work, and whether trying again can help.

Pure. Codes: learn.microsoft.com, entra/identity-platform/reference-error-codes.
No sentence holds a token or a secret, whatever Entra's own text says.
"""

from __future__ import annotations

import re

from azjobs.core.errors import AzJobsError, SignInFailed

CONNECT = "Type: azjobs account connect"
_CODE = re.compile(r"AADSTS(\d+)")
_TAIL = re.compile(r"\s*Trace ID:.*", re.DOTALL)
_TOKEN = re.compile(r"eyJ[\w-]{8,}(?:\.[\w-]*)*|[\w~+/=.-]{60,}")
_LONGEST_TEXT = 300  # guess: what still reads as one sentence

_SENTENCES = {
    "7000215": "The client secret of {account} is wrong: use the secret's value, not its id.",
    "7000222": "The client secret of {account} has expired: make a new one in Entra, then sign in again.",
    "700016": "There is no application {account} in tenant {tenant}.",
    "700027": "The certificate of {account} is not one that Entra knows for it.",
    "700024": "The federated token of {account} has expired: its file must be renewed.",
    "90002": "There is no tenant {tenant}.",
    "900023": "There is no tenant {tenant}.",
    "50034": "There is no account {account} in tenant {tenant}.",
    "50126": "The user name or password of {account} is wrong.",
    "50057": "{account} is disabled.",
    "50076": "{account} must prove itself by a second factor, which needs a person: sign in by az login.",
    "50079": "{account} must first register a second factor, which needs a person: sign in by az login.",
    "50173": "The sign-in of {account} was withdrawn, as after a change of password.",
    "700082": "The sign-in of {account} has expired after a time without use.",
    "53003": "A conditional access policy keeps {account} out.",
    "500011": "Tenant {tenant} does not know the service that a token was asked for.",
}
_LATER = frozenset({"90033", "90012", "50196", "90055"})  # overloaded, timed out, too many requests in a loop


class SignInUnavailable(AzJobsError):
    """The sign-in service cannot be reached or is overloaded just now; trying again later can help."""


def explain(text: str, *, account: str, tenant: str, is_network: bool = False) -> SignInFailed | SignInUnavailable:
    """Return the error that stands for what azure-identity said; `is_network`: no answer came at all."""
    if is_network:
        return SignInUnavailable(f"The sign-in service cannot be reached: {clean(text)}")
    found = _CODE.search(text)
    code = found[1] if found else ""
    # Only a tenant's address that answers with an error leads here; one that does not answer is `is_network`.
    if not code and "Unable to get authority configuration" in text:
        code = "90002"
    if code in _LATER or re.search(r"HTTP Error: (429|5\d\d)", text):
        return SignInUnavailable(f"The sign-in service is overloaded{_named(code)}: {clean(text)}")
    if code in _SENTENCES:
        sentence = _SENTENCES[code].format(account=account or "this account", tenant=tenant or "this one")
        sentence = sentence if account else sentence[0].upper() + sentence[1:]
        return SignInFailed(f"{sentence}{_named(code)} {CONNECT}")
    return SignInFailed(f"The sign-in of {account or 'this account'} was refused: {clean(text)} {CONNECT}")


def clean(text: str) -> str:
    """Return the first line of a message without trace ids, and without anything that looks like a token."""
    text = text.strip().removeprefix("Authentication failed: ")
    line = _TAIL.sub("", text).partition("\n")[0]
    line = _TOKEN.sub("…", line).strip()[:_LONGEST_TEXT]
    return line if line.endswith((".", "!", "?")) else f"{line}."


def _named(code: str) -> str:
    return f" (AADSTS{code})" if code else ""
