"""
How a proposal stands, said in its status comment, its check run and the answer to `status`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from odyssey.domain.change import CheckRun
from odyssey.domain.gate import AUTOMATIC, Condition, State
from odyssey.domain.hidden_characters import without_hidden
from odyssey.domain.markers import marker
from odyssey.domain.markup import (
    MAX_CHECK_TEXT,
    cell,
    clip,
    code,
    details,
    fence,
    link,
    neutral,
    plain,
    quoted,
)
from odyssey.domain.merge_attempt import AuditOutcome, MergeAttempt
from odyssey.domain.proposal import Proposal, Status
from odyssey.domain.record import rejection_record
from odyssey.domain.report import TestFailure
from odyssey.domain.validation import Validation

MAX_FAILURES = 5
"""Failing tests that the status comment quotes; the check run has the others."""

_HEADINGS = {
    Status.PROPOSED: ("⏳", "Proposed"),
    Status.VALIDATION_PENDING: ("⏳", "Waiting for the sandbox"),
    Status.VALIDATION_IN_PROGRESS: ("⏳", "The sandbox is running"),
    Status.VALIDATION_PASSED: ("✅", "Validation passed"),
    Status.VALIDATION_FAILED: ("❌", "Validation failed"),
    Status.USER_APPROVED: ("✅", "Validated and approved"),
    Status.AUTO_APPROVED: ("✅", "Validated and approved automatically"),
    Status.MERGE_PENDING: ("⏳", "Approved, about to merge"),
    Status.MERGE_IN_PROGRESS: ("⏳", "Merging"),
    Status.MERGED: ("✅", "Merged"),
    Status.MERGE_FAILED: ("❌", "GitHub refused the merge"),
    Status.REJECTED: ("⛔", "Rejected"),
}
_SYMBOLS = {State.MET: "✅ met", State.WAITING: "⏳ waiting", State.UNMET: "❌ not met"}
# A check run takes these of GitHub's conclusions from us; anything else is a failure.
_CONCLUSIONS = frozenset({"success", "failure", "cancelled", "timed_out", "action_required"})


def status_marker(proposal: Proposal) -> str:
    """The hidden marker of the proposal's one status comment."""
    return marker("status", proposal.id)


def status_comment(proposal: Proposal, conditions: Sequence[Condition] = ()) -> str:
    """
    The proposal's one status comment, edited in place: status, conditions, what to do next.
    """
    hidden = status_marker(proposal)
    if proposal.rejection:
        hidden += "\n" + rejection_record(proposal.rejection)
    parts = [hidden, *_status(proposal, conditions)]
    validation = proposal.current_validation
    if conditions and not proposal.status.is_final:
        parts.insert(3, _table(conditions))
    if validation and proposal.status is Status.VALIDATION_FAILED:
        parts.insert(-1, _failure_report(validation))
    if proposal.merge and proposal.merge.sha and proposal.merge.witness:
        sequence, _, digest = proposal.merge.witness.partition(":")
        parts.append(f"Audit: entry {sequence}, {code(digest)}")
    return clip("\n\n".join(parts))


def status_answer(proposal: Proposal, conditions: Sequence[Condition] = ()) -> str:
    """The answer to `/odyssey status`."""
    heading, *rest = _status(proposal, conditions)
    number = f"#{proposal.pull_number}" if proposal.pull_number else code(proposal.id)
    parts = [f"{number} {plain(proposal.title, limit=120)}", heading, *rest]
    if conditions and not proposal.status.is_final:
        parts.insert(3, _table(conditions))
    return clip("\n\n".join(parts))


