"""
Backups of all of memory: the store's own, and copies of the notebooks beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from odyssey.adapters.notebook.database import Notebooks
from odyssey.domain.memory.record import Tenant

NOTES = "notes"
"""The notebooks' folder within a backup that is a folder."""

BACKUPS = "backups"
"""The folder below the memory's with the notebooks of backups that a server keeps."""

Tell = Callable[[str], None]


class BacksUp(Protocol):
    """A store that can be backed up."""

    async def tenants(self) -> list[Tenant]:
        """Every tenant of which anything is kept."""
        ...

    async def backup(self, place: str, tell: Tell = ...) -> int:
        """Makes a backup; of how many tenants or collections."""
        ...

    async def restore(self, place: str, tell: Tell = ...) -> int:
        """Puts one back; of how many."""
        ...


def folder_of_notes(place: str, memory_folder: Path | None) -> Path:
    """
    Where the notebooks of the backup *place* are unless somebody says otherwise.

    In it, where it is a folder; with *memory_folder* (it is a name on a server) there, below
    `backups`, on this machine: that folder is to be kept elsewhere too.
    """
    if memory_folder is None:
        return Path(place) / NOTES
    return memory_folder / BACKUPS / place.replace(":", "-").replace("/", "-")


async def backup_all(
    store: BacksUp, notebooks: Notebooks, place: str, folder: Path, tell: Tell
) -> dict[str, Any]:
    """
    Backs up the store, then the notebooks into *folder*.

    Cut off in between it is no whole backup, and is refused when it is to be restored.

    Raises:
        FileExistsError: *folder* holds notebooks already.
        Unavailable: the store, or a notebook, is away.
    """
    await notebooks.check_place(folder)
    copied = await store.backup(place, tell)
    tenants = {*await store.tenants(), *await notebooks.tenants()}
    count = await notebooks.backup(folder, tenants)
    tell(f"{count} notebooks in {folder}")
    return {"place": place, "copied": copied, "notebooks": count, "notes": str(folder)}


async def restore_all(
    store: BacksUp, notebooks: Notebooks, place: str, folder: Path | None, tell: Tell
) -> dict[str, Any]:
    """
    Puts the store back, then the notebooks of *folder*; without one they stay as they are.

    The notebooks are looked at before anything is changed. Repeatable: cut off in between,
    it is to be called again.

    Raises:
        FileNotFoundError: one of the two backups is not there, or not whole.
        Unavailable: one is damaged, or the store is away.
    """
    if folder is not None:
        try:
            await notebooks.check_backup(folder)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{error}; name the folder with --notes, or restore the records alone with "
                "--records-only"
            ) from error
    restored = await store.restore(place, tell)
    count = 0 if folder is None else await notebooks.restore(folder)
    tell(f"{count} notebooks restored")
    return {"place": place, "restored": restored, "notebooks": count}
