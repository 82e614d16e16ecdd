"""
Attempts: proposals that end are task memories, without anybody storing them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from odyssey.domain.memory.record import Tenant, Trust
from odyssey.domain.memory.scope import REPOSITORY
from odyssey.domain.memory.tasks import MAX_FILES, MAX_SUMMARY, TaskMemory, short_errors
from odyssey.domain.proposal import Proposal, Status
from odyssey.handlers.memory.needs import Needs
from odyssey.handlers.memory.tasks import store_task


async def learn_from_attempt(proposal: Proposal, tenant: Tenant, ports: Needs) -> None:
    """
    Keeps as a task memory that *proposal* was merged, rejected, or failed its validation.

    Of other proposals nothing is learnt. Repeatable.

    Raises:
        Unavailable: the notebook is away.
    """
    validation = proposal.current_validation
    match proposal.status:
        case Status.MERGED if proposal.merge:
            memory = _memory(proposal, success=True, at=proposal.merge.at, by=proposal.requester)
        case Status.REJECTED if proposal.rejection:
            rejection = proposal.rejection
            memory = _memory(
                proposal,
                success=False,
                at=rejection.at,
                by=rejection.by,
                errors=(f"rejected: {rejection.reason}",),
            )
        case Status.VALIDATION_FAILED if validation and validation.completed_at:
            memory = _memory(
                proposal,
                success=False,
                at=validation.completed_at,
                by=proposal.requester,
                errors=(
                    *(f"{each.name}: {each.message}" for each in validation.failures),
                    validation.reason,
                ),
                trust=Trust.TOOL,
            )
        case _:
            return
    await _keep(memory, tenant, ports)


async def learn_from_revert(
    original: Proposal, *, reason: str, by: str, at: datetime, tenant: Tenant, ports: Needs
) -> None:
    """Keeps of a merged proposal that it was taken back: a failure after all. Repeatable."""
    memory = _memory(original, success=False, at=at, by=by, errors=(f"reverted: {reason}",))
    await _keep(memory, tenant, ports)


async def _keep(memory: TaskMemory, tenant: Tenant, ports: Needs) -> None:
    earlier = await ports.derived.tasks.of_task(tenant, REPOSITORY, memory.task_id)
    known = [each for each in earlier if each.success is memory.success]
    if known:
        # A second failure of one proposal does not undo what the first one taught.
        errors = short_errors((*memory.error_patterns, *known[0].error_patterns))
        people = tuple(dict.fromkeys((*memory.people, *known[0].people)))
        memory = replace(memory, error_patterns=errors, people=people)
    await store_task(memory, tenant, ports)


def _memory(
    proposal: Proposal,
    *,
    success: bool,
    at: datetime,
    by: str,
    errors: tuple[str, ...] = (),
    trust: Trust = Trust.PERSON,
) -> TaskMemory:
    return TaskMemory(
        task_id=proposal.id,
        summary=(proposal.commit_message.strip() or proposal.title or proposal.id)[:MAX_SUMMARY],
        success=success,
        learned_at=at,
        error_patterns=short_errors(errors),
        files=tuple(proposal.paths[:MAX_FILES]),
        outcome_ref=f"pull/{proposal.pull_number}",
        source=proposal.source_url,
        actor=proposal.requester,
        people=() if by == proposal.requester else (by,),
        trust=trust,
    )
