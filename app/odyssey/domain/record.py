"""
The record of a proposal that stands on GitHub itself, so that nothing is lost with a store.

It is a hidden marker in the description of the pull request and in the summary of each check run.
A description can be edited by people, and GitHub tells when it was; a check run can be written
by Odyssey's own App only. Whoever reads a record decides by that how far to believe it; its
values are data, and checked here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from odyssey.domain.identifiers import HeadSha, ProposalId, is_proposal_id
from odyssey.domain.markers import find_marker, marker
from odyssey.domain.proposal import Proposal, Rejection
from odyssey.domain.validation import Validation

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HEX = re.compile(r"[0-9a-f]{0,64}")
_NAME = re.compile(r"[^\s<>]{1,100}")
_BRANCH = re.compile(r"[^\s\x00-\x1f~^:?*\\]{1,255}")
_WORKFLOW = re.compile(r"[A-Za-z0-9_.-]{1,200}")
MAX_REASON = 160
"""Characters of a rejection's reason; one may take twelve in a marker, which holds 2,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRecord:
    """
    What a proposal was when the record was written.

    `validation` is without result and run; None where the record tells of none.
    """

    id: ProposalId
    requester: str
    requested_via: str
    source_url: str
    issue_number: int | None
    patch_id: str
    base_branch: str
    head_sha: HeadSha
    head_since: datetime
    created_at: datetime
    reviewer: str = ""
    reverts: str = ""
    validation: Validation | None = None


def proposal_record(proposal: Proposal) -> str:
    """The record as hidden markers, one to a line; id and requester only while there is no head."""
    if proposal.head_sha is None or proposal.head_since is None:
        return marker("proposal", id=proposal.id, requester=proposal.requester)
    lines = [
        marker(
            "proposal",
            id=proposal.id,
            requester=proposal.requester,
            via=proposal.requested_via,
            source=proposal.source_url,
            issue=str(proposal.issue_number or ""),
            patch=proposal.patch_id,
            base=proposal.base_branch,
            head=proposal.head_sha,
            since=_text(proposal.head_since),
            created=_text(proposal.created_at),
            reviewer=proposal.reviewer,
            reverts=proposal.reverts,
        )
    ]
    if validation := proposal.current_validation:
        lines.append(
            marker(
                "validation",
                nonce=validation.nonce,
                workflow=validation.workflow,
                asked=_text(validation.requested_at),
                base=validation.base_branch or proposal.base_branch,
                request=validation.request,
            )
        )
    return "\n".join(lines)


def read_record(text: str) -> ProposalRecord | None:
    """The record in *text*; None where there is none, or one that Odyssey cannot have written."""
    facts = find_marker(text, "proposal")
    if facts is None:
        return None
    try:
        record = _record(facts)
    except (KeyError, ValueError):
        return None
    asked = find_marker(text, "validation")
    try:
        return replace(record, validation=_validation(asked, record)) if asked else record
    except (KeyError, ValueError):
        # Then the head is validated again.
        return record


def rejection_record(rejection: Rejection) -> str:
    """The hidden marker of who turned a proposal down, when and why."""
    return marker(
        "rejection",
        by=rejection.by[:100],
        at=_text(rejection.at),
        reason=rejection.reason[:MAX_REASON],
    )


def read_rejection(text: str) -> Rejection | None:
    """The rejection in a status comment, as carried out; for display and memory only."""
    facts = find_marker(text, "rejection")
    if facts is None:
        return None
    try:
        return Rejection(
            by=facts["by"][:100], reason=facts["reason"], at=_time(facts["at"]), is_carried_out=True
        )
    except (KeyError, ValueError):
        return None


def _record(facts: dict[str, str]) -> ProposalRecord:
    issue = facts["issue"]
    return ProposalRecord(
        id=ProposalId(_checked(facts["id"], is_proposal_id(facts["id"]))),
        requester=_matching(facts["requester"], _NAME),
        requested_via=_matching(facts["via"], _NAME),
        source_url=_checked(facts["source"], facts["source"].startswith(("https://", "http://"))),
        issue_number=int(issue) if issue else None,
        patch_id=_matching(facts["patch"], _HEX),
        base_branch=_matching(facts["base"], _BRANCH),
        head_sha=HeadSha(_matching(facts["head"], _SHA)),
        head_since=_time(facts["since"]),
        created_at=_time(facts["created"]),
        reviewer=_checked(facts["reviewer"], len(facts["reviewer"]) <= 100),
        reverts=_checked(
            facts["reverts"], not facts["reverts"] or is_proposal_id(facts["reverts"])
        ),
    )


def _validation(facts: dict[str, str], record: ProposalRecord) -> Validation:
    return Validation(
        head_sha=record.head_sha,
        nonce=_checked(facts["nonce"], bool(re.fullmatch("[0-9a-f]{8,64}", facts["nonce"]))),
        workflow=_matching(facts["workflow"], _WORKFLOW),
        requested_at=_time(facts["asked"]),
        base_branch=_matching(facts["base"], _BRANCH),
        request=facts["request"][:200],
    )


def _matching(text: str, pattern: re.Pattern[str]) -> str:
    return _checked(text, pattern.fullmatch(text) is not None)


def _checked(text: str, is_fine: bool) -> str:
    if not is_fine:
        raise ValueError(f"{text[:80]!r} is not what a record holds here")
    return text


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return at.astimezone(UTC)