def check_run(proposal: Proposal, conditions: Sequence[Condition] = ()) -> CheckRun | None:
    """
    The check run of the present head SHA; None while there is nothing to say.

    It is the sandbox's verdict: it turns green before anybody has approved. Where
    an unmet condition keeps the sandbox from running it asks for action.
    """
    validation = proposal.current_validation
    if proposal.head_sha is None:
        return None
    if validation is None:
        return _check_without_validation(proposal, conditions)
    conclusion = validation.conclusion
    if conclusion is None and proposal.rejection:
        conclusion = "cancelled"
    elif conclusion is not None and conclusion not in _CONCLUSIONS:
        conclusion = "failure"
    if conclusion == "success" and (problem := _policy_problem(conditions)):
        # Green would say that all is well, while nothing merges before the file is mended.
        conclusion = "action_required"
    else:
        problem = ""
    is_done = conclusion is not None
    summary = [_counts(validation) or "No test was counted.", _next(proposal, conditions)]
    if validation.measure:
        rows = "\n".join(f"- {plain(each)}" for each in validation.measure)
        summary.insert(1, f"**The change touches its own measure:**\n\n{rows}")
    if validation.reason and not validation.is_success:
        summary.insert(0, fence(validation.reason, limit=4_000))
    return CheckRun(
        head_sha=proposal.head_sha,
        external_id=proposal.id,
        title=problem or _check_title(validation, conclusion),
        summary=clip("\n\n".join(summary), limit=MAX_CHECK_TEXT) if is_done else "",
        text=_check_text(validation) if is_done else "",
        conclusion=conclusion,
        started_at=validation.requested_at if validation.started or is_done else None,
        completed_at=_ended_at(proposal, validation) if is_done else None,
        details_url=validation.run_url,
        failures=validation.failures if is_done else (),
    )


def _policy_problem(conditions: Sequence[Condition]) -> str:
    """That the policy cannot be read, as a title; "" when it can."""
    unmet = (each for each in conditions if each.number == 2 and each.state is State.UNMET)
    return next((without_hidden(each.sentence)[:200] for each in unmet), "")


def _ended_at(proposal: Proposal, validation: Validation) -> datetime | None:
    return validation.completed_at or (proposal.rejection.at if proposal.rejection else None)


def _check_without_validation(
    proposal: Proposal, conditions: Sequence[Condition]
) -> CheckRun | None:
    unmet = next((each for each in conditions if each.state is State.UNMET), None)
    if unmet is None or unmet.number > 3 or proposal.head_sha is None:
        return None
    return CheckRun(
        head_sha=proposal.head_sha,
        external_id=proposal.id,
        title=without_hidden(unmet.sentence)[:200],
        summary=clip(_next(proposal, conditions), limit=MAX_CHECK_TEXT),
        conclusion="action_required",
        started_at=proposal.head_since,
        completed_at=proposal.head_since,
    )


def _check_title(validation: Validation, conclusion: str | None) -> str:
    counts = _counts(validation)
    match conclusion:
        case None:
            return "The sandbox is running" if validation.started else "Waiting for the sandbox"
        case "success":
            words = "Validation passed"
        case "timed_out":
            words = "Validation timed out"
        case "cancelled":
            return "Validation cancelled"
        case _:
            words = "Validation failed"
    return f"{words}: {counts.rstrip('.')}" if counts else words


def _check_text(validation: Validation) -> str:
    parts = [_failure(each, 2_000) for each in validation.failures[:10]]
    if len(validation.failures) > 10:
        parts.append(f"And {len(validation.failures) - 10} more.")
    if validation.output:
        parts.append("### Output\n\n" + fence(validation.output, limit=30_000, keep_end=True))
    return clip("\n\n".join(parts), limit=MAX_CHECK_TEXT)


def _status(proposal: Proposal, conditions: Sequence[Condition]) -> list[str]:
    symbol, words = _HEADINGS[proposal.status]
    validation = proposal.current_validation
    facts = [f"`{proposal.status}`"]
    if proposal.head_sha:
        facts.append(f"commit `{proposal.head_sha[:7]}`")
    if validation and (counts := _counts(validation)):
        facts.append(counts.rstrip("."))
    if validation and validation.run_url:
        facts.append(link("workflow run", validation.run_url))
    return [f"### {symbol} {words}", " · ".join(facts), _next(proposal, conditions)]


