"""
The REST API of what is derived from memory, as a client sees it.
"""

from __future__ import annotations

import httpx
import pytest

from odyssey.domain.memory.record import Tenant
from odyssey.handlers.memory.derive import derive_once
from odyssey.ports import Ports
from web.rest import bearer

MEMORY = "/api/v1/memory"
REPOSITORY = "octo-org/widgets"


async def test_without_a_model_the_api_says_what_it_waits_for(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """Messages are kept, the job waits, nothing is a dead letter."""
    messages = [{"role": "user", "content": f"message {each}"} for each in range(10)]
    body = {"repository": REPOSITORY, "thread": "pull/7", "messages": messages}

    sent = await client.post(
        f"{MEMORY}/conversations/messages", json=body, headers=bearer("service")
    )
    await derive_once(ports)
    counted = await client.get(
        f"{MEMORY}/jobs", params={"repository": REPOSITORY}, headers=bearer("service")
    )
    [job_id] = sent.json()["job_ids"]
    job = await client.get(
        f"{MEMORY}/jobs/{job_id}", params={"repository": REPOSITORY}, headers=bearer("service")
    )

    assert sent.status_code == 202
    assert "ODYSSEY_LANGUAGE_MODEL" in sent.json()["waits_for"]
    assert counted.json()["jobs"]["synthesise"] == {"waiting": 1}
    assert counted.json()["language"] is None
    assert (job.json()["state"], job.json()["attempts"]) == ("waiting", 0)
    assert "payload" not in job.json()


async def test_a_summary_comes_at_once(client: httpx.AsyncClient) -> None:
    """Of messages or of a text; without a model it says that it is an extract."""
    for messages in ("One thing. Another thing.", [{"role": "user", "content": "One thing."}]):
        answer = await client.post(
            f"{MEMORY}/summaries",
            json={"repository": REPOSITORY, "messages": messages},
            headers=bearer("service"),
        )

        assert answer.status_code == 200, answer.text
        assert (answer.json()["method"], answer.json()["delivery"]) == ("extract", "sync")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/observations?tier=person", None, 422),
        ("GET", "/observations?tier=thread&person=mona", None, 422),
        ("GET", "/observations?as_of=yesterday", None, 400),
        ("GET", "/jobs/job_0000000000000000", None, 404),
        ("POST", "/consolidate", {"tier": "person"}, 422),
        ("POST", "/conversations/messages", {"messages": []}, 400),
        ("POST", "/conversations/messages", {"messages": [{"role": "x", "content": "y"}]}, 400),
        ("POST", "/summaries", {"messages": "x", "callback_url": "https://example.com/"}, 400),
        (
            "POST",
            "/summaries",
            {"messages": "x", "callback_url": "https://e.com", "callback_headers": {"Host": "x"}},
            400,
        ),
    ],
)
async def test_what_cannot_be_answered_is_an_error_and_never_a_wider_answer(
    client: httpx.AsyncClient, method: str, path: str, body: dict[str, object] | None, status: int
) -> None:
    """In the one form of all errors."""
    url = f"{MEMORY}{path}"
    if body is None:
        joined = f"{url}{'&' if '?' in url else '?'}repository={REPOSITORY}"
        answer = await client.request(method, joined, headers=bearer("service"))
    else:
        answer = await client.request(
            method, url, json={"repository": REPOSITORY, **body}, headers=bearer("service")
        )

    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error", "detail"}


async def test_a_reader_may_read_and_not_write(client: httpx.AsyncClient) -> None:
    """A person's own memory is nobody else's; a stranger learns nothing."""
    read = await client.get(
        f"{MEMORY}/observations", params={"repository": REPOSITORY}, headers=bearer("mona")
    )
    other = await client.get(
        f"{MEMORY}/observations",
        params={"repository": REPOSITORY, "person": "hubot"},
        headers=bearer("mona"),
    )
    stranger = await client.get(
        f"{MEMORY}/jobs", params={"repository": REPOSITORY}, headers=bearer("stranger")
    )
    nobody = await client.get(
        f"{MEMORY}/jobs", params={"repository": REPOSITORY}, headers=bearer("nobody-here")
    )
    unknown = await client.get(f"{MEMORY}/jobs", params={"repository": REPOSITORY})

    assert (read.status_code, read.json()) == (200, [])
    assert other.status_code == 403
    assert stranger.status_code == 404
    assert nobody.status_code == 401
    assert unknown.status_code == 401


async def test_consolidation_is_asked_for_once(client: httpx.AsyncClient, ports: Ports) -> None:
    """Two requests lead to one job; without anything to learn there is none."""
    body = {"repository": REPOSITORY}
    nothing = await client.post(f"{MEMORY}/consolidate", json=body, headers=bearer("service"))
    repository = await ports.github.find_installation(REPOSITORY)
    assert repository is not None
    tenant = Tenant.of(repository.installation_id, REPOSITORY)
    from contract.memory.records import record

    await ports.derived.learning.note(tenant, [record("c1", "x")], now=ports.now())

    first = await client.post(f"{MEMORY}/consolidate", json=body, headers=bearer("service"))
    second = await client.post(f"{MEMORY}/consolidate", json=body, headers=bearer("service"))

    assert nothing.json()["job_ids"] == []
    assert first.status_code == 202
    assert first.json()["job_ids"] == second.json()["job_ids"] != []
