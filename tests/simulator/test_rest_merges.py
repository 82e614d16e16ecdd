"""Reviews, required checks and the rules of a merge."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from githubkit.exception import RequestFailed

from odyssey.simulator.loopback import loopback_client
from odyssey.simulator.state import Json
from simulator.conftest import REPOSITORY, World


async def pull_request(world: World, branch: str = "feature", **files: str) -> Json:
    """A pull request by ann that changes garden.py, or *files*."""
    ann = world.simulator.person("ann")
    await ann.push(
        REPOSITORY, branch, files or {"garden.py": "def grow():\n    return 2\n"}, "Grow"
    )
    return await ann.open_pull(REPOSITORY, branch, "Grow more")


async def attempt(world: World, number: int, login: str = "octo", **body: Any) -> httpx.Response:
    """The answer to `PUT merge` as *login*."""
    token = world.simulator.user_token(login)
    async with loopback_client(base_url=world.simulator.api_url) as client:
        return await client.put(
            f"/repos/{REPOSITORY}/pulls/{number}/merge",
            json=body,
            headers={"authorization": f"token {token}", "user-agent": "tests"},
        )


async def refusal(work: Any) -> httpx.Response:
    """The answer by which *work* of a person is refused."""
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await work
    return refused.value.response


def tip(world: World, branch: str = "main") -> str:
    """The SHA of a branch."""
    repository = world.simulator.repository(REPOSITORY)
    return world.simulator.git(repository).find_ref(f"refs/heads/{branch}") or ""


async def test_a_stale_sha_is_409_and_merges_nothing(world: World) -> None:
    """`sha` that is not the head: 409 `Head branch was modified` (OpenAPI description)."""
    pull = await pull_request(world)
    before = tip(world)
    answer = await attempt(world, pull["number"], sha="1" * 40)

    assert answer.status_code == 409
    assert answer.json()["message"] == ("Head branch was modified. Review and try the merge again.")
    assert tip(world) == before


async def test_a_merged_pull_request_is_not_mergeable_again(world: World) -> None:
    """A second merge is 405 (OpenAPI description)."""
    pull = await pull_request(world)
    first = await attempt(world, pull["number"])
    second = await attempt(world, pull["number"])

    assert (first.status_code, second.status_code) == (200, 405)


async def test_a_draft_is_405(world: World) -> None:
    """Drafts do not merge."""
    ann = world.simulator.person("ann")
    await ann.push(REPOSITORY, "d", {"x": "y"}, "X")
    pull = await ann.open_pull(REPOSITORY, "d", "Draft", draft=True)

    assert (await attempt(world, pull["number"])).status_code == 405


@pytest.mark.parametrize(("method", "parents"), [("merge", 2), ("squash", 1), ("rebase", 1)])
async def test_each_method_merges_with_real_git(world: World, method: str, parents: int) -> None:
    """merge, squash and rebase keep a change of the base branch made meanwhile."""
    pull = await pull_request(world)
    await world.simulator.person("ann").push(REPOSITORY, "main", {"other": "1"}, "Other")
    answer = await attempt(world, pull["number"], merge_method=method)

    repository = world.simulator.repository(REPOSITORY)
    git = world.simulator.git(repository)
    merged = git.commit(tip(world))
    assert answer.json()["sha"] == merged.sha
    assert len(merged.parents) == parents
    assert {"other", "garden.py"} <= {entry.path for entry in git.tree(merged.sha)}
    entry = git.find_entry(merged.sha, "garden.py")
    assert entry is not None
    assert b"return 2" in git.read_blob(entry.sha)


async def test_a_method_that_is_switched_off_is_405(world: World) -> None:
    """Merge methods are settings of the repository."""
    pull = await pull_request(world)
    world.simulator.repository(REPOSITORY).allow_squash_merge = False

    assert (await attempt(world, pull["number"], merge_method="squash")).status_code == 405


async def test_a_real_conflict_makes_it_dirty_and_405(world: World) -> None:
    """Conflicts come from git; `mergeable` is null until the test merge was made."""
    pull = await pull_request(world)
    ann = world.simulator.person("ann")
    await ann.push(REPOSITORY, "main", {"garden.py": "def grow():\n    return 3\n"}, "Three")
    path = f"/repos/{REPOSITORY}/pulls/{pull['number']}"
    first, second = await ann.request("GET", path), await ann.request("GET", path)

    assert (first["mergeable"], first["mergeable_state"]) == (None, "unknown")
    assert (second["mergeable"], second["mergeable_state"]) == (False, "dirty")
    answer = await attempt(world, pull["number"])
    assert answer.status_code == 405
    assert answer.json()["message"] == "Pull Request is not mergeable"


async def test_nobody_approves_their_own_pull_request(world: World) -> None:
    """422 with a string in `errors` (hubtty#33)."""
    pull = await pull_request(world)
    answer = await refusal(
        world.simulator.person("ann").review(REPOSITORY, pull["number"], "approve")
    )

    assert answer.status_code == 422
    assert answer.json()["message"] == "Unprocessable Entity"
    assert answer.json()["errors"] == ["Can not approve your own pull request"]


async def test_an_approval_keeps_its_commit_when_the_head_moves(world: World) -> None:
    """`commit_id` is the head at submission and stays (OpenAPI description)."""
    pull = await pull_request(world)
    octo, ann = world.simulator.person("octo"), world.simulator.person("ann")
    review = await octo.review(REPOSITORY, pull["number"], "approve")
    head = await ann.push(REPOSITORY, "feature", {"more": "1"}, "More")
    path = f"/repos/{REPOSITORY}/pulls/{pull['number']}"
    listed = await ann.request("GET", f"{path}/reviews")

    assert review["commit_id"] == listed[0]["commit_id"] == pull["head"]["sha"]
    assert (await ann.request("GET", path))["head"]["sha"] == head != pull["head"]["sha"]


async def test_a_push_dismisses_approvals_where_that_is_configured(world: World) -> None:
    """dismiss-stale: the approval is DISMISSED when the diff changes (about-protected-branches)."""
    world.simulator.protect(REPOSITORY, "main", approvals=1, dismiss_stale=True)
    pull = await pull_request(world)
    octo, ann = world.simulator.person("octo"), world.simulator.person("ann")
    await octo.review(REPOSITORY, pull["number"], "approve")
    await ann.push(REPOSITORY, "feature", {"more": "1"}, "More")
    listed = await ann.request("GET", f"/repos/{REPOSITORY}/pulls/{pull['number']}/reviews")

    assert [review["state"] for review in listed] == ["DISMISSED"]
    assert (await attempt(world, pull["number"], "ann")).status_code == 405


async def test_only_the_latest_decisive_review_of_a_writer_counts(world: World) -> None:
    """CHANGES_REQUESTED blocks until that person approves; readers do not count (docs)."""
    simulator = world.simulator
    simulator.protect(REPOSITORY, "main", approvals=1)
    number = (await pull_request(world))["number"]
    octo, bob = simulator.person("octo"), simulator.person("bob")
    await bob.review(REPOSITORY, number, "approve")
    by_reader = await attempt(world, number, "ann")
    await octo.review(REPOSITORY, number, "approve")
    await octo.review(REPOSITORY, number, "request_changes", "No")
    blocked = await attempt(world, number, "ann")
    await octo.review(REPOSITORY, number, "approve")
    await octo.review(REPOSITORY, number, "comment", "A remark is not decisive")
    merged = await attempt(world, number, "ann")

    assert by_reader.json()["message"] == (
        "At least 1 approving review is required by reviewers with write access."
    )
    assert [a.status_code for a in (by_reader, blocked, merged)] == [405, 405, 200]


async def test_a_dismissed_review_no_longer_blocks_or_counts(world: World) -> None:
    """Dismissal takes the decision away (docs: dismissing a pull request review)."""
    world.simulator.protect(REPOSITORY, "main", approvals=1)
    number = (await pull_request(world))["number"]
    octo = world.simulator.person("octo")
    review = await octo.review(REPOSITORY, number, "approve")
    await octo.dismiss(REPOSITORY, number, review["id"], "Too quick")

    assert (await attempt(world, number, "ann")).status_code == 405


async def test_the_approval_of_an_app_does_not_count_unless_switched_on(world: World) -> None:
    """Observed in loft-sh/vcluster-docs#1939; no text of GitHub, hence a switch."""
    world.simulator.protect(REPOSITORY, "main", approvals=1)
    number = (await pull_request(world))["number"]
    github = world.as_installation()
    await github.rest.pulls.async_create_review("octo", "garden", number, event="APPROVE")
    without = await attempt(world, number, "ann")
    world.simulator.app_approvals_count = True

    assert without.status_code == 405
    assert (await attempt(world, number, "ann")).status_code == 200


async def test_a_review_without_event_is_pending_and_single(world: World) -> None:
    """No `submitted_at`, seen by its author only; a second one is 422 (github/app#3371)."""
    number = (await pull_request(world))["number"]
    octo, ann = world.simulator.person("octo"), world.simulator.person("ann")
    path = f"/repos/{REPOSITORY}/pulls/{number}/reviews"
    pending = await octo.request("POST", path, {"body": "Hm"})
    again = await refusal(octo.request("POST", path, {"body": "Hm"}))

    assert pending["state"] == "PENDING"
    assert "submitted_at" not in pending
    assert again.json()["errors"] == ["User can only have one pending review per pull request"]
    assert await ann.request("GET", path) == []


async def test_the_workflow_token_may_not_approve(world: World) -> None:
    """`GitHub Actions is not permitted to approve pull requests.` (github/docs#31550)."""
    number = (await pull_request(world))["number"]
    repository = world.simulator.repository(REPOSITORY)
    token = world.simulator.mint_actions_token(repository, {"pull_requests": "write"}, 7)
    ann = world.simulator.person("ann")
    ann.token = token
    answer = await refusal(ann.review(REPOSITORY, number, "approve"))

    assert answer.json()["errors"] == ["GitHub Actions is not permitted to approve pull requests."]


async def check(world: World, sha: str, conclusion: str, name: str = "odd") -> None:
    """A completed check run of the App."""
    data: Any = {"name": name, "head_sha": sha, "status": "completed", "conclusion": conclusion}
    await world.as_installation().rest.checks.async_create("octo", "garden", data=data)


@pytest.mark.parametrize(
    ("conclusion", "status"),
    [("success", 200), ("neutral", 200), ("skipped", 200), ("failure", 405), ("cancelled", 405)],
)
async def test_a_required_check_passes_by_its_conclusion(
    world: World, conclusion: str, status: int
) -> None:
    """success, skipped and neutral pass (docs: troubleshooting required status checks)."""
    world.simulator.protect(REPOSITORY, "main", checks=["odd"])
    pull = await pull_request(world)
    await check(world, pull["head"]["sha"], conclusion)

    assert (await attempt(world, pull["number"], "ann")).status_code == status


async def test_a_required_check_that_never_ran_is_expected(world: World) -> None:
    """Only the latest head counts: a check of the commit before is none (docs)."""
    world.simulator.protect(REPOSITORY, "main", checks=["odd"])
    pull = await pull_request(world)
    await check(world, pull["head"]["sha"], "success")
    await world.simulator.person("ann").push(REPOSITORY, "feature", {"more": "1"}, "More")
    answer = await attempt(world, pull["number"], "ann")

    assert answer.status_code == 405
    assert answer.json()["message"] == 'Required status check "odd" is expected.'


async def test_a_status_from_the_wrong_app_does_not_satisfy_a_pinned_check(world: World) -> None:
    """Anyone with write can set a status, so the App is pinned (docs)."""
    world.simulator.protect(REPOSITORY, "main", checks=[("odd", world.app.app_id)])
    pull = await pull_request(world)
    ann = world.simulator.person("ann")
    body = {"state": "success", "context": "odd"}
    await ann.request("POST", f"/repos/{REPOSITORY}/statuses/{pull['head']['sha']}", body)
    forged = await attempt(world, pull["number"], "ann")
    await check(world, pull["head"]["sha"], "success")

    assert forged.json()["message"] == (
        'Required status check "odd" was not set by the expected GitHub App.'
    )
    assert (await attempt(world, pull["number"], "ann")).status_code == 200


async def test_a_check_and_a_status_of_one_name_are_both_required(world: World) -> None:
    """docs: about protected branches."""
    world.simulator.protect(REPOSITORY, "main", checks=["odd"])
    pull = await pull_request(world)
    ann = world.simulator.person("ann")
    body = {"state": "pending", "context": "odd"}
    await ann.request("POST", f"/repos/{REPOSITORY}/statuses/{pull['head']['sha']}", body)
    await check(world, pull["head"]["sha"], "success")

    assert (await attempt(world, pull["number"], "ann")).status_code == 405


async def test_strict_checks_ask_for_an_up_to_date_head(world: World) -> None:
    """`strict`: behind until the base is merged in, by update-branch for instance (docs)."""
    world.simulator.protect(REPOSITORY, "main", checks=["odd"], strict=True, enforce_admins=False)
    pull = await pull_request(world)
    octo, ann = world.simulator.person("octo"), world.simulator.person("ann")
    await check(world, pull["head"]["sha"], "success")
    await octo.push(REPOSITORY, "main", {"other": "1"}, "Other")
    path = f"/repos/{REPOSITORY}/pulls/{pull['number']}"
    await ann.request("GET", path)
    behind = await ann.request("GET", path)
    refused = await attempt(world, pull["number"], "ann")
    await ann.request("PUT", f"{path}/update-branch", {})
    head = (await ann.request("GET", path))["head"]["sha"]
    await check(world, head, "success")

    assert behind["mergeable_state"] == "behind"
    assert refused.status_code == 405
    assert (await attempt(world, pull["number"], "ann")).status_code == 200


async def test_a_ruleset_blocks_where_the_protection_endpoint_says_404(world: World) -> None:
    """Rulesets are not in `branches/{b}/protection` (aidevops#24577); bypass actors pass."""
    octo, ann = world.simulator.person("octo"), world.simulator.person("ann")
    ruleset = {
        "name": "main",
        "enforcement": "active",
        "conditions": {"ref_name": {"include": ["~DEFAULT_BRANCH"], "exclude": []}},
        "rules": [{"type": "pull_request", "parameters": {
            "required_approving_review_count": 1, "dismiss_stale_reviews_on_push": False,
            "require_code_owner_review": False, "require_last_push_approval": False,
            "required_review_thread_resolution": False}}],
        "bypass_actors": [
            {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
        ],
    }  # fmt: skip
    await octo.request("POST", f"/repos/{REPOSITORY}/rulesets", ruleset)
    number = (await pull_request(world))["number"]
    rules = await ann.request("GET", f"/repos/{REPOSITORY}/rules/branches/main")
    classic = await refusal(octo.request("GET", f"/repos/{REPOSITORY}/branches/main/protection"))
    refused = await attempt(world, number, "ann")

    assert [rule["type"] for rule in rules] == ["pull_request"]
    assert classic.status_code == 404
    assert refused.status_code == 405
    assert refused.json()["message"].startswith("Repository rule violations found\n\nAt least 1")
    assert (await attempt(world, number, "octo")).status_code == 200


async def test_an_app_without_workflows_may_not_merge_a_workflow_change(world: World) -> None:
    """403 (kodiak#641)."""
    pull = await pull_request(world, "wf", **{".github/workflows/ci.yml": "on: pull_request\n"})
    github = world.as_installation()
    with pytest.raises(RequestFailed) as refused:
        await github.rest.pulls.async_merge("octo", "garden", pull["number"])

    assert refused.value.response.status_code == 403
    assert "without `workflows` permission" in refused.value.response.json()["message"]


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        ({"head": "nowhere", "base": "main"}, {"field": "head", "code": "invalid"}),
        ({"head": "feature", "base": "nowhere"}, {"field": "base", "code": "invalid"}),
        ({"head": "same", "base": "main"}, {"message": "No commits between main and same"}),
        (
            {"head": "feature", "base": "main"},
            {"message": "A pull request already exists for octo:feature."},
        ),
    ],
)
async def test_pull_requests_that_make_no_sense_are_422(
    world: World, sent: Json, error: Json
) -> None:
    """fork-sync#112, cloud-provider-stackit#10, octotree#557."""
    await pull_request(world)
    ann = world.simulator.person("ann")
    body = {"ref": "refs/heads/same", "sha": tip(world)}
    await ann.request("POST", f"/repos/{REPOSITORY}/git/refs", body)
    answer = await refusal(
        ann.request("POST", f"/repos/{REPOSITORY}/pulls", {"title": "Again", **sent})
    )

    assert answer.status_code == 422
    assert answer.json()["message"] == "Validation Failed"
    assert error.items() <= answer.json()["errors"][0].items()


