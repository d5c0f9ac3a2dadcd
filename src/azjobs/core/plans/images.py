"""What an image may be called, and which operating system it holds.

Source: Azure/azure-cli vm/_alias.py and Azure/azure-powershell Images.json; the
default is the one of New-AzVM [azure-powershell, NewAzureVMCommand].
"""

from __future__ import annotations

from typing import Any

from azjobs.core.errors import InvalidInput
from azjobs.core.naming import LINUX, WINDOWS

_WINDOWS_SERVER = ("MicrosoftWindowsServer", "WindowsServer")
DEFAULT_IMAGE = "Win2022AzureEdition"
ALIASES: dict[str, tuple[str, str, str, str]] = {
    DEFAULT_IMAGE: (WINDOWS, *_WINDOWS_SERVER, "2022-datacenter-azure-edition"),
    "Win2022AzureEditionCore": (WINDOWS, *_WINDOWS_SERVER, "2022-datacenter-azure-edition-core"),
    "Win2022Datacenter": (WINDOWS, *_WINDOWS_SERVER, "2022-datacenter-g2"),
    "Win2019Datacenter": (WINDOWS, *_WINDOWS_SERVER, "2019-datacenter-gensecond"),
    "Win2016Datacenter": (WINDOWS, *_WINDOWS_SERVER, "2016-datacenter-gensecond"),
    "Ubuntu2204": (LINUX, "Canonical", "0001-com-ubuntu-server-jammy", "22_04-lts-gen2"),
    "Debian11": (LINUX, "Debian", "debian-11", "11-backports-gen2"),
    "RHELRaw8LVMGen2": (LINUX, "RedHat", "RHEL", "8-lvm-gen2"),
    "SuseSles15SP3": (LINUX, "SUSE", "sles-15-sp3", "gen2"),
    "FlatcarLinuxFreeGen2": (LINUX, "kinvolk", "flatcar-container-linux-free", "stable-gen2"),
    "AzureLinux4": (LINUX, "microsoftazurelinux", "azurelinux-4", "4"),
}
_BY_LOWER = {alias.lower(): parts for alias, parts in ALIASES.items()}


def read_image(image: str, os_type: str = "") -> tuple[str, dict[str, Any]]:
    """Return the operating system and the `imageReference` that an image's name stands for.

    `image` is an alias, `publisher:offer:sku:version`, or the id of an image or
    of one in a gallery; `os_type` is needed where the name does not tell it.

    Raises:
        InvalidInput: it is none of these, or its system is not known.
    """
    if image.startswith("/"):
        if not os_type:
            raise InvalidInput(f"Say whether the image {image} holds Windows or Linux: its id does not tell.")
        return os_type, {"id": image}
    if ":" in image:
        parts = image.split(":")
        if len(parts) != 4 or not all(parts):
            raise InvalidInput(f"'{image}' is not an image; one in full looks like publisher:offer:sku:version.")
        reference = dict(zip(("publisher", "offer", "sku", "version"), parts, strict=True))
        # Guess: Microsoft's own publishers of Windows all begin so; everything else that is common is Linux.
        is_windows = parts[0].lower().startswith("microsoftwindows")
        return os_type or (WINDOWS if is_windows else LINUX), reference
    known = _BY_LOWER.get((image or DEFAULT_IMAGE).lower())
    if known is None:
        raise InvalidInput(f"No image '{image}'. Known are {', '.join(ALIASES)}, and publisher:offer:sku:version.")
    system, publisher, offer, sku = known
    return system, {"publisher": publisher, "offer": offer, "sku": sku, "version": "latest"}
