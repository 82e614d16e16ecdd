"""The mutations of the GraphQL API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from odyssey.simulator import webhooks
from odyssey.simulator.graphql_commits import create_commit_on_branch
from odyssey.simulator.graphql_connections import Node, Refusal
from odyssey.simulator.graphql_git import account
from odyssey.simulator.graphql_nodes import Found, find_node
from odyssey.simulator.graphql_objects import Desk
from odyssey.simulator.ids import node_id, timestamp
from odyssey.simulator.permissions import role_at_least, role_of
from odyssey.simulator.state import Reaction
from odyssey.simulator.views_pulls import review_comment_view

WRITE_ISSUES = (("issues", "write"), ("pull_requests", "write"))
WRITE_PULLS = (("pull_requests", "write"),)
# REST and GraphQL spell reactions differently: https://docs.github.com/graphql/reference/enums
REACTIONS = {
    "THUMBS_UP": "+1",
    "THUMBS_DOWN": "-1",
    "LAUGH": "laugh",
    "HOORAY": "hooray",
    "CONFUSED": "confused",
    "HEART": "heart",
    "ROCKET": "rocket",
    "EYES": "eyes",
}


def mutations(desk: Desk) -> dict[str, Callable[..., Node]]:
    """
    The resolver of each mutation; all echo `clientMutationId`.
    """
    made = {
        "addReaction": add_reaction,
        "convertPullRequestToDraft": lambda d, sent: set_draft(d, sent, draft=True),
        "createCommitOnBranch": create_commit_on_branch,
        "markPullRequestReadyForReview": lambda d, sent: set_draft(d, sent, draft=False),
        "minimizeComment": minimize_comment,
        "resolveReviewThread": lambda d, sent: set_resolved(d, sent, resolved=True),
        "unresolveReviewThread": lambda d, sent: set_resolved(d, sent, resolved=False),
    }

    def bound(run: Callable[[Desk, Node], Node]) -> Callable[..., Node]:
        return lambda input: {
            "clientMutationId": input.get("clientMutationId"),
            **run(desk, input),
        }

    return {name: bound(run) for name, run in made.items()}


def add_reaction(desk: Desk, sent: Node) -> Node:
    """
    Adds the caller's reaction, once: the same again gives the one that is there.
    """
    found = _find(desk, sent["subjectId"], {"Issue", "IssueComment", "PullRequest"})
    _may_write(desk, found, WRITE_ISSUES)
    subject = found.item.issue if found.kind == "PullRequest" else found.item
    content = REACTIONS[sent["content"]]
    user = desk.caller.actor
    reaction = next((r for r in subject.reactions if (r.user, r.content) == (user, content)), None)
    if reaction is None:
        number = desk.simulator.ids.next("reaction")
        reaction = Reaction(number, user, content, desk.simulator.clock())
        subject.reactions.append(reaction)
    return {
        "reaction": {
            "id": node_id("Reaction", reaction.id),
            "databaseId": reaction.id,
            "content": sent["content"],
            "createdAt": timestamp(reaction.created_at),
            # `Reaction.user` is a User: a bot is none.
            "user": account(desk.simulator, user) if user.kind == "User" else None,
        },
        "subject": found.render,
    }


def set_draft(desk: Desk, sent: Node, *, draft: bool) -> Node:
    """
    Makes a pull request a draft or ready for review; nothing happens when it is so already.
    """
    found = _find(desk, sent["pullRequestId"], {"PullRequest"})
    _may_write(desk, found, WRITE_PULLS)
    repository, pull = found.repository, found.pull
    assert repository is not None
    assert pull is not None
    if pull.issue.state != "open":
        raise Refusal("UNPROCESSABLE", "Pull request is closed.")
    if pull.draft != draft:
        simulator = desk.simulator
        pull.remember(simulator.serial)
        pull.draft = draft
        pull.issue.updated_at = simulator.clock()
        webhooks.pull_request(
            simulator,
            "converted_to_draft" if draft else "ready_for_review",
            repository,
            pull,
            desk.caller.actor,
            by_actions=desk.caller.by_actions,
        )
    return {"pullRequest": found.render}


def set_resolved(desk: Desk, sent: Node, *, resolved: bool) -> Node:
    """
    Resolves or reopens a review thread.
    """
    found = _find(desk, sent["threadId"], {"PullRequestReviewThread"})
    _may_write(desk, found, WRITE_PULLS)
    repository, pull = found.repository, found.pull
    assert repository is not None
    assert pull is not None
    if found.item.resolved != resolved:
        simulator = desk.simulator
        found.item.resolved = resolved
        said = [
            one for one in pull.review_comments if found.item.id in (one.id, one.in_reply_to_id)
        ]
        simulator.emit(
            "pull_request_review_thread",
            "resolved" if resolved else "unresolved",
            repository,
            {
                "pull_request": webhooks.small_pull(simulator, repository, pull),
                "thread": {
                    "node_id": sent["threadId"],
                    "comments": [
                        review_comment_view(simulator, repository, pull, one) for one in said
                    ],
                },
            },
            sender=desk.caller.actor,
            by_actions=desk.caller.by_actions,
        )
    return {"thread": found.render}


def minimize_comment(desk: Desk, sent: Node) -> Node:
    """
    Hides a comment or review under its reason, as GitHub spells it (`off-topic`).
    """
    kinds = {"IssueComment", "PullRequestReview", "PullRequestReviewComment"}
    found = _find(desk, sent["subjectId"], kinds)
    on_issue = found.kind == "IssueComment"
    _may_write(desk, found, WRITE_ISSUES if on_issue else WRITE_PULLS)
    # The id as this simulator writes it, whatever its padding was when sent.
    desk.minimized[node_id(found.kind, found.item.id)] = (
        sent["classifier"].lower().replace("_", "-")
    )
    return {"minimizedComment": found.render}


def _find(desk: Desk, identifier: str, kinds: set[str]) -> Found:
    found = find_node(desk, identifier)
    if found.kind not in kinds:
        wanted = " or ".join(sorted(kinds))
        raise Refusal(
            "NOT_FOUND", f"Could not resolve to {wanted} node with the global id of '{identifier}'."
        )
    return found


def _may_write(desk: Desk, found: Found, alternatives: Sequence[tuple[str, str]]) -> None:
    """
    Refuses an App without the permission, and a person who may neither write nor is the author.
    """
    assert found.repository is not None
    desk.need(found.repository, alternatives)
    if found.repository.archived:
        raise Refusal("UNPROCESSABLE", "Repository was archived so is read-only.")
    if desk.caller.kind != "user" or alternatives is WRITE_ISSUES:
        return
    author: Any = found.pull.issue.user if found.pull else None
    role = role_of(desk.caller.actor, found.repository)
    if desk.caller.actor is not author and not role_at_least(role, "triage"):
        name = desk.caller.actor.login
        raise Refusal("FORBIDDEN", f"{name} does not have the correct permissions to execute this.")
