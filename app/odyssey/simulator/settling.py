"""Playing a scenario until nothing is left to do, without a single sleep."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

MOST_ROUNDS = 200


class Unsettled(Exception):
    """The two sides kept each other busy for too many rounds."""


async def settle(simulator: Simulator, work: Callable[[], Awaitable[bool]]) -> None:
    """
    Deliver what is due, wait for running workflow runs, let the other side work; repeat.

    *work* does what the other side has and says whether it did something.

    Raises:
        Unsettled: after 200 rounds, with what is still pending.
    """
    for _ in range(MOST_ROUNDS):
        was_busy = await simulator.outbox.deliver_all() > 0
        was_busy |= await work()
        if was_busy or simulator.outbox.due():
            continue
        await simulator.actions.wait_until_idle()
        if not simulator.outbox.due():
            return
    left = ", ".join(delivery.name for delivery in simulator.outbox.due()) or "nothing"
    raise Unsettled(
        f"still busy after {MOST_ROUNDS} rounds; deliveries due: {left}. "
        "Look for two sides that answer each other for ever."
    )
