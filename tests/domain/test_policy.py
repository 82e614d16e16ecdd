"""
The policy: careful by default, exact about what it takes, and which paths it protects.
"""

from __future__ import annotations

import time
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey.domain.errors import PolicyInvalid
from odyssey.domain.policy import ApprovalMode, MergeMethod, Policy
from odyssey.domain.policy_reading import policy_from


@pytest.mark.parametrize("nothing", [None, {}, {"version": 1}, {"approvals": None}])
def test_an_empty_policy_means_the_careful_defaults(nothing: Any) -> None:
    """
    One approval by somebody else, no approvals by API, small changes.
    """
    policy = policy_from(nothing)

    assert policy == Policy()
    assert (policy.approvals.required, policy.approvals.requester_counts) == (1, False)
    assert (policy.approvals.api_approvals, policy.approvals.mode) == (False, None)


def test_every_key_is_read() -> None:
    """
    A full policy says what it says.
    """
    policy = policy_from(
        {
            "version": 1,
            "approvals": {
                "mode": "auto", "required": 2, "requester_counts": True, "api_approvals": True
            },
            "protected_paths": ["src/**"],
            "limits": {"files": 3, "lines": 4, "file_bytes": 5},
            "merge": {"method": "rebase", "delete_branch": False},
            "validation": {"workflow": "check.yaml"},
        }
    )  # fmt: skip

    assert policy.approvals.mode is ApprovalMode.AUTO
    assert (policy.approvals.required, policy.approvals.requester_counts) == (2, True)
    assert policy.approvals.api_approvals is True
    assert policy.protected_paths == ("src/**",)
    assert (policy.limits.files, policy.limits.lines, policy.limits.file_bytes) == (3, 4, 5)
    assert (policy.merge.method, policy.merge.delete_branch) == (MergeMethod.REBASE, False)
    assert policy.validation.workflow == "check.yaml"


@pytest.mark.parametrize(
    ("mapping", "named"),
    [
        ([], "the file"),
        ("text", "the file"),
        ({1: 2}, "the file"),
        ({"approval": {}}, "approval"),
        ({"version": 2}, "version"),
        ({"version": True}, "version"),
        ({"version": 1.0}, "version"),
        ({"version": None}, "version"),
        ({"approvals": []}, "approvals"),
        ({"approvals": {"requried": 1}}, "approvals.requried"),
        ({"approvals": {"required": 0}}, "approvals.required"),
        ({"approvals": {"required": 21}}, "approvals.required"),
        ({"approvals": {"required": True}}, "approvals.required"),
        ({"approvals": {"required": "1"}}, "approvals.required"),
        ({"approvals": {"required": 1.0}}, "approvals.required"),
        ({"approvals": {"mode": "Auto"}}, "approvals.mode"),
        ({"approvals": {"mode": True}}, "approvals.mode"),
        ({"approvals": {"api_approvals": "yes"}}, "approvals.api_approvals"),
        ({"approvals": {"requester_counts": 1}}, "approvals.requester_counts"),
        ({"protected_paths": "src"}, "protected_paths"),
        ({"protected_paths": [""]}, "protected_paths"),
        ({"protected_paths": [1]}, "protected_paths"),
        ({"protected_paths": ["a"] * 201}, "at most 200 patterns"),
        ({"protected_paths": ["a" * 201]}, "over 200 characters"),
        ({"protected_paths": ["src/**.py"]}, "**/*.py"),
        ({"protected_paths": ["***"]}, "**/*.py"),
        ({"protected_paths": ["!src"]}, "neither"),
        ({"protected_paths": ["src\\a"]}, "backslash"),
        ({"protected_paths": ["./src"]}, "top of the repository"),
        ({"protected_paths": ["src/../x"]}, "top of the repository"),
        ({"protected_paths": ["src//x"]}, "top of the repository"),
        ({"limits": {"files": 101}}, "limits.files"),
        ({"limits": {"lines": -1}}, "limits.lines"),
        ({"limits": {"file_bytes": 1_000_001}}, "limits.file_bytes"),
        ({"merge": {"method": "octopus"}}, "merge.method"),
        ({"merge": {"delete_branch": 1}}, "merge.delete_branch"),
        ({"validation": {"workflow": "../x.yml"}}, "validation.workflow"),
        ({"validation": {"workflow": "x.json"}}, "validation.workflow"),
        ({"validation": {"workflow": "x.yml\n"}}, "validation.workflow"),
        ({"validation": {"workflow": 1}}, "validation.workflow"),
    ],
)
def test_a_mistake_is_refused_by_name(mapping: Any, named: str) -> None:
    """
    Unknown keys, wrong types and values out of range name the key; nothing falls to a default.
    """
    with pytest.raises(PolicyInvalid) as caught:
        policy_from(mapping)

    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("glob", "path", "is_protected"),
    [
        ("src/**", "src/a.py", True),
        ("src/**", "src/a/b.py", True),
        ("src/**", "srcs/a.py", False),
        ("src/", "src/a/b.py", True),
        ("/src/*.py", "src/a.py", True),
        ("src/*.py", "src/a/b.py", False),
        ("**/secrets.py", "secrets.py", True),
        ("**/secrets.py", "a/b/secrets.py", True),
        ("**/secrets.py", "a/not_secrets.py", False),
        ("src", "src", True),
        ("src", "src/a.py", True),
        ("src", "lib/src/a/b.py", True),
        ("src", "srcs/a.py", False),
        ("src", "a/src.py", False),
        ("/src", "src/a.py", True),
        ("/src", "lib/src/a.py", False),
        ("src/a", "src/a/b/c.py", True),
        ("src/a", "lib/src/a/b.py", False),
        ("src/", "src", False),
        ("src/", "lib/src/a.py", True),
        ("*.py", "a.py", True),
        ("*.py", "src/a/b.py", True),
        ("*.py", "src/a.pyc", False),
        ("*.py", "src.py/a.txt", True),
        ("/*.py", "src/a.py", False),
        ("src/**/*.py", "src/a.py", True),
        ("src/**/*.py", "src/a/b/c.py", True),
        ("src/**/*.py", "a/src/b.py", False),
        ("src/**/test_*_*.py", "src/a/test_b_c_d.py", True),
        ("src/**/test_*_*.py", "src/a/test_b.py", False),
        ("**/a/b/**", "a/a/b/c", True),
        ("**/a/b/**", "a/b", False),
        ("**/**/a/**/**/b", "x/a/b", True),
        ("**", "anything", True),
        ("/", "anything", True),
        ("*", ".hidden/x", True),
        ("a*a*b", "aab", True),
        ("a*a*b", "ab", False),
        ("*.tar.*", "x.tar.tar.gz", True),
        ("a?.py", "ab.py", True),
        ("a?.py", "a/.py", False),
        ("a.py", "axpy", False),
        ("a+(b).py", "a+(b).py", True),
        ("docs/x.md", ".github/workflows/x.yml", True),
        ("docs/x.md", ".github/odyssey.yml", True),
        ("docs/x.md", "CODEOWNERS", True),
        ("docs/x.md", "docs/CODEOWNERS", True),
        ("docs/x.md", "service/Dockerfile", True),
        ("docs/x.md", "Dockerfile", True),
        ("docs/x.md", "Dockerfile.md", False),
    ],
)
def test_which_paths_are_protected(glob: str, path: str, is_protected: bool) -> None:
    """
    By the policy's patterns, and always what judges the change itself.
    """
    assert bool(Policy(protected_paths=(glob,)).protected([path])) is is_protected


