"""
The phases of one run in order, and what becomes of each.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from odyssey_sandbox import failures
from odyssey_sandbox.build import Built, build, cache_tag, fetch
from odyssey_sandbox.engine import Engine
from odyssey_sandbox.failures import Failure, failed
from odyssey_sandbox.health import check_health
from odyssey_sandbox.hints import hints
from odyssey_sandbox.inputs import SandboxSettings
from odyssey_sandbox.logs import ClippedLog
from odyssey_sandbox.names import CACHE_REPOSITORY, RunId
from odyssey_sandbox.quantities import show_duration
from odyssey_sandbox.report import Phase, PhaseName, PhaseOutcome, Report
from odyssey_sandbox.running import Container, read_log, start
from odyssey_sandbox.testing import Tested, rose, run_alone, run_tests


class Progress(Protocol):
    """
    Is told what goes on, for the person who watches.
    """

    def started(self, name: PhaseName) -> None:
        """
        A phase begins.
        """

    def ended(self, phase: Phase, report: Report) -> None:
        """
        A phase is over; its log is complete.
        """


class Silence:
    """
    Tells nobody.
    """

    def started(self, name: PhaseName) -> None:
        """
        Nothing.
        """

    def ended(self, phase: Phase, report: Report) -> None:
        """
        Nothing.
        """


@dataclass(slots=True, kw_only=True)
class Run:
    """
    What the phases of one run share; `made_*` are the names to remove at the end.

    *suffix* tells what is made for a cell of the 2x2 from what is made for the change itself.
    """

    settings: SandboxSettings
    engine: Engine
    run: RunId
    report: Report
    folder: Path
    checkout: Path
    deadline: float
    progress: Progress
    suffix: str = ""
    made_containers: list[str] = field(default_factory=list)
    made_networks: list[str] = field(default_factory=list)
    made_images: list[str] = field(default_factory=list)
    current: PhaseName = "setup"
    began: tuple[datetime, float] = field(
        default_factory=lambda: (datetime.now(UTC), time.monotonic())
    )

    @property
    def staged(self) -> Path:
        """
        The folder with the copy that the engine may see.
        """
        return self.folder / f"code{self.suffix}"

    def cell(self, suffix: str) -> Run:
        """
        The same run for another copy of the code: its own report, the same time and clean-up.
        """
        report = Report(run_id=self.report.run_id, started_at=datetime.now(UTC))
        report.masks = self.report.masks
        return replace(self, suffix=suffix, report=report, progress=Silence())

    def limit(self, seconds: float) -> float:
        """
        *seconds*, or what is left of everything together.
        """
        return max(0.1, min(seconds, self.deadline - time.monotonic()))

    def begin(self, name: PhaseName) -> None:
        """
        The phase *name* starts now.
        """
        self.current = name
        self.began = (datetime.now(UTC), time.monotonic())
        self.progress.started(name)

    def end(
        self,
        failure: Failure | None,
        *,
        exit_code: int | None = None,
        detail: str = "",
        log: ClippedLog | None = None,
        outcome: PhaseOutcome | None = None,
    ) -> bool:
        """
        The current phase is over; answers whether the next one may begin.
        """
        if (
            failure is not None
            and failure.cause.conclusion == "timed_out"
            and time.monotonic() >= self.deadline
        ):
            failure = failed(failures.TIMED_OUT, limit=show_duration(self.settings.timeout_s))
        started_at, started = self.began
        phase = Phase(
            name=self.current,
            outcome=outcome or _outcome(failure),
            started_at=started_at,
            duration_s=time.monotonic() - started,
            exit_code=exit_code,
            detail=detail or (failure.reason if failure else ""),
            log=log,
        )
        self.report.phases.append(phase)
        if log is not None:
            for hint in hints(log.kept):
                self.report.find(hint.kind, hint.source, hint.detail)
        if failure is not None and self.report.failure is None:
            self.report.failure = failure
            self.report.failed_phase = self.current
        self.progress.ended(phase, self.report)
        return failure is None


def play(it: Run) -> None:
    """
    Build, run, probe and test the staged checkout of *it*, up to the first failure.
    """
    built = _build(it)
    if built is None:
        return
    port = _port(it, built)
    container = _start(it, built, port)
    if container is None:
        return
    if not _is_healthy(it, container, port):
        return
    _test(it, container, built)


def _build(it: Run) -> Built | None:
    it.begin("build")
    settings = it.settings
    limit = it.limit(settings.build_timeout_s)
    if settings.image:
        built = fetch(settings, engine=it.engine, timeout_s=limit)
    else:
        it.made_images.append(it.run.tag(it.suffix))
        built = build(
            settings,
            it.staged,
            engine=it.engine,
            run=it.run,
            suffix=it.suffix,
            timeout_s=limit,
        )
    it.report.image = built.image
    if not it.end(
        built.failure, exit_code=built.exit_code, log=built.log, detail=_built_detail(built)
    ):
        return None
    if settings.cache and not settings.image and not it.suffix:
        kept = cache_tag(settings, it.staged, built.image.id)
        it.engine.tag(built.image.id, CACHE_REPOSITORY, kept)
    return built


def _built_detail(built: Built) -> str:
    if built.failure is not None:
        return ""
    if built.image.source == "given":
        return f"image {built.image.tag}"
    return f"{built.image.cached_steps} steps from cache" if built.image.cached_steps else "built"


def _port(it: Run, built: Built) -> int:
    if it.settings.port is not None:
        return it.settings.port
    if it.settings.image:
        # A given image's port says nothing of the repository.
        return 0
    if len(built.ports) > 1:
        ports = ", ".join(str(port) for port in built.ports)
        it.report.warnings.append(f"the image exposes the ports {ports}; `port:` chooses another")
    return built.ports[0] if built.ports else 0


def _start(it: Run, built: Built, port: int) -> Container | None:
    it.begin("run")
    name = it.run.container + it.suffix
    it.made_containers += [name, *(f"{name}-{each.name}" for each in it.settings.sidecars)]
    if it.settings.network == "isolated" and it.engine.name == "docker":
        it.made_networks.append(name)
    started = start(
        it.settings,
        built.image.id,
        engine=it.engine,
        run=it.run,
        port=port,
        suffix=it.suffix,
        scratch=it.folder,
        mounted=it.staged if it.settings.image else None,
    )
    if isinstance(started, Failure):
        if not port and _lacks_sleep(started):
            it.end(None, outcome="skipped", detail="the image cannot wait: the tests run alone")
            it.begin("tests")
            _test_alone(it, built)
            return None
        it.end(started)
        return None
    it.end(None, detail="waits for the tests" if started.is_idle else "application started")
    return started


def _lacks_sleep(failure: Failure) -> bool:
    return "sleep" in failure.reason and (
        "not found" in failure.reason or "no such file" in failure.reason
    )


def _is_healthy(it: Run, container: Container, port: int) -> bool:
    it.begin("health")
    if not port:
        return it.end(None, outcome="skipped", detail="there is no port")
    settings = it.settings
    limit = it.limit(settings.health_timeout_s)
    health = check_health(settings, container, engine=it.engine, port=port, timeout_s=limit)
    log = None
    if health.failure is not None:
        log = read_log(it.engine, container.name, max_output=settings.max_output)
    detail = f"{health.answer} after {health.attempts} attempt" + "s" * (health.attempts != 1)
    return it.end(health.failure, log=log, detail="" if health.failure else detail)


def _test(it: Run, container: Container, built: Built) -> None:
    it.begin("tests")
    if not it.settings.test_command:
        it.end(None, outcome="skipped", detail="there is no test command")
        return
    tested = run_tests(
        it.settings,
        container,
        engine=it.engine,
        checkout=it.staged,
        timeout_s=it.limit(it.settings.test_timeout_s),
    )
    if tested.lacks_waiting:
        _test_alone(it, built)
        return
    _tell_tests(it, tested)
    if tested.application_log is not None:
        _tell_application(it, tested.application_log)


def _tell_application(it: Run, log: ClippedLog) -> None:
    for position, phase in enumerate(it.report.phases):
        if phase.name == "run":
            phase = replace(phase, log=log, detail=phase.detail + "; what it printed:")
            it.report.phases[position] = phase
            it.progress.ended(phase, it.report)


def _test_alone(it: Run, built: Built) -> None:
    tested = run_alone(
        it.settings,
        built.image.id,
        engine=it.engine,
        run=it.run,
        checkout=it.staged,
        scratch=it.folder,
        mounted=it.staged if it.settings.image else None,
        suffix=it.suffix,
        timeout_s=it.limit(it.settings.test_timeout_s),
    )
    _tell_tests(it, tested)


def _tell_tests(it: Run, tested: Tested) -> None:
    it.report.tests = tested.counts
    if rose(tested.before.oom_kills, tested.after.oom_kills):
        it.report.find("out_of_memory", "engine", "the kernel killed a process of the container")
    if rose(tested.before.refused_forks, tested.after.refused_forks):
        it.report.find("process_limit", "engine", "the kernel refused to start a process")
    if tested.after.peak_memory:
        it.report.limits["peak_memory"] = tested.after.peak_memory
    it.end(tested.failure, exit_code=tested.ended.exit_code, log=tested.log)


def _outcome(failure: Failure | None) -> PhaseOutcome:
    if failure is None:
        return "passed"
    match failure.cause.conclusion:
        case "timed_out" | "cancelled" | "error" as same:
            return same
        case _:
            return "failed"
