"""core.profile: which context is current, and what signing in, choosing and signing out change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from azjobs.core import profile as rules
from azjobs.core.context import Account, AccountType, ContextValue, Environment, Subscription, Tenant
from azjobs.core.errors import ContextNotFound, InvalidInput
from azjobs.core.profile import Profile, SessionState

CLOUD = Environment("AzureCloud", "https://management.azure.com", "https://login.microsoftonline.com")
ANA = Account("ana@contoso.com", AccountType.USER)
CONTOSO = Tenant("t-1", "Contoso")


def context(name: str, number: int = 0, *, account: Account = ANA, scope: str = "user") -> ContextValue:
    subscription = Subscription(f"id-{number or name.lower()}", name)
    return ContextValue(name, account, CONTOSO, CLOUD, subscription, scope)


PRODUCTION, STAGING, REHEARSAL = context("Production"), context("Staging"), context("Rehearsal")
SAVED = Profile(contexts=(PRODUCTION, STAGING), default="production")


def test_the_saved_default_is_current_while_a_session_has_chosen_nothing() -> None:
    """The default is found by its name in any case."""
    assert rules.current(SAVED, SessionState()) == PRODUCTION


def test_a_sessions_choice_goes_before_the_saved_default() -> None:
    """Choosing in a session says where that session acts."""
    assert rules.current(SAVED, SessionState(choice=STAGING)) == STAGING


def test_a_choice_whose_context_was_removed_elsewhere_stays_chosen() -> None:
    """What another session removes never moves this one to the saved default."""
    left = replace(SAVED, contexts=(PRODUCTION,))
    assert rules.current(left, SessionState(choice=STAGING)) == STAGING


def test_a_choice_whose_name_went_to_another_subscription_stays_where_it_was() -> None:
    """A choice is a whole context, not a name."""
    usurper = replace(REHEARSAL, name="Staging")
    changed = replace(SAVED, contexts=(PRODUCTION, usurper))
    assert rules.current(changed, SessionState(choice=STAGING)) == STAGING


def test_a_choice_follows_its_context_to_a_new_address() -> None:
    """An environment that moved is taken as it is known now."""
    moved = replace(STAGING, environment=replace(CLOUD, resource_manager_url="https://elsewhere"))
    changed = replace(SAVED, contexts=(PRODUCTION, moved))
    assert rules.current(changed, SessionState(choice=STAGING)) == moved


def test_a_choice_of_the_session_is_never_taken_for_the_saved_context_of_another_sign_in() -> None:
    """The same subscription, signed in to by another session, is another context."""
    own = replace(STAGING, scope="py:1")
    assert rules.current(SAVED, SessionState(choice=own)) == own


def test_nothing_is_current_without_choice_and_default() -> None:
    """No context is ever taken because it happens to be there."""
    assert rules.current(replace(SAVED, default=""), SessionState()) is None


def test_a_closed_session_has_nothing_that_is_saved() -> None:
    """Inside a job only what was granted can be seen or become current."""
    closed = SessionState(is_closed=True)
    assert rules.available(SAVED, closed) == ()
    assert rules.current(SAVED, closed) is None


def test_a_sessions_own_context_hides_the_saved_one_of_its_name() -> None:
    """A name means one context."""
    own = replace(STAGING, scope="py:1")
    assert rules.available(SAVED, SessionState(contexts=(own,))) == (own, PRODUCTION)


@pytest.mark.parametrize(
    ("override", "saved", "expected"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_a_sessions_autosave_goes_before_the_saved_setting(
    *, override: bool | None, saved: bool, expected: bool
) -> None:
    """Autosave of the session wins where it was set."""
    assert rules.does_autosave(Profile(autosave=saved), SessionState(autosave=override)) is expected


@pytest.mark.parametrize("name", ["Staging", "staging", "STAGING"])
def test_a_context_is_found_by_its_name_in_any_case(name: str) -> None:
    """Names are compared without case."""
    assert rules.require(SAVED.contexts, name) == STAGING


def test_an_unknown_name_is_an_error_that_says_what_to_type() -> None:
    """ContextNotFound names it."""
    with pytest.raises(ContextNotFound, match=r"No context Nowhere\. Type: azjobs context get"):
        rules.require(SAVED.contexts, "Nowhere")


@pytest.mark.parametrize("wanted", ["STAGING", "id-staging"])
@pytest.mark.parametrize("tenant", ["", "t-1", "contoso"])
def test_a_subscription_is_found_by_name_or_id_in_a_tenant_by_name_or_id(wanted: str, tenant: str) -> None:
    """Both in any case."""
    assert rules.find_subscription(SAVED.contexts, wanted, tenant) == STAGING


def test_a_subscription_is_not_found_in_another_tenant() -> None:
    """The tenant narrows it."""
    assert rules.find_subscription(SAVED.contexts, "Staging", "fabrikam") is None


def test_signing_in_again_renews_a_context_and_keeps_the_name_it_was_given() -> None:
    """The identity of a context is its account, tenant, subscription and cloud."""
    known = replace(STAGING, name="blue")
    renewed = replace(STAGING, subscription=Subscription("id-staging", "Staging", "Disabled"))
    merged = rules.merged((known,), (renewed,))
    assert [c.name for c in merged] == ["blue"]
    assert merged[0].subscription == renewed.subscription


def test_a_name_that_is_taken_becomes_longer() -> None:
    """Two subscriptions of one name can be told apart."""
    other = context("Staging", number=7)
    merged = rules.merged((STAGING,), (other,))
    assert [c.name for c in merged] == ["Staging", "Staging - Contoso"]


def test_a_context_kept_elsewhere_lends_its_name_to_the_same_one() -> None:
    """A session's own sign-in to a saved context goes by the name people know."""
    own = replace(STAGING, name="", scope="py:1")
    merged = rules.merged((), (own,), beside=(replace(STAGING, name="blue"),))
    assert [c.name for c in merged] == ["blue"]


