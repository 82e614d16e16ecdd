"""
Backups of notebooks, taken while they are in use and put back each in one transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from odyssey.adapters.sqlite.backups import digest_of, write_whole
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.record import Tenant

if TYPE_CHECKING:
    from odyssey.adapters.notebook.database import NotebookFiles

_MANIFEST = "notebooks.json"
_FORMAT = 1


def backup(files: NotebookFiles, place: Path, tenants: Collection[Tenant]) -> int:
    """
    Copies the notebooks of *tenants*; how many there are. The list of them is written last.

    Raises:
        FileExistsError: as `check_place`.
    """
    check_place(place)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    digests: dict[str, str | None] = {}
    for tenant in sorted(tenants, key=str):
        if not files.exists(tenant):
            digests[tenant.name] = None
            continue
        copy = place / f"{tenant.name}.db"
        with (
            files.bare(tenant) as source,
            closing(sqlite3.connect(copy, isolation_level=None)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
            # The records may be copied earlier or later: a restored index is made to fit.
            files.reindex(target)
        digests[tenant.name] = digest_of(copy)
    write_whole(place / _MANIFEST, json.dumps({"format": _FORMAT, "notebooks": digests}, indent=2))
    return sum(digest is not None for digest in digests.values())


def check_place(place: Path) -> None:
    """
    Passes a folder that is empty or not there.

    Raises:
        FileExistsError: something is in it; part of another backup, or of one cut off.
    """
    if place.exists() and any(place.iterdir()):
        raise FileExistsError(f"{place} is not empty; name another place for the backup")


def check(files: NotebookFiles, place: Path) -> dict[Tenant, Path | None]:
    """
    The copies of a whole backup; None for a tenant that had no notebook.

    Raises:
        FileNotFoundError: *place* holds no whole backup.
        Unavailable: a copy is damaged, or was written by a newer Odyssey.
    """
    manifest = place / _MANIFEST
    if not manifest.is_file():
        raise FileNotFoundError(f"{place} holds no whole backup: there is no {_MANIFEST} in it")
    listed = json.loads(manifest.read_text(encoding="utf-8"))
    if listed["format"] != _FORMAT:
        raise Unavailable(f"{place} was written by a newer Odyssey; upgrade Odyssey")
    copies: dict[Tenant, Path | None] = {}
    for name, digest in listed["notebooks"].items():
        tenant = Tenant(name)
        copies[tenant] = copy = None if digest is None else place / f"{tenant.name}.db"
        if copy is None:
            continue
        if not copy.is_file() or digest_of(copy) != digest:
            raise Unavailable(f"{copy} is missing or damaged; nothing was restored")
        with closing(sqlite3.connect(copy)) as connection:
            files.is_current(connection, name=copy)
    return copies


def restore(files: NotebookFiles, place: Path) -> int:
    """
    Puts the copies back; how many. Every copy is checked before the first is.

    Raises:
        FileNotFoundError, Unavailable: as `check`.
    """
    copies = check(files, place)
    for tenant, copy in copies.items():
        if copy is None and not files.exists(tenant):
            continue
        with (
            closing(sqlite3.connect(copy or ":memory:", isolation_level=None)) as source,
            files.bare(tenant) as target,
        ):
            if copy is None:
                files.prepare(source, name=tenant)
            source.backup(target)
            files.prepare(target, name=files.path(tenant))
        files.scrub(tenant)
    return sum(copy is not None for copy in copies.values())
