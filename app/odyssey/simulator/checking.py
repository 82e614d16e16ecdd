"""Making and changing check runs, by GitHub's rules."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from odyssey.simulator import pushes, webhooks
from odyssey.simulator.errors import ApiError, invalid
from odyssey.simulator.fields import Fields
from odyssey.simulator.state import Annotation, App, CheckRun, CheckSuite, Repository, User

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

STATUSES = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
CONCLUSIONS = (
    "action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out",
)  # fmt: skip
LEVELS = ("notice", "warning", "failure")
# https://docs.github.com/rest/checks/runs: summary and text, annotations in one request, actions
LONGEST_TEXT = 65535
MOST_ANNOTATIONS = 50
MOST_ACTIONS = 3
_ACTION_LENGTHS = {"label": 20, "description": 40, "identifier": 20}
_LONGEST_MESSAGE, _LONGEST_TITLE = 64 * 1024, 255


def suite_for(simulator: Simulator, repository: Repository, app: App, head_sha: str) -> CheckSuite:
    """The check suite of *app* at *head_sha*, made when there is none."""
    for suite in repository.check_suites.values():
        if suite.app is app and suite.head_sha == head_sha:
            return suite
    heads = simulator.git(repository).refs()
    branch = next((r.removeprefix("refs/heads/") for r, s in heads.items() if s == head_sha), None)
    return pushes.add_suite(simulator, repository, pushes.CheckSuiteKey(app, head_sha, branch))


def create(
    simulator: Simulator,
    repository: Repository,
    app: App,
    *,
    name: str,
    head_sha: str,
    sent: Fields,
    sender: User,
    by_actions: bool = False,
) -> CheckRun:
    """A new check run at *head_sha*; 422 when there is no such commit."""
    git = simulator.git(repository)
    if git.type_of(head_sha) != "commit":
        raise ApiError(422, f"No commit found for SHA: {head_sha}")
    run = CheckRun(
        id=simulator.ids.next("check_run"),
        name=name,
        head_sha=git.text("rev-parse", head_sha),
        suite=suite_for(simulator, repository, app, git.text("rev-parse", head_sha)),
        status="queued",
        conclusion=None,
        started_at=simulator.clock(),
        completed_at=None,
    )
    _fill(simulator, run, sent)
    repository.check_runs[run.id] = run
    webhooks.check_run(simulator, "created", repository, run, sender, by_actions=by_actions)
    if run.status == "completed":
        webhooks.check_run(simulator, "completed", repository, run, sender, by_actions=by_actions)
        _complete_suite(simulator, repository, run, sender)
    return run


def update(
    simulator: Simulator,
    repository: Repository,
    run: CheckRun,
    sent: Fields,
    sender: User,
    *,
    by_actions: bool = False,
) -> None:
    """Change *run*; annotations are added to those it has."""
    was_completed = run.status == "completed"
    name = sent.find_text("name")
    _fill(simulator, run, sent)
    run.name = name or run.name
    if run.status == "completed" and not was_completed:
        webhooks.check_run(simulator, "completed", repository, run, sender, by_actions=by_actions)
        _complete_suite(simulator, repository, run, sender)


def _complete_suite(
    simulator: Simulator, repository: Repository, run: CheckRun, sender: User
) -> None:
    runs = [r for r in repository.check_runs.values() if r.suite is run.suite]
    run.suite.updated_at = simulator.clock()
    if all(r.status == "completed" for r in runs):
        webhooks.check_suite(simulator, "completed", repository, run.suite, sender)


def _fill(simulator: Simulator, run: CheckRun, sent: Fields) -> None:
    conclusion = sent.find_text("conclusion")
    if conclusion is not None and conclusion not in CONCLUSIONS:
        raise invalid("CheckRun", "invalid", "conclusion")
    status = sent.choice("status", STATUSES, default=run.status)
    if status == "completed" and conclusion is None and run.conclusion is None:
        raise ApiError(
            422, 'Invalid request.\n\n"conclusion" wasn\'t supplied for a completed check run.'
        )
    annotations, texts = _output(sent.find_object("output"))
    actions = _actions(sent.find_list("actions"))
    if conclusion is not None:
        status = "completed"
        run.conclusion = conclusion
        run.completed_at = _time(sent, "completed_at") or simulator.clock()
    elif status != "completed":
        run.conclusion = run.completed_at = None
    run.status = status
    run.started_at = _time(sent, "started_at") or run.started_at
    run.details_url = sent.find_text("details_url") or run.details_url
    run.external_id = sent.find_text("external_id") or run.external_id
    run.annotations += annotations
    run.actions = actions if actions is not None else run.actions
    for field, text in texts.items():
        setattr(run, field, text)


def _time(sent: Fields, name: str) -> datetime | None:
    found = sent.find_text(name)
    if found is None:
        return None
    try:
        return datetime.fromisoformat(found.replace("Z", "+00:00"))
    except ValueError as error:
        raise invalid("CheckRun", "invalid", name) from error


def _output(output: dict[str, Any] | None) -> tuple[list[Annotation], dict[str, str]]:
    if output is None:
        return [], {}
    sent = Fields(output)
    texts = {
        name: text
        for name in ("title", "summary", "text")
        if (text := sent.find_text(name)) is not None
    }
    for name in ("summary", "text"):
        if len(texts.get(name, "")) > LONGEST_TEXT:
            message = f"{name} exceeds a maximum length of {LONGEST_TEXT} characters"
            raise invalid("CheckRun", "invalid", name, message)
    entries = sent.find_list("annotations") or []
    if len(entries) > MOST_ANNOTATIONS:
        raise ApiError(
            422,
            f"Invalid request.\n\nNo more than 50 items are allowed; {len(entries)} were supplied.",
        )
    return [_annotation(Fields(entry)) for entry in entries], texts


def _annotation(sent: Fields) -> Annotation:
    start, end = sent.find_number("start_line"), sent.find_number("end_line")
    if start is None or end is None:
        raise ApiError(422, 'Invalid request.\n\n"start_line" wasn\'t supplied.')
    title, message = sent.find_text("title"), sent.text("message")
    if len(message.encode()) > _LONGEST_MESSAGE or len(title or "") > _LONGEST_TITLE:
        raise invalid("CheckRun", "invalid", "annotations")
    return Annotation(
        path=sent.text("path"),
        start_line=start,
        end_line=end,
        annotation_level=sent.choice("annotation_level", LEVELS),
        message=message,
        title=title,
        raw_details=sent.find_text("raw_details"),
        start_column=sent.find_number("start_column"),
        end_column=sent.find_number("end_column"),
    )


def _actions(actions: list[Any] | None) -> list[dict[str, Any]] | None:
    if actions is None:
        return None
    if len(actions) > MOST_ACTIONS:
        raise ApiError(422, "Invalid request.\n\nNo more than 3 items are allowed.")
    for action in actions:
        for field, length in _ACTION_LENGTHS.items():
            if len(Fields(action).text(field)) > length:
                raise invalid("CheckRun", "invalid", f"actions.{field}")
    return actions
