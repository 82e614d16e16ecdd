"""
The `GitHub` port through githubkit.

Writes are never repeated blindly: after an answer that leaves open whether the
effect happened, what was written is looked for by its marker or natural key.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from odyssey.adapters import github_issues, github_snapshot
from odyssey.adapters.github_artifacts import read_report
from odyssey.adapters.github_checks import NAME, has_annotations, requests
from odyssey.adapters.github_client import Client, InstallationClients, Refused
from odyssey.adapters.github_people import GitHubPeople
from odyssey.adapters.github_policy import ask
from odyssey.adapters.github_pulls import newest_own
from odyssey.adapters.github_runs import dispatched_runs
from odyssey.domain.change import CheckRun
from odyssey.domain.errors import (
    BaseChanged,
    CommandRefused,
    HeadShaChanged,
    NotFound,
    NotMergeable,
    PermissionDenied,
    Unavailable,
    WriteRefused,
)
from odyssey.domain.identifiers import (
    HeadSha,
    InstallationId,
    PullRequestRef,
    RepositoryRef,
    RunId,
    split_full_name,
)
from odyssey.domain.policy import MergeMethod
from odyssey.domain.pull_request import PullRequest


class GitHubApp(GitHubPeople):
    """
    GitHub as one App sees it.
    """

    def __init__(self, clients: InstallationClients, *, bot_login: str) -> None:
        super().__init__(clients)
        self._bot_login = bot_login

    async def _write(self, repository: RepositoryRef, call: Any) -> Any:
        """As `_call`, for what can be left out where GitHub refuses it for good."""
        try:
            return await self._call(repository, call)
        except (Refused, PermissionDenied) as error:
            raise WriteRefused(str(error)) from error

    async def snapshot(self, ref: PullRequestRef) -> PullRequest:
        """See `ports.GitHub`."""

        async def query(client: Client) -> dict[str, Any]:
            return await ask(client, github_snapshot.QUERY, github_snapshot.variables(ref))

        data = await self._call(ref.repository, query)
        return github_snapshot.read_snapshot(ref, data, bot_login=self._bot_login)

    async def find_installation(self, full_name: str) -> RepositoryRef | None:
        """See `ports.GitHub`."""
        owner, name = split_full_name(full_name)
        try:
            answer = await self._clients.as_app(
                lambda app: app.rest.apps.async_get_repo_installation(owner, name)
            )
        except NotFound:
            return None
        return RepositoryRef(InstallationId(int(answer.json()["id"])), owner, name)

    async def default_branch(self, repository: RepositoryRef) -> str:
        """See `ports.GitHub`; asked anew each time, because people rename it."""
        answer = await self._call(
            repository,
            lambda client: client.rest.repos.async_get(repository.owner, repository.name),
        )
        return str(answer.json()["default_branch"])

    async def react(self, repository: RepositoryRef, comment_id: int, content: str) -> None:
        """See `ports.GitHub`."""
        await self._write(
            repository,
            lambda client: client.rest.reactions.async_create_for_issue_comment(
                repository.owner, repository.name, comment_id, data={"content": content}
            ),
        )

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
        """See `ports.GitHub`; a branch has at most one open pull request into a base."""
        if look_first:
            before = await self._call(
                repository,
                lambda client: newest_own(client, repository, head, bot_login=self._bot_login),
            )
            if before is not None:
                return int(before)
        try:
            answer = await self._call(
                repository,
                lambda client: client.rest.pulls.async_create(
                    repository.owner,
                    repository.name,
                    data={"head": head, "base": base, "title": title, "body": body},
                ),
            )
            return int(answer.json()["number"])
        except (Refused, Unavailable) as error:
            if isinstance(error, Refused) and "already exists" not in error.reason:
                raise CommandRefused(f"GitHub refuses the pull request: {error.reason}") from error
            found = await self._find_pull_request(repository, head=head, base=base)
            if found is None:
                raise
            return found

    async def _find_pull_request(
        self, repository: RepositoryRef, *, head: str, base: str
    ) -> int | None:
        answer = await self._call(
            repository,
            lambda client: client.rest.pulls.async_list(
                repository.owner,
                repository.name,
                head=f"{repository.owner}:{head}",
                base=base,
                state="open",
            ),
        )
        return next((int(each["number"]) for each in answer.json()), None)

    async def close_pull_request(self, ref: PullRequestRef) -> None:
        """See `ports.GitHub`."""
        await self._write(
            ref.repository,
            lambda client: client.rest.pulls.async_update(
                ref.repository.owner, ref.repository.name, ref.number, data={"state": "closed"}
            ),
        )

    async def open_issue(
        self, repository: RepositoryRef, *, title: str, body: str, label: str, marker: str
    ) -> int:
        """See `ports.GitHub`."""

        async def write(client: Client) -> int:
            return await github_issues.open_issue(
                client, repository, title=title, body=body, label=label, marker=marker,
                bot_login=self._bot_login,
            )  # fmt: skip

        number: int = await self._write(repository, write)
        return number

    async def close_issue(self, repository: RepositoryRef, number: int, *, body: str) -> None:
        """See `ports.GitHub`."""
        await self._call(
            repository,
            lambda client: github_issues.close_issue(client, repository, number, body),
        )

    async def alarms(
        self, repository: RepositoryRef, *, known: Collection[int] = ()
    ) -> Mapping[int, str]:
        """See `ports.GitHub`."""

        async def labelled(client: Client) -> dict[int, str]:
            return await github_issues.issues_with(client, repository, bot_login=self._bot_login)

        bodies: dict[int, str] = await self._call(repository, labelled)
        for number in sorted(set(known) - bodies.keys()):
            try:
                bodies[number] = await self._call(
                    repository,
                    partial(
                        github_issues.body_of,
                        repository=repository,
                        number=number,
                        bot_login=self._bot_login,
                    ),
                )
            except NotFound:
                continue
        return bodies

    async def post_comment(
        self,
        repository: RepositoryRef,
        number: int,
        body: str,
        *,
        marker: str,
        look_first: bool = False,
    ) -> int:
        """See `ports.GitHub`."""
        if look_first:
            found = await self._find_comment(repository, number, marker)
            if found is not None:
                return found
        try:
            answer = await self._write(
                repository,
                lambda client: client.rest.issues.async_create_comment(
                    repository.owner, repository.name, number, data={"body": body}
                ),
            )
        except Unavailable:
            found = await self._find_comment(repository, number, marker)
            if found is None:
                raise
            return found
        return int(answer.json()["id"])

    async def _find_comment(
        self, repository: RepositoryRef, number: int, marker: str
    ) -> int | None:
        async def search(client: Client) -> int | None:
            pages = client.rest.paginate(
                client.rest.issues.async_list_comments,
                map_func=lambda answer: answer.json(),
                owner=repository.owner,
                repo=repository.name,
                issue_number=number,
                per_page=100,
            )
            async for comment in pages:
                mine = comment["user"] and comment["user"]["login"] == self._bot_login
                if mine and marker in (comment["body"] or ""):
                    return int(comment["id"])
            return None

        found: int | None = await self._call(repository, search)
        return found

    async def edit_comment(self, repository: RepositoryRef, comment_id: int, body: str) -> None:
        """See `ports.GitHub`."""
        await self._write(
            repository,
            lambda client: client.rest.issues.async_update_comment(
                repository.owner, repository.name, comment_id, data={"body": body}
            ),
        )

    async def put_check_run(
        self,
        repository: RepositoryRef,
        check_run: CheckRun,
        *,
        check_run_id: int | None,
        look_first: bool = False,
    ) -> int:
        """See `ports.GitHub`."""
        if check_run_id is None and look_first:
            check_run_id = await self._find_check_run(repository, check_run)
        there = 0
        if check_run_id is not None and has_annotations(check_run):
            # GitHub appends those of every update: what an earlier try sent is not sent again.
            there = await self._count_annotations(repository, check_run_id)
        owner, name = repository.owner, repository.name
        for data in requests(check_run, after=there):
            if check_run_id is not None:
                await self._update_check_run(repository, check_run_id, data)
                continue
            answer = await self._write(
                repository,
                partial(_create_check_run, owner, name, {**data, "head_sha": check_run.head_sha}),
            )
            check_run_id = int(answer.json()["id"])
        assert check_run_id is not None
        return check_run_id

    async def _count_annotations(self, repository: RepositoryRef, check_run_id: int) -> int:
        answer = await self._call(
            repository,
            lambda client: client.rest.checks.async_get(
                repository.owner, repository.name, check_run_id
            ),
        )
        return int(answer.json()["output"]["annotations_count"])

    async def _update_check_run(
        self, repository: RepositoryRef, check_run_id: int, data: dict[str, Any]
    ) -> None:
        await self._write(
            repository,
            lambda client: client.rest.checks.async_update(
                repository.owner, repository.name, check_run_id, data=data
            ),
        )

    async def _find_check_run(self, repository: RepositoryRef, check_run: CheckRun) -> int | None:
        answer = await self._call(
            repository,
            lambda client: client.rest.checks.async_list_for_ref(
                repository.owner,
                repository.name,
                check_run.head_sha,
                check_name=NAME,
            ),
        )
        runs = answer.json()["check_runs"]
        return next(
            (int(each["id"]) for each in runs if each["external_id"] == check_run.external_id),
            None,
        )

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
        """See `ports.GitHub`; since API version 2026-03-10 GitHub answers the run's id."""
        if look_first:
            found = await self._find_run(repository, workflow, nonce)
            if found is not None:
                return found
        try:
            answer = await self._call(
                repository,
                lambda client: client.rest.actions.async_create_workflow_dispatch(
                    repository.owner,
                    repository.name,
                    workflow,
                    data={"ref": branch, "inputs": dict(inputs)},
                ),
            )
        except Refused as error:
            raise NotFound(f"`{workflow}` cannot be dispatched: {error.reason}") from error
        except Unavailable:
            found = await self._find_run(repository, workflow, nonce)
            if found is None:
                raise
            return found
        return RunId(int(answer.json()["workflow_run_id"]))

    async def _find_run(self, repository: RepositoryRef, workflow: str, nonce: str) -> RunId | None:
        runs = await self._call(
            repository,
            lambda client: dispatched_runs(
                client, repository, workflow=workflow, named=nonce, bot_login=self._bot_login
            ),
        )
        # The first of them, should it have been dispatched twice.
        return RunId(int(runs[-1]["id"])) if runs else None

    async def report(self, repository: RepositoryRef, run_id: RunId, *, artifact: str) -> bytes:
        """See `ports.GitHub`."""

        async def read(client: Client) -> bytes:
            return await read_report(client, repository, run_id, artifact=artifact)

        data: bytes = await self._call(repository, read)
        return data

    async def merge(
        self,
        ref: PullRequestRef,
        *,
        head_sha: HeadSha,
        method: MergeMethod,
        title: str,
        message: str,
    ) -> str:
        """See `ports.GitHub`."""
        data: dict[str, Any] = {"sha": head_sha, "merge_method": str(method)}
        if method is not MergeMethod.REBASE:
            data |= {"commit_title": title, "commit_message": message}
        try:
            answer = await self._call(
                ref.repository,
                lambda client: client.rest.pulls.async_merge(
                    ref.repository.owner, ref.repository.name, ref.number, data=data
                ),
            )
        except Refused as error:
            if error.status == 409:
                raise HeadShaChanged(
                    f"{ref}: head SHA is no longer {head_sha[:7]}; it is judged again"
                ) from error
            # The same status for "try again" and "never": only the words tell them apart.
            if "base branch was modified" in error.reason.lower():
                raise BaseChanged(f"{ref}: {error.reason}") from error
            raise NotMergeable(error.reason) from error
        except PermissionDenied as error:
            raise NotMergeable(str(error)) from error
        return str(answer.json()["sha"])

    async def close(self) -> None:
        """See `ports.GitHub`."""
        await self._clients.close()


async def _create_check_run(owner: str, name: str, data: Any, client: Client) -> Any:
    return await client.rest.checks.async_create(owner, name, data=data)
