"""
A tenant's vectors: kept in its file, searched in memory, exactly.

Exact cosine over 20,000 vectors of 384 numbers takes about a millisecond, so
there is no index that could be out of date, lose a row or need repair.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from odyssey.adapters.embedding import ModelMismatch, Vector
from odyssey.adapters.sqlite.schema import Tables, shelves, tables
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Shelf

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

_FIRST_ROOM = 1_024

_BYTES = 4
"""Of a number of a vector."""


def write(
    connection: sqlite3.Connection, t: Tables, seq: int, vectors: Sequence[Vector], *, model: str
) -> None:
    """Stores a record's vectors, one for each chunk, and takes it out of the outbox."""
    put(connection, t, seq, vectors, model=model)
    connection.execute(f"DELETE FROM {t.outbox} WHERE seq = ?", (seq,))  # noqa: S608 - own names


def put(
    connection: sqlite3.Connection, t: Tables, seq: int, vectors: Sequence[Vector], *, model: str
) -> None:
    """Stores a record's vectors, one for each chunk."""
    connection.executemany(
        f"INSERT INTO {t.vector} (seq, chunk, model, value) VALUES (?, ?, ?, ?)"  # noqa: S608 - own names
        " ON CONFLICT (seq, model, chunk) DO NOTHING",
        [
            (seq, chunk, model, np.asarray(vector, dtype="<f4").tobytes())
            for chunk, vector in enumerate(vectors)
        ],
    )


def read(connection: sqlite3.Connection, t: Tables, seqs: Sequence[int]) -> dict[int, list[Vector]]:
    """The vectors of the file's model, of those rows that have them."""
    found: dict[int, list[Vector]] = {}
    for seq in seqs:
        rows = connection.execute(
            f"SELECT value FROM {t.vector} WHERE seq = ? AND model ="  # noqa: S608 - own names
            " (SELECT value FROM meta WHERE name = 'model') ORDER BY chunk",
            (seq,),
        ).fetchall()
        if rows:
            found[seq] = [array("f", np.frombuffer(value, dtype="<f4")) for (value,) in rows]
    return found


def model_of(connection: sqlite3.Connection) -> str | None:
    """The model whose vectors the file holds; None before the first."""
    row = connection.execute("SELECT value FROM meta WHERE name = 'model'").fetchone()
    return str(row[0]) if row else None


def bind(connection: sqlite3.Connection, model: str, made: Iterable[Vector]) -> None:
    """
    Ties the file to *model*, the first time; afterwards checks it, and the size of what it made.

    Raises:
        ModelMismatch: the file holds vectors of another model, or of one of this name whose
            vectors have another size.
    """
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('model', ?)", (model,))
    known = model_of(connection)
    if known is not None and known != model:
        raise ModelMismatch(known=known, asked=model)
    size = size_of(connection, model)
    for one in made:
        size = size or len(one)
        if len(one) != size:
            raise ModelMismatch(
                known=f"{model}, {size} numbers", asked=f"{model}, {len(one)} numbers"
            )


def size_of(connection: sqlite3.Connection, model: str) -> int | None:
    """How many numbers the vectors of *model* have; None where there is none."""
    for shelf in shelves(connection):
        row = connection.execute(
            f"SELECT length(value) FROM {tables(shelf).vector}"  # noqa: S608 - own names
            " WHERE model = ? ORDER BY id LIMIT 1",
            (model,),
        ).fetchone()
        if row:
            return int(row[0]) // _BYTES
    return None


def drop(connection: sqlite3.Connection, model: str) -> None:
    """Deletes the vectors of *model*."""
    for shelf in shelves(connection):
        connection.execute(
            f"DELETE FROM {tables(shelf).vector} WHERE model = ?",  # noqa: S608 - own names
            (model,),
        )


