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

    The issue's marker is changed first, then what was kept of the alarm is dropped, and
    each open proposal of the repository is looked at again. In any other issue nothing is
    done, but for alarms whose issue was deleted: nobody can answer those there.
    """
    repository = event.repository
    kept = await ports.notes.alarms(repository)
    alarms = await ports.github.alarms(repository, known=kept)
    deleted = kept - alarms.keys()
    for each in deleted:
        await ports.notes.alarm_answered(repository, each)
    standing = [
        each for each, text in sorted(alarms.items()) if each in kept or alarm.is_standing(text)
    ]
    body = alarms.get(event.number)
    if body is None and (standing or not deleted):
        return comments.no_alarm_here(event.author, standing[0] if standing else None)
    if body is not None:
        # Also where it is answered already: somebody else may have edited it since.
        answered = alarm.answered_body(body, event.author)
        await ports.github.close_issue(repository, event.number, body=answered)
        await ports.notes.alarm_answered(repository, event.number)
    standing = [each for each in standing if each != event.number]
    proposals = await ports.proposals.newest(limit=MOST_WAITING, repository=repository.full_name)
    waiting = [each for each in proposals if each.pull_number and not each.status.is_final]
    for proposal in waiting:
        await ports.inbox.ask_reconcile(proposal.pull_request)
    return comments.gate_opened(event.author, len(waiting), standing=standing)
