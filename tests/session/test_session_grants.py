"""What a job is given: contexts it may use, secrets that nobody else sees, and tokens for no other context."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import azjobs as az
from azjobs.core.errors import ContextNotGranted
from azjobs.session.link.local import Grants
from terminal import Home

LIMIT_S = 20.0
OTHER = "66666666-6666-4666-8666-666666666666"
SECRET = "very secret, never seen 4711"


@pytest.fixture
def two(signed_in: Home) -> Iterator[tuple[az.Context, az.Context]]:
    """The context that is current, and another one."""
    signed_in.add_subscriptions(Second=OTHER)
    current = az.get_az_context()
    assert current is not None
    other = az.set_az_context(subscription="Second")
    az.select_az_context(current)
    return current, other


def look() -> tuple[str | None, list[str]]:
    """Which context a job has, and which it could have."""
    current = az.get_az_context()
    return (current.name if current else None), [c.name for c in az.get_az_context(list_available=True)]


def test_with_autosave_on_a_job_has_the_context_that_was_current_and_no_other(
    two: tuple[az.Context, az.Context],
) -> None:
    """The others that are saved are not there."""
    assert az.start_job(look).result(LIMIT_S) == ("Rehearsal", ["Rehearsal"])


def test_a_job_has_the_context_it_is_given_by_name_by_itself_or_by_a_with_block(
    two: tuple[az.Context, az.Context],
) -> None:
    """All three are the same."""
    _, other = two
    with other:
        inside = az.start_job(look)
    for job in (inside, az.start_job(look, az_context=other), az.start_job(look, az_context="second")):
        assert job.result(LIMIT_S) == ("Second", ["Second"])


def test_a_context_in_an_argument_or_a_closure_is_granted_too(two: tuple[az.Context, az.Context]) -> None:
    """Nested in whatever; and it can give tokens there."""
    _, other = two

    def by_closure() -> bool:
        return bool(other.credential.get_token().token)

    def by_argument(given: dict[str, list[az.Context]]) -> tuple[str, bool]:
        (context,) = given["contexts"]
        with context:
            return az.get_az_context().name, bool(context.credential.get_token().token)

    assert az.start_job(by_closure).result(LIMIT_S) is True
    job = az.start_job(by_argument, argument_list=[{"contexts": [other]}])
    assert job.result(LIMIT_S) == ("Second", True)


def test_a_context_that_was_not_granted_is_refused_by_the_job_and_by_the_daemon(
    two: tuple[az.Context, az.Context],
) -> None:
    """Also one that was smuggled in, also where nobody in the job's process checks."""
    _, other = two
    smuggled = pickle.dumps(other)

    def checked(data: bytes) -> str:
        try:
            pickle.loads(data).credential.get_token()
        except az.ContextNotGranted as error:
            return str(error)
        return "a token"

    def unchecked(data: bytes) -> str:
        from azjobs.core.wire import GetToken, Token  # noqa: PLC0415 - in the job
        from azjobs.session.link.local import local  # noqa: PLC0415 - in the job

        try:
            local().client.ask(GetToken(0, pickle.loads(data).value), Token)
        except az.ContextNotGranted as error:
            return str(error)
        return "a token"

    expected = "The job was not granted the context Second when it was submitted."
    for attempt in (checked, unchecked):
        assert az.start_job(attempt, argument_list=[smuggled]).result(LIMIT_S) == expected


def test_with_autosave_off_a_job_has_only_what_it_is_given(two: tuple[az.Context, az.Context]) -> None:
    """And its first Azure command says so."""
    current, _ = two
    az.disable_az_context_autosave(scope="Process")

    def act() -> str:
        from azjobs.session.contexts.choosing import resolve_context  # noqa: PLC0415 - in the job

        return resolve_context().name

    with pytest.raises(
        az.JobFailed, match=r"ContextRequired\. Context autosave is off, so this job has no context\. Pass"
    ):
        az.start_job(act).result(LIMIT_S)
    assert az.start_job(act, az_context=current).result(LIMIT_S) == "Rehearsal"


def test_credentials_and_secrets_reach_a_job_and_show_themselves_to_nobody(
    two: tuple[az.Context, az.Context], live: Home
) -> None:
    """They are in no file, and not in the job's environment or arguments."""
    credential, token = az.Credential("vmadmin", az.SecureString(SECRET)), az.SecureString(SECRET[::-1])

    def use(user: az.Credential, more: dict[str, Any]) -> tuple[str, bool, str]:
        import os  # noqa: PLC0415 - in the job

        password = user.password.reveal()
        places = "".join(os.environ.values()) + Path("/proc/self/cmdline").read_text()
        is_alone = password not in places
        return f"{user} {user!r} {more}", is_alone and token.reveal() == password[::-1], password[:4]

    job = az.start_job(use, argument_list=[credential], keyword_arguments={"more": {"token": token}})
    shown = "<Credential vmadmin> <Credential vmadmin> {'token': <SecureString>}"
    assert job.result(LIMIT_S) == (shown, True, "very")
    files = [path for path in live.folder.rglob("*") if path.is_file()]
    for needle in (SECRET.encode(), SECRET[::-1].encode()):
        assert [path for path in files if needle in path.read_bytes()] == []


