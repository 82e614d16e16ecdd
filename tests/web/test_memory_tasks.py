"""
Task memories over REST: stored, found, learnt from, advised with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from odyssey.handlers.remember import tenant_of
from odyssey.ports import Ports
from web.github_on_paper import WIDGETS as WIDGETS_REF
from web.rest import assert_error, bearer, propose

STORE = "/api/v1/memory/store"
SEARCH = "/api/v1/memory/search"
PATTERNS = "/api/v1/memory/patterns"
WIDGETS = {"repository": "octo-org/widgets"}


async def store(client: httpx.AsyncClient, task_id: str, summary: str, **fields: Any) -> Any:
    """
    The receipt of a task that was carried out.
    """
    body = {
        **WIDGETS,
        "task_id": task_id,
        "execution_summary": summary,
        "success": True,
        "error_patterns": None,
        "auto_extract_patterns": False,
        **fields,
    }
    response = await client.post(STORE, json=body, headers=bearer("service"))
    assert response.status_code == 201, response.text
    return response.json()


async def search(client: httpx.AsyncClient, description: str, **fields: Any) -> Any:
    """
    The tasks that are like the one described.
    """
    body = {**WIDGETS, "task_description": description, "top_k": 5, **fields}
    response = await client.post(SEARCH, json=body, headers=bearer("service"))
    assert response.status_code == 200, response.text
    return response.json()


async def test_a_stored_task_is_found_by_one_like_it(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """From REST to the notebook, to the index, and back."""
    stored = await store(client, "task-123", "Implemented JWT authentication with Redis")
    await store(client, "task-9", "Drew a new logo for the website")

    found = await search(client, "Implement OAuth2 authentication", success_only=True)

    assert [each["task_id"] for each in found] == ["task-123"]
    assert found[0]["memory_id"] == stored["memory_id"]
    assert found[0]["success"] is True
    assert 0.35 <= found[0]["similarity_score"] <= 1
    assert found[0]["reused_count"] == 0


async def test_a_body_that_misspells_a_field_is_refused(client: httpx.AsyncClient) -> None:
    """A misspelt `person` must not store for everybody."""
    body = {"task_id": "t", "execution_summary": "s", "success": True, "persn": "mona", **WIDGETS}

    response = await client.post(STORE, json=body, headers=bearer("mona"))

    assert_error(response, 400, "BadRequest")


async def test_storing_again_answers_with_the_same_memory(client: httpx.AsyncClient) -> None:
    """A request that is repeated does no harm."""
    first = await store(client, "task-1", "Paint it blue")
    second = await store(client, "task-1", "Paint it blue")

    assert second == first


async def test_errors_are_taken_as_a_list_and_as_an_object(client: httpx.AsyncClient) -> None:
    """Both are seen in the wild."""
    await store(client, "t1", "Paint it blue", success=False, error_patterns=["KeyError: 'x'"])
    await store(client, "t2", "Paint it blue too", success=False, error_patterns={"E1": {"n": 2}})

    found = await search(client, "Paint it blue")

    errors = {each["task_id"]: each["error_patterns"] for each in found}
    assert errors == {"t1": ["KeyError: 'x'"], "t2": ['E1: {"n": 2}']}


async def test_a_search_counts_as_one_use_however_often_it_is_sent(
    client: httpx.AsyncClient,
) -> None:
    """Another question is another use."""
    await store(client, "t1", "Paint the house blue")
    counts = [
        (await search(client, description))[0]["reused_count"]
        for description in [
            "Paint the house",
            "Paint the house",
            "Paint the house",
            "Paint a house",
        ]
    ]

    assert counts == [0, 1, 1, 1]
    assert (await search(client, "Paint the house"))[0]["reused_count"] == 2


async def test_patterns_are_extracted_listed_and_voted_on(client: httpx.AsyncClient) -> None:
    """With the seed's own example, and 409 while there is too little."""
    extract = {**WIDGETS, "task_type_pattern": ".*authentication.*", "pattern_type": "success"}
    for number, words in enumerate(["validated and tested", "validated", "tested, validated"]):
        too_few = await client.post(
            f"{PATTERNS}/extract", json={**extract, "min_samples": 3}, headers=bearer("mona")
        )
        assert_error(too_few, 409, "Conflict")
        assert f"{number} successful tasks" in too_few.json()["detail"]
        await store(client, f"t{number}", f"Implemented authentication, {words}")
    made = await client.post(
        f"{PATTERNS}/extract", json={**extract, "min_samples": 3}, headers=bearer("mona")
    )
    identifier = made.json()["pattern_id"]
    voted = await client.post(
        f"{PATTERNS}/{identifier}/feedback",
        json={**WIDGETS, "helpful": True, "confidence_adjustment": 0.1},
        headers=bearer("mona"),
    )
    listed = await client.get(
        PATTERNS,
        params={**WIDGETS, "pattern_type": "success", "limit": 10},
        headers=bearer("reader"),
    )
    failures = await client.get(
        PATTERNS, params={**WIDGETS, "pattern_type": "failure"}, headers=bearer("reader")
    )

    assert made.status_code == 200
    assert made.json()["success_indicators"][0] == "validated"
    assert made.json()["confidence"] == 0.8
    assert voted.json()["confidence"] == round(5.1 / 6.1, 3)
    assert [each["pattern_id"] for each in listed.json()] == [identifier]
    assert failures.json() == []


