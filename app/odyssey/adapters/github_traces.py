"""
What Odyssey left on one of its pull requests, read back from GitHub.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from odyssey.adapters.github_client import Client
from odyssey.domain.errors import NotFound
from odyssey.domain.identifiers import HeadSha, PullRequestRef
from odyssey.ports.healing import FoundCheckRun, Traces, Written

QUERY = """
query($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      number body createdAt closedAt lastEditedAt
      author { login __typename }
      mergeCommit { message }
      commits(first: 1) { nodes { commit { message } } }
    }
  }
}
"""

MOST_COMMENTS = 500
"""Odyssey's own are among the first: it writes them when the pull request is new."""


async def read_traces(
    client: Client, ref: PullRequestRef, head_sha: HeadSha, *, bot_login: str
) -> Traces:
    """
    See `ports.healing.Overview.traces`.

    Raises:
        NotFound: no such pull request, or the App may not see it.
    """
    owner, name = ref.repository.owner, ref.repository.name
    data = await client.async_graphql(QUERY, {"owner": owner, "name": name, "number": ref.number})
    node = (data.get("repository") or {}).get("pullRequest")
    if node is None:
        raise NotFound(f"{ref}: GitHub shows no such pull request to the App")
    first: Any = (node["commits"]["nodes"] or [None])[0]
    return Traces(
        description=Written(
            id=ref.number,
            body=node["body"] or "",
            is_ours_alone=_is_bot(node["author"], bot_login) and not node["lastEditedAt"],
        ),
        opened_at=_time(node["createdAt"]),
        closed_at=_time(node["closedAt"]) if node["closedAt"] else None,
        first_message=first["commit"]["message"] if first else "",
        merge_message=(node["mergeCommit"] or {}).get("message", ""),
        check_runs=await _check_runs(client, ref, head_sha, bot_login),
        comments=await _comments(client, ref, bot_login),
    )


async def _check_runs(
    client: Client, ref: PullRequestRef, head_sha: HeadSha, bot_login: str
) -> list[FoundCheckRun]:
    answer: Any = await client.rest.checks.async_list_for_ref(
        ref.repository.owner, ref.repository.name, head_sha, filter_="all", per_page=100
    )
    found: list[dict[str, Any]] = answer.json()["check_runs"]
    return [
        FoundCheckRun(
            id=int(each["id"]),
            external_id=str(each["external_id"] or ""),
            summary=(each.get("output") or {}).get("summary") or "",
            conclusion=each["conclusion"],
        )
        for each in found
        if f"{(each.get('app') or {}).get('slug')}[bot]" == bot_login
    ]


async def _comments(client: Client, ref: PullRequestRef, bot_login: str) -> list[Written]:
    pages = client.rest.paginate(
        client.rest.issues.async_list_comments,
        map_func=lambda answer: answer.json(),
        owner=ref.repository.owner,
        repo=ref.repository.name,
        issue_number=ref.number,
        per_page=100,
    )
    found: list[Written] = []
    count = 0
    async for comment in pages:
        count += 1
        if count > MOST_COMMENTS:
            break
        if comment["user"] and comment["user"]["login"] == bot_login:
            written = Written(
                id=int(comment["id"]), body=comment["body"] or "", is_ours_alone=False
            )
            found.append(written)
    return found


def _is_bot(author: Mapping[str, Any] | None, bot_login: str) -> bool:
    # GraphQL leaves `[bot]` out of the login, and says `Bot` beside it.
    return (
        bool(author)
        and (author or {}).get("__typename") == "Bot"
        and (f"{(author or {})['login']}[bot]" == bot_login)
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
