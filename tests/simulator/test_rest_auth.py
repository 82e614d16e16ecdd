"""Who may call what: JWTs, tokens, permissions, versions and the words of refusals."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from githubkit.exception import RequestFailed

from odyssey.simulator import Simulator
from simulator.calls import app_jwt, call
from simulator.conftest import REPOSITORY, World

TROUBLESHOOTING = "https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api"


async def new_token(world: World, **body: Any) -> httpx.Response:
    """The answer to a request for an installation token."""
    number = world.installation.installation_id
    path = f"/app/installations/{number}/access_tokens"
    return await call(world, "POST", path, app_jwt(world), json=body)


@pytest.mark.parametrize("issuer", ["app_id", "client_id"])
async def test_an_app_signs_in_with_its_id_or_its_client_id(world: World, issuer: str) -> None:
    """`iss` is the client ID or the App ID (gr2m/universal-github-app-jwt#97)."""
    credential = app_jwt(world, iss=str(getattr(world.app, issuer)))

    assert (await call(world, "GET", "/app", credential)).json()["slug"] == "gardener"


@pytest.mark.parametrize(
    ("claim", "minutes", "words"),
    [
        ("exp", 11, "'Expiration time' claim ('exp') is too far in the future"),
        ("exp", -1, "'Expiration time' claim ('exp') must be a numeric value"),
        ("iat", 2, "'Issued at' claim ('iat') must be an Integer"),
    ],
)
async def test_a_jwt_with_wrong_times_is_401(
    world: World, claim: str, minutes: int, words: str
) -> None:
    """iat in the past, exp at most ten minutes ahead (octokit/auth-app.js#698)."""
    moment = int((world.clock.now + timedelta(minutes=minutes)).timestamp())
    answer = await call(world, "GET", "/app", app_jwt(world, **{claim: moment}))

    assert answer.status_code == 401
    assert answer.json()["message"].startswith(words)


async def test_a_jwt_signed_by_somebody_else_is_401(world: World) -> None:
    """RS256 with the App's own key (docs: generating a JSON web token)."""
    other = world.simulator.add_app(
        "other", permissions={}, events=[], webhook_url="", webhook_secret=""
    )
    claims = jwt.decode(app_jwt(world), options={"verify_signature": False})
    forged = jwt.encode(claims, other.private_key, algorithm="RS256")

    assert (await call(world, "GET", "/app", forged)).status_code == 401


async def test_an_installation_token_expires_after_an_hour(world: World) -> None:
    """`expires_at` is one hour ahead, whole seconds; then 401 (OpenAPI description)."""
    made = (await new_token(world)).json()
    fresh = await call(world, "GET", f"/repos/{REPOSITORY}", made["token"])
    world.clock.forward(hours=1)
    stale = await call(world, "GET", f"/repos/{REPOSITORY}", made["token"])

    assert made["expires_at"] == world.clock.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (fresh.status_code, stale.status_code) == (200, 401)
    assert stale.json()["message"] == "Bad credentials"


@pytest.mark.parametrize(("asked", "is_long"), [("enabled", True), ("disabled", False)])
async def test_both_forms_of_token_are_issued_and_work(
    world: World, asked: str, is_long: bool
) -> None:
    """`X-GitHub-Stateless-S2S-Token` picks the form (github.blog, 2026-05-15)."""
    path = f"/app/installations/{world.installation.installation_id}/access_tokens"
    headers = {"x-github-stateless-s2s-token": asked}
    made = await call(world, "POST", path, app_jwt(world), headers=headers)
    token = made.json()["token"]

    assert token.startswith("ghs_")
    assert (len(token) > 400) is is_long
    assert ("." in token) is is_long
    assert (await call(world, "GET", f"/repos/{REPOSITORY}", token)).status_code == 200


async def test_a_simulator_can_issue_long_tokens_by_default(tmp_path: Path) -> None:
    """The staged change of 27 Apr 2026 may be on for everybody."""
    async with Simulator(tmp_path, token_form="stateless") as simulator:
        await simulator.add_repository("octo/x", {})
        app = simulator.add_app("a", permissions={}, events=[], webhook_url="", webhook_secret="")
        token = simulator.mint_token(simulator.install(app, "octo"))

    assert token.value.startswith(f"ghs_{app.app_id}_")


async def test_a_narrowed_token_has_only_what_was_asked(world: World) -> None:
    """Permissions and repositories narrow, and nothing else is left (OpenAPI description)."""
    await world.simulator.add_repository("octo/second", {"a": "b"})
    world.installation.repository_ids = None
    body = (await new_token(world, permissions={"issues": "read"}, repositories=["garden"])).json()
    issues = await call(world, "GET", f"/repos/{REPOSITORY}/issues", body["token"])
    contents = await call(world, "GET", f"/repos/{REPOSITORY}/commits", body["token"])
    elsewhere = await call(world, "GET", "/repos/octo/second/issues", body["token"])

    assert body["permissions"] == {"metadata": "read", "issues": "read"}
    assert [r["name"] for r in body["repositories"]] == ["garden"]
    assert [a.status_code for a in (issues, contents, elsewhere)] == [200, 403, 404]


@pytest.mark.parametrize(
    "body", [{"permissions": {"administration": "write"}}, {"repositories": ["nowhere"]}]
)
async def test_a_token_cannot_be_widened(world: World, body: dict[str, Any]) -> None:
    """Asking for more than the installation has is 422."""
    assert (await new_token(world, **body)).status_code == 422


async def test_a_suspended_installation_is_refused(world: World) -> None:
    """Unconfirmed by a text of GitHub: suspension answers 403 to both kinds of credential."""
    token = (await new_token(world)).json()["token"]
    world.simulator.suspend(world.installation)

    assert (await call(world, "GET", f"/repos/{REPOSITORY}", token)).status_code == 403
    assert (await new_token(world)).status_code == 403


async def test_what_one_may_not_see_is_404_and_what_one_may_not_do_is_403(world: World) -> None:
    """A private repository does not exist for strangers; docs as in TROUBLESHOOTING."""
    simulator = world.simulator
    stranger = simulator.user_token("eve")
    reader = simulator.user_token("bob")
    body = {"ref": "refs/heads/x", "sha": "0" * 40}
    seen = await call(world, "GET", f"/repos/{REPOSITORY}", stranger)
    nobody = await call(world, "GET", f"/repos/{REPOSITORY}")
    write = await call(world, "POST", f"/repos/{REPOSITORY}/git/refs", reader, json=body)
    bad = await call(world, "GET", f"/repos/{REPOSITORY}", "ghp_wrong")

    assert [a.status_code for a in (seen, nobody, write, bad)] == [404, 404, 403, 401]
    assert bad.json()["message"] == "Bad credentials"
    assert bad.json()["status"] == "401"


async def test_a_missing_permission_is_named_in_a_header(world: World) -> None:
    """403 `Resource not accessible by integration`, `;` between alternatives (docs)."""
    github = world.as_installation(permissions={"issues": "read"})
    with pytest.raises(RequestFailed) as refused:
        await github.rest.pulls.async_get("octo", "garden", 1)

    response = refused.value.response
    assert response.status_code == 403
    assert response.json()["message"] == "Resource not accessible by integration"
    accepted = response.headers["x-accepted-github-permissions"]
    assert accepted == "pull_requests=read; contents=read"


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", f"/repos/{REPOSITORY}/", {}, 404),
        ("POST", f"/repos/{REPOSITORY}/issues", {"content": "{"}, 400),
        ("POST", f"/repos/{REPOSITORY}/issues", {"json": {"title": 7}}, 422),
        ("POST", f"/repos/{REPOSITORY}/issues", {"json": {}}, 422),
        ("GET", f"/repos/{REPOSITORY}", {"headers": {"x-github-api-version": "2020-01-01"}}, 400),
        ("GET", f"/repos/{REPOSITORY}", {"headers": {"user-agent": ""}}, 403),
    ],
)
async def test_malformed_requests_have_their_own_status(
    world: World, method: str, path: str, more: dict[str, Any], status: int
) -> None:
    """Trailing slash, bad JSON, wrong type, missing field, version, no agent: TROUBLESHOOTING."""
    token = world.simulator.user_token("ann")

    assert (await call(world, method, path, token, **more)).status_code == status


