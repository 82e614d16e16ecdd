"""
Memory and notebooks as the settings choose them, open for one command.

What they need is imported when it is opened: `odyssey --help` stays quick.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from odyssey.adapters.notebook.database import Notebooks
    from odyssey.adapters.sqlite import SqliteMemory
    from odyssey.adapters.weaviate import WeaviateMemory

_PATIENCE = timedelta(minutes=10)
"""A command waits for the model to load; recall by words alone would be another answer."""


class Store(StrEnum):
    """Where memories are kept."""

    SQLITE = "sqlite"
    WEAVIATE = "weaviate"


@asynccontextmanager
async def opened_memory(store: Store | None) -> AsyncIterator[SqliteMemory | WeaviateMemory]:
    """The memory of the settings, in *store* if one is named."""
    from odyssey.bootstrap import make_embedder, make_memory
    from odyssey.settings import MemoryStore, read_settings

    settings = read_settings()
    if store is not None:
        settings = settings.model_copy(update={"memory_store": MemoryStore(store.value)})
    embedder = make_embedder(settings)
    opened = make_memory(settings, embedder, embed_within=_PATIENCE)
    try:
        yield opened
    finally:
        await opened.close()
        if embedder is not None:
            await embedder.close()


@asynccontextmanager
async def opened_notebooks() -> AsyncIterator[Notebooks]:
    """The notebooks of the settings."""
    from odyssey.adapters.notebook.opening import make_notebooks
    from odyssey.bootstrap import NOTEBOOKS
    from odyssey.settings import read_settings

    settings = read_settings()
    notebooks = make_notebooks(settings.memory_folder / NOTEBOOKS, patience=settings.memory_timeout)
    try:
        yield notebooks
    finally:
        await notebooks.close()


def folder_of(place: str, notes: Path | None, store: Store | None) -> Path:
    """Where the notebooks of the backup *place* are: *notes* if somebody says so."""
    from odyssey.memory_backup import folder_of_notes
    from odyssey.settings import read_settings

    settings = read_settings()
    is_server = (store or settings.memory_store) == Store.WEAVIATE
    return notes or folder_of_notes(place, settings.memory_folder if is_server else None)
