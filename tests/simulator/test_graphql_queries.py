"""
What the GraphQL API tells, and to whom.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from contract.github.checker import ContractChecker
from odyssey.simulator import Fault, Simulator
from simulator.graphql_world import NAME, World, build_world

FACTS = """
query($owner:String!,$name:String!,$number:Int!,$policy:String!){
  repository(owner:$owner,name:$name){
    id databaseId nameWithOwner isArchived defaultBranchRef{name}
    policy: object(expression:$policy){ ... on Blob { oid text isTruncated } }
    pullRequest(number:$number){
      id databaseId number state isDraft merged mergedAt closedAt createdAt mergeable title body url
      locked isCrossRepository headRefName headRefOid baseRefName baseRefOid
      author{login __typename} mergeCommit{oid} mergedBy{login} baseRef{ name target{oid} }
      headRepository{nameWithOwner}
      commits(last:1){ totalCount nodes{ commit{ oid committedDate tree{oid} } } }
      changedFiles
      files(first:100){
        totalCount pageInfo{hasNextPage endCursor} nodes{ path additions deletions changeType }
      }
      reviews(last:100){
        totalCount pageInfo{hasPreviousPage startCursor}
        nodes{ id databaseId state body submittedAt lastEditedAt author{login __typename}
               commit{oid} authorCanPushToRepository authorAssociation }
      }
      reviewThreads(last:100){ totalCount nodes{ isResolved isOutdated } }
    }
  }
  rateLimit{cost remaining resetAt}
}
"""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """
    The world of `graphql_world`, running; all it says must fit GitHub's description.
    """
    checker = ContractChecker()
    async with Simulator(tmp_path, observers=[checker]) as simulator:
        yield await build_world(simulator)
    checker.assert_clean()


def facts(**changed: Any) -> dict[str, Any]:
    """
    The variables of FACTS.
    """
    policy = "main:.github/odyssey.yml"
    return {"owner": "ada", "name": "engine", "number": 1, "policy": policy, **changed}


async def test_one_query_tells_all_facts_of_a_pull_request(world: World) -> None:
    """Every field comes from the state or from git."""
    git = world.simulator.git(world.repository)
    main = git.find_ref("refs/heads/main")
    world.review("bob", "APPROVED")
    world.thread()

    body = await world.ask(FACTS, **facts())

    assert "errors" not in body
    repository = body["data"]["repository"]
    assert repository["nameWithOwner"] == NAME
    assert repository["defaultBranchRef"] == {"name": "main"}
    assert repository["policy"]["text"] == "approvals: 1\n"
    pull = repository["pullRequest"]
    assert (pull["number"], pull["state"], pull["isDraft"], pull["merged"]) == (
        1,
        "OPEN",
        False,
        False,
    )
    assert pull["body"] == ""
    assert pull["author"] == {"login": "ada", "__typename": "User"}
    assert (pull["headRefOid"], pull["baseRefOid"]) == (world.pull.head_sha, main)
    assert pull["baseRef"] == {"name": "main", "target": {"oid": main}}
    assert pull["mergeCommit"] is None
    assert pull["commits"]["nodes"][0]["commit"]["oid"] == world.pull.head_sha
    assert pull["commits"]["nodes"][0]["commit"]["committedDate"] == "2026-11-21T12:00:00Z"
    assert pull["changedFiles"] == 2
    assert pull["files"]["nodes"] == [
        {"path": "engine.py", "additions": 1, "deletions": 0, "changeType": "MODIFIED"},
        {"path": "test_engine.py", "additions": 1, "deletions": 0, "changeType": "ADDED"},
    ]
    (review,) = pull["reviews"]["nodes"]
    assert review["state"] == "APPROVED"
    assert review["commit"] == {"oid": world.pull.head_sha}
    assert review["authorCanPushToRepository"] is True
    assert review["authorAssociation"] == "COLLABORATOR"
    assert pull["reviewThreads"]["nodes"] == [{"isResolved": False, "isOutdated": False}]
    assert body["data"]["rateLimit"]["cost"] == 1


async def test_mergeable_is_unknown_until_it_was_looked_at(world: World) -> None:
    """The first look starts the test merge, as on GitHub."""
    first = await world.ask(FACTS, **facts())
    second = await world.ask(FACTS, **facts())

    told = [one["data"]["repository"]["pullRequest"]["mergeable"] for one in (first, second)]
    assert told == ["UNKNOWN", "MERGEABLE"]


async def test_a_file_that_is_missing_is_null_and_a_binary_has_no_text(world: World) -> None:
    """`object` finds what git finds, at any revision."""
    query = """query($e:String!){ repository(owner:"ada",name:"engine"){ object(expression:$e){
        __typename oid ... on Blob { text isBinary byteSize } ... on Tree { entries { path } }
    } } }"""

    async def found(expression: str) -> Any:
        body = await world.ask(query, e=expression)
        return body["data"]["repository"]["object"]

    assert await found("main:nothing.yml") is None
    assert await found("nowhere:engine.py") is None
    assert await found("--version") is None
    binary = await found("main:picture.png")
    assert (binary["isBinary"], binary["text"], binary["byteSize"]) == (True, None, 6)
    assert (await found("feature:engine.py"))["text"] == "ONE = 1\nTWO = 2\n"
    assert {"path": "engine.py"} in (await found("main:"))["entries"]
    assert (await found("feature"))["__typename"] == "Commit"


async def test_what_does_not_exist_is_null_with_the_type_not_found(world: World) -> None:
    """The words and the `type` are GitHub's; the rest of the answer stays."""
    no_pull = await world.ask(FACTS, **facts(number=7))
    no_repository = await world.ask(FACTS, **facts(name="none"))

    error = no_pull["errors"][0]
    assert error["type"] == "NOT_FOUND"
    assert error["path"] == ["repository", "pullRequest"]
    assert error["message"] == "Could not resolve to a PullRequest with the number of 7."
    assert no_pull["data"]["repository"]["pullRequest"] is None
    assert no_pull["data"]["repository"]["policy"]["isTruncated"] is False
    error = no_repository["errors"][0]
    assert error["message"] == "Could not resolve to a Repository with the name 'ada/none'."
    assert no_repository["data"]["repository"] is None


