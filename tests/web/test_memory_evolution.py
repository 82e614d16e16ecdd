"""
The REST API of a memory's evolution, as a client sees it.
"""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from contract.notebook.written import write_observations
from odyssey.domain.memory.observation import Observation, Source, updated
from odyssey.domain.memory.record import Record, Tenant, Trust
from odyssey.domain.memory.scope import Tier
from odyssey.handlers.remember import tenant_of
from odyssey.ports import Ports
from web.github_on_paper import WIDGETS
from web.rest import assert_error, bearer

EVOLUTION = "/api/v1/memory/evolution"
REPOSITORY = "octo-org/widgets"
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def observation(key: str, *sources: str, scope: str = "repository") -> Observation:
    """A first version that rests on these records."""
    return Observation(
        key=key, version=1, text=f"{key} says <b>something</b>", confidence=0.8, scope=scope,
        sources=tuple(Source(NOW, each) for each in sources), created_at=NOW,
    )  # fmt: skip


def record(name: str, text: str, *, tier: Tier = Tier.REPOSITORY) -> Record:
    """A comment."""
    return Record(
        id=name, kind="comment", text=text, occurred_at=NOW, trust=Trust.PERSON, actor="mona",
        source="https://github.com/octo-org/widgets/issues/1", person="mona", tier=tier,
    )  # fmt: skip


@pytest.fixture
async def tenant(ports: Ports) -> Tenant:
    """The repository's memory: an observation in two versions, and others."""
    tenant = tenant_of(WIDGETS)
    await ports.memory.retain(
        tenant, [record("a", "tabs, please"), record("mine", "a secret", tier=Tier.PERSON)]
    )
    first = observation("obs_1", "a")
    second, retired = updated(
        first, text="now spaces", sources=[Source(NOW, "mine")], confidence=0.9, at=NOW
    )
    mine = observation("obs_mine", "mine", scope="person:mona")
    for versions in ([second, retired], [observation("obs_2", "b")], [observation("obs_3", "b")],
                     [mine]):  # fmt: skip
        await write_observations(
            tenant,
            versions,
            jobs=ports.derived.jobs,
            observations=ports.derived.observations,
            now=NOW,
        )
    return tenant


async def ask(client: httpx.AsyncClient, memory: str, **query: str) -> httpx.Response:
    """The answer to a service."""
    return await client.get(
        f"{EVOLUTION}/{memory}",
        params={"repository": REPOSITORY, **query},
        headers=bearer("service"),
    )


@pytest.mark.parametrize(
    ("form", "content_type", "begins"),
    [
        ("json", "application/json", "{"),
        ("markdown", "text/markdown; charset=utf-8", "## Evolution"),
        ("text", "text/plain; charset=utf-8", "Evolution of obs_1"),
        ("mermaid", "text/plain; charset=utf-8", "flowchart TD"),
        ("dot", "text/vnd.graphviz; charset=utf-8", "digraph"),
        ("html", "text/html; charset=utf-8", "<!doctype html>"),
    ],
)
async def test_an_evolution_comes_in_each_form(
    client: httpx.AsyncClient, tenant: Tenant, form: str, content_type: str, begins: str
) -> None:
    """With its own content type, and headers under which a browser runs nothing of it."""
    answer = await ask(client, "obs_1", format=form)

    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == content_type
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.text.startswith(begins)
    assert "now spaces" in answer.text


async def test_json_is_the_default_and_holds_the_whole_chain(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    """Asked by the observation's key, as a recall names it, or by the record it came from."""
    answers = [(await ask(client, each)).json() for each in ("obs_1", "observation:obs_1", "a")]

    assert [each["change"] for each in answers[0]["versions"]] == ["created", "reworded"]
    assert answers[0]["sources"][0]["text"] == "tabs, please"
    assert answers[0] == answers[1] == answers[2]


async def test_what_belongs_to_one_person_is_in_no_wider_answer(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    """Neither their observation nor the words of a private source."""
    wider = await ask(client, "obs_mine")
    shared = await ask(client, "obs_1")
    own = await ask(client, "obs_mine", person="mona")

    assert wider.status_code == 404
    assert "secret" not in shared.text
    assert own.json()["sources"][0]["text"] == "a secret"


@pytest.mark.parametrize(
    ("memory", "query", "status"),
    [
        ("obs_none", {}, 404),
        ("b", {}, 409),
        ("obs_1", {"format": "pdf"}, 400),
        ("obs_1", {"tier": "person"}, 422),
        ("x" * 201, {}, 400),
    ],
)
async def test_what_cannot_be_told_is_an_error(
    client: httpx.AsyncClient, tenant: Tenant, memory: str, query: dict[str, str], status: int
) -> None:
    """A record that became several observations names them."""
    answer = await ask(client, memory, **query)

    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error", "detail"}
    if status == 409:
        assert "obs_2, obs_3" in answer.json()["detail"]


async def test_nobody_sees_it_who_may_not_see_the_repository(
    client: httpx.AsyncClient, tenant: Tenant
) -> None:
    """A stranger is told the repository does not exist."""
    answer = await client.get(
        f"{EVOLUTION}/obs_1", params={"repository": REPOSITORY}, headers=bearer("stranger")
    )

    assert_error(answer, 404, "NotFound")
    assert "spaces" not in answer.text
