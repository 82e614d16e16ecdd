"""
The `Repositories` port through the git command line, in bare repositories.

There is never a work tree: a change is applied to an index, so no symlink, hook,
filter or attribute of proposed content can act on this machine. What the change
did is then read from the two trees, not from what the diff claimed.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Set
from datetime import datetime, timedelta
from pathlib import Path

from odyssey.adapters.git_command import REMOTE, Git, GitFailed, environment, locked
from odyssey.adapters.git_tree import judge, read_paths, read_tree_diff
from odyssey.domain.change import Change, Files, Patch
from odyssey.domain.errors import (
    BranchExists,
    EmptyChange,
    ForbiddenPath,
    NotFound,
    NotProposable,
    PatchDoesNotApply,
    PermissionDenied,
    Unavailable,
)
from odyssey.domain.identifiers import HeadSha, InstallationId, RepositoryRef
from odyssey.domain.policy import POLICY_PATH, Policy
from odyssey.ports import BaseTree, Commit

WORKFLOWS = ".github/workflows/"


class GitRepositories:
    """
    A bare copy for each repository below *root*, fetched when it is used.

    Copies are caches: deleting one costs a fetch.
    """

    def __init__(
        self,
        root: Path,
        *,
        web_url: str,
        token: Callable[[InstallationId], Awaitable[str]],
        author: str,
        timeout: timedelta = timedelta(minutes=2),
    ) -> None:
        self._root = root
        self._web_url = web_url.rstrip("/")
        self._token = token
        self._author = author
        self._timeout = timeout

    async def base(self, repository: RepositoryRef, branch: str) -> BaseTree:
        """See `ports.Repositories`."""
        async with self._copy(repository) as git:
            try:
                await git(
                    "fetch", "--quiet", "--depth=1", "--no-tags", git.url,
                    f"+refs/heads/{branch}:refs/odyssey/base",
                )  # fmt: skip
            except GitFailed as error:
                if "couldn't find remote ref" in error.stderr:
                    raise NotFound(f"{repository} has no branch `{branch}`") from error
                raise
            sha = (await git("rev-parse", "refs/odyssey/base")).strip()
            listed = await git("ls-tree", "--name-only", "-z", sha, WORKFLOWS)
            has_policy = await git("ls-tree", "--name-only", sha, POLICY_PATH)
            return BaseTree(
                branch=branch,
                sha=sha,
                policy_text=await git("cat-file", "blob", f"{sha}:{POLICY_PATH}")
                if has_policy
                else None,
                workflows=tuple(
                    each.removeprefix(WORKFLOWS) for each in listed.split("\0") if each
                ),
            )

    async def commit(
        self,
        repository: RepositoryRef,
        change: Change,
        *,
        base: BaseTree,
        policy: Policy,
        message: str,
        at: datetime,
    ) -> Commit:
        """See `ports.Repositories`."""
        async with self._copy(repository) as git:
            with tempfile.TemporaryDirectory(prefix="odyssey-index-") as folder:
                indexed = git.with_environment(GIT_INDEX_FILE=str(Path(folder, "index")))
                await indexed("read-tree", base.sha)
                match change:
                    case Patch(text=text):
                        await _apply(indexed, text)
                    case Files(contents=contents):
                        await _write(indexed, contents)
                tree = (await indexed("write-tree")).strip()
            entries = await read_tree_diff(git, base.sha, tree)
            if not entries:
                raise EmptyChange(
                    f"The change leaves `{base.branch}` as it is. It may have been merged already."
                )
            base_paths = await read_paths(git, base.sha)
            lines = judge(entries, policy.limits, base_paths=base_paths)
            if isinstance(change, Files):
                _refuse_displaced({each.path for each in entries} - change.contents.keys())
            diff = await git.bytes(
                "diff-tree", "-p", "--no-ext-diff", "--no-textconv", base.sha, tree
            )
            patch_id = (await git("patch-id", "--stable", stdin=diff)).partition(" ")[0]
            sha = await self._commit_tree(git, tree, base.sha, message, at)
            return Commit(
                sha=HeadSha(sha),
                patch_id=patch_id or tree,
                paths=tuple(sorted({each.path for each in entries})),
                lines=lines,
            )

    async def _commit_tree(
        self, git: Git, tree: str, parent: str, message: str, at: datetime
    ) -> str:
        stamp = f"{int(at.timestamp())} +0000"
        email = f"{self._author}@users.noreply.github.com"
        dated = git.with_environment(
            GIT_AUTHOR_NAME=self._author, GIT_AUTHOR_EMAIL=email, GIT_AUTHOR_DATE=stamp,
            GIT_COMMITTER_NAME=self._author, GIT_COMMITTER_EMAIL=email, GIT_COMMITTER_DATE=stamp,
        )  # fmt: skip
        output = await dated(
            "commit-tree", tree, "-p", parent, "-F", "-", stdin=message.strip().encode() + b"\n"
        )
        return output.strip()

    async def find_branch(self, repository: RepositoryRef, branch: str) -> HeadSha | None:
        """See `ports.Repositories`."""
        async with self._copy(repository) as git:
            found = await _remote_sha(git, f"refs/heads/{branch}")
            return HeadSha(found) if found else None

    async def push(self, repository: RepositoryRef, commit: Commit, branch: str) -> None:
        """See `ports.Repositories`."""
        ref = f"refs/heads/{branch}"
        async with self._copy(repository) as git:
            try:
                # The empty lease says: the branch must not be there yet.
                await git(
                    "push", "--quiet", f"--force-with-lease={ref}:", git.url, f"{commit.sha}:{ref}"
                )
            except GitFailed as error:
                there = await _remote_sha(git, ref)
                if there == commit.sha:
                    return
                if there is not None:
                    raise BranchExists(
                        f"`{branch}` is there already, at {there[:7]}. Delete it, or send the "
                        "proposal again with another title."
                    ) from error
                prefix = branch.rpartition("/")[0]
                if prefix and await _remote_sha(git, f"refs/heads/{prefix}"):
                    raise NotProposable(
                        f"`{prefix}` is a branch of {repository}, so no other branch can begin "
                        f"with `{prefix}/`. Choose another branch prefix."
                    ) from error
                if "remote rejected" in error.stderr or "returned error: 403" in error.stderr:
                    raise PermissionDenied(
                        f"GitHub refuses the push of `{branch}`: {_remote_words(error.stderr)}"
                    ) from error
                raise

    async def delete_branch(
        self, repository: RepositoryRef, branch: str, *, head_sha: HeadSha
    ) -> bool:
        """See `ports.Repositories`."""
        ref = f"refs/heads/{branch}"
        async with self._copy(repository) as git:
            try:
                await git(
                    "push", "--quiet", f"--force-with-lease={ref}:{head_sha}", git.url, f":{ref}"
                )
            except GitFailed:
                return await _remote_sha(git, ref) is None
            return True

    @contextlib.asynccontextmanager
    async def _copy(self, repository: RepositoryRef) -> AsyncIterator[Git]:
        """
        The bare copy, held by one caller at a time, among processes too.

        What git could not do is `Unavailable`. Where the copy itself may be at fault
        (cut off, out of disk, a lock of a git that was killed) it is thrown away.
        """
        folder = self._root / repository.owner.lower() / f"{repository.name.lower()}.git"
        folder.parent.mkdir(parents=True, exist_ok=True)
        async with locked(folder.with_suffix(".lock")):
            token = await self._token(repository.installation_id)
            url = f"{self._web_url}/{repository.full_name}.git"
            git = Git(folder, url, environment(folder, token), self._timeout)
            try:
                if not (folder / "HEAD").exists():
                    folder.mkdir(exist_ok=True)
                    await git("init", "--quiet", "--bare", str(folder))
                yield git
            except GitFailed as error:
                if error.arguments[0] not in REMOTE or ".lock'" in error.stderr:
                    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
                raise Unavailable(f"{repository}: {error}") from error


async def _remote_sha(git: Git, ref: str) -> str | None:
    listed = await git("ls-remote", git.url, ref)
    return listed.split()[0] if listed.strip() else None


async def _apply(git: Git, text: str) -> None:
    try:
        await git("apply", "--cached", "--whitespace=nowarn", "-", stdin=text.encode())
    except GitFailed as error:
        words = "\n".join(error.stderr.strip().splitlines()[:10])
        raise PatchDoesNotApply(
            "The diff does not apply to the base branch. Make it anew on its present tip "
            f"(`git fetch && git rebase`, then `git diff`). git says:\n\n```\n{words}\n```"
        ) from error


async def _write(git: Git, contents: Mapping[str, str | None]) -> None:
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


def _refuse_displaced(paths: Set[str]) -> None:
    """A file written below another file's path would silently delete that one."""
    for path in sorted(paths):
        raise ForbiddenPath(f"`{path}` is a file; a path below it would delete it.")


def _remote_words(stderr: str) -> str:
    """What GitHub's hooks said, without git's own frame."""
    words = [
        line.partition("remote:")[2].strip()
        for line in stderr.splitlines()
        if line.startswith("remote:")
    ]
    rejected = [line.strip() for line in stderr.splitlines() if "rejected" in line]
    return " ".join([each for each in words if each] or rejected)[:500] or "no reason given"