async def test_a_private_repository_does_not_exist_for_a_stranger(world: World) -> None:
    """Not forbidden: not found."""
    body = await world.ask(FACTS, world.simulator.user_token("eve"), **facts())

    assert body["errors"][0]["type"] == "NOT_FOUND"


async def test_an_app_without_the_permission_is_forbidden(world: World) -> None:
    """A token for issues reads neither code nor pull requests."""
    token = world.installation_token(issues="read")

    body = await world.ask(FACTS, token.value, **facts())

    assert {error["type"] for error in body["errors"]} == {"FORBIDDEN"}
    assert body["errors"][0]["message"] == "Resource not accessible by integration"
    assert body["data"]["repository"]["nameWithOwner"] == NAME
    assert body["data"]["repository"]["pullRequest"] is None


async def test_bad_and_missing_credentials_are_401(world: World) -> None:
    """GraphQL never answers without a name."""
    missing = await world.post({"query": "{ viewer { login } }"}, "")
    wrong = await world.post({"query": "{ viewer { login } }"}, "ghp_wrong")

    assert (missing.status_code, wrong.status_code) == (401, 401)
    assert wrong.json()["message"] == "Bad credentials"


async def test_the_answer_carries_the_limits_of_its_own_resource(world: World) -> None:
    """`x-ratelimit-resource` is graphql, and the body says the same as the headers."""
    answer = await world.post({"query": "{ rateLimit { remaining limit used } }"})

    limits = answer.json()["data"]["rateLimit"]
    assert answer.headers["x-ratelimit-resource"] == "graphql"
    assert answer.headers["x-ratelimit-remaining"] == str(limits["remaining"])
    assert limits["remaining"] == limits["limit"] - limits["used"]


async def test_a_bot_has_no_suffix_in_its_login(world: World) -> None:
    """REST says `odyssey[bot]`, GraphQL says `odyssey`; the viewer is the exception."""
    world.pull.issue.user = world.app.bot
    token = world.installation_token(pull_requests="read", contents="read")

    body = await world.ask(FACTS, token.value, **facts())
    viewer = await world.ask("{ viewer { login } }", token.value)

    author = body["data"]["repository"]["pullRequest"]["author"]
    assert author == {"login": "odyssey", "__typename": "Bot"}
    assert viewer["data"]["viewer"]["login"] == "odyssey[bot]"


async def test_a_pending_review_is_seen_by_its_author_only(world: World) -> None:
    """Nobody else knows of it until it is submitted."""
    world.review("bob", "PENDING", submitted=False)

    for_ada = await world.ask(FACTS, **facts())
    for_bob = await world.ask(FACTS, world.simulator.user_token("bob"), **facts())

    counts = [
        one["data"]["repository"]["pullRequest"]["reviews"]["totalCount"]
        for one in (for_ada, for_bob)
    ]
    assert counts == [0, 1]