_PARTS = st.lists(st.sampled_from(["a", "b", "ab", "?", "*", "**", "a*", "*b", "a*b*"]), min_size=1)
_NAMES = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=6)


def _is_named(glob: list[str], path: list[str]) -> bool:
    """Whether *glob* fits *path*, by trying everything: slow, and plain to see."""
    if not glob:
        return not path
    if glob[0] == "**":
        return any(_is_named(glob[1:], path[start:]) for start in range(len(path) + 1))
    return bool(path) and fnmatchcase(path[0], glob[0]) and _is_named(glob[1:], path[1:])


@settings(max_examples=500, deadline=None)
@given(_PARTS.filter(lambda parts: parts.count("**") < 4), _NAMES)
def test_a_pattern_fits_as_the_plain_reading_says(parts: list[str], names: list[str]) -> None:
    """
    What a slow matcher finds in the path or a folder above it, the quick one finds, and no more.
    """
    # What ends in `**` names everything below, and so at least one name more.
    kept = parts[: 1 + max((at for at, each in enumerate(parts) if each != "**"), default=-1)]
    plain = kept if kept == parts else [*kept, "*"]
    policy = Policy(protected_paths=("/" + "/".join(parts),))
    named = any(_is_named(plain, names[:end]) for end in range(1, len(names) + 1))

    assert bool(policy.protected(["/".join(names)])) is named


@pytest.mark.parametrize(
    ("glob", "path"),
    [
        ("**/" * 60 + "x", "a/" * 500 + "y"),
        ("**/a/" * 35 + "x", "a/" * 500 + "y"),
        ("**/*a/" * 30 + "x", "aa/" * 330 + "y"),
        ("*a" * 90 + "*b", "a" * 1_000),
        ("/" + "*a" * 90 + "*b", "a" * 1_000),
        ("**/" + "*a" * 90 + "b", ("a" * 250 + "/") * 4 + "a"),
        ("?*" * 90 + "b", "a" * 1_000),
        ("**/" + "?*a/" * 45 + "b", "aaa/" * 250 + "a"),
    ],
)
def test_no_pattern_takes_long(glob: str, path: str) -> None:
    """
    Whatever stands in a policy, a worker is not kept busy: well under a second for each file.
    """
    policy = policy_from({"protected_paths": [glob]})
    started = time.process_time()
    policy.protected([path] * 10)

    assert time.process_time() - started < 2


_YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["approvals", "mode", "required", "limits", "files", "merge", "version"]),
        inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=300)
@given(_YAML)
def test_reading_a_policy_raises_only_that_it_is_invalid(value: Any) -> None:
    """
    Whatever YAML holds is a policy or is refused.
    """
    try:
        assert isinstance(policy_from(value), Policy)
    except PolicyInvalid as error:
        assert str(error)
