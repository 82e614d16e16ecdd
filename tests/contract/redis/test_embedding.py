"""
Questions embedded by a worker, over a real Redis: alive, dead, slow, of another model.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bench.keys import new_private_key
from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from odyssey.adapters.embedding import CannotEmbed, Vector
from odyssey.adapters.redis_connection import connect
from odyssey.adapters.redis_embedding import (
    MAX_TEXT,
    MAX_WAITING,
    AskedEmbedder,
    answering,
)
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.setup.redis_server import RedisServer

TENANT = Tenant.of(7, "acme/shop")
ASKED = "odyssey:embed:hashing:asked"
PRESENT = "odyssey:embed:hashing:present"
SOON = timedelta(milliseconds=300)


class Watched(HashingEmbedder):
    """A model that notes what it embeds, and waits as long as it is told to."""

    def __init__(self, model: str = "hashing") -> None:
        super().__init__(model)
        self.seen: list[str] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def embed_query(self, text: str) -> Vector:
        """As soon as it may."""
        self.seen.append(text)
        await self.goes_on.wait()
        if "refuse" in text:
            raise CannotEmbed("too long")
        return await super().embed_query(text)


async def until_present(redis: Redis, key: str = PRESENT) -> None:
    """Returns once a worker says that it answers."""
    async with asyncio.timeout(20):
        while not await redis.exists(key):
            pass


async def test_a_worker_gives_the_vector_its_own_model_gives(redis: Redis) -> None:
    """To the last bit, and nothing of the question stays in Redis."""
    asker = AskedEmbedder(redis, "hashing", within=timedelta(seconds=20))
    async with answering(redis, Watched()):
        await until_present(redis)
        vectors = [await asker.embed_query(text) for text in ("ripe apples", "Ünïcode 🜚")]

    assert vectors == [
        await HashingEmbedder().embed_query(text) for text in ("ripe apples", "Ünïcode 🜚")
    ]
    assert await redis.keys("odyssey:embed:text:*") == []
    assert await redis.llen(ASKED) == 0  # type: ignore[misc]  # the client's types are both worlds'


async def test_half_a_character_is_no_defect(redis: Redis) -> None:
    """JSON may hold half a surrogate pair, and Redis may not."""
    asker = AskedEmbedder(redis, "hashing", within=timedelta(seconds=20))
    async with answering(redis, Watched()):
        await until_present(redis)
        vector = await asker.embed_query("ripe \ud800 apples")

    assert len(vector) == HashingEmbedder().dimensions


async def test_many_ask_at_once_and_each_gets_its_own_answer(redis: Redis) -> None:
    """Also of two workers that share the list."""
    texts = [f"question {number}" for number in range(20)]
    asker = AskedEmbedder(redis, "hashing", within=timedelta(seconds=20))
    async with answering(redis, Watched()), answering(redis, Watched()):
        await until_present(redis)
        vectors = await asyncio.gather(*map(asker.embed_query, texts))

    assert vectors == [await HashingEmbedder().embed_query(text) for text in texts]


async def test_without_a_worker_nobody_is_waited_for(redis: Redis) -> None:
    """An hour's patience is not used."""
    asker = AskedEmbedder(redis, "hashing", within=timedelta(hours=1))

    with pytest.raises(Unavailable, match="no worker embeds with 'hashing'"):
        await asker.embed_query("ripe apples")

    assert await redis.keys("*") == []


async def test_a_worker_of_another_model_is_not_asked(redis: Redis) -> None:
    """Vectors of two models are never compared."""
    other = Watched("other")
    asker = AskedEmbedder(redis, "hashing", within=timedelta(hours=1))
    async with answering(redis, other):
        await until_present(redis, "odyssey:embed:other:present")
        with pytest.raises(Unavailable, match="no worker embeds with 'hashing'"):
            await asker.embed_query("ripe apples")

    assert "ripe apples" not in other.seen


