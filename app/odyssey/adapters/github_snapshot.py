"""
One pull request with its reviews and its policy, in one GraphQL query.

One query is one moment: separate REST reads could show the reviews of one head
beside another head.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from odyssey.domain.errors import NotFound
from odyssey.domain.identifiers import HeadSha, PullRequestRef
from odyssey.domain.policy import POLICY_PATH
from odyssey.domain.pull_request import ChangedFile, PullRequest, Review, ReviewState

QUERY = """
query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    nameWithOwner
    pullRequest(number: $number) {
      number state isDraft merged mergeable title body url isCrossRepository
      headRefName headRefOid baseRefName baseRefOid
      author { login __typename }
      mergeCommit { oid }
      mergedBy { login __typename }
      baseRef {
        name
        target {
          oid
          ... on Commit { policy: file(path: "POLICY_PATH") {
            object { ... on Blob { text isTruncated } } } }
        }
      }
      commits(last: 1) { nodes { commit { oid committedDate tree { oid }
        author { user { login } } committer { user { login } } } } }
      files(first: 100) { totalCount pageInfo { hasNextPage }
        nodes { path additions deletions changeType } }
      reviews(last: 100) { pageInfo { hasPreviousPage }
        nodes { databaseId state body submittedAt author { login __typename }
                commit { oid } authorCanPushToRepository } }
      reviewThreads(last: 100) { pageInfo { hasPreviousPage } nodes { isResolved isOutdated } }
    }
  }
}
""".replace("POLICY_PATH", POLICY_PATH)


def variables(ref: PullRequestRef) -> dict[str, Any]:
    """The query's variables for *ref*."""
    return {"owner": ref.repository.owner, "name": ref.repository.name, "number": ref.number}


def read_snapshot(ref: PullRequestRef, data: Mapping[str, Any]) -> PullRequest:
    """
    The pull request in the query's answer.

    Raises:
        NotFound: GitHub answered null, which is also how it hides what the App may not see.
    """
    repository = data.get("repository") or {}
    node = repository.get("pullRequest")
    if node is None:
        raise NotFound(f"{ref}: GitHub shows no such pull request to the App")
    last = (node["commits"]["nodes"] or [None])[-1]
    commit = last["commit"] if last else {}
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
        merge_sha=(node.get("mergeCommit") or {}).get("oid"),
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
        policy_text=_policy_text(target),
        head_author=_user(commit.get("author")),
        head_committer=_user(commit.get("committer")),
    )


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


def _login(actor: Mapping[str, Any] | None) -> str:
    """The login as webhooks and REST spell it: GraphQL leaves `[bot]` out."""
    if not actor:
        return "ghost"
    return f"{actor['login']}[bot]" if actor.get("__typename") == "Bot" else str(actor["login"])


def _user(git_actor: Mapping[str, Any] | None) -> str | None:
    user = (git_actor or {}).get("user")
    return str(user["login"]) if user else None


def _policy_text(target: Mapping[str, Any]) -> str | None:
    blob = ((target.get("policy") or {}).get("object")) or None
    if blob is None:
        return None
    # A truncated or binary policy must not read as "no policy": it fails to parse instead.
    return "[" if blob.get("isTruncated") or blob.get("text") is None else str(blob["text"])


def _time(text: str | None) -> datetime:
    return (
        datetime.fromisoformat(text).astimezone(UTC) if text else datetime.min.replace(tzinfo=UTC)
    )
