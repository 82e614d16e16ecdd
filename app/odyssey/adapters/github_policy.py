"""
The policy files of a branch and of its owner, read with GraphQL.

The owner's is that of the repository called `.github`. Most owners have none, and
GitHub then answers an error for that one field beside all other data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from githubkit.exception import GraphQLFailed
from githubkit.graphql import GraphQLError

from odyssey.adapters.github_client import Client
from odyssey.domain.identifiers import RepositoryRef
from odyssey.domain.policy import POLICY_PATH

CONTENT = "fragment content on TreeEntry { mode object { ... on Blob { text isTruncated } } }"
ORGANISATION = """
  organisation: repository(owner: $owner, name: ".github") {
    defaultBranchRef {
      target { ... on Commit { policy: file(path: "POLICY_PATH") { ...content } } }
    }
  }
"""


def completed(query: str) -> str:
    """*query* with the owner's policy for `ORGANISATION`, and the fragment `content`."""
    whole = query.replace("ORGANISATION", ORGANISATION) + CONTENT
    return whole.replace("POLICY_PATH", POLICY_PATH)


QUERY = completed(
    """
query($owner: String!, $name: String!, $branch: String!) {
  repository(owner: $owner, name: $name) {
    ref(qualifiedName: $branch) {
      target { ... on Commit { policy: file(path: "POLICY_PATH") { ...content } } }
    }
  }
  ORGANISATION
}
"""
)


async def ask(client: Client, query: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """
    The answer to *query*, in which the field `organisation` and single checks may be missing.

    Any other error is raised: half an answer must not read as if there were no policy.
    """
    try:
        return await client.async_graphql(query, dict(variables))
    except GraphQLFailed as error:
        answer = error.response
        if answer.data is None or not all(map(_may_be_missing, answer.errors or ())):
            raise
        return answer.data


def _may_be_missing(error: GraphQLError) -> bool:
    path = error.path or []
    # An installation that has not yet been granted `statuses: read`: such checks are missing then.
    is_check = error.type == "FORBIDDEN" and "statusCheckRollup" in path
    return is_check or (error.type == "NOT_FOUND" and path == ["organisation"])


async def read_policy_texts(
    client: Client, repository: RepositoryRef, branch: str
) -> tuple[str | None, str | None]:
    """
    The policy file on *branch* and the owner's; None for each that is not there.
    """
    variables = {"owner": repository.owner, "name": repository.name}
    data = await ask(client, QUERY, {**variables, "branch": f"refs/heads/{branch}"})
    ref = (data.get("repository") or {}).get("ref") or {}
    return policy_text((ref.get("target") or {}).get("policy")), organisation_policy_text(data)


def organisation_policy_text(data: Mapping[str, Any]) -> str | None:
    """The owner's policy file in an answer with the field `organisation`."""
    branch = (data.get("organisation") or {}).get("defaultBranchRef") or {}
    return policy_text((branch.get("target") or {}).get("policy"))


def policy_text(file: Mapping[str, Any] | None) -> str | None:
    """The text of a policy file as GraphQL shows it."""
    if not file:
        return None
    blob = file.get("object") or {}
    # A truncated or binary policy must not read as "no policy": it fails to parse instead.
    return "[" if blob.get("isTruncated") or blob.get("text") is None else str(blob["text"])
