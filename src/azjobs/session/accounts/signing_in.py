"""Sign in, look around, and keep the contexts that were found."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from azjobs.core import choosing
from azjobs.core import profile as rules
from azjobs.core.context import USER_SCOPE, AccountType, ContextKey, ContextValue
from azjobs.core.errors import AzJobsError, InvalidInput, NotSignedIn, Refused
from azjobs.core.profile import MOST_CONTEXTS, Profile, SessionState
from azjobs.core.secret import Credential, SecureString
from azjobs.session.accounts import ways
from azjobs.session.accounts.asked import Asked, FederatedFrom, Source, TokenCredential
from azjobs.session.accounts.looking_around import Visit, at_once, read_contexts, read_tenants, warn
from azjobs.session.contexts.autosave import is_autosave_on
from azjobs.session.contexts.choosing import Scope, check_scope, current_value
from azjobs.session.contexts.context import Context
from azjobs.session.link.local import Local, local

Pick = Callable[[Sequence[ContextValue], ContextValue], ContextValue]


class Keeping(msgspec.Struct, frozen=True):
    """Which contexts a sign-in makes, how they are called, and where they are kept."""

    context_name: str = ""
    force: bool = False
    most: int = MOST_CONTEXTS
    scope: Scope | None = None
    may_be_unencrypted: bool = False


def connect_az_account(  # noqa: PLR0913 - the ways to sign in, all by name
    *,
    environment: str = "AzureCloud",
    tenant: str = "",
    subscription: str = "",
    credential: Credential | TokenCredential | Callable[[], TokenCredential] | None = None,
    service_principal: bool = False,
    application_id: str = "",
    certificate_path: str | os.PathLike[str] = "",
    certificate_password: SecureString | None = None,
    send_certificate_chain: bool = False,
    federated_token: Callable[[], str] | None = None,
    federated_token_file: str | os.PathLike[str] = "",
    federated_from: FederatedFrom | None = None,
    service_connection_id: str = "",
    identity: bool = False,
    access_token: SecureString | None = None,
    account_id: str = "",
    use_device_authentication: bool = False,
    claims_challenge: str = "",
    source: Source | None = None,
    context_name: str = "",
    force: bool = False,
    max_context_population: int = MOST_CONTEXTS,
    skip_context_population: bool = False,
    scope: Scope | None = None,
    allow_unencrypted_storage: bool = False,
) -> Context:
    """Sign in, and make the contexts of the subscriptions that the account sees.

    With nothing said a person signs in with the browser. Without `subscription` the one that is current already
    is chosen where the account sees it, else the first by: enabled, in the tenant signed in to, by name, by id.

    Args:
        environment: the cloud; AzureSimulator is the embedded one and needs no account.
        tenant: the directory to sign in to, by id or domain; all that the account belongs to when not given.
        subscription: the one to be current, by name or id.
        credential: a Credential (application id and secret) for a service principal; or any TokenCredential,
            or a function that makes one.
        service_principal: sign in as an application.
        application_id: the application of a certificate or federated token.
        certificate_path: a file with the application's certificate and private key, PEM or PKCS#12.
        certificate_password: the password of that file.
        send_certificate_chain: send the certificate's chain along, for subject name and issuer authentication.
        federated_token: a function that gives a new federated token; it is asked each time one is needed.
        federated_token_file: a file with a federated token, read each time one is needed.
        federated_from: the CI service that gives its jobs federated tokens: GitHubActions or AzurePipelines.
        service_connection_id: the service connection of Azure Pipelines.
        identity: sign in as the managed identity of this machine, or as the workload identity of this pod.
        access_token: a token for Azure Resource Manager; it cannot be renewed.
        account_id: the client id or resource id of the managed identity, where the machine has several;
            the account of an access token; the name of a person, to be shown in the browser.
        use_device_authentication: say a code, to be typed in a browser anywhere.
        claims_challenge: what a refusal asked for, as its message shows it.
        source: take over what another tool is signed in to: az or pwsh.
        context_name: what the context is to be called.
        force: take that name from another context.
        max_context_population: how many contexts are made at most; -1 for every subscription's, 0 for the chosen one's.
        skip_context_population: make the chosen one's only.
        scope: CurrentUser saves it and makes it the default, Process keeps it to this session; else autosave decides.
        allow_unencrypted_storage: save an application's secret in a file where there is no keyring.

    Returns:
        The context that is current now.

    Raises:
        SignInFailed: the sign-in service refused; nothing was saved.
        ContextNotFound: the account sees no such subscription; nothing was saved.
        InvalidInput: what is needed was not said, or does not fit together.

    Warns:
        SignInWarning: a tenant was left out, the subscription is disabled, or a secret lies in a file.
    """
    if isinstance(federated_token, str | SecureString):
        from azjobs.session.accounts.federated_sources import GIVE_THE_SOURCE  # noqa: PLC0415 - few sign in so

        raise InvalidInput(GIVE_THE_SOURCE)
    asked = Asked(
        environment=environment,
        tenant=tenant,
        subscription=subscription,
        credential=credential,
        service_principal=service_principal,
        application_id=application_id,
        certificate_path=os.fspath(certificate_path),
        certificate_password=certificate_password,
        send_certificate_chain=send_certificate_chain,
        federated_token=federated_token,
        federated_token_file=os.fspath(federated_token_file),
        federated_from=federated_from,
        service_connection_id=service_connection_id,
        identity=identity,
        access_token=access_token,
        account_id=account_id,
        use_device_authentication=use_device_authentication,
        claims_challenge=claims_challenge,
        source=source,
    )
    most = 0 if skip_context_population else max_context_population
    return sign_in(asked, Keeping(context_name, force, most, scope, allow_unencrypted_storage))


def sign_in(asked: Asked, keeping: Keeping, pick: Pick | None = None) -> Context:
    """Sign in as `connect_az_account` does; `pick` is asked which of several subscriptions, given a proposal.

    Raises:
        AzJobsError: as there; nothing was saved.
    """
    here = local(may_stand_in=keeping.scope == "Process")
    _check(here, keeping)
    if asked.source is not None:
        return _take_over(here, asked, keeping, pick)
    way = ways.find(here, asked)
    visit = _visit(here, keeping, is_object=way.is_object)
    try:
        way, found = visit.look_around(way, in_all_tenants=not asked.tenant)
        ordered = choosing.in_order(found, way.tenant)
        chosen = _chosen(here, ordered, asked, pick)
        contexts = visit.settle(way, choosing.populate(ordered, chosen, keeping.most))
        return _keep(here, contexts, keeping, is_saved=visit.owner == USER_SCOPE)
    except BaseException:
        visit.undo()
        raise


def discover(here: Local) -> None:
    """Make contexts of the subscriptions that the current account sees by now; the choice stays as it is."""
    present = current_value(here)
    if present is None:
        raise NotSignedIn
    found = read_contexts(here, present)
    if present.account.type is AccountType.USER:
        bare = replace(present, name="", subscription=None, object_id="")
        away = [one for one in read_tenants(here, present) if one.id.lower() != present.tenant.id.lower()]
        others = at_once(away, lambda tenant: read_contexts(here, replace(bare, tenant=tenant)))
        found += [one for seen in others if not isinstance(seen, AzJobsError) for one in seen]
    _save(here, found, is_saved=present.scope == USER_SCOPE)


def _check(here: Local, keeping: Keeping) -> None:
    if here.is_job:
        raise Refused("A job cannot sign in: it acts in the contexts it was granted when it was submitted.")
    if keeping.scope is not None:
        check_scope(keeping.scope)
    if keeping.most < choosing.ALL:
        raise InvalidInput("max_context_population is a number of contexts, or -1 for all.")


def _visit(here: Local, keeping: Keeping, *, is_object: bool) -> Visit:
    is_saved = keeping.scope == "CurrentUser" or (keeping.scope is None and not is_object and is_autosave_on(here))
    owner = USER_SCOPE if is_saved else here.require_session().key
    if (
        here.identity is None
        and keeping.scope is None
        and rules.current(here.profile.load(), SessionState()) is not None
    ):
        here.require_session()  # there is a default already, and nowhere to remember another choice
    return Visit(here, owner, is_saved=is_saved, may_be_unencrypted=keeping.may_be_unencrypted)


def _take_over(here: Local, asked: Asked, keeping: Keeping, pick: Pick | None) -> Context:
    from azjobs.session.accounts import adopting  # noqa: PLC0415 - reads other tools' files, and only here

    seen = adopting.find(here, asked)
    visit = _visit(here, keeping, is_object=False)
    proposed = seen.contexts[seen.default]
    ordered = choosing.in_order(seen.contexts, proposed.tenant.id)
    chosen = proposed if not asked.subscription else _chosen(here, ordered, asked, pick)
    contexts = choosing.populate(ordered, chosen, keeping.most)
    try:
        adopted = adopting.adopt(visit, seen, chosen, contexts)
        _warn_of_disabled(chosen)
        return _keep(here, adopted, keeping, is_saved=visit.owner == USER_SCOPE)
    except BaseException:
        visit.undo()
        raise


def _chosen(here: Local, ordered: Sequence[ContextValue], asked: Asked, pick: Pick | None) -> ContextValue:
    chosen = choosing.choose(ordered, asked.subscription, _present(here))
    if pick is not None and not asked.subscription and len(ordered) > 1:
        chosen = pick(ordered, chosen)
    _warn_of_disabled(chosen)
    return chosen


def _present(here: Local) -> ContextKey | None:
    present = current_value(here)
    return present.key if present is not None else None


def _warn_of_disabled(chosen: ContextValue) -> None:
    subscription = chosen.subscription
    if subscription is not None and subscription.state.lower() not in ("enabled", ""):
        warn(f"The subscription {chosen.subscription_label} is {subscription.state}: it can be read at most.")


def _keep(here: Local, found: Sequence[ContextValue], keeping: Keeping, *, is_saved: bool) -> Context:
    """Save the contexts, the first of which is the chosen one."""
    chosen = found[0]
    saved = _save(here, found, is_saved=is_saved, keeping=keeping, chosen=chosen)
    kept = next(context for context in saved if context.key == chosen.key)
    if here.identity is not None:
        here.session.change(lambda state: replace(state, choice=kept))
    return Context(kept)


def _save(
    here: Local,
    found: Sequence[ContextValue],
    *,
    is_saved: bool,
    keeping: Keeping = Keeping(),  # noqa: B008 - immutable
    chosen: ContextValue | None = None,
) -> tuple[ContextValue, ...]:
    """Add the contexts to the profile or to the session; returns all that are there then."""
    if is_saved:

        def in_profile(profile: Profile) -> Profile:
            profile = rules.save_contexts(profile, found)
            if chosen is None:
                return profile
            profile = replace(profile, contexts=_named(profile.contexts, chosen, keeping))
            return rules.save_default(profile, chosen, only_first=keeping.scope != "CurrentUser")

        return here.profile.change(in_profile).contexts
    beside = here.profile.load().contexts

    def in_session(state: SessionState) -> SessionState:
        contexts = rules.merged(state.contexts, found, beside=beside)
        if chosen is not None:
            contexts = _named(contexts, chosen, keeping)
        return replace(state, contexts=contexts)

    return here.session.change(in_session).contexts


def _named(contexts: tuple[ContextValue, ...], chosen: ContextValue, keeping: Keeping) -> tuple[ContextValue, ...]:
    name = keeping.context_name
    if not name:
        return contexts
    holder = rules.find(contexts, name)
    if holder is not None and holder.key != chosen.key:
        if not keeping.force:
            told = "Choose another --context-name, or add --force to remove that one."
            raise InvalidInput(f"Another context is called {holder.name}. {told}")
        contexts = tuple(one for one in contexts if one.key != holder.key)
    return rules.renamed(contexts, chosen, name)
