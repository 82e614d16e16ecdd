"""
The policy of a repository: `.github/odyssey.yml` on the base branch.

A missing file means the defaults below, which are the careful ones. An invalid
file closes the gate; it never opens it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, TypeVar

from odyssey.domain.errors import PolicyInvalid

E = TypeVar("E", bound=StrEnum)

POLICY_PATH = ".github/odyssey.yml"

ALWAYS_PROTECTED = (".github/**", "CODEOWNERS", "docs/CODEOWNERS", "Dockerfile", "**/Dockerfile")
"""Paths that `auto` never merges, whatever the policy says: they measure the change itself."""


class ApprovalMode(StrEnum):
    """Who opens the gate once validation has passed."""

    MANUAL = "manual"
    AUTO = "auto"


class MergeMethod(StrEnum):
    """GitHub's three ways to merge."""

    MERGE = "merge"
    SQUASH = "squash"
    REBASE = "rebase"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """
    How many approvals of the head SHA are needed, and whose count.

    `mode` None leaves the mode to the server's `SELF_MOD_APPROVAL_MODE`.
    """

    mode: ApprovalMode | None = None
    required: int = 1
    requester_counts: bool = False
    api_approvals: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The largest change a proposal may be."""

    files: int = 50
    lines: int = 2_000
    file_bytes: int = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRules:
    """How an approved proposal is merged."""

    method: MergeMethod = MergeMethod.SQUASH
    delete_branch: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationRules:
    """Which workflow validates: a file name in `.github/workflows` of the base branch."""

    workflow: str = "odyssey-validate.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What may merge in one repository, as its base branch says."""

    approvals: Approvals = field(default_factory=Approvals)
    protected_paths: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    merge: MergeRules = field(default_factory=MergeRules)
    validation: ValidationRules = field(default_factory=ValidationRules)

    def protected(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of *paths* that the policy or Odyssey itself protects, in the order given."""
        patterns = [_pattern(glob) for glob in (*ALWAYS_PROTECTED, *self.protected_paths)]
        return tuple(path for path in paths if any(each.fullmatch(path) for each in patterns))


def policy_from(mapping: Any) -> Policy:
    """
    The policy that the parsed YAML says; None (an empty file) gives the defaults.

    Raises:
        PolicyInvalid: an unknown key, a wrong type or a value out of range; the
            message names the key and what it takes.
    """
    root = _mapping(mapping, "the file")
    _only(root, {"version", "approvals", "protected_paths", "limits", "merge", "validation"}, "")
    if root.get("version", 1) != 1:
        raise _invalid("version", "1")
    merge = _section(root, "merge", MergeRules)
    validation = _section(root, "validation", ValidationRules)
    workflow = _text(validation, "validation.workflow", ValidationRules().workflow)
    if not re.fullmatch(r"[A-Za-z0-9._-]+\.ya?ml", workflow):
        raise _invalid("validation.workflow", "a file name in .github/workflows")
    approvals = _section(root, "approvals", Approvals)
    limits = _section(root, "limits", Limits)
    return Policy(
        approvals=Approvals(
            mode=_choice(approvals, "approvals.mode", ApprovalMode, None),
            required=_number(approvals, "approvals.required", 1, least=1, most=20),
            requester_counts=_flag(approvals, "approvals.requester_counts", False),
            api_approvals=_flag(approvals, "approvals.api_approvals", False),
        ),
        protected_paths=_globs(root.get("protected_paths")),
        limits=Limits(
            files=_number(limits, "limits.files", 50, least=1, most=3_000),
            lines=_number(limits, "limits.lines", 2_000, least=1, most=100_000),
            file_bytes=_number(limits, "limits.file_bytes", 200_000, least=1, most=1_000_000),
        ),
        merge=MergeRules(
            method=_choice(merge, "merge.method", MergeMethod, None) or MergeMethod.SQUASH,
            delete_branch=_flag(merge, "merge.delete_branch", True),
        ),
        validation=ValidationRules(workflow=workflow),
    )


def _invalid(key: str, takes: str) -> PolicyInvalid:
    return PolicyInvalid(f"`{POLICY_PATH}`: `{key}` takes {takes}")


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(each, str) for each in value):
        raise _invalid(key, "a mapping of keys to values")
    return value


def _only(mapping: Mapping[str, Any], known: set[str], prefix: str) -> None:
    for key in mapping:
        if key not in known:
            raise PolicyInvalid(
                f"`{POLICY_PATH}`: unknown key `{prefix}{key}`; known: {', '.join(sorted(known))}"
            )


def _section(root: Mapping[str, Any], name: str, kind: type[Any]) -> Mapping[str, Any]:
    section = _mapping(root.get(name), name)
    _only(section, {each.name for each in fields(kind)}, f"{name}.")
    return section


def _get(section: Mapping[str, Any], key: str) -> Any:
    return section.get(key.rpartition(".")[2])


def _text(section: Mapping[str, Any], key: str, default: str) -> str:
    value = _get(section, key)
    if value is None:
        return default
    if not isinstance(value, str):
        raise _invalid(key, "text")
    return value


def _flag(section: Mapping[str, Any], key: str, default: bool) -> bool:
    value = _get(section, key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise _invalid(key, "true or false")
    return value


def _number(section: Mapping[str, Any], key: str, default: int, *, least: int, most: int) -> int:
    value = _get(section, key)
    if value is None:
        return default
    # bool is an int to Python, but `required: true` is a mistake to a person.
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _invalid(key, f"a whole number from {least} to {most}")
    return value


def _choice(section: Mapping[str, Any], key: str, kind: type[E], default: E | None) -> E | None:
    value = _get(section, key)
    if value is None:
        return default
    if not isinstance(value, str) or value not in {str(each) for each in kind}:
        raise _invalid(key, " or ".join(f"`{each}`" for each in kind))
    return kind(value)


def _globs(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) and each for each in value):
        raise _invalid("protected_paths", "a list of path patterns, such as `src/**`")
    return tuple(value)


def _pattern(glob: str) -> re.Pattern[str]:
    """`**` crosses folders, `*` and `?` do not; a trailing `/` means all below it."""
    text = glob.lstrip("/") + ("**" if glob.endswith("/") else "")
    out = ""
    position = 0
    while position < len(text):
        if text.startswith("**/", position):
            out, position = out + "(?:.*/)?", position + 3
        elif text.startswith("**", position):
            out, position = out + ".*", position + 2
        elif text[position] == "*":
            out, position = out + "[^/]*", position + 1
        elif text[position] == "?":
            out, position = out + "[^/]", position + 1
        else:
            out, position = out + re.escape(text[position]), position + 1
    return re.compile(out, re.DOTALL)
