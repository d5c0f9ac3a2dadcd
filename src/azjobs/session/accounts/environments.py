"""List, add, change and remove environments: clouds beside the built-in ones, saved for all sessions."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import overload

import msgspec
from msgspec.structs import replace

from azjobs.core import environments as rules
from azjobs.core.context import BUILT_IN_ENVIRONMENTS, ContextValue, Environment
from azjobs.core.errors import EnvironmentNotFound, InvalidInput, Refused
from azjobs.core.profile import Profile
from azjobs.session.accounts import clouds
from azjobs.session.link.local import Local, local

METADATA_VARIABLE = "ARM_CLOUD_METADATA_URL"  # the variable of Azure PowerShell and of Terraform
PUBLIC_METADATA = "https://management.azure.com" + rules.METADATA_PATH


@overload
def get_az_environment(name: None = None) -> list[Environment]: ...
@overload
def get_az_environment(name: str) -> Environment: ...
@overload
def get_az_environment(name: str | None = None) -> Environment | list[Environment]: ...
def get_az_environment(name: str | None = None) -> Environment | list[Environment]:
    """Return the environments that can be signed in to, or the one of a name.

    The embedded cloud is among them once it was started in this home.

    Args:
        name: the environment's name, in any case.

    Raises:
        EnvironmentNotFound: none has that name.
    """
    here = local()
    embedded = embedded_environment(here)
    found = [*BUILT_IN_ENVIRONMENTS, *([embedded] if embedded else []), *here.profile.load().environments]
    if name is None:
        return found
    one = next((cloud for cloud in found if cloud.name.lower() == name.lower()), None)
    if one is None:
        raise EnvironmentNotFound(f"No environment {name}. Type: azjobs environment get")
    return one


def add_az_environment(  # noqa: PLR0913 - the ways to say where a cloud is
    name: str = "",
    *,
    resource_manager_url: str = "",
    active_directory_authority: str = "",
    audience: str = "",
    endpoints: Mapping[str, str] | None = None,
    arm_endpoint: str = "",
    auto_discover: bool = False,
    uri: str = "",
    ca_file: str | os.PathLike[str] = "",
) -> Environment | list[Environment]:
    """Add an environment: by its addresses, by its ARM endpoint, or all that a metadata address tells of.

    Metadata is fetched over https, without a token. What it says is believed as far as its host is trusted.

    Args:
        name: what it is to be called.
        resource_manager_url: the address of its Resource Manager, https.
        active_directory_authority: the address of its sign-in service, https.
        audience: what Resource Manager's tokens are for, where that is not its own address.
        endpoints: further addresses and suffixes, by name.
        arm_endpoint: the address of its Resource Manager, which is asked for the others.
        auto_discover: add every environment that `uri` tells of and that is not there yet.
        uri: the metadata address; else ARM_CLOUD_METADATA_URL, else the public cloud's.
        ca_file: a file with a certificate authority to trust for these hosts only.

    Returns:
        The environment; with `auto_discover` a list of those that were added.

    Raises:
        InvalidInput: it is built in or there already, or an address is none; nothing was changed.
        AzJobsError: the metadata cannot be fetched; nothing was changed.
    """
    here = _open()
    ways = (bool(resource_manager_url or active_directory_authority), bool(arm_endpoint), auto_discover)
    if sum(ways) != 1:
        raise InvalidInput(
            "Say where the environment is in one way: by resource_manager_url and active_directory_authority, "
            "by arm_endpoint, or by auto_discover."
        )
    if uri and not auto_discover:
        raise InvalidInput("uri goes with auto_discover; for one cloud give its arm_endpoint.")
    trusted = _file(ca_file)
    if auto_discover:
        return _discover(here, uri, trusted)
    rules.refuse_built_in(name)
    _refuse_known(here.profile.load(), name)
    if arm_endpoint:
        made = _at_endpoint(name, arm_endpoint, trusted)
    else:
        made = Environment(
            name,
            rules.address(resource_manager_url, "address of Resource Manager"),
            rules.address(active_directory_authority, "address of the sign-in service"),
            ca_file=trusted,
        )
    made = replace(
        made, audience=audience or made.audience, endpoints=tuple({**dict(made.endpoints), **(endpoints or {})}.items())
    )

    def add(profile: Profile) -> Profile:
        _refuse_known(profile, name)
        return replace(profile, environments=(*profile.environments, made))

    here.profile.change(add)
    return made


def set_az_environment(
    name: str,
    *,
    resource_manager_url: str = "",
    active_directory_authority: str = "",
    audience: str = "",
    endpoints: Mapping[str, str] | None = None,
    arm_endpoint: str = "",
    ca_file: str | os.PathLike[str] = "",
    force: bool = False,
) -> Environment:
    """Change an environment that was added; what is not given stays.

    An address or audience is changed only while no context uses the environment: its sign-ins were made with the old
    one.

    Args:
        name: its name, in any case.
        resource_manager_url: the address of its Resource Manager, https.
        active_directory_authority: the address of its sign-in service, https.
        audience: what Resource Manager's tokens are for, where that is not its own address.
        endpoints: further addresses and suffixes, by name; "" takes one away.
        arm_endpoint: the address of its Resource Manager, which is asked for the others.
        ca_file: a file with a certificate authority to trust for these hosts only.
        force: remove the contexts that use it, and sign them out.

    Raises:
        EnvironmentNotFound: none was added by that name.
        InvalidInput: it is built in, an address is none, or contexts use it; nothing was changed.
        AzJobsError: the metadata cannot be fetched; nothing was changed.
    """
    here = _open()
    old = _own(here.profile.load(), name)
    trusted = _file(ca_file) or old.ca_file
    new = _at_endpoint(old.name, arm_endpoint, trusted) if arm_endpoint else replace(old, ca_file=trusted)
    if resource_manager_url:
        new = replace(new, resource_manager_url=rules.address(resource_manager_url, "address of Resource Manager"))
    if active_directory_authority:
        new = replace(new, authority_url=rules.address(active_directory_authority, "address of the sign-in service"))
    kept = {key: text for key, text in {**dict(new.endpoints), **(endpoints or {})}.items() if text}
    new = replace(new, audience=audience or new.audience, endpoints=tuple(kept.items()))
    if _where(new) != _where(old):
        _free(here, old, force=force)
    here.profile.change(lambda profile: _exchanged(profile, old, new))
    here.session.change(lambda state: replace(state, contexts=_moved(state.contexts, old, new)))
    return new


def remove_az_environment(name: str, *, force: bool = False) -> Environment:
    """Remove an environment that was added.

    Args:
        name: its name, in any case.
        force: remove the contexts that use it, too, and sign them out.

    Returns:
        The environment.

    Raises:
        EnvironmentNotFound: none was added by that name.
        InvalidInput: it is built in, or contexts use it; nothing was changed.
    """
    here = _open()
    old = _own(here.profile.load(), name)
    _free(here, old, force=force)
    here.profile.change(lambda profile: _exchanged(profile, old, None))
    return old


def embedded_environment(here: Local) -> Environment | None:
    """Return the embedded cloud of this home as it was started last; None when it never was."""
    try:
        data = (here.layout.simulator_folder / clouds.ENDPOINT_NAME).read_bytes()
        return clouds.simulator_environment(msgspec.json.decode(data))
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError):
        return None


def _open() -> Local:
    here = local()
    if here.is_job:
        raise Refused("A job cannot change environments: it acts in the contexts that it was granted.")
    return here


def _file(path: str | os.PathLike[str]) -> str:
    """Return a file absolute: whoever uses it later works in another folder."""
    if not os.fspath(path):
        return ""
    found = Path(path).expanduser().absolute()
    if not found.is_file():
        raise InvalidInput(f"There is no file {found} with a certificate authority.")
    return str(found)


def _refuse_known(profile: Profile, name: str) -> None:
    if any(cloud.name.lower() == name.lower() for cloud in profile.environments):
        raise InvalidInput(f"There is an environment {name} already. To change it, type: azjobs environment set {name}")


def _own(profile: Profile, name: str) -> Environment:
    rules.refuse_built_in(name)
    found = next((cloud for cloud in profile.environments if cloud.name.lower() == name.lower()), None)
    if found is None:
        raise EnvironmentNotFound(f"No environment {name}. Type: azjobs environment get")
    return found


def _at_endpoint(name: str, endpoint: str, ca_file: str) -> Environment:
    from azjobs.session.accounts.cloud_metadata import fetch_metadata  # noqa: PLC0415 - TLS and HTTP are heavy

    base = rules.address(endpoint, "ARM endpoint")
    found = rules.environment_at(fetch_metadata(rules.metadata_url(base), ca_file=ca_file), base, name)
    return replace(found, ca_file=ca_file)


def _discover(here: Local, uri: str, ca_file: str) -> list[Environment]:
    from azjobs.session.accounts.cloud_metadata import fetch_metadata  # noqa: PLC0415 - as above

    url = uri or os.environ.get(METADATA_VARIABLE, "") or PUBLIC_METADATA
    found = rules.environments_in(fetch_metadata(url, ca_file=ca_file))
    added: list[Environment] = []

    def add(profile: Profile) -> Profile:
        known = {cloud.name.lower() for cloud in profile.environments}
        added[:] = [replace(one, ca_file=ca_file) for one in found if one.name.lower() not in known]
        return replace(profile, environments=(*profile.environments, *added))

    here.profile.change(add)
    return added


def _where(cloud: Environment) -> tuple[str, str, str]:
    return cloud.resource_manager_url, cloud.authority_url, cloud.audience


def _free(here: Local, cloud: Environment, *, force: bool) -> None:
    """See that no context uses an environment.

    Raises:
        InvalidInput: some do, and they are not to be removed.
    """
    kept = (*here.session.load().contexts, *here.profile.load().contexts)
    using = [context for context in kept if context.environment.name.lower() == cloud.name.lower()]
    if not using:
        return
    if not force:
        names = ", ".join(context.name for context in using[:10])
        raise InvalidInput(f"{cloud.name} is used by contexts: {names}. Remove them first, or add force to do it now.")
    from azjobs.session.accounts.keeping_contexts import forget  # noqa: PLC0415 - only where some are removed

    forget(here, using)


def _exchanged(profile: Profile, old: Environment, new: Environment | None) -> Profile:
    put = (new,) if new is not None else ()
    left = tuple(
        one for cloud in profile.environments for one in (put if cloud.name.lower() == old.name.lower() else (cloud,))
    )
    contexts = _moved(profile.contexts, old, new) if new is not None else profile.contexts
    return replace(profile, environments=left, contexts=contexts)


def _moved(contexts: tuple[ContextValue, ...], old: Environment, new: Environment) -> tuple[ContextValue, ...]:
    return tuple(
        replace(one, environment=new) if one.environment.name.lower() == old.name.lower() else one for one in contexts
    )
