"""
Looking at proposals, approving and rejecting them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from odyssey.domain.identifiers import HeadSha, PullRequestRef
from odyssey.domain.merge_attempt import MergeAttempt
from odyssey.domain.proposal import PastHead
from odyssey.domain.pull_request import Permission
from odyssey.ports import Ports
from web.conftest import Clock
from web.github_on_paper import WIDGETS, GitHubOnPaper
from web.rest import (
    PROPOSALS,
    assert_error,
    bearer,
    pass_validation,
    proposal_of,
    propose,
)


async def test_proposals_are_shown_with_every_field(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """
    In the list as by themselves; null where nothing is known yet.
    """
    receipt = await propose(client)
    before = await client.get(f"{PROPOSALS}/{receipt['proposal_id']}", headers=bearer("reader"))
    await pass_validation(ports, receipt)
    after = await client.get(f"{PROPOSALS}/{receipt['proposal_id']}", headers=bearer("reader"))
    listed = await client.get(PROPOSALS, headers=bearer("reader"))

    assert before.json() == {
        "proposal_id": receipt["proposal_id"],
        "branch_name": receipt["branch_name"],
        "commit_message": "feat: Greet in lower case",
        "status": "validation_pending",
        "validation_output": None,
        "created_at": "2026-11-21T10:00:00Z",
        "updated_at": "2026-11-21T10:00:00Z",
        "approved_by": None,
        "message": None,
        "repository": "octo-org/widgets",
        "pull_request": receipt["pull_request"],
        "head_sha": receipt["head_sha"],
        "requester": "mona",
    }
    assert after.json()["status"] == "validation_passed"
    assert after.json()["validation_output"] == "12 passed in 0.31s"
    assert listed.json() == [after.json()]


async def test_the_list_is_newest_first_and_limited(
    client: httpx.AsyncClient, clock: Clock
) -> None:
    """
    At most `limit`, of all repositories or of one.
    """
    ids = []
    for number in range(4):
        clock.advance(timedelta(minutes=1))
        ids.append((await propose(client, commit_message=f"Change {number}"))["proposal_id"])
    two = await client.get(PROPOSALS, params={"limit": 2}, headers=bearer("mona"))
    one_repository = {"repository": "Octo-Org/Widgets"}
    all_of_one = await client.get(PROPOSALS, params=one_repository, headers=bearer("mona"))

    assert [each["proposal_id"] for each in two.json()] == [ids[3], ids[2]]
    assert [each["proposal_id"] for each in all_of_one.json()] == ids[::-1]


@pytest.mark.parametrize(
    "params",
    [{"limit": "0"}, {"limit": "501"}, {"limit": "many"}, {"repository": "x"}, {"limit": "9" * 90}],
)
async def test_bad_parameters_are_a_bad_request(
    client: httpx.AsyncClient, params: dict[str, str]
) -> None:
    """
    400 with the parameter's name.
    """
    response = await client.get(PROPOSALS, params=params, headers=bearer("mona"))

    assert_error(response, 400, "BadRequest")
    assert next(iter(params)) in response.json()["detail"]


async def test_a_persons_approval_is_a_real_review_of_the_head(
    client: httpx.AsyncClient, ports: Ports, github: GitHubOnPaper
) -> None:
    """
    200; GitHub has the review, and a worker is asked to look at the gate.
    """
    github.permissions["octo-org/widgets", "reader"] = Permission.WRITE
    receipt = await propose(client)
    await pass_validation(ports, receipt)
    response = await client.post(
        f"{PROPOSALS}/{receipt['proposal_id']}/approve", headers=bearer("reader")
    )
    ref = PullRequestRef(WIDGETS, receipt["pull_request"]["number"])

    assert response.status_code == 200
    assert response.json()["status"] == "merge_pending"
    assert response.json()["message"] == (
        f"Proposal '{receipt['proposal_id']}' approved by reader. Merge task triggered."
    )
    assert github.approvals == [("reader", ref, receipt["head_sha"])]
    assert not await ports.inbox.is_quiet()


@pytest.mark.parametrize("digits", [7, 40])
async def test_an_approval_may_name_the_commit_that_was_read(
    client: httpx.AsyncClient, ports: Ports, github: GitHubOnPaper, digits: int
) -> None:
    """
    Of another one nothing is approved; in either case of letters.
    """
    receipt = await propose(client)
    await pass_validation(ports, receipt)
    url = f"{PROPOSALS}/{receipt['proposal_id']}/approve"
    head_sha = receipt["head_sha"]
    another = {"head_sha": ("b" if head_sha[0] == "a" else "a") + head_sha[1:digits]}
    refused = await client.post(url, json=another, headers=bearer("mona"))
    assert_error(refused, 409, "NotProposable")
    assert f"The last one is `{head_sha}`" in refused.json()["detail"]
    assert github.approvals == []
    assert await ports.inbox.is_quiet()

    named = {"head_sha": head_sha[:digits].upper()}
    approved = await client.post(url, json=named, headers=bearer("mona"))

    assert approved.status_code == 200
    assert [sha for _, _, sha in github.approvals] == [head_sha]


async def test_an_approval_names_one_commit(
    client: httpx.AsyncClient, ports: Ports, clock: Clock
) -> None:
    """
    Seven digits that an older head begins with as well are none.
    """
    receipt = await propose(client)
    await pass_validation(ports, receipt)
    proposal = await proposal_of(ports, receipt)
    older = PastHead(
        head_sha=HeadSha(receipt["head_sha"][:7] + "0" * 33), since=clock(), committed_at=clock()
    )
    await ports.proposals.put(replace(proposal, heads=(older,)))
    url = f"{PROPOSALS}/{receipt['proposal_id']}/approve"
    short = {"head_sha": receipt["head_sha"][:7]}
    refused = await client.post(url, json=short, headers=bearer("mona"))
    whole = {"head_sha": receipt["head_sha"]}

    assert_error(refused, 409, "NotProposable")
    assert "Two commits" in refused.json()["detail"]
    assert (await client.post(url, json=whole, headers=bearer("mona"))).status_code == 200


@pytest.mark.parametrize("sha", ["abc123", "g" * 7, "a" * 41, "", 1234567])
async def test_a_commit_that_is_none_is_a_bad_request(
    client: httpx.AsyncClient, github: GitHubOnPaper, sha: object
) -> None:
    """
    400 with the field's name: nothing is approved by mistake.
    """
    receipt = await propose(client)
    url = f"{PROPOSALS}/{receipt['proposal_id']}/approve"
    response = await client.post(url, json={"head_sha": sha}, headers=bearer("mona"))

    assert_error(response, 400, "BadRequest")
    assert "head_sha" in response.json()["detail"]
    assert github.approvals == []


@pytest.mark.parametrize("content", [None, b"", b"{}", b"null"])
async def test_an_approval_need_name_no_commit(
    client: httpx.AsyncClient, ports: Ports, content: bytes | None
) -> None:
    """
    No body, an empty one, or one without the field: what is the head.
    """
    receipt = await propose(client)
    await pass_validation(ports, receipt)
    response = await client.post(
        f"{PROPOSALS}/{receipt['proposal_id']}/approve",
        content=content,
        headers={**bearer("mona"), "Content-Type": "application/json"},
    )

    assert response.status_code == 200


async def test_an_approval_before_validation_passed_is_a_conflict(
    client: httpx.AsyncClient, ports: Ports, github: GitHubOnPaper
) -> None:
    """
    409, no review, nothing asked.
    """
    receipt = await propose(client)
    response = await client.post(
        f"{PROPOSALS}/{receipt['proposal_id']}/approve", headers=bearer("mona")
    )

    assert_error(response, 409, "NotProposable")
    assert github.approvals == []
    assert await ports.inbox.is_quiet()


async def test_an_approval_that_github_refuses_is_forbidden(
    client: httpx.AsyncClient, ports: Ports, github: GitHubOnPaper
) -> None:
    """
    403 with GitHub's reason; the proposal is as it was.
    """
    github.refuses_approvals = True
    receipt = await propose(client)
    await pass_validation(ports, receipt)
    response = await client.post(
        f"{PROPOSALS}/{receipt['proposal_id']}/approve", headers=bearer("mona")
    )

    assert_error(response, 403, "PermissionDenied")
    assert (await proposal_of(ports, receipt)).status == "validation_passed"


@pytest.mark.parametrize("policy", ["", "approvals: {api_approvals: false}"])
async def test_a_service_token_s_approval_is_forbidden_where_the_policy_does_not_take_it(
    client: httpx.AsyncClient, ports: Ports, github: GitHubOnPaper, policy: str
) -> None:
    """
    403 with what would count instead; nothing is kept and nobody is asked to look.
    """
    github.policies["octo-org/widgets"] = policy
    receipt = await propose(client, "service")
    await pass_validation(ports, receipt)
    response = await client.post(
        f"{PROPOSALS}/{receipt['proposal_id']}/approve", headers=bearer("service")
    )

    assert_error(response, 403, "PermissionDenied")
    assert "api_approvals: true" in response.json()["detail"]
    assert (await proposal_of(ports, receipt)).service_approval is None
    assert await ports.inbox.is_quiet()


async def test_a_service_token_s_approval_needs_a_policy_that_can_be_read(
    client: httpx.AsyncClient, ports: Ports, github: GitHubOnPaper
) -> None:
    """
    409 with the key to mend: what cannot be read allows nothing.
    """
    receipt = await propose(client, "service")
    await pass_validation(ports, receipt)
    ref = PullRequestRef(WIDGETS, receipt["pull_request"]["number"])
    github.pulls[ref] = replace(github.pulls[ref], policy_text="aprovals: {}")
    response = await client.post(
        f"{PROPOSALS}/{receipt['proposal_id']}/approve", headers=bearer("service")
    )

    assert_error(response, 409, "PolicyInvalid")
    assert "`aprovals`" in response.json()["detail"]


async def test_a_proposal_is_rejected_with_its_reason(
    client: httpx.AsyncClient, github: GitHubOnPaper
) -> None:
    """
    200; the pull request is closed, the branch gone, and the reason shown.
    """
    receipt = await propose(client)
    url = f"{PROPOSALS}/{receipt['proposal_id']}"
    response = await client.post(
        f"{url}/reject", json={"reason": "The API must stay."}, headers=bearer("mona")
    )
    shown = await client.get(url, headers=bearer("mona"))

    assert response.status_code == 200
    assert response.json()["status"] == "rejected"
    assert response.json()["message"] == (
        f"Proposal '{receipt['proposal_id']}' has been successfully rejected."
    )
    assert [each.is_open for each in github.pulls.values()] == [False]
    assert github.branches == {}
    assert "The API must stay." in shown.json()["message"]


@pytest.mark.parametrize("content", [None, b"", b"{}", b"null"])
async def test_a_rejection_needs_no_reason(
    client: httpx.AsyncClient, content: bytes | None
) -> None:
    """
    No body, an empty one, or one without the field.
    """
    receipt = await propose(client)
    response = await client.post(
        f"{PROPOSALS}/{receipt['proposal_id']}/reject",
        content=content,
        headers={**bearer("mona"), "Content-Type": "application/json"},
    )

    assert response.status_code == 200


async def test_a_merged_proposal_cannot_be_rejected(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """
    409; a merged change is reverted, not rejected.
    """
    receipt = await propose(client)
    proposal = await proposal_of(ports, receipt)
    merge = MergeAttempt(
        head_sha=receipt["head_sha"], approved_by=("x",), automatic=False, at=ports.now(), sha="a"
    )
    await ports.proposals.put(replace(proposal, merge=merge))
    response = await client.post(
        f"{PROPOSALS}/{receipt['proposal_id']}/reject", headers=bearer("mona")
    )

    assert_error(response, 409, "NotProposable")


async def test_a_proposal_that_is_being_worked_on_is_busy(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """
    503 and Retry-After, when the worker does not let go in time.
    """
    receipt = await propose(client)
    number = receipt["pull_request"]["number"]
    async with ports.proposals.lock(f"pull:octo-org/widgets#{number}"):
        response = await client.post(
            f"{PROPOSALS}/{receipt['proposal_id']}/reject", headers=bearer("mona")
        )

    assert_error(response, 503, "Busy")
    assert int(response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("identifier", ["prop_aaaaaaaaaa", "prop_", "1", "..%2f..", "x" * 3_000])
async def test_a_proposal_that_does_not_exist_is_not_found(
    client: httpx.AsyncClient, identifier: str
) -> None:
    """
    404 for each way to ask.
    """
    answers = [
        await client.get(f"{PROPOSALS}/{identifier}", headers=bearer("mona")),
        await client.post(f"{PROPOSALS}/{identifier}/approve", headers=bearer("mona")),
        await client.post(f"{PROPOSALS}/{identifier}/reject", headers=bearer("mona")),
    ]

    for each in answers:
        assert_error(each, 404, "NotFound")
