"""
GitHub as plain state, for the web tests; the whole of it, over HTTP and git, is the simulator.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from odyssey.domain.authority import Membership
from odyssey.domain.carry_over import Proof
from odyssey.domain.change import Change, CheckRun, Files
from odyssey.domain.errors import EmptyChange, NotFound, PermissionDenied, Unavailable
from odyssey.domain.identifiers import (
    HeadSha,
    InstallationId,
    PullRequestRef,
    RepositoryRef,
    RunId,
)
from odyssey.domain.policy import MergeMethod, Policy
from odyssey.domain.pull_request import ChangedFile, Permission, PullRequest
from odyssey.ports import BaseTree, Commit, Updated, UpdateMethod

WIDGETS = RepositoryRef(InstallationId(1), "octo-org", "widgets")
SECRETS = RepositoryRef(InstallationId(1), "octo-org", "secrets")
WORKFLOW = "odyssey-validate.yml"
AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@dataclass
class GitHubOnPaper:
    """
    The port `GitHub` over fields that a test writes and reads.
    """

    installed: dict[str, RepositoryRef] = field(
        default_factory=lambda: {each.full_name: each for each in (WIDGETS, SECRETS)}
    )
    permissions: dict[tuple[str, str], Permission] = field(
        default_factory=lambda: {
            ("octo-org/widgets", "mona"): Permission.WRITE,
            ("octo-org/widgets", "reader"): Permission.READ,
            ("octo-org/widgets", "odyssey"): Permission.ADMIN,
            ("octo-org/secrets", "odyssey"): Permission.ADMIN,
        }
    )
    tokens: dict[str, str] = field(
        default_factory=lambda: {
            f"ghu_{login}": login for login in ("mona", "reader", "stranger", "odyssey")
        }
    )
    policies: dict[str, str] = field(default_factory=dict)
    workflows: tuple[str, ...] = (WORKFLOW,)
    branches: dict[tuple[str, str], Commit] = field(default_factory=dict)
    pulls: dict[PullRequestRef, PullRequest] = field(default_factory=dict)
    approvals: list[tuple[str, PullRequestRef, HeadSha]] = field(default_factory=list)
    refuses_approvals: bool = False
    is_down: bool = False
    viewer_questions: int = 0
    numbers: int = 0

    def number(self) -> int:
        """
        A number that was not used yet.
        """
        self.numbers += 1
        return self.numbers

    def check_up(self) -> None:
        """
        Raises `Unavailable` when the test says so.
        """
        if self.is_down:
            raise Unavailable("GitHub does not answer")

    async def snapshot(self, ref: PullRequestRef) -> PullRequest:
        self.check_up()
        return self.pulls[ref]

    async def permission(self, repository: RepositoryRef, login: str) -> Permission:
        self.check_up()
        return self.permissions.get((repository.full_name, login), Permission.NONE)

    async def policy_texts(
        self, repository: RepositoryRef, *, branch: str
    ) -> tuple[str | None, str | None]:
        self.check_up()
        return self.policies.get(repository.full_name), None

    async def membership(self, repository: RepositoryRef, team: str, login: str) -> Membership:
        return Membership.HIDDEN

    async def old_paths(self, ref: PullRequestRef) -> tuple[str, ...]:
        return ()

    async def request_review(self, ref: PullRequestRef, login: str) -> None:
        pass

    async def open_issue(
        self, repository: RepositoryRef, *, title: str, body: str, label: str, marker: str
    ) -> int:
        raise AssertionError("the web process raises no alarm")

    async def close_issue(self, repository: RepositoryRef, number: int, *, body: str) -> None:
        raise AssertionError("the web process opens no gate")

    async def alarms(
        self, repository: RepositoryRef, *, known: Collection[int] = ()
    ) -> Mapping[int, str]:
        return {}

    async def find_installation(self, full_name: str) -> RepositoryRef | None:
        self.check_up()
        return self.installed.get(full_name)

    async def default_branch(self, repository: RepositoryRef) -> str:
        return "main"

    async def react(self, repository: RepositoryRef, comment_id: int, content: str) -> None:
        pass

    async def open_pull_request(
        self,
        repository: RepositoryRef,
        *,
        head: str,
        base: str,
        title: str,
        body: str,
        look_first: bool = False,
    ) -> int:
        commit = self.branches[repository.full_name, head]
        for ref, pull in self.pulls.items():
            if ref.repository == repository and pull.head_branch == head:
                return ref.number
        ref = PullRequestRef(repository, self.number())
        self.pulls[ref] = PullRequest(
            ref=ref,
            is_open=True,
            is_merged=False,
            is_draft=False,
            is_cross_repository=False,
            mergeable=True,
            title=title,
            body=body,
            url=f"https://github.com/{repository}/pull/{ref.number}",
            author="odyssey[bot]",
            head_branch=head,
            head_sha=commit.sha,
            head_tree=commit.patch_id,
            head_committed_at=AT,
            base_branch=base,
            base_sha="b" * 40,
            merge_sha=None,
            merged_by=None,
            files=tuple(ChangedFile(path=each, additions=1, deletions=0) for each in commit.paths),
            files_complete=True,
            reviews=(),
            reviews_complete=True,
            unresolved_threads=0,
            policy_text=self.policies.get(repository.full_name),
        )
        return ref.number

    async def close_pull_request(self, ref: PullRequestRef) -> None:
        self.pulls[ref] = replace(self.pulls[ref], is_open=False)

    async def post_comment(
        self,
        repository: RepositoryRef,
        number: int,
        body: str,
        *,
        marker: str,
        look_first: bool = False,
    ) -> int:
        return self.number()

    async def edit_comment(self, repository: RepositoryRef, comment_id: int, body: str) -> None:
        pass

    async def put_check_run(
        self,
        repository: RepositoryRef,
        check_run: CheckRun,
        *,
        check_run_id: int | None,
        look_first: bool = False,
    ) -> int:
        return check_run_id or self.number()

    async def dispatch(
        self,
        repository: RepositoryRef,
        *,
        workflow: str,
        branch: str,
        inputs: Mapping[str, str],
        nonce: str,
        look_first: bool = False,
    ) -> RunId:
        return RunId(self.number())

    async def report(self, repository: RepositoryRef, run_id: RunId, *, artifact: str) -> bytes:
        raise NotFound("no run has finished")

    async def merge(
        self,
        ref: PullRequestRef,
        *,
        head_sha: HeadSha,
        method: MergeMethod,
        title: str,
        message: str,
    ) -> str:
        raise AssertionError("the web process merges nothing")

    async def viewer(self, user_token: str) -> str:
        self.check_up()
        self.viewer_questions += 1
        if user_token not in self.tokens:
            raise PermissionDenied("GitHub does not know the token")
        return self.tokens[user_token]

    async def approve_as(
        self, user_token: str, ref: PullRequestRef, *, head_sha: HeadSha, body: str
    ) -> None:
        if self.refuses_approvals:
            raise PermissionDenied("Can not approve your own pull request")
        self.approvals.append((self.tokens[user_token], ref, head_sha))

    async def close(self) -> None:
        pass


@dataclass
class RepositoriesOnPaper:
    """
    The port `Repositories` over the branches of a `GitHubOnPaper`.
    """

    github: GitHubOnPaper

    async def base(self, repository: RepositoryRef, branch: str) -> BaseTree:
        return BaseTree(
            branch=branch,
            sha="b" * 40,
            policy_text=self.github.policies.get(repository.full_name),
            workflows=self.github.workflows,
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
        assert isinstance(change, Files)
        if not any(change.contents.values()):
            raise EmptyChange("The change leaves every file as it is.")
        digest = hashlib.sha1(repr((change, message, at)).encode()).hexdigest()
        return Commit(sha=HeadSha(digest), patch_id=digest, paths=tuple(change.contents), lines=1)

    async def find_branch(self, repository: RepositoryRef, branch: str) -> HeadSha | None:
        found = self.github.branches.get((repository.full_name, branch))
        return found.sha if found else None

    async def push(self, repository: RepositoryRef, commit: Commit, branch: str) -> None:
        self.github.branches[repository.full_name, branch] = commit

    async def delete_branch(
        self, repository: RepositoryRef, branch: str, *, head_sha: HeadSha
    ) -> bool:
        self.github.branches.pop((repository.full_name, branch), None)
        return True

    # On paper there is no history: nothing to merge, to prove or to take back.

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
        return Updated(head_sha=head_sha, base_sha="b" * 40, method=method)

    async def conflicts(
        self, repository: RepositoryRef, *, base_branch: str, head_sha: HeadSha
    ) -> tuple[str, ...]:
        return ()

    async def ancestor(
        self, repository: RepositoryRef, *, branch: str, sha: str, generation: int
    ) -> str:
        raise NotFound("On paper there is no history")

    async def merged_tree(
        self, repository: RepositoryRef, *, base_branch: str, base_sha: str, head_sha: HeadSha
    ) -> str:
        raise NotFound("On paper there is no history")

    async def carry_over(
        self, repository: RepositoryRef, *, from_head: HeadSha, to_head: HeadSha, base_branch: str
    ) -> Proof | None:
        return None

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
        raise NotFound("On paper there is no history")
