"""One bare repository, through the git command line."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from odyssey.simulator.git_answers import Answers, is_unchanging
from odyssey.simulator.state import User

ZERO = "0" * 40
_FULL_SHA = re.compile("[0-9a-f]{40}")
_PLAIN_REF = re.compile(r"refs/(?!.*\.\.)[\w./-]*[\w-]")
EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
# Commits that github.com makes carry this committer: https://github.com/web-flow
WEB_FLOW = ("GitHub", "noreply@github.com")


class GitError(Exception):
    """A git command failed; the message is what git said."""


@dataclass(frozen=True, slots=True)
class Signature:
    name: str
    email: str
    date: str


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str


@dataclass(frozen=True, slots=True)
class TreeEntry:
    mode: str
    type: str
    sha: str
    size: int | None
    path: str


def environment() -> dict[str, str]:
    """The environment git runs in: no configuration but the repository's, no prompts."""
    return {
        **os.environ,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
    }


_ANSWERS = Answers()


class Git:
    """
    The git side of a repository. Every method is one or a few short git commands.

    They run synchronously on purpose: a request then changes refs and records
    without another request in between.
    """

    def __init__(self, git_dir: Path, *, extra: Mapping[str, str] | None = None) -> None:
        self.git_dir = git_dir
        self._extra = dict(extra or {})

    def run(
        self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> bytes:
        """What `git arguments` prints; GitError when it fails."""
        done = self.attempt(*arguments, stdin=stdin, env=env)
        if done.returncode != 0:
            raise GitError(done.stderr.decode(errors="replace").strip())
        return done.stdout

    def attempt(
        self, *arguments: str, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """The finished process of `git arguments`, whatever its status."""
        stays = not (stdin or env or self._extra) and is_unchanging(arguments)
        if stays and (known := _ANSWERS.find(self.git_dir, arguments)):
            return known
        done = subprocess.run(
            ["git", "-c", "core.quotepath=off", *arguments],
            cwd=self.git_dir,
            env={**environment(), "GIT_DIR": str(self.git_dir), **self._extra, **(env or {})},
            input=stdin,
            capture_output=True,
            check=False,
        )
        if stays:
            _ANSWERS.keep(self.git_dir, arguments, done)
        return done

    def text(self, *arguments: str) -> str:
        """`run`, decoded and stripped."""
        return self.run(*arguments).decode(errors="replace").strip()

    def create(self, default_branch: str, *, hook: str) -> None:
        """A new bare repository with *hook* as its pre-receive hook."""
        self.git_dir.mkdir(parents=True)
        self.run("init", "--quiet", "--bare", f"--initial-branch={default_branch}", ".")
        for key in (
            "http.receivepack",
            "uploadpack.allowAnySHA1InWant",
            "uploadpack.allowFilter",
            "receive.advertisePushOptions",
        ):
            self.run("config", key, "true")
        self.run("config", "gc.auto", "0")
        self.run("config", "receive.autogc", "false")
        # GitHub keeps these refs for itself; clients may fetch but never push them.
        self.run("config", "receive.hideRefs", "refs/pull")
        script = self.git_dir / "hooks" / "pre-receive"
        script.parent.mkdir(exist_ok=True)
        script.write_text(hook)
        script.chmod(0o755)

    # Refs

    def refs(self, prefix: str = "refs/heads/") -> dict[str, str]:
        """Full ref names below *prefix* with the SHA each points to."""
        listed = self.text("for-each-ref", "--format=%(refname) %(objectname)", prefix)
        pairs = (line.partition(" ") for line in listed.splitlines())
        return {name: sha for name, _, sha in pairs}

    def find_ref(self, ref: str) -> str | None:
        """The SHA of the full ref name *ref*."""
        # A loose ref is a file with its SHA, which git replaces as a whole.
        if _PLAIN_REF.fullmatch(ref):
            with contextlib.suppress(OSError):
                text = (self.git_dir / ref).read_text().strip()
                if _FULL_SHA.fullmatch(text):
                    return text
            if not (self.git_dir / "packed-refs").exists():
                return None
        done = self.attempt("rev-parse", "--verify", "--quiet", ref)
        return done.stdout.decode().strip() or None

    def find_commit(self, name: str) -> str | None:
        """The commit SHA that a branch, tag, ref or SHA names, as the REST API resolves it."""
        for candidate in (f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}", name):
            if candidate.startswith("-"):
                continue
            done = self.attempt("rev-parse", "--verify", "--quiet", f"{candidate}^{{commit}}")
            if done.returncode == 0:
                return done.stdout.decode().strip()
        return None

    def update_ref(self, ref: str, new: str, old: str | None) -> None:
        """Move *ref* to *new* if it is at *old* (None: if it is not there); GitError otherwise."""
        self.run("update-ref", ref, new, ZERO if old is None else old)

    def set_ref(self, ref: str, new: str) -> None:
        """Point *ref* to *new* whatever it was."""
        self.run("update-ref", ref, new)

    def delete_ref(self, ref: str, old: str) -> None:
        """Take *ref* away if it is at *old*."""
        self.run("update-ref", "-d", ref, old)

    # History

    def exists(self, sha: str) -> bool:
        """Whether an object called *sha* is in the repository."""
        return self.attempt("cat-file", "-e", sha).returncode == 0

    def type_of(self, sha: str) -> str | None:
        """blob, tree, commit or tag; None when there is no such object or it is no full SHA."""
        if not _FULL_SHA.fullmatch(sha):
            return None
        done = self.attempt("cat-file", "-t", sha)
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether *newer* contains *older*."""
        return self.attempt("merge-base", "--is-ancestor", older, newer).returncode == 0

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor."""
        done = self.attempt("merge-base", one, other)
        return done.stdout.decode().strip() or None

    def count(self, revisions: str) -> int:
        """How many commits *revisions* (`a..b`) has."""
        return int(self.text("rev-list", "--count", revisions))

    def log(self, *revisions: str, limit: int | None = None, reverse: bool = True) -> list[Commit]:
        """The commits of *revisions*, oldest first unless told otherwise."""
        form = "%H%x00%T%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B%x00%x01"
        options = [f"--max-count={limit}"] if limit else []
        options += ["--reverse", "--topo-order"] if reverse else []
        printed = self.run("log", f"--format={form}", *options, *revisions, "--")
        records = printed.decode(errors="replace").split("\x00\x01")
        return [_commit(record.lstrip("\n")) for record in records if record.strip()]

    def commit(self, sha: str) -> Commit:
        """The commit *sha*; GitError when there is none."""
        return self.log(sha, limit=1)[0]

    def changed_paths(self, old: str, new: str) -> list[str]:
        """The paths that differ between two trees or commits."""
        printed = self.run("diff", "--name-only", "--no-renames", "-z", old, new)
        return [path for path in printed.decode(errors="replace").split("\x00") if path]

    # Objects

    def read_blob(self, sha: str) -> bytes:
        """The content of blob *sha*."""
        return self.run("cat-file", "blob", sha)

    def write_blob(self, content: bytes) -> str:
        """The SHA of a new blob."""
        return self.run("hash-object", "-w", "--stdin", stdin=content).decode().strip()

    def tree(self, name: str, *, recursive: bool = False, path: str = "") -> list[TreeEntry]:
        """The entries of a tree or commit, at *path* in it when given."""
        options = ["-r", "-t"] if recursive else []
        printed = self.run("ls-tree", "-z", "--long", *options, f"{name}:{path}" if path else name)
        return [_entry(line) for line in printed.decode(errors="replace").split("\x00") if line]

    def find_entry(self, commit: str, path: str) -> TreeEntry | None:
        """What is at *path* in *commit*."""
        done = self.attempt("ls-tree", "-z", "--long", commit, "--", path)
        lines = [line for line in done.stdout.decode(errors="replace").split("\x00") if line]
        return _entry(lines[0]) if lines else None

    def write_tree(self, base: str | None, changes: Sequence[tuple[str, str, str | None]]) -> str:
        """
        *base* with *changes* (mode, path, SHA or None to delete) as a new tree's SHA.

        Raises:
            GitError: a path or an object that git refuses.
        """
        index = self.git_dir / f"index.{os.getpid()}.{id(changes)}"
        env = {"GIT_INDEX_FILE": str(index)}
        try:
            self.run("read-tree", *([base] if base else ["--empty"]), env=env)
            lines = (
                f"{mode} {sha}\t{path}\0" if sha else f"0 {ZERO}\t{path}\0"
                for mode, path, sha in changes
            )
            self.run("update-index", "-z", "--index-info", stdin="".join(lines).encode(), env=env)
            return self.run("write-tree", env=env).decode().strip()
        finally:
            index.unlink(missing_ok=True)

    def commit_tree(
        self,
        tree: str,
        parents: Sequence[str],
        message: str,
        *,
        author: Signature,
        committer: Signature,
    ) -> str:
        """The SHA of a new commit; dates are ISO 8601."""
        options = [argument for parent in parents for argument in ("-p", parent)]
        env = {
            "GIT_AUTHOR_NAME": author.name,
            "GIT_AUTHOR_EMAIL": author.email,
            "GIT_AUTHOR_DATE": author.date,
            "GIT_COMMITTER_NAME": committer.name,
            "GIT_COMMITTER_EMAIL": committer.email,
            "GIT_COMMITTER_DATE": committer.date,
        }
        done = self.run("commit-tree", tree, *options, stdin=message.encode(), env=env)
        return done.decode().strip()

    def commit_files(
        self,
        files: Mapping[str, str | bytes | None],
        *,
        parent: str | None,
        message: str,
        author: User,
        when: datetime,
        executable: Sequence[str] = (),
    ) -> str:
        """A commit on *parent* that writes *files* (None deletes one)."""
        changes: list[tuple[str, str, str | None]] = []
        for path, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            mode = "100755" if path in executable else "100644"
            changes.append((mode, path, None if raw is None else self.write_blob(raw)))
        tree = self.write_tree(parent, changes)
        parents = [parent] if parent else []
        return self.commit_tree(
            tree, parents, message, author=signature(author, when), committer=web_flow(when)
        )

    def merge_tree(self, ours: str, theirs: str) -> tuple[str, bool]:
        """The tree of a merge and whether it is free of conflicts."""
        done = self.attempt("merge-tree", "--write-tree", ours, theirs)
        if done.returncode > 1:
            raise GitError(done.stderr.decode(errors="replace").strip())
        return done.stdout.decode().splitlines()[0], done.returncode == 0


def signature(user: User, when: datetime) -> Signature:
    """*user* as author of a commit that is made through the API."""
    return Signature(user.name or user.login, user.email, when.isoformat(timespec="seconds"))


def web_flow(when: datetime) -> Signature:
    """The committer of commits made on github.com."""
    return Signature(*WEB_FLOW, when.isoformat(timespec="seconds"))


def _commit(record: str) -> Commit:
    sha, tree, parents, *rest, message = record.split("\x00", 9)
    author, committer = Signature(*rest[:3]), Signature(*rest[3:6])
    return Commit(sha, tree, tuple(parents.split()), author, committer, message.rstrip("\n"))


def _entry(line: str) -> TreeEntry:
    facts, _, path = line.partition("\t")
    mode, kind, sha, size = facts.split()
    return TreeEntry(mode, kind, sha, None if size == "-" else int(size), path)
