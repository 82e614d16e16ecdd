"""
Attacks that other bots fell to, and that no other test here tries by name.

The classes are those of docs/threat-model.md.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fuzz.amount import fuzz
from odyssey.adapters.git import GitRepositories
from odyssey.domain.commands import parse_commands
from odyssey.domain.events import IssueCommented, parse_event
from odyssey.domain.identifiers import ProposalId, branch_name

ROOT = Path(__file__).parents[2]

WORKFLOWS = sorted(
    [
        *(ROOT / ".github/workflows").glob("*.yml"),
        *(ROOT / "app/odyssey/sample/.github/workflows").glob("*.yml"),
        ROOT / "action/action.yml",
    ]
)

HOSTILE = [
    "$(touch pwned)", "`id`", "; rm -rf /", "--upload-pack=touch pwned", "-c core.pager=x", "\n\n",
    "${{ secrets.GITHUB_TOKEN }}", "a\x00b", "../../etc", "refs/heads/main", "@{-1}", "x.lock",
    "::set-output name=a::b", "%0A::error::", "\x1b[2J", "main:main", "+main", "^{}", "a b",
]  # fmt: skip


def runs(node: Any) -> list[str]:
    """Every shell script in a parsed workflow."""
    match node:
        case dict():
            own = [node["run"]] if isinstance(node.get("run"), str) else []
            return own + [text for each in node.values() for text in runs(each)]
        case list():
            return [text for each in node for text in runs(each)]
    return []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pwn_request_finds_no_workflow_that_runs_for_strangers(path: Path) -> None:
    """Class A: nothing here starts by `pull_request_target` or `workflow_run`."""
    triggers = yaml.safe_load(path.read_text()).get(True, {}) or {}

    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_word_of_others_is_pasted_into_a_shell_script(path: Path) -> None:
    """Class F: in `run:` there is no `${{ }}`; values come by environment variables."""
    scripts = runs(yaml.safe_load(path.read_text()))

    assert [each for each in scripts if "${{" in each] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_cache_is_shared_with_the_run_of_a_proposal(path: Path) -> None:
    """Class H: what a proposal leaves behind is read by no later job."""
    text = path.read_text()
    steps = [each for each in re.findall(r"uses: *(\S+)", text) if "cache" in each]

    assert steps == []
    assert path.name != "odyssey-validate.yml" or "cache" not in text
    assert path.name != "odyssey-validate.yml" or "secrets." not in text


@fuzz("pure", usual=100)
@given(st.text(max_size=200) | st.sampled_from(HOSTILE))
def test_a_title_becomes_a_branch_of_letters_digits_and_underscores(title: str) -> None:
    """Class F: whatever the title, no shell, ref or option syntax is in the branch's name."""
    branch = branch_name(ProposalId("prop_abc23xyz56"), title)

    assert re.fullmatch(r"proposal/prop_abc23xyz56_[a-z0-9_]{1,41}", branch)


@pytest.mark.parametrize("prefix", HOSTILE)
def test_a_branch_prefix_cannot_be_anything_but_a_word(prefix: str) -> None:
    """Class F: the one part of the name that people choose."""
    with pytest.raises(ValueError, match="branch prefix"):
        branch_name(ProposalId("prop_abc23xyz56"), "x", prefix=prefix)


def test_there_is_no_work_tree_in_which_a_proposal_could_configure_anything() -> None:
    """Class J: git runs with `--bare` copies and an index; no hook, filter or agent reads files."""
    source = Path(GitRepositories.__init__.__code__.co_filename).parent
    texts = "".join(path.read_text() for path in source.glob("git*.py"))

    assert '"--bare"' in texts
    assert '"checkout"' not in texts
    assert '"worktree"' not in texts
    assert "core.hooksPath" in texts


def test_only_a_new_comment_is_an_event() -> None:
    """Class D: an edited one is not read, so what it said at first is all it ever says."""
    payload = {
        "action": "edited",
        "installation": {"id": 1},
        "repository": {"owner": {"login": "o"}, "name": "n", "default_branch": "main"},
        "issue": {"number": 1, "state": "open"},
        "comment": {
            "id": 1, "body": "/odyssey propose x", "html_url": "u",
            "created_at": "2026-11-20T07:41:52Z", "user": {"login": "a", "type": "User"},
        },
        "sender": {"login": "a", "type": "User"},
    }  # fmt: skip

    assert not isinstance(parse_event("issue_comment", payload), IssueCommented)
    assert isinstance(
        parse_event("issue_comment", {**payload, "action": "created"}), IssueCommented
    )


@pytest.mark.parametrize(
    "body",
    [
        "/odyssey\U000e0020propose x", "\u202e/odyssey help", "/odys\u00adsey help",
        "\u2060/odyssey reject no", "/odyssey propose a\U000e0041\U000e0042\ufe0f",
    ],
)  # fmt: skip
def test_what_cannot_be_seen_is_never_part_of_what_is_done(body: str) -> None:
    """Class N: left out and reported, or no command at all."""
    for command in parse_commands(body):
        assert command.hidden
        assert not re.search(
            "[\u00ad\u202e\u2060\ufe0f\U000e0000-\U000e007f]", repr(vars_of(command))
        )


def vars_of(command: Any) -> list[Any]:
    """A command's own fields, without the report of what was left out."""
    names = [each for each in command.__dataclass_fields__ if each != "hidden"]
    return [getattr(command, each) for each in names]
