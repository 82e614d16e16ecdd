"""
From the parsed YAML to a `Policy`, and the JSON Schema that editors check the file with.

Both are made of one table of keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Any

from odyssey.domain.errors import PolicyInvalid
from odyssey.domain.markup import code
from odyssey.domain.policy import (
    POLICY_PATH,
    ApprovalMode,
    Approvals,
    Attention,
    CommandRules,
    Expiry,
    Limits,
    MergeMethod,
    MergeRules,
    Policy,
    ValidationRules,
)
from odyssey.domain.policy_keys import (
    Choice,
    FileName,
    Flag,
    Kind,
    Names,
    Needs,
    Number,
    ProtectedPaths,
    invalid,
)
from odyssey.domain.pull_request import Permission

MOST_FILES = 100
"""One read of a pull request shows no more, and what is not seen is not merged."""

SCHEMA_ID = (
    "https://raw.githubusercontent.com/odyssey-app/odyssey/v1/deploy/odyssey.policy.schema.json"
)

_ROLES = (
    Permission.READ,
    Permission.TRIAGE,
    Permission.WRITE,
    Permission.MAINTAIN,
    Permission.ADMIN,
)


@dataclass(frozen=True, slots=True)
class Section:
    """A mapping of the file: the value it becomes, and its keys."""

    text: str
    makes: type[Any]
    keys: Mapping[str, Kind]


SECTIONS: Mapping[str, Section] = {
    "approvals": Section(
        "How many approvals of the newest commit are needed, and whose count.",
        Approvals,
        {
            "mode": Choice(
                "`auto` merges without a person what touches no protected path; left out, the "
                "server's setting decides.",
                tuple(ApprovalMode),
            ),
            "required": Number("How many people have to approve.", 1, 20),
            "requester_counts": Flag(
                "Whether whoever asked for the change, or wrote a commit of it, may approve it."
            ),
            "api_approvals": Flag("Whether a service token's approval counts as one."),
            "commands": Flag("Whether `/odyssey approve <sha>` counts like a review."),
            "carry_over": Flag(
                "Whether an approval is kept after an update with the base branch, when it is "
                "proven that the change is the same."
            ),
            "permission": Choice(
                "The least permission whose approval counts.",
                (Permission.WRITE, Permission.MAINTAIN, Permission.ADMIN),
            ),
            "teams": Names("Teams of the organisation; only they and `users` count.", "reviewers"),
            "users": Names("Logins; only they and members of `teams` count.", "octocat"),
            "codeowners": Flag(
                "Whether each path that CODEOWNERS gives owners needs an approval of one of them."
            ),
        },
    ),
    "limits": Section(
        "The largest change a proposal may be.",
        Limits,
        {
            "files": Number("Files.", 1, MOST_FILES),
            "lines": Number("Lines added and deleted, together.", 1, 100_000),
            "file_bytes": Number("Bytes of one file.", 1, 1_000_000),
        },
    ),
    "merge": Section(
        "How an approved proposal is merged.",
        MergeRules,
        {
            "method": Choice("GitHub's way to merge.", tuple(MergeMethod)),
            "delete_branch": Flag("Whether the branch is deleted after the merge."),
            "strict": Flag(
                "Whether the branch must contain the newest commit of the base branch, and was "
                "validated with it."
            ),
        },
    ),
    "validation": Section(
        "How a proposal is validated.",
        ValidationRules,
        {"workflow": FileName("A file in `.github/workflows` of the base branch.")},
    ),
    "commands": Section(
        "The least permission that each command takes.",
        CommandRules,
        {
            each.name: Choice(f"For `/odyssey {each.name}`.", _ROLES)
            for each in fields(CommandRules)
        },
    ),
    "attention": Section(
        "How much people are asked to look at, at once.",
        Attention,
        {
            "open_proposals": Number("Open proposals in the repository.", 1, 1_000),
            "reviewers": Names(
                "Logins; the one with the fewest open proposals is asked to review.", "octocat"
            ),
            "per_reviewer": Number("Open proposals for each of `reviewers`.", 1, 1_000),
        },
    ),
    "expiry": Section(
        "When a proposal that nobody does anything about is closed.",
        Expiry,
        {"days": Number("Days; 0 for never.", 0, 365)},
    ),
}

PROTECTED_PATHS = ProtectedPaths(
    "Patterns as in `.gitignore`. Mode `auto` merges none of them; `needs: second_approver` takes "
    "two people, `needs: refused` lets no proposal touch them. `.github`, CODEOWNERS and "
    "Dockerfiles are protected always."
)


def policy_from(mapping: Any, *, file: str = f"`{POLICY_PATH}`") -> Policy:
    """
    The policy that the parsed YAML says; None (an empty file) gives the defaults.

    Raises:
        PolicyInvalid: an unknown key, a wrong type or a value out of range; the
            message names *file*, the key and what it takes.
    """
    try:
        return _policy(_mapping(mapping, "the file"))
    except PolicyInvalid as error:
        raise PolicyInvalid(f"{file}: {error}") from error


def _policy(root: Mapping[str, Any]) -> Policy:
    _only(root, {"version", "protected_paths", *SECTIONS}, "")
    version = root.get("version", 1)
    # True equals 1 to Python, and 1.0 does too.
    if type(version) is not int or version != 1:
        raise invalid("version", "1")
    given = root.get("protected_paths")
    entries = () if given is None else PROTECTED_PATHS.read(given, "protected_paths")
    return Policy(
        protected_paths=tuple(glob for glob, needs in entries if needs is None),
        second_approver_paths=tuple(
            glob for glob, needs in entries if needs is Needs.SECOND_APPROVER
        ),
        refused_paths=tuple(glob for glob, needs in entries if needs is Needs.REFUSED),
        **{name: _section(root.get(name), name) for name in SECTIONS},
    )


def _section(value: Any, name: str) -> Any:
    section, given = SECTIONS[name], _mapping(value, name)
    _only(given, set(section.keys), f"{name}.")
    return section.makes(
        **{
            key: section.keys[key].read(each, f"{name}.{key}")
            for key, each in given.items()
            if each is not None
        }
    )


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(each, str) for each in value):
        raise invalid(key, "a mapping of keys to values")
    return value


def _only(mapping: Mapping[str, Any], known: set[str], prefix: str) -> None:
    for key in mapping:
        if key not in known:
            shown = code(f"{prefix}{key}", limit=80)
            raise PolicyInvalid(f"unknown key {shown}; known: {', '.join(sorted(known))}")


def policy_as_file(policy: Policy) -> dict[str, Any]:
    """What a file would hold that says all of *policy*, defaults written out."""
    found: dict[str, Any] = {"version": 1}
    for name, section in SECTIONS.items():
        part = getattr(policy, name)
        values = {key: _plain(getattr(part, key)) for key in section.keys}
        found[name] = {key: each for key, each in values.items() if each not in (None, [])}
    found["protected_paths"] = [
        *policy.protected_paths,
        *({"path": each, "needs": "second_approver"} for each in policy.second_approver_paths),
        *({"path": each, "needs": "refused"} for each in policy.refused_paths),
    ]
    return found


def _plain(value: Any) -> Any:
    match value:
        case StrEnum():
            return value.value
        case tuple():
            return list(value)
    return value


@cache
def policy_schema() -> Mapping[str, Any]:
    """
    The JSON Schema (draft 2020-12) of the file, with descriptions and defaults for editors.
    """
    properties: dict[str, Any] = {
        "version": {"const": 1, "description": "The version of this format."},
        "protected_paths": {"description": PROTECTED_PATHS.text, **PROTECTED_PATHS.schema()},
    }
    for name, section in SECTIONS.items():
        default = section.makes()
        properties[name] = {
            "description": section.text,
            "type": ["object", "null"],
            "additionalProperties": False,
            "properties": {
                key: _described(kind, getattr(default, key)) for key, kind in section.keys.items()
            },
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": f"Odyssey's policy for a repository ({POLICY_PATH})",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": properties,
    }


def _described(kind: Kind, default: Any) -> dict[str, Any]:
    shown = _plain(default)
    known = {} if shown is None or shown == [] else {"default": shown}
    return {"description": kind.text, **kind.schema(), **known}
