"""
`odyssey memory eval`: recall measured on a file in LoCoMo's format.

Usage: odyssey memory eval FILE [--store sqlite|weaviate] [--k 10] [--json OUT]
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from odyssey.bootstrap import make_embedder, make_memory
from odyssey.domain.memory.locomo import Conversation, read_conversations
from odyssey.handlers.evaluate import evaluate, tenant_of
from odyssey.ports import Memory
from odyssey.settings import Settings

_PATIENCE = timedelta(minutes=10)
"""A measurement waits for the model to load; recall by words alone would be another number."""


def run(
    file: Path, *, settings: Settings, k: int = 10, json_out: Path | None = None
) -> dict[str, Any]:
    """
    Measures with the store and model of *settings*, prints the table, writes *json_out*; the
    summary.

    Nothing stays behind: SQLite files go to a temporary folder, what a server was
    given is forgotten.

    Raises:
        ValueError: the file is not in LoCoMo's format.
        Unavailable: no model weights, or no Weaviate at its address.
    """
    conversations = read_conversations(json.loads(file.read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory(prefix="odyssey-eval-") as folder:
        settings = settings.model_copy(update={"memory_dir": Path(folder)})
        summary = asyncio.run(_measure(settings, conversations, k))
    sys.stdout.write(table(summary) + "\n")
    if json_out is not None:
        json_out.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def table(summary: dict[str, Any]) -> str:
    """The summary as people read it: one line for each category, each conversation, and all."""
    k = summary["k"]
    lines = [f"{'':14} {'questions':>9} {f'R@{k}':>7} {f'all@{k}':>7}"]
    groups = [*summary["categories"].items(), *summary["conversations"].items(), ("all", summary)]
    lines += [
        f"{name:14} {group['questions']:>9} {group['recall']:>7.1%} {group['recall_all']:>7.1%}"
        for name, group in groups
    ]
    lines.append(f"recall took p50 {summary['p50_ms']:.1f} ms, p95 {summary['p95_ms']:.1f} ms")
    return "\n".join(lines)


async def _measure(
    settings: Settings, conversations: Sequence[Conversation], k: int
) -> dict[str, Any]:
    embedder = make_embedder(settings)
    memory = make_memory(settings, embedder, embed_within=_PATIENCE)
    try:
        found = await evaluate(memory, conversations, k=k, tell=_tell)
        return found.summary()
    finally:
        await _clear(memory, conversations)
        await memory.close()
        if embedder is not None:
            await embedder.close()


async def _clear(memory: Memory, conversations: Sequence[Conversation]) -> None:
    """A server would keep what was only retained to be measured."""
    for conversation in conversations:
        for source in sorted({record.source for record in conversation.records}):
            await memory.forget(tenant_of(conversation), source=source)


def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")
