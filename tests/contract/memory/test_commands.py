"""
`odyssey memory`, as it is typed.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract.memory.records import NOON, record
from contract.notebook.world import opened
from odyssey.bootstrap import make_embedder, make_memory
from odyssey.domain.memory.blocks import Configure
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.domain.memory.stored import Stored, to_line
from odyssey.domain.memory.tasks import TaskMemory
from odyssey.handlers.memory.blocks import put_block
from odyssey.handlers.memory.tasks import store_task
from odyssey.settings import EmbeddingProvider, MemoryStore, Settings

TENANT = Tenant.of(7, "acme/shop")


def odyssey(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`odyssey memory ARGUMENTS --json` with its data in *folder*, and no model."""
    folder.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "odyssey", "memory", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "ODYSSEY_DATA_DIR": str(folder), "EMBEDDING_MODEL_NAME": ""},
    )


def told(done: subprocess.CompletedProcess[str]) -> Any:
    """The summary of a command that succeeded."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_memory_is_carried_backed_up_and_forgotten_from_the_command_line(tmp_path: Path) -> None:
    """Each command says in JSON what it did."""
    file = tmp_path / "in.jsonl"
    file.write_text(to_line(TENANT, Stored(record=record("1", "my words", actor="Ada"))) + "\n")

    imported = told(odyssey(tmp_path, "import", str(file)))
    told(odyssey(tmp_path, "backup", str(tmp_path / "copy")))
    forgotten = told(odyssey(tmp_path, "forget", "--person", "ada"))
    restored = told(odyssey(tmp_path, "restore", str(tmp_path / "copy")))
    exported = told(
        odyssey(tmp_path, "export", "out.jsonl", "--repository", "acme/shop", "--installation", "7")
    )
    status = told(odyssey(tmp_path, "status"))

    assert (imported["rows"], imported["added"]) == (1, 1)
    assert forgotten["tenants"][TENANT.name] == {
        "deleted": 1, "left": 0, "mentions": 0, "ids": {"event": ["1"]}, "derived": {},
    }  # fmt: skip
    assert restored["restored"] == 1
    assert exported["rows"] == 1
    assert (tmp_path / "out.jsonl").read_text() == file.read_text()
    assert status["tenants"] == {TENANT.name: {"waiting": 1, "models": []}}


async def test_what_was_derived_is_forgotten_from_the_command_line_too(tmp_path: Path) -> None:
    """A notebook that kept a person's words would make the promise of forgetting a lie."""
    task = TaskMemory(
        task_id="t1",
        summary="Ada asked for a friendlier greeting",
        success=True,
        learned_at=NOON,
        actor="ada",
    )
    async with opened(tmp_path / "memory", embeds=False) as world:
        await store_task(task, TENANT, world)

    done = await asyncio.to_thread(odyssey, tmp_path, "forget", "--person", "ada")
    async with opened(tmp_path / "memory", embeds=False) as world:
        left = await world.derived.tasks.of_task(TENANT, REPOSITORY, "t1")

    assert told(done)["tenants"][TENANT.name]["derived"]["task in the notebook"] == 1
    assert left == []


async def test_forgetting_from_the_command_line_counts_blocks_that_name_the_person(
    tmp_path: Path,
) -> None:
    """A block is others' text and stays; that it does is told."""
    async with opened(tmp_path / "memory", embeds=False) as world:
        block = Configure(value="Ask @ada before a release")
        await put_block("plan", block, TENANT, world, scope=REPOSITORY, by="bob")

    done = told(await asyncio.to_thread(odyssey, tmp_path, "forget", "--person", "ada"))

    assert done["tenants"][TENANT.name]["mentions"] == 1
    assert done["deleted"] == 0


async def test_notebooks_go_with_backups_and_exports_from_the_command_line(tmp_path: Path) -> None:
    """Also of a repository that has a notebook and no record yet."""
    task = TaskMemory(task_id="t1", summary="Greet politely", success=True, learned_at=NOON)
    async with opened(tmp_path / "memory", embeds=False) as world:
        await world.derived.tasks.put(TENANT, task)

    exported = told(await asyncio.to_thread(odyssey, tmp_path, "export", "out.jsonl"))
    copied = told(await asyncio.to_thread(odyssey, tmp_path, "backup", "copy"))
    async with opened(tmp_path / "memory", embeds=False) as world:
        await world.derived.tasks.put(TENANT, replace(task, summary="Greet rudely"))
    restored = told(await asyncio.to_thread(odyssey, tmp_path, "restore", "copy"))
    imported = told(await asyncio.to_thread(odyssey, tmp_path / "new", "import", "../out.jsonl"))
    summaries = []
    for folder in (tmp_path, tmp_path / "new"):
        async with opened(folder / "memory", embeds=False) as world:
            [kept] = await world.derived.tasks.of_task(TENANT, REPOSITORY, "t1")
        summaries.append(kept.summary)

    assert (copied["notebooks"], restored["notebooks"]) == (1, 1)
    assert exported["derived"] == imported["derived"] == {"task": 1}
    assert summaries == ["Greet politely", "Greet politely"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["forget"], "--person or --source"),
        (["export", "x", "--repository", "acme"], "owner/name"),
        (["export", "x", "--tenant", "inst-1-x"], "nothing is kept"),
        (["migrate", "--from", "sqlite", "--to", "sqlite"], "both sqlite"),
        (["restore", "nowhere"], "no whole backup"),
        (["import", "nowhere"], "nowhere"),
        (["reembed"], "needs a model"),
    ],
)
def test_a_mistake_is_one_message_and_not_a_traceback(
    tmp_path: Path, arguments: list[str], said: str
) -> None:
    """With what to do."""
    done = odyssey(tmp_path, *arguments)

    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_settings_choose_store_and_model(tmp_path: Path) -> None:
    """And memory says which; nothing is connected to or loaded for that."""
    names = []
    for store in MemoryStore:
        for provider in EmbeddingProvider:
            settings = Settings(
                _env_file=None, data_dir=tmp_path, memory_store=store, embedding_provider=provider
            )
            names.append(make_memory(settings, make_embedder(settings)).name)

    assert names == [
        f"SQLite in {tmp_path}/memory; embedding model all-MiniLM-L6-v2",
        f"SQLite in {tmp_path}/memory; embedding model ollama/all-minilm",
        "Weaviate at http://127.0.0.1:8080, collections Odyssey*; embedding model all-MiniLM-L6-v2",
        "Weaviate at http://127.0.0.1:8080, collections Odyssey*; embedding model "
        "ollama/all-minilm",
    ]


def test_older_names_of_settings_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of Odyssey's predecessors."""
    for name, value in {
        "VECTOR_STORE_PERSIST_PATH": str(tmp_path),
        "VECTOR_STORE_COLLECTION_NAME": "semantic_memory",
        "EMBEDDING_PROVIDER": "ollama",
        "EMBEDDING_MODEL": "nomic-embed-text",
        "OLLAMA_API_KEY": "k3y",
    }.items():
        monkeypatch.setenv(name, value)

    settings = Settings(_env_file=None)

    assert (settings.memory_folder, settings.weaviate_collections) == (tmp_path, "Semantic_memory")
    assert settings.embedding_provider is EmbeddingProvider.OLLAMA
    assert settings.embedding_model == "nomic-embed-text"
    assert settings.ollama_api_key.get_secret_value() == "k3y"
