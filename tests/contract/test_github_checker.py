"""
The checker finds what differs from GitHub's description, and lets pass what does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from contract.github.checker import ContractChecker
from odyssey.simulator.gateway import ExchangeRequest, ExchangeResponse

SHA = "0123456789abcdef0123456789abcdef01234567"
JSON = {"content-type": "application/json; charset=utf-8"}
REF = {
    "ref": "refs/heads/proposal/one",
    "node_id": "UmVm",
    "url": "http://127.0.0.1:1/repos/o/r/git/refs/heads/proposal/one",
    "object": {"type": "commit", "sha": SHA, "url": "http://127.0.0.1:1/repos/o/r/git/commits/1"},
}
ERROR = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"}


def ask(
    checker: ContractChecker,
    method: str,
    path: str,
    status: int,
    answer: Any = None,
    *,
    body: Any = None,
    query: str = "",
    headers: Mapping[str, str] | None = None,
) -> list[str]:
    """
    What the checker says of one exchange: `side where` of each violation.
    """
    content = b"" if answer is None else json.dumps(answer).encode()
    sent = b"" if body is None else json.dumps(body).encode()
    before = len(checker.violations)
    checker.exchange(
        ExchangeRequest(method, path, query, dict(headers or {}), sent),
        ExchangeResponse(status, JSON if content else {}, content),
    )
    return [f"{found.side} {found.where}" for found in checker.violations[before:]]


def test_a_right_answer_is_clean() -> None:
    """A body as described, with a branch name that has slashes, raises nothing."""
    checker = ContractChecker()

    found = ask(checker, "GET", "/repos/o/r/git/ref/heads/proposal/one", 200, REF)

    assert found == []
    assert checker.checked == 1
    checker.assert_clean()


def test_a_value_of_the_wrong_type_is_found_by_both_judges() -> None:
    """GitHub's description and githubkit name the place."""
    wrong = {**REF, "object": {**REF["object"], "sha": 7}}  # type: ignore[dict-item]  # planted

    found = ask(ContractChecker(), "GET", "/repos/o/r/git/ref/heads/main", 200, wrong)

    assert found == ["response $.object.sha", "githubkit $.object.sha"]


def test_a_missing_field_is_found() -> None:
    """A required property that is left out is a violation."""
    wrong = {name: value for name, value in REF.items() if name != "node_id"}

    found = ask(ContractChecker(), "GET", "/repos/o/r/git/ref/heads/main", 200, wrong)

    assert found == ["response $", "githubkit $.node_id"]


def test_a_field_that_github_does_not_have_is_found() -> None:
    """An invented property fails, so that nothing comes to rely on it."""
    found = ask(ContractChecker(), "GET", "/repos/o/r/git/ref/heads/main", 200, {**REF, "sha": SHA})

    assert found == ["response $"]


def test_a_status_that_is_not_declared_is_found() -> None:
    """GitHub's description knows no 202 here."""
    found = ask(ContractChecker(), "GET", "/repos/o/r/git/ref/heads/main", 202, REF)

    assert "response status" in found


@pytest.mark.parametrize("status", [401, 403, 429])
def test_an_undeclared_error_passes_in_the_form_of_github(status: int) -> None:
    """The description leaves most errors out; their form is what counts."""
    checker = ContractChecker()

    right = ask(checker, "GET", "/repos/o/r/git/ref/heads/main", status, ERROR)
    wrong = ask(checker, "GET", "/repos/o/r/git/ref/heads/main", status, {"detail": "no"})

    assert right == []
    assert wrong == ["response $"]


def test_the_errors_of_a_422_are_objects_or_strings() -> None:
    """`validation-error` and `validation-error-simple` pass, numbers do not."""
    checker = ContractChecker()
    path = "/repos/o/r/git/ref/heads/main"

    objects = ask(checker, "GET", path, 422, {**ERROR, "errors": [{"code": "invalid"}]})
    strings = ask(checker, "GET", path, 422, {**ERROR, "errors": ["Can not approve"]})
    numbers = ask(checker, "GET", path, 422, {**ERROR, "errors": [1]})

    assert (objects, strings, numbers) == ([], [], ["response $"])


def test_an_endpoint_that_is_not_built_is_found() -> None:
    """501 fails a test whatever the path is."""
    found = ask(ContractChecker(), "GET", "/repos/o/r/stargazers", 501, ERROR)

    assert found == ["response status"]


