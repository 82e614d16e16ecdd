"""Webhooks on their way, redelivery, and faults on demand."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta
from typing import Any, Literal

import httpx
import pytest
from githubkit.exception import RequestFailed

from odyssey.simulator import (
    Fault,
    base_branch_modified,
    doubled_delivery,
    dropped_delivery,
    secondary_limit,
    stale_read,
    token_expiry,
)
from odyssey.simulator.settling import Unsettled
from simulator.calls import app_jwt, call
from simulator.conftest import REPOSITORY, SECRET, World


async def test_a_delivery_carries_githubs_headers_and_both_signatures(world: World) -> None:
    """docs: webhook events and payloads, delivery headers."""
    await world.simulator.person("ann").open_issue(REPOSITORY, "Hello")
    await world.simulator.outbox.deliver_all()
    (headers, body), *_ = world.receiver.received

    assert headers["user-agent"].startswith("GitHub-Hookshot/")
    assert headers["x-github-event"] == "issues"
    assert headers["x-github-hook-id"] == str(world.app.hook_id)
    assert headers["x-github-hook-installation-target-type"] == "integration"
    assert headers["x-github-hook-installation-target-id"] == str(world.app.app_id)
    expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["x-hub-signature-256"] == f"sha256={expected}"
    assert headers["x-hub-signature"].startswith("sha1=")


async def test_apps_hear_what_they_subscribed_to_and_of_the_checks_they_may_write(
    world: World,
) -> None:
    """
    Another App's check runs too; but only its owner hears that one shall run again (docs).
    """
    for slug, permissions in (("writer", {"checks": "write"}), ("reader", {"checks": "read"})):
        other = world.simulator.add_app(
            slug,
            permissions=permissions,
            events=["issues"],
            webhook_url=world.app.webhook_url,
            webhook_secret="x",
        )
        world.simulator.install(other, "octo", [REPOSITORY])
    await world.simulator.outbox.deliver_all()
    ann = world.simulator.person("ann")
    number = (await ann.open_issue(REPOSITORY, "Both"))["number"]
    await ann.comment(REPOSITORY, number, "one")
    sha = (await ann.request("GET", f"/repos/{REPOSITORY}/commits/main"))["sha"]
    rest = world.as_installation().rest.checks
    run = await rest.async_create("octo", "garden", data={"name": "n", "head_sha": sha})
    await rest.async_rerequest_run("octo", "garden", run.parsed_data.id)

    heard = [(d.app.slug, d.name) for d in world.simulator.outbox.pending]
    assert heard == [
        ("gardener", "issues.opened"),
        ("writer", "issues.opened"),
        ("reader", "issues.opened"),
        ("gardener", "issue_comment.created"),
        ("gardener", "check_run.created"),
        ("writer", "check_run.created"),
        ("gardener", "check_run.rerequested"),
    ]


async def test_a_failed_delivery_is_logged_and_redelivered_under_its_guid(world: World) -> None:
    """GUID equal, delivery id new; no automatic retry (docs: handling failed deliveries)."""
    github = world.as_app()
    world.receiver.status = 500
    await world.simulator.person("ann").open_issue(REPOSITORY, "Lost")
    await world.simulator.outbox.deliver_all()
    listing = await github.rest.apps.async_list_webhook_deliveries(status="failure")
    failed = listing.parsed_data[0]
    world.receiver.status = 202
    again = await github.rest.apps.async_redeliver_webhook_delivery(failed.id)
    await world.simulator.outbox.deliver_all()
    newest, *_ = (await github.rest.apps.async_list_webhook_deliveries()).parsed_data
    full: Any = (await github.rest.apps.async_get_webhook_delivery(newest.id)).json()

    assert again.status_code == 202
    assert (failed.status_code, newest.status_code, newest.status) == (500, 202, "OK")
    assert (newest.guid, newest.redelivery) == (failed.guid, True)
    assert newest.id != failed.id
    assert full["request"]["headers"]["X-GitHub-Delivery"] == failed.guid


async def test_deliveries_are_paged_by_cursor_and_forgotten_after_three_days(
    world: World,
) -> None:
    """`cursor` in the Link header; retention 3 days (docs: data/variables/webhooks.yml)."""
    ann = world.simulator.person("ann")
    for title in "abc":
        await ann.open_issue(REPOSITORY, title)
    await world.simulator.outbox.deliver_all()
    github = world.as_app()
    names = [
        delivery.guid
        async for delivery in github.rest.paginate(
            github.rest.apps.async_list_webhook_deliveries, per_page=2
        )
    ]
    world.clock.forward(days=4)
    assert len(set(names)) == 4

    # githubkit signs with the real time, and the simulator's clock has moved on.
    later = await call(world, "GET", "/app/hook/deliveries", app_jwt(world))
    assert later.json() == []


async def test_the_outbox_drops_repeats_delays_and_reorders(world: World) -> None:
    """Deliveries may come late, twice, out of order or never (docs: best practices)."""
    outbox = world.simulator.outbox
    ann = world.simulator.person("ann")
    number = (await ann.open_issue(REPOSITORY, "A"))["number"]
    for text in ("one", "two"):
        await ann.comment(REPOSITORY, number, text)
    outbox.drop(lambda d: d.event == "issues")
    outbox.repeat(lambda d: b'"body":"two"' in d.body)
    outbox.delay(lambda d: b'"body":"one"' in d.body, by=timedelta(minutes=5))
    outbox.reorder(lambda d: -d.id)
    await outbox.deliver_all()
    guids = [headers["x-github-delivery"] for headers, _ in world.receiver.received]
    world.clock.forward(minutes=5)
    await outbox.deliver_all()

    assert len(guids) == 2
    assert len(set(guids)) == 1
    assert len(world.receiver.received) == 3
    assert [d.status for d in outbox.log if d.event == "issues"] == ["timed out"]


async def test_faults_lose_and_double_deliveries(world: World) -> None:
    """Set on the board, by event; used up after `times`."""
    world.simulator.faults.add(dropped_delivery("issues.opened"))
    world.simulator.faults.add(doubled_delivery("issue_comment"))
    ann = world.simulator.person("ann")
    number = (await ann.open_issue(REPOSITORY, "A"))["number"]
    await ann.comment(REPOSITORY, number, "one")
    await world.simulator.outbox.deliver_all()

    assert world.receiver.names == ["issue_comment.created"] * 2


@pytest.mark.parametrize(("when", "made"), [("before_effect", 0), ("after_effect", 1)])
async def test_a_5xx_comes_before_or_after_the_effect(
    world: World, when: Literal["before_effect", "after_effect"], made: int
) -> None:
    """A 502 after the write is the case in which a blind retry doubles a comment."""
    issues = r"/repos/octo/garden/issues"
    world.simulator.faults.add(Fault("POST", issues, status=502, when=when))
    ann = world.simulator.person("ann")
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await ann.open_issue(REPOSITORY, "Once")

    assert refused.value.response.status_code == 502
    assert len(world.simulator.repository(REPOSITORY).issues) == made
    assert (await ann.open_issue(REPOSITORY, "Then"))["number"] == made + 1


async def test_the_secondary_limit_says_how_long_to_wait(world: World) -> None:
    """403 with `retry-after` (docs: rate limits); githubkit knows it by these words."""
    from githubkit.exception import SecondaryRateLimitExceeded

    world.simulator.faults.add(secondary_limit(retry_after=7))
    github = world.as_user("ann")
    with pytest.raises(SecondaryRateLimitExceeded) as refused:
        await github.rest.users.async_get_authenticated()

    assert refused.value.retry_after == timedelta(seconds=7)


async def test_a_token_can_expire_in_flight(world: World) -> None:
    """401 on a token that was good a moment ago; githubkit's cache does not notice."""
    github = world.as_installation()
    await github.rest.repos.async_get("octo", "garden")
    world.simulator.faults.add(token_expiry(f"/repos/{REPOSITORY}.*"))
    with pytest.raises(RequestFailed) as refused:
        await github.rest.issues.async_list_for_repo("octo", "garden")

    assert refused.value.response.status_code == 401


