"""
The archive over REST while the store is away.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx

from odyssey.ports import Ports
from odyssey.settings import Settings
from web.rest import assert_error, bearer
from web.test_memory_semantic import Away, over

ARCHIVE = "/api/v1/memory/archival"
WIDGETS = {"repository": "octo-org/widgets"}


async def test_while_the_store_is_away_a_passage_is_taken_in_and_searching_waits(
    client: httpx.AsyncClient, ports: Ports, app_settings: Settings, tmp_path: Path
) -> None:
    """It was refused before it was anywhere; now it is found when the store is back."""
    body = {**WIDGETS, "text": "The migration locked the orders table."}
    away = Away(tmp_path / "memory")
    async with over(replace(ports, memory=away), app_settings) as dark:
        first = await dark.post(ARCHIVE, json=body, headers=bearer("mona"))
        again = await dark.post(ARCHIVE, json=body, headers=bearer("mona"))
        refused = await dark.post(f"{ARCHIVE}/search", json=WIDGETS, headers=bearer("mona"))
    await away.close()
    found = await client.post(f"{ARCHIVE}/search", json=WIDGETS, headers=bearer("mona"))

    assert (first.status_code, first.json()) == (201, again.json())
    assert_error(refused, 503, "Unavailable")
    assert "Retry-After" in refused.headers
    assert [each["id"] for each in found.json()] == [first.json()["id"]]