def test_an_answer_at_a_path_that_github_does_not_have_is_found() -> None:
    """404 is right there, 200 is not."""
    checker = ContractChecker()

    assert ask(checker, "GET", "/repos/o/r/nonsense", 404, ERROR) == []
    assert ask(checker, "GET", "/repos/o/r/nonsense", 200, {}) == ["response path"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_fault_made_on_purpose_passes(status: int) -> None:
    """A gateway's error has no form."""
    assert ask(ContractChecker(), "GET", "/repos/o/r/git/ref/heads/main", status) == []


def test_a_crash_of_the_simulator_is_found() -> None:
    """A 500 without GitHub's form of an error is a bug, not a fault on purpose."""
    checker = ContractChecker()

    assert ask(checker, "GET", "/repos/o/r/git/ref/heads/main", 500, ERROR) == []
    assert ask(checker, "GET", "/repos/o/r/git/ref/heads/main", 500) == ["response $"]


def test_a_bad_request_that_was_taken_is_found() -> None:
    """A body or parameter that GitHub would refuse must not be answered 201."""
    checker = ContractChecker()
    path = "/repos/o/r/git/refs"

    good = ask(checker, "POST", path, 201, REF, body={"ref": "refs/heads/x", "sha": SHA})
    wrong_type = ask(checker, "POST", path, 201, REF, body={"ref": "refs/heads/x", "sha": 1})
    missing = ask(checker, "POST", path, 201, REF, body={"ref": "refs/heads/x"})
    misspelt = ask(checker, "POST", path, 201, REF, body={"ref": "r", "sha": SHA, "shar": SHA})
    query = ask(checker, "GET", "/repos/o/r/labels", 200, [], query="per_page=many")

    assert good == []
    assert wrong_type == ["request $.sha"]
    assert missing == ["request $"]
    assert misspelt == ["request $"]
    assert query == ["request $"]


def test_a_bad_request_that_was_refused_is_clean() -> None:
    """The server has said itself that the request is wrong."""
    refused = {**ERROR, "message": "Validation Failed", "errors": [{"code": "missing_field"}]}

    assert ask(ContractChecker(), "POST", "/repos/o/r/git/refs", 422, refused, body={}) == []


def test_not_modified_answers_only_a_conditional_request() -> None:
    """304 without If-None-Match is a violation where the description has no 304."""
    checker = ContractChecker()
    path = "/repos/o/r/git/ref/heads/main"

    assert ask(checker, "GET", path, 304, headers={"If-None-Match": 'W/"1"'}) == []
    assert ask(checker, "GET", path, 304) == ["response status"]


def test_a_webhook_is_held_against_both_judges() -> None:
    """A ping with a wrong type is found by the schema and by githubkit."""
    checker = ContractChecker()
    hook = {
        "id": 1,
        "type": "App",
        "name": "web",
        "active": True,
        "events": ["push"],
        "config": {"content_type": "json", "url": "http://127.0.0.1:1/hook"},
        "created_at": "2026-11-21T10:00:00Z",
        "updated_at": "2026-11-21T10:00:00Z",
    }

    checker.webhook("ping", {"zen": "Keep it simple.", "hook_id": 1, "hook": hook})
    assert checker.violations == []

    checker.webhook("ping", {"zen": "Keep it simple.", "hook_id": "1", "hook": hook})
    assert {found.where for found in checker.violations} == {"$.hook_id"}


def test_a_webhook_without_its_payload_is_found() -> None:
    """An `issue_comment` with nothing in it misses at least comment, issue and repository."""
    checker = ContractChecker()

    checker.webhook("issue_comment", {"action": "created"})

    missing = " ".join(found.expected for found in checker.violations)
    assert all(name in missing for name in ("comment", "issue", "repository", "sender"))


@pytest.mark.parametrize(
    ("event", "action"), [("issue_comment", "shouted"), ("nonsense", "created")]
)
def test_a_webhook_that_github_never_sends_is_found(event: str, action: str) -> None:
    """An unknown event or action is a violation."""
    checker = ContractChecker()

    checker.webhook(event, {"action": action})

    assert [found.where for found in checker.violations] == ["action"]


def test_a_graphql_answer_has_data_or_errors() -> None:
    """The envelope is checked; the content is typed by the schema itself."""
    checker = ContractChecker()

    assert ask(checker, "POST", "/graphql", 200, {"data": {"viewer": None}}) == []
    assert ask(checker, "POST", "/graphql", 200, {"errors": [{"message": "no"}]}) == []
    assert ask(checker, "POST", "/graphql", 200, {"viewer": None}) == ["graphql $"]


def test_the_report_names_operation_place_and_count() -> None:
    """What a person reads: each kind of difference once, with how often it occurred."""
    checker = ContractChecker()
    wrong = {**REF, "ref": None}
    for _ in range(3):
        ask(checker, "GET", "/repos/o/r/git/ref/heads/main", 200, wrong)

    with pytest.raises(AssertionError) as raised:
        checker.assert_clean()

    text = str(raised.value)
    assert "9 differences" in text  # githubkit gives one reason, the schema two
    assert "3 x response  git/get-ref at $.ref: None is not of type 'string'" in text
    assert "GET /repos/o/r/git/ref/heads/main -> 200" in text
