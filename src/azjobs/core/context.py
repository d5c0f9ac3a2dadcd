"""What a context is: account, tenant, subscription and environment, frozen and without secrets.

Names and ids are compared without case, as Azure does. A grant is a context
as a job holds it: a copy made at submit, which nothing can change afterwards.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import chain, count
from urllib.parse import urlsplit
from uuid import UUID

import msgspec


class AccountType(StrEnum):
    """Who signs in; Azure PowerShell's words."""

    USER = "User"
    SERVICE_PRINCIPAL = "ServicePrincipal"
    MANAGED_SERVICE = "ManagedService"
    ACCESS_TOKEN = "AccessToken"  # noqa: S105 - a kind of account, not a secret


class EnvironmentType(StrEnum):
    """Where an environment is known from; Azure PowerShell's words."""

    BUILT_IN = "Built-in"
    DISCOVERED = "Discovered"
    USER_DEFINED = "User-defined"


class Environment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A cloud: where its Resource Manager and its sign-in service are.

    `audience`: what Resource Manager's tokens are for, where that is not its own
    address (Azure Stack). `endpoints`: names with further addresses and suffixes.
    `ca_file` is a certificate authority to trust for these hosts only.
    `settle_s`: after how many seconds an unanswered request has either taken
    effect or never will. Azure ends a call to a provider after 60 s
    [ARM RPC, common-api-details, "Timeouts"].
    """

    name: str
    resource_manager_url: str
    authority_url: str
    ca_file: str = ""
    settle_s: float = 60.0
    is_simulator: bool = False
    type: EnvironmentType = EnvironmentType.USER_DEFINED
    audience: str = ""
    endpoints: tuple[tuple[str, str], ...] = ()

    @property
    def hosts(self) -> frozenset[str]:
        """The `host:port` pairs a token of this environment may be sent to."""
        return frozenset({host_of(self.resource_manager_url)} - {""})

    @property
    def scope(self) -> str:
        """The token scope of this environment's Resource Manager."""
        return (self.audience or self.resource_manager_url).rstrip("/") + "/.default"


# Endpoints: azure-powershell-common, EnvironmentName and AzureEnvironmentConstants.
AZURE_CLOUD = Environment(
    "AzureCloud",
    "https://management.azure.com",
    "https://login.microsoftonline.com",
    type=EnvironmentType.BUILT_IN,
)
AZURE_CHINA_CLOUD = Environment(
    "AzureChinaCloud",
    "https://management.chinacloudapi.cn",
    "https://login.chinacloudapi.cn",
    type=EnvironmentType.BUILT_IN,
)
AZURE_US_GOVERNMENT = Environment(
    "AzureUSGovernment",
    "https://management.usgovcloudapi.net",
    "https://login.microsoftonline.us",
    type=EnvironmentType.BUILT_IN,
)
BUILT_IN_ENVIRONMENTS = (AZURE_CLOUD, AZURE_CHINA_CLOUD, AZURE_US_GOVERNMENT)
SIMULATOR_NAME = "AzureSimulator"


class Account(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is signed in. `display` is shown where it is known and says more than the id."""

    id: str
    type: AccountType
    display: str = ""


class Tenant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A directory."""

    id: str
    name: str = ""


class Subscription(msgspec.Struct, frozen=True, omit_defaults=True):
    """A subscription."""

    id: str
    name: str = ""
    state: str = "Enabled"


USER_SCOPE = "user"  # of a context or sign-in that is saved


class ContextKey(msgspec.Struct, frozen=True, order=True):
    """What makes two contexts the same one: never the name [azure-powershell, AzureRmProfile]."""

    environment: str
    account: str
    tenant: str
    subscription: str


class SignInKey(msgspec.Struct, frozen=True, order=True):
    """Which sign-in a context uses: one an account, tenant and environment."""

    environment: str
    account: str
    tenant: str

    def __str__(self) -> str:
        """One line, for keys of stores."""
        return f"{self.environment}|{self.account}|{self.tenant}"


class ContextValue(msgspec.Struct, frozen=True, omit_defaults=True):
    """A context as data: (account, tenant, subscription, environment) and the name it goes by.

    `scope` names whose sign-in it uses: "user" for a saved one, else the key of
    the session that signed in. `object_id`: the account's own id in the tenant, as
    its tokens have it (claim `oid`); "" where it is not known.
    """

    name: str
    account: Account
    tenant: Tenant
    environment: Environment
    subscription: Subscription | None = None
    scope: str = USER_SCOPE
    object_id: str = ""

    @property
    def key(self) -> ContextKey:
        """The identity of this context."""
        subscription = self.subscription.id if self.subscription else ""
        parts = (self.environment.name, self.account.id, self.tenant.id, subscription)
        return ContextKey(*(part.lower() for part in parts))

    @property
    def sign_in_key(self) -> SignInKey:
        """Which sign-in gives this context its tokens."""
        return SignInKey(*(p.lower() for p in (self.environment.name, self.account.id, self.tenant.id)))

    @property
    def account_label(self) -> str:
        """What to show for the account."""
        return self.account.display or self.account.id

    @property
    def tenant_label(self) -> str:
        """What to show for the tenant."""
        return self.tenant.name or self.tenant.id

    @property
    def subscription_label(self) -> str:
        """What to show for the subscription."""
        return (self.subscription.name or self.subscription.id) if self.subscription else ""


def host_of(url: str) -> str:
    """Return `host:port` of an absolute https URL, lower-cased; "" when it is anything else."""
    try:
        parts = urlsplit(url)
        port = 443 if parts.port is None else parts.port
    except ValueError:  # a port that is none, or half an IPv6 address
        return ""
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        return ""
    return f"{parts.hostname.lower()}:{port}"


def is_same(one: ContextValue, other: ContextValue | None) -> bool:
    """Whether two are the same context with the same sign-in, whatever their names."""
    return other is not None and (one.key, one.scope) == (other.key, other.scope)


def is_guid(text: str) -> bool:
    """Whether a text is an id as tenants, applications and subscriptions have it, and not a name."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def default_name(context: ContextValue, taken: frozenset[str] = frozenset()) -> str:
    """Return the name of a new context: its subscription's name, or more where that one is taken.

    Azure PowerShell's default name is `Name (Id) - Tenant - Account`; ours is short while it can be.
    """
    short = context.subscription_label or context.tenant_label
    longer = f"{short} - {context.tenant_label}"
    longest = f"{longer} - {context.account_label}"
    lower = {name.lower() for name in taken}
    ident = context.subscription.id if context.subscription else context.tenant.id
    full = f"{longest} ({ident})"
    candidates = (short, longer, longest, full)
    numbered = (f"{full} {number}" for number in count(2))
    return next(name for name in chain(candidates, numbered) if name.lower() not in lower)
