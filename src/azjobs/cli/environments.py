"""The shell's faces of environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azjobs.cli.shell import Shell
from azjobs.cli.tables import Column, layout
from azjobs.core.context import Environment
from azjobs.session.accounts import environments

_COLUMNS = (
    ("Name", "name"),
    ("Type", "type"),
    ("ResourceManager", "resourceManagerUrl"),
    ("Authority", "activeDirectoryAuthority"),
)


def get_az_environment(shell: Shell, name: str | None = None) -> int:
    """List the environments that can be signed in to.

    The embedded cloud is among them once it was started in this home.

    Args:
        shell: the invocation.
        name: Only the environment of this name.
    """
    found = environments.get_az_environment(name)
    shell.show([_json(one) for one in found] if isinstance(found, list) else _json(found), _table)
    return 0


def add_az_environment(  # noqa: PLR0913 - the ways to say where a cloud is
    shell: Shell,
    name: str = "",
    *,
    resource_manager_url: str = "",
    active_directory_authority: str = "",
    audience: str = "",
    endpoints: Mapping[str, str] | None = None,
    arm_endpoint: str = "",
    auto_discover: bool = False,
    uri: str = "",
    ca_file: str = "",
) -> int:
    """Add an environment: by its addresses, by its ARM endpoint, or all that a metadata address tells of.

    Metadata is fetched over https, without a token. What it says is believed as far as its host is trusted.

    Args:
        shell: the invocation.
        name: What it is to be called.
        resource_manager_url: The address of its Resource Manager.
        active_directory_authority: The address of its sign-in service.
        audience: What Resource Manager's tokens are for, where that is not its own address.
        endpoints: Further addresses and suffixes.
        arm_endpoint: The address of its Resource Manager, which is asked for the others.
        auto_discover: Add every environment that --uri tells of and that is not there yet.
        uri: The metadata address; else ARM_CLOUD_METADATA_URL, else the public cloud's.
        ca_file: A file with a certificate authority to trust for these hosts only.
    """
    found = environments.add_az_environment(
        name,
        resource_manager_url=resource_manager_url,
        active_directory_authority=active_directory_authority,
        audience=audience,
        endpoints=endpoints,
        arm_endpoint=arm_endpoint,
        auto_discover=auto_discover,
        uri=uri,
        ca_file=ca_file,
    )
    shell.show([_json(one) for one in found] if isinstance(found, list) else _json(found), _table)
    return 0


def set_az_environment(  # noqa: PLR0913 - as above
    shell: Shell,
    name: str,
    *,
    resource_manager_url: str = "",
    active_directory_authority: str = "",
    audience: str = "",
    endpoints: Mapping[str, str] | None = None,
    arm_endpoint: str = "",
    ca_file: str = "",
    force: bool = False,
) -> int:
    """Change an environment that was added; what is not given stays.

    An address or audience is changed only while no context uses the environment: its sign-ins were made with the old
    one.

    Args:
        shell: the invocation.
        name: Its name.
        resource_manager_url: The address of its Resource Manager.
        active_directory_authority: The address of its sign-in service.
        audience: What Resource Manager's tokens are for, where that is not its own address.
        endpoints: Further addresses and suffixes; an empty one is taken away.
        arm_endpoint: The address of its Resource Manager, which is asked for the others.
        ca_file: A file with a certificate authority to trust for these hosts only.
        force: Remove the contexts that use it, and sign them out.
    """
    changed = environments.set_az_environment(
        name,
        resource_manager_url=resource_manager_url,
        active_directory_authority=active_directory_authority,
        audience=audience,
        endpoints=endpoints,
        arm_endpoint=arm_endpoint,
        ca_file=ca_file,
        force=force,
    )
    shell.show(_json(changed), _table)
    return 0


def remove_az_environment(shell: Shell, name: str, *, force: bool = False) -> int:
    """Remove an environment that was added.

    Args:
        shell: the invocation.
        name: Its name.
        force: Remove the contexts that use it, too, and sign them out.
    """
    removed = environments.remove_az_environment(name, force=force)
    shell.say(f"Removed environment {removed.name}.")
    return 0


def _json(cloud: Environment) -> dict[str, Any]:
    return {
        "name": cloud.name,
        "type": cloud.type.value,
        "resourceManagerUrl": cloud.resource_manager_url,
        "activeDirectoryAuthority": cloud.authority_url,
        "audience": cloud.scope.removesuffix("/.default"),
        "caFile": cloud.ca_file or None,
        "isSimulator": cloud.is_simulator,
        "endpoints": dict(cloud.endpoints),
    }


def _table(value: Any) -> str:
    rows = value if isinstance(value, list) else [value]
    return layout([Column(title) for title, _ in _COLUMNS], [[row[key] for _, key in _COLUMNS] for row in rows])
