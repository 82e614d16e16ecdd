"""
The worker: takes deliveries from the inbox and works each off, once.

What an error means for the delivery is decided here and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import uvloop
from arq import func
from arq.worker import Worker

from odyssey.adapters.audited import on_behalf_of
from odyssey.adapters.github_warm_up import warm_up
from odyssey.adapters.redis_connection import redis_settings
from odyssey.adapters.redis_inbox import WORK_DELIVERY, deserialize_job, serialize_job
from odyssey.background import beside
from odyssey.bootstrap import open_ports
from odyssey.domain.coalescing import is_look
from odyssey.domain.errors import (
    Conflict,
    LeaseLost,
    MalformedPayload,
    OdysseyError,
    RateLimited,
    Unavailable,
)
from odyssey.domain.events import (
    CheckRunRerequested,
    Event,
    IssueCommented,
    PullRequestChanged,
    ReconcileAsked,
    parse_event,
)
from odyssey.domain.given_up import Cause
from odyssey.domain.identifiers import DeliveryId, InstallationId, PullRequestRef, RepositoryRef
from odyssey.handlers import handle
from odyssey.handlers.apologise import apologise, owed_answer
from odyssey.memory_timer import catching_up
from odyssey.notebook_timer import deriving
from odyssey.ports import ANSWER_OWED, RECONCILE, SWEPT, Delivery, Ports
from odyssey.settings import Settings
from odyssey.sweeper import sweeping

if TYPE_CHECKING:
    from arq.typing import StartupShutdown, WorkerCoroutine

log = logging.getLogger("odyssey.worker")

CONFLICT_WAIT = timedelta(milliseconds=100)
"""A conflict is usually over by the next read; doubled with each attempt."""
UNAVAILABLE_WAIT = timedelta(seconds=2)
MAX_WAIT = timedelta(minutes=5)
ANSWER_WAIT = timedelta(minutes=1)
"""What GitHub could not be told when a command was given up is tried again this much later."""
MAX_ANSWER_WAIT = timedelta(minutes=30)
ANSWER_ATTEMPTS = 52
"""They last a day."""
WORK_TIMEOUT = timedelta(minutes=15)
"""No delivery's work takes this long; what does hangs."""
SHIFT = timedelta(seconds=10)
"""A job of arq's takes one delivery after the other for so long: each job costs ten calls."""


async def work(delivery: Delivery, ports: Ports, *, attempts: int) -> None:
    """
    Works off the delivery, which is leased to this process.

    It is done only when its effects are made. An error that time may mend hands
    it out again, at most *attempts* times (a rate limit does not count); any
    other one gives it up, with the reason kept for a redelivery and an answer
    to the command's author. When the lease is lost, nothing more is done.
    """
    if delivery.event == ANSWER_OWED:
        attempts = ANSWER_ATTEMPTS
    event: Event | None = None
    try:
        event = _event(delivery)
        if delivery.attempt > attempts:
            # Errors end the last attempt themselves: this one never came to an end.
            await _give_up(delivery, event, Cause.DIED, _died(delivery), ports)
            return
        with on_behalf_of(_actor(event), delivery=delivery.id):
            async with ports.inbox.heartbeat(delivery.id), asyncio.timeout(_seconds(WORK_TIMEOUT)):
                await _work(delivery, event, ports)
    except asyncio.CancelledError:
        # The process is asked to stop: the next one takes over at once.
        await asyncio.shield(ports.inbox.retry(delivery.id, timedelta(0), counts=False))
        raise
    except LeaseLost as error:
        log.warning("delivery %s (%s) left to another: %s", delivery.id, delivery.event, error)
    except (Conflict, Unavailable) as error:
        await _again(delivery, event, error, ports, attempts)
    except TimeoutError:
        hung = Unavailable(f"its work took longer than {WORK_TIMEOUT}")
        await _again(delivery, event, hung, ports, attempts)
    except OdysseyError as error:
        await _give_up(delivery, event, Cause.REFUSED, str(error), ports)
    except Exception as error:
        log.exception("delivery %s (%s) failed on a defect", delivery.id, delivery.event)
        reason = f"defect: {type(error).__name__}: {error}"
        await _give_up(delivery, event, Cause.DEFECT, reason, ports)
    else:
        log.info("delivery %s (%s) done", delivery.id, delivery.event)
        settles = event is not None and is_look(event, bot_login=ports.app.bot_login)
        await ports.inbox.done(delivery.id, settles=settles)


async def _work(delivery: Delivery, event: Event | None, ports: Ports) -> None:
    if delivery.event == ANSWER_OWED:
        await apologise(delivery.body, ports)
    elif event is not None:
        swept = delivery.id.startswith(SWEPT)
        await handle(event, ports, again=delivery.is_repeated or swept, swept=swept)


def _event(delivery: Delivery) -> Event | None:
    try:
        payload: Any = json.loads(delivery.body)
    except ValueError as error:
        raise MalformedPayload(f"delivery {delivery.id} is not JSON") from error
    if delivery.event == ANSWER_OWED:
        return None
    if delivery.event == RECONCILE:
        repository = RepositoryRef(
            InstallationId(payload["installation_id"]), payload["owner"], payload["name"]
        )
        return ReconcileAsked(ref=PullRequestRef(repository, payload["number"]))
    return parse_event(delivery.event, payload)


