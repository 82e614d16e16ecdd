"""
The tests phase: the test command in the container, judged by what the engine and the kernel say.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from odyssey_sandbox import failures
from odyssey_sandbox.counters import Counters, Counts
from odyssey_sandbox.engine import Engine
from odyssey_sandbox.failures import Failure, failed
from odyssey_sandbox.inputs import SandboxSettings
from odyssey_sandbox.junit import read_junit
from odyssey_sandbox.logs import ClippedLog
from odyssey_sandbox.names import RunId
from odyssey_sandbox.quantities import show_duration, show_size
from odyssey_sandbox.report import TestCounts
from odyssey_sandbox.running import (
    KILLED_CODE,
    Container,
    State,
    container_options,
    read_log,
    settled_state_of,
    state_of,
)
from odyssey_sandbox.streaming import Ended
from odyssey_sandbox.testtext import read_output

_MAX_JUNIT = 16 * 1024 * 1024
_NO_PROGRAM = (126, 127)


@dataclass(frozen=True, slots=True)
class Tested:
    """
    How the tests went; `before` and `after` are the kernel's counters around them.

    `application_log` is what the application printed meanwhile. `lacks_waiting` where the image
    holds nothing that could wait for the tests: they did not run.
    """

    log: ClippedLog
    ended: Ended
    counts: TestCounts
    before: Counts
    after: Counts
    failure: Failure | None = None
    lacks_waiting: bool = False
    application_log: ClippedLog | None = None


def run_tests(
    settings: SandboxSettings,
    container: Container,
    *,
    engine: Engine,
    checkout: Path,
    timeout_s: float,
) -> Tested:
    """
    Run the test command in *container* by `exec`.

    Raises:
        EngineError: the engine broke down.
    """
    log = ClippedLog()
    watch = _Sampling(container.counters)
    before = container.counters.read()
    options = ["--workdir", settings.workdir] if settings.workdir else []
    ended = engine.stream(
        "exec",
        *options,
        container.name,
        *settings.test_command,
        log=log,
        timeout_s=timeout_s,
        max_output=settings.max_output,
        watch=watch,
    )
    after = container.counters.read().or_else(watch.last)
    was_killed = ended.exit_code == KILLED_CODE
    state = (settled_state_of if was_killed else state_of)(engine, container.name)
    counts = application_log = None
    # Two questions to the engine at once: each takes a tenth of a second, nearly all of it waiting.
    with ThreadPoolExecutor(1) as beside:
        if not container.is_idle:
            limit = settings.max_output
            reading = beside.submit(read_log, engine, container.name, max_output=limit)
        if ended.exit_code is not None and state.is_running:
            counts = _from_junit(settings, container.name, engine=engine, checkout=checkout)
        if not container.is_idle:
            application_log = reading.result()
    counts = counts or read_output(log.text(settings.masks), checkout)
    failure = judge(
        settings, ended, counts, log, state=state, before=before, after=after, timeout_s=timeout_s
    )
    # `sleep` is not in the image: the engine's own init ends with the shell's code for that.
    lacks_waiting = container.is_idle and not state.is_running and state.exit_code in _NO_PROGRAM
    return Tested(log, ended, counts, before, after, failure, lacks_waiting, application_log)


def run_alone(
    settings: SandboxSettings,
    image: str,
    *,
    engine: Engine,
    run: RunId,
    checkout: Path,
    scratch: Path,
    mounted: Path | None,
    timeout_s: float,
    suffix: str = "",
) -> Tested:
    """
    Run the test command as a container's main process, for an image without `sleep`.
    """
    log = ClippedLog()
    name = run.container + suffix
    # The container that could not wait holds the name.
    engine.run("rm", "--force", "--volumes", name)
    options = container_options(
        settings,
        engine=engine,
        run=run,
        port=0,
        scratch=scratch,
        mounted=mounted,
        suffix=suffix,
    )
    program, *arguments = settings.test_command
    ended = engine.stream(
        "run",
        "--name",
        name,
        *options,
        "--entrypoint",
        program,
        image,
        *arguments,
        log=log,
        timeout_s=timeout_s,
        max_output=settings.max_output,
    )
    state = state_of(engine, name)
    counts = read_output(log.text(settings.masks), checkout)
    after = Counts(oom_kills=int(state.was_out_of_memory))
    state = State(is_running=True, exit_code=0, was_out_of_memory=state.was_out_of_memory)
    failure = judge(
        settings,
        ended,
        counts,
        log,
        state=state,
        before=Counts(0),
        after=after,
        timeout_s=timeout_s,
    )
    return Tested(log, ended, counts, Counts(0), after, failure)


def judge(
    settings: SandboxSettings,
    ended: Ended,
    counts: TestCounts,
    log: ClippedLog,
    *,
    state: State,
    before: Counts,
    after: Counts,
    timeout_s: float,
) -> Failure | None:
    """
    Why the tests do not count as passed, or None. In this order:

    (1) they were stopped: no time, or no end of output; (2) memory ran out; (3) the container
    ended under them; (4) the command does not exist; (5) the limit of processes was met;
    (6) the exit code; (7) failures counted in spite of exit code 0; (8) too few tests.
    """
    if ended.outcome == "timed_out":  # (1)
        return failed(failures.TESTS_TIMED_OUT, limit=show_duration(timeout_s))
    if ended.outcome == "output_limit":
        return failed(failures.TESTS_OUTPUT_LIMIT, limit=show_size(settings.max_output))
    code = ended.exit_code
    if (code and rose(before.oom_kills, after.oom_kills)) or (  # (2)
        state.was_out_of_memory and (code or not state.is_running)
    ):
        return failed(failures.OUT_OF_MEMORY, limit=show_size(settings.memory))
    if not state.is_running:  # (3)
        return failed(failures.APPLICATION_DIED, exit_code=state.exit_code)
    if code in _NO_PROGRAM and log.size < 4096:  # (4)
        said = log.text(settings.masks).strip().splitlines() or [f"exit code {code}"]
        return failed(failures.TESTS_NOT_FOUND, problem=said[-1][:300])
    if code and rose(before.refused_forks, after.refused_forks):  # (5)
        return failed(failures.TOO_MANY_PROCESSES, limit=settings.pids)
    if code or counts.failed:  # (6) (7)
        return failed(failures.TESTS_FAILED, summary=_summary(counts, code))
    if counts.total is not None and _ran(counts) < settings.minimum_tests:  # (8)
        return failed(failures.TOO_FEW_TESTS, total=_ran(counts), minimum=settings.minimum_tests)
    return None


def rose(before: int | None, after: int | None) -> bool:
    """
    Whether a counter went up; an unknown one did not.
    """
    return after is not None and after > (before or 0)


class _Sampling:
    """
    Keeps the last counters that could be read: they vanish with the container.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self.last = Counts()

    def __call__(self, piece: bytes) -> str:
        if not piece:
            self.last = self._counters.read().or_else(self.last)
        return ""


def _from_junit(
    settings: SandboxSettings, name: str, *, engine: Engine, checkout: Path
) -> TestCounts | None:
    log = ClippedLog(head=_MAX_JUNIT, tail=0)
    ended = engine.stream(
        "exec", name, "cat", settings.junit_path, log=log, timeout_s=20, max_output=_MAX_JUNIT
    )
    return read_junit(log.head, checkout) if ended.exit_code == 0 else None


def _ran(counts: TestCounts) -> int:
    return (counts.total or 0) - (counts.skipped or 0)


def _summary(counts: TestCounts, code: int | None) -> str:
    if not counts.failed:
        return f"The tests failed (exit code {code})"
    first = f": {counts.failures[0].name}" if counts.failures else ""
    odd = " although the test command ended with exit code 0" if not code else ""
    return f"{counts.failed} of {counts.total} tests failed{odd}{first}"
