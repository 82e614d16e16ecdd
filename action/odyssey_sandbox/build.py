"""
The build phase: the checkout's Dockerfile becomes an image, within limits of time, memory and size.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from odyssey_sandbox import failures
from odyssey_sandbox.buildwatch import BuildWatch
from odyssey_sandbox.dockerfile import forbidden
from odyssey_sandbox.engine import Engine
from odyssey_sandbox.failures import Cause, Failure, failed
from odyssey_sandbox.inputs import SandboxSettings
from odyssey_sandbox.logs import ClippedLog
from odyssey_sandbox.names import RunId
from odyssey_sandbox.quantities import show_duration, show_size
from odyssey_sandbox.report import Image
from odyssey_sandbox.staging import inside
from odyssey_sandbox.streaming import Ended

_NEEDS_BUILDKIT = re.compile(
    r"requires BuildKit|the --\w+ option requires BuildKit|unknown flag: (?:mount|link)"
)
_NO_BASE = re.compile(
    r"pull access denied|manifest (?:for \S+ )?(?:not found|unknown)|repository does not exist"
    r"|failed to resolve source metadata|failed to solve: .*: not found|no such host"
    r"|initializing source docker://|connection refused|Client\.Timeout"
)


@dataclass(frozen=True, slots=True)
class Built:
    """
    What the build gave: the image and what it exposes, or the failure.

    `exit_code` is the builder's, None where it was stopped or never started.
    """

    log: ClippedLog
    image: Image = field(default_factory=Image)
    ports: tuple[int, ...] = ()
    failure: Failure | None = None
    exit_code: int | None = None


def build(
    settings: SandboxSettings,
    folder: Path,
    *,
    engine: Engine,
    run: RunId,
    suffix: str = "",
    timeout_s: float,
) -> Built:
    """
    Build the staged checkout in *folder* and tag the image for *run*.

    Raises:
        EngineError: the engine broke down.
    """
    log = ClippedLog()
    found = _sources(settings, folder)
    if isinstance(found, Failure):
        return Built(log, failure=found)
    context, dockerfile = found
    if refused := forbidden(dockerfile):
        return Built(log, failure=refused)
    buildkit = engine.buildkit(settings.builder)
    if buildkit is None:
        return Built(log, failure=failed(failures.BUILD_NEEDS_BUILDKIT))
    tag = run.tag(suffix)
    watch = BuildWatch(engine, settings, is_classic=not buildkit)
    environ = dict(engine.cache_environ) if _reads_actions_cache(settings) else {}
    if engine.name == "docker":
        environ["DOCKER_BUILDKIT"] = "1" if buildkit else "0"
    ended = engine.stream(
        *_arguments(
            settings, engine, buildkit=buildkit, tag=tag, dockerfile=dockerfile, context=context
        ),
        log=log,
        timeout_s=timeout_s,
        max_output=settings.max_output,
        watch=watch,
        more_environ=environ,
    )
    facts = engine.inspect("image", tag) if ended.exit_code == 0 else None
    failure = _failure(settings, ended, log, timeout_s=timeout_s, is_built=facts is not None)
    if failure is None and facts is not None and int(facts["Size"]) > settings.max_image_size:
        failure = failed(failures.IMAGE_TOO_LARGE, limit=show_size(settings.max_image_size))
    if failure is not None or facts is None:
        watch.remove_leftovers(tag)
        return Built(log, failure=failure, exit_code=ended.exit_code)
    return Built(
        log,
        image=_image(facts, tag, source="built", cached_steps=watch.cached_steps),
        ports=exposed_ports(facts),
        exit_code=0,
    )


def fetch(settings: SandboxSettings, *, engine: Engine, timeout_s: float) -> Built:
    """
    The image that `image:` names, pulled where it is not here yet.
    """
    log = ClippedLog()
    facts = engine.inspect("image", settings.image)
    if facts is None:
        ended = engine.stream(
            "pull", settings.image, log=log, timeout_s=timeout_s, max_output=settings.max_output
        )
        facts = engine.inspect("image", settings.image) if ended.exit_code == 0 else None
        if facts is None:
            lines = log.text(settings.masks).strip().splitlines() or ["no answer in time"]
            failure = failed(
                failures.IMAGE_UNAVAILABLE, image=settings.image, problem=lines[-1][:300]
            )
            return Built(log, failure=failure, exit_code=ended.exit_code)
    image = _image(facts, settings.image, source="given")
    return Built(log, image=image, ports=exposed_ports(facts))


def exposed_ports(facts: dict[str, Any]) -> tuple[int, ...]:
    """
    The TCP ports that an image says it listens on, in ascending order.
    """
    declared = (facts.get("Config") or {}).get("ExposedPorts") or {}
    ports = [port.partition("/") for port in declared]
    return tuple(
        sorted(int(number) for number, _, kind in ports if number.isdigit() and kind in ("", "tcp"))
    )


def cache_tag(settings: SandboxSettings, folder: Path, image_id: str) -> str:
    """
    The tag that keeps the layers of *image_id*, built from *folder*, for the next run.

    Its first part is the same for the same Dockerfile; see `cleanup.forget_old_caches`.
    """
    found = _sources(settings, folder)
    text = b"" if isinstance(found, Failure) else found[1].read_bytes()
    key = hashlib.sha256(b"\0".join((text, settings.target.encode(), settings.context.encode())))
    digits = image_id.removeprefix("sha256:")
    return f"{key.hexdigest()[:16]}-{digits[:16]}"


def _sources(settings: SandboxSettings, folder: Path) -> tuple[Path, Path] | Failure:
    for path in (settings.context, settings.dockerfile):
        if Path(path).is_absolute() or ".." in Path(path).parts:
            return failed(failures.OUTSIDE_CHECKOUT, path=path)
    context, dockerfile = inside(folder, settings.context), inside(folder, settings.dockerfile)
    ignores = [f"{settings.context}/.dockerignore", f"{settings.dockerfile}.dockerignore"]
    for path, found in [
        (settings.context, context),
        (settings.dockerfile, dockerfile),
        *((path, inside(folder, path)) for path in ignores),
    ]:
        if found is None:
            return failed(failures.OUTSIDE_CHECKOUT, path=path)
    assert context is not None and dockerfile is not None
    if not dockerfile.is_file() or not context.is_dir():
        missing = settings.context if dockerfile.is_file() else settings.dockerfile
        return failed(failures.NO_DOCKERFILE, path=missing)
    return context, dockerfile


def _arguments(
    settings: SandboxSettings,
    engine: Engine,
    *,
    buildkit: bool,
    tag: str,
    dockerfile: Path,
    context: Path,
) -> list[str]:
    arguments = [
        "build",
        "--tag",
        tag,
        "--file",
        str(dockerfile),
        "--network",
        settings.build_network,
    ]
    if buildkit:
        arguments += ["--progress", "plain"]
        for source in settings.cache_from:
            arguments += ["--cache-from", source]
    else:
        arguments += [
            "--force-rm",
            "--memory",
            str(settings.build_memory),
            "--memory-swap",
            str(settings.build_memory),
        ]
        arguments += ["--ulimit", f"fsize={settings.max_image_size}:{settings.max_image_size}"]
    if engine.name == "podman":
        # podman's own image format has no HEALTHCHECK.
        arguments += [
            "--format",
            "docker",
            "--layers",
            "--ulimit",
            "nofile=4096:4096",
            "--ulimit",
            "nproc=4096:4096",
        ]
    if settings.target:
        arguments += ["--target", settings.target]
    for each in settings.build_args:
        arguments += ["--build-arg", each]
    if not settings.cache:
        arguments.append("--no-cache")
    return [*arguments, str(context)]


def _reads_actions_cache(settings: SandboxSettings) -> bool:
    return any("type=gha" in source for source in settings.cache_from)


def _failure(
    settings: SandboxSettings, ended: Ended, log: ClippedLog, *, timeout_s: float, is_built: bool
) -> Failure | None:
    match ended.outcome:
        case "timed_out":
            return failed(failures.BUILD_TIMED_OUT, limit=show_duration(timeout_s))
        case "output_limit":
            return failed(failures.BUILD_OUTPUT_LIMIT, limit=show_size(settings.max_output))
        case "stopped":
            return failed(failures.IMAGE_TOO_LARGE, limit=show_size(settings.max_image_size))
        case "exited" if is_built:
            return None
    last = "\n".join(log.text().splitlines()[-6:])
    if re.search(r"returned a non-zero code: 153|exit code: 153|exit status 153", last):
        # SIGXFSZ, 25 and 128: the step wrote one file over the limit.
        return failed(failures.IMAGE_TOO_LARGE, limit=show_size(settings.max_image_size))
    if re.search(r"returned a non-zero code: 137|exit code: 137|exit status 137", last):
        return failed(failures.BUILD_OUT_OF_MEMORY, limit=show_size(settings.build_memory))
    cause: Cause = failures.BUILD_FAILED
    if _NEEDS_BUILDKIT.search(last):
        cause = failures.BUILD_NEEDS_BUILDKIT
    elif _NO_BASE.search(last) and "returned a non-zero code" not in last:
        cause = failures.BASE_IMAGE_MISSING
    return failed(cause, exit_code=ended.exit_code)


def _image(facts: dict[str, Any], tag: str, *, source: Any, cached_steps: int = 0) -> Image:
    digests = facts.get("RepoDigests") or []
    return Image(
        id=str(facts.get("Id", "")),
        digest=str(digests[0]).partition("@")[2] if digests else "",
        tag=tag,
        source=source,
        size=int(facts.get("Size") or 0),
        cached_steps=cached_steps,
    )
