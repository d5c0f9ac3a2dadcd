"""Check what New-AzVM was asked for, before anything is sent, and fill in what was left open.

Sources: learn.microsoft.com, "What are the username/password requirements when
creating a VM" and the OSProfile reference [osprofile]; azure-powershell,
NewAzureVMCommand, for the defaults [New-AzVM].
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import msgspec

from azjobs.core import naming
from azjobs.core.errors import InvalidInput
from azjobs.core.naming import LINUX, WINDOWS
from azjobs.core.plans.images import read_image
from azjobs.core.secret import SecureString

PASSWORD_HOLE = "password"  # noqa: S105 - the name of the hole, not what goes into it
DEFAULT_SIZE = "Standard_D2s_v3"  # [New-AzVM]
DEFAULT_LOCATION = "eastus"  # [New-AzVM]
DEFAULT_PORTS = {WINDOWS: (3389, 5985), LINUX: (22,)}  # [New-AzVM] remote desktop and WinRM; ssh
PASSWORD_LENGTHS = {WINDOWS: (12, 123), LINUX: (12, 72)}  # [osprofile], and 12 as portal and CLI demand
USERNAME_LENGTHS = {WINDOWS: 20, LINUX: 64}  # [osprofile]
FORBIDDEN_USERNAMES = frozenset(  # [osprofile]
    {"1", "123", "a", "actuser", "adm", "admin", "admin1", "admin2", "administrator", "aspnet", "backup", "console"}
    | {"david", "guest", "john", "owner", "root", "server", "sql", "support", "support_388945a0", "sys", "test"}
    | {"test1", "test2", "test3", "user", "user1", "user2", "user3", "user4", "user5"}
)
_NOT_IN_A_USERNAME = re.compile(r"[\\/\"\[\]:|<>+=;,?*@\s]")  # [azure-cli, vm/_validators.py]
_CLASSES = tuple(re.compile(p) for p in (r"[a-z]", r"[A-Z]", r"[0-9]", r"[\W_]"))  # [osprofile]
_ZONE = re.compile(r"[0-9]{1,2}")


class NewVm(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The arguments of the plan; "" and None stand for "not said".

    `password` is no argument: it is the hole of that name.
    """

    subscription_id: str
    name: str
    username: str
    resource_group_name: str = ""
    location: str = ""
    image: str = ""
    os_type: str = ""
    size: str = DEFAULT_SIZE
    virtual_network_name: str = ""
    address_prefix: str = "192.168.0.0/16"
    subnet_name: str = ""
    subnet_address_prefix: str = "192.168.1.0/24"
    security_group_name: str = ""
    open_ports: tuple[int, ...] | None = None
    public_ip_address_name: str = ""
    domain_name_label: str = ""
    allocation_method: str = "Static"
    zone: str = ""
    data_disk_sizes_gb: tuple[int, ...] = ()
    system_assigned_identity: bool = False
    tags: dict[str, str] = {}


class Wish(msgspec.Struct, frozen=True):
    """What is to be there in the end, with every name settled."""

    asked: NewVm
    group: str
    network: str
    subnet: str
    security_group: str
    os_type: str
    image: dict[str, Any]
    ports: tuple[int, ...]
    is_default_image: bool


def settle(asked: NewVm) -> Wish:
    """Return the wish behind the arguments.

    Raises:
        InvalidInput: one of them breaks a rule that Azure publishes.
    """
    if asked.os_type not in ("", WINDOWS, LINUX):
        raise InvalidInput(f"'{asked.os_type}' is not an operating system: {WINDOWS} or {LINUX}.")
    os_type, image = read_image(asked.image, asked.os_type)
    wish = Wish(
        asked=asked,
        group=naming.check_group_name(asked.resource_group_name or asked.name),
        network=naming.check_network_name(asked.virtual_network_name or asked.name, "virtual network", 2, 64),
        subnet=naming.check_network_name(asked.subnet_name or asked.name, "subnet"),
        security_group=naming.check_network_name(asked.security_group_name or asked.name, "network security group"),
        os_type=os_type,
        image=image,
        ports=DEFAULT_PORTS[os_type] if asked.open_ports is None else asked.open_ports,
        is_default_image=not asked.image,
    )
    naming.check_machine_name(asked.name, os_type)
    check_username(asked.username, os_type)
    if asked.location:
        naming.check_location(asked.location)
    _check_address(asked)
    _check_ranges(asked)
    _check_numbers(wish)
    return wish


