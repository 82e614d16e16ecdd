"""
Issues that Odyssey itself opens: alarms, found again by their label and hidden marker.
"""

from __future__ import annotations

from typing import Any

from odyssey.adapters.github_client import Client
from odyssey.domain.alarm import ALARM_LABEL
from odyssey.domain.errors import NotFound, Unavailable
from odyssey.domain.identifiers import RepositoryRef


async def open_issue(
    client: Client,
    repository: RepositoryRef,
    *,
    title: str,
    body: str,
    label: str,
    marker: str,
    bot_login: str,
) -> int:
    """See `ports.GitHub.open_issue`."""

    async def find() -> int | None:
        bodies = await issues_with(client, repository, label=label, bot_login=bot_login)
        return next((number for number, text in bodies.items() if marker in text), None)

    found = await find()
    if found is not None:
        return found
    try:
        answer = await client.rest.issues.async_create(
            repository.owner,
            repository.name,
            data={"title": title, "body": body, "labels": [label]},
        )
    except Unavailable:
        found = await find()
        if found is None:
            raise
        return found
    return int(answer.json()["number"])


async def issues_with(
    client: Client, repository: RepositoryRef, *, label: str = ALARM_LABEL, bot_login: str
) -> dict[int, str]:
    """The bodies of Odyssey's own issues with *label*, open and closed, by number."""
    pages: Any = client.rest.paginate(
        client.rest.issues.async_list_for_repo,
        map_func=lambda answer: answer.json(),
        owner=repository.owner,
        repo=repository.name,
        labels=label,
        state="all",
        per_page=100,
    )
    return {
        int(issue["number"]): issue["body"] or ""
        async for issue in pages
        if issue["user"] and issue["user"]["login"] == bot_login
    }


async def body_of(client: Client, repository: RepositoryRef, number: int, *, bot_login: str) -> str:
    """
    The body of an issue of Odyssey's, whatever its labels.

    Raises:
        NotFound: there is none; one that was moved is followed by the client to where it is.
    """
    answer = await client.rest.issues.async_get(repository.owner, repository.name, number)
    issue: Any = answer.json()
    here = f"/repos/{repository.full_name}/issues/{number}".lower()
    if not issue["url"].lower().endswith(here) or (issue["user"] or {}).get("login") != bot_login:
        raise NotFound(f"{repository}#{number} is no issue of Odyssey's")
    return issue["body"] or ""


async def close_issue(client: Client, repository: RepositoryRef, number: int, body: str) -> None:
    """See `ports.GitHub.close_issue`."""
    await client.rest.issues.async_update(
        repository.owner,
        repository.name,
        number,
        data={"body": body, "state": "closed", "state_reason": "completed"},
    )
