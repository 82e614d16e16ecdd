"""
The files beside the code: locks, settings, manifest, workflows, Makefile. Each agrees with it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from odyssey.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PINNED = re.compile(r"[^@\s]+@[0-9a-f]{40} # v\d")

# The permission that GitHub wants for each event; `metadata` is every App's.
PERMISSION_OF_EVENT = {
    "check_run": "checks",
    "issue_comment": "issues",
    "issues": "issues",
    "pull_request": "pull_requests",
    "pull_request_review": "pull_requests",
    "pull_request_review_thread": "pull_requests",
    "push": "contents",
    "status": "statuses",
    "workflow_run": "actions",
}


def locked(name: str) -> dict[str, str]:
    """
    The packages of a lock file, with their versions.
    """
    found = re.findall(r"^([\w.-]+)(?:\[[^]]*])?==(\S+)", (DEPLOY / name).read_text(), re.MULTILINE)
    return {package.lower(): version for package, version in found}


def variable(name: str, field: FieldInfo) -> str:
    """
    The name of a setting in the environment.
    """
    match field.validation_alias:
        case AliasChoices(choices=[str(first), *_]):
            return first
        case str(alias):
            return alias
        case _:
            return f"ODYSSEY_{name.upper()}"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements.runtime.lock"])
def test_a_lock_names_no_index_and_pins_every_package_by_hash(name: str) -> None:
    """
    Where it was resolved says nothing about where it is installed.
    """
    lines = (DEPLOY / name).read_text().splitlines()
    packages = [index for index, line in enumerate(lines) if line[:1].isalnum()]

    assert packages
    assert not [line for line in lines if "://" in line or line.startswith("--")]
    assert all("--hash=sha256:" in lines[index + 1] for index in packages)


def test_the_image_gets_the_versions_that_were_tested() -> None:
    """
    The lock of the image is a part of the lock of development.
    """
    everything = locked("requirements.lock")

    assert locked("requirements.runtime.lock").items() <= everything.items()


def test_every_dependency_of_the_project_is_locked() -> None:
    """
    Whoever adds one runs `make lock`.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    wanted += project["optional-dependencies"]["dev"]
    names = {re.split(r"[\[<>=~!; ]", line)[0].lower() for line in wanted} - {"odyssey"}

    assert names - set(locked("requirements.lock")) == set()


def test_the_environment_example_has_every_setting_and_no_other() -> None:
    """
    It is the list that people read.
    """
    text = (DEPLOY / "environment.example").read_text()
    listed = re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE)
    settings = {variable(name, field) for name, field in Settings.model_fields.items()}

    assert sorted(listed) == sorted(settings)


def test_the_environment_example_can_be_read_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Uncommented as it stands, it gives the defaults it claims to show.
    """
    text = (DEPLOY / "environment.example").read_text()
    for line in re.findall(r"^#?([A-Z][A-Z0-9_]+=.*)$", text, re.MULTILINE):
        name, _, value = line.partition("=")
        monkeypatch.setenv(name, value)
    shown = Settings(_env_file=None)
    for name in re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE):
        monkeypatch.delenv(name)

    assert shown == Settings(_env_file=None)


def test_the_app_asks_for_no_permission_to_change_workflows() -> None:
    """
    GitHub itself then refuses such a commit, whatever a proposal says.
    """
    manifest = json.loads((DEPLOY / "app-manifest.json").read_text())

    assert "workflows" not in manifest["default_permissions"]
    assert "administration" not in manifest["default_permissions"]


def test_every_event_of_the_app_is_covered_by_a_permission() -> None:
    """
    GitHub refuses a manifest with an event that no permission covers, or that cannot be chosen.
    """
    manifest = json.loads((DEPLOY / "app-manifest.json").read_text())
    granted = set(manifest["default_permissions"])

    uncovered = [
        event
        for event in manifest["default_events"]
        if PERMISSION_OF_EVENT.get(event) not in granted
    ]

    assert uncovered == []


def test_every_service_of_the_composition_drops_what_it_does_not_need() -> None:
    """
    No privileges, no engine socket, and nothing published beyond the loopback.
    """
    composition: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())

    for service in composition["services"].values():
        assert "no-new-privileges:true" in service["security_opt"]
        assert not service.get("privileged")
        assert not [volume for volume in service.get("volumes", []) if "docker.sock" in volume]
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_every_action_in_a_workflow_is_pinned_by_its_commit() -> None:
    """
    A tag can be moved; a commit cannot. The version stands beside it for people.
    """
    workflows = list((ROOT / ".github" / "workflows").glob("*.yml"))
    used = [
        line.split("uses:", 1)[1].strip()
        for workflow in workflows
        for line in workflow.read_text().splitlines()
        if "uses:" in line and "./" not in line and not line.lstrip().startswith("#")
    ]

    assert used
    assert [action for action in used if not PINNED.match(action)] == []


def test_make_alone_explains_every_target() -> None:
    """
    A newcomer types `make` and sees what there is.
    """
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert targets is not None

    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert re.findall(r"make ([\w-]+) +\S", shown) == targets[1].split()


def test_continuous_integration_runs_make_test_and_nothing_else() -> None:
    """
    `.ci/run` can be run, and the last thing it does is `make test`.
    """
    script = ROOT / ".ci" / "run"
    commands = [line for line in script.read_text().splitlines() if line[:1] not in ("#", "")]

    assert os.access(script, os.X_OK)
    assert commands[0] == "set -euo pipefail"
    assert commands[-1] == "exec make test"
    assert len(commands) == 3
