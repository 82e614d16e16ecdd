"""
Remember: every attempt, its outcome and the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from odyssey.domain.answer_text import revert_reason
from odyssey.domain.identifiers import ProposalId, RepositoryRef
from odyssey.domain.memory.happening import stored
from odyssey.domain.memory.record import MENTIONED, Record, Tenant, Trust
from odyssey.domain.memory.time_window import find_window, window_text
from odyssey.domain.proposal import Proposal, Status
from odyssey.handlers.memory.attempts import learn_from_attempt, learn_from_revert
from odyssey.ports import Ports

MAX_FILES = 50
"""Paths of a change that are kept with it."""
MAX_READ = 4_000
"""Characters of a text in which a time is looked for."""


def tenant_of(repository: RepositoryRef) -> Tenant:
    """Whose memory a repository's attempts belong to."""
    return Tenant.of(repository.installation_id, repository.full_name)


async def keep(repository: RepositoryRef, records: Sequence[Record], ports: Ports) -> None:
    """Keeps the records, and tells whoever subscribed to it. Repeatable."""
    tenant = tenant_of(repository)
    await ports.memory.retain(tenant, records)
    for record in records:
        await ports.derived.events.publish(stored(record, tenant, at=ports.now()))


def mentioned_in(text: str, said_at: datetime) -> dict[str, str]:
    """The time that *text* speaks of, as the attribute `MENTIONED`; none where it names none."""
    try:
        window = find_window(text[:MAX_READ], now=said_at, nearest=True)
    except (ValueError, OverflowError):
        return {}
    if window is None:
        return {}
    return {MENTIONED: window_text(window)}


async def retain_proposal(proposal: Proposal, ports: Ports) -> None:
    """Keeps that *proposal* was opened, with what identifies its change. Repeatable."""
    await keep(
        proposal.repository,
        [
            _record(
                proposal,
                kind="proposal",
                suffix="opened",
                text=describe_change(proposal.commit_message, proposal.paths),
                at=proposal.created_at,
                actor=proposal.requester,
                outcome="opened",
            )
        ],
        ports,
    )


async def retain_alarm(proposal: Proposal, words: str, ports: Ports) -> None:
    """Keeps that the merge of *proposal* was not what was approved. Repeatable."""
    assert proposal.merge is not None
    await keep(
        proposal.repository,
        [
            _record(
                proposal,
                kind="merge",
                suffix=f"tampered:{proposal.merge.head_sha}",
                text=f"Merged something else than approved: {proposal.title}. {words}",
                at=proposal.merge.at,
                actor=ports.app.bot_login,
                outcome="tampered",
            )
        ],
        ports,
    )


async def retain_outcome(proposal: Proposal, ports: Ports) -> Proposal:
    """
    Keeps how the attempt stands, once for each outcome of each head SHA.
    """
    outcome = _outcome(proposal)
    if outcome is None:
        return proposal
    kind, suffix, text, at, actor = outcome
    if suffix == proposal.retained:
        return proposal
    await keep(
        proposal.repository,
        [
            _record(
                proposal,
                kind=kind,
                suffix=suffix,
                text=text,
                at=at,
                actor=actor,
                outcome=str(proposal.status),
            )
        ],
        ports,
    )
    if proposal.status is Status.MERGED and proposal.reverts:
        await _retain_reverted(proposal, ports)
    await learn_from_attempt(proposal, tenant_of(proposal.repository), ports)
    return replace(proposal, retained=suffix)


async def _retain_reverted(revert: Proposal, ports: Ports) -> None:
    """Keeps of the original that it was taken back, and why."""
    original = await ports.proposals.get(ProposalId(revert.reverts))
    if original is None or revert.merge is None:
        return
    reason = revert_reason(revert)
    record = _record(
        original,
        kind="revert",
        suffix=f"reverted:{revert.id}",
        text=f"Reverted: {original.title}. {revert.requester} said: {reason}",
        at=revert.merge.at,
        actor=revert.requester,
        outcome="reverted",
    )
    await keep(original.repository, [record], ports)
    await learn_from_revert(
        original,
        reason=reason,
        by=revert.requester,
        at=revert.merge.at,
        tenant=tenant_of(original.repository),
        ports=ports,
    )


def _outcome(proposal: Proposal) -> tuple[str, str, str, datetime, str] | None:
    title, validation = proposal.title, proposal.current_validation
    match proposal.status:
        case Status.MERGED if proposal.merge:
            by = ", ".join(proposal.merge.approved_by)
            text = f"Merged: {title}. Approved by {by} at {proposal.merge.head_sha[:7]}."
            return "merge", f"merged:{proposal.merge.head_sha}", text, proposal.merge.at, by
        case Status.REJECTED if proposal.rejection:
            rejection = proposal.rejection
            text = f"Rejected: {title}. {rejection.by} said: {rejection.reason}"
            return "rejection", f"rejected:{rejection.at}", text, rejection.at, rejection.by
        case Status.VALIDATION_FAILED if validation and validation.completed_at:
            tests = "; ".join(f"{each.name}: {each.message[:300]}" for each in validation.failures)
            text = f"Validation failed: {title}. {validation.reason} {tests}".strip()
            return (
                "validation",
                f"validation_failed:{validation.nonce}",
                text,
                validation.completed_at,
                "sandbox",
            )
    return None


def describe_change(message: str, paths: tuple[str, ...]) -> str:
    """The words by which a change is kept and found: its message and paths."""
    return f"{message.strip()}\n\nFiles: {', '.join(paths[:MAX_FILES])}"


def files_of(paths: tuple[str, ...]) -> str:
    """The paths as one attribute."""
    return ",".join(paths[:MAX_FILES])


def _record(
    proposal: Proposal, *, kind: str, suffix: str, text: str, at: datetime, actor: str, outcome: str
) -> Record:
    number = proposal.pull_number
    return Record(
        id=f"{proposal.id}:{suffix}",
        kind=kind,
        text=text,
        occurred_at=at,
        actor=actor,
        trust=_trust(kind, actor),
        source=proposal.source_url,
        thread=f"pull/{number}",
        person=actor if kind in ("proposal", "rejection", "revert") else None,
        attributes={
            "proposal_id": proposal.id,
            "patch_id": proposal.patch_id,
            "head_sha": proposal.head_sha or "",
            "pull_request": str(number),
            "files": files_of(proposal.paths),
            "outcome": outcome,
            "title": proposal.title,
            **({"reason": proposal.differs} if proposal.differs else {}),
        },
    )


def _trust(kind: str, actor: str) -> Trust:
    if kind in ("validation", "merge") or actor.endswith("[bot]"):
        return Trust.TOOL
    # The name of a service token holds a colon, which no login does.
    return Trust.AGENT if ":" in actor else Trust.PERSON
