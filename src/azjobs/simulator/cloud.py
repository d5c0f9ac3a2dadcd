"""The whole state of one simulated cloud, in memory, and the parts every request needs: call, reply, route."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from azjobs.simulator.certificates import Identity
from azjobs.simulator.directory import Directory, Subscription, Tenant
from azjobs.simulator.faults import Action, Faults
from azjobs.simulator.inventory import Inventory
from azjobs.simulator.issuers import Issuers
from azjobs.simulator.journal import Effect, Journal, Request
from azjobs.simulator.limits import Limiter, Limits
from azjobs.simulator.operations import GOOD, Operations, Outcome
from azjobs.simulator.paths import ArmPath, parse_path
from azjobs.simulator.principals import Application, ClientSecret, Member, Principal, Role, User, object_id_of
from azjobs.simulator.settings import Kind, Settings
from azjobs.simulator.sign_in_state import SignInState
from azjobs.simulator.tokens import Claims, TokenSigner

Json = dict[str, Any]

TENANT_NAME = "Contoso"
TENANT_DOMAIN = "contoso.example"
SUBSCRIPTION_NAME = "Rehearsal"
ACCOUNT_NAME = "azjobs-demo"
USERNAME = f"dana@{TENANT_DOMAIN}"


class Cloud:
    """One simulated cloud. Nothing in it is safe to use from two threads."""

    def __init__(
        self,
        identity: Identity,
        *,
        steady: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Make an empty cloud for `identity`; `steady` measures durations and `wall` tells instants, in seconds."""
        self.identity = identity
        self.steady = steady
        self.wall = wall
        self.base_url = ""  # known once the port is bound
        self.signer = TokenSigner(identity.signing_key())
        self.journal = Journal()
        self.faults = Faults()
        self.limiter = Limiter(steady)
        self.settings = Settings()
        self.operations = Operations(self.settings, steady, wall)
        self.inventory = Inventory()
        self.directory = first_directory(identity)
        self.sign_in = SignInState()
        self.issuers = Issuers()
        #: What providers keep between requests, by their module's name; emptied by a reset.
        self.provider_state: dict[str, Any] = {}

    def reset(self) -> None:
        """Return to the state at the start; tokens stay good, nothing else stays."""
        self.settings = Settings()
        self.operations.use(self.settings)
        self.journal.clear()
        self.faults.clear()
        self.limiter.use(Limits())
        self.inventory = Inventory()
        self.directory = first_directory(self.identity)
        self.sign_in = SignInState()
        self.issuers.reset()
        self.provider_state.clear()


def first_directory(identity: Identity) -> Directory:
    """Return the directory every simulator begins with: one tenant, one subscription, three owners.

    They are an application with a secret, a user, and the system-assigned identity of the identity endpoint.
    """
    directory = Directory()
    directory.add_tenant(Tenant(identity.tenant_id, TENANT_NAME, TENANT_DOMAIN))
    directory.add_subscription(Subscription(identity.subscription_id, SUBSCRIPTION_NAME, identity.tenant_id))
    scope = f"/subscriptions/{identity.subscription_id}".lower()
    rights = {scope: Role.OWNER}
    directory.add_application(
        Application(
            tenant_id=identity.tenant_id,
            client_id=identity.client_id,
            object_id=identity.object_id,
            name=ACCOUNT_NAME,
            secrets=[ClientSecret(identity.client_secret)],
            rights=dict(rights),
        )
    )
    directory.add_application(
        Application(
            tenant_id=identity.tenant_id,
            client_id=object_id_of(identity.client_id, "system-assigned"),
            object_id=object_id_of(identity.tenant_id, "system-assigned"),
            name="system-assigned",
            identity_resource_id=f"{scope}/resourcegroups/host/providers/microsoft.web/sites/host",
            is_system_assigned=True,
            rights=dict(rights),
        )
    )
    home = Member(
        tenant_id=identity.tenant_id,
        object_id=object_id_of(identity.tenant_id, USERNAME),
        name="Dana",
        username=USERNAME,
        rights=dict(rights),
    )
    members = {identity.tenant_id.lower(): home}
    directory.add_user(User(USERNAME, "Dana", identity.tenant_id, identity.user_password, members=members))
    return directory


@dataclass(slots=True)
class Reply:
    """What to answer; `body` is encoded as JSON, None is an empty body. With `html` that is sent instead."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    html: str | None = None


@dataclass(slots=True)
class Call:
    """One request of the resource manager that is being answered."""

    cloud: Cloud
    method: str
    path: ArmPath
    query: Mapping[str, str]
    headers: Mapping[str, str]
    base_url: str  # as the caller named this host: a Location keeps to it
    entry: Request
    fault: Action | None = None
    api_version: str = ""
    content: bytes = field(default=b"", repr=False)  # may hold a password
    claims: Claims | None = None
    principal: Principal | None = None
    subscription: Subscription | None = None

    @property
    def subscription_id(self) -> str:
        """The id of the subscription the path names, as it was registered."""
        assert self.subscription is not None
        return self.subscription.id

    def fated(self) -> Outcome:
        """Return how an operation of this call is to end."""
        if self.fault is not None and self.fault.fail_operation is not None:
            return Outcome("Failed", self.fault.fail_operation.code, self.fault.fail_operation.message)
        if self.fault is not None and self.fault.cancel_operation is not None:
            return Outcome("Canceled", self.fault.cancel_operation.code, self.fault.cancel_operation.message)
        return GOOD

    def note_effect(self, resource_id: str, effect: str, operation_id: str | None = None) -> Effect:
        """Record that this request changed something."""
        entry = self.cloud.journal.note_effect(self.cloud.wall(), resource_id, effect, operation_id)
        self.entry.effect = entry.seq
        return entry


Handler = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation that is simulated. `template` is the path with `{}` for names, in the service's spelling."""

    method: str
    template: str
    handler: Handler
    kind: Kind | None = None  # of the operation it starts, when it is a long one
    is_open: bool = False  # needs no token
    any_right: bool = False  # some right anywhere in the subscription is enough

    @property
    def key(self) -> tuple[str, str]:
        """What a request must match: its method and its path's shape."""
        return self.method, parse_path(self.template).shape

    @property
    def permission(self) -> str:
        """The name of the permission, as in the text of a 403."""
        before, _, after = self.template.partition("/providers/")
        words = [word for word in (after or before).split("/") if word not in ("", "{}")]
        if not after:
            words = ["Microsoft.Resources", *words]
        verb = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": "action"}
        return "/".join([*words, verb[self.method]])
