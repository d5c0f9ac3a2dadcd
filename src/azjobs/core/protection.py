"""Say which removals and stops a user has ruled out, unless each time the protection is named.

Pure. What is seen is the request: a removal or stop by its method and path, and
by its body where that lists the resources. What a removal takes along is not in
it: a protected machine in a group that is not protected goes with the group.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from azjobs.core.arm import Request
from azjobs.core.errors import InvalidInput
from azjobs.core.naming import GROUP_LENGTH, matches

#: Last words of a POST that take a resource away, halt it, or lose what is on it; plural and compound ones end with
#: them (reimageAll, virtualMachinesExecuteDeallocate). Source: Azure/azure-rest-api-specs, POST actions of compute,
#: containerservice, web, sql, synapse, keyvault, computeschedule; restart is none: what restarts, runs.
_HALTING = (
    *("deallocate", "delete", "hibernate", "pause", "poweroff", "purge", "redeploy", "reimage", "reimageall"),
    *("shutdown", "stop", "suspend", "terminate"),
)
_CANCEL = "/providers/microsoft.subscription/cancel"  # ends a subscription; elsewhere a cancel ends an operation only


class ProtectionKind(StrEnum):
    """What is protected."""

    SUBSCRIPTION = "subscription"
    GROUP = "resource-group"
    NAME = "name"


class Protection(msgspec.Struct, frozen=True, omit_defaults=True):
    """A subscription, a resource group, or what has a name of a pattern, each with all below it.

    `value`: the name that was given, which an override names; for a name, with *
    and ?. `subscription_id`: of a subscription its id; else where it holds, "" for
    every subscription.
    """

    kind: ProtectionKind
    value: str
    subscription_id: str = ""

    def __str__(self) -> str:
        """What it protects, for people."""
        match self.kind:
            case ProtectionKind.SUBSCRIPTION:
                return f"subscription {self.value}"
            case ProtectionKind.GROUP:
                return f"resource group {self.value}"
            case ProtectionKind.NAME:
                return f"the name {self.value}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two of them the same; a subscription is one by its id, whatever it was called."""
        value = "" if self.kind is ProtectionKind.SUBSCRIPTION else self.value.lower()
        return self.kind.value, value, self.subscription_id.lower()


def check_protection(protection: Protection) -> Protection:
    """Return a protection unchanged, or raise InvalidInput when it would protect nothing, or everything by mistake."""
    value = protection.value
    if protection.kind is ProtectionKind.NAME and not value.strip("*?"):
        raise InvalidInput(f"The pattern '{value}' fits every name: protect the subscription instead.")
    if not value.strip() or "/" in value:
        raise InvalidInput(f"'{value}' is no name: give the name alone, not an id.")
    if protection.kind is ProtectionKind.SUBSCRIPTION and not protection.subscription_id:
        raise InvalidInput(f"The id of the subscription {value} is not known.")
    if protection.kind is ProtectionKind.GROUP and len(value) > GROUP_LENGTH:
        raise InvalidInput(f"A resource group's name has at most {GROUP_LENGTH} characters.")
    return protection


def verdict(request: Request, protections: Iterable[Protection], overrides: Iterable[str] = ()) -> Protection | None:
    """Return the first protection that rules a request out and is not overridden; None when it may go out."""
    if not is_destructive(request):
        return None
    named = {name.lower() for name in overrides}
    targets = [_target(path) for path in (request.path, *_ids_in(request))]
    for protection in protections:
        words = {protection.value.lower()}
        if protection.kind is ProtectionKind.SUBSCRIPTION:
            words.add(protection.subscription_id.lower())
        if words.isdisjoint(named) and any(_covers(protection, target) for target in targets):
            return protection
    return None


def is_destructive(request: Request) -> bool:
    """Whether a request removes or halts something, as far as it tells."""
    match request.method.upper():
        case "DELETE":
            return True
        case "POST":
            path = unquote(urlsplit(request.path).path).rstrip("/").lower()
            action = path.rpartition("/")[2]
            return (action.endswith(_HALTING) and not action.startswith("un")) or path.endswith(_CANCEL)
        case "PUT":
            return _is_complete_deployment(request.body) or _does_stack_remove(request.body)
    return False


def refusal(protection: Protection, request: Request) -> str:
    """Return the sentence that refuses a request, with what to type to have it done all the same."""
    shown = str(protection)
    what = request.label or unquote(urlsplit(request.path).path.rpartition("/")[2])
    subject = "it" if what.lower() == shown.lower() else what
    match request.method.upper():
        case "PUT":
            verb, done = "send", "sent, for it may remove what is there"
        case "POST" if not urlsplit(request.path).path.lower().endswith(("delete", "purge")):
            verb, done = "stop", "stopped"
        case _:
            verb, done = "remove", "removed"
    return (
        f"{shown[:1].upper()}{shown[1:]} is protected, so {subject} is not {done}. "
        f"To {verb} it all the same add --override-protection {_quoted(protection.value)}."
    )


class _Target(msgspec.Struct, frozen=True):
    """What a path is about: ids and names in lower case; `names` are those of the group and of all resources on it."""

    subscription_id: str
    group: str
    names: tuple[str, ...]


def _target(path: str) -> _Target:
    segments = [unquote(s) for s in urlsplit(path).path.strip("/").split("/")]
    subscription_id = group = ""
    names: list[str] = []
    words = iter(segments)
    for word in words:
        name = next(words, "")  # of an action nothing follows
        match word.casefold():
            case "subscriptions" if not subscription_id:
                subscription_id = name.lower()
            case "resourcegroups" if not group:
                group = name.lower()
                names.append(name)
            case "providers":
                pass  # a namespace, which is no name
            case _:
                names.append(name)
    return _Target(subscription_id, group, tuple(name for name in names if name))


def _covers(protection: Protection, target: _Target) -> bool:
    where = protection.subscription_id.lower()
    if where and where != target.subscription_id:
        return False
    match protection.kind:
        case ProtectionKind.SUBSCRIPTION:
            return bool(where)
        case ProtectionKind.GROUP:
            return target.group == protection.value.lower()
        case ProtectionKind.NAME:
            return any(matches(protection.value, name) for name in target.names)


def _ids_in(request: Request) -> Iterator[str]:
    """The resource ids in a body: actions on many machines at once list them there."""
    if request.method.upper() == "POST":
        yield from _ids(request.body)


def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if value.lower().startswith("/subscriptions/"):
            yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _ids(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from _ids(member)


def _is_complete_deployment(body: Any) -> bool:
    """A deployment in complete mode removes what its template does not name [learn, deployment-modes]."""
    return str(_member(body, "properties", "mode")).lower() == "complete"


def _does_stack_remove(body: Any) -> bool:
    """A deployment stack may remove what it no longer names [learn, deployment-stacks, actionOnUnmanage]."""
    actions = _member(body, "properties", "actionOnUnmanage")
    return isinstance(actions, Mapping) and any(str(action).lower() == "delete" for action in actions.values())


def _member(body: Any, *names: str) -> Any:
    for name in names:
        found = [v for k, v in body.items() if str(k).lower() == name.lower()] if isinstance(body, Mapping) else []
        body = found[0] if found else None
    return body


def _quoted(value: str) -> str:
    return value if all(c.isalnum() or c in "-_." for c in value) else f"'{value}'"