def switch(connection: sqlite3.Connection, model: str, *, kept_as: str) -> None:
    """
    Ties the file to *model*, whose vectors are *kept_as*, and deletes those of every other.

    Their rows wait for vectors no longer.
    """
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('model', ?)", (model,))
    for shelf in shelves(connection):
        t = tables(shelf)
        connection.execute(f"DELETE FROM {t.vector} WHERE model <> ?", (kept_as,))  # noqa: S608 - own names
        if kept_as != model:
            connection.execute(f"UPDATE {t.vector} SET model = ?", (model,))  # noqa: S608 - own names
        connection.execute(
            f"DELETE FROM {t.outbox} WHERE seq IN (SELECT seq FROM {t.vector})"  # noqa: S608 - own names
        )
        start_epoch(connection, t)


def start_epoch(connection: sqlite3.Connection, t: Tables) -> None:
    """Tells every process that vectors it has in memory are gone."""
    # By chance, not by counting: a restored file must not look like the one it replaced.
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"epoch:{t.record}", secrets.token_hex(8))
    )


class Matrix:
    """
    The vectors of one shelf of one tenant as this process last saw them.

    Rows are only ever added, so a search needs no lock once it has its view.
    """

    def __init__(self, t: Tables) -> None:
        self._t = t
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

    def refresh(
        self, connection: sqlite3.Connection, *, model: str, dimensions: int
    ) -> tuple[Numbers, Floats]:
        """
        Row numbers and vectors of *model*, as the connection's transaction sees them.

        Shapes (n,) and (n, dimensions); a record of several chunks has several rows. Vectors
        of another size are left out: another model of this name made them.
        """
        with self._lock:
            row = connection.execute(
                "SELECT value FROM meta WHERE name = ?", (f"epoch:{self._t.record}",)
            ).fetchone()
            epoch = f"{model}\x1f{row[0] if row else ''}"
            if epoch != self._epoch or self._values.shape[1:] != (dimensions,):
                self._epoch, self._last_id, self._count = epoch, 0, 0
                self._values = np.empty((0, dimensions), dtype=np.float32)
                self._seqs = np.empty(0, dtype=np.int64)
            rows = connection.execute(
                f"SELECT id, seq, value FROM {self._t.vector}"  # noqa: S608 - own names
                " WHERE id > ? AND model = ? AND length(value) = ? ORDER BY id",
                (self._last_id, model, dimensions * _BYTES),
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


class Matrices:
    """
    The matrices this process holds, of all tenants; safe for threads.

    They are as many as *most_bytes* allow, and one at least; the one longest unused goes first.
    """

    def __init__(self, *, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._held: OrderedDict[tuple[Tenant, Shelf], Matrix] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, tenant: Tenant, shelf: Shelf) -> Matrix:
        """The matrix of a shelf; an empty one if none is held."""
        with self._lock:
            matrix = self._held.setdefault((tenant, shelf), Matrix(tables(shelf)))
            self._held.move_to_end((tenant, shelf))
            while len(self._held) > 1 and self._size() > self._most_bytes:
                self._held.popitem(last=False)
            return matrix

    def clear(self) -> None:
        """Lets all of them go."""
        with self._lock:
            self._held.clear()

    def _size(self) -> int:
        return sum(matrix.size for matrix in self._held.values())


def similarities(seqs: Numbers, values: Floats, query: Vector) -> tuple[Numbers, Floats]:
    """
    Each record's number, ascending, and the cosine of its closest chunk.
    """
    if not len(seqs):
        return seqs, np.empty(0, dtype=np.float32)
    # Not `values @ query`: BLAS takes every core for it and waits for the slowest, which on a
    # busy machine is five times as long, and memory is no quicker for two.
    cosines: Floats = np.einsum("ij,j->i", values, np.asarray(query, dtype=np.float32))
    if np.all(seqs[1:] > seqs[:-1]):
        return seqs, cosines
    order = np.argsort(seqs, kind="stable")
    ordered = seqs[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return ordered[starts], np.maximum.reduceat(cosines[order], starts)
