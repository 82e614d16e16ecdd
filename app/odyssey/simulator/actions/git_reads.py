"""What the Actions service reads from a bare repository, by git itself."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from odyssey.simulator.actions.workflow import WORKFLOW_FOLDER

_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
}


class GitFailed(RuntimeError):
    """git refused; the message is its own."""


@dataclass(frozen=True, slots=True)
class HeadCommit:
    """A commit as the `head_commit` of a run shows it."""

    sha: str
    tree_sha: str
    message: str
    timestamp: str  # ISO 8601
    author: tuple[str, str]  # name, email
    committer: tuple[str, str]


async def git(*arguments: str, cwd: Path) -> str:
    """
    What git writes to its standard output when run in *cwd*.

    Raises:
        GitFailed: git ended with another status than zero.
    """
    process = await asyncio.create_subprocess_exec(
        "git", *arguments,
        cwd=cwd, env=_ENVIRONMENT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    if process.returncode:
        raise GitFailed(f"git {arguments[0]} in {cwd}: {errors.decode(errors='replace').strip()}")
    return output.decode(errors="replace")


async def find_ref(git_dir: Path, name: str) -> tuple[str, str] | None:
    """The full name of the branch or tag *name* and the commit it points at."""
    full_names = [name] if name.startswith("refs/") else [f"refs/heads/{name}", f"refs/tags/{name}"]
    for full_name in full_names:
        if not full_name.startswith(("refs/heads/", "refs/tags/")):
            continue
        try:
            sha = await git(
                "rev-parse", "--verify", "--quiet", "--end-of-options", f"{full_name}^{{commit}}",
                cwd=git_dir,
            )  # fmt: skip
        except GitFailed:
            continue
        return full_name, sha.strip()
    return None


async def find_file(git_dir: Path, sha: str, path: str) -> str | None:
    """The text of the file *path* at commit *sha*."""
    try:
        return await git("cat-file", "blob", f"{sha}:{path}", cwd=git_dir)
    except GitFailed:
        return None


async def list_workflow_paths(git_dir: Path, sha: str) -> list[str]:
    """The paths of the workflow files at commit *sha*, sorted."""
    listed = await git("ls-tree", "-z", "--name-only", sha, f"{WORKFLOW_FOLDER}/", cwd=git_dir)
    return sorted(path for path in listed.split("\0") if path.endswith((".yml", ".yaml")))


async def read_head_commit(git_dir: Path, sha: str) -> HeadCommit:
    """The commit *sha*."""
    shown = await git(
        "show", "--no-patch", "--format=%T%x00%cI%x00%an%x00%ae%x00%cn%x00%ce%x00%B", sha,
        cwd=git_dir,
    )  # fmt: skip
    tree, timestamp, author, author_email, committer, committer_email, message = shown.split(
        "\0", 6
    )
    return HeadCommit(
        sha=sha,
        tree_sha=tree,
        message=message.strip("\n"),
        timestamp=timestamp,
        author=(author, author_email),
        committer=(committer, committer_email),
    )
