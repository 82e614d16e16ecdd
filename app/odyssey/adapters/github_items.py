"""
The items of GitHub's lists: what is kept of each, and the deliveries that are made of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from odyssey.adapters.github_pages import Item
from odyssey.domain.events import used_part
from odyssey.domain.identifiers import RepositoryRef, RunId
from odyssey.ports.healing import FoundRun, ListedComment, ListedPull


def installation(item: Mapping[str, Any]) -> Item:
    """What the sweeps need of an installation."""
    return {
        "id": int(item["id"]),
        "is_suspended": bool(item.get("suspended_at")),
        "created_at": item["created_at"],
    }


def repository_of(item: Mapping[str, Any]) -> Item:
    """What they need of a repository."""
    return {
        "owner": item["owner"]["login"],
        "name": item["name"],
        "is_archived": bool(item.get("archived")),
    }


def pull(item: Mapping[str, Any]) -> Item:
    """What they need of a pull request."""
    return {
        "number": int(item["number"]),
        "author": (item["user"] or {}).get("login", "ghost"),
        "head_branch": item["head"]["ref"],
        "head_sha": item["head"]["sha"],
        "base_branch": item["base"]["ref"],
        "is_open": item["state"] == "open",
        "updated_at": item["updated_at"],
    }


def listed_pull(item: Item) -> ListedPull:
    """A pull request as `pull` kept it."""
    return ListedPull(**{**item, "updated_at": time(item["updated_at"])})


def comment(item: Mapping[str, Any]) -> Item:
    """What they need of a comment; what is no command is not kept."""
    user = item["user"] or {}
    return {
        "id": int(item["id"]),
        "node_id": str(item["node_id"]),
        "number": int(str(item["issue_url"]).rpartition("/")[2]),
        "author": user.get("login", "ghost"),
        "author_is_person": user.get("type") == "User",
        "body": (item["body"] or "") if "/odyssey" in (item["body"] or "").lower() else "",
        "url": item["html_url"],
        "created_at": item["created_at"],
        "updated_at": item["updated_at"],
    }


def listed_comment(item: Item) -> ListedComment:
    """A comment as `comment` kept it."""
    times = {key: time(item[key]) for key in ("created_at", "updated_at")}
    return ListedComment(**{**item, **times})


def found_run(repository: RepositoryRef, run: Mapping[str, Any]) -> FoundRun:
    """A run, with the JSON that its delivery would have brought."""
    payload = {
        "action": "completed" if run["status"] == "completed" else "in_progress",
        "installation": {"id": repository.installation_id},
        "repository": {"owner": {"login": repository.owner}, "name": repository.name},
        "workflow_run": run,
    }
    return FoundRun(
        id=RunId(int(run["id"])),
        attempt=int(run.get("run_attempt") or 1),
        is_completed=run["status"] == "completed",
        body=json.dumps(used_part(payload)).encode(),
    )


def time(text: str) -> datetime:
    """GitHub's text for a time, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def comment_delivery(
    repository: RepositoryRef,
    comment: ListedComment,
    *,
    issue: Mapping[str, Any],
    about: Mapping[str, Any],
) -> bytes:
    """What an `issue_comment` delivery would have brought; *about* is the repository in full."""
    author = {"login": comment.author, "type": "User" if comment.author_is_person else "Bot"}
    payload: dict[str, Any] = {
        "action": "created",
        "installation": {"id": repository.installation_id},
        "repository": {
            "owner": {"login": repository.owner},
            "name": repository.name,
            "default_branch": about["default_branch"],
        },
        "issue": {
            "number": comment.number,
            "state": issue["state"],
            "locked": issue.get("locked", False),
        },
        "comment": {
            "id": comment.id,
            "body": comment.body,
            "html_url": comment.url,
            "created_at": comment.created_at.isoformat(),
            "user": author,
        },
        "sender": author,
    }
    if issue.get("pull_request"):
        payload["issue"]["pull_request"] = {"url": issue["pull_request"]["url"]}
    return json.dumps(payload).encode()
