"""
The run phase: the hardened container, and the side containers it may speak to.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from odyssey_sandbox import failures
from odyssey_sandbox.counters import Counters, counters_of
from odyssey_sandbox.engine import Engine, EngineError
from odyssey_sandbox.failures import Failure, failed
from odyssey_sandbox.hardening import application, hardening
from odyssey_sandbox.inputs import SandboxSettings, Sidecar
from odyssey_sandbox.logs import ClippedLog
from odyssey_sandbox.names import LABEL, RunId

CHECKOUT = "/checkout"
_LOG_TIMEOUT_S = 20.0
_SETTLING_LOOKS = 10
_SETTLING_PAUSE_S = 0.1
KILLED_CODE = 137


@dataclass(frozen=True, slots=True)
class State:
    """
    Whether the container's main process runs; if not, how it ended.
    """

    is_running: bool
    exit_code: int
    was_out_of_memory: bool


@dataclass(frozen=True, slots=True)
class Container:
    """
    A started container. `is_idle` where it only waits for the tests, without an application.
    """

    name: str
    counters: Counters
    is_idle: bool


def start(
    settings: SandboxSettings,
    image: str,
    *,
    engine: Engine,
    run: RunId,
    port: int,
    scratch: Path,
    mounted: Path | None = None,
    suffix: str = "",
) -> Container | Failure:
    """
    Start the container of *run* from *image*: the application, or, with *port* 0, one that waits.

    *scratch* is the run's own folder; *mounted* is shown to the container read-only at
    `/checkout`. An image without `sleep` cannot wait: see `testing.run_alone`.

    Raises:
        EngineError: the network or a side container could not be made.
    """
    name = run.container + suffix
    options = container_options(
        settings,
        engine=engine,
        run=run,
        port=port,
        scratch=scratch,
        mounted=mounted,
        suffix=suffix,
    )
    command = settings.command
    if not port:
        # It ends by itself when everything must be over anyway.
        command = ("sleep", str(int(settings.timeout_s) + 60))
    entrypoint = ["--entrypoint", command[0]] if command else []
    done = engine.run("run", "--detach", "--name", name, *options, *entrypoint, image, *command[1:])
    if done.exit_code:
        return failed(failures.RUN_FAILED, problem=done.problem)
    facts = engine.inspect("container", name) or {}
    pid = int((facts.get("State") or {}).get("Pid") or 0)
    return Container(name, counters_of(pid), is_idle=not port)


def container_options(
    settings: SandboxSettings,
    *,
    engine: Engine,
    run: RunId,
    port: int,
    scratch: Path,
    mounted: Path | None,
    suffix: str = "",
) -> list[str]:
    """
    All options of the application's container; makes the network and the side containers.
    """
    options = hardening(settings, engine, run) + application(settings)
    options += _network(settings, engine=engine, run=run, port=port, scratch=scratch, suffix=suffix)
    if mounted is not None:
        options += [
            "--mount",
            f"type=bind,source={mounted},target={CHECKOUT},readonly",
            "--workdir",
            CHECKOUT,
        ]
    return options


def state_of(engine: Engine, name: str) -> State:
    """
    The state of the container *name*; one that is gone counts as ended with code 137.
    """
    state: dict[str, Any] = (engine.inspect("container", name) or {}).get("State") or {}
    is_running, code = bool(state.get("Running")), int(state.get("ExitCode", KILLED_CODE))
    was_killed = not is_running and code == KILLED_CODE
    return State(
        is_running=is_running,
        exit_code=code,
        was_out_of_memory=bool(state.get("OOMKilled"))
        or (was_killed and _had_oom_event(engine, name)),
    )


def settled_state_of(engine: Engine, name: str) -> State:
    """
    The state of a container in which a process was just killed, perhaps by the container's end.

    The engine tells of the killed process first and of the end a moment later.
    """
    for _ in range(_SETTLING_LOOKS):
        state = state_of(engine, name)
        if not state.is_running:
            break
        time.sleep(_SETTLING_PAUSE_S)
    return state


def _had_oom_event(engine: Engine, name: str) -> bool:
    # The engine hears of the kill on another channel than of the end, and sometimes too late
    # for the state; its events have it.
    until = f"{time.time() + 0.3:.3f}"
    filters = ("--filter", f"container={name}", "--filter", "event=oom")
    done = engine.run("events", "--since", "60m", "--until", until, *filters)
    return done.exit_code == 0 and bool(done.output.strip())


def read_log(engine: Engine, name: str, *, max_output: int) -> ClippedLog:
    """
    What the container's main process printed; what the engine kept of it.
    """
    log = ClippedLog(head=8 * 1024, tail=40 * 1024)
    engine.stream("logs", name, log=log, timeout_s=_LOG_TIMEOUT_S, max_output=max_output)
    return log


def _network(
    settings: SandboxSettings,
    *,
    engine: Engine,
    run: RunId,
    port: int,
    scratch: Path,
    suffix: str,
) -> list[str]:
    match settings.network:
        case "none":
            return ["--network", "none"]
        case "bridge":
            published = ["--publish", f"127.0.0.1:{settings.host_port}:{port}"]
            return ["--network", "bridge", *(published if settings.host_port and port else [])]
        case "isolated":
            return _isolated(settings, engine=engine, run=run, scratch=scratch, suffix=suffix)


def _isolated(
    settings: SandboxSettings, *, engine: Engine, run: RunId, scratch: Path, suffix: str
) -> list[str]:
    network = run.container + suffix
    if engine.name == "podman":
        return _shared_namespace(settings, engine=engine, run=run, scratch=scratch, suffix=suffix)
    # `--internal` alone leaves the host's services within reach, by the bridge's own address;
    # without one there is no host on this network.
    created = engine.run(
        "network",
        "create",
        "--internal",
        "--label",
        f"{LABEL}={run}",
        "--opt",
        "com.docker.network.bridge.inhibit_ipv4=true",
        network,
    )
    if created.exit_code:
        raise EngineError(created.problem, failures.NETWORK_FAILED)
    for each in settings.sidecars:
        joined = ["--network", network, "--network-alias", each.name]
        _start_sidecar(each, joined, settings, engine=engine, run=run, suffix=suffix)
    return ["--network", network, "--dns-opt", "timeout:1", "--dns-opt", "attempts:1"]


def _shared_namespace(
    settings: SandboxSettings, *, engine: Engine, run: RunId, scratch: Path, suffix: str
) -> list[str]:
    # podman's internal networks reach the host; one loopback shared by all containers does not.
    names = [each.name for each in settings.sidecars]
    hosts = scratch / f"hosts{suffix}"
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *names)))
    # Who joins another's name space gets none of its names: all get this file.
    named = ["--mount", f"type=bind,source={hosts},target=/etc/hosts,readonly"]
    network = ["--network", "none", *named]
    for each in settings.sidecars:
        _start_sidecar(each, network, settings, engine=engine, run=run, suffix=suffix)
        joined = f"container:{run.container}{suffix}-{names[0]}"
        network = ["--network", joined, *named]
    return network


def _start_sidecar(
    sidecar: Sidecar,
    network: Sequence[str],
    settings: SandboxSettings,
    *,
    engine: Engine,
    run: RunId,
    suffix: str,
    more: Sequence[str] = (),
) -> None:
    options = hardening(settings, engine, run)
    for variable in sidecar.env:
        options += ["--env", variable]
    name = f"{run.container}{suffix}-{sidecar.name}"
    done = engine.run(
        "run", "--detach", "--init", "--name", name, *options, *network, *more, sidecar.image
    )
    if done.exit_code:
        problem = f"{sidecar.name}: {done.problem}"
        raise EngineError(problem, failures.NETWORK_FAILED)
