"""The home folder is the user's own and private, or it is not used."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

import azjobs as az
from azjobs.core.errors import HomeUnusable
from azjobs.session.link.home import home_folder, open_home


def test_the_variable_names_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """AZJOBS_HOME wins, may be relative and may begin with a tilde."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for given in ("own", "~/own", str(tmp_path / "x" / ".." / "own")):
        monkeypatch.setenv("AZJOBS_HOME", given)
        assert home_folder() == tmp_path / "own"


def test_without_the_variable_it_is_the_platforms_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As every program of the platform has one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder().name == "azjobs"
    assert tmp_path in home_folder().parents


def test_a_missing_home_is_made_private(tmp_path: Path) -> None:
    """Mode 0700, whatever the umask is."""
    before = os.umask(0)
    try:
        layout = open_home(tmp_path / "a" / "home")
    finally:
        os.umask(before)
    assert stat.S_IMODE(layout.home.stat().st_mode) == 0o700


def test_a_home_that_is_open_to_others_is_closed_with_a_warning(tmp_path: Path) -> None:
    """Once: then it is private."""
    tmp_path.chmod(0o750)
    with pytest.warns(az.ModeRepaired, match=r"was open to other users \(mode 0750\); its mode is 0700 again"):
        open_home(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    open_home(tmp_path)


def test_a_home_may_be_a_link_that_the_user_set(tmp_path: Path) -> None:
    """Its target is what counts."""
    (tmp_path / "disk").mkdir(mode=0o700)
    (tmp_path / "home").symlink_to("disk")
    assert open_home(tmp_path / "home").home == tmp_path / "home"


def test_a_home_of_another_user_is_refused(tmp_path: Path) -> None:
    """Whoever owns the folder could read and change everything in it."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    tmp_path.chmod(0o700)
    os.chown(tmp_path, 12345, -1)
    with pytest.raises(HomeUnusable, match="belongs to another user"):
        open_home(tmp_path)


@pytest.mark.parametrize("inside", ["", "/below"])
def test_a_home_that_cannot_be_a_folder_is_refused(tmp_path: Path, inside: str) -> None:
    """A file is in its place, or in its way."""
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeUnusable, match=r"The home folder .*file") as caught:
        open_home(Path(f"{tmp_path}/file{inside}"))
    assert "Set AZJOBS_HOME" in str(caught.value)
