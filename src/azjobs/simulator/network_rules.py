"""What the network types have in common: address prefixes, the lock on a family of resources, references.

The network provider takes one write at a time for each family (a virtual network with its subnets, or one other
resource) and refuses the next with 429 RetryableErrorDueToAnotherOperation: a lock, not a rate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network

from azjobs.simulator.bodies import DROP
from azjobs.simulator.cloud import Call, Cloud, Json
from azjobs.simulator.errors import ArmError, not_simulated
from azjobs.simulator.inventory import Resource

VNET = "Microsoft.Network/virtualNetworks"
SUBNET = "Microsoft.Network/virtualNetworks/subnets"
NSG = "Microsoft.Network/networkSecurityGroups"
IP = "Microsoft.Network/publicIPAddresses"
NIC = "Microsoft.Network/networkInterfaces"

#: A reference to another resource; clients often send the whole resource, of which only the id counts.
REFERENCE = {
    "id": str,
    **dict.fromkeys(("name", "type", "etag", "location", "tags", "sku", "properties", "zones"), DROP),
}

#: The states while an operation lasts, as this provider calls them: also a new resource is "Updating".
UPDATING, DELETING = "Updating", "Deleting"
_RESERVED = 4  # Azure keeps the first four addresses of a subnet, and the last


@dataclass(slots=True)
class Addresses:
    """Which private addresses are taken in each subnet (by key), and how many public ones were given out."""

    taken: dict[str, set[int]] = field(default_factory=dict)
    given_out: int = 0


def addresses(cloud: Cloud) -> Addresses:
    """Return the address book of a cloud."""
    book = cloud.provider_state.setdefault("network", Addresses())
    assert isinstance(book, Addresses)
    return book


def next_public_address(cloud: Cloud) -> str:
    """Return an address out of the blocks for benchmarks and documentation, so that nobody ever reaches anybody."""
    book = addresses(cloud)
    book.given_out += 1
    return str(IPv4Address("198.18.0.0") + book.given_out % 131_072)  # [RFC 2544] 198.18.0.0/15


def take_address(cloud: Cloud, subnet: Resource, wanted: str | None) -> str:
    """Take a private address of a subnet, the wanted one or the first free one; 400 when it cannot be had."""
    network = IPv4Network(prefixes(subnet)[0])
    taken = addresses(cloud).taken.setdefault(subnet.key, set())
    first, last = int(network.network_address) + _RESERVED, int(network.broadcast_address) - 1
    if wanted is None:
        chosen = next((number for number in range(first, last + 1) if number not in taken), None)
        if chosen is None:
            raise ArmError(
                400, "SubnetIsFull", f"Subnet {subnet.name} does not have enough capacity for 1 IP addresses."
            )
    else:
        chosen = _parse_address(wanted)
        if not first <= chosen <= last:
            raise ArmError(
                400,
                "PrivateIPAddressNotInSubnet",
                f"Private static IP address {wanted} does not belong to the range of subnet prefix {network}.",
            )
        if chosen in taken:
            raise ArmError(400, "PrivateIPAddressInUse", f"Private IP address {wanted} is already in use.")
    taken.add(chosen)
    return str(IPv4Address(chosen))


def release_address(cloud: Cloud, subnet_id: str, address: str) -> None:
    """Give a private address back."""
    addresses(cloud).taken.get(subnet_id.lower(), set()).discard(int(IPv4Address(address)))


def _parse_address(text: str) -> int:
    try:
        return int(IPv4Address(text))
    except ValueError:
        raise ArmError(400, "InvalidIPAddressFormat", f"IP address {text} is not formatted correctly.") from None


def parse_prefix(prefix: object, place: str) -> IPv4Network:
    """Return an address prefix; the provider's 400 when it is none."""
    try:
        network = ip_network(str(prefix), strict=False) if "/" in str(prefix) else None
    except ValueError:
        network = None
    if network is None:
        raise ArmError(
            400,
            "InvalidAddressPrefixFormat",
            f"Address prefix {prefix} of resource {place} is not formatted correctly. It should follow CIDR notation, "
            "for example 10.0.0.0/24.",
        )
    if isinstance(network, IPv6Network):
        raise not_simulated(f"an IPv6 address prefix ({place})")
    if str(prefix).partition("/")[0] != str(network.network_address):
        raise ArmError(
            400,
            "InvalidCIDRNotation",
            f"The address prefix {prefix} in resource {place} has an invalid CIDR notation. For the given prefix "
            f"length, the address prefix should be {network}.",
        )
    return network


def prefixes(subnet: Resource) -> list[str]:
    """Return the address prefixes of a subnet, which has one or a list."""
    several: list[str] = subnet.properties.get("addressPrefixes") or []
    return several or [subnet.properties["addressPrefix"]]


def require_idle(call: Call, resource: Resource | None) -> None:
    """Raise the provider's 429 when a resource or another of its family has an operation under way."""
    if resource is None:
        return
    inventory = call.cloud.inventory
    family = [resource, *inventory.children(resource)]
    if resource.parent_key is not None:
        parent = inventory.resources[resource.parent_key]
        family = [parent, *inventory.children(parent)]
    for member in family:
        if member.operation is None:
            continue
        raise ArmError(
            429,
            "RetryableErrorDueToAnotherOperation",
            f"Another operation on this or dependent resource is in progress: {member.operation.kind} "
            f"({member.operation.id}) on {member.id}.",
            headers={"retry-after": str(call.cloud.settings.retry_after_s or 1)},
        )


def reference_to(value: Json | None) -> str | None:
    """Return the id in a reference, None when there is no reference."""
    return value.get("id") if value else None