async def test_a_slow_worker_is_not_waited_for_and_not_asked_again_at_once(redis: Redis) -> None:
    """What nobody waits for any more it does not embed."""
    slow = Watched()
    asker = AskedEmbedder(redis, "hashing", within=SOON)
    async with answering(redis, slow):
        await until_present(redis)
        slow.goes_on.clear()
        with pytest.raises(Unavailable, match="within"):
            await asker.embed_query("first")
        with pytest.raises(Unavailable, match="just now"):
            await asker.embed_query("second")
        patient = AskedEmbedder(redis, "hashing", within=SOON)
        with pytest.raises(Unavailable, match="within"):
            await patient.embed_query("third")
        left = await redis.llen(ASKED)  # type: ignore[misc]  # as above
        slow.goes_on.set()
        again = AskedEmbedder(redis, "hashing", within=timedelta(seconds=20))
        await until_present(redis)
        await again.embed_query("fourth")

    assert left == 0
    assert slow.seen[1:] == ["first", "fourth"]


async def test_a_question_that_is_withdrawn_is_dropped(redis: Redis) -> None:
    """Its text is gone at once, and its place in the list is free."""
    await redis.set(PRESENT, "1")
    asker = AskedEmbedder(redis, "hashing", within=timedelta(hours=1))
    asking = asyncio.create_task(asker.embed_query("ripe apples"))
    async with asyncio.timeout(20):
        while not await redis.exists(ASKED):
            pass

    while not asking.done():
        # `asyncio.wait_for`, in which redis-py sends, loses one now and then.
        asking.cancel()
        await asyncio.wait([asking], timeout=0.1)
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert await redis.keys("*") == [PRESENT.encode()]


async def test_neither_texts_nor_the_list_grow_without_bound(redis: Redis) -> None:
    """Whoever comes after is told at once; what is too long is not sent."""
    await redis.set(PRESENT, "1")
    await redis.rpush(ASKED, *map(str, range(MAX_WAITING)))  # type: ignore[misc]  # as above
    asker = AskedEmbedder(redis, "hashing", within=timedelta(hours=1))

    with pytest.raises(Unavailable, match="wait for a worker already"):
        await asker.embed_query("ripe apples")
    with pytest.raises(CannotEmbed):
        await asker.embed_query("x" * (MAX_TEXT + 1))

    assert await redis.llen(ASKED) == MAX_WAITING  # type: ignore[misc]  # as above
    assert await redis.keys("odyssey:embed:text:*") == []
    assert await redis.ttl(ASKED) > 0


@pytest.mark.parametrize(
    ("answer", "raises", "said"),
    [
        ("no json", Unavailable, "no vector"),
        ('{"model": "hashing"}', Unavailable, "no vector"),
        ('{"model": "hashing", "refused": false, "vector": ""}', Unavailable, "no vector"),
        ('{"model": "hashing", "refused": false, "vector": "AADAfw=="}', Unavailable, "no vector"),
        ('{"model": "other", "refused": false, "vector": "AACAPw=="}', Unavailable, "'other'"),
        ('{"model": "hashing", "refused": true, "vector": ""}', CannotEmbed, "refuses"),
    ],
)
async def test_an_answer_that_is_no_vector_of_the_model_is_refused(
    redis: Redis, answer: str, raises: type[Exception], said: str
) -> None:
    """Whatever stands in Redis; the question then goes by words."""
    await redis.set(PRESENT, "1")
    asker = AskedEmbedder(redis, "hashing", within=timedelta(seconds=20))

    async def answer_badly() -> None:
        _, name = await redis.blpop([ASKED], timeout=20)  # type: ignore[misc]  # as above
        await redis.rpush(f"odyssey:embed:answer:{name.decode()}", answer)  # type: ignore[misc]  # as above

    with pytest.raises(raises, match=said):
        await asyncio.gather(asker.embed_query("ripe apples"), answer_badly())


