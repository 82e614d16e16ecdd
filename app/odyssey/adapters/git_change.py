"""
A proposed change, brought into git's index: there is no work tree it could act in.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from odyssey.adapters.git_command import Git, GitFailed
from odyssey.domain.errors import ForbiddenPath, PatchDoesNotApply


async def apply_patch(git: Git, text: str) -> None:
    """Applies the unified diff *text* to git's index; raises `PatchDoesNotApply`."""
    try:
        await git("apply", "--cached", "--whitespace=nowarn", "-", stdin=text.encode())
    except GitFailed as error:
        words = "\n".join(error.stderr.strip().splitlines()[:10])
        raise PatchDoesNotApply(
            "The diff does not apply to the base branch. Make it anew on its present tip "
            f"(`git fetch && git rebase`, then `git diff`). git says:\n\n```\n{words}\n```"
        ) from error


async def write_files(git: Git, contents: Mapping[str, str | None]) -> None:
    """Writes whole files to git's index, None deletes one; raises `PatchDoesNotApply`."""
    listed = await git("ls-files", "--stage", "-z")
    modes = {
        path: mode
        for mode, path in (
            (entry.partition(" ")[0], entry.partition("\t")[2])
            for entry in listed.split("\0")
            if entry
        )
    }
    lines = []
    for path, text in contents.items():
        if text is None:
            if path not in modes:
                raise PatchDoesNotApply(f"`{path}` is to be deleted but is not on the base branch.")
            lines.append(f"0 {'0' * 40}\t{path}")
            continue
        blob = (await git("hash-object", "-w", "--stdin", stdin=text.encode())).strip()
        # A file keeps its mode; what was a symlink stays one here and is refused by `judge`.
        lines.append(f"{modes.get(path, '100644')} {blob}\t{path}")
    try:
        await git("update-index", "-z", "--index-info", stdin="\0".join([*lines, ""]).encode())
    except GitFailed as error:
        raise PatchDoesNotApply(f"The files cannot be written: {error.stderr.strip()}") from error


def refuse_displaced(paths: Set[str]) -> None:
    """A file written below another file's path would silently delete that one."""
    for path in sorted(paths):
        raise ForbiddenPath(f"`{path}` is a file; a path below it would delete it.")
