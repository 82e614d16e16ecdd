"""
Open gate: a person with admin permission answers an alarm, and merging goes on.
"""

from __future__ import annotations

from odyssey.domain import alarm, comments
from odyssey.domain.events import IssueCommented
from odyssey.ports import Ports

MOST_WAITING = 200
"""Proposals of a repository that are looked at again at once; the others with their next event."""


async def open_gate(event: IssueCommented, ports: Ports) -> str:
    """
    The answer to `/odyssey open-gate` by a person who may give it.

    The issue is the only record: its marker is changed first, then each open proposal
    of the repository is looked at again. In any other issue nothing is done.
    """
    alarms = await ports.github.alarms(event.repository)
    body = alarms.get(event.number)
    standing = [each for each, text in sorted(alarms.items()) if alarm.is_standing(text)]
    if body is None:
        return comments.no_alarm_here(event.author, standing[0] if standing else None)
    # Also where it is answered already: somebody else may have edited it since.
    await ports.github.close_issue(
        event.repository, event.number, body=alarm.answered_body(body, event.author)
    )
    standing = [each for each in standing if each != event.number]
    proposals = await ports.proposals.newest(
        limit=MOST_WAITING, repository=event.repository.full_name
    )
    waiting = [each for each in proposals if each.pull_number and not each.status.is_final]
    for proposal in waiting:
        await ports.inbox.ask_reconcile(proposal.pull_request)
    return comments.gate_opened(event.author, len(waiting), standing=standing)
