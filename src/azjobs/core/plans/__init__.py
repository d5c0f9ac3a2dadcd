"""The plans, by name and version.

A stored job names its plan so; a plan that changes what it asks for, or what its
keys mean, gets a new version beside the old one.
"""

from __future__ import annotations

from azjobs.core.plan import Plan, typed
from azjobs.core.plans import account, find_vm, get_vm, groups, new_vm, new_vm_input, rest, vm_actions

PLANS: dict[str, Plan] = {
    "new-az-vm@1": typed(new_vm_input.NewVm, new_vm.new_vm),
    "get-az-vm@1": typed(get_vm.GetVm, get_vm.get_vm),
    "start-az-vm@1": typed(find_vm.Target, vm_actions.start_vm),
    "stop-az-vm@1": typed(vm_actions.StopVm, vm_actions.stop_vm),
    "restart-az-vm@1": typed(find_vm.Target, vm_actions.restart_vm),
    "remove-az-vm@1": typed(vm_actions.RemoveVm, vm_actions.remove_vm),
    "new-az-resource-group@1": typed(groups.NewGroup, groups.new_group),
    "get-az-resource-group@1": typed(groups.GetGroup, groups.get_group),
    "remove-az-resource-group@1": typed(groups.OneGroup, groups.remove_group),
    "count-az-resources@1": typed(groups.OneGroup, groups.count_resources),
    "invoke-az-rest-method@1": typed(rest.InvokeRest, rest.invoke_rest),
    "get-az-subscription@1": typed(account.GetSubscription, account.get_subscription),
    "get-az-tenant@1": typed(account.GetTenant, account.get_tenant),
}
