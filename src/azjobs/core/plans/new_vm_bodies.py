"""The request bodies of New-AzVM: what each resource is to be like.

Pure. Ids are computed from names, never read from replies, so that a dry run
goes on by itself.
Source: azure-powershell, Compute/Strategies, cited as [New-AzVM].
"""

from __future__ import annotations

from typing import Any

from azjobs.core.naming import WINDOWS, ResourceId
from azjobs.core.plans.new_vm_input import Wish

Json = dict[str, Any]
FIRST_PRIORITY = 1000  # [New-AzVM] of the rules of the security group, counting up


def id_of(wish: Wish, kind: str, name: str, provider: str = "Microsoft.Network") -> str:
    """Return the id of a resource of the wish's group; `kind` is the type without its provider."""
    return str(ResourceId(wish.asked.subscription_id, wish.group, f"{provider}/{kind}", name))


def subnet_id(wish: Wish) -> str:
    """Return the id of the subnet, which is part of its network."""
    return f"{id_of(wish, 'virtualNetworks', wish.network)}/subnets/{wish.subnet}"


def group(wish: Wish, location: str) -> Json:
    """The resource group."""
    return _tagged(wish, {"location": location})


def network(wish: Wish, location: str) -> Json:
    """The virtual network, its subnet inside."""
    space = {"addressPrefixes": [wish.asked.address_prefix]}
    inside = [{"name": wish.subnet, **subnet(wish)}]
    return _tagged(wish, {"location": location, "properties": {"addressSpace": space, "subnets": inside}})


def subnet(wish: Wish) -> Json:
    """The subnet, for a network that exists already."""
    return {"properties": {"addressPrefix": wish.asked.subnet_address_prefix}}


def security_group(wish: Wish, location: str) -> Json:
    """The security group: each port open to everybody, by TCP [New-AzVM]."""
    rules = [
        {
            "name": f"{wish.asked.name}{port}",
            "properties": {
                "protocol": "Tcp",
                "sourceAddressPrefix": "*",
                "sourcePortRange": "*",
                "destinationAddressPrefix": "*",
                "destinationPortRange": str(port),
                "access": "Allow",
                "direction": "Inbound",
                "priority": FIRST_PRIORITY + index,
            },
        }
        for index, port in enumerate(wish.ports)
    ]
    return _tagged(wish, {"location": location, "properties": {"securityRules": rules}})


def address(wish: Wish, location: str) -> Json:
    """The public IP address; Standard, since Basic was retired in September 2025 [learn, public-ip-basic-upgrade]."""
    asked = wish.asked
    properties: Json = {"publicIPAllocationMethod": asked.allocation_method}
    if asked.domain_name_label:
        properties["dnsSettings"] = {"domainNameLabel": asked.domain_name_label}
    body: Json = {"location": location, "sku": {"name": "Standard"}, "properties": properties}
    return _tagged(wish, _zoned(wish, body))


def interface(wish: Wish, location: str) -> Json:
    """The network interface, in the subnet, behind the security group."""
    properties: Json = {"subnet": {"id": subnet_id(wish)}}
    if wish.asked.public_ip_address_name:
        properties["publicIPAddress"] = {"id": id_of(wish, "publicIPAddresses", wish.asked.public_ip_address_name)}
    body = {
        "location": location,
        "properties": {
            "ipConfigurations": [{"name": wish.asked.name, "properties": properties}],
            "networkSecurityGroup": {"id": id_of(wish, "networkSecurityGroups", wish.security_group)},
        },
    }
    return _tagged(wish, body)


def machine(wish: Wish, location: str) -> Json:
    """The machine. The password is not in it: it is a hole at `/properties/osProfile/adminPassword`."""
    asked = wish.asked
    is_windows = wish.os_type == WINDOWS
    system: Json = {"computerName": asked.name, "adminUsername": asked.username}
    if is_windows:
        system["windowsConfiguration"] = {"provisionVMAgent": True, "enableAutomaticUpdates": True}
    else:
        system["linuxConfiguration"] = {"disablePasswordAuthentication": False}
    disks = [{"lun": i, "createOption": "Empty", "diskSizeGB": n} for i, n in enumerate(asked.data_disk_sizes_gb)]
    storage: Json = {"imageReference": wish.image, "osDisk": {"createOption": "FromImage"}}
    if disks:
        storage["dataDisks"] = disks
    properties: Json = {
        "hardwareProfile": {"vmSize": asked.size},
        "storageProfile": storage,
        "osProfile": system,
        "networkProfile": {"networkInterfaces": [{"id": id_of(wish, "networkInterfaces", asked.name)}]},
    }
    if wish.is_default_image:  # [New-AzVM] without an image: Trusted Launch
        firmware = {"secureBootEnabled": True, "vTpmEnabled": True}
        properties["securityProfile"] = {"securityType": "TrustedLaunch", "uefiSettings": firmware}
    body: Json = {"location": location, "properties": properties}
    if asked.system_assigned_identity:
        body["identity"] = {"type": "SystemAssigned"}
    return _tagged(wish, _zoned(wish, body))


def _zoned(wish: Wish, body: Json) -> Json:
    return {**body, "zones": [wish.asked.zone]} if wish.asked.zone else body


def _tagged(wish: Wish, body: Json) -> Json:
    return {**body, "tags": dict(wish.asked.tags)} if wish.asked.tags else body
