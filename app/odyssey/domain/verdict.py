"""
The verdict: what exactly the merge gate judged when it said yes.

It is kept before anything is sent, made anew from a second read right before
the merge and compared, and held against the merge commit afterwards.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from odyssey.domain.identifiers import HeadSha

if TYPE_CHECKING:
    from odyssey.domain.policy import ApprovalMode, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """
    The tuple that one decision to merge is about; two are equal when nothing of it moved.

    `policy_digest` is of what the policy means, not of how it is written;
    `evidence_digest` is the validation's, "" for one that kept none. `approvals`
    are those that count, by whom and how.
    """

    head_sha: HeadSha
    head_tree: str
    base_branch: str
    base_sha: str
    method: str
    policy_digest: str
    evidence_digest: str
    approvals: tuple[str, ...]

    @property
    def digest(self) -> str:
        """64 hexadecimal digits that stand for the whole tuple."""
        return _digest(asdict(self))

    def differences(self, later: Verdict) -> tuple[str, ...]:
        """The names of what is another in *later*, as people read them; () when equal."""
        before, after = asdict(self), asdict(later)
        return tuple(_NAMES[each] for each in before if before[each] != after[each])


_NAMES = {
    "head_sha": "head commit",
    "head_tree": "tree of the head",
    "base_branch": "base branch",
    "base_sha": "tip of the base branch",
    "method": "merge method",
    "policy_digest": "policy",
    "evidence_digest": "validation",
    "approvals": "set of approvals",
}


def policy_digest(policy: Policy, mode: ApprovalMode) -> str:
    """64 hexadecimal digits for all that *policy* says, with the *mode* that holds."""
    return _digest({"policy": asdict(policy), "mode": str(mode)})


def evidence_digest(report: bytes, *, run_id: int, head_sha: HeadSha) -> str:
    """64 hexadecimal digits for the bytes of a report, the run it came from and its commit."""
    return hashlib.sha256(b"%d %s\n" % (run_id, head_sha.encode()) + report).hexdigest()


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
