"""
Consolidate: a model says what new records mean for the observations; what may be believed of
that is written.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from odyssey.domain.memory.consolidation import (
    Consolidated,
    Limits,
    consolidate,
    learnable,
    schema_for,
)
from odyssey.domain.memory.derived import index_id, read_scope
from odyssey.domain.memory.jobs import Job, JobKind
from odyssey.domain.memory.observation import Observation, Status
from odyssey.domain.memory.prompt import aliases_of, consolidation
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.settling import refreshed, settle
from odyssey.handlers.memory.index import index_observations
from odyssey.handlers.memory.needs import Needs
from odyssey.ports.derived import Language, Unanswered

log = logging.getLogger("odyssey.memory")

BATCH = 8
"""Records of one consolidation."""
SHOWN = 15
"""Observations of one consolidation."""
_NOTED = 500
"""Records noted in one transaction."""
_QUERY = 300
"""Characters of each record by which observations are looked for."""


async def note_everything(tenant: Tenant, ports: Needs) -> int:
    """
    Notes every event there is to be learnt from, those imported too; how many. Repeatable.

    What was learnt from already is not learnt from again.
    """
    count, batch = 0, list[Record]()
    async for stored in ports.memory.export(tenant):
        if stored.shelf is Shelf.EVENT:
            batch.append(stored.record)
            count += 1
        if len(batch) == _NOTED:
            await ports.derived.learning.note(tenant, batch, now=ports.now())
            batch = []
    await ports.derived.learning.note(tenant, batch, now=ports.now())
    return count


async def ask_consolidation(tenant: Tenant, ports: Needs, *, again: bool = False) -> list[str]:
    """
    The jobs that wait to learn from what nobody has learnt from, one for each scope.

    With *again* the dead letters get their attempts again.
    """
    now = ports.now()
    if again:
        await ports.derived.jobs.revive(tenant, now=now)
    return [
        await ports.derived.jobs.ask(tenant, JobKind.CONSOLIDATE, now=now, key=scope)
        for scope in await ports.derived.learning.scopes(tenant, now=now)
    ]


async def run_consolidation(tenant: Tenant, job: Job, ports: Needs, language: Language) -> None:
    """
    Learns from some of the records of the job's scope, and ends the job.

    Raises:
        Unanswered: the model's answer is of no use.
        Conflict: what the model was shown has changed; nothing was written.
    """
    scope = job.key
    records = await _records(tenant, job, ports)
    if not records:
        await ports.derived.jobs.finish(tenant, job, now=ports.now(), result={"records": 0})
        return
    job = await ports.derived.jobs.hold(
        tenant, job, {"scope": scope, "records": [one.id for one in records]}
    )
    shown = await shown_observations(tenant, scope, [one.text for one in records], ports)
    usable = list(learnable({one.id: one for one in records}).values())
    answer: dict[str, Any] = {"actions": []}
    if usable:
        names = aliases_of(usable, shown)
        schema = schema_for(records=names.records, observations=names.observations)
        answer = await language.answer(consolidation(usable, shown), schema)
    await settle_answer(tenant, job, ports, answer, scope=scope, records=usable, shown=shown,
                        learnt=[one.id for one in records])  # fmt: skip


async def shown_observations(
    tenant: Tenant, scope: str, texts: Sequence[str], ports: Needs
) -> list[Observation]:
    """The observations of a scope that texts may concern, those to be judged again first."""
    present = await ports.derived.observations.present(tenant, scope)
    stale = [one for one in present.values() if not one.is_fresh][: SHOWN // 3]
    chosen = {one.key: one for one in stale}
    if len(present) <= SHOWN:
        return list((chosen | present).values())
    recollections = await ports.memory.recall(
        tenant,
        "\n".join(text[:_QUERY] for text in texts),
        scope=read_scope(scope),
        limit=SHOWN,
        where={"status": Status.ACTIVE.value},
        shelf=Shelf.OBSERVATION,
    )
    rows = {index_id(key): one for key, one in present.items()}
    for each in recollections:
        if len(chosen) < SHOWN and (one := rows.get(each.record.id)) is not None:
            chosen.setdefault(one.key, one)
    return list(chosen.values())


async def settle_answer(
    tenant: Tenant,
    job: Job,
    ports: Needs,
    answer: Mapping[str, Any],
    *,
    scope: str,
    records: Sequence[Record],
    shown: Sequence[Observation],
    learnt: Sequence[str],
    refused: Sequence[str] = (),
    noted: Sequence[Mapping[str, Any]] = (),
) -> None:
    """
    Writes what may be believed of *answer*, which speaks of R1, R2 ... and O1, O2 ...

    *noted* are the actions that follow from notes; they name records by their ids.

    Raises:
        Unanswered: it holds no actions at all.
        Conflict: as `Observations.settle`.
    """
    now = ports.now()
    shown_by_key = {one.key: one for one in shown}
    resolved = aliases_of(records, shown).resolved(answer)
    if not isinstance(resolved.get("actions"), list):
        raise Unanswered("the model's answer holds no list of actions")
    outcome = consolidate(
        resolved,
        current=shown_by_key,
        records={one.id: one for one in records},
        scope=scope,
        limits=Limits(min_confidence=ports.derived.deriving.min_confidence),
        now=now,
        noted=noted,
    )

    def decide(present: Mapping[str, Observation]) -> list[Observation]:
        versions = settle(outcome.versions, shown=shown_by_key, present=present, at=now)
        touched = {one.key for one in versions}
        unchanged = [one for one in shown if present.get(one.key) == one]
        seen = {one.id for one in records}
        return [*versions, *refreshed(unchanged, touched=touched, seen=seen, at=now)]

    written = await ports.derived.observations.settle(
        tenant,
        job,
        decide,
        scope=scope,
        learnt=learnt,
        now=now,
        result=lambda versions: _told(versions, outcome, refused, len(records)),
    )
    log.info(
        "%s %s: tenant %s, %d records, %d versions, %d actions refused",
        job.kind, job.id, tenant, len(records), len(written), len(outcome.refused) + len(refused),
    )  # fmt: skip
    await index_observations(tenant, ports)


async def _records(tenant: Tenant, job: Job, ports: Needs) -> list[Record]:
    """The records the job holds, or the next that nobody has learnt from."""
    learning = ports.derived.learning
    held = [str(each) for each in job.payload.get("records", ())]
    ids = await learning.still(tenant, held) if held else []
    if not ids:
        ids = await learning.pending(tenant, job.key, limit=BATCH, now=ports.now())
    found = await ports.memory.read(tenant, ids)
    if missed := [each for each in ids if each not in found]:
        await learning.missed(tenant, missed, now=ports.now())
    return [found[each] for each in ids if each in found]


def _told(
    versions: Sequence[Observation],
    outcome: Consolidated,
    refused: Sequence[str],
    records: int,
) -> dict[str, Any]:
    new = [one for one in versions if one.status is not Status.UPDATED]
    return {
        "records": records,
        "created": sum(one.version == 1 for one in new),
        "updated": sum(one.version > 1 and one.status is Status.ACTIVE for one in new),
        "deleted": sum(one.status is Status.DELETED for one in new),
        "skipped": outcome.skipped,
        "refused": [*refused, *outcome.refused][:20],
    }
