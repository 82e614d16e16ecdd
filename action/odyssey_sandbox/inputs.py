"""
The settings of a run, read from the variables that carry the inputs; an empty one is the default.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from odyssey_sandbox.declared import INPUTS, MEASURE_PATHS
from odyssey_sandbox.failures import BAD_INPUT, Failure, failed
from odyssey_sandbox.logs import secrets_of
from odyssey_sandbox.quantities import parse_duration, parse_size

EngineChoice = Literal["auto", "docker", "podman"]
Builder = Literal["auto", "classic", "buildkit"]
Network = Literal["none", "isolated", "bridge"]
BuildNetwork = Literal["default", "none"]
Measure = Literal["report", "require", "off"]


class BadInput(Exception):
    """
    An input cannot be used; `failure` is ready to be reported.
    """

    def __init__(self, name: str, problem: str) -> None:
        self.failure: Failure = failed(BAD_INPUT, name=name, problem=problem)
        super().__init__(self.failure.reason)


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """
    One writable folder in memory; `options` are complete mount options.
    """

    path: str
    options: str


@dataclass(frozen=True, slots=True)
class Sidecar:
    """
    One side container; reached from the sandbox by its `name`.
    """

    name: str
    image: str
    env: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxSettings:
    """
    All inputs, parsed: sizes in bytes, times in seconds, commands as argument lists.

    A `port` of None means: the one the image exposes; 0 means that there is no application.
    """

    head_sha: str = ""
    proposal_id: str = ""
    engine: EngineChoice = "auto"
    image: str = ""
    dockerfile: str = "Dockerfile"
    context: str = "."
    target: str = ""
    build_args: tuple[str, ...] = ()
    build_network: BuildNetwork = "default"
    builder: Builder = "auto"
    cache: bool = True
    cache_from: tuple[str, ...] = ()
    build_timeout_s: float = 600
    build_memory: int = 2 * 1024**3
    max_image_size: int = 4 * 1024**3
    keep_git: bool = False
    command: tuple[str, ...] = ()
    port: int | None = None
    host_port: int = 0
    health_endpoint: str = "/health"
    health_command: tuple[str, ...] = ()
    health_retries: int = 30
    health_interval_s: float = 1
    health_timeout_s: float = 60
    test_command: tuple[str, ...] = ("sh", "-c", "python -m unittest discover -s ./tests")
    test_timeout_s: float = 600
    minimum_tests: int = 1
    junit_path: str = "/tmp/junit.xml"  # noqa: S108 - a path in the container
    workdir: str = ""
    env: tuple[str, ...] = ()
    network: Network = "none"
    sidecars: tuple[Sidecar, ...] = ()
    user: str = "65534:65534"
    memory: int = 512 * 1024**2
    cpus: float = 2
    pids: int = 256
    file_size: int = 256 * 1024**2
    tmpfs: tuple[Tmpfs, ...] = (Tmpfs("/tmp", "rw,nosuid,nodev,size=64m,noexec"),)  # noqa: S108 - in the container
    no_new_privileges: bool = True
    timeout_s: float = 1800
    max_output: int = 256 * 1024**2
    masks: tuple[str, ...] = field(default=(), repr=False)
    measure: Measure = "report"
    measure_paths: tuple[str, ...] = tuple(MEASURE_PATHS.split())
    base_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSettings:
    """
    What only the Action needs beside the sandbox: where to read from and where to write to.

    The four files are those of the runner, empty where there is none.
    """

    sandbox: SandboxSettings
    path: str
    report_directory: str
    output_file: str
    summary_file: str
    is_on_runner: bool
    temporary_folder: str


def read_settings(environ: Mapping[str, str]) -> ActionSettings:
    """
    The settings that *environ* carries, each input in its variable.

    Raises:
        BadInput: a value cannot be parsed or two inputs contradict each other.
    """
    texts = {
        each.name: environ.get(each.environment_variable, "").strip() or each.default
        for each in INPUTS
    }
    return ActionSettings(
        sandbox=_sandbox(texts, secrets_of(environ)),
        path=texts["path"],
        report_directory=texts["report-directory"],
        output_file=environ.get("GITHUB_OUTPUT", ""),
        summary_file=environ.get("GITHUB_STEP_SUMMARY", ""),
        is_on_runner=bool(environ.get("GITHUB_ACTIONS")),
        temporary_folder=environ.get("RUNNER_TEMP", ""),
    )


def _sandbox(texts: Mapping[str, str], secrets: tuple[str, ...]) -> SandboxSettings:
    settings = SandboxSettings(
        head_sha=_matching(texts, "head-sha", r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|"),
        proposal_id=_matching(texts, "proposal-id", r"[A-Za-z0-9_.-]{0,100}"),
        engine=cast(EngineChoice, _choice(texts, "engine", get_args(EngineChoice))),
        image=_matching(texts, "image", r"(?:[A-Za-z0-9][A-Za-z0-9_.:/@-]*)?"),
        dockerfile=texts["dockerfile"],
        context=texts["context"],
        target=_matching(texts, "target", r"(?:[A-Za-z0-9][A-Za-z0-9_.-]*)?"),
        build_args=_assignments(texts, "build-args"),
        build_network=cast(BuildNetwork, _choice(texts, "build-network", get_args(BuildNetwork))),
        builder=cast(Builder, _choice(texts, "builder", get_args(Builder))),
        cache=_flag(texts, "cache"),
        cache_from=_lines(texts["cache-from"]),
        build_timeout_s=_duration(texts, "build-timeout"),
        build_memory=_size(texts, "build-memory"),
        max_image_size=_size(texts, "max-image-size"),
        keep_git=_flag(texts, "keep-git"),
        command=_command(texts, "command"),
        port=_port(texts),
        host_port=_number(texts, "host-port", 65535),
        health_endpoint=_matching(texts, "health-endpoint", r"/[!-~]*"),
        health_command=_command(texts, "health-command"),
        health_retries=_number(texts, "health-retries", 10_000),
        health_interval_s=_duration(texts, "health-interval"),
        health_timeout_s=_duration(texts, "health-timeout"),
        test_command=() if texts["test-command"] == "none" else _command(texts, "test-command"),
        test_timeout_s=_duration(texts, "test-timeout"),
        minimum_tests=_number(texts, "minimum-tests", 10**9),
        junit_path=_matching(texts, "junit-path", r"/[^\x00-\x1f]*"),
        workdir=_matching(texts, "workdir", r"(?:/[^\x00-\x1f]*)?"),
        env=_assignments(texts, "env"),
        network=cast(Network, _choice(texts, "network", get_args(Network))),
        sidecars=_sidecars(texts),
        user=_matching(texts, "user", r"image|[A-Za-z0-9_][A-Za-z0-9_.-]*(?::[A-Za-z0-9_.-]+)?"),
        memory=_size(texts, "memory"),
        cpus=float(_matching(texts, "cpus", r"\d{1,4}(?:\.\d{1,3})?")),
        pids=_number(texts, "pids", 4_194_304),
        file_size=_size(texts, "file-size"),
        tmpfs=_tmpfs(texts),
        no_new_privileges=_flag(texts, "no-new-privileges"),
        timeout_s=_duration(texts, "timeout"),
        max_output=_size(texts, "max-output"),
        masks=_lines(texts["mask"]) + secrets,
        measure=cast(Measure, _choice(texts, "measure", get_args(Measure))),
        measure_paths=_lines(texts["measure-paths"]),
        base_path=texts["base-path"],
    )
    if settings.host_port and settings.network != "bridge":
        raise BadInput("host-port", "a port of the runner is reached with `network: bridge` only")
    if settings.sidecars and settings.network != "isolated":
        raise BadInput("sidecars", "side containers need `network: isolated`")
    if settings.pids < 1 or settings.cpus <= 0:
        raise BadInput("pids" if settings.pids < 1 else "cpus", "it must be above zero")
    return settings


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _matching(texts: Mapping[str, str], name: str, pattern: str) -> str:
    if re.fullmatch(pattern, texts[name]) is None:
        raise BadInput(name, f"{texts[name][:80]!r} has not the expected form")
    return texts[name]


def _choice(texts: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str:
    if texts[name] not in choices:
        raise BadInput(name, f"{texts[name][:80]!r} is none of {', '.join(choices)}")
    return texts[name]


def _flag(texts: Mapping[str, str], name: str) -> bool:
    return _choice({name: texts[name].lower()}, name, ("true", "false")) == "true"


def _number(texts: Mapping[str, str], name: str, most: int) -> int:
    text = texts[name] or "0"
    if re.fullmatch(r"\d{1,10}", text) is None or int(text) > most:
        raise BadInput(name, f"{text[:80]!r} is not a whole number up to {most}")
    return int(text)


def _port(texts: Mapping[str, str]) -> int | None:
    match texts["port"]:
        case "auto":
            return None
        case "none":
            return 0
        case _:
            return _number(texts, "port", 65535)


def _size(texts: Mapping[str, str], name: str) -> int:
    try:
        return parse_size(texts[name])
    except ValueError as error:
        raise BadInput(name, str(error)) from error


def _duration(texts: Mapping[str, str], name: str) -> float:
    try:
        return parse_duration(texts[name])
    except ValueError as error:
        raise BadInput(name, str(error)) from error


def _command(texts: Mapping[str, str], name: str) -> tuple[str, ...]:
    text = texts[name]
    if not text.startswith("["):
        return ("sh", "-c", text) if text else ()
    try:
        words = json.loads(text)
    except ValueError as error:
        raise BadInput(name, "it begins with [ and is not a JSON list") from error
    if not words or not all(isinstance(word, str) and "\0" not in word for word in words):
        raise BadInput(name, "it is not a list of one or more texts")
    return tuple(words)


def _assignments(texts: Mapping[str, str], name: str) -> tuple[str, ...]:
    lines = _lines(texts[name])
    for line in lines:
        if re.match(r"[A-Za-z_][A-Za-z0-9_]*=", line) is None:
            raise BadInput(name, f"{line.partition('=')[0][:80]!r} is not a NAME=value")
    return lines


def _tmpfs(texts: Mapping[str, str]) -> tuple[Tmpfs, ...]:
    found = []
    for line in _lines(texts["tmpfs"]):
        path, _, text = line.partition(":")
        options = [option for option in text.split(",") if option]
        if not re.fullmatch(r"/[A-Za-z0-9_./-]+", path) or ".." in path.split("/"):
            raise BadInput("tmpfs", f"{path[:80]!r} is not an absolute path below /")
        for option in options:
            if re.fullmatch(r"size=\d+[kmg]?|mode=[0-7]{3,4}|uid=\d+|gid=\d+|exec", option) is None:
                raise BadInput(
                    "tmpfs", f"{option[:80]!r} is none of size=, mode=, uid=, gid=, exec"
                )
        if not any(option.startswith("size=") for option in options):
            options.append("size=64m")
        options = ["rw", "nosuid", "nodev", *options] + ["noexec"] * ("exec" not in options)
        found.append(Tmpfs(path, ",".join(options)))
    return tuple(found)


def _sidecars(texts: Mapping[str, str]) -> tuple[Sidecar, ...]:
    found = []
    for line in _lines(texts["sidecars"]):
        words = shlex.split(line)
        if len(words) < 2 or not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", words[0]):
            raise BadInput("sidecars", f"{line[:80]!r} is not `name image [NAME=value ...]`")
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.:/@-]*", words[1]) is None:
            raise BadInput("sidecars", f"{words[1][:80]!r} is not the name of an image")
        if not all(re.match(r"[A-Za-z_][A-Za-z0-9_]*=", word) for word in words[2:]):
            raise BadInput("sidecars", f"{line[:80]!r} has something that is no NAME=value")
        found.append(Sidecar(words[0], words[1], tuple(words[2:])))
    return tuple(found)