async def test_a_reviewer_without_write_access_cannot_push(world: World) -> None:
    """What a merge gate asks of each approval."""
    world.simulator.add_collaborator(NAME, "eve", "read")
    world.review("eve", "APPROVED")

    body = await world.ask(FACTS, **facts())

    (review,) = body["data"]["repository"]["pullRequest"]["reviews"]["nodes"]
    assert review["authorCanPushToRepository"] is False


async def test_a_list_is_read_page_by_page(world: World) -> None:
    """Cursors lead from page to page, forward and backward."""
    for _ in range(3):
        world.review("bob", "COMMENTED")
    query = """query($first:Int,$last:Int,$after:String,$before:String){
      repository(owner:"ada",name:"engine"){ pullRequest(number:1){
        reviews(first:$first,last:$last,after:$after,before:$before){
          nodes{databaseId} pageInfo{hasNextPage hasPreviousPage startCursor endCursor} } } } }"""

    async def page(**bounds: Any) -> Any:
        body = await world.ask(query, **bounds)
        return body["data"]["repository"]["pullRequest"]["reviews"]

    first = await page(first=2)
    rest = await page(first=2, after=first["pageInfo"]["endCursor"])
    newest = await page(last=1)
    older = await page(last=2, before=newest["pageInfo"]["startCursor"])

    ids = [review.id for review in world.pull.reviews]
    assert [one["databaseId"] for one in first["nodes"] + rest["nodes"]] == ids
    assert (first["pageInfo"]["hasNextPage"], rest["pageInfo"]["hasNextPage"]) == (True, False)
    assert [one["databaseId"] for one in older["nodes"] + newest["nodes"]] == ids
    assert newest["pageInfo"]["hasPreviousPage"] is True


@pytest.mark.parametrize(
    ("bounds", "kind"),
    [("", "MISSING_PAGINATION_BOUNDARIES"), ("(first:101)", "EXCESSIVE_PAGINATION")],
)
async def test_a_list_needs_bounds_of_at_most_a_hundred(
    world: World, bounds: str, kind: str
) -> None:
    """GitHub refuses both, with a `type` for each."""
    query = f"""{{ repository(owner:"ada",name:"engine"){{ pullRequest(number:1){{
        reviews{bounds}{{ nodes{{ id }} }} }} }} }}"""

    body = await world.ask(query)

    assert body["errors"][0]["type"] == kind


async def test_the_node_ids_of_both_apis_are_the_same(world: World) -> None:
    """An id from the REST API is good here."""
    review = world.review("bob", "APPROVED")
    body = await world.ask(FACTS, **facts())
    pull = body["data"]["repository"]["pullRequest"]

    asked = "query($id:ID!){ node(id:$id){ __typename id } }"
    for identifier, kind in (
        (pull["id"], "PullRequest"),
        (pull["reviews"]["nodes"][0]["id"], "PullRequestReview"),
        (body["data"]["repository"]["id"], "Repository"),
    ):
        found = await world.ask(asked, id=identifier)
        assert found["data"]["node"] == {"__typename": kind, "id": identifier}
    stranger = await world.ask(asked, world.simulator.user_token("eve"), id=pull["id"])

    assert stranger["errors"][0]["type"] == "NOT_FOUND"
    assert review.user.login == "bob"


async def test_a_field_that_is_not_built_is_501(world: World) -> None:
    """Nothing is answered with a silent null."""
    answer = await world.post({"query": '{ repository(owner:"ada",name:"engine"){ forkCount } }'})

    assert answer.status_code == 501
    assert "forkCount" in answer.json()["message"]


@pytest.mark.parametrize(
    ("body", "status"), [({"query": "{ viewer {"}, 200), ({"query": ""}, 200), ([1], 200)]
)
async def test_a_query_that_is_none_is_an_error(world: World, body: Any, status: int) -> None:
    """GitHub answers 200 with `errors` and no data."""
    answer = await world.post(body)

    assert answer.status_code == status
    assert answer.json()["errors"][0]["message"]
    assert "data" not in answer.json()


async def test_a_variable_of_the_wrong_type_is_an_error(world: World) -> None:
    """The schema is GitHub's, so are its types."""
    answer = await world.post({"query": FACTS, "variables": facts(number="one")})

    assert "number" in answer.json()["errors"][0]["message"]


async def test_a_stale_read_shows_the_pull_request_of_before(world: World) -> None:
    """The fault board reaches GraphQL too."""
    world.pull.remember(1)
    world.pull.draft = True
    world.simulator.faults.add(Fault("POST", "/graphql", kind="stale_read"))

    stale = await world.ask(FACTS, **facts())
    fresh = await world.ask(FACTS, **facts())

    told = [one["data"]["repository"]["pullRequest"]["isDraft"] for one in (stale, fresh)]
    assert told == [False, True]
