"""
What people may do in a repository, what its owner set for them, and what is asked of them.
"""

from __future__ import annotations

from typing import Any

from odyssey.adapters.github_client import Client, InstallationClients, Refused, TokenRefused
from odyssey.adapters.github_policy import read_policy_texts
from odyssey.domain.authority import Membership
from odyssey.domain.errors import NotFound, PermissionDenied
from odyssey.domain.identifiers import HeadSha, PullRequestRef, RepositoryRef
from odyssey.domain.pull_request import Permission


class GitHubPeople:
    """
    The part of `ports.GitHub` that is about people.
    """

    def __init__(self, clients: InstallationClients) -> None:
        self._clients = clients

    async def _call(self, repository: RepositoryRef, call: Any) -> Any:
        return await self._clients.call(repository.installation_id, call)

    async def permission(self, repository: RepositoryRef, login: str) -> Permission:
        """See `ports.GitHub`."""
        try:
            answer = await self._call(
                repository,
                lambda client: client.rest.repos.async_get_collaborator_permission_level(
                    repository.owner, repository.name, login
                ),
            )
        except NotFound:
            return Permission.NONE
        found = answer.json()
        # A role of the organisation's own making has a name of its own; `permission` then says
        # which of GitHub's it is made of.
        names = (str(found.get(each) or "").lower() for each in ("role_name", "permission"))
        known = (Permission(each) for each in names if each in set(Permission))
        return next(known, Permission.NONE)

    async def policy_texts(
        self, repository: RepositoryRef, *, branch: str
    ) -> tuple[str | None, str | None]:
        """See `ports.GitHub`."""

        async def read(client: Client) -> tuple[str | None, str | None]:
            return await read_policy_texts(client, repository, branch)

        texts: tuple[str | None, str | None] = await self._call(repository, read)
        return texts

    async def membership(self, repository: RepositoryRef, team: str, login: str) -> Membership:
        """See `ports.GitHub`."""
        organisation, _, slug = team.partition("/")
        if organisation.lower() != repository.owner.lower():
            return Membership.NO_MEMBER
        try:
            answer = await self._call(
                repository,
                lambda client: client.rest.teams.async_get_membership_for_user_in_org(
                    organisation, slug, login
                ),
            )
        except NotFound:
            return Membership.NO_MEMBER
        except PermissionDenied:
            return Membership.HIDDEN
        is_active = answer.json()["state"] == "active"
        return Membership.MEMBER if is_active else Membership.NO_MEMBER

    async def old_paths(self, ref: PullRequestRef) -> tuple[str, ...]:
        """See `ports.GitHub`."""
        answer = await self._call(
            ref.repository,
            lambda client: client.rest.pulls.async_list_files(
                ref.repository.owner, ref.repository.name, ref.number, per_page=100
            ),
        )
        return tuple(
            str(each["previous_filename"])
            for each in answer.json()
            if each.get("previous_filename")
        )

    async def request_review(self, ref: PullRequestRef, login: str) -> None:
        """See `ports.GitHub`."""
        try:
            await self._call(
                ref.repository,
                lambda client: client.rest.pulls.async_request_reviewers(
                    ref.repository.owner,
                    ref.repository.name,
                    ref.number,
                    data={"reviewers": [login]},
                ),
            )
        except Refused as error:
            raise NotFound(f"`{login}` cannot be asked for a review: {error.reason}") from error

    async def viewer(self, user_token: str) -> str:
        """See `ports.GitHub`."""
        try:
            answer = await self._clients.as_user(
                user_token, lambda client: client.rest.users.async_get_authenticated()
            )
        except (Refused, NotFound, TokenRefused) as error:
            raise PermissionDenied("GitHub does not know this token") from error
        return str(answer.json()["login"])

    async def approve_as(
        self, user_token: str, ref: PullRequestRef, *, head_sha: HeadSha, body: str
    ) -> None:
        """See `ports.GitHub`."""
        try:
            await self._clients.as_user(
                user_token,
                lambda client: client.rest.pulls.async_create_review(
                    ref.repository.owner,
                    ref.repository.name,
                    ref.number,
                    data={"event": "APPROVE", "commit_id": head_sha, "body": body},
                ),
            )
        except TokenRefused as error:
            raise PermissionDenied("GitHub does not know this token any more") from error
        except Refused as error:
            raise PermissionDenied(f"GitHub refuses the review: {error.reason}") from error
