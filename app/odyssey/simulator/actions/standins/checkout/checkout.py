"""
A stand-in for actions/checkout: git and the standard library, no Node.

Fetches over smart HTTP from `$GITHUB_SERVER_URL`. The token goes to git through the environment,
so that it is neither on a command line nor, unless asked for, in a file.
"""

# ruff: noqa: T201  # standard output is how an action speaks to its runner

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

INPUTS = ("REPOSITORY", "REF", "PATH", "TOKEN", "FETCH_DEPTH", "PERSIST_CREDENTIALS")
SHA = re.compile(r"[0-9a-fA-F]{40}")


def main() -> None:
    """Check out what the inputs name; exit with status 1 and an `::error::` when impossible."""
    given = {name: os.environ.get(f"STANDIN_{name}", "").strip() for name in INPUTS}
    repository = given["REPOSITORY"] or os.environ["GITHUB_REPOSITORY"]
    print(f"offline stand-in for actions/checkout: {repository}", flush=True)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        fail(f"Invalid repository '{repository}'. Expected format {{owner}}/{{repo}}.")
    if not given["FETCH_DEPTH"].isdigit():
        fail(f"fetch-depth must be a whole number, not '{given['FETCH_DEPTH']}'")

    workspace = Path(os.environ["GITHUB_WORKSPACE"]).resolve()
    folder = (workspace / given["PATH"]).resolve()
    if not folder.is_relative_to(workspace):
        fail(f"Repository path '{folder}' is not under '{workspace}'")
    empty(folder)

    server = os.environ["GITHUB_SERVER_URL"].rstrip("/")
    secret = base64.b64encode(f"x-access-token:{given['TOKEN']}".encode()).decode()
    header = f"AUTHORIZATION: basic {secret}"
    print(f"::add-mask::{secret}", flush=True)
    git = Git(folder, {f"http.{server}/.extraheader": header} if given["TOKEN"] else {})
    git.run("init", "--quiet")
    git.run("remote", "add", "origin", f"{server}/{repository}")
    start = fetch(git, repository, given["REF"], int(given["FETCH_DEPTH"]))
    git.run("checkout", "--quiet", "--force", *start)

    if given["PERSIST_CREDENTIALS"].lower() != "false" and given["TOKEN"]:
        git.run("config", "--local", f"http.{server}/.extraheader", header)
    commit = git.read("rev-parse", "HEAD")
    print(git.read("log", "-1", "--format=HEAD is now at %h %s"), flush=True)
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"ref={given['REF']}\ncommit={commit}\n")


def fetch(git: Git, repository: str, ref: str, depth: int) -> list[str]:
    """Fetch *ref*; the arguments that make `git checkout` start from it."""
    depths = ["--depth", str(depth)] if depth else []
    if not depth:
        git.run("fetch", "--quiet", "origin", "+refs/heads/*:refs/remotes/origin/*", "--tags")
    if not ref and repository == os.environ["GITHUB_REPOSITORY"]:
        sha, name = os.environ["GITHUB_SHA"], os.environ.get("GITHUB_REF", "")
        git.run("fetch", "--quiet", "--no-tags", *depths, "origin", sha)
        if name.startswith("refs/heads/"):
            return ["-B", name.removeprefix("refs/heads/"), sha]
        return ["--detach", sha]
    if SHA.fullmatch(ref):
        git.run("fetch", "--quiet", "--no-tags", *depths, "origin", ref)
        return ["--detach", ref]
    if not ref:
        git.run("fetch", "--quiet", "--no-tags", *depths, "origin", "HEAD")
        return ["--detach", "FETCH_HEAD"]
    candidates = [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
    for candidate in candidates:
        if git.tries("fetch", "--quiet", "--no-tags", *depths, "origin", candidate):
            if candidate.startswith("refs/heads/"):
                branch = candidate.removeprefix("refs/heads/")
                git.run("update-ref", f"refs/remotes/origin/{branch}", "FETCH_HEAD")
                return ["-B", branch, "FETCH_HEAD"]
            return ["--detach", "FETCH_HEAD"]
    return fail(f"A branch or tag with the name '{ref}' could not be found in {repository}")


class Git:
    """git in one folder, with settings that live in the environment only."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._folder = folder
        self._environment = os.environ | {
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_CONFIG_COUNT": str(len(settings)),
        }
        for index, (key, value) in enumerate(settings.items()):
            self._environment[f"GIT_CONFIG_KEY_{index}"] = key
            self._environment[f"GIT_CONFIG_VALUE_{index}"] = value

    def _start(self, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", "-c", "advice.detachedHead=false", *arguments],
            cwd=self._folder, env=self._environment, text=True, check=False,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def tries(self, *arguments: str) -> bool:
        """Whether git did it; what it said is printed only when it did not and matters."""
        done = self._start(arguments)
        if done.returncode and "couldn't find remote ref" not in done.stdout:
            print(done.stdout, flush=True)
        return done.returncode == 0

    def run(self, *arguments: str) -> None:
        """Have git do it, or fail the step with git's own words."""
        done = self._start(arguments)
        if done.returncode:
            print(done.stdout, flush=True)
            reason = (done.stdout.strip().splitlines() or ["no output"])[-1]
            fail(f"'git {arguments[0]}' failed with exit code {done.returncode}: {reason}")

    def read(self, *arguments: str) -> str:
        """What git answers, without the last newline."""
        return self._start(arguments).stdout.strip()


def empty(folder: Path) -> None:
    """Make *folder* an empty folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def fail(message: str) -> NoReturn:
    """End the step."""
    print(f"::error::{message}", flush=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
