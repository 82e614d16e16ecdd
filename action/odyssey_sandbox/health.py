"""
The health phase: the application answers, asked from inside its own container.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from odyssey_sandbox import failures
from odyssey_sandbox.engine import Completed, Engine
from odyssey_sandbox.failures import Failure, failed
from odyssey_sandbox.inputs import SandboxSettings
from odyssey_sandbox.quantities import show_duration, show_size
from odyssey_sandbox.running import KILLED_CODE, Container, state_of

_ATTEMPT_S = 5
_FIRST_PAUSE_S = 0.05
_PYTHON = (
    "import http.client as h,sys\n"
    "c=h.HTTPConnection('127.0.0.1',int(sys.argv[1]),timeout=5)\n"
    "c.request('GET',sys.argv[2]);s=c.getresponse().status;print('HTTP',s)\n"
    "sys.exit(not 200<=s<400)"
)
_NODE = (
    "const r=require('http').get({host:'127.0.0.1',port:process.argv[1],path:process.argv[2],"
    "timeout:5000},s=>{console.log('HTTP',s.statusCode);"
    "process.exit(s.statusCode>=200&&s.statusCode<400?0:1)});"
    "r.on('timeout',()=>{console.log('timed out');process.exit(1)});"
    "r.on('error',e=>{console.log(e.message);process.exit(1)})"
)


@dataclass(frozen=True, slots=True)
class Health:
    """
    How the application answered: after how many attempts, and what went wrong, if it did.
    """

    attempts: int
    answer: str
    failure: Failure | None = None
    timed_out: bool = False


def check_health(
    settings: SandboxSettings, container: Container, *, engine: Engine, port: int, timeout_s: float
) -> Health:
    """
    Ask until the application answers, its process ends, or the attempts or the time are used up.

    Raises:
        EngineError: the engine broke down.
    """
    deadline = time.monotonic() + timeout_s
    probes = _probes(settings, port)
    pause, answer = _FIRST_PAUSE_S, "no attempt was made"
    attempts = 0
    while attempts < settings.health_retries and time.monotonic() < deadline:
        done = _ask(
            settings, container, probes, engine=engine, timeout_s=deadline - time.monotonic()
        )
        if done is None:
            return Health(attempts, "", failed(failures.NO_PROBE))
        attempts += 1
        answer = _said(done)
        if done.exit_code == 0:
            return Health(attempts, answer)
        state = state_of(engine, container.name)
        if state.was_out_of_memory:
            return Health(
                attempts, answer, failed(failures.OUT_OF_MEMORY, limit=show_size(settings.memory))
            )
        if not state.is_running and state.exit_code == KILLED_CODE:
            limit = show_size(settings.memory)
            return Health(attempts, answer, failed(failures.KILLED, limit=limit))
        if not state.is_running:
            return Health(
                attempts, answer, failed(failures.STOPPED_EARLY, exit_code=state.exit_code)
            )
        time.sleep(max(0.0, min(pause, settings.health_interval_s, deadline - time.monotonic())))
        pause *= 2
    if time.monotonic() >= deadline:
        failure = failed(failures.HEALTH_TIMED_OUT, limit=show_duration(timeout_s), problem=answer)
        return Health(attempts, answer, failure, timed_out=True)
    failure = failed(
        failures.UNHEALTHY,
        endpoint=settings.health_endpoint,
        port=port,
        attempts=attempts,
        problem=answer,
    )
    return Health(attempts, answer, failure)


def _ask(
    settings: SandboxSettings,
    container: Container,
    probes: list[tuple[str, ...]],
    *,
    engine: Engine,
    timeout_s: float,
) -> Completed | None:
    if settings.host_port and settings.network == "bridge" and not settings.health_command:
        return _ask_from_here(settings.host_port, settings.health_endpoint)
    while probes:
        limit = max(1.0, min(timeout_s, _ATTEMPT_S + 2))
        done = engine.exec(container.name, probes[0], timeout_s=limit)
        # 126 and 127: the program is not in the image; the next one may be.
        if done.exit_code in (126, 127) and not settings.health_command:
            probes.pop(0)
            continue
        return done
    return None


def _ask_from_here(port: int, endpoint: str) -> Completed:
    # Imported where it is needed: it takes longer than all the rest, and is seldom needed.
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ATTEMPT_S)
    try:
        connection.request("GET", endpoint)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return Completed(1, "", str(error) or type(error).__name__)
    finally:
        connection.close()
    return Completed(0 if 200 <= status < 400 else 1, f"HTTP {status}", "")


def _probes(settings: SandboxSettings, port: int) -> list[tuple[str, ...]]:
    if settings.health_command:
        return [settings.health_command]
    number, path = str(port), settings.health_endpoint
    address = f"http://127.0.0.1:{port}{path}"
    seconds = str(_ATTEMPT_S)
    return [
        ("python3", "-c", _PYTHON, number, path),
        ("curl", "-fsS", "-m", seconds, "-o", "/dev/null", address),
        ("wget", "-q", "-T", seconds, "-O", "/dev/null", address),
        ("node", "-e", _NODE, number, path),
        ("python", "-c", _PYTHON, number, path),
        ("busybox", "wget", "-q", "-T", seconds, "-O", "/dev/null", address),
    ]


def _said(done: Completed) -> str:
    lines = [line.strip() for line in (done.output + "\n" + done.errors).splitlines()]
    lines = [line for line in lines if line]
    return lines[-1][:300] if lines else f"exit code {done.exit_code}"
