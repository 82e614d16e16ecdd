"""
`POST /self-modify/propose`: what becomes a proposal, and what does not.
"""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odyssey.domain.identifiers import PullRequestRef, find_proposal_id
from odyssey.domain.pull_request import Permission
from odyssey.ports import Ports
from odyssey.settings import Settings
from odyssey.web.api import MAX_BODY_BYTES
from odyssey.web.app import create_app
from web.github_on_paper import WIDGETS, GitHubOnPaper
from web.rest import (
    CHANGE,
    PROPOSE,
    assert_error,
    bearer,
    propose,
)


async def test_a_change_becomes_a_proposal(
    client: httpx.AsyncClient, github: GitHubOnPaper
) -> None:
    """
    202 with the proposal's id, branch and status, while branch and pull request are there.
    """
    receipt = await propose(client, branch_prefix="feature")
    pull = github.pulls[PullRequestRef(WIDGETS, receipt["pull_request"]["number"])]

    assert receipt["branch_name"] == f"feature/{receipt['proposal_id']}_greet_in_lower_case"
    assert receipt["status"] == "validation_pending"
    assert receipt["message"].startswith("Proposal submitted successfully.")
    assert receipt["repository"] == "octo-org/widgets"
    assert (pull.head_branch, pull.head_sha) == (receipt["branch_name"], receipt["head_sha"])


async def test_the_default_prefix_is_proposal(client: httpx.AsyncClient) -> None:
    """
    As in the branches that comments lead to.
    """
    receipt = await propose(client)

    assert find_proposal_id(receipt["branch_name"]) == receipt["proposal_id"]
    assert receipt["branch_name"].startswith("proposal/")


async def test_the_servers_default_repository_is_used(app_settings: Settings, ports: Ports) -> None:
    """
    Where the body names none; without a default that is a bad request.
    """
    with_default = app_settings.model_copy(update={"default_repository": "octo-org/widgets"})
    bodies = {name: value for name, value in CHANGE.items() if name != "repository"}
    answers = []
    for each in (with_default, app_settings):
        transport = httpx.ASGITransport(create_app(each, ports))
        async with httpx.AsyncClient(transport=transport, base_url="http://odyssey") as client:
            answers.append(await client.post(PROPOSE, json=bodies, headers=bearer("mona")))

    assert answers[0].status_code == 202
    assert_error(answers[1], 400, "BadRequest")


async def test_a_repeated_request_with_its_key_makes_one_proposal(
    client: httpx.AsyncClient, github: GitHubOnPaper
) -> None:
    """
    The same key gives the same proposal; another caller's same key gives another.
    """
    github.permissions["octo-org/widgets", "reader"] = Permission.WRITE
    key = {"Idempotency-Key": "order-17"}
    ids = [
        (await client.post(PROPOSE, json=CHANGE, headers={**bearer(who), **key})).json()
        for who in ("mona", "mona", "reader")
    ]

    assert ids[0] == ids[1]
    assert ids[2]["proposal_id"] != ids[0]["proposal_id"]
    assert len(github.pulls) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"files_content": {}},
        {"files_content": None},
        {"files_content": {"a.py": 5}},
        {"commit_message": ""},
        {"commit_message": " \n "},
        {"commit_message": None},
        {"commit_message": "with a \0 in it"},
        {"branch_prefix": 7},
        {"repository": "no-owner"},
        {"repository": "../../etc"},
        {"unknown": 1},
    ],
)
async def test_a_bad_body_is_a_bad_request(
    client: httpx.AsyncClient, github: GitHubOnPaper, wrong: dict[str, Any]
) -> None:
    """
    400 with the field's name, and nothing was made.
    """
    response = await client.post(PROPOSE, json={**CHANGE, **wrong}, headers=bearer("mona"))

    assert_error(response, 400, "BadRequest")
    assert next(iter(wrong)) in response.json()["detail"]
    assert github.branches == {}


