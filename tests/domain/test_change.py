"""
Changes as they are sent: what may be handed to git, and what is refused with which words.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey.domain.change import (
    Change,
    Files,
    Patch,
    changed_paths,
    check_change,
    hidden_in,
    normalise,
)
from odyssey.domain.errors import (
    ChangeRefused,
    ChangeTooLarge,
    EmptyChange,
    ForbiddenPath,
    UnreadableChange,
)
from odyssey.domain.hidden_characters import hidden_characters, without_hidden
from odyssey.domain.paths import check_path
from odyssey.domain.policy import Limits

LIMITS = Limits(files=3, lines=10, file_bytes=100)


def a_diff(path: str = "src/app.py", body: str = "@@ -1 +1 @@\n-a\n+b\n") -> str:
    """A one-line diff of *path*."""
    return f"diff --git a/{path} b/{path}\nindex 1..2 100644\n--- a/{path}\n+++ b/{path}\n{body}"


@pytest.mark.parametrize(
    "path",
    [
        "README.md", "src/app.py", "a b/c d.txt", "ä/ö.txt", ".github/workflows/x.yml",
        ".gitignore", ".gitattributes", "git", "console.py", "aux_file.py", "[id].tsx", "-x",
        "a" * 255, "src/.gitkeep", "नमस्ते.txt",
    ],
)  # fmt: skip
def test_ordinary_paths_may_be_named(path: str) -> None:
    """
    Names that every file system can hold pass.
    """
    check_path(path)


@pytest.mark.parametrize(
    "path",
    [
        "", "/etc/passwd", "~/.ssh/config", "..", "../x", "a/../b", "a/..", ".", "./a", "a//b",
        "a/", ".git::$INDEX_ALLOCATION",
        ".git/config", ".GIT/config", "a/.git/hooks/x", ".git", ".git ", ".git.", ".git . .",
        "git~1/config", "GIT~1", "git~2", ".g\u200cit/config", ".git\u200d",
        ".git:x", ".gitmodules", ".GITMODULES", "gitmod~1", "a\\b", "..\\x", "C:\\x", "C:/x",
        "a\nb", "a\tb", "a\x00b", "a\x1b[0m", "a\x7f", "con", "CON.txt", "a/nul", "aux.tar.gz",
        "com1", "LPT9.txt", "com¹", "conin$", "a./b", "a /b", "a.txt.", "x|y", "a?", "a*",
        'a"b', "a<b",
        "a" * 256, "a/" * 600 + "b", "a\u202eb", "a\u200bb", "x\U000e0041", "\ud800", "ㅤ.py",
    ],
)  # fmt: skip
def test_paths_that_leave_the_tree_or_reach_git_are_forbidden(path: str) -> None:
    """
    In files, in a diff's headers, and as the answer's own words: printable, one line.
    """
    with pytest.raises(ForbiddenPath) as caught:
        check_change(Files({path: "x"}), Limits())

    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "diff",
    [
        a_diff("../x"),
        a_diff(".git/config"),
        a_diff("/etc/passwd"),
        "--- a/.git/config\n+++ b/.git/config\n@@ -1 +1 @@\n-a\n+b\n",
        "--- a/ok\n+++ b/../../x\n@@ -1 +1 @@\n-a\n+b\n",
        "--- /dev/null\n+++ b/.GIT/x\n@@ -0,0 +1 @@\n+b\n",
        "diff --git a/a b/b\nrename from a\nrename to ../b\n",
        "diff --git a/a b/b\nrename from .git/a\nrename to b\n",
        "diff --git a/a b/b\ncopy from a\ncopy to /b\n",
        'diff --git "a/\\056git/x" "b/\\056git/x"\nnew file mode 100644\nindex 0..1\n'
        '--- /dev/null\n+++ "b/\\056git/x"\n@@ -0,0 +1 @@\n+x\n',
        'diff --git "a/x\\ny" "b/x\\ny"\nnew file mode 100644\n',
        'diff --git "a/\\377" "b/\\377"\nnew file mode 100644\n',
        "diff --git a/.git/x b/.git/x\nnew file mode 100644\n",
        "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n",
        "diff --git a/l b/l\nold mode 100644\nnew mode 120000\n",
        "diff --git a/l b/l\ndeleted file mode 120000\n--- a/l\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
        "diff --git a/l b/l\nindex 1..2 120000\n--- a/l\n+++ b/l\n@@ -1 +1 @@\n-x\n+y\n",
        "diff --git a/s b/s\nnew file mode 160000\n--- /dev/null\n+++ b/s\n@@ -0,0 +1 @@\n+Sub\n",
        "diff --git a/s b/s\nold mode 100644\nnew mode 100777\n",
        "diff --git a/s b/s\nold mode 100644\nnew mode 0104755\n",
    ],
)
def test_a_diff_may_not_name_forbidden_paths_or_modes(diff: str) -> None:
    """
    Every header counts: rename, copy, quoted names, modes, index lines.
    """
    with pytest.raises(ForbiddenPath):
        check_change(Patch(diff), Limits())


@pytest.mark.parametrize(
    "diff",
    [
        "",
        "hello",
        "@@ -1 +1 @@\n-a\n+b\n",
        "--- src/app.py\n+++ src/app.py\n@@ -1 +1 @@\n-a\n+b\n",
        "--- a/x\n+++ b/x\nno hunk\n",
        "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n-a\n+b\n",
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n*a\n+b\n",
        "--- /dev/null\n+++ /dev/null\n@@ -0,0 +1 @@\n+b\n",
        "diff --git a/x.png b/x.png\nindex 1..2 100644\nGIT binary patch\nliteral 1\nIc\n",
        "diff --git a/x.png b/x.png\nindex 1..2 100644\nBinary files a/x.png and b/x.png differ\n",
        "diff --cc x\nindex 1,2..3\n",
        "diff --git a/x b/y\nsimilarity index 100%\n",
        "diff --git a/x b/x\nnew file mode rw-r--r--\n",
        a_diff() + "\0",
        a_diff(body="@@ -1 +1 @@\n-a\n+\ud800\n"),
    ],
)
def test_what_is_no_text_diff_is_unreadable(diff: str) -> None:
    """
    Cut off, binary, merged, without names or without hunks: the message says which.
    """
    with pytest.raises(UnreadableChange, match=r"\.$"):
        check_change(Patch(diff), Limits())


@pytest.mark.parametrize(
    ("diff", "paths"),
    [
        (a_diff(), ("src/app.py",)),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b", ("x",)),
        ("--- a/x\t2026-01-01\n+++ b/x\t2026-01-02\n@@ -1 +1 @@\n-a\n+b\n", ("x",)),
        (a_diff().replace("\n", "\r\n"), ("src/app.py",)),
        ("From 1 Mon\nSubject: x\n---\n x | 2 +-\n\n" + a_diff() + "-- \n2.39\n", ("src/app.py",)),
        ('--- "a/\\303\\244 z"\n+++ "b/\\303\\244 z"\n@@ -1 +1 @@\n-a\n+b\n', ("ä z",)),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n"
         "\\ No newline at end of file\n", ("x",)),
        ("--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n a\n\n-b\n+c\n", ("x",)),
        ("--- a/x\n+++ b/x\n@@ -1,2 +0,0 @@\n--- a/y\n-++ b/y\n", ("x",)),
        ("diff --git a/a b b/a b\nold mode 100644\nnew mode 100755\n", ("a b",)),
        ("diff --git a/e b/e\nnew file mode 100644\nindex 0..e69\n", ("e",)),
        ("diff --git a/e b/e\ndeleted file mode 100644\nindex e69..0\n", ("e",)),
        ("diff --git a/a b/b\nsimilarity index 100%\nrename from a\nrename to b\n", ("a", "b")),
        ("diff --git i/x w/x\n--- i/x\n+++ w/x\n@@ -1 +1 @@\n-a\n+b\n", ("x",)),
        (a_diff("a") + a_diff("b"), ("a", "b")),
    ],
)  # fmt: skip
def test_what_git_writes_is_accepted(diff: str, paths: tuple[str, ...]) -> None:
    """
    Mail headers, timestamps, quoted names, mode changes, renames, empty files, CRLF from a form.
    """
    check_change(Patch(diff), Limits())

    assert changed_paths(Patch(diff)) == paths


def test_a_hunk_cannot_hide_a_header() -> None:
    """
    Added lines that look like headers are content, and headers after a hunk's end are headers.
    """
    inside = a_diff(body="@@ -1 +1,3 @@\n-a\n+b\n+--- a/.git/x\n++++ b/.git/x\n")
    behind = a_diff() + "--- a/.git/x\n+++ b/.git/x\n@@ -1 +1 @@\n-a\n+b\n"
    check_change(Patch(inside), Limits())

    assert changed_paths(Patch(inside)) == ("src/app.py",)
    with pytest.raises(ForbiddenPath):
        check_change(Patch(behind), Limits())


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (Files({f"f{each}": "x" for each in range(3)}), None),
        (Files({f"f{each}": "x" for each in range(4)}), ChangeTooLarge),
        (Files({"f": "x" * 100}), None),
        (Files({"f": "x" * 101}), ChangeTooLarge),
        (Files({"f": "ä" * 51}), ChangeTooLarge),
        (Files({"f": None}), None),
        (Files({}), EmptyChange),
        (Files({"f": "a\0b"}), UnreadableChange),
        (Files({"f": "\ud800"}), UnreadableChange),
        (Files({"README": "x", "readme": "y"}), ForbiddenPath),
        (Files({"README": None, "readme": "y"}), None),
        (Files({"\u00e4": "x", "a\u0308": "y"}), ForbiddenPath),
        (Files({"a": "x", "a/b": "y"}), ForbiddenPath),
        (Files({"a": None, "a/b": "y"}), None),
        (Patch("".join(a_diff(f"f{each}") for each in range(4))), ChangeTooLarge),
        (Patch(a_diff(body="@@ -0,0 +1,11 @@\n" + "+x\n" * 11)), ChangeTooLarge),
        (Patch(a_diff(body="@@ -1,5 +1,5 @@\n" + "-x\n+y\n" * 5)), None),
        (Patch(a_diff(body=f"@@ -1 +1 @@\n-a\n+{'x' * 100}\n")), ChangeTooLarge),
        (Patch(a_diff(body="@@ -1 +1 @@\n a\n")), EmptyChange),
        (Patch("x" * 10_000_001), ChangeTooLarge),
        (Patch(a_diff("A") + a_diff("a")), ForbiddenPath),
    ],
)
def test_limits_and_contradictions(change: Change, error: type[ChangeRefused] | None) -> None:
    """
    At the limit passes, one over it does not; two names of one file never do.
    """
    if error is None:
        check_change(change, LIMITS)
        return
    with pytest.raises(error, match=r"\.$"):
        check_change(change, LIMITS)


def test_normalising_mends_what_a_web_form_broke_and_nothing_else() -> None:
    """
    Line ends and the last newline of a diff; real carriage returns and whole files stay.
    """
    real = a_diff(body="@@ -1 +1 @@\n-a\r\n+b\r\n")

    assert normalise(Patch(a_diff().replace("\n", "\r\n"))) == Patch(a_diff())
    assert normalise(Patch("\ufeff" + a_diff().rstrip("\n"))) == Patch(a_diff())
    assert normalise(Patch(real)) == Patch(real)
    assert normalise(Files({"a": "x\r\n"})) == Files({"a": "x\r\n"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain ä 漢字 text\r\nnext\t.", []),
        ("\ufeffstart", []),
        ("a\ufeffb", ["U+FEFF"]),
        ("a\u200bb", ["U+200B"]),
        ("a\u2060\u3164\u202e\u2066", ["U+2060", "U+3164", "U+202E", "U+2066"]),
        ("x\U000e0048\U000e0049", ["U+E0048", "U+E0049"]),
        ("\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", []),
        ("\U0001f3f4\U000e0048\U000e007f", ["U+E0048", "U+E007F"]),
        ("\u2764\ufe0f 1\ufe0f\u20e3", []),
        ("a\ufe0f", ["U+FE0F"]),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467", []),
        ("a\u200db", ["U+200D"]),
        ("\u0645\u06cc\u200c\u062e", []),
        ("a\x1b[31m", ["U+001B"]),
        ("a\rb", ["U+000D"]),
    ],
)
def test_hidden_characters_are_found_and_honest_ones_left(text: str, found: list[str]) -> None:
    """
    Tags, zero-width, bidi, fillers; but not flags, emoji, or scripts that need joiners.
    """
    assert [each.notation for each in hidden_characters(text)] == found
    assert len(without_hidden(text)) == len(text) - len(found)


def test_hidden_characters_are_placed_in_the_new_file() -> None:
    """
    A reviewer is told the path, line and column, and the character's name.
    """
    body = "@@ -5,2 +7,3 @@\n a\n-b\n+c\n+if x\u200b:\n"
    [(path, each)] = hidden_in(Patch(a_diff(body=body)))

    assert (path, each.line, each.column, each.name) == ("src/app.py", 9, 5, "ZERO WIDTH SPACE")
    assert hidden_in(Files({"a": "x\ny\u202e"}))[0][1].line == 2
    assert len(hidden_in(Files({"a": "\u200b" * 1000}))) == 100


_LINES = st.sampled_from(
    [
        "diff --git a/x b/x", "--- a/x", "+++ b/x", "--- /dev/null", "@@ -1 +1 @@",
        "@@ -0,0 +1,2 @@", "-a", "+b", " c", "", "\\ No newline at end of file", "rename from a",
        "rename to b", "\r", "new file mode 100644", "index 1..2 100644",
        'diff --git "a/\\1" "b/\\1"', "GIT binary patch",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(_LINES | st.text(max_size=8), max_size=25).map("\n".join))
def test_scanning_a_diff_raises_only_its_own_errors(text: str) -> None:
    """
    Whatever is sent as a diff is taken or refused, and its paths are safe when taken.
    """
    try:
        check_change(Patch(text), Limits())
    except ChangeRefused:
        return
    for path in changed_paths(Patch(text)):
        check_path(path)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=12), st.none() | st.text(max_size=12), max_size=4))
def test_checking_files_raises_only_its_own_errors(contents: dict[str, str | None]) -> None:
    """
    Whatever is sent as files is taken or refused.
    """
    try:
        check_change(Files(contents), Limits())
    except ChangeRefused as error:
        assert str(error)


@pytest.mark.parametrize(
    "text",
    [
        "diff --git a/x b/x\n" * 200_000,
        a_diff(body="@@ -0,0 +1,300000 @@\n" + "+\n" * 300_000),
        'diff --git "' + "\\" * 1_000_000,
        "--- " * 1_000_000,
        "\u200b" * 1_000_000,
        "+" * 9_000_000,
    ],
    ids=range(6),
)
def test_no_diff_takes_long_to_scan(text: str) -> None:
    """
    Megabytes of headers, hunks or escapes are refused in seconds.
    """
    began = process_time()
    with pytest.raises(ChangeRefused):
        check_change(Patch(text), Limits())

    assert process_time() - began < 10


def _git(folder: Path, *arguments: str, stdin: str | None = None) -> str:
    return subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *arguments],
        cwd=folder, input=stdin, text=True, check=True, capture_output=True,
    ).stdout  # fmt: skip


def test_git_and_the_scan_agree_on_a_real_diff(tmp_path: Path) -> None:
    """
    A diff with a rename, a mode change, a deletion, odd names and no final newline.
    """
    names = ["old name.txt", "script.sh", "gone.txt", "ä.txt", "-dash", "tab.txt", "keep.txt"]
    _git(tmp_path, "init", "-q")
    for name in names:
        (tmp_path / name).write_text("".join(f"{name} line {each}\n" for each in range(20)))
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-qm", "a")
    (tmp_path / "old name.txt").rename(tmp_path / "new name.txt")
    (tmp_path / "script.sh").chmod(0o755)
    (tmp_path / "gone.txt").unlink()
    (tmp_path / "ä.txt").write_text("changed, no newline")
    (tmp_path / "-dash").write_text("--- a/x\n+++ b/x\n@@ -1 +1 @@\n")
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "added.txt").write_text("a\r\nb\n")
    _git(tmp_path, "add", "-A")
    diff = _git(tmp_path, "diff", "--cached", "-M")
    named = _git(tmp_path, "diff", "--cached", "--no-renames", "--name-only", "-z")

    check_change(Patch(diff), Limits())
    assert changed_paths(Patch(diff)) == tuple(sorted(named.strip("\0").split("\0")))
    _git(tmp_path, "reset", "-q", "--hard")
    normalised = normalise(Patch(diff))
    assert isinstance(normalised, Patch)
    _git(tmp_path, "apply", "--index", "-", stdin=normalised.text)