def test_a_secret_cannot_be_a_jobs_result(two: tuple[az.Context, az.Context]) -> None:
    """It would lie in a file."""
    job = az.start_job(lambda secret: secret, argument_list=[az.SecureString(SECRET)])
    with pytest.raises(az.JobFailed, match="SecureString") as caught:
        job.result(LIMIT_S)
    assert SECRET not in str(caught.value)


def test_a_named_credential_is_filled_in_for_a_job_and_never_shown_here(two: tuple[az.Context, az.Context]) -> None:
    """This process has only its name."""
    from azjobs.session.accounts.credentials import (  # noqa: PLC0415 - for the shell, not public
        find_named_credential,
        named_credentials,
        put_named_credential,
    )
    from azjobs.session.link.named_secret import NamedSecret  # noqa: PLC0415 - as above

    put_named_credential("Admin", az.Credential("vmadmin", az.SecureString(SECRET)))
    assert named_credentials() == {"Admin": "vmadmin"}
    credential = find_named_credential("admin")
    assert credential.username == "vmadmin"
    with pytest.raises(az.InvalidInput, match="cannot be shown"):
        credential.password.reveal()
    job = az.start_job(lambda user: (user.username, len(user.password)), argument_list=[credential])
    assert job.result(LIMIT_S) == ("vmadmin", len(SECRET))
    with pytest.raises(az.CredentialNotFound, match=r"azjobs credential get --name other --username USER$"):
        find_named_credential("other")
    lost = az.Credential("vmadmin", NamedSecret("other"))  # as one is whose keeper has gone
    with pytest.raises(az.CredentialNotFound):
        az.start_job(lambda user: user.username, argument_list=[lost])


def test_a_credential_object_of_an_sdk_is_not_sent_and_says_what_to_send(two: tuple[az.Context, az.Context]) -> None:
    """Its pickle would hold the secret."""
    from azure.identity import ClientSecretCredential  # noqa: PLC0415 - heavy

    with ClientSecretCredential("t", "c", SECRET) as credential, pytest.raises(az.CannotSend) as caught:
        az.start_job(lambda it: it, argument_list=[credential])
    assert "Pass the context instead" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_the_tokens_of_a_context_travel_as_the_grant_they_are(two: tuple[az.Context, az.Context]) -> None:
    """`context.credential` as an argument is the same in the job."""
    _, other = two
    job = az.start_job(lambda it: len(it.get_token().token) > 100, argument_list=[other.credential])
    assert job.result(LIMIT_S) is True


def test_a_job_can_start_jobs_in_its_own_context_only(two: tuple[az.Context, az.Context]) -> None:
    """They belong to the same session, and have what it has."""
    _, other = two

    def outer() -> tuple[Any, bool]:
        inner = az.start_job(look)
        return inner.result(20), az.get_job(inner.id).view.row.session == az.get_job()[-1].view.row.session

    assert az.start_job(outer, az_context=other).result(LIMIT_S) == (("Second", ["Second"]), True)


@pytest.mark.slow
def test_azjobs_typed_inside_a_commands_job_acts_where_the_job_does(two: tuple[az.Context, az.Context]) -> None:
    """Whatever is chosen in the meantime; and it sees nothing that the job was not given."""
    import sys  # noqa: PLC0415 - here only

    _, other = two
    code = (
        "from azjobs.session.link.local import enter_shell; enter_shell()\n"
        "import azjobs as az\n"
        "print(az.get_az_context(), [c.name for c in az.get_az_context(list_available=True)])\n"
    )
    job = az.start_job(command=[sys.executable, "-c", code], az_context=other)
    assert job.result(LIMIT_S) == f"{other} ['Second']\n"
    az.disable_az_context_autosave(scope="Process")
    bare = az.start_job(command=[sys.executable, "-c", code])
    assert bare.result(LIMIT_S) == "None []\n"


def test_a_jobs_key_opens_nothing_after_its_end(two: tuple[az.Context, az.Context], live: Home) -> None:
    """A capability that is kept is worth nothing."""
    from azjobs.session.link.client import Client  # noqa: PLC0415 - here only
    from azjobs.session.link.local import local  # noqa: PLC0415 - here only

    def key() -> str:
        from azjobs.session.link.local import local as here  # noqa: PLC0415 - in the job

        grants = here().grants
        assert grants is not None
        return grants.key

    stolen = az.start_job(key).result(LIMIT_S)
    with pytest.raises(az.Refused, match="This job has ended"):
        Client(local().layout, None, stolen).open()


def test_of_two_grants_of_one_context_the_one_with_the_same_sign_in_is_taken(make_context: Any) -> None:
    """A saved sign-in and this session's own may be of different rights; one that is not there gives what there is."""
    saved, own = make_context("One"), make_context("One", scope="py:1")
    assert saved.key == own.key
    for contexts in ((saved, own), (own, saved)):
        grants = Grants(own=None, contexts=contexts, autosave=False, key="")
        assert grants.check(own) is own
        assert grants.check(saved) is saved
        assert grants.check(make_context("One", scope="py:2")) is contexts[0]
        with pytest.raises(ContextNotGranted):
            grants.check(make_context("Two"))
