"""
Memory by command: what people let Odyssey keep, ask it for, and have it delete.
"""

from __future__ import annotations

from odyssey.domain import memory_text
from odyssey.domain.commands import Forget
from odyssey.domain.events import IssueCommented
from odyssey.domain.memory.masking import mask
from odyssey.domain.memory.record import Record, Trust
from odyssey.domain.memory.retention import storable
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.domain.memory_kinds import NOTE
from odyssey.handlers.memory.forget import (
    MOST_OF_THREAD,
    Erased,
    forget_everywhere,
    forget_thread,
)
from odyssey.handlers.memory.quote import bearing_on, quote_observations, quote_passages
from odyssey.handlers.remember import keep, mentioned_in, tenant_of
from odyssey.handlers.remember_said import thread_of
from odyssey.ports import Ports

BEST = 5
BEST_BESIDES = 3
"""Observations, and passages of the archive, that are shown beside what happened."""


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


async def forget(
    command: Forget, event: IssueCommented, ports: Ports, *, most: int = MOST_OF_THREAD
) -> str:
    """
    Deletes what *command* names from memory and from what was derived of it, and tells.

    Of a thread at most *most* rows at once; the answer then says that there are more.

    Raises:
        Unavailable: something is there still; call again.
    """
    tenant = tenant_of(event.repository)
    if command.number is not None:
        what, erased = f"#{command.number}", Erased()
        host = "/".join(event.url.split("/")[:3])
        for thread in (f"pull/{command.number}", f"issues/{command.number}"):
            url = f"{host}/{event.repository}/{thread}"
            erased += await forget_thread(thread, url, tenant, ports, most=most)
    else:
        person, source = command.person, command.source
        erased = await forget_everywhere(tenant, ports, source=source, person=person)
        what = f"@{person}" if person else str(source)
    return memory_text.forgotten(
        event.author, what, erased.rows, mentions=erased.mentions, is_done=erased.is_done
    )