def _actor(event: Event | None) -> str:
    """Whose doing led to *event*, for the audit log; "" where nobody's did."""
    match event:
        case IssueCommented(author=login):
            return login
        case PullRequestChanged(sender=login) | CheckRunRerequested(sender=login):
            return login
    return ""


async def _again(
    delivery: Delivery,
    event: Event | None,
    error: Conflict | Unavailable,
    ports: Ports,
    attempts: int,
) -> None:
    if delivery.attempt >= attempts and not isinstance(error, RateLimited):
        cause = Cause.CONFLICT if isinstance(error, Conflict) else Cause.UNAVAILABLE
        await _give_up(delivery, event, cause, str(error), ports)
        return
    wait = _wait(delivery, error)
    log.info("delivery %s (%s) again in %s: %s", delivery.id, delivery.event, wait, error)
    await ports.inbox.retry(delivery.id, wait, counts=not isinstance(error, RateLimited))


def _wait(delivery: Delivery, error: Conflict | Unavailable) -> timedelta:
    named = error.retry_after if isinstance(error, Unavailable) else None
    if named and isinstance(error, RateLimited):
        return named
    first, longest = CONFLICT_WAIT, MAX_WAIT
    if delivery.event == ANSWER_OWED:
        first, longest = ANSWER_WAIT, MAX_ANSWER_WAIT
    elif isinstance(error, Unavailable):
        first = UNAVAILABLE_WAIT
    factor: int = 2 ** min(delivery.attempt - 1, 16)
    wait = min(first * factor, longest)
    # What is named is the least: it is the same each time, and an outage may last longer.
    return max(wait, named) if named else wait


async def _give_up(
    delivery: Delivery, event: Event | None, cause: Cause, reason: str, ports: Ports
) -> None:
    log.log(
        logging.WARNING if cause is Cause.REFUSED else logging.ERROR,
        "delivery %s (%s) given up after %s attempts: %s",
        delivery.id, delivery.event, delivery.attempt, reason,
    )  # fmt: skip
    owed = owed_answer(delivery, event, cause, at=ports.now())
    await ports.inbox.failed(delivery.id, reason, owed=owed)


def _died(delivery: Delivery) -> str:
    return (
        f"the process that worked on it ended {delivery.attempt - 1} times, "
        "at the last before it was done"
    )


def work_until_stopped(settings: Settings, *, burst: bool = False) -> None:
    """
    `odyssey work`: what `run_worker` does, in a loop of its own.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_worker(settings, burst=burst))


async def run_worker(settings: Settings, *, burst: bool = False) -> None:
    """
    Works until the process is asked to stop; with *burst* until nothing is waiting.

    arq runs the jobs; what makes them durable is the inbox.
    """
    async with open_ports(settings, shares_model=not burst) as ports:
        await warm_up()
        async with (
            beside(
                keep_recovering(ports, every=settings.recovery_interval),
                failing="what killed workers held is not handed out again",
            ),
            contextlib.nullcontext() if burst else sweeping(settings, ports),
            contextlib.nullcontext() if burst else catching_up(ports.memory),
            contextlib.nullcontext() if burst else deriving(ports),
        ):
            await build_worker(settings, ports, burst=burst, handles_signals=True).async_run()


async def keep_recovering(ports: Ports, *, every: timedelta) -> None:
    """
    Hands out again what killed workers held, as soon as their leases are over; for ever.
    """
    while True:
        try:
            await ports.inbox.recover()
        except Unavailable as error:
            log.warning("nothing recovered: %s", error)
        await asyncio.sleep(_seconds(every))


def build_worker(
    settings: Settings, ports: Ports, *, burst: bool = False, handles_signals: bool = False
) -> Worker:
    """
    An arq worker over *ports*, for a loop that is running already.

    With *handles_signals* it ends on SIGINT and SIGTERM, once what it holds is done or
    handed back; without, signals are its owner's. What killed workers held is taken
    over by whoever runs `keep_recovering`, and once at the start.
    """

    async def work_deliveries(_: dict[Any, Any], *arguments: Any, **__: Any) -> None:
        delivery = await ports.inbox.take(DeliveryId(arguments[0]))
        ends_at = time.monotonic() + _seconds(SHIFT)
        while delivery is not None:
            await work(delivery, ports, attempts=settings.delivery_attempts)
            is_over = time.monotonic() >= ends_at
            delivery = None if is_over else await ports.inbox.take_next()

    async def recover(*_: Any, **__: Any) -> None:
        await ports.inbox.recover()

    # arq's own protocol asks for a __qualname__, which mypy does not see on a function.
    coroutine = cast("WorkerCoroutine", work_deliveries)
    return Worker(
        functions=[func(coroutine, name=WORK_DELIVERY, keep_result=0, max_tries=1)],
        redis_settings=redis_settings(settings.redis_url),
        on_startup=cast("StartupShutdown", recover),
        burst=burst,
        max_jobs=settings.worker_concurrency,
        job_timeout=WORK_TIMEOUT + SHIFT * 2,
        keep_result=0,
        poll_delay=_seconds(settings.worker_poll_delay),
        health_check_interval=30,
        job_serializer=serialize_job,
        job_deserializer=deserialize_job,
        handle_signals=handles_signals,
    )


def _seconds(duration: timedelta) -> float:
    return duration.total_seconds()
