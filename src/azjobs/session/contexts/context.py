"""A context in the hand: a value that can be compared, passed to a job, entered by `with`, and give tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec

from azjobs.core.context import Account, ContextValue, Environment, Subscription, Tenant, is_same
from azjobs.session.contexts import blocks

if TYPE_CHECKING:
    from azjobs.session.contexts.async_token import AsyncBrokeredCredential
    from azjobs.session.contexts.token import BrokeredCredential

ClientT = TypeVar("ClientT")


class Context:
    """An account, a tenant, a subscription and an environment; it holds no secret and never changes.

    `with context:` makes it current for this thread or task, until the block ends. Meanwhile a command on
    another thread or task that names no context raises AmbiguousContext: it can mean either.
    """

    __slots__ = ("value",)

    def __init__(self, value: ContextValue) -> None:
        self.value = value

    @property
    def name(self) -> str:
        """The name it goes by."""
        return self.value.name

    @property
    def account(self) -> Account:
        """Who is signed in."""
        return self.value.account

    @property
    def tenant(self) -> Tenant:
        """The directory."""
        return self.value.tenant

    @property
    def subscription(self) -> Subscription | None:
        """The subscription; None when the account sees none."""
        return self.value.subscription

    @property
    def environment(self) -> Environment:
        """The cloud."""
        return self.value.environment

    @property
    def credential(self) -> BrokeredCredential:
        """A TokenCredential of azure-core for this context: the daemon fetches its tokens."""
        from azjobs.session.contexts.token import BrokeredCredential  # noqa: PLC0415 - most programs need no token of their own

        return BrokeredCredential(self.value)

    @property
    def async_credential(self) -> AsyncBrokeredCredential:
        """An AsyncTokenCredential of azure-core for this context, as `async with context.credential` gives it."""
        return self.credential.to_async()

    def client(self, kind: type[ClientT], **options: Any) -> ClientT:
        """Return an official Azure SDK client bound to this context: its credential, subscription and cloud.

        Args:
            kind: the client's class, as `ComputeManagementClient`, also an asynchronous one of `aio`.
            options: further arguments of that class; they win over the context's.

        Raises:
            InvalidInput: the class needs a subscription, and the context has none.
        """
        from azjobs.session.contexts.clients import make_client  # noqa: PLC0415 - as above

        return make_client(self, kind, options)

    def __enter__(self) -> Self:
        """Make it current here."""
        blocks.enter(self, self.value)
        return self

    def __exit__(self, *_: object) -> None:
        """What was current before is current again."""
        blocks.leave(self)

    def __eq__(self, other: object) -> bool:
        """The same account, tenant, subscription, environment and sign-in, whatever the names."""
        if not isinstance(other, Context):
            return NotImplemented
        return is_same(self.value, other.value)

    def __hash__(self) -> int:
        return hash((self.value.key, self.value.scope))

    def __reduce__(self) -> tuple[object, ...]:
        """There is no secret in it; a job may use it only if it was granted."""
        return _load, (msgspec.to_builtins(self.value),)

    def __repr__(self) -> str:
        value = self.value
        subscription = f" subscription={value.subscription_label}" if value.subscription is not None else ""
        return (
            f"<Context {value.name!r} account={value.account_label} tenant={value.tenant_label}"
            f"{subscription} environment={value.environment.name}>"
        )

    def _repr_html_(self) -> str:
        """For notebooks."""
        from html import escape  # noqa: PLC0415 - notebooks only

        value = self.value
        mark = " <b>[SIMULATOR]</b>" if value.environment.is_simulator else ""
        parts = (value.account_label, value.tenant_label, value.environment.name)
        return f"<b>{escape(value.name)}</b> ({escape(', '.join(parts))}){mark}"


def _load(data: dict[str, Any]) -> Context:
    return Context(msgspec.convert(data, ContextValue))
