"""Opening and editing pull requests, by GitHub's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey.simulator import pushes, webhooks
from odyssey.simulator.auth import Caller
from odyssey.simulator.comparing import compare
from odyssey.simulator.errors import invalid
from odyssey.simulator.state import BaseChange, Issue, Json, PullRequest, Repository

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator


def create(
    simulator: Simulator,
    repository: Repository,
    caller: Caller,
    *,
    head: str,
    base: str,
    title: str,
    body: str | None,
    draft: bool,
) -> PullRequest:
    """
    A new pull request of *head* (`branch` or `owner:branch`) into *base*.

    Raises:
        ApiError: 422 for an unknown head or base, no commits between, or one that exists.
    """
    git = simulator.git(repository)
    owner, _, branch = head.rpartition(":")
    if not title.strip():
        raise invalid("PullRequest", "missing_field", "title")
    is_here = owner in ("", repository.owner.login)
    head_sha = git.find_ref(f"refs/heads/{branch}") if is_here else None
    base_sha = git.find_ref(f"refs/heads/{base}")
    if head_sha is None:
        raise invalid("PullRequest", "invalid", "head")
    if base_sha is None:
        raise invalid("PullRequest", "invalid", "base")
    if _is_open(repository, branch, base):
        message = f"A pull request already exists for {repository.owner.login}:{branch}."
        raise invalid("PullRequest", "custom", message=message)
    if not compare(repository, base_sha, head_sha).commits:
        message = f"No commits between {base} and {branch}"
        raise invalid("PullRequest", "custom", message=message)
    now = simulator.clock()
    issue = Issue(
        id=simulator.ids.next("issue"),
        number=repository.next_number(),
        title=title,
        body=body,
        user=caller.actor,
        created_at=now,
        updated_at=now,
        app=caller.acting_app,
    )
    pull = PullRequest(
        id=simulator.ids.next("pull_request"),
        issue=issue,
        head_branch=branch,
        head_sha=head_sha,
        base_branch=base,
        base_sha=base_sha,
        draft=draft,
        last_pushed_by=caller.actor,
    )
    issue.pull = pull
    repository.issues[issue.number] = issue
    repository.pulls[issue.number] = pull
    pull.changed_in = simulator.serial
    git.set_ref(f"refs/pull/{issue.number}/head", head_sha)
    webhooks.pull_request(
        simulator, "opened", repository, pull, caller.actor, by_actions=caller.by_actions
    )
    return pull


def edit(
    simulator: Simulator,
    repository: Repository,
    caller: Caller,
    pull: PullRequest,
    *,
    title: str | None = None,
    body: str | None = None,
    base: str | None = None,
    state: str | None = None,
) -> None:
    """
    Change what is not None; each change sends the event GitHub sends for it.

    Of a closed pull request GitHub takes no base branch, not even the one it has.
    """
    if base is not None and pull.issue.state != "open":
        message = "Cannot change the base branch of a closed pull request."
        raise invalid("PullRequest", "invalid", "base", message)
    pull.remember(simulator.serial)
    changes: Json = {}
    if title is not None and title != pull.issue.title:
        changes["title"] = {"from": pull.issue.title}
        pull.issue.title = title
    if body is not None and body != pull.issue.body:
        changes["body"] = {"from": pull.issue.body or ""}
        pull.issue.body, pull.issue.edited_at = body, simulator.clock()
        pull.issue.edited_by = caller.actor
    if base is not None and base != pull.base_branch:
        changes["base"] = {"ref": {"from": pull.base_branch}, "sha": {"from": pull.base_sha}}
        _retarget(simulator, repository, caller, pull, base)
    pull.issue.updated_at = simulator.clock()
    if changes:
        webhooks.pull_request(
            simulator,
            "edited",
            repository,
            pull,
            caller.actor,
            by_actions=caller.by_actions,
            changes=changes,
        )
    if state == "closed" and pull.issue.state == "open":
        pushes.close(simulator, repository, pull, caller.actor, by_actions=caller.by_actions)
    if state == "open" and pull.issue.state == "closed":
        _reopen(simulator, repository, caller, pull)


def _is_open(repository: Repository, head: str, base: str) -> bool:
    return any(
        (pull.head_branch, pull.base_branch, pull.issue.state) == (head, base, "open")
        for pull in repository.pulls.values()
    )


def _retarget(
    simulator: Simulator, repository: Repository, caller: Caller, pull: PullRequest, base: str
) -> None:
    base_sha = simulator.git(repository).find_ref(f"refs/heads/{base}")
    if base_sha is None:
        message = f"Proposed base branch '{base}' was not found"
        raise invalid("PullRequest", "invalid", "base", message)
    number = simulator.ids.next("event")
    change = BaseChange(number, pull.base_branch, base, caller.actor, simulator.clock())
    pull.base_changes.append(change)
    pull.base_branch, pull.base_sha, pull.mergeability = base, base_sha, None


def _reopen(
    simulator: Simulator, repository: Repository, caller: Caller, pull: PullRequest
) -> None:
    if pull.merged:
        message = "state cannot be changed. The pull request cannot be reopened."
        raise invalid("PullRequest", "invalid", "state", message)
    head = simulator.git(repository).find_ref(f"refs/heads/{pull.head_branch}")
    if head is None:
        message = f"state cannot be changed. The {pull.head_branch} branch has been deleted."
        raise invalid("PullRequest", "invalid", "state", message)
    pull.head_sha, pull.mergeability = head, None
    pull.issue.state, pull.issue.closed_at, pull.issue.closed_by = "open", None, None
    webhooks.pull_request(
        simulator, "reopened", repository, pull, caller.actor, by_actions=caller.by_actions
    )


def set_draft(
    simulator: Simulator, repository: Repository, caller: Caller, pull: PullRequest, *, draft: bool
) -> None:
    """Make *pull* a draft or ready for review (GraphQL only on github.com)."""
    if pull.draft == draft:
        return
    pull.remember(simulator.serial)
    pull.draft = draft
    pull.issue.updated_at = simulator.clock()
    action = "converted_to_draft" if draft else "ready_for_review"
    webhooks.pull_request(
        simulator, action, repository, pull, caller.actor, by_actions=caller.by_actions
    )
