"""
What chromadb does with the memories of `bench_memory_chromadb`; run by its own Python.

Usage: python chromadb_run.py FOLDER; reads task.npz and task.json there, writes result.json.
Needs chromadb and numpy, and nothing of this project.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import chromadb  # type: ignore[import-not-found]  # in an environment of its own
import numpy as np

BATCH = 2_000


def run(folder: Path) -> None:
    """Insert all, ask all, look at the disk; as chromadb's own guide does it."""
    task = json.loads((folder / "task.json").read_text())
    arrays = np.load(folder / "task.npz")
    place = folder / "chromadb"
    client = chromadb.PersistentClient(
        str(place), settings=chromadb.Settings(anonymized_telemetry=False)
    )
    collection = client.create_collection("memories", metadata={"hnsw:space": "cosine"})
    started = time.perf_counter()
    for start in range(0, len(task["ids"]), BATCH):
        end = start + BATCH
        collection.add(
            ids=task["ids"][start:end],
            documents=task["texts"][start:end],
            embeddings=arrays["memories"][start:end],
        )
    inserted = time.perf_counter() - started
    times, answers = [], []
    for vector in arrays["questions"]:
        started = time.perf_counter()
        found = collection.query(query_embeddings=[vector], n_results=task["k"])
        times.append((time.perf_counter() - started) * 1000)
        answers.append(found["ids"][0])
    size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
    result = {
        "version": chromadb.__version__,
        "insert_s": inserted,
        "times": times,
        "answers": answers,
        "bytes": size,
    }
    (folder / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    run(Path(sys.argv[1]))
