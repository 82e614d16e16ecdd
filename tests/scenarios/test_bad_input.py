"""
Bad input: one clear comment that names the remedy, and nothing half done left behind.
"""

from __future__ import annotations

import dataclasses
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio

from odyssey.adapters.embedding import Embedder
from odyssey.domain.identifiers import branch_name, proposal_id
from odyssey.scenario import SAMPLE, Scenario
from odyssey.simulator.outbox import headers_of
from scenarios.changes import a_file, diff_of, note
from scenarios.stage import BOT, assert_quiet, on_stage, pulls_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORKFLOW = ".github/workflows/odyssey-validate.yml"
POLICY = ".github/odyssey.yml"
LIMITED = (SAMPLE / POLICY).read_text().replace("lines: 2000, file_bytes: 200000",
                                                "lines: 100, file_bytes: 1000")  # fmt: skip
LARGEST_COMMENT = 65_536

_BINARY = """```diff
diff --git a/logo.png b/logo.png
new file mode 100644
index 0000000..1b2c3d4
GIT binary patch
literal 10
RcmZQzU|?imU}69Q0RR910RR

literal 0
HcmV?d00001

```"""
_SYMLINK = """```diff
diff --git a/docs/secrets b/docs/secrets
new file mode 120000
--- /dev/null
+++ b/docs/secrets
@@ -0,0 +1 @@
+/etc/passwd
\\ No newline at end of file
```"""
_STALE = """```diff
--- a/service/answers.py
+++ b/service/answers.py
@@ -1,3 +1,3 @@
 This line was never there.
-Nor was this one.
+Nor is this.
 Nor that.
```"""

