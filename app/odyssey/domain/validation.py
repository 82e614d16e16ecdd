"""
The validation of a head SHA: one dispatch of the trusted workflow, its run and what that reported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from odyssey.domain.identifiers import HeadSha, RunId
from odyssey.domain.report import Report, TestFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """
    One dispatch of the trusted workflow for one head SHA.

    `run_id` is None between the decision to dispatch and GitHub's answer;
    `conclusion` is None until the run's report was read. `base_branch` is the
    branch whose workflow judges; None stands for the proposal's. `request` names
    the command or click that asked for it again; "" for the first. `evidence`
    is the digest of the report's bytes with run and commit (`verdict.evidence_digest`).
    `run_attempt` is the newest attempt of the run that was heard of; people start a second.
    """

    head_sha: HeadSha
    nonce: str
    workflow: str
    requested_at: datetime
    base_branch: str | None = None
    request: str = ""
    run_id: RunId | None = None
    run_url: str | None = None
    started: bool = False
    conclusion: str | None = None
    reason: str = ""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: tuple[TestFailure, ...] = ()
    measure: tuple[str, ...] = ()
    output: str = ""
    completed_at: datetime | None = None
    evidence: str = ""
    run_attempt: int = 0

    @property
    def is_success(self) -> bool:
        """Whether the sandbox passed this head SHA."""
        return self.conclusion == "success"

    def on_run(self, run_id: RunId, *, url: str, attempt: int, started: bool) -> Validation:
        """
        This validation with what is known of its run; of a newer *attempt* no result is known.
        """
        known = self
        if attempt > self.run_attempt:
            known = Validation(
                head_sha=self.head_sha,
                nonce=self.nonce,
                workflow=self.workflow,
                requested_at=self.requested_at,
                base_branch=self.base_branch,
                request=self.request,
                run_attempt=attempt,
            )
        return replace(known, run_id=run_id, run_url=url, started=self.started or started)

    def completed(self, report: Report, *, evidence: str = "", at: datetime) -> Validation:
        """This validation with what its run reported."""
        return replace(
            self,
            started=True,
            conclusion=report.conclusion,
            reason=report.reason,
            passed=report.passed,
            failed=report.failed,
            skipped=report.skipped,
            failures=report.failures,
            measure=report.measure,
            output=report.transcript,
            evidence=evidence,
            completed_at=at,
        )

    def ended(self, conclusion: str, reason: str, *, at: datetime) -> Validation:
        """This validation ended without a usable report, and why."""
        return replace(
            self, started=True, conclusion=conclusion, reason=reason, output=reason, completed_at=at
        )
