"""
Remember: every attempt, its outcome and the reason; and what an attempt resembles.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from odyssey.domain.identifiers import RepositoryRef
from odyssey.domain.memory.record import Recollection, Record, Tenant, Trust
from odyssey.domain.proposal import Proposal, Resemblance, Status
from odyssey.ports import Commit, Ports

SIMILAR = 0.62
"""
Cosine similarity of two proposals' titles and paths from which one is shown as
similar. all-MiniLM-L6-v2 puts rewordings of one change above 0.7 and unrelated
changes to one file below 0.5.
"""
MAX_SHOWN = 3
OUTCOMES = ("merge", "rejection", "validation")


def tenant_of(repository: RepositoryRef) -> Tenant:
    """Whose memory a repository's attempts belong to."""
    return Tenant.of(repository.installation_id, repository.full_name)


async def find_resemblances(
    repository: RepositoryRef, message: str, commit: Commit, ports: Ports
) -> tuple[Resemblance, ...]:
    """
    Earlier attempts that this change resembles, the same change first, at most three.
    """
    tenant = tenant_of(repository)
    same = await ports.memory.recall(
        tenant, "", limit=MAX_SHOWN, kinds=("proposal",), where={"patch_id": commit.patch_id}
    )
    similar = await ports.memory.recall(
        tenant, _key(message, commit.paths), limit=10, kinds=("proposal",)
    )
    found: dict[str, tuple[Recollection, bool]] = {}
    for recollection, is_same in [
        *((each, True) for each in same),
        *((each, False) for each in similar if each.similarity >= SIMILAR),
    ]:
        found.setdefault(recollection.record.attributes["proposal_id"], (recollection, is_same))
    return tuple(
        [
            await _resemblance(tenant, recollection, is_same, ports)
            for recollection, is_same in list(found.values())[:MAX_SHOWN]
        ]
    )


async def retain_proposal(proposal: Proposal, ports: Ports) -> None:
    """Keeps that *proposal* was opened, with what identifies its change. Repeatable."""
    await ports.memory.retain(
        tenant_of(proposal.repository),
        [
            _record(
                proposal,
                kind="proposal",
                suffix="opened",
                text=_key(proposal.commit_message, proposal.paths),
                at=proposal.created_at,
                actor=proposal.requester,
                outcome="opened",
            )
        ],
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
    await ports.memory.retain(
        tenant_of(proposal.repository),
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
    )
    return replace(proposal, retained=suffix)


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


async def _resemblance(
    tenant: Tenant, recollection: Recollection, is_same: bool, ports: Ports
) -> Resemblance:
    record = recollection.record
    identifier = record.attributes["proposal_id"]
    ends = await ports.memory.recall(
        tenant, "", limit=10, kinds=OUTCOMES, where={"proposal_id": identifier}
    )
    last = max(ends, key=lambda each: each.record.occurred_at, default=None)
    number = record.attributes.get("pull_request", "")
    return Resemblance(
        proposal_id=identifier,
        pull_number=int(number) if number.isdigit() else None,
        outcome=last.record.attributes.get("outcome", "open") if last else "open",
        reason=last.record.text if last else "",
        similarity=1.0 if is_same else round(recollection.similarity, 3),
        is_same_change=is_same,
        url=record.source,
    )


def _key(message: str, paths: tuple[str, ...]) -> str:
    return f"{message.strip()}\n\nFiles: {', '.join(paths[:50])}"


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
        trust=Trust.TOOL if kind == "validation" else Trust.PERSON,
        source=proposal.source_url,
        thread=f"pull/{number}",
        person=actor if kind in ("proposal", "rejection") else None,
        attributes={
            "proposal_id": proposal.id,
            "patch_id": proposal.patch_id,
            "head_sha": proposal.head_sha or "",
            "pull_request": str(number),
            "files": ",".join(proposal.paths[:50]),
            "outcome": outcome,
            "title": proposal.title,
        },
    )
