"""
Which `uses:` of a workflow are served from folders on this machine instead of being cloned.

act takes a folder for `owner/name@ref` by `--local-repository`. Every ref of the two actions with a
stand-in is found by reading the workflow files and every composite action in reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_STANDINS = Path(__file__).parent / "standins"
STANDINS: Mapping[str, Path] = {
    "actions/checkout": _STANDINS / "checkout",
    "actions/upload-artifact": _STANDINS / "upload_artifact",
}
_USES = re.compile(
    r"""^\s*(?:-\s*(?:\{[^#\n]*?)?)?uses:\s*["']?(?P<action>[\w.-]+/[\w.-]+)(?:/[^@\s"']*)?@(?P<ref>[^\s"'},#]+)""",
    re.MULTILINE,
)
# Composite actions a job checks out are read while it runs: the usual refs are always there.
_USUAL_REFS = ("v3", "v4", "v5", "v6", "v7", "main")


def map_local_actions(checkout: Path, local_actions: Mapping[str, Path]) -> dict[str, Path]:
    """The folder for each `owner/name@ref` that act must not fetch, sorted by name."""
    mapped = {f"{action}@{ref}": STANDINS[action] for action in STANDINS for ref in _USUAL_REFS}
    for text in _action_files([checkout, *local_actions.values()]):
        for use in _USES.finditer(text):
            if use["action"].lower() in STANDINS:
                mapped[f"{use['action']}@{use['ref']}"] = STANDINS[use["action"].lower()]
    return dict(sorted((mapped | dict(local_actions)).items()))


def _action_files(folders: Iterable[Path]) -> Iterator[str]:
    for folder in folders:
        candidates = [
            *folder.glob(".github/workflows/*.y*ml"),
            *folder.glob("action.y*ml"),
            *folder.glob("**/action.y*ml"),
        ]
        for candidate in candidates:
            if candidate.is_file() and candidate.resolve().is_relative_to(folder.resolve()):
                yield candidate.read_text(encoding="utf-8", errors="replace")
