"""
Apologise: a command that was given up for good gets its one answer all the same.
"""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from odyssey.domain import given_up
from odyssey.domain.commands import parse_commands
from odyssey.domain.errors import NotFound, WriteRefused
from odyssey.domain.events import Event, IssueCommented
from odyssey.domain.given_up import Cause
from odyssey.domain.identifiers import DeliveryId, InstallationId, RepositoryRef
from odyssey.handlers.once import comment_key
from odyssey.ports import ANSWER_OWED, Delivery, Ports
from odyssey.ports.healing import APOLOGISED

log = logging.getLogger("odyssey.apologise")


def owed_answer(
    delivery: Delivery, event: Event | None, cause: Cause, *, at: datetime
) -> Delivery | None:
    """
    The delivery that answers the command in *event*, given up *at* for *cause*; None without one.
    """
    if not isinstance(event, IssueCommented) or not event.author_is_person:
        return None
    if not parse_commands(event.body):
        return None
    body = {
        "installation_id": event.repository.installation_id,
        "owner": event.repository.owner,
        "name": event.repository.name,
        "number": event.number,
        "comment_id": event.comment_id,
        "author": event.author,
        "cause": cause,
        "minutes": (at - delivery.received_at) // timedelta(minutes=1),
    }
    return Delivery(
        # Of the delivery's own id: given up twice, it is answered once.
        id=DeliveryId(f"answer-{delivery.id}"),
        event=ANSWER_OWED,
        body=json.dumps(body).encode(),
        received_at=at,
        repository=event.repository,
    )


async def apologise(body: bytes, ports: Ports) -> None:
    """
    Says once in the thread what was given up, why, and what to do.

    *body* is that of a delivery that `owed_answer` made. Nothing is said where another
    delivery of the same comment was carried out meanwhile.

    Raises:
        Busy: another worker is at the comment; call again.
    """
    owed: dict[str, Any] = json.loads(body)
    repository = RepositoryRef(InstallationId(owed["installation_id"]), owed["owner"], owed["name"])
    marker = given_up.answer_marker(owed["comment_id"])
    text = given_up.answer(owed["author"], Cause(owed["cause"]), minutes=owed["minutes"])
    async with ports.proposals.lock(comment_key(repository, owed["comment_id"])):
        if await ports.notes.is_obeyed(repository, owed["comment_id"]):
            return
        try:
            await ports.github.post_comment(
                repository, owed["number"], f"{text}\n\n{marker}", marker=marker, look_first=True
            )
        except (WriteRefused, NotFound) as error:
            log.warning("no answer for comment %s: %s", owed["comment_id"], error)
        # That was its answer: no sweep may take the command up again.
        await ports.notes.tried(f"{APOLOGISED}{owed['comment_id']}", ports.now())
