"""
The phases in order, and what becomes of each: `run_sandbox` is the whole sandbox.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from odyssey_sandbox import failures
from odyssey_sandbox.build import Built, build, cache_tag, fetch
from odyssey_sandbox.cleanup import FOLDER_PREFIX, remove_known, remove_run, sweep
from odyssey_sandbox.engine import Engine, EngineError, find_engine
from odyssey_sandbox.failures import Failure, failed
from odyssey_sandbox.git import head_of
from odyssey_sandbox.hardening import limits
from odyssey_sandbox.health import check_health
from odyssey_sandbox.hints import hints
from odyssey_sandbox.inputs import SandboxSettings
from odyssey_sandbox.logs import ClippedLog
from odyssey_sandbox.names import RunId, new_run
from odyssey_sandbox.quantities import show_duration
from odyssey_sandbox.reaper import Reaper
from odyssey_sandbox.report import Phase, PhaseName, PhaseOutcome, Report
from odyssey_sandbox.running import Container, read_log, start
from odyssey_sandbox.signals import Cancelled, cancellable
from odyssey_sandbox.staging import Staged, stage
from odyssey_sandbox.testing import Tested, rose, run_alone, run_tests

_BRIDGE_WARNING = (
    "network: bridge lets the proposal reach the internet, the runner's services and the "
    "metadata address; choose it only for code that you would run on the runner itself"
)


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
    """

    settings: SandboxSettings
    engine: Engine
    run: RunId
    report: Report
    folder: Path
    checkout: Path
    deadline: float
    progress: Progress
    made_containers: list[str] = field(default_factory=list)
    made_networks: list[str] = field(default_factory=list)
    made_images: list[str] = field(default_factory=list)
    current: PhaseName = "setup"
    began: tuple[datetime, float] = field(
        default_factory=lambda: (datetime.now(UTC), time.monotonic())
    )

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


def run_sandbox(
    settings: SandboxSettings,
    checkout: Path,
    *,
    environ: Mapping[str, str],
    progress: Progress | None = None,
    temporary_folder: Path | None = None,
) -> Report:
    """
    Validate *checkout* and report; whatever happens, nothing is left behind.

    *environ* is searched for what the engine's client needs, e.g. PATH and DOCKER_HOST; nothing
    of it reaches the container. In the main thread SIGINT, SIGTERM and SIGHUP end the run with
    the conclusion `cancelled`.
    """
    run = new_run(lasts_s=settings.timeout_s)
    report = Report(run_id=run.random, started_at=datetime.now(UTC), masks=settings.masks)
    report.proposal_id = settings.proposal_id
    report.head_sha = settings.head_sha or head_of(checkout)
    report.limits = limits(settings)
    if settings.network == "bridge":
        report.warnings.append(_BRIDGE_WARNING)
    try:
        engine = find_engine(settings.engine, environ)
    except EngineError as error:
        report.failure, report.failed_phase = error.failure, "setup"
        report.finished_at = datetime.now(UTC)
        return report
    report.engine_name, report.engine_version = engine.name, engine.version
    parent = temporary_folder or Path(tempfile.gettempdir())
    folder = parent / f"{FOLDER_PREFIX}{run}"
    reaper = Reaper(engine, run, folder)
    sweeping = threading.Thread(target=_swept, args=(engine, parent, report), daemon=True)
    it = Run(
        settings=settings,
        engine=replace(engine, watched=reaper),
        run=run,
        report=report,
        folder=folder,
        checkout=checkout,
        deadline=time.monotonic() + settings.timeout_s,
        progress=progress or Silence(),
    )
    was_cancelled = False
    with cancellable():
        try:
            folder.mkdir(mode=0o700)
            sweeping.start()
            _phases(it)
        except Cancelled as cancelled:
            was_cancelled = True
            it.end(failed(failures.CANCELLED, signal=cancelled.signal_name))
        except EngineError as error:
            it.end(error.failure)
        finally:
            _clean_up(it, sweeping, is_known=not was_cancelled)
            reaper.dismiss()
    report.finished_at = datetime.now(UTC)
    return report


