"""The shell's face of access tokens: the token itself is shown only where that was said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azjobs.cli.shell import Shell
from azjobs.core.job_json import time_json
from azjobs.session.contexts import access_tokens

if TYPE_CHECKING:  # annotations are read as text
    from azjobs.commands.parameters import ContextName


def get_az_access_token(
    shell: Shell,
    resource_type_name: str = "Arm",
    *,
    resource_url: str = "",
    tenant_id: str = "",
    az_context: ContextName | None = None,
    show_token: bool = False,
) -> int:
    """Fetch an access token, and say until when it is good and whose it is.

    Args:
        shell: the invocation.
        resource_type_name: The service it is for: Arm, AadGraph, Attestation, Batch, DataLake, KeyVault, MSGraph,
            OperationalInsights, Storage or Synapse.
        resource_url: The service it is for, by its resource address.
        tenant_id: Another tenant of the account, by id or name.
        az_context: The context; the current one when not given.
        show_token: Print the token and nothing else. Whoever sees it can act as the account until it expires.
    """
    found = access_tokens.get_az_access_token(
        resource_type_name, resource_url=resource_url, tenant_id=tenant_id, az_context=az_context
    )
    if show_token:
        shell.write(found.token.reveal() + "\n")
        return 0
    shell.show(
        {
            "expiresOn": time_json(found.expires_on.timestamp()),
            "tenantId": found.tenant_id,
            "userId": found.user_id,
            "type": found.type,
        }
    )
    return 0