async def test_patterns_are_narrowed_to_those_that_fit_a_type_of_task(
    client: httpx.AsyncClient,
) -> None:
    """By words that are of the kind, or by the kind as it was written; another finds none."""
    for kind in ("authentication", "billing"):
        for number in range(3):
            await store(client, f"{kind}-{number}", f"Mended {kind}, validated")
        made = await client.post(
            f"{PATTERNS}/extract",
            json={**WIDGETS, "task_type_pattern": f".*{kind}.*", "pattern_type": "success"},
            headers=bearer("mona"),
        )
        assert made.status_code == 200, made.text
    kinds = {}
    for asked in ("jwt authentication", ".*billing.*", "logo"):
        response = await client.get(
            PATTERNS, params={**WIDGETS, "task_type": asked}, headers=bearer("reader")
        )
        kinds[asked] = [each["task_type_pattern"] for each in response.json()]

    assert kinds == {
        "jwt authentication": [".*authentication.*"],
        ".*billing.*": [".*billing.*"],
        "logo": [],
    }


async def test_a_deleted_task_is_neither_found_nor_in_a_pattern(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """Both outcomes go; a pattern with too few samples left goes with them; a repeat is 404."""
    for number in range(3):
        await store(client, f"t/{number}", f"Mended authentication {number}, validated")
    await store(client, "t/0", "Broke authentication", success=False)
    await store(client, "t/0", "Authentication in secret colours", person="mona")
    extract = {**WIDGETS, "task_type_pattern": ".*authentication.*", "pattern_type": "success"}
    await client.post(f"{PATTERNS}/extract", json=extract, headers=bearer("mona"))
    url = "/api/v1/memory/tasks/t/0"
    refused = await client.delete(url, params=WIDGETS, headers=bearer("reader"))
    deleted = await client.delete(url, params=WIDGETS, headers=bearer("mona"))
    again = await client.delete(url, params=WIDGETS, headers=bearer("mona"))
    found = await search(client, "authentication", similarity_threshold=0)
    patterns = await client.get(PATTERNS, params=WIDGETS, headers=bearer("reader"))
    mine = await search(client, "Authentication in secret colours", person="mona")

    assert_error(refused, 403, "PermissionDenied")
    assert deleted.status_code == 200, deleted.text
    assert deleted.json()["deleted"] >= 4
    assert deleted.json()["left"] == 0
    assert_error(again, 404, "NotFound")
    assert {each["task_id"] for each in found} == {"t/1", "t/2"}
    assert patterns.json() == []
    assert [each["task_id"] for each in mine] == ["t/0"]


async def test_a_pattern_that_would_have_to_be_run_is_refused_with_the_remedy(
    client: httpx.AsyncClient,
) -> None:
    """422, and nothing is run."""
    response = await client.post(
        f"{PATTERNS}/extract",
        json={**WIDGETS, "task_type_pattern": "(a+)+$"},
        headers=bearer("mona"),
    )

    assert_error(response, 422, "UnprocessableEntity")
    assert ".*authentication.*" in response.json()["detail"]


async def test_the_context_of_a_task_holds_what_is_like_it_and_what_follows(
    client: httpx.AsyncClient,
) -> None:
    """By its own memory, or by a description; without both 404 says what to send."""
    for number in range(3):
        await store(
            client,
            f"t{number}",
            f"Implemented authentication {number}, validated",
            auto_extract_patterns=True,
        )
    params = {**WIDGETS, "top_k": "3"}
    url = "/api/v1/memory/tasks/{}/context"
    own = await client.get(url.format("t0"), params=params, headers=bearer("reader"))
    described = await client.get(
        url.format("org/repo%23new"),
        params={**params, "task_description": "Implement GitHub authentication"},
        headers=bearer("reader"),
    )
    unknown = await client.get(url.format("new"), params=params, headers=bearer("reader"))

    assert {each["task_id"] for each in own.json()["similar_tasks"]} == {"t1", "t2"}
    assert len(described.json()["similar_tasks"]) == 3
    [pattern] = described.json()["matching_patterns"]
    assert pattern["success_indicators"] == ["validated"]
    assert "100% success rate (3 of 3)" in described.json()["recommendations"][0]
    assert "few samples (3)" in described.json()["recommendations"][0]
    assert_error(unknown, 404, "NotFound")
    assert "task_description" in unknown.json()["detail"]


@pytest.mark.parametrize(
    "asked",
    [
        {"tier": "person"},
        {"tier": "thread"},
        {"tier": "repository", "person": "mona"},
        {"tier": "person", "thread": "pull/1"},
        {"person": "mona", "thread": "pull/1"},
    ],
)
async def test_a_tier_without_its_name_is_an_error_and_never_wider(
    client: httpx.AsyncClient, asked: dict[str, str]
) -> None:
    """On every verb that is asked with a body, and in a URL."""
    await store(client, "t1", "Paint it blue")
    body = {**WIDGETS, "task_description": "Paint it blue", **asked}

    in_body = await client.post(SEARCH, json=body, headers=bearer("service"))
    in_url = await client.get(PATTERNS, params={**WIDGETS, **asked}, headers=bearer("service"))

    assert_error(in_body, 422, "UnprocessableEntity")
    assert_error(in_url, 422, "UnprocessableEntity")


async def test_a_persons_memory_is_theirs_alone(client: httpx.AsyncClient) -> None:
    """Others with every permission do not read it, write it or vote on it."""
    body = {**WIDGETS, "task_id": "t1", "execution_summary": "Paint it blue", "success": True}
    own = await client.post(STORE, json={**body, "person": "Mona"}, headers=bearer("mona"))
    written = await client.post(STORE, json={**body, "person": "mona"}, headers=bearer("odyssey"))
    asked = {**WIDGETS, "task_description": "Paint it blue"}
    read = await client.post(SEARCH, json={**asked, "person": "mona"}, headers=bearer("odyssey"))
    wide = await client.post(SEARCH, json=asked, headers=bearer("mona"))
    mine = await client.post(SEARCH, json={**asked, "person": "mona"}, headers=bearer("mona"))

    assert own.status_code == 201
    assert_error(written, 403, "PermissionDenied")
    assert_error(read, 403, "PermissionDenied")
    assert wide.json() == []
    assert [each["task_id"] for each in mine.json()] == ["t1"]


async def test_who_may_read_may_not_write_and_who_may_not_see_is_told_nothing(
    client: httpx.AsyncClient,
) -> None:
    """403 for a reader, 404 for a stranger, also where there is no such repository; 401 without."""
    body = {**WIDGETS, "task_id": "t1", "execution_summary": "Paint it", "success": True}
    asked = {**WIDGETS, "task_description": "Paint it"}

    reader = await client.post(STORE, json=body, headers=bearer("reader"))
    stranger = await client.post(SEARCH, json=asked, headers=bearer("stranger"))
    nowhere = await client.post(
        SEARCH, json={**asked, "repository": "octo-org/none"}, headers=bearer("mona")
    )
    nobody = await client.post(SEARCH, json=asked)

    assert_error(reader, 403, "PermissionDenied")
    assert_error(stranger, 404, "NotFound")
    assert_error(nowhere, 404, "NotFound")
    assert_error(nobody, 401, "Unauthorized")


async def test_a_repository_never_sees_anothers_tasks(client: httpx.AsyncClient) -> None:
    """Also with a token that may see both."""
    await store(client, "t1", "Paint it blue")

    found = await search(client, "Paint it blue", repository="octo-org/secrets")

    assert found == []


async def test_while_the_store_is_away_the_task_is_kept_and_503_says_so(
    client: httpx.AsyncClient, ports: Ports, tmp_path: Path
) -> None:
    """The index is made when it is back; nothing was lost."""
    index = tmp_path / "memory" / f"{tenant_of(WIDGETS_REF)}.db"
    index.mkdir(parents=True)
    body = {**WIDGETS, "task_id": "t1", "execution_summary": "Paint it blue", "success": True}

    away = await client.post(STORE, json=body, headers=bearer("service"))
    asked = {**WIDGETS, "task_description": "Paint it blue"}
    unanswered = await client.post(SEARCH, json=asked, headers=bearer("service"))
    index.rmdir()
    found = await search(client, "Paint it blue")

    assert_error(away, 503, "Unavailable")
    assert "is kept" in away.json()["detail"]
    assert int(away.headers["Retry-After"]) >= 1
    assert_error(unanswered, 503, "Unavailable")
    assert [each["task_id"] for each in found] == ["t1"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("task_id", ""),
        ("task_id", "a b"),
        ("task_id", "../x"),
        ("execution_summary", " \n\x1c"),
        ("success", "perhaps"),
        ("error_patterns", 7),
        ("error_patterns", ["x"] * 51),
        ("files", [""]),
    ],
)
async def test_a_field_that_does_not_fit_is_named(
    client: httpx.AsyncClient, field: str, value: object
) -> None:
    """400, and nothing is kept."""
    body = {**WIDGETS, "task_id": "t1", "execution_summary": "x", "success": True, field: value}

    response = await client.post(STORE, json=body, headers=bearer("service"))

    assert_error(response, 400, "BadRequest")


async def test_an_ended_proposal_is_a_task_memory_by_itself(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """A rejection with the reviewer's words; its context is asked for by the proposal's id."""
    receipt = await propose(client)
    url = f"/api/v1/self-modify/proposals/{receipt['proposal_id']}/reject"
    rejected = await client.post(url, json={"reason": "Keep capitals."}, headers=bearer("mona"))
    assert rejected.status_code == 200, rejected.text

    found = await search(client, "Greet in lower case")
    context = await client.get(
        f"/api/v1/memory/tasks/{receipt['proposal_id']}/context",
        params=WIDGETS,
        headers=bearer("reader"),
    )

    assert [each["task_id"] for each in found] == [receipt["proposal_id"]]
    assert found[0]["success"] is False
    assert found[0]["error_patterns"] == ["rejected: Keep capitals."]
    assert found[0]["files"] == ["src/greeting.py"]
    assert found[0]["outcome_ref"] == f"pull/{receipt['pull_request']['number']}"
    assert context.status_code == 200
