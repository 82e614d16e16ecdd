"""What a step of a run can reach: the code, the token, the machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from simulator.actions_world import World, world

CHECKOUT = """
on: {workflow_dispatch: {inputs: {ref: {}}}}
permissions: {contents: read}
jobs:
  look:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@VERSION
        with: {WITH}
      - run: |
          cd FOLDER
          echo "commit=$(git rev-parse HEAD)"
          echo "text=$(cat README.md)"
          echo "branch=$(git branch --show-current)"
          echo "kept=$(git config --get-regexp extraheader | wc -l)"
      - run: |
          ls "$GITHUB_WORKSPACE" | sed 's/^/entry=/'
"""
PINNED = "11bd71901bbe5b1630ceea73d27597364c9af683"


def checkout(given: str, *, folder: str = ".", version: str = PINNED) -> dict[str, str]:
    """A workflow that checks out with *given* and tells what it found in *folder*."""
    text = CHECKOUT.replace("WITH", given).replace("FOLDER", folder)
    return {"ci.yml": text.replace("VERSION", version)}


def told(log: str, name: str) -> list[str]:
    """What the steps said of *name*, from lines that begin with it."""
    lines = [line.partition(" ")[2] for line in log.splitlines()]
    return [line.removeprefix(f"{name}=") for line in lines if line.startswith(f"{name}=")]


def shell(command: str) -> str:
    """What *command* prints; it must succeed."""
    done = subprocess.run(command, shell=True, check=True, capture_output=True, text=True)
    return done.stdout


async def proposal(github: World) -> str:
    """The head SHA of a branch `proposal` whose README says so."""
    git = github.simulator.git(github.repository)
    sha = git.commit_files(
        {"README.md": "a proposal\n"},
        parent=github.head_sha,
        message="Propose",
        author=github.repository.owner,
        when=github.simulator.clock(),
    )
    git.update_ref("refs/heads/proposal", sha, None)
    return sha


async def test_a_commit_is_checked_out_into_a_folder_without_the_credential(tmp_path: Path) -> None:
    """The workflow is the base branch's, the code is the proposal's, the token stays out."""
    workflows = checkout(
        "ref: '${{ inputs.ref }}', path: code, persist-credentials: false", folder="code"
    )
    async with world(tmp_path / "root", workflows, files={"README.md": "base\n"}) as github:
        sha = await proposal(github)
        run = await github.run(ref=sha)
        log = run.current_jobs[0].log

    assert run.conclusion == "success", log
    assert told(log, "commit") == [sha]
    assert told(log, "text") == ["a proposal"]
    assert told(log, "kept") == ["0"]
    assert told(log, "entry") == ["code"]
    assert "offline stand-in for actions/checkout" in log


async def test_a_checkout_without_a_ref_gives_the_commit_of_the_run(tmp_path: Path) -> None:
    """On its branch, with the credential in place, as the real action leaves it."""
    workflows = checkout("fetch-depth: 0", version="v5")
    async with world(tmp_path / "root", workflows, files={"README.md": "base\n"}) as github:
        run = await github.run()
        log = run.current_jobs[0].log

    assert run.conclusion == "success", log
    assert told(log, "commit") == [run.head_sha]
    assert told(log, "branch") == ["main"]
    assert told(log, "kept") == ["1"]


async def test_a_checkout_that_cannot_be_fails_the_step(tmp_path: Path) -> None:
    """The error names what is wrong."""
    wrong = {
        "ref: nowhere": "A branch or tag with the name 'nowhere' could not be found",
        "path: ../../elsewhere": "is not under",
        "repository: '-oops'": "Invalid repository '-oops'",
        "repository: octo/other": "'git fetch' failed",
    }
    steps = "".join(
        f"      - {{uses: actions/checkout@v6, continue-on-error: true, with: {{{given}}}}}\n"
        for given in wrong
    )
    workflow = f"on: workflow_dispatch\njobs:\n  try:\n    runs-on: x\n    steps:\n{steps}"
    async with world(tmp_path / "root", {"ci.yml": workflow}) as github:
        run = await github.run()

    messages = [annotation.message for annotation in run.current_jobs[0].annotations]
    assert len(messages) == len(wrong)
    assert all(says in message for says, message in zip(wrong.values(), messages, strict=True))


async def test_the_token_of_a_run_reads_and_does_not_write(tmp_path: Path) -> None:
    """`permissions: contents: read` is what the simulator mints; after the run it is refused."""
    call = 'curl -s -o /dev/null -w "METHOD=%{http_code}\\n" -X METHOD'
    with_token = '-H "Authorization: Bearer $TOKEN" "$GITHUB_API_URL/repos/octo/widgets'
    workflow = f"""
