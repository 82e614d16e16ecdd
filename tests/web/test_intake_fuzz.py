"""
Whatever is sent, the intake does not fail.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

import httpx
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from web.deliveries import BODY, PATH, chunks, headers

NAMES = st.sampled_from(
    ["X-GitHub-Event", "X-GitHub-Delivery", "X-Hub-Signature-256", "Content-Length", "Expect"]
)

VALUES = st.binary(max_size=80) | st.sampled_from(
    [b"issue_comment", b"pull_request_review", b"workflow_run", str(uuid.uuid4()).encode()]
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=15,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(wrong=st.dictionaries(NAMES, VALUES, max_size=3), body=st.binary(max_size=300))
@example(wrong={}, body=b"{}")
async def test_no_request_makes_the_intake_fail(
    client: httpx.AsyncClient, wrong: dict[str, bytes], body: bytes
) -> None:
    """
    Whatever the headers and the body are, the answer is 202 or 4xx, as JSON.
    """
    raw = {**headers(body), **wrong}
    response = await client.post(PATH, content=chunks(body), headers=raw)  # type: ignore[arg-type]  # bytes

    assert response.status_code in (202, 400, 401, 413)
    assert response.json()


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    event=st.sampled_from(
        [
            ("issue_comment", "created"),
            ("pull_request", "opened"),
            ("pull_request_review", "submitted"),
            ("pull_request_review_thread", "resolved"),
            ("workflow_run", "completed"),
            ("check_run", "rerequested"),
        ]
    ),
    path=st.lists(st.sampled_from(range(60)), min_size=1, max_size=4),
    value=JSON,
)
async def test_no_signed_payload_makes_the_intake_fail(
    client: httpx.AsyncClient, event: tuple[str, str], path: list[int], value: Any
) -> None:
    """
    Somewhere in a payload stands what GitHub would never put there.
    """
    payload = json.loads(BODY)
    thing = {
        "number": 7,
        "id": 7,
        "head": {"sha": "a" * 40, "ref": "b"},
        "updated_at": "2026-11-20T07:41:52Z",
        "submitted_at": "2026-11-20T07:41:52Z",
        "head_sha": "a" * 40,
        "event": "workflow_dispatch",
        "path": ".github/workflows/x.yml",
        "head_branch": "main",
        "status": "completed",
        "html_url": "https://github.com/x",
    }
    for name in ("pull_request", "review", "thread", "workflow_run", "check_run"):
        payload[name] = dict(thing)
    payload["action"] = event[1]
    put(payload, path, value)
    body = json.dumps(payload).encode()
    response = await client.post(PATH, content=body, headers=headers(body, event[0]))

    assert response.status_code in (202, 400)


def put(payload: dict[str, Any], path: list[int], value: Any) -> None:
    """
    Replaces what *path* leads to: at each level the member of that number.
    """
    at = payload
    for number in path[:-1]:
        inner = [each for each in at.values() if isinstance(each, dict) and each]
        if not inner:
            break
        at = inner[number % len(inner)]
    names = list(at)
    at[names[path[-1] % len(names)]] = value
