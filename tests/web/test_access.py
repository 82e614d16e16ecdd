"""
Who may do what through the REST API.
"""

from __future__ import annotations

from datetime import timedelta

import httpx

from odyssey.ports import Ports
from web.conftest import Clock
from web.github_on_paper import GitHubOnPaper
from web.rest import (
    CHANGE,
    PROPOSALS,
    PROPOSE,
    assert_error,
    bearer,
    pass_validation,
    propose,
)


async def test_anonymous_is_unauthorized(client: httpx.AsyncClient) -> None:
    """
    401 before anything is read or told, with how to do better.
    """
    wrong = [{}, {"Authorization": "Basic bW9uYTp4"}, {"Authorization": "Bearer"}, bearer("nobody")]
    wrong += [{"Authorization": "Bearer " + "x" * 5_000}, {"Authorization": "Bearer a\x7fb"}]
    for headers in wrong:
        answers = [
            await client.post(PROPOSE, content=b"{", headers=headers),
            await client.get(PROPOSALS, headers=headers),
            await client.get(f"{PROPOSALS}/prop_aaaaaaaaaa", headers=headers),
            await client.post(f"{PROPOSALS}/prop_aaaaaaaaaa/approve", headers=headers),
            await client.post(f"{PROPOSALS}/prop_aaaaaaaaaa/reject", headers=headers),
        ]
        for each in answers:
            assert_error(each, 401, "Unauthorized")
            assert each.headers["www-authenticate"].startswith("Bearer")


async def test_who_may_only_read_changes_nothing(
    client: httpx.AsyncClient, github: GitHubOnPaper
) -> None:
    """
    403 for a reader.
    """
    receipt = await propose(client)
    pulls, url = dict(github.pulls), f"{PROPOSALS}/{receipt['proposal_id']}"
    answers = [
        await client.post(PROPOSE, json=CHANGE, headers=bearer("reader")),
        await client.post(f"{url}/approve", headers=bearer("reader")),
        await client.post(f"{url}/reject", headers=bearer("reader")),
    ]

    for each in answers:
        assert_error(each, 403, "PermissionDenied")
    assert github.pulls == pulls


async def test_what_may_not_be_seen_is_as_if_it_were_not(
    client: httpx.AsyncClient, github: GitHubOnPaper
) -> None:
    """
    The answers to a stranger are those for what does not exist, and the list is empty.
    """
    secret = await propose(client, "odyssey", repository="octo-org/secrets")
    public = await propose(client)
    url = f"{PROPOSALS}/{secret['proposal_id']}"
    hidden = [
        await client.get(url, headers=bearer("mona")),
        await client.post(f"{url}/approve", headers=bearer("mona")),
        await client.post(f"{url}/reject", headers=bearer("mona")),
    ]
    bodies = [{**CHANGE, "repository": f"octo-org/{name}"} for name in ("secrets", "nothing")]
    proposed = [await client.post(PROPOSE, json=each, headers=bearer("mona")) for each in bodies]
    listed = await client.get(PROPOSALS, headers=bearer("mona"))
    of_one = {"repository": "octo-org/secrets"}
    asked = await client.get(PROPOSALS, params=of_one, headers=bearer("mona"))

    for each in (*hidden, *proposed):
        assert_error(each, 404, "NotFound")
    texts = [each.json()["detail"].replace("nothing", "secrets") for each in proposed]
    assert texts[0] == texts[1]
    assert [each["proposal_id"] for each in listed.json()] == [public["proposal_id"]]
    assert asked.json() == []


async def test_hidden_proposals_do_not_shorten_the_list(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    """
    The newest one that may be seen is found behind newer ones that may not.
    """
    visible = await propose(client)
    for number in range(3):
        clock.advance(timedelta(minutes=1))
        hidden = {"repository": "octo-org/secrets", "commit_message": f"Hidden {number}"}
        await propose(client, "odyssey", **hidden)
    listed = await client.get(PROPOSALS, params={"limit": 1}, headers=bearer("mona"))

    assert [each["proposal_id"] for each in listed.json()] == [visible["proposal_id"]]


async def test_a_service_token_may_propose_and_is_named(
    client: httpx.AsyncClient, ports: Ports, github: GitHubOnPaper
) -> None:
    """
    No login is asked of GitHub for it; approvals by it are shown as `api_user`'s.
    """
    github.policies["octo-org/widgets"] = "approvals: {api_approvals: true}"
    receipt = await propose(client, "service")
    await pass_validation(ports, receipt)
    response = await client.post(
        f"{PROPOSALS}/{receipt['proposal_id']}/approve", headers=bearer("service")
    )
    shown = await client.get(f"{PROPOSALS}/{receipt['proposal_id']}", headers=bearer("service"))

    assert response.json()["message"] == (
        f"Proposal '{receipt['proposal_id']}' approved by api_user. Merge task triggered."
    )
    assert shown.json()["requester"] == "api_user:ci"
    assert shown.json()["approved_by"] == "api_user"
    assert (github.viewer_questions, github.approvals) == (0, [])


async def test_github_is_asked_for_a_login_once_a_minute(
    client: httpx.AsyncClient, github: GitHubOnPaper, clock: Clock
) -> None:
    """
    A token that was taken back is refused a minute later at the latest.
    """
    for _ in range(3):
        await client.get(PROPOSALS, headers=bearer("mona"))
    asked = github.viewer_questions
    del github.tokens["ghu_mona"]
    clock.advance(timedelta(seconds=61))
    response = await client.get(PROPOSALS, headers=bearer("mona"))

    assert asked == 1
    assert_error(response, 401, "Unauthorized")


async def test_without_github_the_caller_is_told_to_come_back(
    client: httpx.AsyncClient, github: GitHubOnPaper
) -> None:
    """
    503 with Retry-After, for people and for services.
    """
    github.is_down = True
    answers = [
        await client.get(PROPOSALS, headers=bearer("mona")),
        await client.post(PROPOSE, json=CHANGE, headers=bearer("service")),
    ]

    for each in answers:
        assert_error(each, 503, "Unavailable")
        assert int(each.headers["retry-after"]) >= 1
