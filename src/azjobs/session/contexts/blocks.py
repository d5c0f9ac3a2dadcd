"""Know which `with context:` blocks are open: the innermost one here, and whether any is open elsewhere.

Here is a thread or task, by contextvars: a task, and what runs in a copied
context, go on in the block they were started in, also after it has ended. A
thread of a pool has no part in it, so a command there must not guess.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from azjobs.core.errors import AmbiguousContext

if TYPE_CHECKING:
    from azjobs.core.context import ContextValue


class Block:
    """One `with context:`, from its beginning to its end; kept alive by the thread or task that it is current in."""

    __slots__ = ("__weakref__", "is_stray", "owner", "refusals", "task", "thread", "value")

    def __init__(self, owner: object, value: ContextValue) -> None:
        self.owner = owner
        self.value = value
        self.thread = weakref.ref(threading.current_thread())
        self.task = _task()
        self.refusals = _refusals
        self.is_stray = False  # ended by another thread or task than the one that began it

    @property
    def is_begun_here(self) -> bool:
        """Whether this thread and task began it."""
        task = _task()
        is_same_task = (task() if task else None) is (self.task() if self.task else None)
        return self.thread() is threading.current_thread() and is_same_task


_entered: ContextVar[tuple[Block, ...]] = ContextVar("azjobs_entered_contexts", default=())

#: Blocks that are open, by id. Weak: a thread that ends inside a block takes it along. Each change is one step of
#: the interpreter, so no lock is needed.
_open: dict[int, weakref.ref[Block]] = {}

#: Threads of which one was refused, or that ran beside a block in which one was: what they do later may still be work
#: of that block, whose end an error has hastened. They go by nothing that holds for the process any more.
_unsure: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
_refusals = 0


def enter(owner: object, value: ContextValue) -> None:
    """Begin a block of `owner` here."""
    block = Block(owner, value)
    number = id(block)
    _open[number] = weakref.ref(block, lambda _: _open.pop(number, None))
    _entered.set((*_entered.get(), block))


def leave(owner: object) -> None:
    """End the innermost block of `owner` here, else one begun elsewhere: anybody may close a generator."""
    here = _entered.get()
    block = next((b for b in reversed(here) if b.owner is owner and id(b) in _open), None)
    if block is None:
        others = [found for ref in list(_open.values()) if (found := ref()) is not None and found.owner is owner]
        block = others[-1] if others else None
    if block is None:
        return
    block.is_stray = not block.is_begun_here
    if block.refusals != _refusals:
        _doubt_others()
    _open.pop(id(block), None)
    _entered.set(tuple(b for b in here if b is not block))


def innermost() -> ContextValue | None:
    """Return the context of the innermost `with context:` here; None outside of any."""
    block = _innermost()
    return block.value if block is not None else None


def refuse_if_ambiguous() -> None:
    """Refuse to go by anything that holds for the whole process while a block is open elsewhere and none is here.

    Raises:
        AmbiguousContext: another thread or task is inside `with context:`.
    """
    global _refusals  # noqa: PLW0603 - blocks belong to the process
    if (not _open and not _unsure) or _innermost() is not None:
        return
    names = sorted({block.value.name for ref in list(_open.values()) if (block := ref()) is not None})
    if names:
        _refusals += 1
        if threading.current_thread() is not threading.main_thread():
            _unsure.add(threading.current_thread())
        raise AmbiguousContext(
            f"Another thread or task is inside `with context:` ({', '.join(names)}), and this one is not; {_HOW}"
        )
    if threading.current_thread() in _unsure:
        raise AmbiguousContext(f"This thread may still have work of a `with context:` that has ended; {_HOW}")


_HOW = "pass az_context=, or submit with contextvars.copy_context()."


def _doubt_others() -> None:
    """The main thread has no work of others, and this one has just left the block itself."""
    sure = (threading.current_thread(), threading.main_thread())
    for thread in threading.enumerate():
        if thread not in sure:
            _unsure.add(thread)


def _innermost() -> Block | None:
    """A block that was ended elsewhere is over for who began it; a copy of its context still goes by it."""
    return next((b for b in reversed(_entered.get()) if not (b.is_stray and b.is_begun_here)), None)


def _task() -> weakref.ref[Any] | None:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop runs in this thread
        return None
    return weakref.ref(task) if task is not None else None


def _forget_others() -> None:
    """A forked child has one thread: the blocks of the others are open nowhere in it."""
    _unsure.clear()
    mine = {id(block) for block in _entered.get()}
    for number in [number for number in _open if number not in mine]:
        _open.pop(number, None)


os.register_at_fork(after_in_child=_forget_others)
