"""
The workflow runs that the App dispatched, found again by what their names hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from odyssey.adapters.github_client import Client
from odyssey.domain.identifiers import RepositoryRef


async def dispatched_runs(
    client: Client, repository: RepositoryRef, *, workflow: str, named: str, bot_login: str
) -> Sequence[Mapping[str, Any]]:
    """
    The App's runs of *workflow* whose names hold *named*, newest first; of the last hundred.

    A person can dispatch one of the same name; what it says is nobody's word but theirs.
    """
    answer: Any = await client.rest.actions.async_list_workflow_runs(
        repository.owner, repository.name, workflow, event="workflow_dispatch", per_page=100
    )
    return [
        run
        for run in answer.json()["workflow_runs"]
        if named in run["display_title"] and (run.get("actor") or {}).get("login") == bot_login
    ]
