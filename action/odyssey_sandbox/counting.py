"""
How much a set of test files measures, counted by reading them: tests, assertions, skips.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_MAX_BYTES = 2 * 1024 * 1024
_SKIPS = frozenset(
    {"skip", "skipif", "skipunless", "skiptest", "xfail", "expectedfailure", "importorskip"}
)
_OTHER_TESTS = re.compile(
    r"""\b(?:it|test|describe)(?:\.each\([^)]*\))?\s*\(\s*["'`]([^"'`]{1,120})"""
    r"|^func (Test\w+)\(|#\[test\]",
    re.MULTILINE,
)
_OTHER_ASSERTIONS = re.compile(
    r"\b(?:expect|assert\w*!?|require|should|t\.(?:Error|Fatal)f?|t\.Fail(?:Now)?)\s*[.(]"
)
_OTHER_SKIPS = re.compile(
    r"\b(?:it|test|describe)\.(?:skip|todo|only)\b|\bx(?:it|describe)\s*\(|\bt\.Skip|#\[ignore"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """
    What test files hold: the names of their tests, and how many assertions and skips.
    """

    tests: frozenset[str] = frozenset()
    assertions: int = 0
    skips: int = 0


def count(folder: Path, paths: Iterable[str]) -> Measured:
    """
    What the files *paths* below *folder* hold together; files that cannot be read hold nothing.
    """
    tests: set[str] = set()
    assertions = skips = 0
    for path in paths:
        file = folder / path
        if file.is_symlink() or not file.is_file() or file.stat().st_size > _MAX_BYTES:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        found = _python(text) if path.endswith(".py") else _other(text)
        tests |= {f"{path}::{name}" for name in found.tests}
        assertions += found.assertions
        skips += found.skips
    return Measured(frozenset(tests), assertions, skips)


def _python(text: str) -> Measured:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Measured()
    tests: set[str] = set()
    assertions = skips = 0
    pending: list[tuple[str, ast.AST]] = [("", tree)]
    while pending:
        owner, node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test"
        ):
            tests.add(f"{owner}{node.name}")
        if isinstance(node, ast.Assert):
            assertions += 1
        elif isinstance(node, ast.Call):
            name = _name(node.func)
            assertions += name.startswith("assert") or name in ("raises", "warns", "fail")
            skips += name.lower() in _SKIPS
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            # `@pytest.mark.skip` without brackets is no call.
            skips += sum(_name(each).lower() in _SKIPS for each in node.decorator_list)
        if isinstance(node, ast.ClassDef):
            owner = f"{owner}{node.name}."
        pending += [(owner, child) for child in ast.iter_child_nodes(node)]
    return Measured(frozenset(tests), assertions, skips)


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _other(text: str) -> Measured:
    tests = {
        found[1] or found[2] or f"#{number}"
        for number, found in enumerate(_OTHER_TESTS.finditer(text))
    }
    return Measured(
        frozenset(tests),
        len(_OTHER_ASSERTIONS.findall(text)),
        len(_OTHER_SKIPS.findall(text)),
    )
