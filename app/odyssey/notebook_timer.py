"""
The timer that works off what is derived from memory, beside the worker.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from odyssey.background import beside
from odyssey.domain.errors import OdysseyError
from odyssey.domain.memory.jobs import JobKind
from odyssey.handlers.memory.derive import NO_MODEL, QUICK, Quiet, derive_once
from odyssey.handlers.memory.needs import Needs
from odyssey.rounds import rounds

log = logging.getLogger("odyssey.memory")

EVERY = timedelta(seconds=5)


@asynccontextmanager
async def deriving(ports: Needs, *, every: timedelta = EVERY) -> AsyncIterator[None]:
    """
    Derives in the background while the block runs, first at once; errors are logged.

    A job that is cut off is handed out again when its lease is over.
    """
    if ports.derived.language is None:
        log.info("memory: %s", NO_MODEL)
    async with beside(
        _keep(ports, every, QUICK),
        _keep(ports, every, frozenset(JobKind) - QUICK),
        failing="nothing more is derived from memory",
    ):
        yield


async def _keep(ports: Needs, every: timedelta, kinds: frozenset[JobKind]) -> None:
    quiet = Quiet()

    async def once() -> None:
        try:
            if done := await derive_once(ports, only=kinds, quiet=quiet):
                log.info("memory: %d jobs taken", done)
        except OdysseyError as error:
            log.warning("memory: round broken off, the next in %s: %s", every, error)

    await rounds("deriving from memory", once, every=every)
