"""
Events read from deliveries: the few fields that count, and nothing for the rest.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.samples import REPOSITORY
from odyssey.domain.errors import MalformedPayload
from odyssey.domain.events import (
    CheckFinished,
    CheckRunRerequested,
    IssueCommentDeleted,
    IssueCommented,
    PullRequestChanged,
    WorkflowRunProgressed,
    is_used,
    parse_event,
    used_part,
)
from odyssey.domain.identifiers import HeadSha

COMMON: dict[str, Any] = {
    "installation": {"id": 1},
    "repository": {"name": "hello", "owner": {"login": "octo"}, "default_branch": "main"},
    "sender": {"login": "alice"},
}
PULL: dict[str, Any] = {
    "number": 8,
    "head": {"sha": "1f3c9d2", "ref": "proposal/x"},
    "updated_at": "2026-11-21T12:00:00Z",
}
COMMENT: dict[str, Any] = {
    **COMMON,
    "action": "created",
    "issue": {"number": 7, "state": "open", "locked": False},
    "comment": {
        "id": 3,
        "user": {"login": "alice", "type": "User"},
        "body": "/odyssey help",
        "html_url": "https://github.com/octo/hello/issues/7#issuecomment-3",
        "created_at": "2026-11-21T12:00:00Z",
    },
}
RUN: dict[str, Any] = {
    **COMMON,
    "action": "completed",
    "workflow_run": {
        "id": 41,
        "run_attempt": 2,
        "event": "workflow_dispatch",
        "path": ".github/workflows/odyssey-validate.yml@main",
        "head_branch": "main",
        "display_title": "Odyssey prop_abcdefghij 5f2b",
        "status": "completed",
        "conclusion": "success",
        "html_url": "https://github.com/octo/hello/actions/runs/41",
        "actor": {"login": "odyssey[bot]"},
    },
}


def test_a_new_comment_is_read() -> None:
    """
    Who wrote what, where, and whether the place is open.
    """
    event = parse_event("issue_comment", COMMENT)

    assert isinstance(event, IssueCommented)
    assert (event.repository, event.default_branch, event.number) == (REPOSITORY, "main", 7)
    assert (event.author, event.author_is_person, event.body) == ("alice", True, "/odyssey help")
    assert (event.is_open, event.is_locked, event.is_pull_request) == (True, False, False)
    assert event.created_at == datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("issue", "user", "expected"),
    [
        ({"state": "closed"}, {}, (False, False, False, True)),
        ({"locked": True}, {}, (True, True, False, True)),
        ({"pull_request": {"url": "x"}}, {}, (True, False, True, True)),
        ({"pull_request": None}, {}, (True, False, False, True)),
        ({}, {"type": "Bot"}, (True, False, False, False)),
        ({}, {"type": "Mannequin"}, (True, False, False, False)),
    ],
)
def test_the_circumstances_of_a_comment(
    issue: dict[str, Any], user: dict[str, Any], expected: tuple[bool, ...]
) -> None:
    """
    Closed, locked, on a pull request, or by somebody who is no person.
    """
    payload = {
        **COMMENT,
        "issue": {**COMMENT["issue"], **issue},
        "comment": {**COMMENT["comment"], "user": {**COMMENT["comment"]["user"], **user}},
    }
    event = parse_event("issue_comment", payload)

    assert isinstance(event, IssueCommented)
    assert expected == (
        event.is_open,
        event.is_locked,
        event.is_pull_request,
        event.author_is_person,
    )


@pytest.mark.parametrize("action", ["edited", "pinned", None])
def test_only_a_new_comment_counts(action: str | None) -> None:
    """
    An old comment that is edited must not act with today's permissions.
    """
    assert parse_event("issue_comment", {**COMMENT, "action": action}) is None


def test_a_run_is_read_with_the_file_it_ran() -> None:
    """
    The ref behind the path is cut off; a run that is going on has no conclusion.
    """
    done = parse_event("workflow_run", RUN)
    going = parse_event(
        "workflow_run",
        {**RUN, "workflow_run": {**RUN["workflow_run"], "conclusion": None, "status": "queued"}},
    )

    assert isinstance(done, WorkflowRunProgressed)
    assert (done.run_id, done.path) == (41, ".github/workflows/odyssey-validate.yml")
    assert (done.conclusion, done.run_attempt) == ("success", 2)
    assert isinstance(going, WorkflowRunProgressed)
    assert (going.conclusion, going.status) == (None, "queued")


@pytest.mark.parametrize(
    ("name", "action", "extra", "read_as"),
    [
        ("pull_request", "opened", {}, "opened"),
        ("pull_request", "synchronize", {}, "synchronize"),
        ("pull_request", "closed", {}, "closed"),
        ("pull_request", "reopened", {}, "reopened"),
        ("pull_request_review", "submitted", {"review": {"submitted_at": "2026-11-21T12:05:00Z"}},
         "pull_request_review.submitted"),
        ("pull_request_review", "dismissed", {"review": {"submitted_at": None}},
         "pull_request_review.dismissed"),
        ("pull_request_review_thread", "resolved", {}, "pull_request_review_thread.resolved"),
    ],
)  # fmt: skip
def test_whatever_happens_to_a_pull_request_is_one_event(
    name: str, action: str, extra: dict[str, Any], read_as: str
) -> None:
    """
    A hint that it should be read again, with the head it had then.
    """
    event = parse_event(name, {**COMMON, **extra, "action": action, "pull_request": PULL})

    assert isinstance(event, PullRequestChanged)
    assert (str(event.ref), event.action) == ("octo/hello#8", read_as)
    assert (event.head_sha, event.sender) == ("1f3c9d2", "alice")


def test_a_check_run_can_be_asked_for_again() -> None:
    """
    With the id Odyssey gave it.
    """
    check_run = {"head_sha": "1f3c9d2", "external_id": "prop_abcdefghij"}
    payload = {**COMMON, "action": "rerequested", "check_run": check_run}
    event = parse_event("check_run", payload)

    assert event == CheckRunRerequested(
        repository=REPOSITORY,
        head_sha=HeadSha("1f3c9d2"),
        external_id="prop_abcdefghij",
        sender="alice",
    )
    assert parse_event("check_run", {**payload, "action": "created"}) is None


def test_a_check_that_ended_is_a_hint_about_its_commit() -> None:
    """
    A check run with the App behind it, and a status; one that is pending tells nothing.
    """
    check_run = {"head_sha": "1f3c9d2", "name": "lint", "app": {"slug": "linter"}}
    ran = parse_event("check_run", {**COMMON, "action": "completed", "check_run": check_run})
    status = {**COMMON, "sha": "1f3c9d2", "context": "build", "state": "success"}

    assert ran == CheckFinished(
        repository=REPOSITORY, head_sha=HeadSha("1f3c9d2"), name="lint", reporter="linter[bot]"
    )
    assert parse_event("status", status) == CheckFinished(
        repository=REPOSITORY, head_sha=HeadSha("1f3c9d2"), name="build", reporter=None
    )
    assert parse_event("status", used_part(status)) == parse_event("status", status)
    assert parse_event("status", {**status, "state": "pending"}) is None


@pytest.mark.parametrize(
    ("name", "action"),
    [("push", None), ("star", "created"), ("pull_request", "labeled"), ("issues", "opened"),
     ("unheard_of", "x"), ("pull_request_review_comment", "created")],
)  # fmt: skip
def test_events_without_use_are_none(name: str, action: str | None) -> None:
    """
    Unknown events and actions are no error: GitHub may send new ones any day.
    """
    assert parse_event(name, {**COMMON, "action": action}) is None
    assert not is_used(name, action)


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("issue_comment", {"action": "created"}),
        ("issue_comment", {**COMMENT, "comment": {**COMMENT["comment"], "user": None}}),
        ("issue_comment", {**COMMENT, "installation": None}),
        ("issue_comment", {**COMMENT, "issue": {**COMMENT["issue"], "number": "x"}}),
        ("issue_comment", {**COMMENT, "comment": {**COMMENT["comment"], "created_at": "soon"}}),
        ("workflow_run", {"action": "completed"}),
        ("pull_request", {**COMMON, "action": "opened", "pull_request": []}),
        ("pull_request", {**COMMON, "action": ["opened"], "pull_request": PULL}),
        ("issue_comment", [COMMENT]),
        ("issue_comment", None),
        ("push", "text"),
        ("workflow_run", {**RUN, "workflow_run": {**RUN["workflow_run"], "id": math.inf}}),
        ("workflow_run", {**RUN, "workflow_run": {**RUN["workflow_run"], "id": math.nan}}),
        ("workflow_run", {**RUN, "installation": {"id": math.inf}}),
        ("issue_comment", {**COMMENT, "comment": {**COMMENT["comment"],
                                                  "created_at": "0001-01-01T00:00:00+14:00"}}),
    ],
)  # fmt: skip
def test_a_payload_without_what_github_always_sends_is_malformed(name: str, payload: Any) -> None:
    """
    The delivery is answered with 400 and shows in GitHub's log.
    """
    with pytest.raises(MalformedPayload, match=name):
        parse_event(name, payload)


def test_unknown_fields_are_ignored() -> None:
    """
    New fields in a payload are no reason to refuse it.
    """
    event = parse_event("issue_comment", {**COMMENT, "new": 1, "enterprise": {"id": 5}})

    assert event == parse_event("issue_comment", COMMENT)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([*COMMENT, *COMMENT["comment"], *RUN, *RUN["workflow_run"], *PULL]),
        inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["issue_comment", "workflow_run", "check_run", "pull_request"]),
    st.sampled_from(["created", "completed", "rerequested", "opened"]),
    st.dictionaries(st.sampled_from([*COMMENT, *RUN, "pull_request", "check_run"]), _JSON),
)
def test_reading_a_payload_raises_only_that_it_is_malformed(
    name: str, action: str, payload: dict[str, Any]
) -> None:
    """
    Whatever JSON arrives.
    """
    try:
        parse_event(name, {**payload, "action": action})
    except MalformedPayload as error:
        assert name in str(error)


EVERY_KIND: list[tuple[str, dict[str, Any]]] = [
    ("issue_comment", {**COMMENT, "issue": {**COMMENT["issue"], "pull_request": {"url": "u"}}}),
    ("issue_comment", COMMENT),
    ("workflow_run", RUN),
    ("pull_request", {**COMMON, "action": "closed", "pull_request": PULL}),
    (
        "pull_request_review",
        {
            **COMMON,
            "action": "submitted",
            "pull_request": PULL,
            "review": {"submitted_at": "2026-11-21T12:05:00Z"},
        },
    ),
    (
        "check_run",
        {
            **COMMON,
            "action": "rerequested",
            "check_run": {"head_sha": "1f3c9d2", "external_id": "prop_abcdefghij"},
        },
    ),
]


@pytest.mark.parametrize(("name", "payload"), EVERY_KIND)
def test_the_used_part_of_a_payload_is_read_as_the_same_event(
    name: str, payload: dict[str, Any]
) -> None:
    """
    And nothing else of the payload is kept.
    """
    noise = {"private": "x" * 1000}
    noisy = {**payload, **noise, "repository": {**payload["repository"], **noise}}

    kept = used_part(noisy)

    assert parse_event(name, noisy) is not None
    assert parse_event(name, kept) == parse_event(name, noisy)
    assert "private" not in repr(kept)


ON_A_PULL = {**COMMENT, "issue": {**COMMENT["issue"], "pull_request": {"url": "u"}}}


def test_the_deletion_of_a_person_s_comment_is_an_event() -> None:
    """
    It takes an approval back, which may stand in an issue too; a bot's and an edit do not.
    """
    deleted = {**ON_A_PULL, "action": "deleted"}
    event = parse_event("issue_comment", deleted)
    bot = {**deleted["comment"], "user": {"login": "odyssey[bot]", "type": "Bot"}}

    assert isinstance(event, IssueCommentDeleted)
    assert event.comment_id == COMMENT["comment"]["id"]
    assert (event.number, event.is_pull_request) == (COMMENT["issue"]["number"], True)
    assert parse_event("issue_comment", used_part(deleted)) == event
    in_issue = parse_event("issue_comment", {**COMMENT, "action": "deleted"})
    assert isinstance(in_issue, IssueCommentDeleted)
    assert not in_issue.is_pull_request
    assert parse_event("issue_comment", {**deleted, "comment": bot}) is None
    assert parse_event("issue_comment", {**ON_A_PULL, "action": "edited"}) is None