def check_username(username: str, os_type: str) -> None:
    """Refuse a user name that Azure does not take for a machine's administrator.

    Raises:
        InvalidInput: with the rule it breaks.
    """
    limit = USERNAME_LENGTHS[os_type]
    if not username or len(username) > limit:
        raise InvalidInput(f"The user name of a {os_type} machine has 1 to {limit} characters, not {len(username)}.")
    if username.lower() in FORBIDDEN_USERNAMES:
        raise InvalidInput(f"Azure does not take '{username}' as the user name of a machine: it is too easy to guess.")
    found = _NOT_IN_A_USERNAME.search(username)
    if found is not None:
        raise InvalidInput(f"The user name '{username}' has '{found[0]}', which Azure does not take.")
    if os_type == WINDOWS and username.endswith("."):
        raise InvalidInput(f"The user name '{username}' ends with a period, which Windows does not take.")
    if os_type == LINUX and username[0] in "-$":
        raise InvalidInput(f"The user name '{username}' begins with '{username[0]}', which Linux does not take.")


def check_password(password: SecureString, os_type: str) -> None:
    """Refuse a password that Azure does not take for a machine's administrator.

    It is neither repeated in the message nor a local variable of any frame in the traceback.

    Raises:
        InvalidInput: with the rule it breaks.
    """
    shortest, longest = PASSWORD_LENGTHS[os_type]
    if not shortest <= len(password) <= longest:
        raise InvalidInput(f"The password of a {os_type} machine has {shortest} to {longest} characters.")
    if sum(pattern.search(password.reveal()) is not None for pattern in _CLASSES) < 3:
        raise InvalidInput(
            "The password needs three of these four: a lower-case letter, an upper-case letter, a digit, "
            "a special character."
        )


def check_new_vm(asked: NewVm, password: SecureString) -> None:
    """Refuse what is known to fail, the password included; nothing is sent.

    Raises:
        InvalidInput: with the rule that is broken.
    """
    check_password(password, settle(asked).os_type)


def _check_address(asked: NewVm) -> None:
    if asked.public_ip_address_name:
        naming.check_network_name(asked.public_ip_address_name, "public IP address")
    if asked.domain_name_label:
        naming.check_dns_label(asked.domain_name_label)
        if not asked.public_ip_address_name:
            raise InvalidInput("A domain name label belongs to a public IP address: give that a name too.")
    if asked.allocation_method not in ("Static", "Dynamic"):
        raise InvalidInput(f"'{asked.allocation_method}' is not a way to allocate an address: Static or Dynamic.")


def _check_ranges(asked: NewVm) -> None:
    network, subnet = _network(asked.address_prefix), _network(asked.subnet_address_prefix)
    # A subnet may be asked for in a network that exists, with another range than the default.
    is_comparable = not asked.virtual_network_name and network.version == subnet.version
    if is_comparable and not (network.supernet_of(subnet)):  # type: ignore[arg-type]  # same version, as just checked
        raise InvalidInput(f"The subnet {subnet} lies outside the network {network}.")


def _network(prefix: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(prefix)
    except ValueError:
        raise InvalidInput(f"'{prefix}' is not a range of addresses; one looks like 192.168.0.0/16.") from None


def _check_numbers(wish: Wish) -> None:
    for port in wish.ports:
        if not 1 <= port <= 65535:
            raise InvalidInput(f"{port} is not a port: 1 to 65535.")
    for size_gb in wish.asked.data_disk_sizes_gb:
        if not 1 <= size_gb <= 65536:  # [learn, managed disks]: the largest is an Ultra Disk of 64 TiB
            raise InvalidInput(f"A data disk has 1 to 65536 GiB, not {size_gb}.")
    if wish.asked.zone and _ZONE.fullmatch(wish.asked.zone) is None:
        raise InvalidInput(f"'{wish.asked.zone}' is not a zone; one looks like 1.")
