"""
Commits of any shape, made without a work tree in a bare repository of the test's own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from odyssey.adapters.git_command import Git, environment

PERSON = {
    f"GIT_{who}_{what}": text
    for who in ("AUTHOR", "COMMITTER")
    for what, text in (("NAME", "Ada"), ("EMAIL", "ada@example.org"), ("DATE", "1700000000 +0100"))
}


@dataclass(slots=True)
class Workshop:
    """A bare repository: `git` as Odyssey runs it, `run` as a person does."""

    folder: Path

    @classmethod
    def open(cls, folder: Path) -> Workshop:
        """A new, empty one."""
        subprocess.run(["git", "init", "--quiet", "--bare", str(folder)], check=True)
        return cls(folder)

    @property
    def git(self) -> Git:
        """git, as the adapters have it."""
        return Git(self.folder, "", environment(self.folder, "none"), timedelta(seconds=30))

    def run(
        self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None,
        **more: str,
    ) -> str:  # fmt: skip
        """What a git command prints; variables are named one by one or given together."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            env={**kept, "GIT_DIR": str(self.folder), **PERSON, **(environment or {}), **more},
            input=stdin,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode(errors="surrogateescape").strip()

    def commit(
        self,
        files: Mapping[str, str | bytes | tuple[str, str] | None],
        *parents: str,
        message: str = "A change",
        **more: str,
    ) -> str:
        """
        A commit of the first parent's tree with *files* written over it.

        None deletes a file; a pair is a mode and a content (for mode 160000, a SHA).
        """
        index = str(self.folder / "workshop-index")
        Path(index).unlink(missing_ok=True)
        if parents:
            self.run("read-tree", parents[0], GIT_INDEX_FILE=index)
        rows = []
        for path, content in files.items():
            if content is None:
                rows.append(f"0 {'0' * 40}\t{path}")
                continue
            mode, text = content if isinstance(content, tuple) else ("100644", content)
            data = text.encode() if isinstance(text, str) else text
            sha = (
                data.decode()
                if mode == "160000"
                else self.run("hash-object", "-w", "--stdin", stdin=data)
            )
            rows.append(f"{mode} {sha}\t{path}")
        self.run(
            "update-index", "-z", "--index-info",
            stdin="\0".join([*rows, ""]).encode(), GIT_INDEX_FILE=index,
        )  # fmt: skip
        tree = self.run("write-tree", GIT_INDEX_FILE=index)
        given = [part for each in parents for part in ("-p", each)]
        return self.run("commit-tree", tree, *given, "-m", message, environment=more)

    def read(self, commit: str, path: str) -> str:
        """A file's text in a commit or tree."""
        return self.run("cat-file", "blob", f"{commit}:{path}")

    def tree(self, commit: str) -> str:
        """A commit's tree."""
        return self.run("rev-parse", f"{commit}^{{tree}}")
