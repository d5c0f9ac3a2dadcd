"""What tests of the whole product share: a home with its own embedded cloud, a shell, a Python interpreter.

Everything is real: the installed command, daemon, keeper, store and sockets.
A test's processes are ended with it, and none may be left.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

from terminal import Home, Python, Shell

# How long an example takes says how busy the machine is, nothing of the product: pytest's `timeout` is the limit.
settings.register_profile(
    "azjobs", deadline=None, suppress_health_check=[*settings().suppress_health_check, HealthCheck.too_slow]
)
settings.load_profile("azjobs")

# Whoever starts the suite in the background of a script has it ignore Ctrl-C, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

#: Would lead a sign-in or an HTTP client away from the embedded cloud, or into another home.
FOREIGN = (
    "AZURE_",
    "AZJOBS_",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "SSL_CERT",
    "IDENTITY_",
    "MSI_",
    "BROWSER",
    "DISPLAY",
    "WAYLAND_DISPLAY",
)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(FOREIGN):
            monkeypatch.delenv(name)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # users' interpreters keep what they compiled
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keys of one embedded cloud, made once: making them costs more than starting it."""
    from azjobs.simulator.launch import ensure_simulator, stop_simulator  # noqa: PLC0415 - only for those who need it

    folder = tmp_path_factory.mktemp("certificates") / "simulator"
    folder.mkdir(mode=0o700)
    ensure_simulator(folder)
    stop_simulator(folder)
    for name in ("endpoint.json", "simulator.lock", "simulator.log"):
        (folder / name).unlink(missing_ok=True)
    return folder


@pytest.fixture
def make_home(tmp_path: Path, certificates: Path) -> Iterator[Callable[[str], Home]]:
    """Make homes; all that runs in them is ended with the test."""
    homes: list[Home] = []

    def make(name: str = "home") -> Home:
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        shutil.copytree(certificates, folder / "simulator")
        (folder / "simulator").chmod(0o700)
        homes.append(Home(folder))
        return homes[-1]

    yield make
    for home in homes:
        home.end()


@pytest.fixture(scope="session")
def living(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[Home]:
    """A home whose daemon and embedded cloud serve many tests; each is a session of its own in it."""
    folder = tmp_path_factory.mktemp("living") / "home"
    folder.mkdir(mode=0o700)
    shutil.copytree(certificates, folder / "simulator")
    (folder / "simulator").chmod(0o700)
    home = Home(folder)
    yield home
    home.end()


@pytest.fixture
def live(living: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """That home, for this test: nobody has signed in yet."""
    (living.folder / "contexts.json").unlink(missing_ok=True)
    monkeypatch.setenv("AZJOBS_HOME", str(living.folder))
    return living


@pytest.fixture
def fresh_session() -> Iterator[None]:
    """This process is a new session: nothing chosen, nothing connected."""
    _forget_session()
    yield
    _forget_session()


def _forget_session() -> None:
    from azjobs.session.link import local  # noqa: PLC0415 - only for those who need it

    local.close_all()
    local._memories.clear()
    local._is_shell = False
    local._job = None


@pytest.fixture
def home(make_home: Callable[[str], Home], monkeypatch: pytest.MonkeyPatch) -> Home:
    """One home, chosen by AZJOBS_HOME."""
    home = make_home("home")
    monkeypatch.setenv("AZJOBS_HOME", str(home.folder))
    return home


@pytest.fixture
def shell(home: Home) -> Shell:
    """A shell of its own session."""
    return Shell(home, "terminal-1")


@pytest.fixture
def signed_in(home: Home, shell: Shell) -> Shell:
    """The shell, signed in to the embedded cloud, where time passes at once."""
    done = shell("azjobs account connect --environment AzureSimulator")
    assert done.code == 0, done
    home.cloud.time("at-once")
    return shell


@pytest.fixture
def python(home: Home) -> Python:
    """Fresh Python interpreters in this home."""
    return Python(home)
