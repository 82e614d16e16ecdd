"""
The main job as GitHub sees it, played over HTTP, with every exchange and webhook checked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from githubkit import AppAuthStrategy, AppInstallationAuthStrategy, GitHub
from githubkit.cache import MemCacheStrategy
from githubkit.exception import RequestFailed

from contract.github.checker import ContractChecker
from odyssey.simulator import Simulator

NAME = "ada/engine"
WHERE: dict[str, Any] = {"owner": "ada", "repo": "engine"}
PERMISSIONS = ("checks", "contents", "issues", "pull_requests", "statuses")
EVENTS = (
    "create delete issue_comment issues label pull_request pull_request_review push status".split()
)


@dataclass(slots=True)
class Stage:
    """
    A running simulator with `ada/engine` and a client of an App that is installed on it.
    """

    simulator: Simulator
    checker: ContractChecker
    app: GitHub[AppAuthStrategy]
    bot: GitHub[AppInstallationAuthStrategy]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """
    The stage, with nothing sent so far; whatever is sent must fit GitHub's description.
    """
    checker = ContractChecker()
    async with Simulator(tmp_path, observers=[checker]) as simulator:
        await simulator.add_repository(NAME, {"engine.py": "ONE = 1\n", "README.md": "Engine\n"})
        simulator.add_user("bob")
        simulator.add_collaborator(NAME, "bob", "write")
        app = simulator.add_app(
            "odyssey",
            permissions=dict.fromkeys(PERMISSIONS, "write"),
            events=EVENTS,
            webhook_url="http://127.0.0.1:9/unused",
            webhook_secret="secret",
        )
        installation = simulator.install(app, "ada")
        client = GitHub(
            AppAuthStrategy(app.app_id, app.private_key),
            base_url=simulator.api_url,
            cache_strategy=MemCacheStrategy(),
            auto_retry=False,
            timeout=30,
        )
        bot = client.with_auth(client.auth.as_installation(installation.installation_id))
        yield Stage(simulator, checker, client, bot)
    checker.assert_clean()


async def test_from_a_comment_to_a_merge_everything_fits(stage: Stage) -> None:
    """Issue, comment, reaction, branch, pull request, check run, review, merge, clean-up."""
    ada, bob = stage.simulator.person("ada"), stage.simulator.person("bob")
    rest, where = stage.bot.rest, WHERE

    issue = await ada.open_issue(NAME, "Count to two")
    comment = await ada.comment(NAME, issue["number"], "/odyssey propose")
    await rest.reactions.async_create_for_issue_comment(
        **where, comment_id=comment["id"], content="eyes"
    )
    level = await rest.repos.async_get_collaborator_permission_level(**where, username="ada")
    assert level.parsed_data.permission == "admin"

    main = (await rest.git.async_get_ref(**where, ref="heads/main")).parsed_data.object_.sha
    base = (await rest.git.async_get_commit(**where, commit_sha=main)).parsed_data
    blob = (await rest.git.async_create_blob(**where, content="TWO = 2\n")).parsed_data
    entry = {"path": "two.py", "mode": "100644", "type": "blob", "sha": blob.sha}
    sent: Any = {"base_tree": base.tree.sha, "tree": [entry]}
    tree = (await rest.git.async_create_tree(**where, data=sent)).parsed_data
    made = (
        await rest.git.async_create_commit(
            **where, message="Count to two", tree=tree.sha, parents=[main]
        )
    ).parsed_data
    await rest.git.async_create_ref(**where, ref="refs/heads/proposal/one", sha=made.sha)
    opened = await rest.pulls.async_create(
        **where, title="Count to two", head="proposal/one", base="main", body="For #1"
    )
    number = opened.parsed_data.number

    run = await rest.checks.async_create(
        **where, data={"name": "validation", "head_sha": made.sha, "status": "in_progress"}
    )
    await rest.checks.async_update(
        **where,
        check_run_id=run.parsed_data.id,
        data={
            "status": "completed",
            "conclusion": "success",
            "output": {"title": "Green", "summary": "All passed", "annotations": []},
        },
    )
    await bob.review(NAME, number, "approve")
    facts = (await rest.pulls.async_get(**where, pull_number=number)).parsed_data
    assert facts.head.sha == made.sha
    reviews: Any = await rest.pulls.async_list_reviews(**where, pull_number=number)
    assert [review.state for review in reviews.parsed_data] == ["APPROVED"]
    merged = await rest.pulls.async_merge(**where, pull_number=number, sha=made.sha)
    await rest.git.async_delete_ref(**where, ref="heads/proposal/one")

    assert merged.parsed_data.merged is True
    assert stage.simulator.repository(NAME).pulls[number].merged
    assert stage.checker.checked > 30


async def test_what_is_read_fits(stage: Stage) -> None:
    """The lists and single objects that a client may ask for."""
    ada = stage.simulator.person("ada")
    rest, where = stage.bot.rest, WHERE
    await ada.push(NAME, "feature", {"two.py": "TWO = 2\n"}, "Count to two")
    pull = await ada.open_pull(NAME, "feature", "Count to two")
    number = pull["number"]
    await ada.label(NAME, number, "enhancement")
    await ada.comment(NAME, number, "Done")

    await stage.app.rest.apps.async_get_authenticated()
    await stage.app.rest.apps.async_list_installations()
    await rest.apps.async_list_repos_accessible_to_installation()
    await rest.repos.async_get(**where)
    await rest.repos.async_list_branches(**where)
    await rest.repos.async_get_branch(**where, branch="main")
    await rest.repos.async_get_branch_rules(**where, branch="main")
    await rest.repos.async_list_commits(**where)
    await rest.repos.async_get_commit(**where, ref="feature")
    await rest.repos.async_compare_commits(**where, basehead="main...feature")
    await rest.repos.async_get_content(**where, path="README.md")
    await rest.repos.async_list_collaborators(**where)
    await rest.repos.async_get_combined_status_for_ref(**where, ref="feature")
    await rest.git.async_get_tree(**where, tree_sha="main", recursive="1")
    await rest.issues.async_list_for_repo(**where)
    await rest.issues.async_get(**where, issue_number=number)
    await rest.issues.async_list_comments(**where, issue_number=number)
    await rest.issues.async_list_labels_for_repo(**where)
    await rest.pulls.async_list(**where)
    await rest.pulls.async_list_commits(**where, pull_number=number)
    await rest.pulls.async_list_files(**where, pull_number=number)
    await rest.pulls.async_list_reviews(**where, pull_number=number)
    await rest.checks.async_list_for_ref(**where, ref="feature")
    await rest.checks.async_list_suites_for_ref(**where, ref="feature")
    await rest.rate_limit.async_get()
    await rest.users.async_get_by_username("ada")

    assert stage.checker.checked > 30


async def test_what_is_refused_fits(stage: Stage) -> None:
    """Errors have GitHub's form too."""
    rest, where = stage.bot.rest, WHERE

    with pytest.raises(RequestFailed) as missing:
        await rest.pulls.async_get(**where, pull_number=99)
    with pytest.raises(RequestFailed) as nothing:
        await rest.pulls.async_create(**where, title="Nothing", head="main", base="main")

    assert missing.value.response.status_code == 404
    assert nothing.value.response.status_code == 422
