"""
Memory carried from one place to another: to a file, from a file, from store to store.

A file is JSON lines, the same for every store (`domain/memory/stored.py`), then what the
notebooks hold (`adapters/notebook/carried.py`), and is there whole or not at all.
Everything may be repeated: what is there stays.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from odyssey.adapters.notebook import carried as notes
from odyssey.adapters.notebook.database import Notebooks
from odyssey.domain.errors import OdysseyError
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.seed_backup import read_backup
from odyssey.domain.memory.stored import Stored, from_line, to_line
from odyssey.ports import Memory

_BATCH = 200
_UNITS = 2_000
"""Things of a notebook written in one go: nobody else writes in it meanwhile."""
_TOLD_EVERY_SECONDS = 2.0

Tell = Callable[[str], None]


class BadFile(OdysseyError):
    """A file that cannot be imported; the message names the line."""


@dataclass(slots=True)
class Carried:
    """What was carried, by tenant."""

    tenants: dict[str, Counts] = field(default_factory=dict)
    seconds: float = 0.0

    def of(self, tenant: Tenant) -> Counts:
        """The counts of one tenant."""
        return self.tenants.setdefault(tenant.name, Counts())

    def summary(self) -> dict[str, Any]:
        """`rows`, `added`, `with_vectors`, `seconds` in all, and the same by tenant."""
        by_tenant = {name: asdict(counts) for name, counts in self.tenants.items()}
        return {
            "rows": sum(one.rows for one in self.tenants.values()),
            "added": sum(one.added for one in self.tenants.values()),
            "with_vectors": sum(one.with_vectors for one in self.tenants.values()),
            "seconds": round(self.seconds, 3),
            "tenants": by_tenant,
        }


@dataclass(slots=True)
class Counts:
    """Rows read, those that were not in the target, those with vectors, and whose."""

    rows: int = 0
    added: int = 0
    with_vectors: int = 0
    models: list[str] = field(default_factory=list)

    def count(self, stored: Stored) -> None:
        """Counts one row."""
        self.rows += 1
        self.with_vectors += stored.model is not None
        if stored.model is not None and stored.model not in self.models:
            self.models.append(stored.model)


async def export_file(
    memory: Memory,
    file: Path,
    tenants: Sequence[Tenant],
    tell: Tell,
    *,
    notebooks: Notebooks | None = None,
) -> dict[str, Any]:
    """
    Writes every row of *tenants*, one line each, then what their notebooks hold; the file is
    replaced when all are written.
    """
    carried, progress = Carried(), _Progress(tell)
    derived: Counter[str] = Counter()
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("x", encoding="utf-8", newline="\n") as out:
            unfinished.chmod(0o600)
            for tenant in tenants:
                async for stored in memory.export(tenant):
                    out.write(to_line(tenant, stored) + "\n")
                    carried.of(tenant).count(stored)
                    progress.step(f"{tenant}: {carried.of(tenant).rows} rows")
                if notebooks is None or not await notebooks.exists(tenant):
                    continue
                derived += await notebooks.read(tenant, partial(notes.write_all, tenant, out=out))
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    carried.seconds = progress.seconds
    return {"file": str(file), **carried.summary(), "derived": dict(derived)}


async def import_file(
    memory: Memory,
    file: Path,
    *,
    into: Tenant | None,
    keeps_vectors: bool,
    now: datetime,
    tell: Tell,
    notebooks: Notebooks | None = None,
) -> dict[str, Any]:
    """
    Loads a file of lines, or a backup of Odyssey's predecessors; *into* one tenant, or each
    row into its own. `derived` counts what was new to the notebooks, by kind.

    The records come first: cut off before the end, it is to be called again.

    Every line is read before the first is loaded: a broken file changes nothing.

    Raises:
        BadFile: a line cannot be read, which is named; or a backup needs a tenant.
    """
    units: dict[Tenant, list[notes.Unit]] = {}
    for tenant, row in _rows(file, into=into, now=now):
        if isinstance(row, notes.Unit):
            units.setdefault(tenant, []).append(row)
    if units and notebooks is None:
        raise BadFile(f"{file} holds notebooks, and there is no place for them")
    carried, progress = Carried(), _Progress(tell)
    waiting: dict[Tenant, list[Stored]] = {}
    for tenant, stored in _rows(file, into=into, now=now, only_records=True):
        assert isinstance(stored, Stored)  # only those were asked for
        if not keeps_vectors:
            stored = Stored(record=stored.record, shelf=stored.shelf, masked=stored.masked)
        carried.of(tenant).count(stored)
        batch = waiting.setdefault(tenant, [])
        batch.append(stored)
        if len(batch) >= _BATCH:
            carried.of(tenant).added += await memory.load(tenant, waiting.pop(tenant))
            progress.step(f"{tenant}: {carried.of(tenant).rows} rows")
    for tenant, batch in waiting.items():
        carried.of(tenant).added += await memory.load(tenant, batch)
    derived: Counter[str] = Counter()
    for tenant, some in units.items():
        assert notebooks is not None  # looked at above
        some = notes.in_order(some)
        for start in range(0, len(some), _UNITS):
            batch_of = some[start : start + _UNITS]
            derived += await notebooks.write(tenant, partial(notes.load, units=batch_of))
    carried.seconds = progress.seconds
    return {"file": str(file), **carried.summary(), "derived": dict(derived)}


async def migrate(
    source: Memory, target: Memory, tenants: Sequence[Tenant], tell: Tell
) -> dict[str, Any]:
    """
    Copies every row of *tenants* to another store, and compares.

    `differing` lists ids that the target holds otherwise than the source: rows
    that were there before under the same id.
    """
    carried, progress = Carried(), _Progress(tell)
    differing: dict[str, list[str]] = {}
    for tenant in tenants:
        digests: dict[tuple[str, str], bytes] = {}
        async for batch in _batches(source.export(tenant)):
            for stored in batch:
                carried.of(tenant).count(stored)
                digests[stored.shelf, stored.record.id] = _digest(tenant, stored)
            carried.of(tenant).added += await target.load(tenant, batch)
            progress.step(f"{tenant}: {carried.of(tenant).rows} rows")
        tell(f"{tenant}: {carried.of(tenant).rows} rows copied, comparing")
        async for stored in target.export(tenant):
            if digests.get((stored.shelf, stored.record.id)) == _digest(tenant, stored):
                del digests[stored.shelf, stored.record.id]
        if digests:
            differing[tenant.name] = sorted(one for _, one in digests)
    carried.seconds = progress.seconds
    return {**carried.summary(), "differing": differing}


def _rows(
    file: Path, *, into: Tenant | None, now: datetime, only_records: bool = False
) -> Iterator[tuple[Tenant, Stored | notes.Unit]]:
    if _is_lines(file):
        yield from _lines(file, into, only_records=only_records)
        return
    if into is None:
        raise BadFile(
            f"{file} is no file of lines but one document, which names no repository: say whose "
            "memory it is with --repository and --installation"
        )
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        for record in read_backup(document, now=now):
            yield into, Stored(record=record)
    except ValueError as error:
        raise BadFile(f"{file}: {error}") from error


def _is_lines(file: Path) -> bool:
    """Whether the first line is a row; an empty file is one of no rows."""
    with file.open(encoding="utf-8", newline="\n") as lines:
        first = lines.readline().strip()
    if not first:
        return not file.stat().st_size
    try:
        row = json.loads(first)
    except ValueError:
        return False
    return isinstance(row, dict) and "format" in row


def _lines(
    file: Path, into: Tenant | None, *, only_records: bool
) -> Iterator[tuple[Tenant, Stored | notes.Unit]]:
    with file.open(encoding="utf-8", newline="\n") as lines, notes.Checker() as checker:
        try:
            for number, line in enumerate(lines, start=1):
                is_note = notes.is_line(line)
                if line.strip() and not (is_note and only_records):
                    row: tuple[Tenant, Stored | notes.Unit]
                    try:
                        row = checker.from_line(line) if is_note else from_line(line)
                    except ValueError as error:
                        raise BadFile(f"{file}, line {number}: {error}") from error
                    yield into or row[0], row[1]
        except UnicodeDecodeError as error:
            raise BadFile(f"{file}: it is not UTF-8: {error}") from error


async def _batches(rows: AsyncIterator[Stored]) -> AsyncIterator[list[Stored]]:
    batch: list[Stored] = []
    async for stored in rows:
        batch.append(stored)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _digest(tenant: Tenant, stored: Stored) -> bytes:
    return hashlib.sha256(to_line(tenant, stored).encode()).digest()


class _Progress:
    """Tells where long work is, every two seconds."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._started = self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._started

    def step(self, line: str) -> None:
        """*line*, unless something was told just now."""
        now = time.monotonic()
        if now - self._told >= _TOLD_EVERY_SECONDS:
            self._told = now
            self._tell(line)
