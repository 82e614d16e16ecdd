"""
`odyssey serve` as it runs in earnest: one process, a durable Redis of its own, no worker.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.figure import NotMeasurable
from bench.keys import new_private_key
from bench.program import Program, free_port, running
from odyssey.setup.redis_server import RedisNotStarted, start_redis

WEBHOOK_PATH = "/webhooks/github"


@asynccontextmanager
async def odyssey_server(*, secret: str, directory: Path) -> AsyncIterator[Program]:
    """
    The server listening on a free loopback port; every write is on the disk when it answers.

    Raises:
        NotMeasurable: the server or its Redis does not start.
    """
    port = free_port()
    try:
        redis = start_redis(directory / "redis", durable=True)
    except RedisNotStarted as reason:
        raise NotMeasurable(str(reason)) from reason
    async with redis:
        env = {
            "ODYSSEY_APP_ID": "1",
            "ODYSSEY_PRIVATE_KEY": new_private_key(),
            "ODYSSEY_WEBHOOK_SECRET": secret,
            "ODYSSEY_REDIS_URL": redis.url,
            "ODYSSEY_HOST": "127.0.0.1",
            "ODYSSEY_PORT": str(port),
            "ODYSSEY_DATA_DIR": str(directory / "data"),
            "ODYSSEY_LOG_LEVEL": "WARNING",
        }
        command = [sys.executable, "-m", "odyssey", "serve"]
        async with running("odyssey", command, port=port, env=env, directory=directory) as program:
            yield program
