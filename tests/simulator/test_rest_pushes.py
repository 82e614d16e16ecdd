"""What git push and the Git database may do, and what they cause."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from odyssey.simulator.people import PushRefused
from odyssey.simulator.pushes import RefUpdate, apply
from simulator.conftest import REPOSITORY, World

GARDEN = f"/repos/{REPOSITORY}"


async def status_of(work: Any) -> tuple[int, str]:
    """Status and message of a refused call of a person."""
    with pytest.raises(httpx.HTTPStatusError) as refused:
        await work
    answer = refused.value.response
    return answer.status_code, answer.json()["message"]


async def test_a_protected_branch_takes_no_direct_push(world: World) -> None:
    """GH006, through git's own "remote:" lines (docs: about protected branches)."""
    world.simulator.protect(REPOSITORY, "main", approvals=1)
    ann = world.simulator.person("ann")
    with pytest.raises(PushRefused) as refused:
        await ann.push(REPOSITORY, "main", {"x": "1"}, "Sneak")

    text = str(refused.value)
    assert "GH006: Protected branch update failed for refs/heads/main" in text
    assert "Changes must be made through a pull request." in text
    assert "[remote rejected]" in text


async def test_a_ruleset_refuses_a_push_in_its_own_words(world: World) -> None:
    """GH013 (vercel/workflow#1937)."""
    octo = world.simulator.person("octo")
    conditions = {"ref_name": {"include": ["refs/heads/release/*"], "exclude": []}}
    ruleset = {
        "name": "releases",
        "enforcement": "active",
        "conditions": conditions,
        "rules": [{"type": "non_fast_forward"}],
    }
    await octo.request("POST", f"{GARDEN}/rulesets", ruleset)
    await octo.push(REPOSITORY, "release/1", {"x": "1"}, "One")
    with pytest.raises(PushRefused) as refused:
        await octo.push(REPOSITORY, "release/1", {"x": "2"}, "Two", force=True)

    assert "GH013: Repository rule violations found for refs/heads/release/1" in str(refused.value)
    assert "Cannot force-push to this branch" in str(refused.value)


async def test_a_reader_cannot_push_and_a_stranger_finds_nothing(world: World) -> None:
    """403 for whoever may only read, 404 for whoever may not see (docs)."""
    with pytest.raises(PushRefused) as reader:
        await world.simulator.person("bob").push(REPOSITORY, "b", {"x": "1"}, "B")
    with pytest.raises(PushRefused) as stranger:
        await world.simulator.person("eve").push(REPOSITORY, "e", {"x": "1"}, "E")

    assert "403" in str(reader.value)
    assert "not found" in str(stranger.value).lower()


async def test_an_app_without_workflows_cannot_write_workflow_files(world: World) -> None:
    """The same refusal for push, refs and contents; people may (docs JSON, server-to-server)."""
    person = world.simulator.person("ann")
    change = {".github/workflows/new.yml": "on: push\n"}
    sha = await person.push(REPOSITORY, "ann/wf", change, "By hand")
    person.token = world.simulator.mint_token(world.installation).value
    with pytest.raises(PushRefused) as pushed:
        await person.push(REPOSITORY, "app/wf", {".github/workflows/x.yml": "on: push\n"}, "App")
    content = base64.b64encode(b"on: push\n").decode()
    put = await status_of(
        person.request(
            "PUT",
            f"{GARDEN}/contents/.github/workflows/y.yml",
            {"message": "m", "content": content, "branch": "ann/wf"},
        )
    )

    message = "refusing to allow a GitHub App to create or update workflow"
    assert len(sha) == 40
    assert message in str(pushed.value)
    assert put[0] == 403
    assert put[1].startswith(message)


async def test_a_push_tells_of_itself_and_of_the_pull_requests_it_moves(world: World) -> None:
    """push, check_suite.requested and pull_request.synchronize with before and after."""
    ann = world.simulator.person("ann")
    before = await ann.push(REPOSITORY, "feature", {"x": "1"}, "One")
    await ann.open_pull(REPOSITORY, "feature", "One")
    await world.simulator.outbox.deliver_all()
    world.receiver.received.clear()
    after = await ann.push(REPOSITORY, "feature", {"x": "2"}, "Two")
    await world.simulator.outbox.deliver_all()

    bodies = dict(zip(world.receiver.names, world.receiver.received, strict=True))
    moved = json.loads(bodies["pull_request.synchronize"][1])
    push = json.loads(bodies["push"][1])
    assert world.receiver.names == ["push", "check_suite.requested", "pull_request.synchronize"]
    assert (moved["before"], moved["after"]) == (before, after)
    assert (push["forced"], push["commits"][0]["modified"]) == (False, ["x"])


async def test_more_than_three_tags_at_once_tell_nothing(world: World) -> None:
    """The `push` schema of the OpenAPI description says so."""
    ann = world.simulator.person("ann")
    head = (await ann.request("GET", f"{GARDEN}/git/ref/heads/main"))["object"]["sha"]
    updates = [RefUpdate(f"refs/tags/v{n}", "0" * 40, head) for n in range(4)]
    repository = world.simulator.repository(REPOSITORY)
    apply(world.simulator, repository, updates, ann.user)

    assert world.simulator.outbox.pending == []


async def test_a_ref_moves_forward_only_unless_forced(world: World) -> None:
    """`PATCH git/refs` without force: 422 not a fast forward (OpenAPI description)."""
    ann = world.simulator.person("ann")
    main = (await ann.request("GET", f"{GARDEN}/git/ref/heads/main"))["object"]["sha"]
    await ann.push(REPOSITORY, "feature", {"x": "1"}, "One")
    path = f"{GARDEN}/git/refs/heads/feature"
    refused = await status_of(ann.request("PATCH", path, {"sha": main}))
    moved = await ann.request("PATCH", path, {"sha": main, "force": True})

    assert refused == (422, "Update is not a fast forward")
    assert moved["object"]["sha"] == main


