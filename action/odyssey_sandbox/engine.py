"""
docker or podman, by argument arrays; the environment it gets is a short list of names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from odyssey_sandbox.failures import ENGINE_FAILED, NO_ENGINE, Cause, Failure, failed
from odyssey_sandbox.inputs import Builder, EngineChoice
from odyssey_sandbox.logs import ClippedLog, clean
from odyssey_sandbox.socket_api import SocketApi, find_socket
from odyssey_sandbox.streaming import Ended, Watcher, stream

# What an engine's client needs to find its engine; tokens of the job are not among it.
_PASSED = (
    "PATH HOME USER LOGNAME LANG TMPDIR XDG_RUNTIME_DIR XDG_CONFIG_HOME DOCKER_HOST "
    "DOCKER_CONTEXT DOCKER_CONFIG DOCKER_CERT_PATH DOCKER_TLS_VERIFY CONTAINER_HOST "
    "CONTAINERS_CONF REGISTRY_AUTH_FILE"
).split()
_CACHE_VARIABLES = (
    "ACTIONS_CACHE_URL",
    "ACTIONS_RESULTS_URL",
    "ACTIONS_RUNTIME_TOKEN",
    "ACTIONS_CACHE_SERVICE_V2",
)
_CALL_TIMEOUT_S = 120.0


class EngineError(Exception):
    """
    The engine is missing or did not do what it was told; `failure` is ready to be reported.
    """

    def __init__(self, problem: str, cause: Cause = ENGINE_FAILED) -> None:
        self.failure: Failure = failed(cause, problem=problem)
        super().__init__(self.failure.reason)


@dataclass(frozen=True, slots=True)
class Completed:
    """
    What a short engine command answered; texts are cleaned.
    """

    exit_code: int
    output: str
    errors: str

    @property
    def problem(self) -> str:
        """
        The last line of the error text, or the exit code.
        """
        lines = [line for line in self.errors.splitlines() if line.strip()]
        return lines[-1][:400] if lines else f"exit code {self.exit_code}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """
    One engine: the program with the options that come before every command.

    `has_buildx` says whether docker's client can use BuildKit by itself.
    """

    name: Literal["docker", "podman"]
    program: tuple[str, ...]
    version: str
    has_buildx: bool
    has_embedded_buildkit: bool
    environ: Mapping[str, str] = field(repr=False)
    cache_environ: Mapping[str, str] = field(repr=False, default_factory=dict)
    watched: Watcher | None = field(repr=False, default=None)
    api: SocketApi | None = None

    def run(self, *arguments: str, timeout_s: float = _CALL_TIMEOUT_S) -> Completed:
        """
        Run a short command; an exit code that is not zero is an answer, not an error.

        Raises:
            EngineError: no answer within *timeout_s*.
        """
        try:
            done = subprocess.run(
                [*self.program, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=dict(self.environ),
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise EngineError(f"`{self.name} {arguments[0]}` did not answer") from error
        except OSError as error:
            raise EngineError(f"{self.program[0]}: {error.strerror}") from error
        return Completed(done.returncode, clean(done.stdout), clean(done.stderr))

    def exec(self, container: str, command: Sequence[str], *, timeout_s: float) -> Completed:
        """
        Run a short *command* in a container; one that takes too long has the exit code 124.

        What it prints is kept up to 16 KB, since it comes from the untrusted side.
        """
        log = ClippedLog(head=8192, tail=8192)
        ended = self.stream(
            "exec", container, *command, log=log, timeout_s=timeout_s, max_output=1024 * 1024
        )
        code = 124 if ended.exit_code is None else ended.exit_code
        said = "no answer in time" if ended.outcome == "timed_out" else log.text()
        return Completed(code, said, "")

    def must(self, *arguments: str) -> str:
        """
        The output of a short command that has to succeed.

        Raises:
            EngineError: it did not.
        """
        done = self.run(*arguments)
        if done.exit_code:
            raise EngineError(f"`{self.name} {arguments[0]}`: {done.problem}")
        return done.output

    def inspect(self, kind: Literal["container", "image"], name: str) -> dict[str, Any] | None:
        """
        Everything the engine knows of *name*; None where it does not exist.
        """
        if self.api is not None:
            answer = self.api.ask("GET", f"/{kind}s/{name}/json")
            if answer is not None and answer.status in (200, 404):
                return dict(answer.content) if answer.status == 200 else None
        done = self.run(kind, "inspect", name)
        if done.exit_code:
            return None
        found = json.loads(done.output)
        return dict(found[0]) if found else None

    def stream(
        self,
        *arguments: str,
        log: ClippedLog,
        timeout_s: float,
        max_output: int,
        watch: Callable[[bytes], str] | None = None,
        more_environ: Mapping[str, str] | None = None,
    ) -> Ended:
        """
        Run a long command with its output fed into *log*; see `streaming.stream`.
        """
        return stream(
            [*self.program, *arguments],
            log,
            environ={**self.environ, **(more_environ or {})},
            timeout_s=timeout_s,
            max_output=max_output,
            watch=watch,
            watcher=self.watched,
        )

    def remove(self, kind: Literal["container", "network", "image"], names: Sequence[str]) -> None:
        """
        Remove *names* by force, with a container's own volumes; what does not exist is no error.
        """
        left = [name for name in names if not self._remove_by_api(kind, name)]
        if not left:
            return
        match kind:
            case "container":
                self.run("rm", "--force", "--volumes", *left)
            case "network":
                self.run("network", "rm", *left)
            case "image":
                self.run("image", "rm", "--force", *left)

    def _remove_by_api(self, kind: str, name: str) -> bool:
        if self.api is None:
            return False
        query = {"container": {"force": "1", "v": "1"}, "image": {"force": "1"}}.get(kind, {})
        answer = self.api.ask("DELETE", f"/{kind}s/{name}", **query)
        return answer is not None and answer.status in (200, 204, 404)

    def tag(self, image: str, repository: str, tag: str) -> None:
        """
        Give *image* one more name.
        """
        if self.api is not None:
            answer = self.api.ask("POST", f"/images/{image}/tag", repo=repository, tag=tag)
            if answer is not None and answer.status == 201:
                return
        self.run("tag", image, f"{repository}:{tag}")

    def buildkit(self, wanted: Builder) -> bool | None:
        """
        Whether to build with BuildKit; None where *wanted* cannot be had.
        """
        if self.name == "podman":
            return None if wanted == "buildkit" else False
        match wanted:
            case "classic":
                return False
            case "buildkit":
                return True if self.has_buildx or self.has_embedded_buildkit else None
            case "auto":
                return self.has_buildx


def find_engine(
    wanted: EngineChoice, environ: Mapping[str, str], *, builder: Builder = "auto"
) -> Engine:
    """
    The first engine that answers, docker before podman, or exactly the one that is *wanted*.

    Only for the *builder* `buildkit` does the version of docker's client matter.

    Raises:
        EngineError: none answers.
    """
    passed = {name: environ[name] for name in _PASSED if name in environ}
    cache = {name: environ[name] for name in _CACHE_VARIABLES if name in environ}
    problems = []
    for name in ("docker", "podman") if wanted == "auto" else (wanted,):
        program = shutil.which(name, path=environ.get("PATH"))
        if program is None:
            problems.append(f"{name} is not on the PATH")
            continue
        try:
            if name == "podman":
                return _podman(program, passed)
            return _docker(program, passed, cache, needs_client=builder == "buildkit")
        except EngineError as error:
            problems.append(f"{name}: {error}")
    raise EngineError("; ".join(problems), NO_ENGINE)


def _docker(
    program: str, environ: Mapping[str, str], cache: Mapping[str, str], *, needs_client: bool
) -> Engine:
    api = find_socket(environ)
    has_buildx = _has_buildx(environ)
    answered = api.ask("GET", "/version") if api is not None and not needs_client else None
    if answered is not None and answered.status == 200:
        server, client = answered.content, "0"
    else:
        done = _ask([program, "version", "--format", "{{json .}}"], environ)
        answer = json.loads(done.output) if done.output.startswith("{") else {}
        server = answer.get("Server")
        if not server:
            raise EngineError(done.problem)
        client = str((answer.get("Client") or {}).get("Version", "0"))
    return Engine(
        name="docker",
        program=(program,),
        version=str(server.get("Version", "unknown")),
        has_buildx=has_buildx,
        # Clients before 23.0 speak to the engine's own BuildKit without a plugin.
        has_embedded_buildkit=0 < _major(client) < 23,
        environ=environ,
        cache_environ=cache,
        api=api,
    )


def _major(version: str) -> int:
    first = version.split(".")[0]
    return int(first) if first.isdigit() else 0


def _has_buildx(environ: Mapping[str, str]) -> bool:
    home = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "/")) / ".docker")
    places = ("/usr/local/lib", "/usr/local/libexec", "/usr/lib", "/usr/libexec")
    folders = [home, *(Path(place) / "docker" for place in places)]
    return any(os.access(each / "cli-plugins" / "docker-buildx", os.X_OK) for each in folders)


def _podman(program: str, environ: Mapping[str, str]) -> Engine:
    options: list[str] = []
    if not Path("/run/systemd/system").is_dir():
        # Without systemd its cgroup manager and its journal cannot be used.
        options += ["--cgroup-manager", "cgroupfs", "--events-backend", "file"]
    runc = shutil.which("runc", path=environ.get("PATH"))
    if runc and not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        # crun refuses the hybrid of cgroup v1 and an empty v2; runc takes it.
        options += ["--runtime", runc]
    done = _ask([program, *options, "version", "--format", "{{json .}}"], environ)
    answer = json.loads(done.output) if done.output.startswith("{") else {}
    client = answer.get("Client")
    if not client:
        raise EngineError(done.problem)
    return Engine(
        name="podman",
        program=(program, *options),
        version=str(client.get("Version", "unknown")),
        has_buildx=False,
        has_embedded_buildkit=False,
        environ=environ,
    )


def _ask(arguments: Sequence[str], environ: Mapping[str, str]) -> Completed:
    probe = Engine(
        name="docker",
        program=(arguments[0],),
        version="",
        has_buildx=False,
        has_embedded_buildkit=False,
        environ=environ,
    )
    return probe.run(*arguments[1:], timeout_s=20)
