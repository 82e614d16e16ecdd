"""
The durable inbox of deliveries, and what GitHub still allows.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from odyssey.domain.identifiers import DeliveryId, InstallationId, PullRequestRef, RepositoryRef

RECONCILE = "odyssey_reconcile"
"""
The event of a delivery that Odyssey hands to itself (`Inbox.ask_reconcile`).

Its body is `{"installation_id", "owner", "name", "number"}`. The web intake
takes no event of this name.
"""


SWEPT = "sweep:"
"""
How the id of a delivery begins that a sweep made, from what GitHub's lists show.

An earlier try of what it asks for may have come far: whoever works it looks first.
"""

ANSWER_OWED = "odyssey_answer_owed"
"""
The event of a delivery that Odyssey hands to itself for a command it gave up (`Inbox.failed`).

Its body is that of `handlers.apologise`. The web intake takes no event of this name.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """
    One webhook POST as it was accepted.

    *repository* is whose turn it is, *subject* the pull request of one that a
    reconcile settles (`domain.coalescing`). *attempt* counts the takes that
    counted; *is_repeated* says that an earlier one may have left something behind.
    """

    id: DeliveryId
    event: str
    body: bytes
    received_at: datetime
    repository: RepositoryRef | None = None
    subject: str = ""
    attempt: int = 1
    is_repeated: bool = False


class Inbox(Protocol):
    """The durable inbox of deliveries, keyed by delivery id."""

    async def accept(self, delivery: Delivery) -> bool:
        """
        Keeps the delivery and hands it to a worker; durable when this returns.

        False when the id is already waiting, being worked or done. A failed one
        is taken again. Repeatable.
        """
        ...

    async def ask_reconcile(self, ref: PullRequestRef) -> None:
        """Hands a fresh look at *ref* to a worker, as durable as a delivery. Repeatable."""
        ...

    async def take(self, delivery_id: DeliveryId) -> Delivery | None:
        """
        The delivery, now leased to the caller.

        None when it is done, gone or leased, when its repository has enough of its
        own at work, or when GitHub asked its installation for patience: its turn comes.
        """
        ...

    async def take_next(self) -> Delivery | None:
        """The delivery whose turn it is, now leased to the caller; None when none is due."""
        ...

    def heartbeat(self, delivery_id: DeliveryId) -> AbstractAsyncContextManager[None]:
        """
        Keeps the lease alive while the block runs; the process's death ends it.

        Raises:
            LeaseLost: another worker may have it by now; the block was cancelled.
        """
        ...

    async def recover(self) -> int:
        """Hands out again what a dead worker left behind; how many deliveries. Repeatable."""
        ...

    async def done(self, delivery_id: DeliveryId, *, settles: bool = False) -> None:
        """
        Its effects are made: never work it again.

        With *settles* it was a reconcile: what waited with the same subject when it
        was taken is done with it.
        """
        ...

    async def failed(
        self, delivery_id: DeliveryId, reason: str, *, owed: Delivery | None = None
    ) -> None:
        """Given up; a redelivery runs it again. *owed* is accepted in the same step."""
        ...

    async def retry(
        self, delivery_id: DeliveryId, after: timedelta, *, counts: bool = True
    ) -> None:
        """
        Gives the lease back and hands it to a worker again after *after*.

        Without *counts* this attempt is not counted.
        """
        ...

    async def find_state(self, delivery_id: DeliveryId) -> str | None:
        """`waiting`, `leased`, `done` or `failed`; None for a delivery that is not known."""
        ...

    async def is_quiet(self) -> bool:
        """Whether nothing is waiting, scheduled or being worked."""
        ...


class Budget(Protocol):
    """What GitHub still allows each installation, as all processes know it."""

    async def allows_background(self, installation_id: InstallationId) -> bool:
        """
        Whether work that nobody waits for may ask GitHub now.

        False while GitHub asks for patience, and when only the reserve for people's
        commands is left.
        """
        ...

    async def pause(self, installation_id: InstallationId, wait: timedelta) -> None:
        """GitHub asked for patience: no delivery of this installation is tried for *wait*."""
        ...


class NoLimits:
    """A budget that nothing has used: what parts without GitHub's limits are given."""

    async def allows_background(self, installation_id: InstallationId) -> bool:
        """Always."""
        return True

    async def pause(self, installation_id: InstallationId, wait: timedelta) -> None:
        """Nothing waits."""
