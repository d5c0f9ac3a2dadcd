"""A `with context:` holds where it is; elsewhere in the process nothing is guessed while it is open."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import azjobs as az
from azjobs.core.context import ContextValue
from azjobs.core.layout import Layout
from azjobs.core.profile import Profile
from azjobs.session.contexts import blocks
from azjobs.session.contexts.choosing import resolve_context
from azjobs.session.link.local import Grants, enter_job
from azjobs.session.link.profile_file import profile_file

MakeContext = Callable[..., ContextValue]


@pytest.fixture(autouse=True)
def three(quiet_home: Path, make_context: MakeContext) -> dict[str, ContextValue]:
    """Production (the default), Staging and Rehearsal are saved."""
    found = {name: make_context(name) for name in ("Production", "Staging", "Rehearsal")}
    profile_file(Layout(quiet_home)).change(lambda _: Profile(contexts=tuple(found.values()), default="Production"))
    return found


def current() -> str:
    return resolve_context().name


def elsewhere() -> str:
    """What a command on a thread of a pool would act in; "ambiguous" where it refuses."""

    def ask() -> str:
        try:
            return current()
        except az.AmbiguousContext:
            return "ambiguous"

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(ask).result()


def test_a_pool_used_inside_a_with_block_acts_nowhere_rather_than_elsewhere() -> None:
    """The sentence names the context and both ways out; when the block has ended the pool is free again."""
    said = r"`with context:` \(Staging\).*pass az_context=.*copy_context"
    with az.get_az_context("Staging"), ThreadPoolExecutor(2) as pool, pytest.raises(az.AmbiguousContext, match=said):
        list(pool.map(lambda _: current(), range(2)))
    assert elsewhere() == "Production"


def test_work_that_outlives_the_block_it_was_submitted_in_is_refused_too() -> None:
    """The refusal of one ends the block while another still waits for its turn: that one must not act elsewhere."""
    late = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        with az.get_az_context("Staging"):
            waiting = pool.submit(lambda: late.wait(30) and current())
            with pytest.raises(az.AmbiguousContext):
                pool.submit(current).result()
        late.set()
        with pytest.raises(az.AmbiguousContext, match="may still have work"):
            waiting.result()
    assert (current(), elsewhere()) == ("Production", "Production")


def test_the_choice_of_the_session_is_as_ambiguous_as_the_saved_default() -> None:
    """Either could be meant on that thread; and looking tells no other truth than acting."""
    az.select_az_context("Rehearsal")
    with az.get_az_context("Staging"):
        assert elsewhere() == "ambiguous"
        with ThreadPoolExecutor(1) as pool, pytest.raises(az.AmbiguousContext):
            pool.submit(az.get_az_context).result()
    assert elsewhere() == "Rehearsal"


def test_both_ways_out_of_the_sentence_work() -> None:
    """A copied context goes on in the block also when that has ended; a context that is given needs no guess."""
    with az.get_az_context("Staging"), ThreadPoolExecutor(1) as pool:
        copied = contextvars.copy_context()
        assert pool.submit(copied.run, current).result() == "Staging"
        assert pool.submit(lambda: resolve_context("Rehearsal").name).result() == "Rehearsal"
    assert copied.run(current) == "Staging"
    assert current() == "Production"


def test_every_block_counts_until_it_has_ended_however_it_ends() -> None:
    """Nested ones, the same context twice, and one that an error ends."""
    staging = az.get_az_context("Staging")
    with contextlib.suppress(ZeroDivisionError), staging:
        with staging:
            assert elsewhere() == "ambiguous"
        assert (current(), elsewhere()) == ("Staging", "ambiguous")
        raise ZeroDivisionError
    assert (current(), elsewhere()) == ("Production", "Production")


def test_two_threads_inside_the_same_context_end_their_own_blocks() -> None:
    """The first to leave leaves the other inside."""
    staging = az.get_az_context("Staging")
    inside, leave = threading.Event(), threading.Event()
    seen: list[str] = []

    def work() -> None:
        with staging:
            inside.set()
            leave.wait(30)
            seen.append(current())

    thread = threading.Thread(target=work)
    with staging:
        thread.start()
        assert inside.wait(30)
    with pytest.raises(az.AmbiguousContext):
        current()
    leave.set()
    thread.join()
    assert (seen, current()) == (["Staging"], "Production")


def test_a_task_beside_one_that_is_inside_a_block_refuses_too() -> None:
    """Tasks take turns: what is current in one says nothing of the other."""

    async def main() -> None:
        inside, leave = asyncio.Event(), asyncio.Event()

        async def work() -> None:
            with az.get_az_context("Staging"):
                inside.set()
                await leave.wait()

        task = asyncio.create_task(work())
        await inside.wait()
        with pytest.raises(az.AmbiguousContext):
            current()
        leave.set()
        await task
        assert current() == "Production"

    asyncio.run(main())


def test_blocks_may_end_in_another_order_than_they_began() -> None:
    """Each ends its own; the innermost that is left is current."""
    staging, rehearsal = az.get_az_context("Staging"), az.get_az_context("Rehearsal")
    staging.__enter__()
    rehearsal.__enter__()
    staging.__exit__(None, None, None)
    assert current() == "Rehearsal"
    rehearsal.__exit__(None, None, None)
    assert (current(), elsewhere()) == ("Production", "Production")
    rehearsal.__exit__(None, None, None)  # once too often: nothing to end
    assert current() == "Production"


def test_an_asynchronous_generator_that_another_task_closes_ends_its_block() -> None:
    """Whoever began it is out of the block again, and nobody is refused for it."""

    async def numbers() -> AsyncIterator[int]:
        with az.get_az_context("Staging"):
            yield 1
            yield 2

    async def main() -> None:
        generator = numbers()
        await anext(generator)
        await asyncio.create_task(generator.aclose())  # type: ignore[attr-defined]
        assert (current(), elsewhere()) == ("Production", "Production")

    asyncio.run(main())


def test_a_generator_that_is_thrown_away_ends_its_block() -> None:
    """A suspended one is still inside; the collector closes it."""

    def numbers() -> Iterator[int]:
        with az.get_az_context("Staging"):
            yield 1

    generator = numbers()
    next(generator)
    assert elsewhere() == "ambiguous"
    del generator
    gc.collect()
    assert (current(), elsewhere()) == ("Production", "Production")


def test_a_thread_that_ends_inside_a_block_takes_it_along() -> None:
    """Otherwise the whole process would be refused for ever."""
    thread = threading.Thread(target=az.get_az_context("Staging").__enter__)
    thread.start()
    thread.join()
    del thread
    gc.collect()
    assert current() == "Production"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_forgets_the_blocks_of_other_threads_and_keeps_its_own() -> None:
    """Those threads are not in it."""

    def forked() -> int:
        pid = os.fork()
        if pid == 0:
            os._exit({"Production": 10, "Staging": 11}[current()])
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    with az.get_az_context("Staging"):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(forked).result() == 10
        assert forked() == 11


def test_in_a_job_its_own_context_is_no_guess_either(quiet_home: Path, three: dict[str, ContextValue]) -> None:
    """A thread of the job that would fall back to the job's context is refused likewise."""
    granted = list(three.values())
    enter_job(Layout(quiet_home), "s", Grants(own=granted[0], contexts=tuple(granted), autosave=True, key=""))
    with az.get_az_context("Staging"):
        assert elsewhere() == "ambiguous"
    assert elsewhere() == "Production"


def test_nothing_is_kept_of_blocks_that_have_ended() -> None:
    """A service that enters contexts all day does not grow."""
    for _ in range(100):
        with az.get_az_context("Staging"):
            pass
    assert not blocks._open
