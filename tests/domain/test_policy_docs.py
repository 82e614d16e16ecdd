"""
The documentation of the policy: its examples are files that mean what is said about them.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from odyssey.adapters.policy_yaml import read_policy
from odyssey.domain.policy import ApprovalMode, Approvals, Policy
from odyssey.domain.policy_reading import SCHEMA_ID, SECTIONS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "policy.md"
MANUAL = replace(Policy(), approvals=Approvals(mode=ApprovalMode.MANUAL))


def examples(page: Path) -> list[str]:
    """The YAML blocks of a page that are policies."""
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    return [each for each in blocks if "jobs:" not in each]


@pytest.mark.parametrize("page", [PAGE, ROOT / "README.md"])
def test_the_documented_defaults_are_the_defaults(page: Path) -> None:
    """
    But for the mode, whose default is the server's setting.
    """
    assert read_policy(examples(page)[0]) == MANUAL


def test_every_key_is_documented_with_its_schema_for_editors() -> None:
    """
    As it stands in a file, commented out where it has no default.
    """
    text = examples(PAGE)[0]
    written = set(re.findall(r"^ +(?:# )?(\w+): ", text, re.MULTILINE))

    assert {key for section in SECTIONS.values() for key in section.keys} == written
    assert text.startswith(f"# yaml-language-server: $schema={SCHEMA_ID}\n")


def test_the_example_of_protected_paths_does_what_it_says() -> None:
    """
    One for a person, one for two, one for nobody.
    """
    policy = read_policy(examples(PAGE)[1])
    paths = ("tests/a.py", "src/pay/b.py", "deep/c.lock", "src/d.py")

    assert policy.protected(paths) == paths[:3]
    assert policy.needing_second_approver(paths) == paths[1:2]
    assert policy.refused(paths) == paths[2:3]
