"""What counts as a removal or stop, what a protection covers, and what an override lets through."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from azjobs.core.arm import Request
from azjobs.core.errors import InvalidInput
from azjobs.core.protection import Protection, ProtectionKind, check_protection, is_destructive, refusal, verdict

S = "11111111-1111-4111-8111-11111111111a"
OTHER = "99999999-9999-4999-8999-99999999999b"
GROUP = f"/subscriptions/{S}/resourceGroups/prod"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web-1"
PROD = Protection(ProtectionKind.GROUP, "prod")
BULK = f"/subscriptions/{S}/providers/Microsoft.ComputeSchedule/locations/eastus/virtualMachinesExecuteDeallocate"


def request(method: str, path: str, body: Any = None) -> Request:
    return Request(method, path + "?api-version=2024-07-01", body=body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", GROUP),
        ("DELETE", VM),
        ("delete", f"{VM}/providers/Microsoft.Authorization/locks/l"),
        ("POST", f"{VM}/deallocate"),
        ("POST", f"{VM}/powerOff/"),
        ("POST", f"{VM}/de%61llocate"),
        ("POST", f"{VM}/reimage"),
        ("POST", BULK),
        ("POST", f"/subscriptions/{S}/providers/Microsoft.Subscription/cancel"),
    ],
)
def test_removals_and_stops_are_told_by_method_and_last_word(method: str, path: str) -> None:
    """In any case and encoding."""
    assert is_destructive(request(method, path))


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", GROUP),
        ("PUT", VM),
        ("PATCH", VM),
        ("POST", f"{VM}/start"),
        ("POST", f"{VM}/restart"),
        ("POST", f"{GROUP}/providers/Microsoft.KeyVault/vaults/v/undelete"),
        ("POST", f"{GROUP}/providers/Microsoft.Resources/deployments/d/cancel"),
    ],
)
def test_what_creates_changes_or_starts_is_no_removal(method: str, path: str) -> None:
    """A restart ends with a running machine, and undelete is the opposite."""
    assert not is_destructive(request(method, path))


@pytest.mark.parametrize(
    ("properties", "is_removal"),
    [
        ({"mode": "Complete"}, True),
        ({"Mode": "complete"}, True),
        ({"mode": "Incremental"}, False),
        ({"actionOnUnmanage": {"resources": "delete"}}, True),
        ({"actionOnUnmanage": {"resources": "detach"}}, False),
        (None, False),
        ("Complete", False),
    ],
)
def test_a_deployment_that_removes_what_it_does_not_name_is_a_removal(properties: Any, *, is_removal: bool) -> None:
    """Complete mode, and stacks that delete what they no longer manage."""
    sent = request("PUT", f"{GROUP}/providers/Microsoft.Resources/deployments/d", {"properties": properties})
    assert is_destructive(sent) is is_removal
    assert (verdict(sent, [PROD]) == PROD) is is_removal


@pytest.mark.parametrize(
    ("protection", "path"),
    [
        (PROD, GROUP),
        (PROD, VM),
        (PROD, f"https://management.azure.com{VM.upper()}"),
        (PROD, VM.replace("prod", "pr%6Fd").replace("resourceGroups", "resourcegroups")),
        (Protection(ProtectionKind.GROUP, "PROD", S.upper()), VM),
        (Protection(ProtectionKind.SUBSCRIPTION, "Production", S), f"/subscriptions/{S.upper()}/resourceGroups/any"),
        (
            Protection(ProtectionKind.SUBSCRIPTION, "Production", S),
            f"/providers/Microsoft.Management/managementGroups/m/subscriptions/{S}",
        ),
        (Protection(ProtectionKind.NAME, "web-*"), VM),
        (Protection(ProtectionKind.NAME, "WEB-?"), f"{VM}/extensions/e"),
        (Protection(ProtectionKind.NAME, "pro*", S), VM),
    ],
)
def test_a_protection_covers_itself_and_all_below_it(protection: Protection, path: str) -> None:
    """By any spelling of the path; an override by its name lets through what the protection held back."""
    sent = request("DELETE", path)
    assert verdict(sent, [protection]) == protection
    assert verdict(sent, [protection], [protection.value.swapcase()]) is None
    assert verdict(sent, [protection], ["something else"]) == protection


@pytest.mark.parametrize(
    "protection",
    [
        Protection(ProtectionKind.GROUP, "production"),
        Protection(ProtectionKind.GROUP, "prod", OTHER),
        Protection(ProtectionKind.SUBSCRIPTION, "Other", OTHER),
        Protection(ProtectionKind.NAME, "virtualMachines"),
        Protection(ProtectionKind.NAME, "deallocate"),
        Protection(ProtectionKind.NAME, "web"),
        Protection(ProtectionKind.NAME, "web-*", OTHER),
    ],
)
def test_a_protection_covers_nothing_else(protection: Protection) -> None:
    """Types and actions are no names, and a group elsewhere is another group."""
    assert verdict(request("POST", f"{VM}/deallocate"), [protection]) is None


def test_an_action_on_many_machines_is_held_against_each_of_them() -> None:
    """Their ids are in the body."""
    many = request("POST", BULK, {"resources": {"ids": [VM.replace("prod", "test"), VM]}})
    assert verdict(many, [PROD]) == PROD
    assert verdict(request("POST", BULK, {"resources": {"ids": [VM.replace("prod", "test")]}}), [PROD]) is None


def test_each_protection_wants_its_own_override() -> None:
    """One of two names is not enough; a subscription may be named by its id too."""
    subscription = Protection(ProtectionKind.SUBSCRIPTION, "Production", S)
    sent = request("DELETE", VM)
    assert verdict(sent, [PROD, subscription], ["prod"]) == subscription
    assert verdict(sent, [PROD, subscription], ["prod", S]) is None


def test_the_refusal_says_what_to_type() -> None:
    """The protection, what was held back, and the way past it."""
    group = Request("DELETE", GROUP, "resource group prod")
    assert refusal(PROD, group) == (
        "Resource group prod is protected, so it is not removed. "
        "To remove it all the same add --override-protection prod."
    )
    stop = Request("POST", f"{VM}/deallocate", "virtualMachines/web-1")
    assert refusal(Protection(ProtectionKind.NAME, "web-*"), stop) == (
        "The name web-* is protected, so virtualMachines/web-1 is not stopped. "
        "To stop it all the same add --override-protection 'web-*'."
    )


@pytest.mark.parametrize(
    "wrong",
    [
        Protection(ProtectionKind.NAME, "*"),
        Protection(ProtectionKind.NAME, ""),
        Protection(ProtectionKind.GROUP, " "),
        Protection(ProtectionKind.GROUP, GROUP),
        Protection(ProtectionKind.GROUP, "g" * 91),
        Protection(ProtectionKind.SUBSCRIPTION, "Production"),
    ],
)
def test_a_protection_that_would_hold_nothing_or_everything_is_refused(wrong: Protection) -> None:
    """With a sentence."""
    with pytest.raises(InvalidInput):
        check_protection(wrong)


@given(st.text(max_size=40), st.sampled_from(["DELETE", "POST", "PUT"]))
def test_any_path_and_method_has_a_verdict(path: str, method: str) -> None:
    """What cannot be read is no reason to break: the guard refuses it."""
    every = Protection(ProtectionKind.NAME, "?*")
    assert verdict(Request(method, "/" + path.replace("[", "").replace("]", "")), [PROD, every]) in (None, PROD, every)
