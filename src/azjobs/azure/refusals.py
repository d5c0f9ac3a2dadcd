"""Say in one sentence why a sign-in did not work, and whether trying again can help.

Pure. Codes: learn.microsoft.com, entra/identity-platform/reference-error-codes.
No sentence holds a token or a secret, whatever Entra's own text says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

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
    "50076": "{account} must prove itself to tenant {tenant} by a second factor, which needs a person.",
    "50079": "{account} must first register a second factor in tenant {tenant}, which needs a person.",
    "50158": "Tenant {tenant} asks {account} for a further proof, which needs a person.",
    "50020": "{account} is not known in tenant {tenant}.",
    "50053": "{account} is locked after too many tries with a wrong password.",
    "50078": "The second factor of {account} has expired, and must be shown again by a person.",
    "50132": "The sign-in of {account} was withdrawn, as after a change of password.",
    "53000": "Tenant {tenant} asks {account} for a device that it manages.",
    "65001": "Nobody has consented that {account} is signed in through this application in tenant {tenant}.",
    "70021": "Tenant {tenant} trusts no federated credential that fits the one which {account} showed.",
    "70043": "The sign-in of {account} has expired by a policy of tenant {tenant}.",
    "700003": "The device on which {account} signed in is no longer known.",
    "700084": "The sign-in of {account} has expired: a single page application's lasts a day.",
    "700211": "Tenant {tenant} trusts no federated credential of the issuer that {account} showed.",
    "700213": "Tenant {tenant} trusts no federated credential of the subject that {account} showed.",
    "50173": "The sign-in of {account} was withdrawn, as after a change of password.",
    "700082": "The sign-in of {account} has expired after a time without use.",
    "53003": "A conditional access policy keeps {account} out.",
    "500011": "Tenant {tenant} does not know the service that a token was asked for.",
}
LONGEST_PAUSE_S = 300.0  # guess: whoever asks to be left alone for longer is asked again after this
_TOO_MANY, _BROKEN = 429, 500  # HTTP
# About what the token is for: the service, its scope, a role in it. Who signs in again meets the same.
_OF_SCOPE = frozenset({"500011", "500014", "50105", "70011", "1002012"})
_LATER = frozenset({"90033", "90012", "50196", "90055"})  # overloaded, timed out, too many requests in a loop


class SignInUnavailable(AzJobsError):
    """The sign-in service cannot be reached or is overloaded just now; trying again later can help.

    `delay_s`: how long it asked to be left alone, 0 when it did not say.
    """

    def __init__(self, message: str, *, delay_s: float = 0.0) -> None:
        super().__init__(message)
        self.delay_s = delay_s


def explain(
    text: str, *, account: str, tenant: str, is_network: bool = False, status: int = 0, delay_s: float = 0.0
) -> SignInFailed | SignInUnavailable:
    """Return the error that stands for what azure-identity said.

    `is_network`: no answer came at all; `status` and `delay_s`: of the HTTP answer, its Retry-After.
    """
    if is_network:
        return SignInUnavailable(f"The sign-in service cannot be reached: {clean(text)}")
    found = _CODE.search(text)
    code = found[1] if found else ""
    # Only a tenant's address that answers with an error leads here; one that does not answer is `is_network`.
    if not code and "Unable to get authority configuration" in text:
        code = "90002"
    if status == _TOO_MANY or (not code and re.search(r"HTTP Error: 429", text)):
        wait = f" It asked to wait {delay_s:g} s." if delay_s else ""
        return SignInUnavailable(f"The sign-in service asks for fewer sign-ins{_named(code)}.{wait}", delay_s=delay_s)
    if code in _LATER or status >= _BROKEN or re.search(r"HTTP Error: 5\d\d", text):
        problem = f"The sign-in service is overloaded{_named(code)}: {clean(text)}"
        return SignInUnavailable(problem, delay_s=delay_s)
    if code in _SENTENCES:
        sentence = _SENTENCES[code].format(account=account or "this account", tenant=tenant or "this one")
        sentence = sentence if account else sentence[0].upper() + sentence[1:]
        failure = SignInFailed(f"{sentence}{_named(code)} {CONNECT}")
    else:
        failure = SignInFailed(f"The sign-in of {account or 'this account'} was refused: {clean(text)} {CONNECT}")
    failure.is_of_scope = code in _OF_SCOPE
    return failure


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Return for how many seconds a service asks to be left alone [RFC 9110]; 0 when it does not say."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    try:
        return min(max(0.0, float(text)), LONGEST_PAUSE_S)
    except ValueError:
        return 0.0


def clean(text: str) -> str:
    """Return the first line of a message without trace ids, and without anything that looks like a token."""
    text = text.strip().removeprefix("Authentication failed: ")
    line = _TAIL.sub("", text).partition("\n")[0]
    line = _TOKEN.sub("…", line).strip()[:_LONGEST_TEXT]
    return line if line.endswith((".", "!", "?")) else f"{line}."


def _named(code: str) -> str:
    return f" (AADSTS{code})" if code else ""
