"""
Questions embedded by a worker for a process that has no model, over Redis.

The text is a key that lives as long as somebody waits for it, its id is in the model's list,
and the answer is a list of one that is gone after seconds. So what was withdrawn, or waited
too long, costs no worker anything, and no clock is compared with another.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from redis.asyncio import Redis
from redis.exceptions import RedisError

from odyssey.adapters.embedding import CannotEmbed, Embedder, ModelMismatch, Vector
from odyssey.adapters.redis_connection import command, unavailable_without_redis
from odyssey.background import beside
from odyssey.domain.errors import OdysseyError, Unavailable
from odyssey.domain.memory.retention import storable
from odyssey.domain.memory.stored import read_vector, vector_text

log = logging.getLogger("odyssey.memory")

WITHIN = timedelta(seconds=2)
"""After which whoever asks goes by words alone."""
MAX_TEXT = 20_000
"""Characters; a query of the REST API has half as many at most."""
MAX_WAITING = 32
"""Questions in the list of a model: no worker answers more in two seconds."""
PRESENT = timedelta(seconds=6)
"""How long a worker that said nothing more is still asked."""
PAUSE = timedelta(seconds=5)
"""For which nobody is asked after a question without an answer, and a failed worker waits."""

_LOOK_S = 2
_LEFT = timedelta(seconds=10)
_PROBE = "Which changes were rejected?"


@dataclass(frozen=True, slots=True)
class _Keys:
    model: str

    @property
    def present(self) -> str:
        return f"odyssey:embed:{self.model}:present"

    @property
    def asked(self) -> str:
        return f"odyssey:embed:{self.model}:asked"

    @staticmethod
    def text(name: str) -> str:
        return f"odyssey:embed:text:{name}"

    @staticmethod
    def answer(name: str) -> str:
        return f"odyssey:embed:answer:{name}"


class AskedEmbedder:
    """
    The vectors of questions, made by whichever worker has *model* loaded.

    Where none has, nobody is waited for.
    """

    def __init__(self, redis: Redis, model: str, *, within: timedelta = WITHIN) -> None:
        self._redis = redis
        self._model = model
        self._within = within
        self._keys = _Keys(model)
        self._paused_until = 0.0

    @property
    def model(self) -> str:
        """The model's name; only its vectors are taken."""
        return self._model

    async def embed_query(self, text: str) -> Vector:
        """
        The vector to search with. Repeatable.

        Raises:
            CannotEmbed: the text is too long, or the model refuses it.
            Unavailable: no worker has the model, or none answered in time.
        """
        if len(text) > MAX_TEXT:
            raise CannotEmbed(f"a question of {len(text)} characters; {MAX_TEXT} at most")
        if time.monotonic() < self._paused_until:
            raise Unavailable(f"no worker embedded with {self._model!r} just now")
        name = secrets.token_hex(12)
        answer = None
        try:
            # The deadline is outside: a TimeoutError is an OSError too, and not Redis' fault.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._within.total_seconds()):
                    with unavailable_without_redis():
                        answer = await self._ask(name, storable(text))
        except asyncio.CancelledError:
            await asyncio.shield(self._withdraw(name))
            raise
        if answer is None:
            self._paused_until = time.monotonic() + PAUSE.total_seconds()
            await self._withdraw(name)
            raise Unavailable(
                f"no worker embedded a question with {self._model!r} within "
                f"{self._within.total_seconds():g} s"
            )
        return self._vector(answer)

    async def _ask(self, name: str, text: str) -> bytes | None:
        if not await self._redis.exists(self._keys.present):
            raise Unavailable(f"no worker embeds with {self._model!r}")
        async with self._redis.pipeline(transaction=True) as change:
            change.set(self._keys.text(name), text, px=self._within)
            change.rpush(self._keys.asked, name)
            change.expire(self._keys.asked, _LEFT)
            waiting = (await change.execute())[1]
        if waiting > MAX_WAITING:
            await self._withdraw(name)
            raise Unavailable(f"{MAX_WAITING} questions wait for a worker already")
        # The same time again: the deadline outside is a cancellation, and may be lost
        # (`background.end` tells why).
        seconds = self._within.total_seconds()
        found = await command(self._redis, "BLPOP", self._keys.answer(name), seconds)
        return None if found is None else bytes(found[1])

    async def _withdraw(self, name: str) -> None:
        with contextlib.suppress(RedisError, OSError):
            async with asyncio.timeout(1), self._redis.pipeline(transaction=True) as change:
                change.delete(self._keys.text(name), self._keys.answer(name))
                change.lrem(self._keys.asked, 1, name)
                await change.execute()

    def _vector(self, answer: bytes) -> Vector:
        try:
            said = json.loads(answer)
            model = str(said["model"])
            if model != self._model:
                raise ModelMismatch(known=self._model, asked=model)
            if said["refused"]:
                raise CannotEmbed("the model refuses the question")
            return read_vector(said["vector"])
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable("a worker's answer to a question is no vector") from error


@asynccontextmanager
async def answering(redis: Redis, embedder: Embedder) -> AsyncIterator[None]:
    """Answers questions for *embedder*'s model while the block runs; errors are logged."""
    async with beside(
        _keep_answering(redis, embedder), failing="questions are not embedded for others any more"
    ):
        yield


async def _keep_answering(redis: Redis, embedder: Embedder) -> None:
    while True:
        try:
            # Nobody is to wait for a model that is not loaded yet.
            await embedder.embed_query(_PROBE)
            while True:
                await _answer_next(redis, embedder)
        except OdysseyError as error:
            log.warning("questions are not embedded for others: %s", error)
            await asyncio.sleep(PAUSE.total_seconds())


async def _answer_next(redis: Redis, embedder: Embedder) -> None:
    keys = _Keys(embedder.model)
    with unavailable_without_redis():
        # Said between two questions, so that a worker that is stuck in one is not asked more.
        await redis.set(keys.present, "1", px=PRESENT)
        found = await command(redis, "BLPOP", keys.asked, _LOOK_S)
        if found is None:
            return
        name = bytes(found[1]).decode()
        text = await redis.getdel(keys.text(name))
    if text is None:
        return  # withdrawn, or nobody waits any more
    try:
        vector = vector_text(await embedder.embed_query(bytes(text).decode()))
    except CannotEmbed:
        vector = ""
    answer = {"model": embedder.model, "refused": not vector, "vector": vector}
    with unavailable_without_redis():
        async with redis.pipeline(transaction=True) as change:
            change.rpush(keys.answer(name), json.dumps(answer))
            change.expire(keys.answer(name), _LEFT)
            await change.execute()
