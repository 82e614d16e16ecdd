"""
What a Dockerfile must not ask of the engine, found by reading it in every way it can be read.
"""

from __future__ import annotations

import re
from pathlib import Path

from odyssey_sandbox.failures import FOREIGN_FRONTEND, REMOTE_SOURCE, Failure, failed

_MAX_BYTES = 1024 * 1024
_ADD = re.compile(r"\s*(?:onbuild\s+)*add\s+(.*)", re.IGNORECASE | re.DOTALL)
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|git@|github\.com/|\$", re.IGNORECASE)
_SYNTAX = re.compile(r"#\s*syntax\s*=\s*(\S+)", re.IGNORECASE)
_OWN_FRONTEND = re.compile(
    r"(?:docker\.io/)?docker/dockerfile(?:-upstream)?(?::[A-Za-z0-9._-]+)?(?:@sha256:[0-9a-f]{64})?"
)


def forbidden(dockerfile: Path) -> Failure | None:
    """
    The first thing in *dockerfile* that would lead out of the build's own network, or None.

    A line is judged as Docker may read it: by itself, joined with the next ones by a backslash,
    and by a backtick, since `# escape=` may choose either and a keyword may be split in two.
    What is only text of a here-document is judged too; the classic builder would run it.
    """
    text = dockerfile.read_bytes()[:_MAX_BYTES].decode("utf-8", errors="replace")
    lines = text.splitlines()
    for line in lines:
        if (found := _SYNTAX.match(line.strip())) and not _OWN_FRONTEND.fullmatch(found[1]):
            return failed(FOREIGN_FRONTEND, source=found[1][:200])
    for number in range(len(lines)):
        for escapes in ("\\", "`", "\\`"):
            added = _ADD.match(_joined(lines, number, escapes))
            if added is None:
                continue
            for word in added[1].split():
                source = word.strip("[]\",'")
                if not source.startswith("--") and _REMOTE.match(source):
                    return failed(REMOTE_SOURCE, line=number + 1, source=source[:200])
    return None


def _joined(lines: list[str], start: int, escapes: str) -> str:
    parts: list[str] = []
    for line in lines[start : start + 100]:
        stripped = line.rstrip()
        if parts and (not stripped or stripped.lstrip().startswith("#")):
            continue
        if not stripped.endswith(tuple(escapes)):
            parts.append(stripped)
            break
        parts.append(stripped[:-1])
    return "".join(parts)
