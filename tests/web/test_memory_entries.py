"""
Entries by their ids: read, and deleted with what rested on them; and the list of events narrowed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest

from odyssey.domain.memory.entries import record_id
from odyssey.domain.memory.jobs import JobKind
from odyssey.domain.memory.observation import Observation, Source, Status
from odyssey.domain.memory.record import Record, Trust
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.handlers.remember import tenant_of
from odyssey.ports import Ports
from web.github_on_paper import WIDGETS
from web.rest import assert_error, bearer
from web.test_memory_semantic import MEMORY, WHERE, add, query

MINE = {"tier": "person", "person": "mona"}


async def entry(
    client: httpx.AsyncClient, method: str, name: str, *, by: str = "mona", **whose: str
) -> httpx.Response:
    """The answer about one entry of the widgets."""
    url = f"{MEMORY}/entries/{name.replace('#', '%23')}"
    return await client.request(method, url, params={**WHERE, **whose}, headers=bearer(by))


async def learn(ports: Ports, record_ids: list[str]) -> None:
    """An observation that rests on the records."""
    tenant, derived = tenant_of(WIDGETS), ports.derived
    kept = await ports.memory.read(tenant, record_ids)
    await derived.learning.note(tenant, list(kept.values()), now=ports.now())
    await derived.jobs.ask(tenant, JobKind.CONSOLIDATE, now=ports.now(), key="repository")
    job = await derived.jobs.take(
        tenant, [JobKind.CONSOLIDATE], now=ports.now(), lease=timedelta(minutes=1)
    )
    assert job is not None
    observation = Observation(
        key="obs_1",
        version=1,
        text="Billing fails on Mondays",
        sources=tuple(Source(ports.now(), each) for each in record_ids),
        confidence=0.9,
        scope="repository",
        created_at=ports.now(),
        status=Status.ACTIVE,
        reason="",
        is_fresh=True,
    )
    await derived.observations.settle(
        tenant, job, lambda _: [observation], scope="repository", learnt=record_ids, now=ports.now()
    )


async def test_an_entry_is_read_by_its_id_as_it_is_kept(client: httpx.AsyncClient) -> None:
    """
    With slashes and signs in the id; who may read may read it.
    """
    await add(client, "Billing failed", id="billing/2024#1", metadata={"year": 2024})
    found = await entry(client, "GET", "billing/2024#1", by="reader")

    assert found.status_code == 200, found.text
    assert found.json()["id"] == "billing/2024#1"
    assert found.json()["text"] == "Billing failed"
    assert found.json()["metadata"] == {"year": 2024}


async def test_a_deleted_entry_is_nowhere_and_what_rested_on_it_is_gone(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """
    What another entry says as well is learnt anew from that one; a second time it is 404.
    """
    tenant = tenant_of(WIDGETS)
    for name in ("one", "two"):
        await add(client, f"Billing failed, says {name}", id=name)
    records = [record_id(name, REPOSITORY) for name in ("one", "two")]
    await learn(ports, records)
    pending = await ports.derived.learning.pending(tenant, "repository", limit=9, now=ports.now())
    deleted = await entry(client, "DELETE", "one")
    again = await entry(client, "DELETE", "one")
    read = await entry(client, "GET", "one")
    left = await ports.derived.observations.present(tenant, "repository")
    anew = await ports.derived.learning.pending(tenant, "repository", limit=9, now=ports.now())

    assert deleted.status_code == 200, deleted.text
    assert deleted.json() == {"deleted": 2, "left": 0}
    assert_error(again, 404, "NotFound")
    assert_error(read, 404, "NotFound")
    assert [each["id"] for each in await query(client, "billing failed")] == ["two"]
    assert left == {}
    assert (pending, anew) == ([], records[1:])


async def test_an_entry_of_another_tier_is_neither_read_nor_deleted(
    client: httpx.AsyncClient,
) -> None:
    """
    The same id in three tiers is three entries; a person's own is theirs alone.
    """
    await add(client, "Ours", id="plan")
    await add(client, "My own", id="plan", **MINE)
    theirs = await entry(client, "GET", "plan", by="odyssey", **MINE)
    unknown = await entry(client, "DELETE", "plan", thread="pull/1")
    deleted = await entry(client, "DELETE", "plan")
    mine = await entry(client, "GET", "plan", **MINE)

    assert_error(theirs, 403, "PermissionDenied")
    assert_error(unknown, 404, "NotFound")
    assert deleted.json() == {"deleted": 1, "left": 0}
    assert mine.json()["text"] == "My own"


async def test_deleting_takes_the_permission_that_adding_takes(client: httpx.AsyncClient) -> None:
    """
    A reader is refused, a stranger learns nothing, and the entry stays.
    """
    await add(client, "Ours", id="plan")
    reader = await entry(client, "DELETE", "plan", by="reader")
    stranger = await entry(client, "DELETE", "plan", by="stranger")

    assert_error(reader, 403, "PermissionDenied")
    assert_error(stranger, 404, "NotFound")
    assert (await entry(client, "GET", "plan")).status_code == 200


async def test_ids_that_masking_makes_alike_are_deleted_one_by_one(
    client: httpx.AsyncClient,
) -> None:
    """
    An id may look like a secret; its source would be that of every such id.
    """
    names = ["ghp_" + letter * 36 for letter in "ab"]
    for name in names:
        await add(client, f"Entry {name[-1]}", id=name)
    deleted = await entry(client, "DELETE", names[0])
    other = await entry(client, "GET", names[1])

    assert deleted.json() == {"deleted": 1, "left": 0}
    assert other.json()["text"] == "Entry b"


@pytest.mark.parametrize(
    ("narrowed", "ids"),
    [
        ({"actor": "api_user:ci"}, {"by-service"}),
        ({"actor": "mona"}, {"by-mona"}),
        ({"actor": "dependabot[bot]"}, {"by-bot"}),
        ({"kind": "merge"}, {"by-bot"}),
        ({"kind": "semantic"}, {"by-service", "by-mona"}),
        ({"trust": "tool"}, {"by-bot"}),
        ({"trust": "agent", "kind": "semantic"}, {"by-service"}),
        ({"actor": "mona", "trust": "tool"}, set()),
    ],
)
async def test_events_are_narrowed_by_kind_actor_and_trust(
    client: httpx.AsyncClient, ports: Ports, narrowed: dict[str, str], ids: set[str]
) -> None:
    """
    A service is an actor too, by the name under which its entries are kept.
    """
    await add(client, "Billing failed", id="by-service", by="service")
    await add(client, "Billing failed", id="by-mona")
    merge = Record(
        id="by-bot",
        kind="merge",
        text="Merged",
        occurred_at=ports.now(),
        trust=Trust.TOOL,
        source="https://github.com/octo-org/widgets/pull/1",
        actor="dependabot[bot]",
    )
    await ports.memory.retain(tenant_of(WIDGETS), [merge])
    asked: dict[str, Any] = {**WHERE, **narrowed}
    response = await client.get(f"{MEMORY}/events", params=asked, headers=bearer("reader"))

    assert response.status_code == 200, response.text
    assert {each["id"] for each in response.json()["events"]} == ids


@pytest.mark.parametrize(
    "narrowed", [{"actor": "a b"}, {"kind": "a:b"}, {"trust": "everybody"}, {"actor": ""}]
)
async def test_events_are_not_narrowed_by_what_nothing_can_be(
    client: httpx.AsyncClient, narrowed: dict[str, str]
) -> None:
    """
    400, and not an empty page.
    """
    response = await client.get(
        f"{MEMORY}/events", params={**WHERE, **narrowed}, headers=bearer("reader")
    )

    assert_error(response, 400, "BadRequest")
