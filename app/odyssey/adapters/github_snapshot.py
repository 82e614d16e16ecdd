"""
One pull request with its reviews and its policy, in one GraphQL query.

One query is one moment: separate REST reads could show the reviews of one head
beside another head.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from odyssey.adapters.github_policy import (
    completed,
    organisation_policy_text,
    policy_text,
)
from odyssey.adapters.github_required import CHECKS, required_checks
from odyssey.domain.alarm import ALARM_LABEL, is_standing
from odyssey.domain.errors import Conflict, NotFound
from odyssey.domain.identifiers import HeadSha, PullRequestRef
from odyssey.domain.pull_request import (
    ChangedFile,
    Comment,
    PullRequest,
    PullRequestCommit,
    Review,
    ReviewState,
)

SYMLINK = 0o120000

QUERY = completed(
    """
query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    nameWithOwner
    pullRequest(number: $number) {
      number state isDraft merged mergeable title body url isCrossRepository
      headRefName headRefOid baseRefName baseRefOid
      author { login __typename }
      mergeCommit { oid tree { oid } parents(first: 5) { nodes { oid } } }
      mergedBy { login __typename }
      baseRef {
        name
        ...rules
        target {
          oid
          ... on Commit {
            tree { oid }
            policy: file(path: "POLICY_PATH") { ...content }
            codeowners1: file(path: ".github/CODEOWNERS") { ...content }
            codeowners2: file(path: "CODEOWNERS") { ...content }
            codeowners3: file(path: "docs/CODEOWNERS") { ...content }
          }
        }
      }
      head: commits(last: 1) { nodes { commit { oid committedDate tree { oid } ...checks } } }
      commits(last: 100) { pageInfo { hasPreviousPage } nodes { commit { oid
        parents(first: 5) { nodes { oid } }
        author { user { login } } committer { user { login } } } } }
      timelineItems(last: 1, itemTypes: [BASE_REF_CHANGED_EVENT,
                                         AUTOMATIC_BASE_CHANGE_SUCCEEDED_EVENT]) {
        nodes {
          ... on BaseRefChangedEvent { createdAt }
          ... on AutomaticBaseChangeSucceededEvent { createdAt }
        }
      }
      files(first: 100) { totalCount pageInfo { hasNextPage }
        nodes { path additions deletions changeType } }
      reviews(last: 100) { pageInfo { hasPreviousPage }
        nodes { databaseId state body submittedAt author { login __typename }
                commit { oid } authorCanPushToRepository } }
      reviewThreads(last: 100) { pageInfo { hasPreviousPage } nodes { isResolved isOutdated
        comments(first: 10) { nodes { databaseId body path url createdAt
                                      author { login __typename } } } } }
      comments(last: 50) { nodes { databaseId body url createdAt author { login __typename } } }
    }
    alarms: issues(first: 100, labels: ["ALARM_LABEL"],
                   orderBy: {field: CREATED_AT, direction: DESC}) {
      nodes { number body author { login __typename } editor { login __typename } }
    }
  }
  ORGANISATION
}
""".replace("ALARM_LABEL", ALARM_LABEL)
    + CHECKS
)


def variables(ref: PullRequestRef) -> dict[str, Any]:
    """The query's variables for *ref*."""
    return {"owner": ref.repository.owner, "name": ref.repository.name, "number": ref.number}


