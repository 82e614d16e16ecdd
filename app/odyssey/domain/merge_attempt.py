"""
A try to merge, and what the look at its merge commit found (`audit.py` judges that).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from odyssey.domain.identifiers import HeadSha
from odyssey.domain.verdict import Verdict


class AuditOutcome(StrEnum):
    """What the merge commit was found to be."""

    EXACT = "exact"
    BASE_MOVED = "base_moved"
    TAMPERED = "tampered"
    BY_PERSON = "by_person"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeAudit:
    """
    What a look at the merge commit found, against what was judged.

    `words` say it in one sentence of Markdown; `alarm_issue` is the issue that was opened for it.
    """

    outcome: AuditOutcome
    words: str
    at: datetime
    alarm_issue: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeAttempt:
    """
    One try to merge one head SHA.

    `sha` is the merge commit once GitHub said so; `failure` what GitHub answered
    instead. With neither, the try has begun and its answer is not known.
    `verdict` is what was judged; `audit`, what the merge commit then was: with a
    `sha` and without it, the audit is owed. Attempts of older versions have neither.
    `witness` is the newest entry of the audit log after the merge, as `N:HASH`.
    `deletes_branch` is what the policy said that was judged by; None where none was.
    """

    head_sha: HeadSha
    approved_by: tuple[str, ...]
    automatic: bool
    at: datetime
    sha: str | None = None
    failure: str | None = None
    verdict: Verdict | None = None
    audit: MergeAudit | None = None
    witness: str = ""
    deletes_branch: bool | None = None

    @property
    def is_unanswered(self) -> bool:
        """Whether it has begun and what GitHub did is not known."""
        return self.sha is None and self.failure is None
