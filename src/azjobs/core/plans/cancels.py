"""Say which operations Azure lets one cancel, and where it is asked to.

Pure. There is no such thing for operations as such: a few types of resource
have an action that ends what is under way on them, and only those are here.
Sources: Azure/azure-rest-api-specs, Microsoft.Resources deployments.json
(Deployments_Cancel and its siblings of the other scopes: POST, 204);
Microsoft.ContainerService managedClusters.json (ManagedClusters_AbortLatestOperation,
AgentPools_AbortLatestOperation: POST, 202 or 204).
"""

from __future__ import annotations

import re

#: Pattern of the path of a PUT, without query -> the action that ends what it began.
CANCELS: dict[str, str] = {
    # Of a resource group, a subscription, a management group, the tenant.
    r".*/providers/Microsoft\.Resources/deployments/[^/]+": "cancel",
    r".*/providers/Microsoft\.ContainerService/managedClusters/[^/]+(?:/agentPools/[^/]+)?": "abort",
}
_VERSION = re.compile(r"(?:^|&)(api-version=[^&]+)", re.IGNORECASE)


def cancel_path_of(method: str, path: str) -> str:
    """Return where Azure is asked to cancel what a request begins, "" where it offers no such thing.

    `path` may be a whole URL; so is then what is returned.
    """
    place, _, query = path.partition("?")
    version = _VERSION.search(query)
    if method != "PUT" or version is None:
        return ""
    for pattern, action in CANCELS.items():
        if re.fullmatch(pattern, place, re.IGNORECASE):
            return f"{place}/{action}?{version[1]}"
    return ""
