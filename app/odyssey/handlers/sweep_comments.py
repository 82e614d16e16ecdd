"""
Sweep comments: commands that no delivery brought are worked as if one had.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from odyssey.domain.commands import parse_commands
from odyssey.domain.identifiers import DeliveryId
from odyssey.handlers.rebuild import know
from odyssey.ports import SWEPT, Delivery, Ports
from odyssey.ports.healing import APOLOGISED, Installed, ListedComment

WINDOW = timedelta(days=7)
"""An older command is not carried out any more: whoever gave it has moved on."""
OVERLAP = timedelta(minutes=10)
GRACE = timedelta(minutes=2)
"""A younger comment's own delivery is most likely on its way."""
MOST_LISTED = 3_000
MOST_TRIES = 3
MOST_GIVEN = 50
"""Comments given to the inbox from one repository in one sweep."""


async def sweep_comments(
    installed: Installed, ports: Ports, *, most: int = MOST_LISTED
) -> list[int]:
    """
    Gives the inbox the comments with commands that were never worked; their ids.

    A comment that was edited is no command: somebody else may have put it into another's mouth.
    Of more than *most* comments the oldest are read, and the others by the next sweep.
    """
    repository, name = installed.repository, f"sweep:comments:{installed.repository.full_name}"
    started = ports.now()
    await know(repository, ports)
    earliest = max(started - WINDOW, installed.since)
    last = await ports.notes.time(name)
    since = max(earliest, last - OVERLAP) if last else earliest
    given: list[int] = []
    listed = await ports.overview.comments(repository, since, most=most)
    # What is newer than the last one of a full list is for the next sweep.
    open_since = listed[-1].updated_at if len(listed) >= most else started
    for comment in listed:
        if comment.created_at < earliest or not await _is_due(comment, installed, ports):
            continue
        open_since = min(open_since, comment.updated_at)
        if comment.created_at > started - GRACE or len(given) >= MOST_GIVEN:
            continue
        if await _give(comment, installed, ports):
            given.append(comment.id)
    await ports.notes.set_time(name, open_since)
    return given


async def _is_due(comment: ListedComment, installed: Installed, ports: Ports) -> bool:
    """Whether it holds commands, is as its author wrote it, and was not worked or given up."""
    if not comment.author_is_person or comment.updated_at != comment.created_at:
        return False
    if not comment.body or not parse_commands(comment.body):
        return False
    if await ports.notes.is_obeyed(installed.repository, comment.id):
        return False
    apologies, _ = await ports.notes.tries(f"{APOLOGISED}{comment.id}")
    if apologies:
        return False
    count, _ = await ports.notes.tries(_id_of(comment))
    return count < MOST_TRIES


async def _give(comment: ListedComment, installed: Installed, ports: Ports) -> bool:
    body = await ports.overview.comment_delivery(installed.repository, comment)
    if body is None:
        # The times of the list do not tell an edit within the first second.
        await ports.notes.tried(_id_of(comment), _now(ports))
        return False
    is_new = await ports.inbox.accept(
        Delivery(
            id=_id_of(comment),
            event="issue_comment",
            body=body,
            received_at=_now(ports),
            repository=installed.repository,
        )
    )
    if is_new:
        await ports.notes.tried(_id_of(comment), _now(ports))
    return is_new


def _id_of(comment: ListedComment) -> DeliveryId:
    return DeliveryId(f"{SWEPT}comment:{comment.id}")


def _now(ports: Ports) -> datetime:
    return ports.now()
