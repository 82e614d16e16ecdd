"""What a sweep reads: comments of a whole repository, 304 answers, when a body was edited."""

from __future__ import annotations

from datetime import timedelta

from simulator.calls import call
from simulator.conftest import REPOSITORY, World

COMMENTS = f"/repos/{REPOSITORY}/issues/comments"


async def test_the_comments_of_a_repository_are_listed_by_their_last_change(world: World) -> None:
    """`since` is about the last change; `direction` is heeded beside `sort` only (docs)."""
    ann = world.simulator.person("ann")
    first = (await ann.open_issue(REPOSITORY, "One"))["number"]
    second = (await ann.open_issue(REPOSITORY, "Two"))["number"]
    old = (await ann.comment(REPOSITORY, first, "old"))["id"]
    world.clock.now += timedelta(hours=1)
    since = world.clock.now
    new = (await ann.comment(REPOSITORY, second, "new"))["id"]
    world.clock.now += timedelta(minutes=1)
    await ann.edit_comment(REPOSITORY, old, "old, changed")
    token = world.simulator.user_token("ann")

    async def ids(query: str) -> list[int]:
        answer = await call(world, "GET", f"{COMMENTS}?{query}", token)
        return [each["id"] for each in answer.json()]

    assert await ids("") == [old, new]
    assert await ids("direction=desc") == [old, new]
    assert await ids("sort=created&direction=desc") == [new, old]
    assert await ids("sort=updated&direction=desc") == [old, new]
    stamp = since.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert await ids(f"since={stamp}&sort=updated&direction=asc") == [new, old]
    later = (world.clock.now + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert await ids(f"since={later}") == []


async def test_an_unchanged_list_is_304_and_not_counted(world: World) -> None:
    """docs: conditional requests do not count against the primary rate limit."""
    token = world.simulator.user_token("ann")
    path = f"/repos/{REPOSITORY}/pulls?state=open&per_page=100"
    full = await call(world, "GET", path, token)
    again = await call(world, "GET", path, token, headers={"if-none-match": full.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == full.headers["etag"]
    used = [each.headers["x-ratelimit-used"] for each in (full, again)]
    assert used[0] == used[1]
    await world.simulator.person("ann").open_issue(REPOSITORY, "Changes nothing in it")
    assert (
        await call(world, "GET", path, token, headers={"if-none-match": full.headers["etag"]})
    ).status_code == 304


async def test_a_body_tells_when_it_was_edited(world: World) -> None:
    """GraphQL: `lastEditedAt` is null until somebody changes the body; a title does not count."""
    ann = world.simulator.person("ann")
    await ann.push(REPOSITORY, "topic", {"a.txt": "a\n"}, message="Add a")
    number = (await ann.open_pull(REPOSITORY, "topic", "Add a"))["number"]
    path = f"/repos/{REPOSITORY}/pulls/{number}"
    query = (
        'query { repository(owner: "octo", name: "garden") '
        f"{{ pullRequest(number: {number}) {{ lastEditedAt }} }} }}"
    )
    token = world.simulator.user_token("ann")

    async def edited_at() -> str | None:
        answer = await call(world, "POST", "/graphql", token, json={"query": query})
        found: str | None = answer.json()["data"]["repository"]["pullRequest"]["lastEditedAt"]
        return found

    assert await edited_at() is None
    await ann.request("PATCH", path, {"title": "Add the file a"})
    assert await edited_at() is None
    await ann.request("PATCH", path, {"body": "Because."})
    assert await edited_at() is not None
