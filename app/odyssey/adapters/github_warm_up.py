"""
githubkit loads its models with the first call that needs them; a worker does so before it works.
"""

from __future__ import annotations

import httpx
from githubkit import GitHub, TokenAuthStrategy


async def warm_up() -> None:
    """
    Loads what the usual calls to GitHub need: half a second that no delivery has to wait for.

    Nothing is sent.
    """
    nowhere = httpx.MockTransport(lambda _: httpx.Response(200, json={}))
    client = GitHub(
        TokenAuthStrategy("none"), async_transport=nowhere, auto_retry=False, http_cache=False
    )
    rest, one = client.rest, ("owner", "name", 1)
    await rest.apps.async_create_installation_access_token(1)
    await rest.reactions.async_create_for_issue_comment(*one, data={"content": "eyes"})
    await rest.issues.async_create_comment(*one, data={"body": "-"})
    await rest.issues.async_update_comment(*one, data={"body": "-"})
    await rest.pulls.async_list("owner", "name")
    await rest.pulls.async_create("owner", "name", data={"head": "a", "base": "b", "title": "-"})
    await rest.pulls.async_merge(*one, data={"sha": "0"})
    await rest.checks.async_create("owner", "name", data={"name": "-", "head_sha": "0"})
    await rest.checks.async_update(*one, data={"name": "-"})
    await rest.repos.async_get_collaborator_permission_level("owner", "name", "login")
    await rest.actions.async_create_workflow_dispatch(*one, data={"ref": "main"})
