"""
What Odyssey says that it did, beside what GitHub saw it do.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

from odyssey.adapters.audit_reader import log_files, verify_files

_VERBS = (
    ("POST", r".*/reactions", "react"),
    ("POST", r".*/pulls", "open_pull_request"),
    ("POST", r".*/dispatches", "dispatch"),
    ("POST|PATCH", r".*/check-runs(/\d+)?", "put_check_run"),
    ("POST", r".*/issues/\d+/comments", "post_comment"),
    ("PATCH", r".*/issues/comments/\d+", "edit_comment"),
    ("PUT", r".*/merge", "merge"),
    ("PATCH", r".*/pulls/\d+", "close_pull_request"),
    ("POST", r".*/requested_reviewers", "request_review"),
    ("POST", r".*/issues", "open_issue"),
    ("PATCH", r".*/issues/\d+", "close_issue"),
    ("POST", r".*/git-receive-pack", "push"),
)
PUSHES = ("push", "update", "delete_branch")


def verb_of(method: str, path: str) -> str:
    """What the audit log calls a write; all that git pushes is a `push` here."""
    for methods, pattern, verb in _VERBS:
        if re.fullmatch(methods, method) and re.fullmatch(pattern, path):
            return verb
    return f"{method} {path}"


class AuditTrail:
    """The audit log of one data folder, read on from where it was read before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, int] = {}

    def intents(self, repository: str) -> Counter[str]:
        """How often each write was announced for *repository*, in the lines that are new."""
        found: Counter[str] = Counter()
        for file in log_files(self._folder):
            with file.open("rb") as lines:
                lines.seek(self._read.get(file, 0))
                for line in lines:
                    entry = json.loads(line)
                    if entry["kind"] == "intent" and entry.get("repository") == repository:
                        verb = entry["verb"]
                        found["push" if verb in PUSHES else verb] += 1
                self._read[file] = lines.tell()
        return found

    def problems(self) -> list[str]:
        """Where the chain is broken."""
        verdict = verify_files(log_files(self._folder))
        return [f"the audit log is broken: {file}: {what}" for file, what in verdict.problems]