def test_an_environment_that_moved_moves_for_all_its_contexts() -> None:
    """The embedded cloud may come back under another address."""
    moved = replace(CLOUD, resource_manager_url="https://127.0.0.1:9")
    merged = rules.merged(SAVED.contexts, (replace(REHEARSAL, environment=moved),))
    assert {c.environment for c in merged} == {moved}


def test_a_context_is_not_given_the_name_of_another_one() -> None:
    """Names stay unique, in any case."""
    with pytest.raises(InvalidInput, match=r"Another context is called Production\."):
        rules.renamed(SAVED.contexts, STAGING, "PRODUCTION")
    assert rules.find(rules.renamed(SAVED.contexts, STAGING, "staging"), "STAGING") is not None


def test_the_first_sign_in_becomes_the_saved_default_and_a_later_one_does_not() -> None:
    """Only a scope of CurrentUser moves a default that is there."""
    first = rules.save_default(rules.save_contexts(Profile(), [STAGING]), STAGING, only_first=True)
    second = rules.save_default(rules.save_contexts(first, [PRODUCTION]), PRODUCTION, only_first=True)
    assert (first.default, second.default) == ("Staging", "Staging")
    assert rules.save_default(second, PRODUCTION).default == "Production"


def test_a_context_that_is_not_saved_cannot_be_the_saved_default() -> None:
    """A session's own context ends with it."""
    with pytest.raises(ContextNotFound, match="is not saved"):
        rules.save_default(SAVED, REHEARSAL)


def test_signing_out_makes_nothing_else_the_default() -> None:
    """After signing out of the default's account nobody acts anywhere by accident."""
    bo = context("Staging", account=Account("bo@contoso.com", AccountType.USER))
    both = Profile(contexts=(PRODUCTION, bo), default="Production")
    left = rules.drop_sign_ins(both, [PRODUCTION.sign_in_key])
    assert (left.contexts, left.default) == ((bo,), "")


def test_signing_out_takes_the_sessions_choice_with_it() -> None:
    """A choice of a signed-out account would be a lie."""
    state = SessionState(choice=STAGING, contexts=(replace(REHEARSAL, scope="s"),))
    left = rules.drop_session_sign_ins(state, [STAGING.sign_in_key])
    assert (left.choice, left.contexts) == (None, ())


names = st.sampled_from(["a", "A", "b", "c"])
contexts = st.builds(context, names, st.integers(1, 5))


@given(st.lists(contexts, max_size=12), st.lists(contexts, max_size=12))
def test_however_contexts_are_added_names_and_identities_stay_unique(
    first: list[ContextValue], then: list[ContextValue]
) -> None:
    """No two contexts have one name, and none is there twice."""
    merged = rules.merged(rules.merged((), first), then)
    lower = [c.name.lower() for c in merged]
    assert len(set(lower)) == len(lower)
    assert {c.key for c in merged} == {c.key for c in (*first, *then)}
    assert len(merged) == len({c.key for c in merged})
