"""
The container engine: asked, installed from Debian's packages, started, waited for.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from odyssey.setup.debian import NotInstalled, install_packages, may_install

ASK_TIME_LIMIT_S = 10
START_TIME_LIMIT_S = 60

PID_FILE = Path("/var/run/docker.pid")
LOG = Path("/var/log/dockerd.log")
TELLING = re.compile(r"level=(error|fatal)|^panic:|^failed |^fatal", re.IGNORECASE)

INSTRUCTIONS = {
    "debian": "sudo apt-get install docker.io && sudo usermod -aG docker $USER, then log in anew",
    "fedora": "sudo dnf install moby-engine && sudo systemctl enable --now docker && "
    "sudo usermod -aG docker $USER, then log in anew",
    "darwin": "install Docker Desktop, or: brew install colima docker && colima start",
}


class NoEngine(Exception):
    """
    No container engine answers and none could be started; the message says what to do.
    """


def engine_version(*, timeout_s: float = ASK_TIME_LIMIT_S) -> str | None:
    """
    The version of the engine that answers the `docker` command, or None when none does.
    """
    version, _ = _ask(timeout_s)
    return version


def ensure_engine(say: Callable[[str], None]) -> str:
    """
    The version of an engine that answers; installed and started first where that is ours to do.

    It is ours as root on Debian and its relatives. An engine started here keeps running after
    this process; one that does not answer within 60 s is ended again.

    Raises:
        NoEngine: none answers; the message holds the commands for this system.
    """
    version, complaint = _ask(ASK_TIME_LIMIT_S)
    if version is not None:
        return version
    if "permission denied" in complaint.lower():
        raise NoEngine(
            "the engine is there, but this user may not use it: "
            "sudo usermod -aG docker $USER, then log in anew"
        )
    if os.environ.get("DOCKER_HOST"):
        raise NoEngine(f"DOCKER_HOST={os.environ['DOCKER_HOST']} does not answer: {complaint}")
    if not may_install():
        raise NoEngine(f"no container engine answers: {instructions()}")
    if shutil.which("dockerd") is None or shutil.which("docker") is None:
        say("no container engine on this machine: installing Debian's docker.io")
        try:
            install_packages(["docker.io"])
            if shutil.which("docker") is None:  # Debian 13 has the client apart
                install_packages(["docker-cli"])
        except NotInstalled as reason:
            raise NoEngine(str(reason)) from reason
    version, _ = _ask(ASK_TIME_LIMIT_S)
    return version or _start(say)


def instructions() -> str:
    """
    The commands that install an engine on this kind of system.
    """
    if sys.platform == "darwin":
        return INSTRUCTIONS["darwin"]
    return INSTRUCTIONS["fedora" if shutil.which("dnf") else "debian"]


def _ask(timeout_s: float) -> tuple[str | None, str]:
    command = ["docker", "info", "--format", "{{.ServerVersion}}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except FileNotFoundError:
        return None, "there is no docker command"
    except subprocess.TimeoutExpired:
        return None, f"docker info gave no answer in {timeout_s:g} s"
    version = done.stdout.strip()
    return (version if done.returncode == 0 and version else None), done.stderr.strip()


def _start(say: Callable[[str], None]) -> str:
    if Path("/run/systemd/system").is_dir():
        say("starting the engine (systemctl start docker)")
        subprocess.run(["systemctl", "start", "docker"], timeout=START_TIME_LIMIT_S, check=False)
        return _wait(None)
    if _is_running():
        say("the engine is starting")
        return _wait(None)
    # A number left by an engine that was killed may belong to another program by now; dockerd
    # would take that program for itself and refuse to start.
    PID_FILE.unlink(missing_ok=True)
    say(f"starting the engine (dockerd, its log is {LOG})")
    with LOG.open("ab") as log:
        log_start = log.tell()
        dockerd = subprocess.Popen(
            ["dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
    return _wait(dockerd, log_start=log_start)


def _is_running() -> bool:
    try:
        status = Path(f"/proc/{int(PID_FILE.read_text())}/status").read_text()
    except (OSError, ValueError):
        return False
    # One that was killed stays in the table, as a zombie, until somebody asks for its status.
    return status.startswith("Name:\tdockerd\n") and "\nState:\tZ" not in status


def _wait(dockerd: subprocess.Popen[bytes] | None, *, log_start: int = 0) -> str:
    complaint = f"no answer in {START_TIME_LIMIT_S} s"
    give_up_at = time.monotonic() + START_TIME_LIMIT_S
    while time.monotonic() < give_up_at:
        version, _ = _ask(ASK_TIME_LIMIT_S)
        if version is not None:
            return version
        if dockerd is not None and dockerd.poll() is not None:
            complaint = f"dockerd ended with status {dockerd.returncode}"
            break
        time.sleep(0.2)
    if dockerd is not None and dockerd.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(dockerd.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            dockerd.wait(timeout=20)
    raise NoEngine(f"the engine did not start: {complaint}\n{_end_of_log(log_start)}")


def _end_of_log(start: int) -> str:
    if not LOG.exists():
        return "it left no log; try: sudo dockerd"
    lines = LOG.read_bytes()[start:].decode(errors="replace").splitlines()
    telling = [line for line in lines if TELLING.search(line)][-5:]
    return "\n".join([f"the end of {LOG}:", *(telling or lines[-8:])])
