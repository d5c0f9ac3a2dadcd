"""What the keeper holds, for whom, and where none of it can be seen."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest
from keeper_site import Site, is_running, wait_for

SECRET = "correct-horse-battery-staple"


def test_secrets_are_kept_found_and_forgotten(site: Site):
    """Every operation on secrets does what its name says."""
    with site.client() as client:
        client.ask("put", key="job:1:a", value="1")
        client.ask("put_many", items={"job:1:b": "2", "job:2:a": "3", "": "empty key", "job:3": ""})
        assert client.ask("get", key="job:1:b") == "2"
        assert client.ask("get", key="job:3") == ""
        assert client.ask("get", key="nobody") is None
        assert client.ask("get_many", keys=["job:1:a", "nobody", ""]) == {"job:1:a": "1", "": "empty key"}
        assert client.ask("keys", prefix="job:1:") == ["job:1:a", "job:1:b"]
        assert client.ask("keys", prefix="") == ["", "job:1:a", "job:1:b", "job:2:a", "job:3"]
        client.ask("put", key="job:1:a", value="new")
        assert client.ask("get", key="job:1:a") == "new"
        assert client.ask("drop", key="job:1:a") is True
        assert client.ask("drop", key="job:1:a") is False
        assert client.ask("drop_prefix", prefix="job:") == 3
        assert client.ask("keys", prefix="") == [""]


def test_overlapping_requests_are_answered_each_to_its_own(site: Site):
    """A hundred requests under way at once get a hundred right answers."""
    with site.client() as client:
        client.ask("put_many", items={f"k{n}": f"v{n}" for n in range(100)})
        clients = [client]
        for n in range(100):
            client.tell("get", key=f"k{n}")
        assert [clients[0].answer() for _ in range(100)] == [f"v{n}" for n in range(100)]


def test_what_a_daemon_asked_before_it_was_killed_is_done(site: Site):
    """A request that was written counts, even when its daemon was killed before the keeper read it."""
    keeper = site.start()
    with site.client() as client:
        daemon = client.ask("about")["pid"]
        os.kill(keeper.pid, signal.SIGSTOP)
        for n in range(100):
            body = json.dumps(
                {"seq": 0, "op": "put", "key": f"k{n}", "value": base64.b64encode(b"v").decode()}
            ).encode()
            client.ask("raw", data=base64.b64encode(len(body).to_bytes(4, "big") + body).decode())
        os.kill(daemon, signal.SIGKILL)
        os.kill(keeper.pid, signal.SIGCONT)
    with site.client() as client:
        assert len(client.ask("keys", prefix="k")) == 100


def test_too_large_a_value_is_refused_by_name(site: Site):
    """A value that fits in no frame is refused before it is sent, and the channel goes on."""
    with site.client() as client:
        assert client.ask("put_large", key="k", size_bytes=13 * 1024 * 1024)["error"] == "FrameTooLarge"
        assert client.ask("put_large", key="k", size_bytes=11 * 1024 * 1024) is None
        assert client.ask("put_large", key="l", size_bytes=11 * 1024 * 1024) is None
        refused = client.ask("get_many", keys=["k", "l"])
        assert refused["error"] == "KeeperRefused"
        assert "Ask for fewer keys" in refused["sentence"]
        assert client.ask("keys", prefix="") == ["k", "l"]


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(b"not json", id="no-json"),
        pytest.param(b"[1, 2]", id="no-object"),
        pytest.param(b"{}", id="no-operation"),
        pytest.param(b'{"op": "put", "key": "k", "value": 3}', id="value-no-text"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"\xff\xfe", id="no-utf8"),
        pytest.param(b"", id="empty"),
    ],
)
def test_bad_frame_is_answered_and_forgotten(site: Site, frame):
    """A frame that is no request changes nothing; the next request is served."""
    with site.client() as client:
        data = len(frame).to_bytes(4, "big") + frame
        client.ask("raw", data=base64.b64encode(data).decode())
        client.ask("put", key="k", value="v")
        assert client.ask("get", key="k") == "v"


def test_garbage_ends_the_channel_but_not_the_keeper(site: Site):
    """After bytes that are no frame the daemon's channel closes; the keeper lives and serves the next daemon."""
    site.start(command=site.standin("--with-successor"))
    with site.client() as client:
        client.ask("put", key="k", value="v")
        daemon = client.ask("about")["pid"]
        client.ask("raw", data=base64.b64encode(b"\xff" * 1000).decode())
        assert client.answer() is None, "the daemon saw its channel close and left"
    wait_for(lambda: not is_running(daemon), "the daemon left")
    with site.client() as client:
        assert client.ask("get", key="k") == "v"
        assert client.ask("about")["ppid"] == site.processes[0].pid
    log = (site.home / "logs" / "daemon.log").read_text()
    assert "KeeperRunning" in log, "the daemon found its keeper alive, and did not start another"


