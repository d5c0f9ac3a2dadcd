"""What the compute provider checks in the body of a machine, before anything is made.

Pure. Passwords are looked at here and nowhere else: no text made here holds any part of one, and the schema drops
them. Rules and texts: [Azure, VM FAQ, user name and password requirements]; lengths 12 to 123.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from azjobs.simulator.bodies import DROP, Json
from azjobs.simulator.errors import ArmError, invalid_parameter, not_simulated

MACHINE = "Microsoft.Compute/virtualMachines"
DISK = "Microsoft.Compute/disks"

_PATCHING = {"patchMode": str, "assessmentMode": str, "enableHotpatching": bool}
_MANAGED_DISK = {"storageAccountType": str, "id": DROP}
SCHEMA: Mapping[str, Any] = {
    "hardwareProfile": {"vmSize": str},
    "storageProfile": {
        "imageReference": {"publisher": str, "offer": str, "sku": str, "version": str, "exactVersion": DROP},
        "osDisk": {
            **dict.fromkeys(("name", "createOption", "caching", "deleteOption", "osType"), str),
            "diskSizeGB": int,
            "writeAcceleratorEnabled": bool,
            "managedDisk": _MANAGED_DISK,
        },
        "dataDisks": [
            {
                **dict.fromkeys(("name", "createOption", "caching", "deleteOption"), str),
                "lun": int,
                "diskSizeGB": int,
                "writeAcceleratorEnabled": bool,
                "toBeDetached": bool,
                "managedDisk": _MANAGED_DISK,
            }
        ],
        "diskControllerType": str,
    },
    "osProfile": {
        "computerName": str,
        "adminUsername": str,
        "adminPassword": DROP,
        "customData": DROP,  # never shown again, as in Azure
        "allowExtensionOperations": bool,
        "requireGuestProvisionSignal": DROP,
        "secrets": [{}],  # an empty list only
        "windowsConfiguration": {
            "provisionVMAgent": bool,
            "enableAutomaticUpdates": bool,
            "timeZone": str,
            "patchSettings": _PATCHING,
            "enableVMAgentPlatformUpdates": bool,
        },
        "linuxConfiguration": {
            "disablePasswordAuthentication": bool,
            "ssh": {"publicKeys": [{"path": str, "keyData": str}]},
            "provisionVMAgent": bool,
            "patchSettings": _PATCHING,
            "enableVMAgentPlatformUpdates": bool,
        },
    },
    "networkProfile": {"networkInterfaces": [{"id": str, "properties": {"primary": bool, "deleteOption": str}}]},
    "securityProfile": {
        "securityType": str,
        "uefiSettings": {"secureBootEnabled": bool, "vTpmEnabled": bool},
        "encryptionAtHost": bool,
    },
    "diagnosticsProfile": {"bootDiagnostics": {"enabled": bool}},
    "additionalCapabilities": {"ultraSSDEnabled": bool, "hibernationEnabled": bool},
    "priority": int,
    "evictionPolicy": str,
    "billingProfile": {"maxPrice": float},
    "licenseType": str,
    **dict.fromkeys(("provisioningState", "vmId", "timeCreated", "instanceView"), DROP),
}

_WINDOWS_PUBLISHERS = frozenset({"microsoftwindowsserver", "microsoftwindowsdesktop"})
_LINUX_PUBLISHERS = frozenset(
    {"canonical", "debian", "redhat", "suse", "almalinux", "kinvolk", "openlogic", "oracle", "resf"}
)
_FORBIDDEN_WORDS = """
1 123 a actuser adm admin admin1 admin2 administrator aspnet backup console david guest john owner root server sql
support support_388945a0 sys test test1 test2 test3 user user1 user2 user3 user4 user5
"""
_FORBIDDEN_NAMES = frozenset(_FORBIDDEN_WORDS.split())
_SPECIAL = re.compile(r"[^A-Za-z0-9]")
_CLASSES = (re.compile(r"[a-z]"), re.compile(r"[A-Z]"), re.compile(r"[0-9]"), _SPECIAL)
_CLASSES_NEEDED = 3
_PASSWORD_LENGTHS = range(12, 124)
_NAME_LENGTHS = {"Windows": 20, "Linux": 64}
_COMPUTER_NAME_LENGTHS = {"Windows": 15, "Linux": 64}
_COMPUTER_NAME = re.compile(r"[^`~!@#$%^&*()=+_\[\]{}\\|;:.'\",<>/?\s]+")


def require_image(kept: Json) -> str:
    """Return the operating system ("Windows" or "Linux") of the image a new machine is made of."""
    storage = kept.get("storageProfile")
    if not storage:
        raise invalid_parameter("Required parameter 'storageProfile' is missing (null).", "storageProfile")
    disk = storage.setdefault("osDisk", {})
    if disk.setdefault("createOption", "FromImage") != "FromImage":
        raise not_simulated(f"an OS disk with createOption {disk['createOption']}")
    image = storage.get("imageReference")
    if not image:
        raise invalid_parameter("Required parameter 'imageReference' is missing (null).", "imageReference")
    for word in ("publisher", "offer", "sku", "version"):
        if not isinstance(image.get(word), str) or not image[word]:
            raise invalid_parameter(f"Required parameter 'imageReference.{word}' is missing (null).", "imageReference")
    publisher = image["publisher"].lower()
    if publisher in _WINDOWS_PUBLISHERS:
        return "Windows"
    if publisher in _LINUX_PUBLISHERS:
        return "Linux"
    raise ArmError(
        404,
        "PlatformImageNotFound",
        f"The platform image '{image['publisher']}:{image['offer']}:{image['sku']}:{image['version']}' is not "
        "available. Verify that all fields in the storage profile are correct.",
        target="imageReference",
    )


def check_os_profile(profile: object, system: str) -> None:
    """Raise the provider's 400 for whatever is wrong with the OS profile of a new machine, as it was sent."""
    if not isinstance(profile, dict):
        raise invalid_parameter("Required parameter 'osProfile' is missing (null).", "osProfile")
    other = "linuxConfiguration" if system == "Windows" else "windowsConfiguration"
    if profile.get(other):
        raise invalid_parameter(f"The property '{other}' is not valid for an image of {system}.", other)
    _check_computer_name(profile.get("computerName"), system)
    _check_user_name(profile.get("adminUsername"), system)
    linux = profile.get("linuxConfiguration")
    linux = linux if isinstance(linux, dict) else {}
    if linux.get("disablePasswordAuthentication"):
        ssh = linux.get("ssh")
        if not isinstance(ssh, dict) or not ssh.get("publicKeys"):
            raise invalid_parameter(
                "Authentication using either SSH or by user name and password must be enabled in Linux profile.",
                "linuxConfiguration",
            )
        return
    _check_password(profile.get("adminPassword"))


