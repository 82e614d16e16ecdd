"""
Resident memory of `odyssey serve` after 10,000 deliveries.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from bench.figure import Figure
from bench.load import Load, send_from_another_process
from bench.odyssey_server import WEBHOOK_PATH, odyssey_server

DELIVERIES = 10_000
BAR_MB = 150.0
SECRET = "a secret of the benchmark"


async def figures() -> AsyncIterator[Figure]:
    """
    `serve_memory`, of the process and its children, in millions of bytes.
    """
    with tempfile.TemporaryDirectory(prefix="odyssey-bench-") as folder:
        async with odyssey_server(secret=SECRET, directory=Path(folder)) as program:
            load = Load(port=program.port, path=WEBHOOK_PATH, secret=SECRET, requests=DELIVERIES)
            await send_from_another_process(load)
            yield Figure("serve_memory", program.resident_mb(), "MB", bar=BAR_MB)
