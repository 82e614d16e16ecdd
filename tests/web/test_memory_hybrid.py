"""
Hybrid queries: filters that mean something, tiers that are kept apart, and the two orders.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from odyssey.domain.memory.record import Record, Trust
from odyssey.handlers.remember import tenant_of
from odyssey.ports import Ports
from web.github_on_paper import WIDGETS
from web.rest import assert_error, bearer, propose
from web.test_memory_semantic import add, post


async def hybrid(client: httpx.AsyncClient, options: dict[str, Any], **more: Any) -> Any:
    """The results of a hybrid query with structured options."""
    body = {"query_text": "billing", "structured_options": options, **more}
    response = await post(client, "hybrid/query", body)
    assert response.status_code == 200, response.text
    return response.json()["results"]


async def store(client: httpx.AsyncClient, task_id: str, **more: Any) -> None:
    """Keeps the outcome of a task."""
    body = {"task_id": task_id, "execution_summary": "Mended billing", "success": True, **more}
    response = await post(client, "store", body)
    assert response.status_code == 201, response.text


async def keep_logs(ports: Ports) -> None:
    """One record of each level, the oldest first."""
    kinds = [
        ("validation", "validation_failed"), ("merge", "merged"), ("merge", "tampered"),
        ("rejection", "rejected"), ("revert", "reverted"),
    ]  # fmt: skip
    await ports.memory.retain(
        tenant_of(WIDGETS),
        [
            Record(
                id=outcome,
                kind=kind,
                text=f"{outcome}: billing",
                occurred_at=ports.now() + timedelta(seconds=place),
                trust=Trust.TOOL,
                source=f"https://github.com/octo-org/widgets/pull/{place}",
                thread=f"pull/{place}",
                attributes={"outcome": outcome},
            )
            for place, (kind, outcome) in enumerate(kinds)
        ],
    )


@pytest.mark.parametrize(
    ("level", "ids"),
    [
        ("ERROR", ["validation_failed"]),
        ("error", ["validation_failed"]),
        ("CRITICAL", ["tampered"]),
        ("fatal", ["tampered"]),
        ("WARNING", ["reverted", "rejected"]),
        ("Warn", ["reverted", "rejected"]),
        ("INFO", ["merged"]),
        (None, ["reverted", "rejected", "tampered", "merged", "validation_failed"]),
    ],
)
async def test_log_entries_are_those_of_the_level(
    client: httpx.AsyncClient, ports: Ports, level: str | None, ids: list[str]
) -> None:
    """
    In any letter case, and by its usual other names; the newest first.
    """
    await keep_logs(ports)
    options = {"include_db_logs": True, "db_log_level_filter": level, "db_log_limit": 9}
    results = await hybrid(client, options, semantic_metadata_filter={"none": 1})

    assert [each["content"]["id"] for each in results] == ids


async def test_a_log_entry_is_found_behind_many_of_other_levels(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """
    One failure before thirty merges is the newest error.
    """
    await keep_logs(ports)
    merges = [
        Record(
            id=f"merge:{number}",
            kind="merge",
            text="Merged",
            occurred_at=ports.now() + timedelta(minutes=1),
            trust=Trust.TOOL,
            source="https://github.com/octo-org/widgets/pull/1",
        )
        for number in range(30)
    ]
    await ports.memory.retain(tenant_of(WIDGETS), merges)
    options = {"include_db_logs": True, "db_log_level_filter": "ERROR", "db_log_limit": 1}
    results = await hybrid(client, options, semantic_metadata_filter={"none": 1})

    assert [each["content"]["id"] for each in results] == ["validation_failed"]


async def test_pending_tasks_are_the_proposals_that_are_open(client: httpx.AsyncClient) -> None:
    """
    The seed's own filter: a task that has an outcome is not pending, and an open one has none.
    """
    await store(client, "t1")
    await store(client, "t2", success=False)
    receipt = await propose(client)
    tasks = {
        status: [
            (each["content"]["id"], each["content"]["status"])
            for each in await hybrid(client, {"include_tasks": True, "task_status_filter": status})
            if each["source_type"] == "task"
        ]
        for status in ("pending", "In-Progress", "completed", "done", "FAILED")
    }
    ended = f"/api/v1/self-modify/proposals/{receipt['proposal_id']}/reject"
    await client.post(ended, json={"reason": "No."}, headers=bearer("mona"))
    later = await hybrid(client, {"include_tasks": True, "task_status_filter": "pending"})

    assert tasks == {
        "pending": [(receipt["proposal_id"], "pending")],
        "In-Progress": [(receipt["proposal_id"], "pending")],
        "completed": [("t1", "completed")],
        "done": [("t1", "completed")],
        "FAILED": [("t2", "failed")],
    }
    assert [each for each in later if each["source_type"] == "task"] == []


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("task_status_filter", "pendign", "pending, completed, failed"),
        ("task_status_filter", "", "pending, completed, failed"),
        ("db_log_level_filter", "ERORR", "CRITICAL, ERROR, WARNING, INFO"),
        ("db_log_level_filter", "DEBUG", "CRITICAL, ERROR, WARNING, INFO"),
    ],
)
async def test_a_filter_that_nothing_can_fit_is_refused_with_what_there_is(
    client: httpx.AsyncClient, name: str, value: str, allowed: str
) -> None:
    """
    An empty answer would look as if there were none.
    """
    options = {"include_tasks": True, "include_db_logs": True, name: value}
    response = await post(
        client, "hybrid/query", {"query_text": "billing", "structured_options": options}
    )

    assert_error(response, 422, "UnprocessableEntity")
    assert allowed in response.json()["detail"]


async def test_a_hybrid_query_stays_in_its_tier(client: httpx.AsyncClient, ports: Ports) -> None:
    """
    Of a person and of a thread: what is theirs, and of the repository's what is by or about them.
    """
    await keep_logs(ports)
    for name, tier in (("mine", {"person": "mona"}), ("there", {"thread": "pull/3"}), ("all", {})):
        await add(client, f"The {name} entry on billing", id=name, **tier)
        await store(client, f"task-{name}", **tier)
    await propose(client, login="mona")
    options = {"include_tasks": True, "include_db_logs": True, "include_proposals": True}
    of_mona = await hybrid(client, options, person="mona")
    of_thread = await hybrid(client, options, thread="pull/3")
    refused = await client.post(
        "/api/v1/memory/hybrid/query",
        json={"repository": "octo-org/widgets", "query_text": "x", "person": "mona"},
        headers=bearer("reader"),
    )

    def ids(results: Any, kind: str) -> set[str]:
        return {each["content"]["id"] for each in results if each["source_type"] == kind}

    assert "mine" in ids(of_mona, "semantic_match")
    assert ids(of_mona, "task") == {"task-mine"}
    assert ids(of_mona, "db_log") == set()
    assert len(ids(of_mona, "proposal")) == 1
    assert "there" in ids(of_thread, "semantic_match")
    assert ids(of_thread, "task") == {"task-there"}
    assert ids(of_thread, "db_log") == {"rejected"}
    assert ids(of_thread, "proposal") == set()
    assert "there" not in str(of_mona)
    assert "mine" not in str(of_thread)
    assert_error(refused, 403, "PermissionDenied")


async def test_by_relevance_what_answers_best_comes_first(client: httpx.AsyncClient) -> None:
    """
    And by time what is newest; the structured data follow what was found.
    """
    times = {"best": "2023-01-01T00:00:00Z", "newer": "2025-01-01T00:00:00Z"}
    words = {"best": "billing billing invoices", "newer": "the page of billing is blue today"}
    for name, text in words.items():
        await add(client, text, id=name, metadata={"timestamp": times[name], "of": "test"})
    await store(client, "t1")
    asked = {"semantic_metadata_filter": {"of": "test"}, "query_text": "billing invoices"}
    orders = {
        order: [
            each["content"]["id"]
            for each in await hybrid(client, {"include_tasks": True}, order=order, **asked)
        ]
        for order in ("relevance", "timestamp")
    }

    assert orders == {
        "relevance": ["best", "newer", "t1"],
        "timestamp": ["t1", "newer", "best"],
    }
