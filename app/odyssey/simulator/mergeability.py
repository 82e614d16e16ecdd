"""Whether a pull request may be merged: the test merge, reviews, checks and branch rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey.simulator.git import Git
from odyssey.simulator.permissions import role_at_least, role_of
from odyssey.simulator.protection import BranchRules, RequiredCheck, rules_for
from odyssey.simulator.rebasing import rebase
from odyssey.simulator.state import (
    CheckRun,
    CommitStatus,
    Mergeability,
    PullRequest,
    Repository,
    Review,
)

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

PASSING = ("success", "skipped", "neutral")


def base_tip(repository: Repository, pull: PullRequest) -> str:
    """Where the base branch of *pull* is now; its last known place when it is gone."""
    return Git(repository.git_dir).find_ref(f"refs/heads/{pull.base_branch}") or pull.base_sha


def compute(repository: Repository, pull: PullRequest) -> Mergeability:
    """Make the test merge of *pull* unless it was made for this head and base already."""
    base = base_tip(repository, pull)
    known = pull.mergeability
    if known and (known.head_sha, known.base_sha) == (pull.head_sha, base):
        return known
    git = Git(repository.git_dir)
    tree, clean = git.merge_tree(base, pull.head_sha)
    rebased = rebase(git, base, pull.head_sha, committer=None) if clean else None
    pull.mergeability = Mergeability(
        pull.head_sha, base, clean, rebased is not None, tree if clean else None
    )
    return pull.mergeability


def is_current(repository: Repository, pull: PullRequest) -> bool:
    """Whether the known test merge is about the present head and base."""
    known = pull.mergeability
    return known is not None and (known.head_sha, known.base_sha) == (
        pull.head_sha,
        base_tip(repository, pull),
    )


def mergeable_state(simulator: Simulator, repository: Repository, pull: PullRequest) -> str:
    """unknown, dirty, draft, behind, blocked, unstable or clean."""
    if pull.merged or pull.mergeability is None:
        return "unknown"
    if not pull.mergeability.clean:
        return "dirty"
    if pull.draft:
        return "draft"
    rules = rules_for(repository, pull.base_branch)
    if rules.strict and is_behind(repository, pull):
        return "behind"
    if obstacles(simulator, repository, pull, rules):
        return "blocked"
    return "clean" if _all_green(repository, pull.head_sha) else "unstable"


def is_behind(repository: Repository, pull: PullRequest) -> bool:
    """Whether the base branch has commits that the head lacks."""
    return not Git(repository.git_dir).is_ancestor(base_tip(repository, pull), pull.head_sha)


def obstacles(
    simulator: Simulator, repository: Repository, pull: PullRequest, rules: BranchRules
) -> list[str]:
    """What *rules* still ask of *pull*, in GitHub's sentences; empty when nothing."""
    found: list[str] = []
    if rules.approvals is not None:
        found += _missing_reviews(simulator, repository, pull, rules)
    if rules.conversation_resolution and any(
        not comment.resolved and comment.in_reply_to_id is None for comment in pull.review_comments
    ):
        found.append("All comments must be resolved.")
    found += missing_checks(repository, pull.head_sha, rules.checks)
    if rules.strict and is_behind(repository, pull):
        found.append("Head branch is out of date. Review and try the merge again.")
    return found


def decisive_reviews(
    simulator: Simulator, repository: Repository, pull: PullRequest
) -> dict[int, Review]:
    """
    The latest approving, change-requesting or dismissed review of each reviewer that counts.

    Only people with write access count; Apps do not unless the simulator is told so,
    `github-actions[bot]` does.
    """
    latest: dict[int, Review] = {}
    for review in pull.reviews:
        if review.state not in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            continue
        if review.user.id == pull.issue.user.id:
            continue
        if review.via_app is not None and not simulator.app_approvals_count:
            continue
        is_bot = review.via_app is not None or review.by_actions
        if is_bot or role_at_least(role_of(review.user, repository), "write"):
            latest[review.user.id] = review
    return latest


def _missing_reviews(
    simulator: Simulator, repository: Repository, pull: PullRequest, rules: BranchRules
) -> list[str]:
    latest = decisive_reviews(simulator, repository, pull).values()
    if any(review.state == "CHANGES_REQUESTED" for review in latest):
        return ["Changes have been requested by reviewers with write access."]
    approvals = [review for review in latest if review.state == "APPROVED"]
    wanted = rules.approvals or 0
    if len(approvals) < wanted:
        noun = "review is" if wanted == 1 else "reviews are"
        return [f"At least {wanted} approving {noun} required by reviewers with write access."]
    pusher = pull.last_pushed_by
    if rules.last_push_approval and pusher is not None:
        others = [r for r in approvals if r.user.id != pusher.id and r.commit_id == pull.head_sha]
        if not others:
            return [
                "New changes require approval from someone other than "
                f"{pusher.login} because they were the last pusher."
            ]
    return []


def latest_check_runs(repository: Repository, sha: str) -> list[CheckRun]:
    """The newest check run of each name and App at *sha*."""
    latest: dict[tuple[str, int], CheckRun] = {}
    for run in repository.check_runs.values():
        if run.head_sha == sha:
            latest[run.name, run.app.app_id] = run
    return list(latest.values())


def latest_statuses(repository: Repository, sha: str) -> list[CommitStatus]:
    """The newest status of each context at *sha*."""
    latest = {status.context: status for status in repository.statuses if status.sha == sha}
    return list(latest.values())


def missing_checks(repository: Repository, sha: str, required: list[RequiredCheck]) -> list[str]:
    """Which of the *required* checks have not passed at *sha*, in GitHub's sentences."""
    runs, statuses = latest_check_runs(repository, sha), latest_statuses(repository, sha)
    found: list[str] = []
    expected = 0
    for check in required:
        named = [run for run in runs if run.name == check.context]
        told = [status for status in statuses if status.context == check.context]
        apps = {run.app.app_id for run in named} | {s.app.app_id for s in told if s.app}
        if not named and not told:
            expected += 1
        elif check.app_id is not None and check.app_id not in apps:
            found.append(
                f'Required status check "{check.context}" was not set by the expected GitHub App.'
            )
        else:
            found += _unpassed(check, named, told)
    if expected:
        names = [check.context for check in required]
        found.append(
            f'Required status check "{names[0]}" is expected.'
            if len(required) == 1
            else f"{expected} of {len(required)} required status checks are expected."
        )
    return found


def _unpassed(
    check: RequiredCheck, runs: list[CheckRun], statuses: list[CommitStatus]
) -> list[str]:
    if check.app_id is not None:
        runs = [run for run in runs if run.app.app_id == check.app_id]
        statuses = [s for s in statuses if s.app and s.app.app_id == check.app_id]
    for run in runs:
        if run.status != "completed":
            state = run.status.replace("_", " ")
            return [f'Required status check "{check.context}" is {state}.']
        if run.conclusion not in PASSING:
            return [f'Required status check "{check.context}" is failing.']
    for status in statuses:
        if status.state == "pending":
            return [f'Required status check "{check.context}" is pending.']
        if status.state != "success":
            return [f'Required status check "{check.context}" is failing.']
    return []


def _all_green(repository: Repository, sha: str) -> bool:
    runs, statuses = latest_check_runs(repository, sha), latest_statuses(repository, sha)
    return all(run.conclusion in PASSING for run in runs) and all(
        status.state == "success" for status in statuses
    )
