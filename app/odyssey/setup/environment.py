"""
The virtual environment of a checkout: made, filled from the lock file, kept up to date.

Runs before any dependency exists, with the machine's own Python: standard library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from odyssey.setup.debian import NotInstalled, install_packages

OLDEST_PYTHON = (3, 11)
UV = "uv>=0.5,<1"
STEP_TIME_LIMIT_S = 3600
SPACE_WANTED_GB = 8

CERTIFICATE_BUNDLES = (
    Path("/etc/ssl/certs/ca-certificates.crt"),  # Debian
    Path("/etc/pki/tls/certs/ca-bundle.crt"),  # Fedora
)

LOCK = Path("deploy/requirements.lock")
RUNTIME_LOCK = Path("deploy/requirements.runtime.lock")
PROJECT = Path("pyproject.toml")

# PyTorch's Linux wheels on the public index need NVIDIA's libraries even on a machine without
# a graphics card; its build without them is only on PyTorch's own index.
FIRST_TIME = (
    "fetching the dependencies; the first time about 3 GB, most of it PyTorch and the NVIDIA "
    "libraries its Linux build is linked with"
)


class EnvironmentNotReady(Exception):
    """
    The virtual environment could not be made or filled; the message says what to do.
    """


def say(line: str) -> None:
    """
    One line of progress, at once, also where the output is not a terminal.
    """
    sys.stdout.write(f"setup: {line}\n")
    sys.stdout.flush()


def ensure_environment(root: Path) -> None:
    """
    `root/.venv` with every locked dependency and the project itself, editable.

    Does nothing when the lock, the project file and the interpreter are those of the last
    time. May be interrupted at any point and repeated.

    Raises:
        EnvironmentNotReady: what is missing cannot be had here.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise EnvironmentNotReady("Python 3.11 or newer is needed: apt-get install python3.11")
    venv = root / ".venv"
    python = venv / "bin" / "python"
    with (root / PROJECT).open("rb") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        stamp = venv / "filled-from"
        if _runs(python) and stamp.exists() and stamp.read_text() == _wanted(root, python):
            return
        started = time.monotonic()
        if not _runs(python):
            _make(venv)
        _fill(root, python)
        stamp.write_text(_wanted(root, python))
        say(f".venv is ready ({time.monotonic() - started:.0f} s)")


def write_locks(root: Path) -> None:
    """
    Resolve the dependencies anew, for every supported Python and platform, into both lock files.
    """
    ensure_environment(root)
    uv = str(root / ".venv" / "bin" / "uv")
    command = [uv, "pip", "compile", str(PROJECT), "--universal", "--python-version", "3.11"]
    command += ["--generate-hashes", "--quiet", "--custom-compile-command", "make lock"]
    # The index and the folders of the machine that resolves are nobody else's business.
    command += ["--no-emit-index-url", "--no-emit-find-links"]
    everything = [*command, "--upgrade", "--extra", "dev", "--output-file", str(LOCK)]
    _run(everything, root, "resolving the dependencies")
    served = [*command, "--extra", "weights", "--constraint", str(LOCK)]
    _run([*served, "--output-file", str(RUNTIME_LOCK)], root, "resolving those of the image")


def _wanted(root: Path, python: Path) -> str:
    content = (root / LOCK).read_bytes() + (root / PROJECT).read_bytes()
    return f"{hashlib.sha256(content).hexdigest()} {python.resolve()} {root.resolve()}\n"


def _runs(python: Path) -> bool:
    if not python.exists():
        return False
    check = f"import sys, pip; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    done = subprocess.run([python, "-c", check], capture_output=True, timeout=60, check=False)
    return done.returncode == 0


def _make(venv: Path) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    say(f"making .venv with Python {version} of {sys.base_prefix}")
    free_gb = shutil.disk_usage(venv.parent).free / 1e9
    if free_gb < SPACE_WANTED_GB:
        raise EnvironmentNotReady(
            f"{free_gb:.1f} GB free in {venv.parent}, {SPACE_WANTED_GB} GB are needed: make room"
        )
    if not _has_ensurepip():
        # Debian keeps ensurepip in a package of its own.
        say("this Python cannot make virtual environments yet: installing Debian's python3-venv")
        try:
            install_packages([f"python{version}-venv"])
        except NotInstalled as reason:
            raise EnvironmentNotReady(str(reason)) from reason
    _run([sys.executable, "-m", "venv", "--clear", str(venv)], venv.parent, "making .venv")


def _has_ensurepip() -> bool:
    check = [sys.executable, "-c", "import ensurepip, venv"]
    return subprocess.run(check, capture_output=True, timeout=60, check=False).returncode == 0


def _fill(root: Path, python: Path) -> None:
    pip = [str(python), "-m", "pip"]
    if not _has_uv(python):
        try:
            _run([*pip, "install", "--quiet", UV], root, "installing uv")
        except EnvironmentNotReady:
            say("no uv for this machine: plain pip does it too, more slowly")
    installer = [str(python.parent / "uv"), "pip"] if _has_uv(python) else pip
    if not any((root / ".venv" / "lib").glob("python*/site-packages/torch")):
        say(FIRST_TIME)
    _run([*installer, "install", "--require-hashes", "-r", str(LOCK)], root, "dependencies")
    _run([*installer, "install", "--no-deps", "--editable", "."], root, "the project")


def _has_uv(python: Path) -> bool:
    return (python.parent / "uv").exists()


def _run(command: Sequence[str], root: Path, what: str) -> None:
    """
    Run *command* with its output shown, once more if it fails: networks drop.
    """
    for attempt in (1, 2):
        try:
            subprocess.run(
                command,
                cwd=root,
                env=_installer_environment(root),
                check=True,
                timeout=STEP_TIME_LIMIT_S,
            )
            return
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            if attempt == 2:
                raise EnvironmentNotReady(
                    f"{what} failed twice; the reason is above, `make setup` tries again"
                ) from error
            say(f"{what} failed; once more")


def _installer_environment(root: Path) -> dict[str, str]:
    """
    The environment for pip and uv: uv is told what pip is told by its own variables.
    """
    environment = dict(os.environ)
    environment.pop("PYTHONPATH", None)
    environment["VIRTUAL_ENV"] = str(root / ".venv")
    environment.setdefault("UV_HTTP_TIMEOUT", "180")
    if any(bundle.exists() for bundle in CERTIFICATE_BUNDLES):
        environment.setdefault("UV_SYSTEM_CERTS", "true")  # a company's own authority counts
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    if "PIP_INDEX_URL" in environment:
        environment.setdefault("UV_DEFAULT_INDEX", environment["PIP_INDEX_URL"])
    if "PIP_CERT" in environment:
        environment.setdefault("SSL_CERT_FILE", environment["PIP_CERT"])
    return environment


def main(arguments: Sequence[str]) -> int:
    """
    `python -m odyssey.setup.environment [lock]`, from the root of a checkout.
    """
    root = Path.cwd()
    try:
        if list(arguments) == ["lock"]:
            write_locks(root)
        else:
            ensure_environment(root)
    except EnvironmentNotReady as reason:
        say(f"not done: {reason}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
