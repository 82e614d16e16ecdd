"""
A process that retains records until it is killed, and says which ones are kept.

Usage: python retain_forever.py FOLDER PREFIX TENANT
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

from contract.memory.hashing import HashingEmbedder
from contract.memory.records import record
from odyssey.adapters.sqlite.memory import SqliteMemory
from odyssey.domain.memory.record import Tenant


async def main(folder: Path, prefix: str) -> None:
    """Prints a record's id once `retain` has returned."""
    memory = SqliteMemory(folder, embedder=HashingEmbedder())
    for number in itertools.count():
        name = f"{prefix}{number}"
        await memory.retain(Tenant(sys.argv[3]), [record(name, f"note {name}", minutes=number)])
        print(name, flush=True)  # noqa: T201 - read by the test


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
