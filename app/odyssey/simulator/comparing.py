"""What lies between two commits: the base of diffs, compare and the figures of pull requests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from odyssey.simulator.diffs import FileChange, diff
from odyssey.simulator.git import Commit, Git
from odyssey.simulator.state import PullRequest, Repository


@dataclass(frozen=True, slots=True)
class Comparison:
    """*head* against *base*: commits only head has, and the changes since the merge base."""

    merge_base: str | None
    commits: tuple[Commit, ...]
    behind_by: int
    changes: tuple[FileChange, ...]

    @property
    def additions(self) -> int:
        return sum(change.additions for change in self.changes)

    @property
    def deletions(self) -> int:
        return sum(change.deletions for change in self.changes)

    @property
    def status(self) -> str:
        """ahead, behind, diverged or identical."""
        match bool(self.commits), bool(self.behind_by):
            case True, True:
                return "diverged"
            case True, False:
                return "ahead"
            case False, True:
                return "behind"
            case _:
                return "identical"


def compare(repository: Repository, base_sha: str, head_sha: str) -> Comparison:
    """The comparison of two commit SHAs; remembered, as commits never change."""
    return _compare(repository.git_dir, base_sha, head_sha)


def pull_comparison(repository: Repository, pull: PullRequest) -> Comparison:
    """What *pull* would bring into its base branch."""
    return compare(repository, pull.base_sha, pull.head_sha)


@lru_cache(maxsize=512)
def _compare(git_dir: Path, base_sha: str, head_sha: str) -> Comparison:
    git = Git(git_dir)
    merge_base = git.merge_base(base_sha, head_sha)
    return Comparison(
        merge_base=merge_base,
        commits=tuple(git.log(f"{base_sha}..{head_sha}")),
        behind_by=git.count(f"{head_sha}..{base_sha}"),
        changes=tuple(diff(git, merge_base, head_sha)) if merge_base != head_sha else (),
    )
