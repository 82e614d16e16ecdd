"""
GitHub as Odyssey uses it: pull requests, comments, check runs, workflow runs, the merge.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from odyssey.domain.authority import Membership
from odyssey.domain.change import CheckRun
from odyssey.domain.identifiers import HeadSha, PullRequestRef, RepositoryRef, RunId
from odyssey.domain.policy import MergeMethod
from odyssey.domain.pull_request import Permission, PullRequest


class GitHub(Protocol):
    """GitHub as one App sees it."""

    async def snapshot(self, ref: PullRequestRef) -> PullRequest:
        """
        One consistent read of a pull request, its reviews and its policy. Repeatable.

        Raises:
            NotFound: no such pull request, or the App may not see it.
        """
        ...

    async def permission(self, repository: RepositoryRef, login: str) -> Permission:
        """What *login* may do; `Permission.NONE` for a stranger. Repeatable."""
        ...

    async def policy_texts(
        self, repository: RepositoryRef, *, branch: str
    ) -> tuple[str | None, str | None]:
        """
        The policy file on *branch*, and that of the owner's `.github` repository. Repeatable.

        None for each that is not there, the branch included.
        """
        ...

    async def membership(self, repository: RepositoryRef, team: str, login: str) -> Membership:
        """
        Whether *login* is in *team*, as `organisation/slug`. Repeatable.

        `HIDDEN` where the App was not granted to read members.
        """
        ...

    async def old_paths(self, ref: PullRequestRef) -> tuple[str, ...]:
        """The paths that renamed files of the pull request had before. Repeatable."""
        ...

    async def request_review(self, ref: PullRequestRef, login: str) -> None:
        """
        Asks *login* for a review. Repeatable.

        Raises:
            NotFound: nobody of this name can be asked here; says why.
        """
        ...

    async def find_installation(self, full_name: str) -> RepositoryRef | None:
        """The repository, if the App is installed on it. Repeatable."""
        ...

    async def default_branch(self, repository: RepositoryRef) -> str:
        """The branch pull requests go to. Repeatable."""
        ...

    async def react(self, repository: RepositoryRef, comment_id: int, content: str) -> None:
        """Adds a reaction to an issue comment. Repeatable: GitHub keeps one of each."""
        ...

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
        """
        The number of the pull request from *head* into *base*, opened if there is none.

        Repeatable. With *look_first* one of Odyssey's from *head* counts wherever it leads, also
        a closed one: an earlier try may have opened it, and people turned it or closed it since.
        """
        ...

    async def close_pull_request(self, ref: PullRequestRef) -> None:
        """Closes without a merge. Repeatable."""
        ...

    async def open_issue(
        self, repository: RepositoryRef, *, title: str, body: str, label: str, marker: str
    ) -> int:
        """
        The number of our issue with *label* whose body holds *marker*, opened if there is none.

        Repeatable. A label that is missing is made.
        """
        ...

    async def close_issue(self, repository: RepositoryRef, number: int, *, body: str) -> None:
        """Closes an issue and replaces its body. Repeatable."""
        ...

    async def alarms(
        self, repository: RepositoryRef, *, known: Collection[int] = ()
    ) -> Mapping[int, str]:
        """
        The bodies of all alarm issues that Odyssey ever opened here, by number. Repeatable.

        They are found by their label, those of *known* also without it. One that was
        deleted is left out.
        """
        ...

    async def post_comment(
        self,
        repository: RepositoryRef,
        number: int,
        body: str,
        *,
        marker: str,
        look_first: bool = False,
    ) -> int:
        """
        Comments on an issue or pull request; the comment's id.

        *marker* is hidden in *body*. With *look_first* (an earlier try may have
        come through) a comment of ours with this marker is looked for before
        another is made; likewise after an answer that leaves it open.
        """
        ...

    async def edit_comment(self, repository: RepositoryRef, comment_id: int, body: str) -> None:
        """
        Replaces a comment's body. Repeatable.

        Raises:
            NotFound: somebody deleted the comment.
        """
        ...

    async def put_check_run(
        self,
        repository: RepositoryRef,
        check_run: CheckRun,
        *,
        check_run_id: int | None,
        look_first: bool = False,
    ) -> int:
        """
        Creates the check run, or updates the one with *check_run_id*; its id.

        At most 50 annotations go with one request; the rest is appended. With
        *look_first* one of ours with the same head SHA and external id is taken.
        """
        ...

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
        """
        Starts *workflow* on *branch*; the run's id.

        *nonce* is part of the run's name. With *look_first*, and after an answer
        that leaves it open, a run of that name is looked for before another is started.

        Raises:
            NotFound: the branch has no such workflow, or it cannot be dispatched.
        """
        ...

    async def report(self, repository: RepositoryRef, run_id: RunId, *, artifact: str) -> bytes:
        """
        `report.json` from the run's artifact of that name, at most 2 MB. Repeatable.

        Raises:
            NotFound: the run left no such artifact, or it is expired or no such archive.
        """
        ...

    async def merge(
        self,
        ref: PullRequestRef,
        *,
        head_sha: HeadSha,
        method: MergeMethod,
        title: str,
        message: str,
    ) -> str:
        """
        Merges exactly *head_sha*; the merge commit's SHA.

        Raises:
            HeadShaChanged: the head is another one now (409).
            BaseChanged: the base moved meanwhile (405); try again.
            NotMergeable: GitHub refuses (405, 403, 422) and says why.
            Unavailable: not known whether it merged: read before another try.
        """
        ...

    async def viewer(self, user_token: str) -> str:
        """
        The login a user token belongs to. Repeatable.

        Raises:
            PermissionDenied: GitHub does not know the token.
        """
        ...

    async def approve_as(
        self, user_token: str, ref: PullRequestRef, *, head_sha: HeadSha, body: str
    ) -> None:
        """
        Submits an approving review of *head_sha* as the token's owner.

        Raises:
            PermissionDenied: GitHub refuses, for instance one's own pull request.
        """
        ...

    async def close(self) -> None:
        """Ends the connections."""
        ...
