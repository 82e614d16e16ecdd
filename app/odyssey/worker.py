"""
The worker: takes deliveries from the inbox and works each off, once.

What an error means for the delivery is decided here and nowhere else.
"""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from arq import cron, func
from arq.worker import Worker

from odyssey.adapters.redis_connection import redis_settings
from odyssey.adapters.redis_inbox import WORK_DELIVERY, deserialize_job, serialize_job
from odyssey.bootstrap import open_ports
from odyssey.domain.errors import (
    Conflict,
    MalformedPayload,
    OdysseyError,
    RateLimited,
    Unavailable,
)
from odyssey.domain.events import Event, ReconcileAsked, parse_event
from odyssey.domain.identifiers import DeliveryId, InstallationId, PullRequestRef, RepositoryRef
from odyssey.handlers import handle
from odyssey.ports import RECONCILE, Delivery, Ports
from odyssey.settings import Settings

if TYPE_CHECKING:
    from arq.typing import StartupShutdown, WorkerCoroutine

log = logging.getLogger("odyssey.worker")

CONFLICT_WAIT = timedelta(milliseconds=100)
"""A conflict is usually over by the next read; doubled with each attempt."""
UNAVAILABLE_WAIT = timedelta(seconds=2)
MAX_WAIT = timedelta(minutes=5)
JOB_TIMEOUT = timedelta(minutes=15)
"""No delivery's work takes this long; what does hangs."""


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
            async with ports.inbox.heartbeat(delivery_id):
                await handle(event, ports, again=delivery.attempt > 1)
    except asyncio.CancelledError:
        # The process is asked to stop: the next one takes over at once.
        await asyncio.shield(ports.inbox.retry(delivery_id, timedelta(0)))
        raise
    except (Conflict, Unavailable) as error:
        await _again(delivery, error, ports, attempts)
    except OdysseyError as error:
        log.warning("delivery %s (%s) given up: %s", delivery_id, delivery.event, error)
        await ports.inbox.failed(delivery_id, str(error))
    except Exception as error:
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


async def run_worker(settings: Settings, *, burst: bool = False) -> None:
    """
    Works until the process is asked to stop; with *burst* until nothing is waiting.

    arq runs the jobs; what makes them durable is the inbox.
    """
    async with open_ports(settings) as ports:
        await build_worker(settings, ports, burst=burst, handles_signals=True).async_run()


def build_worker(
    settings: Settings, ports: Ports, *, burst: bool = False, handles_signals: bool = False
) -> Worker:
    """
    An arq worker over *ports*, for a loop that is running already.

    With *handles_signals* it ends on SIGINT and SIGTERM, once what it holds is done or
    handed back; without, signals are its owner's.
    """

    async def work_delivery(_: dict[Any, Any], *arguments: Any, **__: Any) -> None:
        await work(DeliveryId(arguments[0]), ports, attempts=settings.delivery_attempts)

    async def recover(*_: Any, **__: Any) -> None:
        await ports.inbox.recover()

    # arq's own protocol asks for a __qualname__, which mypy does not see on a function.
    coroutine, timer = cast("WorkerCoroutine", work_delivery), cast("WorkerCoroutine", recover)
    return Worker(
        functions=[func(coroutine, name=WORK_DELIVERY, keep_result=0, max_tries=1)],
        # Every second: what a killed worker held is handed out again when its lease is over.
        cron_jobs=[] if burst else [cron(timer, second=set(range(60)), unique=False)],
        redis_settings=redis_settings(settings.redis_url),
        on_startup=cast("StartupShutdown", recover),
        burst=burst,
        max_jobs=settings.worker_concurrency,
        job_timeout=JOB_TIMEOUT,
        poll_delay=settings.worker_poll_delay.total_seconds(),
        health_check_interval=30,
        job_serializer=serialize_job,
        job_deserializer=deserialize_job,
        handle_signals=handles_signals,
    )
