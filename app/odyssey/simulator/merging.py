"""Merging a pull request: judged by every rule, made by git, told to everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odyssey.simulator import pushes, webhooks
from odyssey.simulator.auth import Caller
from odyssey.simulator.errors import ApiError
from odyssey.simulator.faults import BASE_MODIFIED
from odyssey.simulator.git import ZERO, Git, GitError, signature, web_flow
from odyssey.simulator.mergeability import base_tip, compute, obstacles
from odyssey.simulator.moving import apply_update
from odyssey.simulator.protection import BranchRules, rules_for
from odyssey.simulator.pushes import RefUpdate
from odyssey.simulator.rebasing import rebase
from odyssey.simulator.refusals import WORKFLOWS, workflow_message
from odyssey.simulator.state import PullRequest, Repository

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator


@dataclass(frozen=True, slots=True)
class MergeRequest:
    """What `PUT merge` may carry; `tampered` is the `tree` or the `parents`, on purpose."""

    sha: str | None = None
    method: str = "merge"
    title: str | None = None
    message: str | None = None
    tampered: str = ""


def merge(
    simulator: Simulator,
    repository: Repository,
    caller: Caller,
    pull: PullRequest,
    asked: MergeRequest,
) -> str:
    """
    Merge *pull* and give the SHA its base branch has then.

    Raises:
        ApiError: 405 not mergeable by state, method or rules, or the base moved (worth a
            retry); 409 when `asked.sha` is not the head; 403 for workflow files.
    """
    if pull.merged or pull.issue.state == "closed":
        raise ApiError(405, "Pull Request is not mergeable")
    if asked.sha is not None and asked.sha != pull.head_sha:
        raise ApiError(409, "Head branch was modified. Review and try the merge again.")
    if pull.draft:
        raise ApiError(405, "Pull Request is still a draft")
    rules = rules_for(repository, pull.base_branch, caller)
    _check_method(repository, rules, asked.method)
    if not compute(repository, pull).clean:
        raise ApiError(405, "Pull Request is not mergeable")
    _check_rules(simulator, repository, pull, rules)
    _check_workflows(repository, caller, pull)
    base_sha = base_tip(repository, pull)
    merged_sha = _make_commit(simulator, repository, caller, pull, asked, base_sha)
    if asked.tampered:
        merged_sha = _tampered(simulator, repository, caller, merged_sha, asked.tampered)
    _move_base(simulator, repository, pull, base_sha, merged_sha)
    _tell(simulator, repository, caller, pull, base_sha, merged_sha)
    return merged_sha


def _check_method(repository: Repository, rules: BranchRules, method: str) -> None:
    allowed = {
        "merge": (repository.allow_merge_commit, "Merge commits"),
        "squash": (repository.allow_squash_merge, "Squash merges"),
        "rebase": (repository.allow_rebase_merge, "Rebase merges"),
    }
    is_allowed, called = allowed[method]
    if not is_allowed:
        raise ApiError(405, f"{called} are not allowed on this repository.")
    if rules.methods is not None and method not in rules.methods:
        refusal = f"The merge method {method} is not allowed."
        raise ApiError(405, f"Repository rule violations found\n\n{refusal}\n\n")
    if rules.linear_history and method == "merge":
        raise ApiError(405, "Merge commits are not allowed on this branch.")


def _check_rules(
    simulator: Simulator, repository: Repository, pull: PullRequest, rules: BranchRules
) -> None:
    missing = obstacles(simulator, repository, pull, rules)
    if rules.no_update:
        missing.append("Cannot update this protected ref.")
    if not missing:
        return
    if rules.from_rulesets:
        text = "\n\n".join(missing)
        raise ApiError(405, f"Repository rule violations found\n\n{text}\n\n")
    raise ApiError(405, missing[0])


def _check_workflows(repository: Repository, caller: Caller, pull: PullRequest) -> None:
    if caller.has(repository, "workflows", "write"):
        return
    git = Git(repository.git_dir)
    start = git.merge_base(base_tip(repository, pull), pull.head_sha) or pull.base_sha
    touched = [p for p in git.changed_paths(start, pull.head_sha) if p.startswith(WORKFLOWS)]
    if touched:
        raise ApiError(403, workflow_message(touched[0]))


def _make_commit(
    simulator: Simulator,
    repository: Repository,
    caller: Caller,
    pull: PullRequest,
    asked: MergeRequest,
    base_sha: str,
) -> str:
    git = simulator.git(repository)
    now = simulator.clock()
    known = compute(repository, pull)
    assert known.tree is not None
    if asked.method == "rebase":
        rebased = rebase(git, base_sha, pull.head_sha, committer=web_flow(now))
        if rebased is None:
            raise ApiError(405, "This branch can't be rebased")
        return rebased
    commits = git.log(f"{base_sha}..{pull.head_sha}")
    if asked.method == "squash":
        single = commits[0] if len(commits) == 1 else None
        first_line, _, rest = (single.message if single else pull.issue.title).partition("\n")
        title = asked.title or f"{first_line} (#{pull.number})"
        listed = "\n\n".join(f"* {commit.message}" for commit in commits)
        body = asked.message if asked.message is not None else (rest.strip() if single else listed)
        parents, author = [base_sha], signature(pull.issue.user, now)
    else:
        source = f"{repository.owner.login}/{pull.head_branch}"
        title = asked.title or f"Merge pull request #{pull.number} from {source}"
        body = asked.message if asked.message is not None else pull.issue.title
        parents, author = [base_sha, pull.head_sha], signature(caller.actor, now)
    message = f"{title}\n\n{body}" if body else title
    made = git.commit_tree(known.tree, parents, message, author=author, committer=web_flow(now))
    repository.verified_commits.add(made)
    return made


def _tampered(
    simulator: Simulator, repository: Repository, caller: Caller, made: str, what: str
) -> str:
    git = simulator.git(repository)
    commit = git.commit(made)
    tree, parents = commit.tree, list(commit.parents)
    if what == "parents":
        parents = [*parents[:1], *parents[:1]]
    else:
        when, files = simulator.clock(), {"smuggled.txt": b"Nobody approved this.\n"}
        more = git.commit_files(files, parent=made, message="-", author=caller.actor, when=when)
        tree = git.commit(more).tree
    return git.commit_tree(
        tree, parents, commit.message, author=commit.author, committer=commit.committer
    )


def _move_base(
    simulator: Simulator, repository: Repository, pull: PullRequest, old: str, new: str
) -> None:
    try:
        simulator.git(repository).update_ref(f"refs/heads/{pull.base_branch}", new, old)
    except GitError as error:
        raise ApiError(405, BASE_MODIFIED) from error


def _tell(
    simulator: Simulator,
    repository: Repository,
    caller: Caller,
    pull: PullRequest,
    base_sha: str,
    merged_sha: str,
) -> None:
    now = simulator.clock()
    pull.remember(simulator.serial)
    pull.merged, pull.merged_at, pull.merged_by = True, now, caller.actor
    pull.merge_commit_sha, pull.base_sha = merged_sha, base_sha
    pull.issue.state, pull.issue.closed_by = "closed", caller.actor
    pull.issue.closed_at = pull.issue.updated_at = now
    webhooks.pull_request(
        simulator, "closed", repository, pull, caller.actor, by_actions=caller.by_actions
    )
    update = RefUpdate(f"refs/heads/{pull.base_branch}", base_sha, merged_sha)
    pushes.apply(simulator, repository, [update], caller.actor, by_actions=caller.by_actions)
    head = f"refs/heads/{pull.head_branch}"
    at_head = simulator.git(repository).find_ref(head) == pull.head_sha
    if repository.delete_branch_on_merge and at_head:
        apply_update(simulator, repository, caller, RefUpdate(head, pull.head_sha, ZERO))
