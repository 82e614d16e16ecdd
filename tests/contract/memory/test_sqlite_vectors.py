"""
What the vectors of the SQLite files promise: shared by threads, of one size.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from odyssey.adapters.sqlite import vectors
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Shelf


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads that give way to one another after every few instructions."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("hasty_threads")
def test_threads_share_the_vectors_of_many_tenants() -> None:
    """Under pressure too, when each one that comes sends another away."""
    # Below 0, so that empty ones are sent away as well.
    matrices = vectors.Matrices(most_bytes=-1)
    tenants = [Tenant.of(7, f"acme/{number}") for number in range(30)]

    def use(start: int) -> int:
        for number in range(2_000):
            matrices.get(tenants[(start + number) % len(tenants)], Shelf.EVENT)
        return start

    with ThreadPoolExecutor(6) as threads:
        done = list(threads.map(use, range(0, 30, 5)))

    assert done == [0, 5, 10, 15, 20, 25]
