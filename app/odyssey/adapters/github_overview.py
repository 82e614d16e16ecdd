"""
The port `Overview`: what the App may see on GitHub, in lists and in single looks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from odyssey.adapters import github_items as items
from odyssey.adapters.github_client import Client, InstallationClients
from odyssey.adapters.github_pages import ConditionalPages, Item, Pick
from odyssey.adapters.github_pulls import newest_own
from odyssey.adapters.github_runs import dispatched_runs
from odyssey.adapters.github_traces import read_traces
from odyssey.domain.errors import NotFound, PermissionDenied
from odyssey.domain.identifiers import (
    HeadSha,
    InstallationId,
    PullRequestRef,
    RepositoryRef,
    RunId,
)
from odyssey.ports.healing import FoundRun, Installed, ListedComment, ListedPull, Traces

T = TypeVar("T")
_FULL_PAGES: Mapping[str, str | int] = {"per_page": 100}
MOST_RECENT = 100
_LAST_EDIT = """
query($id: ID!) { node(id: $id) { ... on IssueComment { lastEditedAt } } }
"""


class GitHubOverview:
    """
    GitHub as the sweeps look at it.
    """

    def __init__(
        self, clients: InstallationClients, pages: ConditionalPages, *, bot_login: str
    ) -> None:
        self._clients = clients
        self._pages = pages
        self._bot_login = bot_login

    async def repositories(self) -> Sequence[Installed]:
        """See `ports.healing.Overview`."""

        async def installations(app: Client) -> list[Item]:
            return await self._pages.items(
                app, "/app/installations", owner="app", pick=items.installation, params=_FULL_PAGES
            )

        found: list[Installed] = []
        for each in await self._clients.as_app(installations):
            if each["is_suspended"]:
                continue
            try:
                covered = await self._repositories_of(InstallationId(each["id"]))
            except (NotFound, PermissionDenied):
                # Uninstalled or suspended since the first answer.
                continue
            since = items.time(each["created_at"])
            found += [Installed(repository=one, since=since) for one in covered]
        return found

    async def _repositories_of(self, installation_id: InstallationId) -> list[RepositoryRef]:
        async def covered(client: Client) -> list[Item]:
            return await self._pages.items(
                client,
                "/installation/repositories",
                owner=str(installation_id),
                pick=items.repository_of,
                params=_FULL_PAGES,
                wrap="repositories",
                most=10_000,
            )

        return [
            RepositoryRef(installation_id, each["owner"], each["name"])
            for each in await self._clients.call(installation_id, covered)
            if not each["is_archived"]
        ]

    async def open_pulls(self, repository: RepositoryRef) -> Sequence[ListedPull]:
        """See `ports.healing.Overview`."""
        found = await self._items(
            repository, "pulls", items.pull, {"state": "open", "per_page": 100}, most=3_000
        )
        return [items.listed_pull(each) for each in found]

    async def recent_pulls(self, repository: RepositoryRef) -> Sequence[ListedPull]:
        """See `ports.healing.Overview`."""
        query: dict[str, str | int] = {
            "state": "all", "sort": "updated", "direction": "desc", "per_page": 100,
        }  # fmt: skip
        found = await self._items(repository, "pulls", items.pull, query, most=MOST_RECENT)
        return [items.listed_pull(each) for each in found]

    async def comments(
        self, repository: RepositoryRef, since: datetime, *, most: int
    ) -> Sequence[ListedComment]:
        """See `ports.healing.Overview`."""
        # GitHub's times are whole seconds.
        since = since.astimezone(UTC).replace(microsecond=0)

        def is_older(item: Item) -> bool:
            return items.time(item["updated_at"]) < since

        # By the day, so that the address stays the same and its answer can be a 304.
        day = since.strftime("%Y-%m-%dT00:00:00Z")
        query: dict[str, str | int] = {
            "since": day, "sort": "updated", "direction": "desc", "per_page": 100,
        }  # fmt: skip
        found = await self._items(
            repository, "issues/comments", items.comment, query, most=most, is_enough=is_older
        )
        found = [each for each in reversed(found) if not is_older(each)]
        if len(found) >= most:
            # Only so is what was not read newer than all that was.
            query |= {"since": since.strftime("%Y-%m-%dT%H:%M:%SZ"), "direction": "asc"}
            found = await self._items(
                repository, "issues/comments", items.comment, query, most=most
            )
        return [items.listed_comment(each) for each in found]

    async def comment(self, repository: RepositoryRef, comment_id: int) -> ListedComment | None:
        """See `ports.healing.Overview`."""
        try:
            answer: Any = await self._call(
                repository,
                lambda client: client.rest.issues.async_get_comment(
                    repository.owner, repository.name, comment_id
                ),
            )
        except NotFound:
            return None
        return items.listed_comment(items.comment(answer.json()))

    async def comment_delivery(
        self, repository: RepositoryRef, comment: ListedComment
    ) -> bytes | None:
        """See `ports.healing.Overview`."""
        owner, name = repository.owner, repository.name
        # Asked after the list was read: what is unedited now was so then.
        try:
            known = await self._call(
                repository,
                lambda client: client.async_graphql(_LAST_EDIT, {"id": comment.node_id}),
            )
        except NotFound:
            return None
        if known["node"] is None or known["node"]["lastEditedAt"]:
            return None
        issue = await self._call(
            repository, lambda client: client.rest.issues.async_get(owner, name, comment.number)
        )
        about = await self._call(
            repository, lambda client: client.rest.repos.async_get(owner, name)
        )
        return items.comment_delivery(repository, comment, issue=issue.json(), about=about.json())

    async def has_reacted(self, repository: RepositoryRef, comment_id: int) -> bool:
        """See `ports.healing.Overview`."""

        async def look(client: Client) -> bool:
            pages = client.rest.paginate(
                client.rest.reactions.async_list_for_issue_comment,
                map_func=lambda answer: answer.json(),
                owner=repository.owner,
                repo=repository.name,
                comment_id=comment_id,
                content="eyes",
                per_page=100,
            )
            async for reaction in pages:
                if reaction["user"] and reaction["user"]["login"] == self._bot_login:
                    return True
            return False

        return await self._call(repository, look)

    async def find_answer(self, repository: RepositoryRef, number: int, marker: str) -> bool:
        """See `ports.healing.Overview`."""

        async def look(client: Client) -> bool:
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
                    return True
            return False

        return await self._call(repository, look)

    async def find_pull(self, repository: RepositoryRef, branch: str) -> PullRequestRef | None:
        """See `ports.healing.Overview`."""
        number = await self._call(
            repository,
            lambda client: newest_own(client, repository, branch, bot_login=self._bot_login),
        )
        return None if number is None else PullRequestRef(repository, number)

    async def traces(self, ref: PullRequestRef, head_sha: HeadSha) -> Traces:
        """See `ports.healing.Overview`."""
        return await self._call(
            ref.repository,
            lambda client: read_traces(client, ref, head_sha, bot_login=self._bot_login),
        )

    async def find_run(
        self, repository: RepositoryRef, *, workflow: str, nonce: str
    ) -> FoundRun | None:
        """See `ports.healing.Overview`; a run that a person dispatched is not the App's."""
        try:
            runs = await self._call(
                repository,
                lambda client: dispatched_runs(
                    client, repository, workflow=workflow, named=nonce, bot_login=self._bot_login
                ),
            )
        except NotFound:
            return None
        return items.found_run(repository, runs[0]) if runs else None

    async def run(self, repository: RepositoryRef, run_id: RunId) -> FoundRun | None:
        """See `ports.healing.Overview`."""
        try:
            answer: Any = await self._call(
                repository,
                lambda client: client.rest.actions.async_get_workflow_run(
                    repository.owner, repository.name, int(run_id)
                ),
            )
        except NotFound:
            return None
        return items.found_run(repository, answer.json())

    async def _call(self, repository: RepositoryRef, call: Callable[[Client], Awaitable[T]]) -> T:
        return await self._clients.call(repository.installation_id, call)

    async def _items(
        self,
        repository: RepositoryRef,
        below: str,
        pick: Pick,
        params: Mapping[str, str | int],
        *,
        most: int,
        is_enough: Callable[[Item], bool] = lambda _: False,
    ) -> list[Item]:
        path = f"/repos/{repository.owner}/{repository.name}/{below}"
        return await self._call(
            repository,
            lambda client: self._pages.items(
                client, path, owner=str(repository.installation_id), pick=pick,
                params=params, most=most, is_enough=is_enough,
            ),
        )  # fmt: skip
