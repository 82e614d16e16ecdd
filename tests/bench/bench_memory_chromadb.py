"""
Beside chromadb: the same memories with the same vectors in both, the same questions.

Made-up memories and three kinds of questions, each about one memory. By meaning: the
memory's vector under much noise, none of its words, and some that lead elsewhere. By words:
some of its words, and a vector that says next to nothing. By both: a little of each. What
counts is whether the memory is among the first ten. chromadb searches by vector, which is what
it does when it is asked for text; a question by words is what it was not made for, so the
kinds are told apart. The first, by meaning, is where words can only do harm.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from bench.corpus import Asked, Corpus, GivenVectors, bytes_in, percentile
from bench.figure import Figure, NotMeasurable, tell
from bench.node import cache_folder, output_of
from odyssey.adapters.sqlite import SqliteMemory
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.domain.memory.stored import Stored

PACKAGE = "chromadb>=1,<2"
MEMORIES = 20_000
QUESTIONS = 150
"""Of each kind."""
K = 10
BATCH = 2_000
TENANT = Tenant.of(1, "acme/shop")
RUN = Path(__file__).with_name("chromadb_run.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one store did: ids of the first ten for each question, and what it cost."""

    answers: Sequence[Sequence[str]]
    times: Sequence[float]
    insert_s: float
    size: int


async def figures() -> AsyncIterator[Figure]:
    """
    `beside_all` questions and `beside_<kind>` of them, `beside_query`, `beside_insert` and
    `beside_size`, each with chromadb's as its bar.
    """
    corpus = Corpus()
    rows = corpus.rows(0, MEMORIES)
    kinds = {
        "meaning": corpus.questions(
            rows, QUESTIONS, own_words=(0, 0), other_words=(2, 4), noise=4.0
        ),
        "words": corpus.questions(
            rows, QUESTIONS, own_words=(4, 6), other_words=(1, 3), noise=20.0
        ),
        "both": corpus.questions(rows, QUESTIONS, own_words=(2, 3), other_words=(3, 5), noise=5.0),
    }
    asked = [one for questions in kinds.values() for one in questions]
    with tempfile.TemporaryDirectory(prefix="odyssey-bench-") as name:
        folder = Path(name)
        ours = await _ours(folder / "odyssey", rows, asked)
        tell(f"odyssey: {MEMORIES} in {ours.insert_s:.0f} s")
        theirs, version = await _theirs(folder, rows, asked)
        tell(f"{version}: {MEMORIES} in {theirs.insert_s:.0f} s")
    yield Figure(
        "beside_all",
        100 * _share(ours.answers, asked),
        "% found",
        bar=100 * _share(theirs.answers, asked),
        at_most=False,
    )
    for number, (kind, questions) in enumerate(kinds.items()):
        part = slice(number * QUESTIONS, (number + 1) * QUESTIONS)
        yield Figure(
            f"beside_{kind}",
            100 * _share(ours.answers[part], questions),
            "% found",
            bar=100 * _share(theirs.answers[part], questions),
            at_most=False,
            note=f"the bar is {version}'s with the same vectors; {MEMORIES} memories",
        )
    yield Figure(
        "beside_query", percentile(ours.times, 0.5), "ms", bar=percentile(theirs.times, 0.5)
    )
    yield Figure(
        "beside_query_p95", percentile(ours.times, 0.95), "ms", bar=percentile(theirs.times, 0.95)
    )
    yield Figure("beside_insert", ours.insert_s, "s", bar=theirs.insert_s)
    yield Figure("beside_size", ours.size / 1e6, "MB", bar=theirs.size / 1e6)


async def _ours(folder: Path, rows: Sequence[Stored], asked: Sequence[Asked]) -> Outcome:
    memory = SqliteMemory(folder, GivenVectors(asked), patience=timedelta(minutes=1))
    answers: list[list[str]] = []
    times: list[float] = []
    try:
        started = time.perf_counter()
        for start in range(0, len(rows), BATCH):
            await memory.load(TENANT, rows[start : start + BATCH])
        inserted = time.perf_counter() - started
        for one in asked:
            started = time.perf_counter()
            found = await memory.recall(TENANT, one.text, scope=REPOSITORY, limit=K)
            times.append((time.perf_counter() - started) * 1000)
            answers.append([each.record.id for each in found])
    finally:
        await memory.close()
    return Outcome(answers=answers, times=times, insert_s=inserted, size=bytes_in(folder))


async def _theirs(
    folder: Path, rows: Sequence[Stored], asked: Sequence[Asked]
) -> tuple[Outcome, str]:
    python = await _installed()
    np.savez(
        folder / "task.npz",
        memories=np.asarray([row.vectors[0] for row in rows], dtype=np.float32),
        questions=np.asarray([one.vector for one in asked], dtype=np.float32),
    )
    task = {
        "ids": [row.record.id for row in rows],
        "texts": [row.record.text for row in rows],
        "k": K,
    }
    (folder / "task.json").write_text(json.dumps(task))
    await output_of([str(python), str(RUN), str(folder)], directory=folder)
    result = json.loads((folder / "result.json").read_text())
    outcome = Outcome(
        answers=result["answers"],
        times=result["times"],
        insert_s=result["insert_s"],
        size=result["bytes"],
    )
    return outcome, f"chromadb {result['version']}"


async def _installed() -> Path:
    """
    The Python of an environment that has chromadb, made once.

    Raises:
        NotMeasurable: the package cannot be had.
    """
    home = cache_folder() / "chromadb-1"
    python = home / "bin" / "python"
    if (home / "ready").exists():
        return python
    tell(f"installing the package {PACKAGE}")
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    await output_of([sys.executable, "-m", "venv", str(home)])
    if not python.exists():
        raise NotMeasurable(f"no environment could be made at {home}")
    await output_of([str(python), "-m", "pip", "install", "--quiet", PACKAGE])
    (home / "ready").touch()
    return python


def _share(answers: Sequence[Sequence[str]], asked: Sequence[Asked]) -> float:
    found = sum(one.record_id in answer for one, answer in zip(asked, answers, strict=True))
    return found / len(asked)