REFUSED = {
    "a diff that does not apply": (_STALE, "does not apply", "git diff"),
    "a path outside the repository": (
        a_file("docs/../../outside.md", "out\n"), "`..`", "from the top of the repository",
    ),
    "a diff outside the repository": (
        diff_of("README.md", "#", "##").replace("/README.md", "/../README.md"),
        "`..`", "from the top of the repository",
    ),
    "an absolute path": (a_file("/etc/motd", "hi\n"), "absolute", "from the top"),
    "a symlink": (_SYMLINK, "symlink", "plain files"),
    "a path of git's own": (
        a_file(".git/hooks/post-checkout", "#!/bin/sh\n"), "git itself", "new comment",
    ),
    "a binary": (_BINARY, "binary", "text"),
    "a file over the limit": (
        a_file("docs/long.md", "x" * 1_500 + "\n"), "1,000", "limits.file_bytes",
    ),
    "too many lines": (a_file("docs/many.md", "x\n" * 120), "100", "limits.lines"),
    "an empty change": (
        a_file("service/__init__.py", (SAMPLE / "service/__init__.py").read_text()),
        "changes nothing", "new comment",
    ),
    "an unclosed fence": ("```diff\n--- a/README.md\n+++ b/README.md\n", "not closed", "backticks"),
    "a change of a workflow": (a_file(WORKFLOW, "on: push\njobs: {}\n"), "workflows", "permission"),
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def strict(
    tmp_path_factory: pytest.TempPathFactory, embedder: Embedder
) -> AsyncIterator[Scenario]:
    """
    One scenario for all tests of this module: none of them gets anything made.
    """
    root = tmp_path_factory.mktemp("strict")
    async with on_stage(root, embedder, policy=LIMITED) as scenario:
        yield scenario


async def refusal(scenario: Scenario, number: int, title: str) -> str:
    """
    The one comment on the issue, after a look for anything left behind of proposal *title*.
    """
    await scenario.settle()
    await assert_quiet(scenario)
    answers = await scenario.comments_of(BOT, number)
    headers = {"authorization": f"Bearer {scenario.simulator.user_token('ada')}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
        listed = await client.get(f"{scenario.web.url}/api/v1/self-modify/proposals")

    alive = [
        each
        for each in listed.json()
        if each["commit_message"] == title and each["status"] != "rejected"
    ]
    assert len(answers) == 1, answers
    assert len(answers[0]) < 10_000
    assert [each for each in await scenario.branches() if "prop_" in each] == []
    assert await pulls_of(scenario) == []
    assert alive == [], "a proposal that nobody will ever finish looks alive"
    assert not scenario.simulator.actions.runs
    return answers[0]


@asynccontextmanager
async def main_with(scenario: Scenario, path: str, content: str | None) -> AsyncIterator[None]:
    """
    Another content of one file on the base branch while the block lasts.
    """
    before = await scenario.read(path)
    await scenario.push("main", {path: content})
    try:
        yield
    finally:
        await scenario.push("main", {path: before})
        await scenario.settle()


@pytest.mark.parametrize("name", REFUSED)
async def test_a_change_that_cannot_be_taken_is_refused_once(strict: Scenario, name: str) -> None:
    """What is wrong and what helps are said; no branch, no pull request, no proposal."""
    change, what, remedy = REFUSED[name]
    number = await strict.open_issue(name)
    await strict.comment(number, f"/odyssey propose Try {name}\n\n{change}")

    answer = await refusal(strict, number, f"Try {name}")

    assert "**ada**" in answer
    assert what in answer
    assert remedy in answer


async def test_the_largest_comment_is_read_and_a_larger_delivery_is_refused(
    strict: Scenario,
) -> None:
    """65,536 characters are judged like any others; ten megabytes get a short answer."""
    number = await strict.open_issue("Very much")
    opening = "/odyssey propose Very much\n\n`docs/much.md`\n```\n"
    filling = "words " * LARGEST_COMMENT
    body = opening + filling[: LARGEST_COMMENT - len(opening) - len("\n```")] + "\n```"
    assert len(body) == LARGEST_COMMENT
    await strict.comment(number, body)
    assert "limits.file_bytes" in await refusal(strict, number, "Very much")

    number = await strict.open_issue("Far too much")
    await strict.comment(number, "Look at this")
    await strict.settle()
    last = strict.simulator.outbox.log[-1]
    payload = last.payload
    payload["comment"]["body"] = opening + "x" * 10_000_000 + "\n```"
    sent = dataclasses.replace(last, guid=str(uuid.uuid4()), body=json.dumps(payload).encode())
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.post(
            f"{strict.web.url}/webhooks/github", content=sent.body, headers=headers_of(sent)
        )

    assert answer.status_code == 202
    assert "65,536" in await refusal(strict, number, "Very much")


@pytest.mark.parametrize("taken", ["the branch itself", "a branch named like its prefix"])
async def test_a_branch_that_is_there_already_is_left_alone(strict: Scenario, taken: str) -> None:
    """Somebody else's branch is not touched, and the answer says what to do."""
    title = "Take the name"
    number = await strict.open_issue(title)
    comment_id = await strict.comment(number, f"/odyssey propose {title}\n\n{note('taken')}")
    identifier = proposal_id(strict.repository, "comment", str(comment_id), "0")
    branch = branch_name(identifier, title) if taken == "the branch itself" else "proposal"
    theirs = await strict.push(branch, {"theirs.md": "Mine\n"}, by="ben")
    try:
        await strict.settle()
        answers = await strict.comments_of(BOT, number)
        path = f"/repos/{strict.repository}/branches/{branch}"
        there = await strict.person("ben").request("GET", path)
    finally:
        await strict.person("ben").delete_branch(strict.repository, branch)

    assert there["commit"]["sha"] == theirs
    assert f"`{branch}`" in await refusal(strict, number, title)
    assert len(answers) == 1, "it was said only after the branch was gone"


@pytest.mark.parametrize("state", ["closed", "locked"])
async def test_a_closed_or_locked_issue_takes_no_proposal(strict: Scenario, state: str) -> None:
    """The answer says how to go on."""
    number = await strict.open_issue("Over and done")
    ada = strict.person("ada")
    await (ada.close if state == "closed" else ada.lock)(strict.repository, number)
    await strict.comment(number, f"/odyssey propose Too late\n\n{note('late')}")

    answer = await refusal(strict, number, "Too late")

    assert f"{number} is {state}" in answer
    assert {"closed": "Reopen", "locked": "Unlock"}[state] in answer


async def test_a_repository_without_the_workflow_is_told_which_file_to_add(
    strict: Scenario,
) -> None:
    """The whole file is in the answer, ready to be copied."""
    async with main_with(strict, WORKFLOW, None):
        number = await strict.open_issue("No judge")
        await strict.comment(number, f"/odyssey propose Unjudged\n\n{note('unjudged')}")
        answer = await refusal(strict, number, "Unjudged")

    assert WORKFLOW in answer
    assert "workflow_dispatch:" in answer


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ("approvals: {required: many}\n", "`approvals.required`"),
        ("aprovals: {}\n", "`aprovals`"),
        ("approvals: [\n", POLICY),
    ],
)
async def test_an_invalid_policy_file_is_named_with_its_key(
    strict: Scenario, policy: str, said: str
) -> None:
    """The gate stays closed, and whoever asked learns which key to mend."""
    async with main_with(strict, POLICY, policy):
        number = await strict.open_issue("A broken policy")
        await strict.comment(number, f"/odyssey propose Anyway\n\n{note('anyway')}")
        answer = await refusal(strict, number, "Anyway")

    assert POLICY in answer
    assert said in answer
