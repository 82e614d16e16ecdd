"""
What a task holds while it works, so that nothing is written to the world without it.

A lease or a lock may be lost while its holder lives: the process was stopped,
or Redis did not answer. Whoever is about to act asks `check_guards` first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Guard(Protocol):
    """Something held, as far as `check` does not raise."""

    async def check(self) -> None:
        """
        Returns when it is certain to be held; waits for that certainty a while.

        Raises:
            OdysseyError: it is not; its own error, which ends the work.
        """
        ...


_GUARDS: ContextVar[tuple[Guard, ...]] = ContextVar("guards", default=())


@contextmanager
def guarded(guard: Guard) -> Iterator[None]:
    """What is done in the block, also in tasks it starts, is done under *guard* too."""
    token = _GUARDS.set((*_GUARDS.get(), guard))
    try:
        yield
    finally:
        _GUARDS.reset(token)


async def check_guards() -> None:
    """
    Returns when everything this task holds is certain to be held; raises the error of what is not.
    """
    for guard in _GUARDS.get():
        await guard.check()
