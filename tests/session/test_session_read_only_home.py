"""A home that cannot be written is good for Process scope: what is saved is read there, the rest is kept elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from azjobs.core.context import Account, AccountType, ContextValue, Environment, Tenant
from azjobs.core.errors import HomeUnusable
from azjobs.core.layout import Layout
from azjobs.core.profile import Profile
from azjobs.session.link.profile_file import profile_file
from azjobs.store.stand_in import load_layout, make_stand_in, stand_in_of
from terminal import Home, Shell

CLOUD = Environment("AzureCloud", "https://management.azure.com", "https://login.microsoftonline.com")


@pytest.fixture
def nowhere() -> Iterator[Path]:
    """A home that nobody can make, root neither; what stands in for it ends with the test."""
    home = Path(f"/proc/azjobs-{uuid4().hex}")
    yield home
    folder = stand_in_of(home)
    Home(folder).end()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_jobs_run_in_a_home_that_cannot_be_written(nowhere: Path) -> None:
    """Nothing works before somebody signs in for the session; saving is refused afterwards too."""
    shell = Shell(Home(nowhere), "read-only")
    refused = shell("azjobs vm get")
    assert (refused.code, refused.out) == (1, ""), refused
    assert "cannot be created" in refused.err
    assert "type: azjobs account connect --scope Process" in refused.err
    assert not stand_in_of(nowhere).exists()
    done = shell("azjobs account connect --environment AzureSimulator --scope Process")
    assert done.code == 0, done
    assert "are gone when the machine restarts" in done.err
    made = shell("azjobs resource-group new g --location eastus --as-job -q && azjobs job wait 1")
    assert made.code == 0, made
    assert "restarts" not in made.err
    inside = shell("azjobs job start -q -- azjobs resource-group get --output tsv --query '[].name'")
    assert inside.code == 0, inside
    assert shell("azjobs job wait 2 --timeout 30 && azjobs job receive 2").out.endswith("g\n")
    for line in (
        "azjobs account connect --environment AzureSimulator --scope CurrentUser",
        "azjobs context-autosave disable",
        "azjobs protection add --name x",
    ):
        told = shell(line)
        assert (told.code, "cannot be written; nothing was changed" in told.err) == (1, True), told


def test_what_is_saved_in_the_home_is_read_through_what_stands_in(tmp_path: Path) -> None:
    """The daemon and jobs find it by the folder alone."""
    saved = tmp_path / "saved"
    saved.mkdir(mode=0o700)
    context = ContextValue("Production", Account("ana", AccountType.USER), Tenant("t-1"), CLOUD)
    profile_file(Layout(saved)).change(lambda _: Profile(contexts=(context,), default="Production"))
    try:
        assert make_stand_in(saved).profile_file == saved / "contexts.json"
        layout = load_layout(stand_in_of(saved))
        assert profile_file(layout).load().default == "Production"
        assert layout.store_file.parent == stand_in_of(saved)
        assert load_layout(saved).profile_file == saved / "contexts.json"
    finally:
        shutil.rmtree(stand_in_of(saved))


def test_a_link_in_the_place_of_what_stands_in_is_refused(tmp_path: Path) -> None:
    """Somebody else could have put it there."""
    home = tmp_path / "home"
    stand_in_of(home).symlink_to(tmp_path)
    try:
        with pytest.raises(HomeUnusable, match="symbolic link"):
            make_stand_in(home)
    finally:
        stand_in_of(home).unlink()
