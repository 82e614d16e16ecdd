"""
A process that retains records on a Weaviate server until it is killed, and says which are kept.

Usage: python retain_in_weaviate.py FOLDER NAME TENANT URL GRPC_PORT PREFIX
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from datetime import timedelta
from pathlib import Path

from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from odyssey.adapters.weaviate import WeaviateMemory
from odyssey.domain.memory.record import Tenant


async def main() -> None:
    """Prints a record's id once `retain` has returned."""
    folder, name, tenant, url, port, prefix = sys.argv[1:]
    memory = WeaviateMemory(
        url,
        HashingEmbedder(),
        control=Path(folder) / "control.db",
        grpc_port=int(port),
        prefix=prefix,
        patience=timedelta(seconds=60),
    )
    for number in itertools.count():
        one = f"{name}{number}"
        await memory.retain(Tenant(tenant), [record(one, f"note {one}", minutes=number)])
        print(one, flush=True)  # noqa: T201 - read by the test


if __name__ == "__main__":
    asyncio.run(main())