ODD = st.sampled_from(["../x", "/etc/passwd", ".git/config", "a\0b", "\ud800", "a\nb", "", "prop/"])

VALUES = st.none() | st.integers() | st.floats() | st.text(max_size=20) | ODD

BODIES = st.fixed_dictionaries(
    {
        "files_content": st.dictionaries(st.text(max_size=9) | ODD, VALUES, max_size=3) | VALUES,
        "commit_message": VALUES,
    },
    optional={"branch_prefix": VALUES, "repository": VALUES | st.just("octo-org/widgets")},
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=BODIES)
async def test_no_proposal_makes_the_api_fail(
    client: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    """
    Whatever stands in its fields, the answer is one that the description shows.
    """
    response = await client.post(
        PROPOSE,
        content=json.dumps({"repository": "octo-org/widgets", **body}),
        headers={**bearer("service"), "Content-Type": "application/json"},
    )

    assert response.status_code in (202, 400, 404, 409), response.text
    assert response.json()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b"null"])
async def test_a_body_that_is_no_json_object_is_a_bad_request(
    client: httpx.AsyncClient, body: bytes
) -> None:
    """
    400, never 422 or 500.
    """
    response = await client.post(
        PROPOSE, content=body, headers={**bearer("mona"), "Content-Type": "application/json"}
    )

    assert_error(response, 400, "BadRequest")


async def test_a_change_that_breaks_a_rule_is_a_bad_request_by_the_rules_name(
    client: httpx.AsyncClient, github: GitHubOnPaper
) -> None:
    """
    400; what is wrong with the change is said, and nothing was made.
    """
    outside = {**CHANGE, "files_content": {"../outside.py": "x"}}
    empty = {**CHANGE, "files_content": {"a.py": ""}}
    answers = [
        await client.post(PROPOSE, json=each, headers=bearer("mona")) for each in (outside, empty)
    ]

    assert_error(answers[0], 400, "ForbiddenPath")
    assert_error(answers[1], 400, "EmptyChange")
    assert (github.branches, github.pulls) == ({}, {})


async def test_who_may_propose_is_the_policy_s_word_here_too(
    client: httpx.AsyncClient, github: GitHubOnPaper
) -> None:
    """
    403 for a person and for a service token with less than the policy takes; nothing was made.
    """
    github.policies["octo-org/widgets"] = "commands: {propose: maintain}\n"
    answers = [
        await client.post(PROPOSE, json=CHANGE, headers=each)
        for each in (bearer("mona"), bearer("service"))
    ]
    github.permissions["octo-org/widgets", "mona"] = Permission.MAINTAIN
    allowed = await client.post(PROPOSE, json=CHANGE, headers=bearer("mona"))

    for answer in answers:
        assert_error(answer, 403, "PermissionDenied")
    assert allowed.status_code == 202
    assert len(github.pulls) == 1


async def test_a_repository_without_the_workflow_is_a_conflict(
    client: httpx.AsyncClient, github: GitHubOnPaper
) -> None:
    """
    409: it is not in a state for proposals.
    """
    github.workflows = ()
    response = await client.post(PROPOSE, json=CHANGE, headers=bearer("mona"))

    assert_error(response, 409, "NotProposable")


async def test_a_body_over_the_limit_is_too_large(client: httpx.AsyncClient) -> None:
    """
    413, by its length or while it is read.
    """
    large = json.dumps({**CHANGE, "commit_message": "x" * MAX_BODY_BYTES}).encode()

    async def chunks() -> Any:
        for start in range(0, len(large), 1 << 20):
            yield large[start : start + (1 << 20)]

    said = await client.post(PROPOSE, content=large, headers=bearer("mona"))
    found = await client.post(PROPOSE, content=chunks(), headers=bearer("mona"))

    assert_error(said, 413, "RequestEntityTooLarge")
    assert_error(found, 413, "RequestEntityTooLarge")
