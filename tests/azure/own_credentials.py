"""Credentials as users write them: the credential process must live with each."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceRequestError
from azure.identity import ClientSecretCredential


class HomeMade:
    """Gives real tokens of the embedded cloud, by what it was told and what its environment says."""

    def __init__(self, tenant: str, client: str, url: str, ca_file: str) -> None:
        self._arguments = (tenant, client)
        self._network = {"authority": url, "disable_instance_discovery": True, "connection_verify": ca_file}

    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        """Return a token; the secret is in this process's environment."""
        with ClientSecretCredential(*self._arguments, os.environ["OWN_SECRET"], **self._network) as inner:
            return inner.get_token(*scopes, **kwargs)


class Says:
    """Tells about itself in its token."""

    def __init__(self) -> None:
        self.asked = 0

    def get_token(self, *scopes: str, **kwargs: Any) -> AccessToken:
        """Return who and where it is, as token."""
        self.asked += 1
        said = [str(Path.cwd()), str(os.getpid()), str(self.asked), *scopes, *(f"{k}={v}" for k, v in kwargs.items())]
        return AccessToken(" ".join(said), int(time.time()) + 3600)


class Asynchronous:
    """As those of azure.identity.aio."""

    async def get_token(self, *_scopes: str, **_kwargs: Any) -> AccessToken:
        """Return a token, some time later."""
        return AccessToken("later", 2_000_000_000)


class Fails:
    """Does what it is told in place of giving a token."""

    def __init__(self, how: str) -> None:
        self.how = how

    def get_token(self, *_scopes: str, **_kwargs: Any) -> Any:  # noqa: RET503 - each way to fail
        """Fail."""
        match self.how:
            case "raise":
                raise RuntimeError("the badge of ada is not in the reader\nmore of it")
            case "network":
                raise ServiceRequestError("no route to host")
            case "hang":
                if "OWN_MARK" in os.environ:
                    Path(os.environ["OWN_MARK"]).touch()
                threading.Event().wait()
            case "leave":
                sys.exit("enough")
            case "die":
                os._exit(3)
            case "nothing":
                return None
            case "print":
                sys.stdout.write("hunter2-of-stdout\n")
                sys.stdout.flush()
                os.write(2, b"hunter2-of-stderr\n")
                return AccessToken("printed", 2_000_000_000)
