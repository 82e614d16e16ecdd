"""
The ports of derived memory over the notebooks of one folder.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

from odyssey.adapters.callbacks import SignedCallbacks
from odyssey.adapters.notebook.blocks import SqliteBlocks
from odyssey.adapters.notebook.conversations import SqliteConversations
from odyssey.adapters.notebook.database import Gone, Notebooks
from odyssey.adapters.notebook.job_queue import SqliteJobs
from odyssey.adapters.notebook.learning import SqliteLearning
from odyssey.adapters.notebook.observations import SqliteObservations
from odyssey.adapters.notebook.parts import PARTS
from odyssey.adapters.notebook.patterns import SqlitePatterns
from odyssey.adapters.notebook.subscriptions import SqliteSubscriptions
from odyssey.adapters.notebook.tasks import SqliteTasks
from odyssey.domain.memory.record import Tenant, login_of
from odyssey.ports.derived import Delivers, Deriving, Language, MemoryPorts


def make_notebooks(folder: Path, *, patience: timedelta = timedelta(seconds=10)) -> Notebooks:
    """The notebooks in *folder*, the caller's to close; no file is made yet."""
    return Notebooks(folder, PARTS, patience=patience)


def memory_ports(
    notebooks: Notebooks,
    *,
    language: Language | None = None,
    callbacks: Delivers | None = None,
    deriving: Deriving | None = None,
) -> MemoryPorts:
    """Everything that is derived, kept in *notebooks*."""

    async def forget(
        tenant: Tenant,
        *,
        record_ids: Collection[str] = (),
        source: str | None = None,
        person: str | None = None,
        rehearses: bool = False,
    ) -> list[str]:
        return await notebooks.forget(
            tenant,
            Gone(
                record_ids=frozenset(record_ids),
                source=source,
                person=None if person is None else login_of(person),
            ),
            rehearses=rehearses,
        )

    subscriptions = SqliteSubscriptions(notebooks)
    return MemoryPorts(
        jobs=SqliteJobs(notebooks),
        learning=SqliteLearning(notebooks),
        observations=SqliteObservations(notebooks),
        conversations=SqliteConversations(notebooks),
        forget=forget,
        callbacks=callbacks or SignedCallbacks(""),
        language=language,
        deriving=deriving or Deriving(),
        tasks=SqliteTasks(notebooks),
        patterns=SqlitePatterns(notebooks),
        blocks=SqliteBlocks(notebooks),
        subscriptions=subscriptions,
        events=subscriptions,
    )
