"""
The image that Dockerfiles of Python services start from: present, pulled, or built here.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from odyssey.setup.base_image_files import Interpreter, NotBuildable, write_image

PYTHON_IMAGE = "python:3.11-slim"
STAND_IN_LABEL = "odyssey.base-image"
STAND_IN = "local stand-in, not the official image"

ASK_TIME_LIMIT_S = 30
PULL_TIME_LIMIT_S = 180
BUILD_TIME_LIMIT_S = 300


class NoBaseImage(Exception):
    """
    The image is not here, cannot be pulled and cannot be built; the message says why.
    """


def ensure_python_image(say: Callable[[str], None], *, tag: str = PYTHON_IMAGE) -> str:
    """
    What *tag* is on this machine's engine, in words; pulled, else built, where it is missing.

    What is built has the layout of the official image (Python in /usr/local/bin with pip, a
    shell and the usual small tools), is made of this machine's own Python and programs
    without any network, and says in a label that it is a stand-in.

    Raises:
        NoBaseImage: it can neither be pulled nor built here.
    """
    found = describe_image(tag)
    if found is not None:
        return found
    say(f"fetching the base image {tag}")
    complaint = _pull(tag)
    found = describe_image(tag)
    if found is not None:
        return found
    say(f"{tag} cannot be pulled ({complaint}): building a stand-in from this machine's Python")
    build_python_image(tag=tag)
    found = describe_image(tag)
    if found is None:
        raise NoBaseImage(f"{tag} was built but the engine does not show it: docker images")
    return found


def describe_image(tag: str) -> str | None:
    """
    `<tag>, pulled` or `<tag>, built locally: not the official image`; None when it is missing.
    """
    form = f'{{{{index .Config.Labels "{STAND_IN_LABEL}"}}}}'
    done = _docker(["image", "inspect", "--format", form, tag], timeout_s=ASK_TIME_LIMIT_S)
    if done.returncode != 0:
        return None
    is_stand_in = done.stdout.strip() == STAND_IN
    return f"{tag}, " + ("built locally: not the official image" if is_stand_in else "present")


def build_python_image(*, tag: str = PYTHON_IMAGE, interpreter: Interpreter | None = None) -> None:
    """
    Build the stand-in for *tag* from *interpreter*, by default the nearest to Python 3.11 here.

    Raises:
        NoBaseImage: this machine's Python does not run inside a Linux container, or the engine
            refused the import.
    """
    try:
        interpreter = interpreter or Interpreter.nearest_to("3.11")
    except NotBuildable as reason:
        raise NoBaseImage(f"{reason}; on a machine with internet: docker pull {tag}") from reason
    changes = [
        "ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
        "ENV LANG=C.UTF-8",
        f"ENV PYTHON_VERSION={interpreter.full_version}",
        'CMD ["python3"]',
        f'LABEL {STAND_IN_LABEL}="{STAND_IN}"',
    ]
    command = ["docker", "import", "--message", STAND_IN]
    command += [word for change in changes for word in ("--change", change)]
    process = subprocess.Popen(
        [*command, "-", tag],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stderr is not None
    try:
        with process.stdin as pipe:
            write_image(pipe, interpreter)
        process.wait(timeout=BUILD_TIME_LIMIT_S)
    except (BrokenPipeError, subprocess.TimeoutExpired) as error:
        said = process.stderr.read().decode(errors="replace").strip()
        raise NoBaseImage(f"docker import broke off: {said or error}") from error
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode != 0:
        said = process.stderr.read().decode(errors="replace").strip()
        raise NoBaseImage(f"docker import failed: {said}")


def _pull(tag: str) -> str:
    """
    Pull *tag*; why it failed, or nothing.
    """
    command = ["docker", "pull", "--quiet", tag]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PULL_TIME_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not done in {PULL_TIME_LIMIT_S} s"
    # The engine nests its reasons: `Get "https://...": dial tcp: lookup ...: no such host`.
    return done.stderr.strip().rsplit(": ", 1)[-1] or "no reason given"


def _docker(arguments: list[str], *, timeout_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise NoBaseImage(f"the engine did not answer `docker {arguments[0]}`: {error}") from error
