"""Fetch what a cloud tells of its addresses: one GET over https, without a token and without following a redirect."""

from __future__ import annotations

import ssl
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

import msgspec

from azjobs.core.environments import address
from azjobs.core.errors import AzJobsError, InvalidInput

LIMIT_S = 30.0  # guess: one small answer, also through a slow proxy
CAP_BYTES = 1024 * 1024  # guess: the public cloud's has 4 kB


class MetadataUnavailable(AzJobsError):
    """The metadata of the cloud cannot be fetched; nothing was changed."""


class _Stay(HTTPRedirectHandler):
    """An address that is trusted to describe a cloud is not traded for another one."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none: its status is an error then."""


def fetch_metadata(url: str, *, ca_file: str = "") -> Any:
    """Return the JSON at an https address; `ca_file` is a certificate authority to trust for it.

    Raises:
        InvalidInput: it is no https address, or the file holds no certificate.
        MetadataUnavailable: it cannot be reached, or answers with something else.
    """
    address(url, "metadata address")
    opener = build_opener(HTTPSHandler(context=_trust(ca_file)), _Stay())
    try:
        with opener.open(Request(url, headers={"Accept": "application/json"}), timeout=LIMIT_S) as reply:  # noqa: S310 - https, see above
            data = reply.read(CAP_BYTES + 1)
    except HTTPError as error:
        raise MetadataUnavailable(f"{url} answers with status {error.code}; nothing was changed.") from None
    except (URLError, OSError, HTTPException, ValueError) as error:
        why = getattr(error, "reason", error)
        raise MetadataUnavailable(f"{url} cannot be reached: {why}; nothing was changed.") from None
    try:
        return msgspec.json.decode(data if len(data) <= CAP_BYTES else b"")
    except (msgspec.DecodeError, RecursionError):
        raise MetadataUnavailable(f"{url} does not answer with JSON; nothing was changed.") from None


def _trust(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else "it holds no certificate"
            raise InvalidInput(f"{ca_file} cannot be read as a certificate authority: {why}.") from None
    return context
