"""Keep the token of a context in its cloud when an official SDK client sends it.

A client follows redirects and page links of its own; this stands behind its
redirects and retries, so that each request comes by here before it goes out.
"""

from __future__ import annotations

from typing import Any

from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from azjobs.core.context import Environment, host_of
from azjobs.core.errors import WrongTarget


class StayInCloud(SansIOHTTPPolicy[Any, Any]):
    """A policy of azure-core that refuses every host outside an environment."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def on_request(self, request: PipelineRequest[Any]) -> None:
        """Let a request pass or refuse it.

        Raises:
            WrongTarget: its host is outside the environment, or not https.
        """
        host = host_of(request.http_request.url)
        if not host or host not in self._environment.hosts:
            where = host or "The address"
            raise WrongTarget(f"{where} is no part of {self._environment.name}; nothing was sent there.")
