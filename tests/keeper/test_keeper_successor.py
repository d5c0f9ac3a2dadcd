"""A killed keeper is replaced by its daemon, and no waiting connection is lost."""

from __future__ import annotations

import os
import signal

import pytest
from keeper_site import Site, is_running, wait_for, wait_until_ended

from azjobs.keeper.launch import running_keeper


def test_killed_keeper_is_replaced_and_clients_are_served(site: Site):
    """The daemon starts a new keeper and leaves; who connected meanwhile is served by the next daemon."""
    keeper = site.start(command=site.standin("--with-successor"))
    with site.client() as client:
        client.ask("put", key="k", value="lost with the keeper")
        about = client.ask("about")
        client.ask("accept_no_more")
    os.kill(about["pid"], signal.SIGSTOP)
    keeper.kill()
    keeper.wait()
    clients = [site.client(daemon_command=["/bin/false"]) for _ in range(10)]
    os.kill(about["pid"], signal.SIGCONT)
    answers = [client.ask("about") for client in clients]
    assert clients[0].ask("keys", prefix="") == []
    assert {answer["pid"] for answer in answers} == {site.starts()[1]}
    assert {answer["ppid"] for answer in answers} == {running_keeper(site.run)} != {keeper.pid}
    assert {tuple(answer["identity"]) for answer in answers} == {tuple(about["identity"])}
    wait_for(lambda: not is_running(about["pid"]), "the old daemon left")


def test_next_daemon_starts_only_when_the_old_one_has_left(site: Site):
    """While the leaving daemon lives, the new keeper starts none: both would want the same store."""
    gate = site.home / "gate"
    os.mkfifo(gate)
    keeper = site.start(command=site.standin("--with-successor", "--linger-gate", str(gate)))
    with site.client() as client:
        first = client.ask("about")["pid"]
    keeper.kill()
    keeper.wait()
    wait_for(lambda: running_keeper(site.run), "a new keeper runs")
    waiting = site.client(daemon_command=["/bin/false"])
    with pytest.raises(TimeoutError):
        wait_until_ended(first, 0.3)
    assert "was started" not in (site.home / "logs" / "keeper.log").read_text()
    assert site.starts() == [first]
    gate.write_text("go\n")
    assert waiting.ask("about")["pid"] == site.starts()[1]
    assert not is_running(first)


def test_keeper_and_daemon_killed_together_are_started_anew(site: Site):
    """When both are gone, the next client starts both."""
    site.start()
    with site.client() as client:
        daemon = client.ask("about")["pid"]
    site.processes[0].kill()
    site.processes[0].wait()
    os.kill(daemon, signal.SIGKILL)
    wait_for(site.nobody_listens, "nobody listens any more")
    with site.client() as client:
        assert client.ask("about")["ppid"] == running_keeper(site.run)
    assert len(site.starts()) == 2


def test_listening_descriptor_that_is_none_is_refused(site: Site):
    """A keeper that is handed something else than a listening Unix socket ends and says so."""
    reading, writing = os.pipe()
    assert site.start("--listen-fd", str(reading), keep=[reading], wait=False).wait(10) == 2
    assert f"The descriptor {reading} is no socket." in site.said()
    os.close(reading)
    os.close(writing)
