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
from collections.abc import AsyncIterator, Awaitable, Callable, Set
from datetime import datetime, timedelta
from pathlib import Path

from odyssey.adapters.git_change import apply_patch, refuse_displaced, write_files
from odyssey.adapters.git_command import REMOTE, Git, GitFailed, environment, locked
from odyssey.adapters.git_merge import (
    BASE,
    MAX_PATHS_KEPT,
    author_of,
    conflict_with,
    contains,
    fetch_whole,
    merge_tree,
    merged,
    rebased,
)
from odyssey.adapters.git_proof import find_proof
from odyssey.adapters.git_revert import reverse
from odyssey.adapters.git_tree import judge, read_paths, read_tree_diff
from odyssey.domain.carry_over import Proof
from odyssey.domain.change import Change, Files, Patch
from odyssey.domain.errors import (
    BranchExists,
    EmptyChange,
    HeadShaChanged,
    NotFound,
    NotProposable,
    PermissionDenied,
    Unavailable,
)
from odyssey.domain.identifiers import HeadSha, InstallationId, RepositoryRef
from odyssey.domain.policy import POLICY_PATH, Policy
from odyssey.ports import BaseTree, Commit, Updated, UpdateMethod

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
            # A copy that has all of the history, for merges, keeps it.
            depth = [] if await _is_whole(git) else ["--depth=1"]
            try:
                await git(
                    "fetch", "--quiet", *depth, "--no-tags", git.url,
                    f"+refs/heads/{branch}:{BASE}",
                )  # fmt: skip
            except GitFailed as error:
                if "couldn't find remote ref" in error.stderr:
                    raise NotFound(f"{repository} has no branch `{branch}`") from error
                raise
            sha = (await git("rev-parse", BASE)).strip()
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
                        await apply_patch(indexed, text)
                    case Files(contents=contents):
                        await write_files(indexed, contents)
                tree = (await indexed("write-tree")).strip()
            written = change.contents.keys() if isinstance(change, Files) else None
            return await self._judged_commit(
                git, tree, base=base, policy=policy, message=message, at=at, written=written
            )

    async def reverse(
        self,
        repository: RepositoryRef,
        *,
        merge_sha: str,
        head_sha: HeadSha,
        base: BaseTree,
        policy: Policy,
        message: str,
        at: datetime,
    ) -> Commit:
        """See `ports.Repositories`."""
        async with self._copy(repository) as git:
            tree = await reverse(
                git, merge_sha=merge_sha, head_sha=head_sha, tip=base.sha, base_branch=base.branch
            )
            return await self._judged_commit(
                git, tree, base=base, policy=policy, message=message, at=at
            )

    async def _judged_commit(
        self,
        git: Git,
        tree: str,
        *,
        base: BaseTree,
        policy: Policy,
        message: str,
        at: datetime,
        written: Set[str] | None = None,
    ) -> Commit:
        """A commit of *tree* on *base*, if that may be proposed; *written* are all paths meant."""
        entries = await read_tree_diff(git, base.sha, tree)
        if not entries:
            raise EmptyChange(
                f"The change leaves `{base.branch}` as it is. It may have been merged already."
            )
        base_paths = await read_paths(git, base.sha)
        lines = judge(entries, policy.limits, base_paths=base_paths)
        if written is not None:
            refuse_displaced({each.path for each in entries} - written)
        diff = await git.bytes("diff-tree", "-p", "--no-ext-diff", "--no-textconv", base.sha, tree)
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
        dated = git.with_environment(**author_of(self._author, at))
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
                raise _refused_push(branch, error) from error

    async def update(
        self,
        repository: RepositoryRef,
        *,
        branch: str,
        head_sha: HeadSha,
        base_branch: str,
        method: UpdateMethod,
        message: str,
        at: datetime,
    ) -> Updated:
        """See `ports.Repositories`."""
        ref = f"refs/heads/{branch}"
        async with self._copy(repository) as git:
            base_sha = await fetch_whole(git, base_branch, head_sha)
            if await contains(git, head_sha, base_sha):
                return Updated(head_sha=head_sha, base_sha=base_sha, method=method)
            author = author_of(self._author, at)
            if method is UpdateMethod.REBASE:
                sha = await rebased(
                    git, head_sha=head_sha, base_sha=base_sha, base_branch=base_branch,
                    author=author,
                )  # fmt: skip
            else:
                sha = await merged(
                    git, head_sha=head_sha, base_sha=base_sha, base_branch=base_branch,
                    message=message, author=author,
                )  # fmt: skip
            lease = f"--force-with-lease={ref}:{head_sha}"
            try:
                await git("push", "--quiet", lease, git.url, f"{sha}:{ref}")
            except GitFailed as error:
                there = await _remote_sha(git, ref)
                if there is None:
                    raise NotFound(f"{repository} has no branch `{branch}` any more") from error
                if there not in (head_sha, sha):
                    raise HeadShaChanged(f"`{branch}` is at {there[:7]} now") from error
                if there == head_sha:
                    raise _refused_push(branch, error) from error
            return Updated(head_sha=HeadSha(sha), base_sha=base_sha, method=method)

    async def conflicts(
        self, repository: RepositoryRef, *, base_branch: str, head_sha: HeadSha
    ) -> tuple[str, ...]:
        """See `ports.Repositories`."""
        async with self._copy(repository) as git:
            base_sha = await fetch_whole(git, base_branch, head_sha)
            return (await merge_tree(git, base_sha, head_sha)).conflicts[:MAX_PATHS_KEPT]

    async def ancestor(
        self, repository: RepositoryRef, *, branch: str, sha: str, generation: int
    ) -> str:
        """See `ports.Repositories`."""
        async with self._copy(repository) as git:
            await fetch_whole(git, branch, sha)
            try:
                found = await git(
                    "rev-parse", "--verify", "--quiet", f"{sha}~{generation}^{{commit}}"
                )
            except GitFailed as error:
                raise NotFound(
                    f"{sha[:7]} has no ancestor {generation} commits before it"
                ) from error
            return found.strip()

    async def merged_tree(
        self, repository: RepositoryRef, *, base_branch: str, base_sha: str, head_sha: HeadSha
    ) -> str:
        """See `ports.Repositories`."""
        async with self._copy(repository) as git:
            await fetch_whole(git, base_branch, base_sha, head_sha)
            merging = await merge_tree(git, base_sha, head_sha)
            if merging.tree is None:
                raise conflict_with(base_branch, merging.conflicts)
            return merging.tree

    async def carry_over(
        self, repository: RepositoryRef, *, from_head: HeadSha, to_head: HeadSha, base_branch: str
    ) -> Proof | None:
        """See `ports.Repositories`."""
        async with self._copy(repository) as git:
            try:
                tip = await fetch_whole(git, base_branch, from_head, to_head)
            except NotFound:
                # GitHub threw the approved commit away: there is nothing left to compare with.
                return None
            return await find_proof(
                git, from_head=from_head, to_head=to_head, base_branch=base_branch, base_sha=tip
            )

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


async def _is_whole(git: Git) -> bool:
    is_shallow = (await git("rev-parse", "--is-shallow-repository")).strip() == "true"
    return not is_shallow and bool(await git("for-each-ref", BASE))


async def _remote_sha(git: Git, ref: str) -> str | None:
    listed = await git("ls-remote", git.url, ref)
    return listed.split()[0] if listed.strip() else None


def _refused_push(branch: str, error: GitFailed) -> Exception:
    """What a push that came to nothing is: a refusal of GitHub's, or *error* itself."""
    if "remote rejected" in error.stderr or "returned error: 403" in error.stderr:
        return PermissionDenied(
            f"GitHub refuses the push of `{branch}`: {_remote_words(error.stderr)}"
        )
    return error


def _remote_words(stderr: str) -> str:
    """What GitHub's hooks said, without git's own frame."""
    words = [
        line.partition("remote:")[2].strip()
        for line in stderr.splitlines()
        if line.startswith("remote:")
    ]
    rejected = [line.strip() for line in stderr.splitlines() if "rejected" in line]
    return " ".join([each for each in words if each] or rejected)[:500] or "no reason given"
