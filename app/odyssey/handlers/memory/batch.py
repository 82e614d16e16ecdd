"""
Batch: a conversation's messages are kept at once, and learnt from when there are enough.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from odyssey.domain.errors import Conflict, Unavailable
from odyssey.domain.memory.derived import MESSAGE, scope_name
from odyssey.domain.memory.happening import stored
from odyssey.domain.memory.record import Record, Tenant, Trust
from odyssey.domain.memory.retention import retainable
from odyssey.domain.memory.scope import Scope, Tier
from odyssey.handlers.memory.needs import Needs

ROLES = {
    "user": Trust.PERSON,
    "assistant": Trust.AGENT,
    "system": Trust.AGENT,
    "tool": Trust.TOOL,
    "memory": Trust.INJECTED,
}
"""Who vouches for a message, by its role; what was taken from memory is never learnt again."""


class MessageExists(Conflict):
    """Another message of this conversation has the id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message; with an `id` of the caller's, sending it twice is sending it once."""

    role: str
    content: str
    id: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batched:
    """What became of messages: their ids, the jobs they filled, how many wait for more."""

    record_ids: tuple[str, ...]
    jobs: tuple[str, ...]
    waiting: int


async def add_messages(
    tenant: Tenant,
    scope: Scope,
    messages: Sequence[Said],
    ports: Needs,
    *,
    actor: str,
    person: str | None = None,
    thread: str | None = None,
    session: str = "",
    is_service: bool = False,
) -> Batched:
    """
    Keeps the messages of *scope*, verbatim, and batches those that may be learnt from.

    Subscribers are told of each. *person* and *thread* say where it was said, whatever the
    scope. Each *session* is a conversation of its own: with its own ids, and its own
    batches. A service (*is_service*) vouches for no person: a user's words are those of a
    tool then.

    Raises:
        MessageExists: another message has an id; nothing was kept.
        Unavailable: the notebook is away, or the store is and cannot say what has an id.
    """
    now = ports.now()
    records = [
        _record(
            one, scope, actor=actor, person=person, thread=thread, session=session,
            trust=_trust(one, is_service=is_service), now=now,
        )
        for one in messages
    ]  # fmt: skip
    await _refuse_others(tenant, messages, records, ports)
    # First the note, then the record, then the batch: cut off in between, nothing is learnt
    # from what nobody kept, and sending the messages again completes it.
    await ports.derived.learning.note(tenant, records, now=now)
    await ports.memory.retain(tenant, records)
    jobs, waiting = await ports.derived.conversations.add(
        tenant,
        scope_name(scope),
        [one.id for one in records if one.trust is not Trust.INJECTED],
        size=ports.derived.deriving.batch_size,
        now=now,
        # Its digest: the notebook's rows of messages hold no text.
        session=_digest(session) if session else "",
    )
    for one in records:
        await ports.derived.events.publish(stored(one, tenant, at=now))
    return Batched(record_ids=tuple(one.id for one in records), jobs=tuple(jobs), waiting=waiting)


async def flush_due(tenant: Tenant, ports: Needs) -> list[str]:
    """The jobs of the batches whose first message has waited long enough."""
    deriving, now = ports.derived.deriving, ports.now()
    return await ports.derived.conversations.flush(
        tenant, added_before=now - deriving.flush_after, size=deriving.batch_size, now=now
    )


async def _refuse_others(
    tenant: Tenant, messages: Sequence[Said], records: Sequence[Record], ports: Needs
) -> None:
    named = [
        (said.id, retainable(one)[0])
        for said, one in zip(messages, records, strict=True)
        if said.id
    ]
    ids = [one.id for _, one in named]
    try:
        kept = await ports.memory.read(tenant, ids)
    except Unavailable as error:
        # The first would stay, and if these are other words they would be lost.
        if known := await ports.derived.conversations.known(tenant, ids):
            name = next(name for name, one in named if one.id in known)
            raise Unavailable(
                f"message {name} may be there with other content, and the store is away: ask again"
            ) from error
        kept = {}
    texts = {each.id: each.text for each in kept.values()}
    for name, one in named:
        if texts.setdefault(one.id, one.text) != one.text:
            raise MessageExists(
                f"message {name} is there already with other content, and nothing was kept: "
                "choose another id, or say with session_id which conversation it is of"
            )


def _record(
    said: Said,
    scope: Scope,
    *,
    actor: str,
    person: str | None,
    thread: str | None,
    session: str,
    trust: Trust,
    now: datetime,
) -> Record:
    name = said.id or uuid.uuid4().hex
    where = f"{scope_name(scope)}\x1f{name}"
    if session:
        where = json.dumps([scope_name(scope), session, name])
    record_id = f"message:{_digest(where)}"
    return Record(
        id=record_id,
        kind=MESSAGE,
        text=said.content,
        occurred_at=said.at or now,
        trust=trust,
        source=record_id,
        actor=person if said.role == "user" and person else actor,
        thread=scope.name if scope.tier is Tier.THREAD else thread,
        person=scope.name if scope.tier is Tier.PERSON else person,
        tier=scope.tier,
        attributes={"session": session} if session else {},
    )


def _trust(said: Said, *, is_service: bool) -> Trust:
    trust = ROLES[said.role]
    return Trust.TOOL if is_service and trust is Trust.PERSON else trust


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
