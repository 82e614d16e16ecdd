"""
What is derived from records, and to whom it belongs; how it stands on the shelves.
"""

from __future__ import annotations

from odyssey.domain.memory.observation import Observation, Status
from odyssey.domain.memory.record import Record, Trust, login_of, owner_of
from odyssey.domain.memory.scope import Scope, Tier

MESSAGE = "message"
"""The kind of a conversation's messages: they are learnt from by batches, not one by one."""


def scope_of(record: Record) -> str:
    """To whom alone what is learnt from a record belongs: as `scope_name` writes it."""
    owner = owner_of(record)
    return record.tier.value if record.tier is Tier.REPOSITORY else f"{record.tier.value}:{owner}"


def scope_name(scope: Scope) -> str:
    """How a scope is written down: `repository`, `person:mona`, `thread:pull/41`."""
    match scope.tier:
        case Tier.REPOSITORY:
            return scope.tier.value
        case Tier.PERSON:
            return f"{scope.tier.value}:{login_of(scope.name or '')}"
        case Tier.THREAD:
            return f"{scope.tier.value}:{scope.name}"


def read_scope(name: str) -> Scope:
    """What `scope_name` wrote."""
    tier, _, owner = name.partition(":")
    return Scope(Tier(tier), owner or None)


def index_id(key: str) -> str:
    """The id, and the source, of an observation's row on the shelf of observations."""
    return f"observation:{key}"


def indexed(observation: Observation) -> Record:
    """
    An observation as the shelf of observations has it, to be found by its words and meaning.

    Of one that is deleted only its status is left.
    """
    scope = read_scope(observation.scope)
    times = [source.occurred_at for source in observation.sources]
    is_gone = observation.status is Status.DELETED
    return Record(
        id=index_id(observation.key),
        kind="observation",
        text="(deleted)" if is_gone else observation.text,
        occurred_at=max(times, default=observation.created_at),
        trust=Trust.AGENT,
        source=index_id(observation.key),
        thread=scope.name if scope.tier is Tier.THREAD else None,
        person=scope.name if scope.tier is Tier.PERSON else None,
        tier=scope.tier,
        attributes={"status": observation.status.value},
    )
