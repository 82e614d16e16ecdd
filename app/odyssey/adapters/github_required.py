"""
The checks that GitHub requires before a merge, as the read of a pull request shows them.

What has reported says itself whether it is required. What has not is known only from
the rules of the base branch: classic protection as non-admins may see it, and rulesets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from odyssey.domain.pull_request import CheckState, RequiredCheck

CHECKS = """
fragment checks on Commit {
  statusCheckRollup { contexts(first: 100) { pageInfo { hasNextPage } nodes {
    __typename
    ... on CheckRun {
      name status conclusion isRequired(pullRequestNumber: $number)
      checkSuite { app { slug } }
    }
    ... on StatusContext { context state isRequired(pullRequestNumber: $number) }
  } } }
}
fragment rules on Ref {
  refUpdateRule { requiredStatusCheckContexts }
  rules(first: 100) { nodes { parameters {
    __typename
    ... on RequiredStatusChecksParameters { requiredStatusChecks { context } }
  } } }
}
"""
"""Two fragments; `$number` is the pull request's. Statuses take the permission `statuses: read`."""

# https://docs.github.com/pull-requests/collaborating-with-pull-requests: these three pass.
_PASSING = frozenset({"SUCCESS", "SKIPPED", "NEUTRAL"})


def required_checks(
    commit: Mapping[str, Any], base_ref: Mapping[str, Any], *, bot_login: str
) -> tuple[RequiredCheck, ...]:
    """
    The required checks of *commit*, those that have not reported after the others.

    With more than 100 checks it is not known what is missing: GitHub then says so at the merge.
    """
    contexts = (commit.get("statusCheckRollup") or {}).get("contexts") or {}
    nodes = contexts.get("nodes") or []
    # What the App may not see is null: then it is missing, which blocks and is said.
    found = [_check(each, bot_login) for each in nodes if each and each["isRequired"]]
    if (contexts.get("pageInfo") or {}).get("hasNextPage"):
        return tuple(found)
    reported = {each.name for each in found}
    missing = dict.fromkeys(each for each in _names(base_ref) if each not in reported)
    return (*found, *(RequiredCheck(name=each, state=CheckState.MISSING) for each in missing))


def _check(node: Mapping[str, Any], bot_login: str) -> RequiredCheck:
    if node["__typename"] == "StatusContext":
        return RequiredCheck(name=node["context"], state=_state(node["state"]))
    slug = ((node.get("checkSuite") or {}).get("app") or {}).get("slug")
    is_done = node["status"] == "COMPLETED"
    return RequiredCheck(
        name=node["name"],
        state=_state(node["conclusion"]) if is_done else CheckState.RUNNING,
        is_ours=f"{slug}[bot]" == bot_login,
    )


def _state(word: str | None) -> CheckState:
    if word in _PASSING:
        return CheckState.PASSED
    return CheckState.RUNNING if word in ("PENDING", "EXPECTED") else CheckState.FAILED


def _names(base_ref: Mapping[str, Any]) -> Iterator[str]:
    yield from (base_ref.get("refUpdateRule") or {}).get("requiredStatusCheckContexts") or ()
    for rule in (base_ref.get("rules") or {}).get("nodes") or ():
        for check in (rule.get("parameters") or {}).get("requiredStatusChecks") or ():
            yield check["context"]