def test_daemon_that_reads_no_answers_does_not_grow_or_stop_the_keeper(site: Site):
    """A daemon that asks and does not read is stopped by a bounded buffer; the keeper goes on with everything else."""
    keeper = site.start()
    with site.client() as client:
        client.ask("put_large", key="k", size_bytes=1024 * 1024)
        daemon = client.ask("about")["pid"]
        assert 0 < client.ask("deaf", count=1_000_000, key="k") < 100_000
        assert resident_bytes(keeper.pid) < 64 * 1024 * 1024
        os.kill(daemon, signal.SIGKILL)
    with site.client() as client:
        assert client.ask("keys", prefix="") == ["k"]


def test_keeper_shows_no_secret_to_anybody(site: Site):
    """No secret stands in the keeper's arguments, environment, files or log; nor the starter's environment."""
    site.environment["AZURE_CLIENT_SECRET"] = SECRET
    keeper = site.start()
    with site.client() as client:
        client.ask("put", key="job:1", value=SECRET)
        assert client.ask("about")["env"]["AZURE_CLIENT_SECRET"] == SECRET, "handed on, as the starter had it"
        status = client.ask("status")
    places = [Path(f"/proc/{keeper.pid}/{name}") for name in ("environ", "cmdline", "comm", "auxv")]
    files = [path for path in site.home.rglob("*") if path.is_file()]
    assert len(files) >= 3
    for place in places + files:
        assert SECRET.encode() not in place.read_bytes(), place
    assert SECRET not in str(status)
    allowed = {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH"}
    environ = Path(f"/proc/{keeper.pid}/environ").read_bytes().split(b"\0")
    assert {entry.partition(b"=")[0].decode() for entry in environ if entry} <= allowed


def test_started_by_a_client_it_shows_no_environment_either(site: Site, monkeypatch):
    """The client's environment goes through a pipe and is in no environment of the keeper."""
    monkeypatch.setenv("SOME_TOKEN", SECRET)
    with site.client() as client:
        about = client.ask("about")
    assert about["env"]["SOME_TOKEN"] == SECRET
    assert SECRET.encode() not in Path(f"/proc/{about['ppid']}/environ").read_bytes()


def test_keeper_leaves_no_core_and_lets_nobody_look_in(site: Site):
    """Core files are off, the process is not dumpable, and it dies of SIGABRT without a dump."""
    keeper = site.start()
    with site.client() as client:
        client.ask("put", key="k", value=SECRET)
        status = client.ask("status")
    assert status["undumpable"] is True
    assert status["subreaper"] is True
    assert Path(f"/proc/{keeper.pid}").stat().st_uid == 0, "the kernel gives an undumpable process's files to root"
    assert re.search(r"Max core file size +0 ", Path(f"/proc/{keeper.pid}/limits").read_text())
    keeper.send_signal(signal.SIGABRT)
    ended = os.waitid(os.P_PID, keeper.pid, os.WEXITED | os.WNOWAIT)
    assert ended.si_code == os.CLD_KILLED
    keeper.wait()


def test_keeper_imports_nothing_after_start(site: Site):
    """Whatever is asked of it, a keeper loads no module later: an upgrade cannot mix versions in it."""
    keeper = site.start("--start", "--idle-s", "0.1", flags=["-X", "importtime"], is_given_environment=True)
    at_start = imports(site)
    assert at_start > 50, "the interpreter tells of each module"
    with site.client() as client:
        client.ask("put_many", items={"k": SECRET})
        client.ask("raw", data=base64.b64encode(b"\0\0\0\2[]").decode())
        pid, _ = client.ask("orphan", script="exit 1")
        client.ask("event", pid=pid)
        for what, args in (("get", {"key": "k"}), ("hold", {"count": 1}), ("status", {}), ("exits", {}), ("ack", {})):
            client.ask(what, **args)
        os.kill(client.ask("about")["pid"], signal.SIGKILL)
        assert client.answer() is None
    with site.client() as client:
        client.tell("exit", code=0)
    wait_for(lambda: "with exit code 0" in site.said(), "the daemon ended")
    with site.client() as client:  # which starts a daemon: the secret kept the keeper
        client.ask("drop", key="k")
        client.tell("exit", code=0)
    assert keeper.wait(10) == 0
    assert imports(site) == at_start


def test_keeper_is_small(site: Site, capsys):
    """A keeper at work takes less than 12 MB, shared pages counted by share."""
    keeper = site.start()
    with site.client() as client:
        client.ask("put", key="k", value=SECRET)
        size_kb = proportional_kb(keeper.pid)
    with capsys.disabled():
        sys.stdout.write(f"\nkeeper: {size_kb / 1024:.1f} MB PSS\n")
    assert size_kb < 12 * 1024


def proportional_kb(pid: int) -> int:
    """Return the proportional set size; the whole resident one where only root may see it."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss: +(\d+)", text, re.MULTILINE)[1])
    except PermissionError:
        return resident_bytes(pid) // 1024


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def imports(site: Site) -> int:
    return site.said().count("import time:")
