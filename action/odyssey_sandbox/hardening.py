"""
What holds the container: every limit as an option of the engine, and as a fact for the report.
"""

from __future__ import annotations

from odyssey_sandbox.engine import Engine
from odyssey_sandbox.inputs import SandboxSettings
from odyssey_sandbox.names import LABEL, RunId

_OPEN_FILES = 4096


def hardening(settings: SandboxSettings, engine: Engine, run: RunId) -> list[str]:
    """
    The options of `run` that hold any container of *run*, the application's or a side one's.
    """
    options = [
        "--label",
        f"{LABEL}={run}",
        "--cap-drop",
        "ALL",
        "--memory",
        str(settings.memory),
        # Without this the container may swap as much again.
        "--memory-swap",
        str(settings.memory),
        "--cpus",
        f"{settings.cpus:g}",
        "--pids-limit",
        str(settings.pids),
        "--ulimit",
        f"fsize={settings.file_size}:{settings.file_size}",
        "--ulimit",
        f"nofile={_OPEN_FILES}:{_OPEN_FILES}",
        "--ulimit",
        "core=0:0",
        "--ipc",
        "private",
        "--shm-size",
        "64m",
        "--stop-timeout",
        "1",
        *_log_options(engine),
    ]
    if engine.name == "podman":
        # Without CAP_SYS_RESOURCE runc cannot set podman's own default, which is higher.
        options += ["--ulimit", f"nproc={_OPEN_FILES}:{_OPEN_FILES}"]
    if settings.no_new_privileges:
        options += ["--security-opt", "no-new-privileges"]
    return options


def application(settings: SandboxSettings) -> list[str]:
    """
    The options of `run` for the application's own container, beside `hardening`.
    """
    options = ["--read-only", "--init", "--hostname", "sandbox"]
    for each in settings.tmpfs:
        options += ["--tmpfs", f"{each.path}:{each.options}"]
    if settings.user != "image":
        options += ["--user", settings.user]
    for variable in ("HOME=/tmp", "ODYSSEY_SANDBOX=1", *settings.env):
        options += ["--env", variable]
    return options


def limits(settings: SandboxSettings) -> dict[str, object]:
    """
    The limits in force, for the report: bytes and seconds, as numbers.
    """
    return {
        "memory": settings.memory,
        "memory_swap": settings.memory,
        "cpus": settings.cpus,
        "pids": settings.pids,
        "file_size": settings.file_size,
        "open_files": _OPEN_FILES,
        "tmpfs": {each.path: each.options for each in settings.tmpfs},
        "network": settings.network,
        "user": settings.user,
        "read_only": True,
        "capabilities": [],
        "no_new_privileges": settings.no_new_privileges,
        "seccomp": "default",
        "max_output": settings.max_output,
        "max_image_size": settings.max_image_size,
        "build_memory": settings.build_memory,
        "build_network": settings.build_network,
        "timeouts": {
            "total": settings.timeout_s,
            "build": settings.build_timeout_s,
            "health": settings.health_timeout_s,
            "tests": settings.test_timeout_s,
        },
    }


def _log_options(engine: Engine) -> list[str]:
    # What the container prints is kept by the engine on the runner's disk: bounded here.
    if engine.name == "podman":
        return ["--log-driver", "k8s-file", "--log-opt", "max-size=4mb"]
    size = ["--log-opt", "max-size=4m", "--log-opt", "max-file=2"]
    return ["--log-driver", "json-file", *size]
