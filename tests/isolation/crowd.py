"""Many threads and processes that submit over many contexts, while "current" changes all the time.

The program of one process, and what the cloud saw of all of them. Every other
submission is made where a naive program goes wrong: in the threads of a pool,
inside a `with` block that those threads do not see.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from terminal import Home, Python, wait_until

CONNECT = """
import json, sys
for account in json.loads(sys.stdin.read() if sys.argv[1] == "-" else sys.argv[1]):
    az.connect_az_account(
        service_principal=True, tenant=account["tenant"], environment="AzureSimulator", max_context_population=-1,
        credential=az.Credential(account["client"], az.SecureString(account["secret"])))
print(len({context.name for context in az.get_az_context(list_available=True)}))
"""

SUBMIT = """
import contextvars, itertools, json, pathlib, random, sys, threading, warnings
from concurrent.futures import ThreadPoolExecutor

process, threads, operations = map(int, sys.argv[1:4])
contexts = az.get_az_context(list_available=True)
names = [context.name for context in contexts]
ended = threading.Event()
crew = ThreadPoolExecutor(4)  # a pool that knows nothing of anybody's `with`
for _ in crew.map(lambda _: None, range(8)):
    pass

def keep_choosing():
    choice = random.Random(process)
    while not ended.is_set():
        az.select_az_context(choice.choice(names))

def create(name, **more):
    az.new_az_resource_group(name=name, location="eastus", as_job=True, **more)

def refuses(name):
    try:
        create(name)
    except az.AmbiguousContext:
        return True
    return False

def submit(n):
    name, context = f"g{process}x{n}", contexts[(n + process) % len(contexts)]
    match n % 4:
        case 0:
            create(name, az_context=context)
        case 1:
            with context:
                create(name)
        case 2:
            with context:
                crew.submit(contextvars.copy_context().run, create, name).result()
        case 3:
            with context:
                if not crew.submit(refuses, name).result():
                    return f"{name} was submitted by a thread that could not know where"
                crew.submit(create, name, az_context=context).result()
    return ""

chooser = threading.Thread(target=keep_choosing)
chooser.start()
with ThreadPoolExecutor(threads) as pool:
    wrong = [told for told in pool.map(submit, range(operations)) if told]
ended.set()
chooser.join()
crew.shutdown()
expected = {
    f"g{process}x{n}": contexts[(n + process) % len(contexts)].subscription.id for n in range(operations)}
pathlib.Path(sys.argv[4]).write_text(json.dumps([expected, wrong]))
"""

CHOOSE = """
import random, sys
import azjobs as az
names = [context.name for context in az.get_az_context(list_available=True)]
choice = random.Random(int(sys.argv[1]))
while True:
    az.select_az_context(choice.choice(names), scope="CurrentUser")
"""


class Crowd(NamedTuple):
    """How many do how much, over how many contexts of how many tenants."""

    processes: int
    threads: int
    operations: int
    contexts: int
    tenants: int

    @property
    def threads_of_each(self) -> int:
        """Threads of one process."""
        return self.threads // self.processes

    @property
    def operations_of_each(self) -> int:
        """Operations of one process."""
        return self.operations // self.processes


class Outcome(NamedTuple):
    """`expected` and `landed`: the subscription of each group; `owner`: the tenant of each subscription.

    `wrong`: what was submitted although nobody could tell where to.
    """

    expected: dict[str, str]
    landed: dict[str, str]
    owner: dict[str, str]
    wrong: list[str]
    writes: int
    strays: list[Any]
    refused: list[Any]


def run(home: Home, python: Python, folder: Path, crowd: Crowd, *, prelude: str = "", timeout_s: float) -> Outcome:
    """Let the crowd submit everything, wait for the end of every job, and tell what the cloud saw."""
    home.start_cloud()
    home.cloud.time("at-once")
    home.cloud.limits(enforced=False)
    each, more = divmod(crowd.contexts, crowd.tenants)
    accounts = [home.add_principal(f"Tenant {t}", subscriptions=each + (t < more)) for t in range(crowd.tenants)]
    done = python(CONNECT, arguments=[json.dumps(accounts)], timeout_s=timeout_s)
    assert (done.code, done.out.strip()) == (0, str(crowd.contexts)), done
    owner = {s: account["tenant"] for account in accounts for s in account["subscriptions"]}
    seen = _Seen(home, owner)
    files = [folder / f"expected-{number}.json" for number in range(crowd.processes)]

    def submit(number: int) -> None:
        words = [number, crowd.threads_of_each, crowd.operations_of_each, files[number]]
        ended = python(prelude + SUBMIT, arguments=list(map(str, words)), timeout_s=timeout_s)
        assert ended.code == 0, ended

    def all_ended() -> bool:
        seen.look()
        return _count_unfinished(home.folder / "store.db") == 0

    with _choosers(python, 2), ThreadPoolExecutor(crowd.processes) as pool:
        processes = [pool.submit(submit, number) for number in range(crowd.processes)]
        while not all(process.done() for process in processes):
            wait_until(lambda: seen.look() or all(p.done() for p in processes), timeout_s=timeout_s)
        for process in processes:
            process.result()
    wait_until(all_ended, timeout_s=timeout_s, what="all jobs have ended")
    seen.look()
    expected: dict[str, str] = {}
    wrong: list[str] = []
    for file in files:
        mine, told = json.loads(file.read_text())
        expected |= mine
        wrong += told
    return Outcome(expected, seen.landed, owner, wrong, seen.writes, seen.strays, seen.refused)


class _Seen:
    """What the cloud saw, taken over before it forgets: it keeps the newest requests only."""

    def __init__(self, home: Home, owner: dict[str, str]) -> None:
        self._home = home
        self._owner = owner
        self._last = 0
        self.landed: dict[str, str] = {}
        self.writes = 0
        self.strays: list[Any] = []
        self.refused: list[Any] = []

    def look(self) -> bool:
        """Take over what is new; whether there was anything."""
        new = self._home.cloud.requests(since=self._last)
        for request in new:
            self._last = max(self._last, request["seq"])
            if request["status"] in (401, 403):
                self.refused.append(request)
            if request["method"] == "PUT":
                self._note(request)
        return bool(new)

    def _note(self, request: Any) -> None:
        self.writes += 1
        self.landed[request["path"].rsplit("/", 1)[-1]] = request["subscription_id"]
        if request["tenant_id"] != self._owner[request["subscription_id"]]:
            self.strays.append(request)


@contextmanager
def _choosers(python: Python, count: int) -> Iterator[None]:
    """Processes that change the saved default for ever."""
    others = [
        subprocess.Popen([sys.executable, "-c", CHOOSE, str(n)], env=python.environment, stdin=subprocess.DEVNULL)
        for n in range(count)
    ]
    try:
        yield
    finally:
        for other in others:
            other.terminate()
            other.wait()


def _count_unfinished(store: Path) -> int:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM jobs WHERE ended_at IS NULL").fetchone()[0])
