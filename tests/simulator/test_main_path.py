"""From a comment to a merged pull request, with real githubkit and real git as clients."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from githubkit import webhooks

from odyssey.simulator.git import environment
from simulator.conftest import REPOSITORY, SECRET, World


async def git(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit status and error output of one git command."""
    process = await asyncio.create_subprocess_exec(
        "git", *arguments, cwd=folder, env=environment(),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, complaint = await process.communicate()
    return process.returncode or 0, complaint.decode()


async def push_with_token(world: World, folder: Path, token: str, branch: str) -> str:
    """Push one changed file as the App; gives the error output of the push."""
    origin = world.simulator.web_url.replace("://", f"://x-access-token:{token}@")
    await git(folder, "clone", "--quiet", f"{origin}/{REPOSITORY}.git", "clone")
    clone = folder / "clone"
    (clone / "garden.py").write_text("def grow():\n    return 2\n")
    await git(clone, "-c", "user.name=g", "-c", "user.email=g@x", "commit", "-qam", "Grow more")
    status, complaint = await git(clone, "push", "origin", f"HEAD:{branch}")
    return complaint if status else ""


async def test_a_change_goes_from_comment_to_merge_with_real_clients(
    world: World, tmp_path: Path
) -> None:
    """Every step of the main job works for githubkit and git, and is told by signed webhooks."""
    simulator, octo, garden = world.simulator, "octo", "garden"
    ann = simulator.person("ann")
    issue = await ann.open_issue(REPOSITORY, "Grow faster")
    comment = await ann.comment(REPOSITORY, issue["number"], "please")
    rest = world.as_installation().rest
    answer = await world.as_app().rest.apps.async_create_installation_access_token(
        world.installation.installation_id
    )
    token = answer.parsed_data.token
    read = (await rest.repos.async_get(octo, garden)).parsed_data
    assert await push_with_token(world, tmp_path, token, "feature/grow") == ""

    pull = (
        await rest.pulls.async_create(
            octo, garden, title="Grow", head="feature/grow", base="main", body="Closes it"
        )
    ).parsed_data
    reaction = await rest.reactions.async_create_for_issue_comment(
        octo, garden, comment["id"], content="eyes"
    )
    status = await rest.issues.async_create_comment(octo, garden, issue["number"], body="On it")
    await rest.issues.async_update_comment(octo, garden, status.parsed_data.id, body="Done")
    run = await rest.checks.async_create(
        octo, garden, data={"name": "odd", "head_sha": pull.head.sha, "status": "in_progress"}
    )
    await rest.checks.async_update(
        octo, garden, run.parsed_data.id, data={"status": "completed", "conclusion": "success"}
    )
    await ann.review(REPOSITORY, pull.number, "approve")
    reviews: Any = (await rest.pulls.async_list_reviews(octo, garden, pull.number)).parsed_data
    merged = await rest.pulls.async_merge(octo, garden, pull.number, sha=pull.head.sha)
    deleted = await rest.git.async_delete_ref(octo, garden, "heads/feature/grow")
    await simulator.outbox.deliver_all()

    assert read.full_name == REPOSITORY
    assert reaction.parsed_data.content == "eyes"
    assert [(r.state, r.commit_id) for r in reviews] == [("APPROVED", pull.head.sha)]
    assert merged.parsed_data.merged
    assert deleted.status_code == 204
    repository = simulator.repository(REPOSITORY)
    tip = simulator.git(repository).find_ref("refs/heads/main")
    assert tip == merged.parsed_data.sha
    assert simulator.git(repository).find_ref("refs/pull/2/head") == pull.head.sha
    assert world.receiver.names == [
        "issues.opened", "issue_comment.created", "create", "push", "check_suite.requested",
        "pull_request.opened", "issue_comment.created", "issue_comment.edited",
        "check_run.created", "check_run.completed", "check_suite.completed",
        "pull_request_review.submitted", "pull_request.closed", "push", "check_suite.requested",
        "delete", "push",
    ]  # fmt: skip
    for headers, body in world.receiver.received:
        assert webhooks.verify(SECRET, body, headers["x-hub-signature-256"])
        assert json.loads(body)["installation"]["id"] == world.installation.installation_id
