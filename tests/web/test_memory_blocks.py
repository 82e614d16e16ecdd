"""
Core memory blocks and the archive over REST.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from web.rest import assert_error, bearer

BLOCKS = "/api/v1/memory/blocks"
ARCHIVE = "/api/v1/memory/archival"
WIDGETS = {"repository": "octo-org/widgets"}


async def change(client: httpx.AsyncClient, what: str, **fields: Any) -> httpx.Response:
    """
    The answer to a change of the block `persona`.
    """
    return await client.post(
        f"{BLOCKS}/persona/{what}", json={**WIDGETS, **fields}, headers=bearer("mona")
    )


async def test_a_repository_has_three_blocks_from_the_beginning(client: httpx.AsyncClient) -> None:
    """Whole, with their limits."""
    response = await client.get(BLOCKS, params=WIDGETS, headers=bearer("reader"))

    assert response.status_code == 200
    assert [each["label"] for each in response.json()] == ["people", "persona", "repository"]
    assert {(each["value"], each["version"]) for each in response.json()} == {("", 1)}


async def test_every_operation_makes_a_version_of_the_one_before(client: httpx.AsyncClient) -> None:
    """And all of them can be read afterwards."""
    answers = [
        await change(client, "append", text="Build with make.\nTest with tox.", expected_version=1),
        await change(client, "replace", old="tox", new="nox", expected_version=2),
        await change(client, "patch", diff="@@\n-Test with nox.\n+Test with pytest.\n"),
        await change(client, "rethink", value="Be brief.", expected_version=4),
        await change(client, "restore", version=3, expected_version=5),
    ]
    versions = await client.get(
        f"{BLOCKS}/persona/versions", params=WIDGETS, headers=bearer("reader")
    )
    third = await client.get(
        f"{BLOCKS}/persona/versions/3", params=WIDGETS, headers=bearer("reader")
    )

    assert [(each.status_code, each.json()["version"]) for each in answers] == [
        (200, version) for version in (2, 3, 4, 5, 6)
    ]
    assert answers[2].json()["value"] == "Build with make.\nTest with pytest."
    assert answers[4].json()["value"] == "Build with make.\nTest with nox."
    assert [(each["version"], each["operation"]) for each in versions.json()] == [
        (6, "restore"),
        (5, "rethink"),
        (4, "patch"),
        (3, "replace"),
        (2, "append"),
        (1, "create"),
    ]
    assert third.json()["value"] == "Build with make.\nTest with nox."
    assert third.json()["updated_by"] == "mona"


async def test_a_change_to_another_version_than_the_present_is_refused_with_that(
    client: httpx.AsyncClient,
) -> None:
    """409, and nothing is written; also for a deletion."""
    await change(client, "append", text="one")

    late = await change(client, "rethink", value="two", expected_version=1)
    params = {**WIDGETS, "expected_version": "1"}
    deleted = await client.delete(f"{BLOCKS}/persona", params=params, headers=bearer("mona"))
    shown = await client.get(f"{BLOCKS}/persona", params=WIDGETS, headers=bearer("mona"))

    assert_error(late, 409, "BlockChanged")
    assert late.json()["version"] == 2
    assert_error(deleted, 409, "BlockChanged")
    assert (shown.json()["value"], shown.json()["version"]) == ("one", 2)


async def test_a_block_is_made_set_and_deleted(client: httpx.AsyncClient) -> None:
    """What a PUT leaves out stays; 0 says that the block must not be there yet."""
    url, headers = f"{BLOCKS}/rules", bearer("mona")
    first = {**WIDGETS, "value": "Be kind.", "limit": 100, "expected_version": 0}

    made = await client.put(url, json=first, headers=headers)
    again = await client.put(url, json={**first, "value": "Be unkind."}, headers=headers)
    locked = await client.put(url, json={**WIDGETS, "read_only": True}, headers=headers)
    refused = await client.post(
        f"{url}/append", json={**WIDGETS, "text": "x"}, headers=bearer("mona")
    )
    kept = await client.delete(url, params=WIDGETS, headers=headers)
    await client.put(url, json={**WIDGETS, "read_only": False}, headers=headers)
    deleted = await client.delete(url, params=WIDGETS, headers=headers)
    gone = await client.get(url, params=WIDGETS, headers=headers)

    assert (made.status_code, made.json()["version"]) == (200, 1)
    assert_error(again, 409, "BlockChanged")
    assert (locked.json()["value"], locked.json()["limit"]) == ("Be kind.", 100)
    assert_error(refused, 409, "BlockReadOnly")
    assert_error(kept, 409, "BlockReadOnly")
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert_error(gone, 404, "NotFound")


@pytest.mark.parametrize(
    ("what", "fields", "status"),
    [
        ("rethink", {"value": "x" * 2_001}, 400),
        ("replace", {"old": "nowhere", "new": "x"}, 400),
        ("patch", {"diff": "no hunk"}, 400),
        ("restore", {"version": 7}, 404),
        ("append", {"text": ""}, 400),
        ("append", {"text": "x", "tier": "person"}, 422),
        ("append", {"text": "x", "person": "hubot"}, 403),
    ],
)
async def test_what_does_not_fit_changes_nothing(
    client: httpx.AsyncClient, what: str, fields: dict[str, Any], status: int
) -> None:
    """The status says whose fault it is."""
    answer = await change(client, what, **fields)
    shown = await client.get(f"{BLOCKS}/persona", params=WIDGETS, headers=bearer("mona"))

    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error", "detail"}
    assert shown.json()["version"] == 1


async def test_a_reader_reads_blocks_and_changes_none(client: httpx.AsyncClient) -> None:
    """A stranger is told nothing."""
    append = {**WIDGETS, "text": "x"}

    reader = await client.post(f"{BLOCKS}/persona/append", json=append, headers=bearer("reader"))
    stranger = await client.get(BLOCKS, params=WIDGETS, headers=bearer("stranger"))

    assert_error(reader, 403, "PermissionDenied")
    assert_error(stranger, 404, "NotFound")


async def test_a_passage_is_archived_once_and_found(client: httpx.AsyncClient) -> None:
    """By its words and tags; of another tier and repository it is not seen."""
    body = {**WIDGETS, "text": "The migration locked the orders table.", "tags": ["sql", "slow"]}
    first = await client.post(ARCHIVE, json=body, headers=bearer("mona"))
    second = await client.post(ARCHIVE, json=body, headers=bearer("mona"))

    async def search(**asked: Any) -> Any:
        response = await client.post(
            f"{ARCHIVE}/search", json={**WIDGETS, **asked}, headers=bearer("service")
        )
        assert response.status_code == 200, response.text
        return response.json()

    found = await search(query="locked table")
    assert (first.status_code, first.json()) == (201, second.json())
    assert [each["id"] for each in found] == [first.json()["id"]]
    assert found[0]["tags"] == ["sql", "slow"]
    assert (found[0]["trust"], found[0]["actor"]) == ("person", "mona")
    assert await search(query="sql")
    assert len(await search()) == 1
    assert await search(query="locked table", thread="pull/1") == []
    assert await search(query="locked table", repository="octo-org/secrets") == []
