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

ALWAYS_PROTECTED = ("/.github/", "/CODEOWNERS", "/docs/CODEOWNERS", "Dockerfile")
"""Paths that `auto` never merges, whatever the policy says: they measure the change itself."""

MOST_FILES = 100
"""One read of a pull request shows no more, and what is not seen is not merged."""
MAX_GLOBS = 200
MAX_GLOB = 200
"""Characters of one pattern of `protected_paths`."""


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
        return tuple(path for path in paths if any(each.match(path) for each in patterns))


def policy_from(mapping: Any) -> Policy:
    """
    The policy that the parsed YAML says; None (an empty file) gives the defaults.

    Raises:
        PolicyInvalid: an unknown key, a wrong type or a value out of range; the
            message names the key and what it takes.
    """
    root = _mapping(mapping, "the file")
    _only(root, {"version", "approvals", "protected_paths", "limits", "merge", "validation"}, "")
    version = root.get("version", 1)
    # True equals 1 to Python, and 1.0 does too.
    if type(version) is not int or version != 1:
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
            files=_number(limits, "limits.files", 50, least=1, most=MOST_FILES),
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
    if len(value) > MAX_GLOBS:
        raise _invalid("protected_paths", f"at most {MAX_GLOBS} patterns")
    for glob in value:
        if problem := _glob_problem(glob):
            raise PolicyInvalid(f"`{POLICY_PATH}`: `protected_paths`: {glob[:80]!r} {problem}")
    return tuple(value)


def _glob_problem(glob: str) -> str:
    """Why *glob* would protect something else than it seems to; "" when it does not."""
    segments = glob.strip("/").split("/")
    if len(glob) > MAX_GLOB:
        return f"has over {MAX_GLOB} characters"
    if glob.startswith("!") or "\\" in glob:
        return "begins with `!` or has a backslash in it; neither is supported"
    if {"", ".", ".."} & set(segments[1:]) or segments[0] in (".", ".."):
        return "has an empty, `.` or `..` segment; write it from the top of the repository"
    if any("**" in each and each != "**" for each in segments):
        return "has `**` beside other characters; write `**/*.py` instead of `**.py`"
    return ""


def _pattern(glob: str) -> re.Pattern[str]:
    """
    *glob* for the beginning of a path, read as in `.gitignore`: what it names, and all below it.

    `*` and `?` stay within a name, `**` stands for any folders. Without a `/`
    before its end it counts at any depth; a trailing `/` or `/**` means below only.

    Every group is atomic: the earliest place where a part fits leaves the most
    for the rest, so no other has to be tried and time grows with the product of
    the lengths at worst.
    """
    segments = [each for each in glob.split("/") if each]
    if "/" not in glob.rstrip("/"):
        segments.insert(0, "**")
    below_only = glob.endswith("/") or segments[-1] == "**"
    parts: list[list[str]] = [[]]
    for segment in segments:
        if segment == "**":
            parts.append([])
        else:
            parts[-1].append(_name_pattern(segment))
    anywhere, found = "(?:[^/]++/)*?", []
    for index, part in enumerate(parts):
        if part:
            found.append((anywhere if index else "") + "/".join(part))
    ends = ["(?![^/])"] * (len(found) - 1) + ["(?=/)" if below_only else "(?![^/])"]
    return re.compile("/".join(f"(?>{each}{end})" for each, end in zip(found, ends, strict=False)))


def _name_pattern(name: str) -> str:
    first, *rest = ("[^/]".join(map(re.escape, each.split("?"))) for each in re.split(r"\*+", name))
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>[^/]*?{each})" for each in middle) + f"[^/]*{last}"
