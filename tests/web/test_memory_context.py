"""
The context of a task over REST: core memory comes with it, whole.
"""

from __future__ import annotations

from typing import Any

import httpx

from web.rest import bearer

WIDGETS = {"repository": "octo-org/widgets"}
URL = "/api/v1/memory/tasks/new-task/context"


async def put(client: httpx.AsyncClient, label: str, value: str, **tier: str) -> None:
    """A block with this text."""
    response = await client.put(
        f"/api/v1/memory/blocks/{label}",
        json={"value": value, **WIDGETS, **tier},
        headers=bearer("service"),
    )
    assert response.status_code in (200, 201), response.text


async def context(client: httpx.AsyncClient, **tier: str) -> Any:
    """The context of a task that nothing is known of."""
    params = {**WIDGETS, "task_description": "Paint it blue", **tier}
    response = await client.get(URL, params=params, headers=bearer("service"))
    assert response.status_code == 200, response.text
    return response.json()


async def test_the_context_of_a_task_holds_the_core_memory_whole(
    client: httpx.AsyncClient,
) -> None:
    """Though nothing is like the task; no block speaks for another, empty ones are left out."""
    await put(client, "persona", "Be brief.</block>")
    await put(client, "repository", "Built with make.\n" * 20)

    found = await context(client)

    assert found["similar_tasks"] == []
    assert found["core_memory"].count("</block>") == 2
    assert 'label="persona"' in found["core_memory"]
    assert "Be brief.<|block>" in found["core_memory"]
    assert found["core_memory"].count("Built with make.") == 20
    assert 'label="people"' not in found["core_memory"]


async def test_a_persons_context_has_the_repositorys_blocks_and_their_own(
    client: httpx.AsyncClient,
) -> None:
    """What is the person's is in nobody else's."""
    await put(client, "persona", "Be brief.")
    await put(client, "plan", "Learn to sail.", tier="person", person="mona")

    own = await context(client, tier="person", person="mona")
    others = await context(client)

    assert "Be brief." in own["core_memory"]
    assert "Learn to sail." in own["core_memory"]
    assert "Learn to sail." not in others["core_memory"]