on: workflow_dispatch
permissions: {{actions: read}}
jobs:
  call:
    runs-on: ubuntu-latest
    env: {{TOKEN: "${{{{ github.token }}}}"}}
    steps:
      - run: |
          {call.replace("METHOD", "GET")} {with_token}/actions/runs"
          {call.replace("METHOD", "POST")} {with_token}/actions/runs/$GITHUB_RUN_ID/cancel"
"""
    async with world(tmp_path / "root", {"ci.yml": workflow}) as github:
        run = await github.run()
        tokens = github.simulator.state.tokens.values()
        log = run.current_jobs[0].log

    assert (told(log, "GET"), told(log, "POST")) == (["200"], ["403"])
    assert [token.revoked for token in tokens if token.run_id == run.id] == [True]


async def test_nothing_of_the_callers_environment_reaches_a_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the search path, the language and the engine's address; home is temporary."""
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "hunter2")
    workflow = """
on: workflow_dispatch
jobs:
  look:
    runs-on: ubuntu-latest
    steps:
      - run: env; echo "home=$HOME"
"""
    files = {".env": "LEAK=hunter2\n", ".secrets": "GITHUB_TOKEN=hunter2\n", ".actrc": "--bad\n"}
    async with world(tmp_path / "root", {"ci.yml": workflow}, files=files) as github:
        run = await github.run()
        log = run.current_jobs[0].log

    assert run.conclusion == "success"
    assert "hunter2" not in log
    [home] = told(log, "home")
    assert home != os.environ["HOME"]
    assert not os.path.exists(home)  # noqa: PTH110, ASYNC240  # a look, not a wait


async def test_a_given_action_is_taken_from_its_folder(tmp_path: Path) -> None:
    """`uses: owner/name/path@ref` finds the folder, and what it uses in turn has a stand-in."""
    action = tmp_path / "product" / "action"
    action.mkdir(parents=True)
    (action / "action.yml").write_text(
        f"""
name: Greets
inputs: {{who: {{default: nobody}}}}
runs:
  using: composite
  steps:
    - {{shell: bash, run: 'echo "greeted=${{{{ inputs.who }}}}" | tee greeting.txt'}}
    - uses: actions/upload-artifact@{PINNED}
      with: {{name: greeting, path: greeting.txt}}
"""
    )
    workflow = """
on: workflow_dispatch
jobs:
  greet:
    runs-on: [self-hosted, anything]
    steps: [{uses: octo/product/action@v1, with: {who: world}}]
"""
    given = {"octo/product@v1": tmp_path / "product"}
    async with world(tmp_path / "root", {"ci.yml": workflow}, local_actions=given) as github:
        run = await github.run()

    assert run.conclusion == "success", run.current_jobs[0].log
    assert told(run.current_jobs[0].log, "greeted") == ["world"]
    assert [artifact.name for artifact in run.artifacts] == ["greeting"]


async def test_containers_with_the_runs_tracking_id_are_removed(tmp_path: Path) -> None:
    """Whatever the workflow leaves behind: the label's value tells whose they are."""
    image = "actions-sweep-test:empty"
    shell(f"tar -cT /dev/null | docker import - {image}")
    workflow = f"""
on: workflow_dispatch
jobs:
  litter:
    runs-on: ubuntu-latest
    steps:
      - run: |
          docker create --label "of=$RUNNER_TRACKING_ID" {image} none
          echo "mark=$RUNNER_TRACKING_ID"
"""
    async with world(tmp_path / "root", {"ci.yml": workflow}) as github:
        run = await github.run()
        [mark] = told(run.current_jobs[0].log, "mark")
        left = shell(f"docker ps --all --quiet --filter label=of={mark}")
    shell(f"docker image rm {image}")

    assert run.conclusion == "success", run.current_jobs[0].log
    assert left == ""
