"""
Memory by command: what people let Odyssey keep, ask it for, and have it delete.
"""

from __future__ import annotations

from collections import Counter

from odyssey.domain import memory_text
from odyssey.domain.commands import Forget
from odyssey.domain.events import IssueCommented
from odyssey.domain.identifiers import RepositoryRef
from odyssey.domain.memory.masking import mask
from odyssey.domain.memory.record import Record, Tenant, Trust
from odyssey.domain.memory.retention import storable
from odyssey.domain.memory.scope import REPOSITORY, Scope, Shelf
from odyssey.domain.memory_kinds import NOTE
from odyssey.handlers.memory.forget import forget_everywhere
from odyssey.handlers.memory.quote import bearing_on, quote_observations, quote_passages
from odyssey.handlers.remember import keep, mentioned_in, tenant_of
from odyssey.handlers.remember_said import thread_of
from odyssey.ports import Ports

BEST = 5
BEST_BESIDES = 3
"""Observations, and passages of the archive, that are shown beside what happened."""
_PAGE = 200
_ROUNDS = 50
"""Pages of a thread that are deleted in one command: 10,000 rows."""


async def remember(text: str, index: int, event: IssueCommented, ports: Ports) -> str:
    """
    Keeps *text* as the words of the comment's author; the answer shows it as it is kept.
    """
    masked = mask(storable(text))
    record = Record(
        id=f"note:{event.comment_id}:{index}",
        kind=NOTE,
        text=masked.text,
        occurred_at=event.created_at,
        trust=Trust.PERSON,
        source=event.url,
        actor=event.author,
        thread=thread_of(event),
        person=event.author,
        attributes={
            "comment_id": str(event.comment_id),
            **mentioned_in(masked.text, event.created_at),
        },
    )
    await keep(event.repository, [record], ports)
    return memory_text.remembered(event.author, masked.text, masked=masked.count)


async def recall(question: str, event: IssueCommented, ports: Ports) -> str:
    """
    The answer from what belongs to everybody in the repository; nobody's own memory is in it.
    """
    tenant, asked = tenant_of(event.repository), storable(question)
    found = await ports.memory.recall(tenant, asked, scope=REPOSITORY, limit=3 * BEST)
    # A score means nothing on another shelf, so each has its own list.
    learnt = await quote_observations(asked, tenant, ports, limit=BEST_BESIDES)
    archived = await quote_passages(asked, tenant, ports, limit=BEST_BESIDES)
    return memory_text.recalled(
        event.author, question, bearing_on(found)[:BEST], learnt=learnt, archived=archived
    )


async def forget(command: Forget, event: IssueCommented, ports: Ports) -> str:
    """
    Deletes what *command* names from memory and from what was derived of it, and tells.

    Raises:
        Unavailable: something is there still; call again.
    """
    tenant = tenant_of(event.repository)
    if command.number is not None:
        deleted = await _forget_threads(command.number, event.repository, event.url, tenant, ports)
        what = f"#{command.number}"
    else:
        person, source = command.person, command.source
        deleted = await forget_everywhere(tenant, ports, source=source, person=person)
        what = f"@{person}" if person else str(source)
    return memory_text.forgotten(event.author, what, deleted)


async def _forget_threads(
    number: int, repository: RepositoryRef, url: str, tenant: Tenant, ports: Ports
) -> Counter[str]:
    host = "/".join(url.split("/")[:3])
    count: Counter[str] = Counter()
    for thread in (f"pull/{number}", f"issues/{number}"):
        count += await forget_everywhere(tenant, ports, source=f"{host}/{repository}/{thread}")
        for shelf in Shelf:
            for _ in range(_ROUNDS):
                found = await ports.memory.recall(
                    tenant, "", scope=Scope.of_thread(thread), limit=_PAGE, shelf=shelf
                )
                sources = {each.record.source for each in found}
                for source in sorted(sources):
                    count += await forget_everywhere(tenant, ports, source=source)
                if not sources:
                    break
    return count
