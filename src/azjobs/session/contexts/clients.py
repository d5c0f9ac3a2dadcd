"""Build official Azure SDK clients that are bound to a context: its credential, subscription, cloud and authority."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from azjobs.core.errors import InvalidInput

if TYPE_CHECKING:
    from azjobs.session.contexts.context import Context

ClientT = TypeVar("ClientT")


def make_client(context: Context, kind: type[ClientT], options: dict[str, Any]) -> ClientT:
    """Return a client of the class `kind`; `options` win over what the context says.

    Raises:
        InvalidInput: the class needs a subscription and the context has none.

    The client raises WrongTarget for any address outside the context's cloud.
    """
    environment = context.environment
    url = environment.resource_manager_url
    arguments: dict[str, Any] = {"base_url": url, "credential_scopes": [environment.scope]}
    if environment.ca_file:
        arguments["connection_verify"] = environment.ca_file
    if environment.is_simulator:
        arguments["use_env_settings"] = False  # it is on loopback: no proxy and no other authority of the environment
    if "subscription_id" in inspect.signature(kind).parameters and "subscription_id" not in options:
        if context.subscription is None:
            raise InvalidInput(f"{kind.__name__} needs a subscription, and the context {context.name} has none.")
        arguments["subscription_id"] = context.subscription.id
    if "credential" in options:
        return kind(**{**arguments, **options})
    from azjobs.session.contexts.sdk_guard import StayInCloud  # noqa: PLC0415 - imports azure-core, as every client does

    # The context's own token stays in the context's cloud.
    own = options.get("per_retry_policies") or ()
    others = own if isinstance(own, Sequence) else (own,)
    policies = [*others, StayInCloud(environment)]
    is_async = ".aio." in f"{kind.__module__}."
    arguments["credential"] = context.async_credential if is_async else context.credential
    return kind(**{**arguments, **options, "per_retry_policies": policies})