async def test_deleting_the_head_branch_closes_the_pull_request(world: World) -> None:
    """A closed event without a merge; the commit stays at refs/pull/N/head."""
    pull = await pull_request(world)
    ann = world.simulator.person("ann")
    await ann.delete_branch(REPOSITORY, "feature")
    shown = await ann.request("GET", f"/repos/{REPOSITORY}/pulls/{pull['number']}")
    await world.simulator.outbox.deliver_all()

    repository = world.simulator.repository(REPOSITORY)
    kept = world.simulator.git(repository).find_ref(f"refs/pull/{pull['number']}/head")
    assert (shown["state"], shown["merged"], kept) == ("closed", False, pull["head"]["sha"])
    assert "pull_request.closed" in world.receiver.names


async def test_the_base_branch_of_a_closed_pull_request_stays(world: World) -> None:
    """go-github#3456, bors-ng#1067: 422, also for the one it has."""
    pull = await pull_request(world)
    ann = world.simulator.person("ann")
    await ann.close(REPOSITORY, pull["number"])
    path = f"/repos/{REPOSITORY}/pulls/{pull['number']}"
    answer = await refusal(ann.request("PATCH", path, {"base": "main", "state": "open"}))

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["message"] == (
        "Cannot change the base branch of a closed pull request."
    )
