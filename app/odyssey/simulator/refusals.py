"""Why a ref may not be moved: workflow files, classic protection, rulesets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from odyssey.simulator.auth import Caller
from odyssey.simulator.git import ZERO, Git
from odyssey.simulator.mergeability import missing_checks
from odyssey.simulator.protection import BranchRules, rules_for
from odyssey.simulator.state import Repository

if TYPE_CHECKING:
    from odyssey.simulator.pushes import RefUpdate

WORKFLOWS = ".github/workflows/"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A ref update that GitHub does not accept; `code` is GH006, GH013 or empty."""

    ref: str
    reasons: tuple[str, ...]
    code: str = ""

    @property
    def push_text(self) -> str:
        """What git shows to the person who pushed."""
        lines = "\n".join(f"- {reason}" for reason in self.reasons)
        match self.code:
            case "GH006":
                return f"error: GH006: Protected branch update failed for {self.ref}.\n\n{lines}"
            case "GH013":
                return f"error: GH013: Repository rule violations found for {self.ref}.\n\n{lines}"
            case _:
                return "\n".join(self.reasons)

    @property
    def api_text(self) -> str:
        """The message of the same refusal in the REST and GraphQL APIs."""
        text = "\n\n".join(self.reasons)
        match self.code:
            case "GH006":
                return f"Protected branch update failed for {self.ref}.\n\n{text}"
            case "GH013":
                return f"Repository rule violations found\n\n{text}\n\n"
            case _:
                return text


def judge(
    repository: Repository, caller: Caller, update: RefUpdate, git: Git | None = None
) -> Refusal | None:
    """
    Why *caller* may not make *update*; None when it may be made.

    *git* sees objects that are not in the repository yet (a push in quarantine).
    """
    git = git or Git(repository.git_dir)
    if not update.ref.startswith(("refs/heads/", "refs/tags/")):
        return Refusal(update.ref, ("deny updating a hidden ref",))
    if update.new != ZERO and not caller.has(repository, "workflows", "write"):
        paths = touched_workflows(git, update.new)
        if paths:
            return Refusal(update.ref, (workflow_message(paths[0]),))
    if update.branch is None:
        return None
    rules = rules_for(repository, update.branch, caller, pull_request=False)
    reasons = _violations(repository, git, update, update.branch, rules)
    if not reasons:
        return None
    return Refusal(update.ref, tuple(reasons), "GH013" if rules.from_rulesets else "GH006")


def workflow_message(path: str) -> str:
    """GitHub's sentence for an App that lacks the `workflows` permission."""
    return (
        f"refusing to allow a GitHub App to create or update workflow `{path}` "
        "without `workflows` permission"
    )


def touched_workflows(git: Git, new: str) -> list[str]:
    """The workflow files that commits of *new* change which no branch or tag has yet."""
    printed = git.run(
        "log", "-c", "--format=", "--name-only", new,
        "--not", "--branches", "--tags", "--", WORKFLOWS,
    )  # fmt: skip
    return sorted({line for line in printed.decode(errors="replace").splitlines() if line})


def _violations(
    repository: Repository, git: Git, update: RefUpdate, branch: str, rules: BranchRules
) -> list[str]:
    if update.new == ZERO:
        if branch == repository.default_branch:
            return ["Cannot delete the default branch"]
        return ["Cannot delete this branch"] if rules.no_deletion else []
    if update.old == ZERO:
        return (
            ["Cannot create ref due to creations being restricted."] if (rules.no_creation) else []
        )
    found: list[str] = []
    if rules.no_force_push and not git.is_ancestor(update.old, update.new):
        found.append("Cannot force-push to this branch")
    if rules.no_update:
        found.append("Cannot update this protected ref.")
    if rules.approvals is not None:
        found.append("Changes must be made through a pull request.")
    if rules.linear_history and git.text(
        "rev-list", "--merges", "--max-count=1", f"{update.old}..{update.new}"
    ):
        found.append("This branch must not contain merge commits.")
    return found + missing_checks(repository, update.new, rules.checks)
