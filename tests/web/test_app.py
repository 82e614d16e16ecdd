"""
Errors, the description, health and the front page.
"""

from __future__ import annotations

import json

import httpx
from redis.asyncio import Redis

from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.web.app import create_app
from web.github_on_paper import GitHubOnPaper
from web.rest import (
    PROPOSALS,
    PROPOSE,
    assert_error,
    bearer,
)


async def test_unknown_addresses_and_methods_are_answered_in_the_same_form(
    client: httpx.AsyncClient,
) -> None:
    """
    404 and 405 with `error` and `detail`.
    """
    assert_error(await client.get("/api/v1/nothing"), 404, "NotFound")
    assert_error(await client.get(PROPOSE, headers=bearer("mona")), 405, "MethodNotAllowed")
    assert_error(await client.delete(PROPOSALS, headers=bearer("mona")), 405, "MethodNotAllowed")


async def test_a_defect_is_an_error_in_the_same_form_and_tells_nothing(
    client: httpx.AsyncClient, github: GitHubOnPaper
) -> None:
    """
    500; what went wrong stands in the log, not in the answer.
    """
    github.tokens = None  # type: ignore[assignment]  # a defect
    response = await client.get(PROPOSALS, headers=bearer("mona"))

    assert_error(response, 500, "InternalServerError")
    assert "NoneType" not in response.text


async def test_the_description_shows_what_is_really_answered(client: httpx.AsyncClient) -> None:
    """
    Models, bearer, codes; never the 422 of FastAPI, which is not answered.
    """
    description = (await client.get("/openapi.json")).json()
    paths = description["paths"]
    approve_answers = paths[f"{PROPOSALS}/{{proposal_id}}/approve"]["post"]["responses"]

    assert set(paths[PROPOSE]["post"]["responses"]) == set(
        "202 400 401 403 404 409 413 503".split()
    )
    assert set(approve_answers) == set("200 400 401 403 404 409 413 503".split())
    assert paths[PROPOSE]["post"]["security"] == [{"HTTPBearer": []}]
    assert "HTTPValidationError" not in json.dumps(description)
    for name in ("ProposeBody", "ProposalBody", "ProposalReceipt", "ErrorBody"):
        assert description["components"]["schemas"][name]["examples"]


async def test_health_says_whether_work_can_be_done(
    client: httpx.AsyncClient, app_settings: Settings, ports: Ports, redis: Redis
) -> None:
    """
    Alive without anything; ready with Redis and the App's credentials, else 503 and why.
    """
    alive, ready = await client.get("/healthz"), await client.get("/readyz")
    bare = Settings(_env_file=None, app_id="", private_key="", webhook_secret="")
    transport = httpx.ASGITransport(create_app(bare, ports))
    async with httpx.AsyncClient(transport=transport, base_url="http://odyssey") as other:
        still_alive, not_ready = await other.get("/healthz"), await other.get("/readyz")

    assert (alive.status_code, ready.status_code, still_alive.status_code) == (200, 200, 200)
    assert_error(not_ready, 503, "NotReady")
    for name in ("ODYSSEY_APP_ID", "ODYSSEY_PRIVATE_KEY", "ODYSSEY_WEBHOOK_SECRET"):
        assert name in not_ready.json()["detail"]


async def test_the_front_page_links_only_to_what_is_there(client: httpx.AsyncClient) -> None:
    """
    Each link answers, and the page loads nothing from elsewhere.
    """
    page = await client.get("/")
    links = [part.split('"')[0] for part in page.text.split('href="')[1:]]
    answers = [(await client.get(link)).status_code for link in links]

    assert links
    assert set(answers) == {200}
    assert all(link.startswith("/") for link in links)
    assert "src=" not in page.text
