"""
Backups of tenants' files, taken while they are in use.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from odyssey.adapters.memory_store import Tell
from odyssey.adapters.sqlite import vectors
from odyssey.adapters.sqlite.files import Files
from odyssey.adapters.sqlite.schema import VERSION, prepare, shelves, tables
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant

_MANIFEST = "backup.json"


def backup(files: Files, place: Path, tell: Tell) -> int:
    """
    Copies every tenant's file into *place*; how many.

    The list of them is written last: a folder without it is no backup.

    Raises:
        FileExistsError: *place* holds a backup.
    """
    if (place / _MANIFEST).exists():
        raise FileExistsError(f"{place} holds a backup already; name another folder")
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    digests: dict[str, str] = {}
    for tenant in files.tenants():
        copy = place / f"{tenant.name}.db"
        copy.unlink(missing_ok=True)
        with files.bare(tenant) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            # One file by itself, not a file and its log.
            target.execute("PRAGMA journal_mode = DELETE")
        digests[tenant.name] = digest_of(copy)
        tell(f"{tenant}: {copy.stat().st_size} bytes")
    write_whole(place / _MANIFEST, json.dumps({"schema": VERSION, "tenants": digests}, indent=2))
    return len(digests)


def restore(files: Files, place: Path, tell: Tell) -> int:
    """
    Puts the files of a backup in the place of the present ones; how many.

    Every copy is checked before the first is put back.

    Raises:
        FileNotFoundError: *place* holds no whole backup.
        Unavailable: a copy is damaged, or another process holds a file.
    """
    manifest = place / _MANIFEST
    if not manifest.is_file():
        raise FileNotFoundError(f"{place} holds no whole backup: there is no {_MANIFEST} in it")
    listed = json.loads(manifest.read_text(encoding="utf-8"))
    if listed["schema"] > VERSION:
        raise Unavailable(
            f"{place} was written by a newer Odyssey (schema {listed['schema']}, this one knows "
            f"{VERSION}); upgrade Odyssey"
        )
    digests: dict[str, str] = listed["tenants"]
    for name, digest in digests.items():
        copy = place / f"{Tenant(name).name}.db"
        if not copy.is_file() or digest_of(copy) != digest:
            raise Unavailable(f"{copy} is missing or damaged; nothing was restored")
    for name in digests:
        tenant = Tenant(name)
        with (
            closing(sqlite3.connect(place / f"{name}.db")) as source,
            files.bare(tenant) as target,
        ):
            source.backup(target)
            if listed["schema"] < VERSION:
                prepare(target)
        with files.connection(tenant, write=True) as connection:
            for shelf in shelves(connection):
                vectors.start_epoch(connection, tables(shelf))
        tell(f"{tenant}: restored")
    return len(digests)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_whole(path: Path, text: str) -> None:
    """Writes a file that is there whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