async def test_a_text_the_model_refuses_ends_neither_question_nor_worker(redis: Redis) -> None:
    """Nor is it waited for."""
    asker = AskedEmbedder(redis, "hashing", within=timedelta(hours=1))
    async with answering(redis, Watched()):
        await until_present(redis)
        with pytest.raises(CannotEmbed):
            await asker.embed_query("refuse this")
        vector = await asker.embed_query("ripe apples")

    assert vector == await HashingEmbedder().embed_query("ripe apples")


async def test_a_worker_without_weights_is_never_asked(redis: Redis) -> None:
    """It says that it is there only once its model has answered."""
    away = HashingEmbedder(is_away=True)
    async with answering(redis, away):
        with pytest.raises(Unavailable, match="no worker"):
            await AskedEmbedder(redis, "hashing").embed_query("ripe apples")

    assert await redis.keys("*") == []


async def test_redis_that_is_away_is_no_defect(redis_server: RedisServer) -> None:
    """The question goes by words."""
    nowhere = connect("redis://127.0.0.1:1/0")

    with pytest.raises(Unavailable, match="Redis"):
        await AskedEmbedder(nowhere, "hashing").embed_query("ripe apples")
    await nowhere.aclose()


async def test_memory_without_a_model_finds_by_meaning_while_a_worker_answers(
    redis: Redis, tmp_path: Path
) -> None:
    """And by words when it does not; vectors of another model are left alone."""
    writes = SqliteMemory(tmp_path, HashingEmbedder())
    await writes.retain(TENANT, [record("1", "apples are ripe"), record("2", "pears are blue")])
    reads = SqliteMemory(tmp_path, queries=AskedEmbedder(redis, "hashing"))
    stranger = SqliteMemory(tmp_path, queries=AskedEmbedder(redis, "other"))

    async def matched(memory: SqliteMemory) -> bool:
        found = await memory.recall(TENANT, "ripe apples", scope=REPOSITORY)
        assert found[0].record.id == "1"
        return "meaning" in found[0].matched and found[0].similarity > 0

    before = await matched(reads)
    async with AsyncExitStack() as workers:
        await workers.enter_async_context(answering(redis, HashingEmbedder()))
        await workers.enter_async_context(answering(redis, HashingEmbedder("other")))
        await until_present(redis)
        await until_present(redis, "odyssey:embed:other:present")
        alive, mixed = await matched(reads), await matched(stranger)
    await reads.retain(TENANT, [record("3", "kept without a vector")])
    waiting = await reads.waiting(TENANT)
    for memory in (writes, reads, stranger):
        await memory.close()

    assert (before, alive, mixed, waiting) == (False, True, False, 1)
    assert json.dumps(reads.name).count("of which workers are asked") == 1


def test_a_process_that_asks_never_loads_torch(redis_server: RedisServer, tmp_path: Path) -> None:
    """With the settings of the web process and the default model."""
    script = (
        "import asyncio, sys\n"
        "from odyssey.bootstrap import open_ports\n"
        "from odyssey.domain.memory.record import Tenant\n"
        "from odyssey.domain.memory.scope import REPOSITORY\n"
        "from odyssey.settings import Settings\n"
        "async def main():\n"
        "    settings = Settings(_env_file=None)\n"
        "    async with open_ports(settings, embeds=False, shares_model=True) as ports:\n"
        "        await ports.memory.recall(Tenant.of(7, 'a/b'), 'x', scope=REPOSITORY)\n"
        "asyncio.run(main())\n"
        "print(sorted({'torch', 'sentence_transformers'} & set(sys.modules)))\n"
    )
    environment = {
        **os.environ,
        "ODYSSEY_REDIS_URL": redis_server.url,
        "ODYSSEY_APP_ID": "1",
        "ODYSSEY_PRIVATE_KEY": new_private_key(),
        "ODYSSEY_WEBHOOK_SECRET": "secret",
        "ODYSSEY_DATA_DIR": str(tmp_path),
    }

    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
