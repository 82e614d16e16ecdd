"""Issues, comments, labels and reactions as the API and the webhooks show them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from odyssey.simulator.ids import node_id, optional_timestamp, timestamp
from odyssey.simulator.state import Comment, Issue, Json, Label, Reaction, Repository, User
from odyssey.simulator.views_accounts import optional_integration, optional_user, simple_user
from odyssey.simulator.views_repositories import repository_page, repository_url

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

CONTENTS = ("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes")


def label_view(simulator: Simulator, repository: Repository, label: Label) -> Json:
    """The `label` schema, with the `archived_*` fields that are newer than the published one."""
    return {
        "id": label.id,
        "node_id": node_id("Label", label.id),
        "url": f"{repository_url(simulator, repository)}/labels/{quote(label.name)}",
        "name": label.name,
        "color": label.color,
        "default": label.name in ("bug", "documentation", "enhancement"),
        "description": label.description,
        "archived_at": None,
        "archived_by": None,
    }


def reaction_view(simulator: Simulator, reaction: Reaction) -> Json:
    """The `reaction` schema."""
    return {
        "id": reaction.id,
        "node_id": node_id("Reaction", reaction.id),
        "user": simple_user(simulator, reaction.user),
        "content": reaction.content,
        "created_at": timestamp(reaction.created_at),
    }


def reaction_rollup(url: str, reactions: Sequence[Reaction]) -> Json:
    """The `reaction-rollup` schema."""
    counts = {content: sum(r.content == content for r in reactions) for content in CONTENTS}
    return {"url": f"{url}/reactions", "total_count": len(reactions), **counts}


def association(repository: Repository, user: User) -> str:
    """How *user* stands to *repository*: OWNER, COLLABORATOR or NONE."""
    if user.id == repository.owner.id:
        return "OWNER"
    return "COLLABORATOR" if user.id in repository.collaborators else "NONE"


def comment_view(simulator: Simulator, repository: Repository, comment: Comment) -> Json:
    """The `issue-comment` schema."""
    base = repository_url(simulator, repository)
    url = f"{base}/issues/comments/{comment.id}"
    issue = repository.issues[comment.issue_number]
    return {
        "url": url,
        "html_url": f"{issue_page(simulator, repository, issue)}#issuecomment-{comment.id}",
        "issue_url": f"{base}/issues/{comment.issue_number}",
        "id": comment.id,
        "node_id": node_id("IssueComment", comment.id),
        "user": simple_user(simulator, comment.user),
        "created_at": timestamp(comment.created_at),
        "updated_at": timestamp(comment.updated_at),
        "body": comment.body,
        "author_association": association(repository, comment.user),
        "reactions": reaction_rollup(url, comment.reactions),
        "performed_via_github_app": optional_integration(simulator, comment.app),
    }


def issue_page(simulator: Simulator, repository: Repository, issue: Issue) -> str:
    """The web address of an issue or pull request."""
    kind = "pull" if issue.pull else "issues"
    return f"{repository_page(simulator, repository)}/{kind}/{issue.number}"


def issue_view(simulator: Simulator, repository: Repository, issue: Issue) -> Json:
    """The `issue` schema; of a pull request its conversation side."""
    base = repository_url(simulator, repository)
    url = f"{base}/issues/{issue.number}"
    comments = sum(c.issue_number == issue.number for c in repository.comments.values())
    assignees = [simple_user(simulator, user) for user in issue.assignees]
    shown: Json = {
        "url": url,
        "repository_url": base,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "timeline_url": f"{url}/timeline",
        "html_url": issue_page(simulator, repository, issue),
        "id": issue.id,
        "node_id": node_id("Issue", issue.id),
        "number": issue.number,
        "title": issue.title,
        "user": simple_user(simulator, issue.user),
        "labels": [label_view(simulator, repository, label) for label in issue.labels],
        "state": issue.state,
        "state_reason": issue.state_reason,
        "locked": issue.locked,
        "assignees": assignees,
        "milestone": None,
        "comments": comments,
        "created_at": timestamp(issue.created_at),
        "updated_at": timestamp(issue.updated_at),
        "closed_at": optional_timestamp(issue.closed_at),
        "closed_by": optional_user(simulator, issue.closed_by),
        "author_association": association(repository, issue.user),
        "active_lock_reason": issue.active_lock_reason,
        "body": issue.body,
        "reactions": reaction_rollup(url, issue.reactions),
        "performed_via_github_app": optional_integration(simulator, issue.app),
        "sub_issues_summary": {"total": 0, "completed": 0, "percent_completed": 0},
        "issue_dependencies_summary": {
            "blocked_by": 0,
            "blocking": 0,
            "total_blocked_by": 0,
            "total_blocking": 0,
        },
    }
    if issue.pull is not None:
        page = shown["html_url"]
        shown["draft"] = issue.pull.draft
        shown["pull_request"] = {
            "url": f"{base}/pulls/{issue.number}",
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "merged_at": optional_timestamp(issue.pull.merged_at),
        }
    return shown