def _check_computer_name(name: object, system: str) -> None:
    longest = _COMPUTER_NAME_LENGTHS[system]
    if not isinstance(name, str) or not name:
        raise invalid_parameter("Required parameter 'osProfile.computerName' is missing (null).", "computerName")
    if len(name) > longest or _COMPUTER_NAME.fullmatch(name) is None or (system == "Windows" and name.isdecimal()):
        raise invalid_parameter(
            f"{system} computer name cannot be more than {longest} characters long, be entirely numeric, or contain "
            "the following characters: ` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : . ' \" , < > / ?.",
            "computerName",
        )


def _check_user_name(name: object, system: str) -> None:
    if not isinstance(name, str) or not name:
        raise invalid_parameter("Required parameter 'osProfile.adminUsername' is missing (null).", "adminUsername")
    if name.lower() in _FORBIDDEN_NAMES or len(name) > _NAME_LENGTHS[system] or name.endswith("."):
        raise invalid_parameter("The Admin Username specified is not allowed.", "adminUsername")


def _check_password(password: object) -> None:
    if not isinstance(password, str) or not password:
        raise invalid_parameter("Required parameter 'adminPassword' is missing (null).", "adminPassword")
    classes = sum(1 for one in _CLASSES if one.search(password))
    if len(password) not in _PASSWORD_LENGTHS or classes < _CLASSES_NEEDED:
        raise invalid_parameter(
            "The supplied password must be between 12-123 characters long and must satisfy at least 3 of password "
            "complexity requirements from the following:\r\n1) Contains an uppercase character\r\n2) Contains a "
            "lowercase character\r\n3) Contains a numeric digit\r\n4) Contains a special character\r\n5) Control "
            "characters are not allowed",
            "adminPassword",
        )


def check_unchanged(old: Json, new: Json) -> None:
    """Raise PropertyChangeNotAllowed for a change of what a machine keeps for life."""
    for place in ("osProfile.adminUsername", "osProfile.computerName", "storageProfile.imageReference"):
        outer, inner = place.split(".")
        before, after = (old.get(outer) or {}).get(inner), (new.get(outer) or {}).get(inner)
        if after is not None and after != before:
            raise ArmError(
                409, "PropertyChangeNotAllowed", f"Changing property '{place}' is not allowed.", target=place
            )
