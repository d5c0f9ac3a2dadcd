"""Say whether contexts and sign-ins outlive the session, for this session or for all new ones."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from azjobs.core import profile as rules
from azjobs.core.errors import Refused
from azjobs.session.contexts.choosing import Scope, check_scope
from azjobs.session.link.local import Local, local


class AutosaveSetting(msgspec.Struct, frozen=True):
    """`mode` is "CurrentUser" when contexts are saved, "Process" when they end with the session.

    `context_file` in `context_directory` is where contexts are saved. `cache_file` in `cache_directory` is where the
    secrets of saved sign-ins are, only where the system has no keyring; access tokens are in no file.
    """

    mode: Scope
    context_file: str
    context_directory: str = ""
    cache_file: str = ""
    cache_directory: str = ""

    @property
    def is_on(self) -> bool:
        """Whether contexts and sign-ins are saved."""
        return self.mode == "CurrentUser"


def enable_az_context_autosave(*, scope: Scope = "CurrentUser") -> AutosaveSetting:
    """Save contexts and sign-ins that are made from now on.

    What this session has of its own stays its own and ends with it, as in Azure PowerShell: sign in again to save it.

    Args:
        scope: "Process" for this session only, "CurrentUser" for all new ones too.
    """
    return _set(scope, is_on=True)


def disable_az_context_autosave(*, scope: Scope = "CurrentUser") -> AutosaveSetting:
    """Let contexts and sign-ins that are made from now on end with their session; what is saved stays.

    Args:
        scope: "Process" for this session only, "CurrentUser" for all new ones too.
    """
    return _set(scope, is_on=False)


def get_az_context_autosave_setting(*, scope: Scope = "Process") -> AutosaveSetting:
    """Return whether contexts and sign-ins are saved, and where.

    Args:
        scope: "Process" for what holds in this session, "CurrentUser" for what new sessions begin with.
    """
    here = local()
    check_scope(scope)
    setting = _setting(here)
    if scope == "Process":
        return setting
    return replace(setting, mode="CurrentUser" if here.profile.load().autosave else "Process")


def is_autosave_on(here: Local) -> bool:
    """Whether contexts of this process are saved; in a job, what held when it was submitted."""
    if here.grants is not None:
        return here.grants.autosave
    return rules.does_autosave(here.profile.load(), here.session.load())


def _set(scope: Scope, *, is_on: bool) -> AutosaveSetting:
    here = local(may_stand_in=scope == "Process" and not is_on)
    if here.is_job:
        raise Refused("A job cannot change autosave: its contexts were granted when it was submitted.")
    check_scope(scope)
    if scope == "CurrentUser":
        here.profile.change(lambda profile: replace(profile, autosave=is_on))
        here.session.change(lambda state: replace(state, autosave=None))
    else:
        here.session.change(lambda state: replace(state, autosave=is_on))
    return _setting(here)


def _setting(here: Local) -> AutosaveSetting:
    mode: Scope = "CurrentUser" if is_autosave_on(here) else "Process"
    home = str(here.layout.home)
    return AutosaveSetting(mode, str(here.layout.profile_file), home, str(here.layout.safe_file), home)
