"""
Recall that is narrowed, as a proposal's is, costs about what an open one costs.
"""

from __future__ import annotations

import time
from pathlib import Path

from contract.memory.records import record
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY

RECORDS = 3_000


async def test_the_index_is_searched_once_however_many_rows_may_be_found(
    tmp_path: Path, tenant: Tenant
) -> None:
    """Searched anew for each of them, 3,000 memories take fifty times as long."""
    memory = SqliteMemory(tmp_path)
    kinds = ("comment", "proposal")
    records = [
        record(f"r{number}", f"quince {number} of orchard {number % 7}", kind=kinds[number % 2])
        for number in range(RECORDS)
    ]
    await memory.retain(tenant, records)
    taken: dict[tuple[str, ...], float] = {}

    for _ in range(3):
        for asked in ((), ("proposal",)):
            begun = time.process_time()
            found = await memory.recall(tenant, "quince orchard", scope=REPOSITORY, kinds=asked)
            taken[asked] = min(taken.get(asked, 1e9), time.process_time() - begun)
            assert len(found) == 8
            assert not asked or {each.record.kind for each in found} == {"proposal"}
    await memory.close()

    assert taken[("proposal",)] < 10 * taken[()]
