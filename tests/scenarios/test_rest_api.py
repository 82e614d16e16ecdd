"""
The REST API over the real web server, from a change to its merge or its rejection.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from odyssey.adapters.embedding import Embedder
from odyssey.scenario import REPOSITORY, SAMPLE, Scenario
from scenarios.stage import BOT, calls_of, on_stage, reviews_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICE_TOKEN = "a-service-token-of-the-settings"
POLICY = ".github/odyssey.yml"
UNKNOWN = "prop_aaaaaaaaaa"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(
    tmp_path_factory: pytest.TempPathFactory, embedder: Embedder
) -> AsyncIterator[Scenario]:
    """
    One scenario with a service token, for all tests of this module.
    """
    tokens = {"ci": SecretStr(SERVICE_TOKEN)}
    root = tmp_path_factory.mktemp("served")
    async with on_stage(root, embedder, service_tokens=tokens) as scenario:
        yield scenario


@asynccontextmanager
async def calling(scenario: Scenario, token: str | None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API with a bearer token, or with none."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(
        base_url=f"{scenario.web.url}/api/v1/self-modify/",
        headers=headers,
        timeout=60,
        trust_env=False,
    ) as client:
        yield client


async def call(
    scenario: Scenario, token: str | None, method: str, path: str, body: Any = None
) -> tuple[int, Any]:
    """The status and the body of one answer."""
    async with calling(scenario, token) as client:
        answer = await client.request(method, path, json=body)
    return answer.status_code, answer.json()


def change(name: str) -> dict[str, Any]:
    """The body of a request to propose a page of documentation."""
    return {
        "files_content": {f"docs/{name}.md": f"# {name}\n"},
        "commit_message": f"feat: Document {name}\n\nPeople asked for it.",
        "branch_prefix": "feature",
    }


async def test_a_person_proposes_and_another_approves_through_the_api(served: Scenario) -> None:
    """The bodies are as promised, the approval is a real review by that person, and it merges."""
    ada, ben, eve = (served.simulator.user_token(each) for each in ("ada", "ben", "eve"))

    status, receipt = await call(served, ada, "POST", "propose", change("greetings"))
    assert status == 202
    identifier = receipt["proposal_id"]
    assert re.fullmatch(r"prop_[a-z2-7]{10}", identifier)
    assert receipt["branch_name"] == f"feature/{identifier}_document_greetings"
    assert receipt["status"] == "validation_pending"
    assert receipt["message"] == (
        "Proposal submitted successfully. "
        "Code changes created, logged, and validation task triggered."
    )
    assert receipt["repository"] == REPOSITORY
    number = receipt["pull_request"]["number"]
    assert (await served.pull(number))["user"]["login"] == BOT
    assert "**ada**" in (await served.pull(number))["body"]

    # Before the sandbox has passed it there is nothing to approve.
    status, refused = await call(served, ben, "POST", f"proposals/{identifier}/approve")
    assert (status, set(refused)) == (409, {"error", "detail"})
    assert "validation" in refused["detail"]
    await served.settle()

    status, listed = await call(served, eve, "GET", "proposals?limit=1")
    shown_status, shown = await call(served, eve, "GET", f"proposals/{identifier}")
    assert (status, shown_status, listed) == (200, 200, [shown])
    assert shown["status"] == "validation_passed"
    assert shown["approved_by"] is None
    assert shown["commit_message"].startswith("feat: Document greetings")
    assert shown["validation_output"]

    status, refused = await call(served, eve, "POST", f"proposals/{identifier}/approve")
    assert (status, set(refused)) == (403, {"error", "detail"})
    assert await reviews_of(served, number) == []

    status, receipt = await call(served, ben, "POST", f"proposals/{identifier}/approve")
    assert status == 200
    assert receipt["status"] in ("merge_pending", "user_approved")
    expected = f"Proposal '{identifier}' approved by ben. Merge task triggered."
    assert receipt["message"] == expected
    [review] = await reviews_of(served, number)
    assert (review["user"]["login"], review["state"]) == ("ben", "APPROVED")
    assert review["commit_id"] == receipt["head_sha"]
    await served.settle()

    assert (await served.pull(number))["merged"]
    status, shown = await call(served, ada, "GET", f"proposals/{identifier}")
    assert (shown["status"], shown["approved_by"]) == ("merged", "ben")
    for verb in ("approve", "reject"):
        status, refused = await call(served, ben, "POST", f"proposals/{identifier}/{verb}")
        assert (status, set(refused)) == (409, {"error", "detail"})


async def test_a_service_token_approves_only_where_the_policy_lets_it(served: Scenario) -> None:
    """Without `api_approvals: true` it merges nothing; with it the approver is `api_user`."""
    status, receipt = await call(served, SERVICE_TOKEN, "POST", "propose", change("services"))
    assert status == 202
    identifier, number = receipt["proposal_id"], receipt["pull_request"]["number"]
    await served.settle()

    status, refused = await call(served, SERVICE_TOKEN, "POST", f"proposals/{identifier}/approve")
    assert (status, refused["error"]) == (403, "PermissionDenied")
    assert "api_approvals" in refused["detail"]
    await served.settle()
    assert not (await served.pull(number))["merged"]
    assert await reviews_of(served, number) == []
    assert f"/pulls/{number}/merge" not in "".join(each.path for each in calls_of(served))

    policy = (SAMPLE / POLICY).read_text()
    allowing = policy.replace("api_approvals: false", "api_approvals: true")
    assert allowing != policy
    await served.push("main", {POLICY: allowing})
    await served.comment(number, "/odyssey update")
    await served.settle()
    status, receipt = await call(served, SERVICE_TOKEN, "POST", f"proposals/{identifier}/approve")
    assert status == 200
    expected = f"Proposal '{identifier}' approved by api_user. Merge task triggered."
    assert receipt["message"] == expected
    await served.settle()
    await served.push("main", {POLICY: policy})
    await served.settle()

    assert (await served.pull(number))["merged"]
    _, shown = await call(served, SERVICE_TOKEN, "GET", f"proposals/{identifier}")
    assert (shown["status"], shown["approved_by"]) == ("merged", "api_user")


async def test_a_proposal_is_rejected_through_the_api(served: Scenario) -> None:
    """Pull request closed, branch deleted, reason kept; what is over is not approved any more."""
    ben = served.simulator.user_token("ben")
    async with calling(served, SERVICE_TOKEN) as client:
        keyed = {"idempotency-key": "once"}
        first = await client.post("propose", json=change("refusals"), headers=keyed)
        second = await client.post("propose", json=change("refusals"), headers=keyed)
    assert (first.status_code, second.status_code) == (202, 202)
    receipt = first.json()
    assert second.json()["proposal_id"] == receipt["proposal_id"]
    identifier, number = receipt["proposal_id"], receipt["pull_request"]["number"]
    assert second.json()["pull_request"]["number"] == number
    await served.settle()

    status, rejected = await call(
        served, ben, "POST", f"proposals/{identifier}/reject", {"reason": "Not in this tone"}
    )
    assert (status, rejected["status"]) == (200, "rejected")
    expected = f"Proposal '{identifier}' has been successfully rejected."
    assert rejected["message"] == expected
    await served.settle()

    pull = await served.pull(number)
    assert (pull["state"], pull["merged"]) == ("closed", False)
    assert receipt["branch_name"] not in await served.branches()
    [comment] = await served.comments_of(BOT, number)
    assert "Not in this tone" in comment
    status, refused = await call(served, ben, "POST", f"proposals/{identifier}/approve")
    assert (status, set(refused)) == (409, {"error", "detail"})
    _, shown = await call(served, ben, "GET", f"proposals/{identifier}")
    assert "Not in this tone" in shown["message"]


async def test_strangers_and_mistakes_get_a_status_and_a_reason(served: Scenario) -> None:
    """401 without a known token, 404 for what is not there or not shown, 400 for bad bodies."""
    ada = served.simulator.user_token("ada")
    served.simulator.add_user("zoe")
    zoe = served.simulator.user_token("zoe")
    before = await served.branches()
    outside = {**change("outside"), "files_content": {"../outside.md": "out\n"}}
    expected = [
        (401, None, "GET", "proposals", None),
        (401, "ghp_nobodyknowsthistoken", "GET", "proposals", None),
        (401, None, "POST", "propose", change("nobody")),
        (404, ada, "GET", f"proposals/{UNKNOWN}", None),
        (404, ada, "GET", "proposals/not-an-id", None),
        (404, ada, "POST", f"proposals/{UNKNOWN}/approve", None),
        (404, ada, "POST", f"proposals/{UNKNOWN}/reject", {"reason": "What is it?"}),
        (404, zoe, "POST", "propose", change("strangers")),
        (404, ada, "POST", "propose", {**change("elsewhere"), "repository": "acme/nowhere"}),
        (403, served.simulator.user_token("eve"), "POST", "propose", change("readers")),
        (400, ada, "POST", "propose", {"commit_message": "No files"}),
        (400, ada, "POST", "propose", outside),
    ]
    for status, token, method, path, body in expected:
        answer = await call(served, token, method, path, body)
        assert (answer[0], set(answer[1])) == (status, {"error", "detail"}), (path, answer)

    _, listed = await call(served, zoe, "GET", "proposals")
    assert listed == []
    await served.settle()
    assert await served.branches() == before