async def test_rate_limit_headers_are_on_every_reply_and_304_is_free(world: World) -> None:
    """`x-ratelimit-*` on each reply; a 304 does not count (docs: best practices)."""
    token = world.simulator.user_token("ann")
    path = f"/repos/{REPOSITORY}"
    first = await call(world, "GET", path, token)
    headers = {"if-none-match": first.headers["etag"]}
    second = await call(world, "GET", path, token, headers=headers)
    limits = await call(world, "GET", "/rate_limit", token)

    assert second.status_code == 304
    assert second.content == b""
    assert first.headers["x-ratelimit-used"] == second.headers["x-ratelimit-used"] == "1"
    assert limits.json()["resources"]["core"]["used"] == 1
    assert "rate" not in limits.json()


async def test_the_primary_limit_refuses_until_its_reset(world: World) -> None:
    """403, remaining 0, and good again after the hour (docs: rate limits)."""
    world.simulator.limits.per_hour = 1
    token = world.simulator.user_token("ann")
    answers = [await call(world, "GET", "/user", token) for _ in range(2)]
    world.clock.forward(hours=1)
    answers.append(await call(world, "GET", "/user", token))

    assert [a.status_code for a in answers] == [200, 403, 200]
    assert answers[1].headers["x-ratelimit-remaining"] == "0"


async def test_pages_are_linked_with_the_simulators_own_host(world: World) -> None:
    """`link` has next, prev, first, last; absent on one page (docs: pagination)."""
    ann = world.simulator.person("ann")
    for number in range(3):
        await ann.open_issue(REPOSITORY, f"Issue {number}")
    token = ann.token
    first = await call(world, "GET", f"/repos/{REPOSITORY}/issues?per_page=2", token)
    second = await call(world, "GET", first.links["next"]["url"], token)
    whole = await call(world, "GET", f"/repos/{REPOSITORY}/issues", token)

    assert first.links["last"]["url"].startswith(world.simulator.api_url)
    assert [len(a.json()) for a in (first, second, whole)] == [2, 1, 3]
    assert "next" not in second.links
    assert "link" not in whole.headers


async def test_a_path_that_is_not_built_says_so(world: World) -> None:
    """501 is the simulator's own word, so that no test passes on an empty answer."""
    simulator = world.simulator
    simulator.observers.clear()
    answer = await call(
        world, "GET", f"/repos/{REPOSITORY}/milestones", simulator.user_token("ann")
    )

    assert answer.status_code == 501
    assert "not built in the simulator" in answer.json()["message"]
