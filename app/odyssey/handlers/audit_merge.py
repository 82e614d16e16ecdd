"""
Audit: whether what GitHub merged is what was judged, read from the merge commit itself.

It is owed from the moment GitHub said that it merged, until `MergeAttempt.audit` is
there: who was cut off in between leaves it to whoever looks at the proposal next.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from odyssey.domain import alarm
from odyssey.domain.errors import MergeConflict, NotFound, WriteRefused
from odyssey.domain.markup import code, plain
from odyssey.domain.merge_attempt import AuditOutcome, MergeAttempt, MergeAudit
from odyssey.domain.policy import MergeMethod
from odyssey.domain.proposal import Proposal
from odyssey.domain.pull_request import PullRequest
from odyssey.domain.verdict import Verdict
from odyssey.handlers.remember import retain_alarm
from odyssey.ports import Ports

log = logging.getLogger("odyssey.audit")

Finding = tuple[AuditOutcome, str]


async def audit_merge(proposal: Proposal, pull: PullRequest, ports: Ports) -> Proposal:
    """
    The proposal with its merge audited, if that is owed; *pull* is a read after the merge.

    A merge commit that is not what was approved raises the alarm: an issue, which
    closes the merge gate of the repository. A merge by a person is only noted; one of
    which nothing was kept (made by an older version) cannot be audited.
    """
    merge = proposal.merge
    if merge is None or merge.sha is None or merge.audit is not None:
        return proposal
    found = await _find(proposal, merge, pull, ports)
    if found is None:
        return proposal
    outcome, words = found
    audit = MergeAudit(outcome=outcome, words=words, at=ports.now())
    if outcome is AuditOutcome.TAMPERED:
        log.error("%s: merge commit %s is not what was approved: %s", pull.ref, merge.sha, words)
        audit = replace(audit, alarm_issue=await _raise_alarm(proposal, merge.sha, words, ports))
        await retain_alarm(proposal, words, ports)
    return replace(proposal, merge=replace(merge, audit=audit))


async def _raise_alarm(proposal: Proposal, merge_sha: str, words: str, ports: Ports) -> int | None:
    """The number of the issue; None where the repository takes none, and so nothing is closed."""
    try:
        issue = await ports.github.open_issue(
            proposal.repository,
            title=alarm.alarm_title(proposal),
            body=alarm.alarm_body(proposal, merge_sha, words),
            label=alarm.ALARM_LABEL,
            marker=alarm.alarm_marker(proposal, merge_sha),
        )
    except (WriteRefused, NotFound) as error:
        log.error("%s: no alarm can be raised: %s", proposal.pull_request, error)
        return None
    await ports.notes.alarm_raised(proposal.repository, issue)
    return issue


async def _find(
    proposal: Proposal, merge: MergeAttempt, pull: PullRequest, ports: Ports
) -> Finding | None:
    if pull.merged_by != ports.app.bot_login:
        who = plain(pull.merged_by or "somebody")
        return AuditOutcome.BY_PERSON, f"**{who}** merged it on GitHub, outside of the gate."
    if merge.verdict is None:
        return None
    try:
        return await _compare(proposal, merge.verdict, pull, ports)
    except NotFound as error:
        log.warning("%s: the merge cannot be audited yet: %s", pull.ref, error)
        return None


async def _compare(
    proposal: Proposal, verdict: Verdict, pull: PullRequest, ports: Ports
) -> Finding:
    if pull.base_branch != verdict.base_branch:
        return _tampered(
            f"It merged into {code(pull.base_branch)}; judged was a merge into "
            f"{code(verdict.base_branch)}."
        )
    parents, method = pull.merge_parents, MergeMethod(verdict.method)
    if method is MergeMethod.MERGE and parents[1:] != (verdict.head_sha,):
        return _tampered(f"Its second parent is not {code(verdict.head_sha[:7])}.")
    if method is not MergeMethod.MERGE and len(parents) != 1:
        return _tampered(f"It has {len(parents)} parents, where {method} makes one.")
    base_sha = parents[0] if parents else ""
    steps = sum(len(each.parents) == 1 for each in pull.commits)
    if method is MergeMethod.REBASE and steps > 1 and pull.merge_sha:
        base_sha = await ports.repositories.ancestor(
            proposal.repository, branch=pull.base_branch, sha=pull.merge_sha, generation=steps
        )
    if (base_sha, pull.merge_tree) == (verdict.base_sha, verdict.head_tree):
        return AuditOutcome.EXACT, f"Its tree is the one of {code(verdict.head_sha[:7])}."
    return await _compare_with_clean_merge(proposal, verdict, pull, base_sha, ports)


async def _compare_with_clean_merge(
    proposal: Proposal, verdict: Verdict, pull: PullRequest, base_sha: str, ports: Ports
) -> Finding:
    """Of a head without the tip of its base branch, GitHub makes a tree that nobody had before."""
    try:
        expected = await ports.repositories.merged_tree(
            proposal.repository,
            base_branch=pull.base_branch,
            base_sha=base_sha,
            head_sha=verdict.head_sha,
        )
    except MergeConflict:
        return _tampered(
            f"{code(verdict.head_sha[:7])} does not merge into {code(base_sha[:7])} without "
            "conflict, yet something was merged."
        )
    if pull.merge_tree != expected:
        return _tampered(
            f"Its tree is {code(pull.merge_tree[:12])}; merging {code(verdict.head_sha[:7])} into "
            f"{code(base_sha[:7])} gives {code(expected[:12])}."
        )
    if base_sha == verdict.base_sha:
        return AuditOutcome.EXACT, f"Its tree is the clean merge of {code(verdict.head_sha[:7])}."
    return (
        AuditOutcome.BASE_MOVED,
        f"{code(pull.base_branch)} moved from {code(verdict.base_sha[:7])} to "
        f"{code(base_sha[:7])} in the moment of the merge. What was merged is the approved commit "
        "and nothing else, but the two together were never validated.",
    )


def _tampered(words: str) -> Finding:
    return AuditOutcome.TAMPERED, words
