"""
When a proposal that nobody does anything about has expired.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from odyssey.domain.policy import POLICY_PATH, Policy
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import PullRequest


def last_activity(proposal: Proposal, pull: PullRequest, *, now: datetime) -> datetime:
    """
    When somebody last did something: proposed, pushed, reviewed, or had it validated.

    What Odyssey writes by itself is none. A commit's own date counts only as far as
    it is past: whoever makes one chooses it.
    """
    moments = [proposal.created_at, *(each.submitted_at for each in pull.reviews)]
    if pull.head_committed_at <= now:
        moments.append(pull.head_committed_at)
    if proposal.head_since:
        moments.append(proposal.head_since)
    if proposal.validation:
        moments.append(proposal.validation.requested_at)
    return max(moments)


def is_expired(proposal: Proposal, pull: PullRequest, policy: Policy | str, now: datetime) -> bool:
    """
    Whether the open *pull* has waited longer than the policy lets it; never by an invalid policy.
    """
    if isinstance(policy, str) or policy.expiry.days == 0:
        return False
    if not pull.is_open or proposal.status.is_final:
        return False
    waited = now - last_activity(proposal, pull, now=now)
    return waited >= timedelta(days=policy.expiry.days)


def expiry_reason(policy: Policy) -> str:
    """Why an expired proposal is closed, as its rejection keeps it."""
    days = policy.expiry.days
    return (
        f"Expired: nobody did anything about it for {days} day{'' if days == 1 else 's'} "
        f"(`expiry.days` in `{POLICY_PATH}`)."
    )
