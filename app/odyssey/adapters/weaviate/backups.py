"""
Backups by the server itself, with whichever of its backup modules is on.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from weaviate.backup.backup import BackupStorage

from odyssey.adapters.memory_store import Tell
from odyssey.adapters.weaviate.connection import Connection
from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.scope import Shelf

_PATIENCE = timedelta(hours=6)
_BACKENDS = ("filesystem", "s3", "gcs", "azure")


async def backup(connection: Connection, place: str, tell: Tell) -> int:
    """
    Makes the backup *place*, `NAME` or `BACKEND:NAME`; of how many collections.

    Raises:
        Unavailable: the server has not the module, or has a backup of this name.
    """
    backend, name = _read_place(place)
    await _check_module(connection, backend)
    targets = [one for shelf in Shelf if (one := await connection.target(shelf)) is not None]
    if not targets:
        return 0
    async with connection.client(_PATIENCE) as client:
        answer = await client.backup.create(
            backup_id=name,
            backend=BackupStorage(backend),
            include_collections=targets,
            wait_for_completion=True,
        )
    _check(answer, name)
    tell(f"backup {name}: {', '.join(targets)} in {backend}")
    return len(targets)


async def restore(connection: Connection, place: str, tell: Tell) -> int:
    """
    Puts back the backup *place*, in place of what is there; of how many collections.

    The server must not hold the collections meanwhile: recall finds nothing until it
    is done. When it fails, what was there is gone: call again.

    Raises:
        Unavailable: the server has no such backup, which is found out first.
    """
    backend, name = _read_place(place)
    await _check_module(connection, backend)
    async with connection.client(_PATIENCE) as client:
        status = await client.backup.get_create_status(
            backup_id=name, backend=BackupStorage(backend)
        )
        if str(getattr(status.status, "value", status.status)) != "SUCCESS":
            raise Unavailable(f"backup {name} is not whole: {status.status}")
        names = {one: shelf for shelf in Shelf if (one := await connection.target(shelf))}
        for one, shelf in names.items():
            await client.alias.delete(alias_name=connection.alias(shelf))
            await client.collections.delete(one)
        answer = await client.backup.restore(
            backup_id=name,
            backend=BackupStorage(backend),
            wait_for_completion=True,
            overwrite_alias=True,
        )
        _check(answer, name)
        restored = 0
        for shelf in Shelf:
            alias = connection.alias(shelf)
            found = [
                one for one in await client.collections.list_all() if one.startswith(f"{alias}_")
            ]
            if not found:
                continue
            restored += 1
            if await client.alias.get(alias_name=alias) is None:
                await client.alias.create(alias_name=alias, target_collection=found[0])
    connection.forget_known()
    tell(f"backup {name}: {restored} collections restored from {backend}")
    return restored


def _read_place(place: str) -> tuple[str, str]:
    backend, separator, name = place.partition(":")
    if not separator:
        return "filesystem", place
    if backend not in _BACKENDS:
        raise Unavailable(f"{backend!r} is no backup module; choose {', '.join(_BACKENDS)}")
    return backend, name


async def _check_module(connection: Connection, backend: str) -> None:
    async with connection.client() as client:
        modules = (await client.get_meta()).get("modules") or {}
    if f"backup-{backend}" not in modules:
        raise Unavailable(
            f"Weaviate at {connection.url} runs without the module backup-{backend}; start it with "
            f"ENABLE_MODULES=backup-{backend} (and for filesystem BACKUP_FILESYSTEM_PATH)"
        )


def _check(answer: Any, name: str) -> None:
    status = str(getattr(answer.status, "value", answer.status))
    if status != "SUCCESS":
        raise Unavailable(f"backup {name}: {status}: {answer.error}")
