"""
Real diffs, made by git between two small trees, and what somebody may do to them on the way.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

NAMES = st.sampled_from(
    [
        "a.py", "src/b.py", "src/deep/c.txt", "with space.md", "ä.txt", "tab\tname", 'quote".py',
        "-dash.py", "b/a.py", "a b/c d.txt", "new\nline.txt", "src/a b.py", "x.sh",
    ]
)  # fmt: skip

LINES = st.sampled_from(
    [
        "one", "two", "", " ", "--- a/x", "+++ b/x", "@@ -1 +1 @@", "diff --git a/x b/y", "+", "-",
        "\\ No newline at end of file", "three\r", "\tfour", "-- ", "index 12..34", "é",
    ]
)  # fmt: skip
CONTENTS = st.builds(
    lambda lines, ends: "\n".join(lines) + ("\n" if ends and lines else ""),
    st.lists(LINES, max_size=8),
    st.booleans(),
)
TREES = st.dictionaries(NAMES, CONTENTS, max_size=4)

TAME_TREES = st.dictionaries(
    st.sampled_from(["a.py", "src/b.py", "src/deep/c.txt", "with space.md", "ä.txt", "b/a.py"]),
    CONTENTS,
    min_size=1,
    max_size=3,
)
"""Of names that a proposal may use."""

_EVIL = [
    "../out.py", "/etc/passwd", ".git/config", "a/../../b", "x/.GIT/hooks/post-checkout", "~/x",
    "C:/x", "a//b", "./a", "git~1/config", ".git\u200c/config", "con", "a\\b", "dev/null", "..",
    "/dev/null", ".gitmodules", "a/./b", " ", "\ufeffa",
]  # fmt: skip
_HEADERS = st.sampled_from(
    [
        *(f"--- a/{each}" for each in _EVIL), *(f"+++ b/{each}" for each in _EVIL),
        *(f"diff --git a/{each} b/{each}" for each in _EVIL),
        *(f"rename to {each}" for each in _EVIL), *(f"copy to {each}" for each in _EVIL),
        *(f"rename from {each}" for each in _EVIL),
        '+++ "b/\\056\\056/x"', '+++ "b/.g\\151t/config"', "--- /dev/null", "+++ /dev/null",
        "new file mode 120000", "new file mode 160000", "old mode 100644", "new mode 100755",
        "new file mode 100644", "deleted file mode 100644", "new mode 120000", "index 1..2 120000",
        "similarity index 100%", "GIT binary patch", "Binary files a/x and b/x differ",
        "@@ -0,0 +1 @@", "@@ -1,2 +1,3 @@ x", "@@ -1 +1 @@", "@@@ -1 -1 +1 @@@", "-- ", "literal 0",
        "--- x/a.py", "+++ a.py", "+++ b/a.py\t2026-11-21", "Index: a.py", "\\ No newline",
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """One thing done to a diff at one of its lines."""

    kind: str
    at: int
    text: str

    def __call__(self, lines: list[str]) -> list[str]:
        """The lines with it done."""
        if not lines:
            return lines
        at = self.at % len(lines)
        match self.kind:
            case "insert":
                return [*lines[:at], self.text, *lines[at:]]
            case "replace":
                return [*lines[:at], self.text, *lines[at + 1 :]]
            case "drop":
                return [*lines[:at], *lines[at + 1 :]]
            case "double":
                return [*lines[: at + 1], *lines[at:]]
            case "cut":
                return lines[: at + 1]
            case "swap":
                other = (at + 1) % len(lines)
                lines = list(lines)
                lines[at], lines[other] = lines[other], lines[at]
                return lines
            case "edit":
                line = lines[at]
                place = self.at % (len(line) + 1)
                return [*lines[:at], line[:place] + self.text[:3] + line[place:], *lines[at + 1 :]]
            case _:
                return [each + "\r" for each in lines]


MUTATIONS = st.lists(
    st.builds(
        Mutation,
        st.sampled_from(["insert", "replace", "drop", "double", "cut", "swap", "edit", "crlf"]),
        st.integers(0, 200),
        _HEADERS | LINES | st.text(max_size=6),
    ),
    max_size=2,
)


class Repository:
    """
    A real repository without a work tree: what git itself says about diffs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "--quiet", "--bare", str(folder))

    def git(self, *arguments: str, stdin: bytes = b"", index: Path | None = None) -> bytes:
        """
        Standard output.

        Raises:
            CalledProcessError: git refuses.
        """
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
            "GIT_DIR": str(self.folder), "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C",
        }  # fmt: skip
        if index is not None:
            environment["GIT_INDEX_FILE"] = str(index)
        return subprocess.run(
            ["git", *arguments],
            input=stdin, env=environment, capture_output=True, check=True, timeout=30,
        ).stdout  # fmt: skip

    def tree(self, files: dict[str, str]) -> str:
        """The tree that holds *files*."""
        index = self.folder / "index-of-a-test"
        index.unlink(missing_ok=True)
        entries = []
        for path, text in files.items():
            blob = self.git("hash-object", "-w", "--stdin", stdin=text.encode()).decode().strip()
            entries.append(f"100644 {blob}\t{path}\0")
        self.git("update-index", "-z", "--index-info", stdin="".join(entries).encode(), index=index)
        return self.git("write-tree", index=index).decode().strip()

    def diff(self, before: str, after: str, *options: str) -> str:
        """What `git diff` prints."""
        return self.git("diff-tree", "-p", "--no-ext-diff", *options, before, after).decode()

    def names(self, before: str, after: str) -> set[str]:
        """The paths in which two trees differ."""
        output = self.git("diff-tree", "-r", "--name-only", "-z", "--no-renames", before, after)
        return set(output.decode("utf-8", "surrogateescape").split("\0")) - {""}

    def counts(self, before: str, after: str) -> dict[str, tuple[int, int]]:
        """Added and deleted lines by path."""
        output = self.git("diff-tree", "-r", "--numstat", "-z", "--no-renames", before, after)
        rows = [each.split("\t", 2) for each in output.decode().split("\0") if each.count("\t") > 1]
        return {path: (int(added), int(deleted)) for added, deleted, path in rows}

    def applied(self, tree: str, diff: str) -> str | None:
        """The tree after `git apply`, as Odyssey calls it; None when git refuses the diff."""
        index = self.folder / "index-of-apply"
        # git 2.39 aborts on some diffs, and then leaves its lock behind.
        for each in (index, index.with_suffix(".lock")):
            each.unlink(missing_ok=True)
        self.git("read-tree", tree, index=index)
        try:
            self.git(
                "apply", "--cached", "--whitespace=nowarn", "-", stdin=diff.encode(), index=index
            )
        except subprocess.CalledProcessError:
            return None
        return self.git("write-tree", index=index).decode().strip()


def together(before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether both are trees: no file is another one's folder."""
    return all(
        not any(other.startswith(f"{path}/") for other in files)
        for files in (before, after)
        for path in files
    )
