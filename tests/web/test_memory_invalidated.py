"""
Records that are taken back over REST: what rests on them goes, and no tier reaches into another.
"""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from contract.memory.records import NOON, record
from contract.notebook.written import write_observations
from odyssey.domain.memory.observation import Observation, Source
from odyssey.domain.memory.record import Record, Tenant, Trust
from odyssey.domain.memory.scope import Tier
from odyssey.handlers.remember import tenant_of
from odyssey.ports import Ports
from web.github_on_paper import WIDGETS
from web.rest import assert_error, bearer

MEMORY = "/api/v1/memory"
MINE = {"person": "mona"}


@pytest.fixture
def tenant() -> Tenant:
    """Whose memory it is."""
    return tenant_of(WIDGETS)


def said_by_mona(name: str) -> Record:
    """What belongs to Mona alone."""
    return Record(
        id=name, kind="comment", text="I dread the release", occurred_at=NOON, trust=Trust.PERSON,
        source="", actor="mona", person="mona", tier=Tier.PERSON,
    )  # fmt: skip


async def believed(
    ports: Ports, tenant: Tenant, key: str, scope: str, *record_ids: str
) -> Observation:
    """An observation that rests on the records."""
    one = Observation(
        key=key, version=1, text=f"{key} is believed", scope=scope, confidence=0.9, created_at=NOON,
        sources=tuple(Source(NOON, each) for each in record_ids),
    )  # fmt: skip
    await write_observations(
        tenant, [one], jobs=ports.derived.jobs, observations=ports.derived.observations,
        now=ports.now(),
    )  # fmt: skip
    return one


async def take_back(
    client: httpx.AsyncClient, *record_ids: str, by: str = "mona", **whose: str
) -> httpx.Response:
    """The answer to an invalidation."""
    return await client.post(
        f"{MEMORY}/observations/invalidate",
        json={"repository": "octo-org/widgets", "record_ids": record_ids, **whose},
        headers=bearer(by),
    )


async def shown(client: httpx.AsyncClient, **whose: str) -> dict[str, Any]:
    """What a tier believes, by id."""
    answer = await client.get(
        f"{MEMORY}/observations",
        params={"repository": "octo-org/widgets", **whose},
        headers=bearer("mona"),
    )
    assert answer.status_code == 200, answer.text
    return {each["id"]: each for each in answer.json()}


async def test_what_rests_on_a_record_that_is_not_true_is_taken_back(
    client: httpx.AsyncClient, ports: Ports, tenant: Tenant
) -> None:
    """What rests on it alone is gone; with another source left it is to be judged again."""
    await ports.derived.learning.note(
        tenant, [record("c1", "x"), record("c2", "y")], now=ports.now()
    )
    await believed(ports, tenant, "alone", "repository", "c1")
    await believed(ports, tenant, "both", "repository", "c1", "c2")

    first = await take_back(client, "c1")
    second = await take_back(client, "c1", "never-heard-of")
    left = await shown(client)

    assert (first.status_code, first.json()) == (200, {"changed": 2})
    assert (second.status_code, second.json()) == (200, {"changed": 0})
    assert set(left) == {"both"}
    assert left["both"]["is_fresh"] is False
    assert [each["record_id"] for each in left["both"]["sources"]] == ["c2"]


@pytest.mark.parametrize("is_noted", [True, False])
async def test_a_persons_record_is_theirs_alone_to_take_back(
    client: httpx.AsyncClient, ports: Ports, tenant: Tenant, is_noted: bool
) -> None:
    """In another tier its id is one that nobody has heard of, also when it can be worked out."""
    if is_noted:
        await ports.derived.learning.note(tenant, [said_by_mona("m1")], now=ports.now())
    await believed(ports, tenant, "dread", "person:mona", "m1")

    others = [
        await take_back(client, "m1"),
        await take_back(client, "m1", thread="pull/7"),
        await take_back(client, "m1", by="service", person="hubot"),
    ]
    refused = await take_back(client, "m1", by="odyssey", **MINE)
    still = await shown(client, **MINE)
    to_learn = await ports.derived.learning.still(tenant, ["m1"])
    own = await take_back(client, "m1", **MINE)

    assert [each.json() for each in others] == [{"changed": 0}] * 3
    assert_error(refused, 403, "PermissionDenied")
    assert (still["dread"]["version"], still["dread"]["is_fresh"]) == (1, True)
    assert to_learn == (["m1"] if is_noted else [])
    assert own.json() == {"changed": 1}
    assert await shown(client, **MINE) == {}


async def test_what_rests_on_a_repositorys_record_in_a_persons_tier_is_taken_back_and_not_told_of(
    client: httpx.AsyncClient, ports: Ports, tenant: Tenant
) -> None:
    """The record is the repository's to take back, and how much Mona believes is not counted."""
    await ports.derived.learning.note(tenant, [record("c1", "x")], now=ports.now())
    await believed(ports, tenant, "ours", "repository", "c1")
    await believed(ports, tenant, "hers", "person:mona", "c1")

    hers_alone = await take_back(client, "c1", **MINE)
    before = await shown(client, **MINE)
    answer = await take_back(client, "c1")

    assert hers_alone.json() == {"changed": 0}
    assert set(before) == {"hers"}
    assert answer.json() == {"changed": 1}
    assert await shown(client, **MINE) == {}


async def test_taking_back_takes_permission_to_write(client: httpx.AsyncClient) -> None:
    """A reader may not; a stranger is told nothing; without a record there is nothing to do."""
    reader = await take_back(client, "c1", by="reader")
    stranger = await take_back(client, "c1", by="stranger")
    nothing = await take_back(client)

    assert_error(reader, 403, "PermissionDenied")
    assert_error(stranger, 404, "NotFound")
    assert_error(nothing, 400, "BadRequest")
