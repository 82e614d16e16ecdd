"""
A tenant's vectors: kept in its file, searched in memory, exactly.

Exact cosine over 20,000 vectors of 384 numbers takes about a millisecond, so
there is no index that could be out of date, lose a row or need repair.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from odyssey.adapters.embedding import Vector
from odyssey.domain.errors import Unavailable

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

_FIRST_ROOM = 1_024


def write(
    connection: sqlite3.Connection, seq: int, vectors: Sequence[Vector], *, model: str
) -> None:
    """
    Stores a record's vectors, one for each chunk, and takes it out of the outbox.

    Raises:
        Unavailable: the file holds vectors of another model.
    """
    bind(connection, model)
    connection.executemany(
        "INSERT INTO vector (seq, chunk, model, value) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (seq, chunk) DO NOTHING",
        [
            (seq, chunk, model, np.asarray(vector, dtype="<f4").tobytes())
            for chunk, vector in enumerate(vectors)
        ],
    )
    connection.execute("DELETE FROM outbox WHERE seq = ?", (seq,))


def bind(connection: sqlite3.Connection, model: str) -> None:
    """
    Ties the file to *model*, the first time; afterwards checks it.

    Raises:
        Unavailable: the file holds vectors of another model.
    """
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('model', ?)", (model,))
    known = connection.execute("SELECT value FROM meta WHERE name = 'model'").fetchone()[0]
    if known != model:
        raise Unavailable(
            f"this memory was embedded with {known!r}, and {model!r} was asked for: vectors of two "
            "models cannot be compared; go back to the first, or export, forget and import"
        )


def bump_epoch(connection: sqlite3.Connection) -> None:
    """Tells every process that vectors it has in memory are gone."""
    connection.execute(
        "INSERT INTO meta VALUES ('epoch', '1')"
        " ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
    )


class Matrix:
    """
    The vectors of one tenant as this process last saw them.

    Rows are only ever added, so a search needs no lock once it has its view.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._epoch = ""
        self._last_id = 0
        self._count = 0
        self._values: Floats = np.empty((0, 0), dtype=np.float32)
        self._seqs: Numbers = np.empty(0, dtype=np.int64)

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._values.nbytes + self._seqs.nbytes

    def refresh(self, connection: sqlite3.Connection, *, dimensions: int) -> tuple[Numbers, Floats]:
        """
        Row numbers and vectors, as the connection's transaction sees them.

        Shapes (n,) and (n, dimensions); a record of several chunks has several rows.
        """
        with self._lock:
            row = connection.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()
            epoch = str(row[0]) if row else ""
            if epoch != self._epoch or self._values.shape[1:] != (dimensions,):
                self._epoch, self._last_id, self._count = epoch, 0, 0
                self._values = np.empty((0, dimensions), dtype=np.float32)
                self._seqs = np.empty(0, dtype=np.int64)
            rows = connection.execute(
                "SELECT id, seq, value FROM vector WHERE id > ? ORDER BY id", (self._last_id,)
            ).fetchall()
            if rows:
                self._append(rows, dimensions)
            return self._seqs[: self._count], self._values[: self._count]

    def _append(self, rows: list[tuple[int, int, bytes]], dimensions: int) -> None:
        needed = self._count + len(rows)
        if needed > len(self._seqs):
            room = max(needed, 2 * len(self._seqs) if self._count else 0, _FIRST_ROOM)
            values = np.empty((room, dimensions), dtype=np.float32)
            seqs = np.empty(room, dtype=np.int64)
            values[: self._count] = self._values[: self._count]
            seqs[: self._count] = self._seqs[: self._count]
            self._values, self._seqs = values, seqs
        joined = b"".join(value for _, _, value in rows)
        self._values[self._count : needed] = np.frombuffer(joined, dtype="<f4").reshape(
            len(rows), dimensions
        )
        self._seqs[self._count : needed] = [seq for _, seq, _ in rows]
        self._count = needed
        self._last_id = rows[-1][0]


def similarities(seqs: Numbers, values: Floats, query: Vector) -> tuple[Numbers, Floats]:
    """
    Each record's number, ascending, and the cosine of its closest chunk.
    """
    if not len(seqs):
        return seqs, np.empty(0, dtype=np.float32)
    cosines: Floats = values @ np.asarray(query, dtype=np.float32)
    if np.all(seqs[1:] > seqs[:-1]):
        return seqs, cosines
    order = np.argsort(seqs, kind="stable")
    ordered = seqs[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], np.maximum.reduceat(cosines[order], starts)