def _phases(it: Run) -> None:
    staged = stage(
        it.checkout,
        it.folder / "head",
        keep_git=it.settings.keep_git,
        max_size=it.settings.max_image_size,
    )
    if isinstance(staged, Failure):
        it.end(staged)
        return
    built = _build(it, staged)
    if built is None:
        return
    port = _port(it, built)
    container = _start(it, built, staged, port)
    if container is None:
        return
    if not _is_healthy(it, container, port):
        return
    _test(it, container, built, staged)


def _build(it: Run, staged: Staged) -> Built | None:
    it.begin("build")
    settings = it.settings
    limit = it.limit(settings.build_timeout_s)
    if settings.image:
        built = fetch(settings, engine=it.engine, timeout_s=limit)
    else:
        it.made_images.append(it.run.tag())
        built = build(settings, staged.folder, engine=it.engine, run=it.run, timeout_s=limit)
    it.report.image = built.image
    if not it.end(
        built.failure, exit_code=built.exit_code, log=built.log, detail=_built_detail(built)
    ):
        return None
    if settings.cache and not settings.image:
        it.engine.run("tag", it.run.tag(), cache_tag(settings, staged.folder))
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


def _start(it: Run, built: Built, staged: Staged, port: int) -> Container | None:
    it.begin("run")
    name = it.run.container
    it.made_containers += [name, *(f"{name}-{each.name}" for each in it.settings.sidecars)]
    if it.settings.network == "isolated" and it.engine.name == "docker":
        it.made_networks.append(name)
    started = start(
        it.settings,
        built.image.id,
        engine=it.engine,
        run=it.run,
        port=port,
        mounted=staged.folder if it.settings.image else None,
    )
    if isinstance(started, Failure):
        if not port and _lacks_sleep(started):
            it.end(None, outcome="skipped", detail="the image cannot wait: the tests run alone")
            _test_alone(it, built, staged)
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


def _test(it: Run, container: Container, built: Built, staged: Staged) -> None:
    it.begin("tests")
    if not it.settings.test_command:
        it.end(None, outcome="skipped", detail="there is no test command")
        return
    tested = run_tests(
        it.settings,
        container,
        engine=it.engine,
        checkout=staged.folder,
        timeout_s=it.limit(it.settings.test_timeout_s),
    )
    _tell_tests(it, tested)
    if not container.is_idle and tested.failure is not None:
        log = read_log(it.engine, container.name, max_output=it.settings.max_output)
        it.begin("run")
        it.end(None, log=log, detail="what the application printed")


def _test_alone(it: Run, built: Built, staged: Staged) -> None:
    it.begin("tests")
    tested = run_alone(
        it.settings,
        built.image.id,
        engine=it.engine,
        run=it.run,
        checkout=staged.folder,
        mounted=staged.folder if it.settings.image else None,
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


def _swept(engine: Engine, folder: Path, report: Report) -> None:
    try:
        left = sweep(engine, folder=folder)
    except EngineError as error:
        report.warnings.append(f"leftovers of earlier runs could not be looked for: {error}")
        return
    if left:
        report.warnings.append(f"{len(left)} leftovers of a run that was killed were removed")


def _clean_up(it: Run, sweeping: threading.Thread, *, is_known: bool) -> None:
    try:
        remove_known(
            it.engine,
            containers=it.made_containers,
            networks=it.made_networks,
            images=it.made_images,
        )
        if not is_known:
            # The engine may finish what it was told before its client was stopped.
            remove_run(it.engine, it.run)
    except EngineError as error:
        it.report.warnings.append(f"clean-up did not succeed: {error}")
    shutil.rmtree(it.folder, ignore_errors=True)
    if sweeping.ident is not None:
        sweeping.join(30)
