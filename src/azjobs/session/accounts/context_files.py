"""Save contexts to a file that can be carried elsewhere, and import such a file or Azure PowerShell's."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec.structs import replace

from azjobs.core import context_file as rules
from azjobs.core import profile as profile_rules
from azjobs.core.context import USER_SCOPE, ContextValue, Environment
from azjobs.core.errors import InvalidInput, Refused
from azjobs.core.profile import Profile, SessionState
from azjobs.session.accounts import clouds
from azjobs.session.accounts.environments import embedded_environment
from azjobs.session.contexts.autosave import is_autosave_on
from azjobs.session.contexts.choosing import Scope, check_scope, current_value, get_az_context
from azjobs.session.contexts.context import Context
from azjobs.session.link.local import Local, local


def save_az_context(
    path: str | os.PathLike[str],
    *,
    profile: Context | None = None,
    force: bool = False,
    with_credential: bool = False,
) -> list[Context]:
    """Write the contexts of this session to a file, mode 0600; it holds no token and no secret.

    Args:
        path: the file.
        profile: only this context, in place of all that can be chosen here.
        force: replace a file that is there.
        with_credential: not possible; there to say why.

    Returns:
        What was written.

    Raises:
        InvalidInput: the file is there already, or cannot be one; nothing was changed.
    """
    if with_credential:
        raise InvalidInput("A file of contexts never holds secrets: sign in where it is imported.")
    here = local()
    contexts = [profile] if profile is not None else get_az_context(list_available=True)
    if not contexts:
        raise InvalidInput("There are no contexts to save. Type: azjobs account connect")
    file = Path(path).expanduser().absolute()
    if file.is_dir() or not file.parent.is_dir():
        raise InvalidInput(f"{file} cannot be written: it is a folder, or there is no folder for it.")
    if file.exists() and not force:
        raise InvalidInput(f"There is a file {file} already. Add force to replace it.")
    from azjobs.store.whole_file import save_whole  # noqa: PLC0415 - only where something is written

    default = profile.value if profile is not None else current_value(here)
    save_whole(file, rules.format_file([context.value for context in contexts], default))
    return contexts


def import_az_context(
    path: str | os.PathLike[str] | Context, *, profile: Context | None = None, scope: Scope | None = None
) -> list[Context]:
    """Take over contexts from a file that save_az_context or Azure PowerShell wrote, or from a context itself.

    They bring no sign-in: sign in as their accounts to use them. A context that is there already stays as it is, and
    a name that is taken is not taken away. Built-in environments mean what they always do, whatever the file says;
    contexts of environments that are not known here are left out.

    Args:
        path: the file, or a context.
        profile: a context, as Azure PowerShell calls it.
        scope: CurrentUser saves them and makes the file's default the saved one, Process keeps them to this session;
            else autosave decides. In both cases the file's default is chosen for this session.

    Returns:
        The contexts, as they are here.

    Raises:
        InvalidInput: the file cannot be read or understood; nothing was changed.

    Warns:
        SignInWarning: contexts were left out, or the file holds secrets.
    """
    here = local()
    if here.is_job:
        raise Refused("A job cannot import contexts: it has those that it was granted when it was submitted.")
    if scope is not None:
        check_scope(scope)
    source = profile if profile is not None else path
    reading = _read(here, source)
    is_saved = scope == "CurrentUser" or (scope is None and is_autosave_on(here))
    if not is_saved:
        here.require_session()
    for text in reading.warnings:
        from azjobs.session.accounts.looking_around import warn  # noqa: PLC0415 - few files need one

        warn(text)
    if not reading.contexts:
        return []
    kept = _keep_saved(here, reading, scope) if is_saved else _keep_own(here, reading)
    default = next((one for one in kept if reading.default is not None and one.key == reading.default.key), None)
    if default is not None and here.identity is not None:
        here.session.change(lambda state: replace(state, choice=default))
    return [Context(one) for one in kept]


def _read(here: Local, source: str | os.PathLike[str] | Context) -> rules.Reading:
    own, embedded = here.profile.load().environments, embedded_environment(here)

    def places(cloud: Environment) -> Environment | None:
        """An embedded cloud is known by its address and name: every home has one of that name."""
        if cloud.is_simulator or clouds.is_embedded(cloud.name):
            is_ours = embedded is not None and embedded.resource_manager_url == cloud.resource_manager_url
            return embedded if is_ours else None
        return clouds.known_environment(cloud.name, own)

    if isinstance(source, Context):
        return rules.placed([source.value], source.name, places)
    file = Path(source).expanduser()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}; nothing was changed.") from None
    try:
        return rules.parse_file(data, places)
    except InvalidInput as problem:
        raise InvalidInput(f"{file} cannot be imported: {str(problem)[:1].lower()}{str(problem)[1:]}.") from None


def _keep_saved(here: Local, reading: rules.Reading, scope: Scope | None) -> list[ContextValue]:
    found = [replace(one, scope=USER_SCOPE) for one in reading.contexts]
    beside = here.session.load().contexts

    def change(profile: Profile) -> Profile:
        profile = replace(profile, contexts=rules.with_imported(profile.contexts, found, beside=beside))
        if reading.default is None:
            return profile
        return profile_rules.save_default(profile, reading.default, only_first=scope != "CurrentUser")

    return _as_kept(here.profile.change(change).contexts, found)


def _keep_own(here: Local, reading: rules.Reading) -> list[ContextValue]:
    """One that is saved already is not kept a second time: it may be signed in, and a second one is not."""
    saved = here.profile.load().contexts
    known = {one.key for one in saved}
    found = [replace(one, scope=here.key) for one in reading.contexts]

    def change(state: SessionState) -> SessionState:
        new = [one for one in found if one.key not in known]
        return replace(state, contexts=rules.with_imported(state.contexts, new, beside=saved))

    return _as_kept((*here.session.change(change).contexts, *saved), found)


def _as_kept(kept: tuple[ContextValue, ...], found: list[ContextValue]) -> list[ContextValue]:
    """Return each once, in the order of what was found, as it is kept."""
    keys = dict.fromkeys(one.key for one in found)
    return [next(one for one in kept if one.key == key) for key in keys]
