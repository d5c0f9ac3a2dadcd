"""How an application proves that it is the one: by a secret, a certificate, or a federated assertion."""

from __future__ import annotations

import hmac
from collections.abc import Mapping

from azjobs.simulator import assertions
from azjobs.simulator.directory import Tenant
from azjobs.simulator.entra_ask import TOKEN, Ask
from azjobs.simulator.entra_errors import invalid_client, missing_parameter, unknown_application
from azjobs.simulator.principals import Application

BY_SECRET, BY_ASSERTION = "1", "2"


def identify(ask: Ask, tenant: Tenant, form: Mapping[str, str]) -> tuple[Application, str]:
    """Return the application that signs in, and what it proved itself by: `BY_SECRET` or `BY_ASSERTION`."""
    client_id = form["client_id"]
    application = ask.cloud.directory.find_application(tenant.id, client_id)
    if application is None or application.identity_resource_id is not None:
        raise unknown_application(client_id, tenant.name)
    if form.get("client_assertion"):
        _check_assertion(ask, tenant, application, form)
        return application, BY_ASSERTION
    secret = form.get("client_secret")
    if secret is None:
        raise invalid_client(
            7000218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        )
    _check_secret(application, secret, now=ask.cloud.wall())
    return application, BY_SECRET


def _check_assertion(ask: Ask, tenant: Tenant, application: Application, form: Mapping[str, str]) -> None:
    if form.get("client_assertion_type") != assertions.TYPE:
        raise missing_parameter("client_assertion_type")
    assertion, now = assertions.parse(form["client_assertion"]), ask.cloud.wall()
    if assertion.issuer.lower() == application.client_id.lower():
        names = {tenant.id, tenant.domain, ask.tenant_name}
        audiences = {f"{ask.cloud.base_url}/{name}/{rest}" for name in names for rest in (TOKEN, "v2.0")}
        assertions.check_certificate(application, assertion, audiences=audiences, now=now)
    else:
        assertions.check_federated(application, assertion, key_of=ask.cloud.issuers.public_key, now=now)


def _check_secret(application: Application, shown: str, *, now: float) -> None:
    for secret in application.secrets:
        if hmac.compare_digest(shown.encode(), secret.value.encode()):
            if secret.expires_at is not None and secret.expires_at <= now:
                raise invalid_client(
                    7000222,
                    f"The provided client secret keys for app '{application.client_id}' are expired. Visit the Azure "
                    "portal to create new keys for your app.",
                )
            return
    raise invalid_client(
        7000215,
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
        f"not the client secret ID, for a secret added to app '{application.client_id}'.",
    )
