"""Protect subscriptions, resource groups and names against removals and stops; say what is protected, and end that."""

from __future__ import annotations

from msgspec.structs import replace

from azjobs.core.context import is_guid
from azjobs.core.errors import InvalidInput, NotFound, Refused
from azjobs.core.profile import Profile
from azjobs.core.protection import Protection, ProtectionKind, check_protection
from azjobs.session.link.local import Local, local

HOW = "Say what: a subscription, a resource_group_name, or a name, with * and ? for several."


def add_az_protection(*, subscription: str = "", resource_group_name: str = "", name: str = "") -> Protection:
    """Protect something: from now on no command of azjobs removes or stops it, or anything in it, unless told by name.

    Unlike a lock of Azure (New-AzResourceLock) it is this user's own, holds on this
    machine and for azjobs only, and needs no rights; it also holds back stops. It
    is seen from the request alone: a protected machine goes with its group when the
    group is not protected itself.

    Args:
        subscription: The subscription, by name or id; with a group or name, where that is protected.
        resource_group_name: A resource group.
        name: What has this name, whatever it is; with * and ? for several.

    Raises:
        InvalidInput: it is not said what, or the subscription's id is not known.
    """
    here = _at_home()
    added = _read(here, subscription, resource_group_name, name)

    def add(profile: Profile) -> Profile:
        others = tuple(one for one in profile.protections if one.key != added.key)
        return replace(profile, protections=(*others, added))

    here.profile.change(add)
    return added


def get_az_protection() -> list[Protection]:
    """Return what is protected."""
    return list(local().profile.load().protections)


def remove_az_protection(*, subscription: str = "", resource_group_name: str = "", name: str = "") -> Protection:
    """Protect something no longer.

    Args:
        subscription: The subscription, as it was given; with a group or name, where that is protected.
        resource_group_name: A resource group.
        name: What has this name, as it was given.

    Raises:
        NotFound: it is not protected.
    """
    here = _at_home()
    wanted = _read(here, subscription, resource_group_name, name)

    def drop(profile: Profile) -> Profile:
        left = tuple(one for one in profile.protections if one.key != wanted.key)
        if len(left) == len(profile.protections):
            where = f" in subscription {subscription}" if subscription and (resource_group_name or name) else ""
            text = str(wanted)
            raise NotFound(f"{text[:1].upper()}{text[1:]} is not protected{where}. Type: azjobs protection get")
        return replace(profile, protections=left)

    here.profile.change(drop)
    return wanted


def _at_home() -> Local:
    here = local()
    if here.is_job:
        raise Refused("A job cannot change what is protected.")
    return here


def _read(here: Local, subscription: str, group: str, name: str) -> Protection:
    if bool(group) + bool(name) > 1 or not (subscription or group or name):
        raise InvalidInput(f"{HOW} A subscription with one of them says where.")
    identity = _subscription_id(here, subscription) if subscription else ""
    if group:
        return check_protection(Protection(ProtectionKind.GROUP, group, identity))
    if name:
        return check_protection(Protection(ProtectionKind.NAME, name, identity))
    return check_protection(Protection(ProtectionKind.SUBSCRIPTION, subscription, identity))


def _subscription_id(here: Local, subscription: str) -> str:
    """Paths have ids only: what is protected by a name must be known by its id, or it would not be protected."""
    if is_guid(subscription):
        return subscription.lower()
    known = here.available()
    ids = {
        c.subscription.id.lower()
        for c in known
        if c.subscription is not None and c.subscription.name.lower() == subscription.lower()
    }
    ids |= {one.subscription_id for one in here.profile.load().protections if one.value.lower() == subscription.lower()}
    ids.discard("")
    if len(ids) != 1:
        count = "Several contexts have" if ids else "No context here has"
        raise InvalidInput(f"{count} a subscription {subscription}: give its id.")
    return ids.pop()
