"""
What a machine needs beside Python packages: git, a container engine, a server, a base image.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable

from odyssey.setup.base_images import NoBaseImage, ensure_python_image
from odyssey.setup.debian import NotInstalled, install_packages
from odyssey.setup.engine import NoEngine, ensure_engine
from odyssey.setup.redis_server import find_server

Say = Callable[[str], None]


def ensure_git(say: Say) -> str:
    """
    Where git is; installed first where that is ours to do.
    """
    if shutil.which("git") is None:
        say("git is missing: installing it")
        install_packages(["git", "ca-certificates"])
    return shutil.which("git") or "git"


def ensure_redis_server(say: Say) -> str:
    """
    Where a Redis or Valkey server is; Debian's is installed where none is found.
    """
    found = find_server()
    if found is None:
        say("no Redis or Valkey server: installing Debian's redis-server")
        install_packages(["redis-server"])
        found = find_server()
    if found is None:
        raise NotInstalled("redis-server was installed but is not on PATH: see its packages' files")
    return str(found)


def ensure_podman(say: Say) -> str:
    """
    Where podman is, the second engine the Action knows; only its own tests need it.
    """
    if shutil.which("podman") is None:
        say("podman is missing, and its tests with it: installing it")
        # catatonit is what podman's `--init` runs; podman only recommends it.
        install_packages(["podman", "catatonit"])
    return shutil.which("podman") or "podman"


STEPS: tuple[tuple[str, Callable[[Say], str]], ...] = (
    ("git", ensure_git),
    ("engine", ensure_engine),
    ("redis", ensure_redis_server),
    ("base image", ensure_python_image),
)


def set_up_for_tests(say: Say) -> None:
    """
    What only tests use; where it cannot be had they are left out, and this says so.
    """
    try:
        say(f"podman: {ensure_podman(say)}")
    except NotInstalled as reason:
        say(f"podman: left out, with the tests that need it. {reason}")


def set_up(say: Say) -> bool:
    """
    Take every step and say how it went; true when all of them succeeded.

    A step that fails does not keep the next from being tried, except that there is no base
    image without an engine.
    """
    failed: list[str] = []
    for name, step in STEPS:
        if name == "base image" and "engine" in failed:
            say("base image: left out, it needs the engine")
            continue
        started = time.monotonic()
        try:
            found = step(say)
        except (NoEngine, NotInstalled, NoBaseImage) as reason:
            failed.append(name)
            say(f"{name}: MISSING. {reason}")
            continue
        seconds = time.monotonic() - started
        say(f"{name}: {found}" + (f" ({seconds:.1f} s)" if seconds > 1 else ""))
    if failed:
        say(f"not done: {', '.join(failed)}; mend that, then run it again")
    return not failed