async def test_a_merge_can_race_with_the_base_branch_and_a_read_can_be_stale(
    world: World,
) -> None:
    """405 `Base branch was modified` is worth a retry (monorepo-deploy-actions#499)."""
    simulator = world.simulator
    ann, octo = simulator.person("ann"), simulator.person("octo")
    await ann.push(REPOSITORY, "feature", {"x": "1"}, "One")
    number = (await ann.open_pull(REPOSITORY, "feature", "One"))["number"]
    simulator.faults.add(base_branch_modified())
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await octo.merge(REPOSITORY, number)
    await octo.merge(REPOSITORY, number)
    simulator.faults.add(stale_read())
    path = f"/repos/{REPOSITORY}/pulls/{number}"
    stale, fresh = await ann.request("GET", path), await ann.request("GET", path)

    assert refused.value.response.status_code == 405
    assert refused.value.response.json()["message"].startswith("Base branch was modified.")
    assert (stale["merged"], stale["state"]) == (False, "open")
    assert (fresh["merged"], fresh["state"]) == (True, "closed")


async def test_settle_delivers_until_both_sides_are_quiet(world: World) -> None:
    """What the other side does is delivered too; two sides that never stop are an error."""
    simulator = world.simulator
    ann = simulator.person("ann")
    number = (await ann.open_issue(REPOSITORY, "A"))["number"]
    answers = iter(range(2))

    async def work() -> bool:
        if next(answers, None) is None:
            return False
        await ann.comment(REPOSITORY, number, "and")
        return True

    async def endless() -> bool:
        return True

    await simulator.settle(work)
    assert world.receiver.names == ["issues.opened", *["issue_comment.created"] * 2]

    with pytest.raises(Unsettled):
        await simulator.settle(endless)


async def test_every_request_is_counted_with_its_own_time(world: World) -> None:
    """`calls` has the route template, the actor and seconds spent in the simulator."""
    await world.as_installation().rest.repos.async_get("octo", "garden")
    mint, read = world.simulator.calls[-2:]

    assert mint.template == "/app/installations/{installation_id}/access_tokens"
    assert mint.actor == "app:gardener"
    assert (read.template, read.actor) == ("/repos/{owner}/{repo}", "gardener[bot]")
    assert 0 < read.duration < 5
