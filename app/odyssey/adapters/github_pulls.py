"""
The App's own pull requests, found by their branch.
"""

from __future__ import annotations

from typing import Any

from odyssey.adapters.github_client import Client
from odyssey.domain.identifiers import RepositoryRef


async def newest_own(
    client: Client, repository: RepositoryRef, branch: str, *, bot_login: str
) -> int | None:
    """
    The number of the newest that the App opened from *branch*, open or closed, into any base.
    """
    answer: Any = await client.rest.pulls.async_list(
        repository.owner, repository.name, head=f"{repository.owner}:{branch}", state="all"
    )
    return max(
        (
            int(each["number"])
            for each in answer.json()
            if each["user"] and each["user"]["login"] == bot_login
        ),
        default=None,
    )
