"""
The worker: takes deliveries from the inbox and works each off, once.

What an error means for the delivery is decided here and nowhere else.
"""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from typing import Any

from odyssey.domain.errors import (
    Conflict,
    DeliveryRejected,
    MalformedPayload,
    OdysseyError,
    RateLimited,
    Unavailable,
)
from odyssey.domain.events import Event, ReconcileAsked, parse_event
from odyssey.domain.identifiers import DeliveryId, InstallationId, PullRequestRef, RepositoryRef
from odyssey.handlers import handle
from odyssey.ports import RECONCILE, Delivery, Ports

log = logging.getLogger("odyssey.worker")

CONFLICT_WAIT = timedelta(milliseconds=100)
"""A conflict is usually over by the next read; doubled with each attempt."""
UNAVAILABLE_WAIT = timedelta(seconds=2)
MAX_WAIT = timedelta(minutes=5)


async def work(delivery_id: DeliveryId, ports: Ports, *, attempts: int) -> None:
    """
    Works the delivery off, unless it is done, gone or somebody else's.

    It is done only when its effects are made. An error that time may mend hands
    it out again, at most *attempts* times (a rate limit does not count); any
    other one gives it up, with the reason kept for a redelivery.
    """
    delivery = await ports.inbox.take(delivery_id)
    if delivery is None:
        return
    try:
        event = _event(delivery)
        if event is not None:
            await handle(event, ports, again=delivery.attempt > 1)
    except asyncio.CancelledError:
        # The process is asked to stop: the next one takes over at once.
        await asyncio.shield(ports.inbox.retry(delivery_id, timedelta(0)))
        raise
    except (Conflict, Unavailable) as error:
        await _again(delivery, error, ports, attempts)
    except (DeliveryRejected, OdysseyError) as error:
        log.warning("delivery %s (%s) given up: %s", delivery_id, delivery.event, error)
        await ports.inbox.failed(delivery_id, str(error))
    except Exception as error:  # noqa: BLE001 -- the one place: a defect must not end the worker
        log.exception("delivery %s (%s) failed on a defect", delivery_id, delivery.event)
        await ports.inbox.failed(delivery_id, f"defect: {type(error).__name__}: {error}")
    else:
        log.info("delivery %s (%s) done", delivery_id, delivery.event)
        await ports.inbox.done(delivery_id)


def _event(delivery: Delivery) -> Event | None:
    try:
        payload: Any = json.loads(delivery.body)
    except ValueError as error:
        raise MalformedPayload(f"delivery {delivery.id} is not JSON") from error
    if delivery.event == RECONCILE:
        repository = RepositoryRef(
            InstallationId(payload["installation_id"]), payload["owner"], payload["name"]
        )
        return ReconcileAsked(ref=PullRequestRef(repository, payload["number"]))
    return parse_event(delivery.event, payload)


async def _again(
    delivery: Delivery, error: Conflict | Unavailable, ports: Ports, attempts: int
) -> None:
    if delivery.attempt >= attempts and not isinstance(error, RateLimited):
        log.error(
            "delivery %s (%s) given up after %s attempts: %s",
            delivery.id, delivery.event, delivery.attempt, error,
        )  # fmt: skip
        await ports.inbox.failed(delivery.id, str(error))
        return
    first = CONFLICT_WAIT if isinstance(error, Conflict) else UNAVAILABLE_WAIT
    asked = error.retry_after if isinstance(error, Unavailable) else None
    wait = asked or min(first * 2 ** (delivery.attempt - 1), MAX_WAIT)
    log.info("delivery %s (%s) again in %s: %s", delivery.id, delivery.event, wait, error)
    await ports.inbox.retry(delivery.id, wait)
