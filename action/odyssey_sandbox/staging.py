"""
A copy of the checkout that the engine may see: no `.git`, no devices, measured on the way.

Files are hard links where the file system allows it, so that a copy costs no space; nothing
ever writes into them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from odyssey_sandbox.failures import (
    CONTEXT_TOO_LARGE,
    CREDENTIALS_IN_CHECKOUT,
    NO_CHECKOUT,
    Failure,
    failed,
)
from odyssey_sandbox.quantities import show_size

_MAX_FILES = 500_000


@dataclass(frozen=True, slots=True)
class Staged:
    """
    The staged copy: its folder and what its files hold together, in bytes.
    """

    folder: Path
    size: int


def stage(
    checkout: Path, folder: Path, *, keep_git: bool = False, max_size: int
) -> Staged | Failure:
    """
    Copy *checkout* to the new *folder*; a failure where that cannot or must not be done.

    Symbolic links are copied as links, whatever they point to: the engine resolves them inside
    its own root. Sockets, pipes and devices are left out.
    """
    if not checkout.is_dir():
        return failed(NO_CHECKOUT, path=checkout.name or checkout)
    if keep_git and (config := _credentials(checkout)):
        return failed(CREDENTIALS_IN_CHECKOUT, path=config)
    size = count = 0
    folder.mkdir(parents=True)
    for entry, relative in _walk(checkout, keep_git=keep_git):
        target = folder / relative
        count += 1
        if entry.is_symlink():
            target.symlink_to(os.readlink(entry.path))  # noqa: PTH115 - the text, unresolved
        elif entry.is_dir():
            target.mkdir()
            # A folder without the owner's write bit could not be filled, nor removed.
            target.chmod(entry.stat(follow_symlinks=False).st_mode & 0o777 | 0o700)
        elif entry.is_file():
            size += entry.stat(follow_symlinks=False).st_size
            if size <= max_size:
                link(Path(entry.path), target)
        if size > max_size or count > _MAX_FILES:
            shown = show_size(size) if size > max_size else f"{count} files"
            return failed(CONTEXT_TOO_LARGE, size=f"over {shown}", limit=show_size(max_size))
    if not count:
        return failed(NO_CHECKOUT, path=checkout.name or checkout)
    return Staged(folder, size)


def link(source: Path, target: Path) -> None:
    """
    Give *source* a second name, or copy it where the file system has no second names for it.
    """
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def inside(folder: Path, path: str) -> Path | None:
    """
    *path* below *folder* with all symbolic links followed; None where that leads out of it.
    """
    root = folder.resolve()
    found = (root / path).resolve()
    return found if found.is_relative_to(root) else None


def _walk(checkout: Path, *, keep_git: bool) -> Iterator[tuple[os.DirEntry[str], str]]:
    pending = [("", str(checkout))]
    while pending:
        prefix, path = pending.pop()
        with os.scandir(path) as entries:
            for entry in entries:
                # A submodule's `.git` is a file that names a folder; it goes as well.
                if entry.name == ".git" and not keep_git:
                    continue
                relative = prefix + entry.name
                yield entry, relative
                if entry.is_dir(follow_symlinks=False):
                    pending.append((relative + "/", entry.path))


def _credentials(checkout: Path) -> str:
    for config in (checkout / ".git").rglob("config*"):
        if config.is_file() and not config.is_symlink():
            text = config.read_text(encoding="utf-8", errors="replace").lower()
            if "extraheader" in text or "includeif" in text or "://x-access-token" in text:
                return str(config.relative_to(checkout))
    return ""
