"""
Memory, notebooks and a clock that the test turns; everything else is real.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from contract.memory.hashing import HashingEmbedder
from contract.memory.records import NOON
from odyssey.adapters.callbacks import SignedCallbacks
from odyssey.adapters.notebook.database import Notebooks
from odyssey.adapters.notebook.opening import make_notebooks, memory_ports
from odyssey.adapters.noted_memory import NotedMemory
from odyssey.adapters.ollama_language import OllamaLanguage
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.ports import Memory
from odyssey.ports.derived import Deriving, MemoryPorts

SECRET = "a callback secret"


def files_with(folder: Path, text: str) -> int:
    """How many files of the databases hold *text*."""
    return sum(text.encode() in path.read_bytes() for path in folder.rglob("*.db*"))


class Clock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.moment = NOON + timedelta(hours=1)

    def __call__(self) -> datetime:
        """The time."""
        return self.moment

    def forward(self, by: timedelta) -> None:
        """Later."""
        self.moment += by


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the use cases of memory need."""

    memory: Memory
    derived: MemoryPorts
    now: Clock
    notebooks: Notebooks


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    model_url: str = "",
    model_name: str = "scripted",
    deriving: Deriving | None = None,
    clock: Clock | None = None,
    embeds: bool = True,
) -> AsyncIterator[World]:
    """A process's view of the memory in *folder*; with *model_url* it has a model."""
    deriving = deriving or Deriving(batch_size=3, language_timeout=timedelta(seconds=5))
    now = clock or Clock()
    memory = SqliteMemory(folder, HashingEmbedder() if embeds else None)
    notebooks = make_notebooks(folder / "notes")
    language = (
        OllamaLanguage(model_name, url=model_url, timeout=deriving.language_timeout)
        if model_url
        else None
    )
    derived = memory_ports(
        notebooks,
        language=language,
        callbacks=SignedCallbacks(SECRET, allow_private=True),
        deriving=deriving,
    )
    try:
        yield World(
            memory=NotedMemory(memory, derived.learning, now=now),
            derived=derived,
            now=now,
            notebooks=notebooks,
        )
    finally:
        if language is not None:
            await language.close()
        await memory.close()
        await notebooks.close()
