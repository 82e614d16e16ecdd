"""
One schedule from its beginning to what it proved, on a world that many share.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from odyssey.domain.errors import Unavailable
from schedules.promises import broken_promises
from schedules.stage import Stage
from schedules.steps import Step, read
from schedules.truth import Witness
from schedules.world import Unsettled, World, open_world

if TYPE_CHECKING:
    from contract.github.checker import ContractChecker

LONGEST_S = 150
"""No schedule takes so long; one that does hangs."""
WARM_UP = "propose 0 0 0, settle, approve 0 0 0, say 0 1 0 0, settle"


class PromiseBroken(AssertionError):
    """A schedule after which something that must hold does not."""


class Player:
    """
    Plays schedules one after the other, in a loop and a world of its own.

    After one that failed the world is made anew: nobody knows what is left in it. With
    *checks* the exchanges of the first one are held against GitHub's own description,
    which takes a second to load.
    """

    def __init__(self, *, checks: bool = False) -> None:
        self._checks = checks
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_last_words)
        self._world: World | None = None
        self._exits: AsyncExitStack | None = None
        self._root: Path | None = None

    def play(self, steps: list[Step]) -> None:
        """
        Plays *steps*.

        Raises:
            PromiseBroken: with every promise that was broken.
        """
        self._loop.run_until_complete(self._play(steps))

    def check_audit(self) -> str:
        """Where the audit log of all that was played is broken; "" where it is not."""
        return "\n".join(self._world.audit.problems()) if self._world else ""

    def close(self) -> None:
        """Ends the world."""
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _play(self, steps: list[Step]) -> None:
        world = await self._begin()
        checker = _checker() if self._checks else None
        self._checks = False
        try:
            with _observing(world, checker):
                found = await play(world, steps)
        except BaseException:
            await self._end()
            raise
        if found:
            await self._end()
            raise PromiseBroken("\n".join(found))

    async def _begin(self) -> World:
        if self._world is None:
            self._root = Path(tempfile.mkdtemp(prefix="schedules-"))
            self._exits = AsyncExitStack()
            self._world = await self._exits.enter_async_context(open_world(self._root))
            # Libraries that are loaded at first use would make the first schedule another one.
            await self._world.begin()
            await play(self._world, read(WARM_UP))
        await self._world.begin()
        return self._world

    async def _end(self) -> None:
        exits, self._exits, self._world = self._exits, None, None
        if exits is not None:
            await exits.aclose()
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)


@contextmanager
def _observing(world: World, checker: ContractChecker | None) -> Iterator[None]:
    if checker is None:
        yield
        return
    world.simulator.observers.append(checker)
    yield
    world.simulator.observers.remove(checker)
    try:
        checker.assert_clean()
    except AssertionError as error:
        raise PromiseBroken(f"GitHub would not have answered so: {error}") from error


def _checker() -> ContractChecker:
    from contract.github.checker import ContractChecker  # two seconds, which few players need

    return ContractChecker()


def _last_words(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    # What a killed worker's tasks still had to say: that Redis does not know them any more.
    if not isinstance(context.get("exception"), Unavailable | RedisError | OSError):
        loop.default_exception_handler(context)


async def play(world: World, steps: list[Step]) -> list[str]:
    """The promises that *steps* broke."""
    witness = Witness(world)
    world.watchers.append(witness)
    world.simulator.listeners.append(witness.heard)
    stage = Stage(world, witness)
    step: Step | None = None
    try:
        async with asyncio.timeout(LONGEST_S):
            for step in steps:
                await stage.play(step)
            step = None
            await stage.end()
    except Unsettled as error:
        return [*witness.problems, str(error)]
    except TimeoutError:
        return [*witness.problems, f"it hung in {step or 'the end'}"]
    return await broken_promises(stage)