def read_snapshot(ref: PullRequestRef, data: Mapping[str, Any], *, bot_login: str) -> PullRequest:
    """
    The pull request in the query's answer; *bot_login* is what Odyssey is called on GitHub.

    Raises:
        NotFound: GitHub answered null, which is also how it hides what the App may not see.
        Conflict: GitHub's list of commits is older than the head; it follows shortly.
    """
    repository = data.get("repository") or {}
    node = repository.get("pullRequest")
    if node is None:
        raise NotFound(f"{ref}: GitHub shows no such pull request to the App")
    last = (node["head"]["nodes"] or [None])[-1]
    commit = last["commit"] if last else {}
    if commit and commit["oid"] != node["headRefOid"] and node["state"] == "OPEN":
        raise Conflict(f"{ref}: the list of commits does not end with the head yet")
    commits = tuple(_commit(each["commit"]) for each in node["commits"]["nodes"])
    merge_commit = node.get("mergeCommit") or {}
    files, reviews, threads = node.get("files") or {}, node["reviews"], node["reviewThreads"]
    base = node.get("baseRef") or {}
    target = base.get("target") or {}
    return PullRequest(
        ref=ref,
        is_open=node["state"] == "OPEN",
        is_merged=bool(node["merged"]),
        is_draft=bool(node["isDraft"]),
        is_cross_repository=bool(node["isCrossRepository"]),
        mergeable={"MERGEABLE": True, "CONFLICTING": False}.get(node["mergeable"]),
        title=node["title"],
        body=node["body"] or "",
        url=node["url"],
        author=_login(node["author"]),
        head_branch=node["headRefName"],
        head_sha=HeadSha(node["headRefOid"]),
        head_tree=(commit.get("tree") or {}).get("oid", ""),
        head_committed_at=_time(commit.get("committedDate")),
        base_branch=node["baseRefName"],
        base_sha=target.get("oid") or node["baseRefOid"],
        merge_sha=merge_commit.get("oid"),
        merge_parents=_parents(merge_commit),
        merge_tree=(merge_commit.get("tree") or {}).get("oid", ""),
        merged_by=_login(node["mergedBy"]) if node.get("mergedBy") else None,
        files=tuple(
            ChangedFile(
                path=each["path"],
                additions=each["additions"],
                deletions=each["deletions"],
                is_renamed=each["changeType"] in ("RENAMED", "COPIED"),
            )
            for each in files.get("nodes") or []
        ),
        files_complete=bool(files) and not files["pageInfo"]["hasNextPage"],
        reviews=tuple(_review(each) for each in reviews["nodes"] if each["submittedAt"]),
        reviews_complete=not any(
            each["pageInfo"]["hasPreviousPage"] for each in (reviews, threads)
        ),
        unresolved_threads=sum(not each["isResolved"] for each in threads["nodes"]),
        policy_text=policy_text(target.get("policy")),
        codeowners_text=_codeowners_text(target),
        organisation_policy_text=organisation_policy_text(data),
        head_author=commits[-1].author if commits else None,
        head_committer=commits[-1].committer if commits else None,
        commits=commits,
        commits_complete=not node["commits"]["pageInfo"]["hasPreviousPage"],
        required_checks=required_checks(commit, base, bot_login=bot_login),
        base_tree=(target.get("tree") or {}).get("oid", ""),
        base_changed_at=_base_changed_at(node),
        alarm_issue=_alarm_issue(repository, bot_login),
        line_comments=tuple(
            _comment(each) for thread in threads["nodes"] for each in thread["comments"]["nodes"]
        ),
        comments=tuple(_comment(each) for each in node["comments"]["nodes"]),
    )


def _commit(node: Mapping[str, Any]) -> PullRequestCommit:
    return PullRequestCommit(
        sha=node["oid"],
        parents=_parents(node),
        author=_user(node.get("author")),
        committer=_user(node.get("committer")),
    )


def _parents(commit: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(each["oid"] for each in (commit.get("parents") or {}).get("nodes") or ())


def _base_changed_at(node: Mapping[str, Any]) -> datetime | None:
    changes = node["timelineItems"]["nodes"]
    return _time(changes[-1]["createdAt"]) if changes else None


def _alarm_issue(repository: Mapping[str, Any], bot_login: str) -> int | None:
    """
    The oldest alarm that stands, also when its issue was closed.

    One that somebody else edited stands, whatever it says now.
    """
    standing = [
        int(each["number"])
        for each in repository["alarms"]["nodes"]
        if _login(each["author"]) == bot_login
        and (is_standing(each["body"]) or _login(each["editor"]) not in (bot_login, "ghost"))
    ]
    return min(standing, default=None)


def _review(node: Mapping[str, Any]) -> Review:
    author = node["author"] or {}
    return Review(
        id=node["databaseId"] or 0,
        author=_login(author),
        author_is_person=author.get("__typename") == "User",
        author_can_push=bool(node["authorCanPushToRepository"]),
        state=ReviewState(node["state"]),
        head_sha=HeadSha(node["commit"]["oid"]) if node.get("commit") else None,
        submitted_at=_time(node["submittedAt"]),
        body=node["body"] or "",
    )


def _comment(node: Mapping[str, Any]) -> Comment:
    author = node["author"] or {}
    return Comment(
        id=node["databaseId"] or 0,
        author=_login(author),
        author_is_person=author.get("__typename") == "User",
        body=node["body"],
        url=node["url"],
        said_at=_time(node["createdAt"]),
        path=node.get("path"),
    )


def _login(actor: Mapping[str, Any] | None) -> str:
    """The login as webhooks and REST spell it: GraphQL leaves `[bot]` out."""
    if not actor:
        return "ghost"
    return f"{actor['login']}[bot]" if actor.get("__typename") == "Bot" else str(actor["login"])


def _user(git_actor: Mapping[str, Any] | None) -> str | None:
    user = (git_actor or {}).get("user")
    return str(user["login"]) if user else None


def _codeowners_text(target: Mapping[str, Any]) -> str | None:
    """The one that counts: GitHub looks in `.github`, at the top and in `docs`, in this order."""
    for name in ("codeowners1", "codeowners2", "codeowners3"):
        if entry := target.get(name):
            blob = entry.get("object") or {}
            # What could not be read whole must not read as owned by nobody; the text of a
            # symlink is where it leads to.
            unread = blob.get("isTruncated") or blob.get("text") is None
            return "\0" if unread or entry.get("mode") == SYMLINK else str(blob["text"])
    return None


def _time(text: str | None) -> datetime:
    return (
        datetime.fromisoformat(text).astimezone(UTC) if text else datetime.min.replace(tzinfo=UTC)
    )