async def test_contents_need_the_blob_they_replace(world: World) -> None:
    """Update without `sha` 422, with a stale one 409 (OpenAPI description)."""
    ann = world.simulator.person("ann")
    path = f"{GARDEN}/contents/README.md"
    body = {"message": "m", "content": base64.b64encode(b"new").decode()}
    known = await ann.request("GET", path)
    missing = await status_of(ann.request("PUT", path, body))
    stale = await status_of(ann.request("PUT", path, body | {"sha": "1" * 40}))
    put = await ann.request("PUT", path, body | {"sha": known["sha"]})
    after = await ann.request("GET", f"{path}?ref=main")

    assert (missing[0], stale[0]) == (422, 409)
    assert put["commit"]["verification"]["verified"]
    assert base64.b64decode(after["content"]) == b"new"


@pytest.mark.parametrize(("more", "verified"), [({}, True), ({"author": {}}, False)])
async def test_a_commit_is_signed_only_when_a_bot_names_nobody(
    world: World, more: dict[str, Any], verified: bool
) -> None:
    """docs: about commit signature verification."""
    if more:
        more = {"author": {"name": "x", "email": "x@y.z"}}
    rest = world.as_installation().rest.git
    blob = (await rest.async_create_blob("octo", "garden", content="#!/bin/sh\n")).parsed_data
    main = (await rest.async_get_ref("octo", "garden", "heads/main")).parsed_data.object_.sha
    entries: Any = [{"path": "run.sh", "mode": "100755", "type": "blob", "sha": blob.sha}]
    tree = await rest.async_create_tree("octo", "garden", tree=entries, base_tree=main)
    body: Any = {"message": "Run", "tree": tree.parsed_data.sha, "parents": [main], **more}
    commit = await rest.async_create_commit("octo", "garden", data=body)

    assert commit.parsed_data.verification.verified is verified
    modes = {entry.path: entry.mode for entry in tree.parsed_data.tree}
    assert modes["run.sh"] == "100755"


async def test_a_tree_refuses_paths_that_leave_it(world: World) -> None:
    """`..` and `.git` are malformed path components."""
    ann = world.simulator.person("ann")
    for path in ("../x", ".git/config", "a//b"):
        entry = {"path": path, "mode": "100644", "content": "x"}
        status, _ = await status_of(ann.request("POST", f"{GARDEN}/git/trees", {"tree": [entry]}))

        assert status == 422


async def test_a_comment_has_a_limit_and_a_locked_issue_refuses_readers(world: World) -> None:
    """65,536 characters (danger#424); locked is 403 (docs: locking conversations)."""
    octo, bob = world.simulator.person("octo"), world.simulator.person("bob")
    number = (await octo.open_issue(REPOSITORY, "Talk"))["number"]
    longest = await bob.comment(REPOSITORY, number, "x" * 65536)
    too_long = await status_of(bob.comment(REPOSITORY, number, "x" * 65537))
    await octo.lock(REPOSITORY, number)
    locked = await status_of(bob.comment(REPOSITORY, number, "still?"))

    assert longest["id"]
    assert too_long == (422, "Validation Failed")
    assert locked[0] == 403
    assert (await octo.comment(REPOSITORY, number, "owners may"))["id"]


async def test_check_runs_are_for_apps_and_annotations_come_in_fifties(world: World) -> None:
    """Write by an App only; 51 annotations are 422; PATCH appends (OpenAPI description)."""
    ann = world.simulator.person("ann")
    sha = (await ann.request("GET", f"{GARDEN}/commits/main"))["sha"]
    by_person = await status_of(
        ann.request("POST", f"{GARDEN}/check-runs", {"name": "x", "head_sha": sha})
    )
    rest = world.as_installation().rest.checks
    data: Any = {"name": "x", "head_sha": sha}
    run = (await rest.async_create("octo", "garden", data=data)).parsed_data
    one = {
        "path": "garden.py", "start_line": 1, "end_line": 1,
        "annotation_level": "failure", "message": "m",
    }  # fmt: skip
    for count in (50, 10):
        output: Any = {"title": "t", "summary": "s", "annotations": [one] * count}
        await rest.async_update("octo", "garden", run.id, data={"output": output})
    # githubkit does not even send 51.
    ann.token = world.simulator.mint_token(world.installation).value
    output = {"title": "t", "summary": "s", "annotations": [one] * 51}
    refused = await status_of(
        ann.request("PATCH", f"{GARDEN}/check-runs/{run.id}", {"output": output})
    )
    listed = await rest.async_list_annotations("octo", "garden", run.id, per_page=100)

    assert by_person[0] == 403
    assert refused[0] == 422
    assert len(listed.parsed_data or []) == 60


async def test_roles_are_told_with_their_old_and_new_names(world: World) -> None:
    """`permission` has four values, `role_name` the real role (OpenAPI description)."""
    world.simulator.add_collaborator(REPOSITORY, "eve", "maintain")
    ann = world.simulator.person("ann")
    told = {}
    for login in ("octo", "ann", "bob", "eve"):
        answer = await ann.request("GET", f"{GARDEN}/collaborators/{login}/permission")
        told[login] = (answer["permission"], answer["role_name"])

    assert told == {
        "octo": ("admin", "admin"),
        "ann": ("write", "write"),
        "bob": ("read", "read"),
        "eve": ("write", "maintain"),
    }