def _next(proposal: Proposal, conditions: Sequence[Condition]) -> str:
    """What happens next, who does it and with which words."""
    status, merge, rejection = proposal.status, proposal.merge, proposal.rejection
    if status is Status.MERGED and merge:
        sha, base = (merge.sha or "")[:7], code(proposal.base_branch)
        return f"Merged as `{sha}` into {base}{_by(merge.approved_by)}.{_audited(merge)}"
    if status is Status.REJECTED and rejection:
        return (
            f"Closed without a merge by **{plain(rejection.by)}**:\n\n"
            f"{quoted(rejection.reason)}\n\n"
            "**Next:** reopen the pull request to take it up again (restore its branch first, if "
            "that is gone), or send another change with `/odyssey propose`."
        )
    if status is Status.MERGE_FAILED and merge:
        return (
            f"GitHub answered:\n\n{fence(merge.failure or 'nothing', limit=2_000)}\n\n"
            "**Next:** mend what it names; the next push, review or finished check makes Odyssey "
            "try again."
        )
    open_conditions = sorted(
        (each for each in conditions if each.state is not State.MET and each.remedy),
        key=lambda each: (each.state is not State.UNMET, each.number),
    )
    for condition in open_conditions:
        # While the sandbox is at work, what people can do meanwhile is said instead.
        if condition.name != "validation" or condition.state is State.UNMET:
            return f"**Next:** {neutral(condition.remedy)}"
    return f"**Next:** {_BY_STATUS.get(status, 'nothing to do; Odyssey goes on by itself.')}"


_BY_STATUS = {
    Status.VALIDATION_PASSED: (
        "somebody with write permission reviews the pull request: *Files changed*, "
        "*Review changes*, *Approve*. It is merged then."
    ),
    Status.VALIDATION_FAILED: (
        "push a mended commit to this branch, or comment `/odyssey validate` to run the sandbox "
        "again. `/odyssey reject <reason>` gives it up."
    ),
}


def _audited(merge: MergeAttempt) -> str:
    """What the audit found, where that is more than what the sentence before it says."""
    audit = merge.audit
    match audit.outcome if audit else None:
        case AuditOutcome.BASE_MOVED if audit:
            return f"\n\n⚠️ {audit.words} Look at the base branch's own checks."
        case AuditOutcome.TAMPERED if audit:
            follows = (
                f"Odyssey merges nothing more in this repository until #{audit.alarm_issue} is "
                "answered."
                if audit.alarm_issue
                else "An issue with the alarm could not be opened, so nothing stops further merges."
            )
            wrong = "**The merge commit is not what was approved.**"
            return f"\n\n❌ {wrong} {audit.words} {follows}"
        case AuditOutcome.BY_PERSON if audit:
            return f" {audit.words}"
    return ""


def _by(approvers: Sequence[str]) -> str:
    if tuple(approvers) == (AUTOMATIC,):
        return ", approved automatically as the policy says"
    names = ", ".join(f"**{plain(each)}**" for each in approvers)
    return f", approved by {names}" if names else ""


def _table(conditions: Sequence[Condition]) -> str:
    rows = [
        f"| {each.number} | {cell(each.name)} | {_SYMBOLS[each.state]} | {cell(each.sentence)} "
        f"| {cell(each.remedy)} |"
        for each in conditions
    ]
    head = ["| | Condition | State | How it stands | Who can change it |", "|--:|---|---|---|---|"]
    return "\n".join(head + rows)


def _counts(validation: Validation) -> str:
    counts = [
        f"{count} {word}"
        for count, word in (
            (validation.failed, "failed"),
            (validation.passed, "passed"),
            (validation.skipped, "skipped"),
        )
        if count
    ]
    return f"{', '.join(counts)}." if counts else ""


def _failure_report(validation: Validation) -> str:
    parts = [_failure(each, 1_000) for each in validation.failures[:MAX_FAILURES]]
    more = len(validation.failures) - MAX_FAILURES
    if more > 0:
        parts.append(f"And {more} more; the check run shows them.")
    if not parts and validation.reason:
        parts.append(fence(validation.reason, limit=2_000))
    if validation.output and not validation.failures:
        output = fence(validation.output, limit=6_000, keep_end=True)
        parts.append(details("End of the output", output))
    return "\n\n".join(parts) or "The run left no reason; its log has more."


def _failure(failure: TestFailure, limit: int) -> str:
    where = ""
    if failure.path:
        line = f":{failure.line}" if failure.line else ""
        where = f" at {code(failure.path + line)}"
    message = fence(failure.message, limit=limit) if failure.message.strip() else ""
    return f"**Failing test** {code(failure.name)}{where}\n\n{message}".rstrip()
