"""
Synthesise: a conversation is read in two ways, and what was noted is settled against
the observations that are there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.consolidation import learnable, schema_for
from odyssey.domain.memory.derived import index_id, read_scope
from odyssey.domain.memory.jobs import Job
from odyssey.domain.memory.observation import Observation, Status
from odyssey.domain.memory.prompt import aliases_of, consolidation
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.scope import Shelf
from odyssey.domain.memory.synthesis import (
    Note,
    Reading,
    creations,
    linked,
    notes_of,
    notes_schema_for,
    reading_prompt,
)
from odyssey.handlers.memory.consolidate import SHOWN, settle_answer
from odyssey.handlers.memory.needs import Needs
from odyssey.ports.derived import Language

PATIENCE = timedelta(days=1)
"""How long a batch waits for messages that the store has not taken in yet."""


async def run_synthesis(tenant: Tenant, job: Job, ports: Needs, language: Language) -> None:
    """
    Learns from one batch of messages, and ends the job.

    A note that no observation is like becomes one; the others are settled by the model,
    with the observations they may concern before it.

    Raises:
        Unanswered: an answer of the model is of no use.
        Unavailable: the model is away, or the store lacks messages it has taken.
        Conflict: what the model was shown has changed; nothing was written.
    """
    scope = str(job.payload.get("scope", ""))
    ids = await ports.derived.learning.still(
        tenant, [str(each) for each in job.payload.get("records", ())]
    )
    found = await ports.memory.read(tenant, ids)
    if len(found) < len(ids) and ports.now() < job.created_at + PATIENCE:
        raise Unavailable(f"{len(ids) - len(found)} messages are not in the store yet; it is away")
    messages = list(learnable({each: found[each] for each in ids if each in found}).values())
    if not messages:
        await ports.derived.jobs.finish(tenant, job, now=ports.now(), result={"records": 0})
        return
    notes, refused = await _read_twice(messages, ports, language)
    shown, near, alone = await _linked(tenant, scope, notes, ports)
    settled: dict[str, Any] = {"actions": []}
    if near:
        names = aliases_of(messages, shown)
        settled = await language.answer(
            consolidation(messages, shown, notes=[(one.text, one.sources) for one in near]),
            schema_for(records=names.records, observations=names.observations),
        )
    actions = settled.get("actions")
    await settle_answer(
        tenant, job, ports, {"actions": actions if isinstance(actions, list) else []},
        scope=scope, records=messages, shown=shown, learnt=[one.id for one in messages],
        refused=refused, noted=creations(alone),
    )  # fmt: skip


async def _read_twice(
    messages: Sequence[Record], ports: Needs, language: Language
) -> tuple[list[Note], list[str]]:
    notes: list[Note] = []
    refused: list[str] = []
    schema = notes_schema_for(len(messages))
    for reading in Reading:
        # One after the other: on a server that answers one at a time, the second would wait out
        # its deadline behind the first.
        answer = await language.answer(reading_prompt(reading, messages), schema)
        some, problems = notes_of(
            answer,
            messages,
            reading=reading,
            min_confidence=ports.derived.deriving.min_confidence,
        )
        notes += some
        refused += problems
    return notes, refused


async def _linked(
    tenant: Tenant, scope: str, notes: Sequence[Note], ports: Needs
) -> tuple[list[Observation], list[Note], list[Note]]:
    """The observations that notes may concern; those notes; and the others."""
    present = await ports.derived.observations.present(tenant, scope)
    rows = {index_id(key): key for key in present}
    shown: dict[str, Observation] = {}
    near: list[Note] = []
    alone: list[Note] = []
    for note in notes:
        found = await ports.memory.recall(
            tenant,
            note.text,
            scope=read_scope(scope),
            limit=SHOWN,
            where={"status": Status.ACTIVE.value},
            shelf=Shelf.OBSERVATION,
        )
        links = linked(
            note,
            present.values(),
            similarities={
                rows[each.record.id]: each.similarity for each in found if each.record.id in rows
            },
            threshold=ports.derived.deriving.link_threshold,
        )
        (near if links else alone).append(note)
        for one in links:
            if len(shown) < SHOWN:
                shown.setdefault(one.key, one)
    return list(shown.values()), near, alone
