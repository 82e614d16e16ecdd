"""
Policies, reports, archives and payloads: whatever they hold, they are read or refused with words.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fuzz.amount import fuzz
from odyssey.adapters.github_artifacts import member_of
from odyssey.adapters.policy_yaml import MAX_POLICY_CHARACTERS, read_policy
from odyssey.domain.errors import MalformedPayload, NotFound, PolicyInvalid
from odyssey.domain.events import parse_event, used_part
from odyssey.domain.identifiers import HeadSha
from odyssey.domain.policy import Policy
from odyssey.domain.report import MAX_REPORT_BYTES, parse_report
from odyssey.domain.validation import Validation

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=12,
)

KEYS = st.sampled_from(
    "version approvals mode required requester_counts api_approvals commands carry_over permission "
    "teams users codeowners protected_paths path needs limits files lines file_bytes merge method "
    "delete_branch strict validation workflow attention open_proposals reviewers per_reviewer "
    "expiry days propose validate reject update revert approve".split()
)
VALUES = st.one_of(
    st.sampled_from(
        ["auto", "manual", "squash", "write", "admin", "refused", "second_approver", "**/*.py",
         "src/", "x.yml", "octo-org/team", "mona", 0, 1, 20, 2**70, -1, True, 1.0, None, ""]
    ),
    JSON,
    st.lists(st.text(max_size=8), max_size=3),
)  # fmt: skip
POLICIES = st.dictionaries(
    KEYS, VALUES | st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=2)),
    max_size=5,
)  # fmt: skip
PATHS = st.lists(st.text("ab/.*-é", min_size=1, max_size=40), max_size=4)


def assert_policy(text: str) -> None:
    """*text* is a policy, within its bounds, or invalid with a sentence."""
    try:
        policy = read_policy(text)
    except PolicyInvalid as error:
        assert 10 < len(str(error)) < 2_000
        assert "\n" not in str(error).strip() or len(str(error)) < 500
        return
    assert isinstance(policy, Policy)
    assert 1 <= policy.approvals.required <= 20
    assert policy.limits.files >= 1
    assert policy.limits.lines >= 1


@fuzz("pure", usual=100)
@given(st.text(max_size=400) | st.text("a-:[]{}&*!|>%@`\"'#,? \n\t", max_size=200))
def test_no_text_makes_the_reading_of_a_policy_fail(text: str) -> None:
    """YAML of every kind, and what is none."""
    assert_policy(text)


@fuzz("pure", usual=100)
@given(POLICIES)
def test_no_mapping_makes_the_reading_of_a_policy_fail(mapping: dict[str, Any]) -> None:
    """The keys it knows, with values it does not, at any depth."""
    assert_policy(yaml.safe_dump(mapping, allow_unicode=True))


@fuzz("pure", usual=80)
@given(st.lists(st.text("ab/.*?é-", min_size=1, max_size=60), max_size=5), PATHS)
def test_no_pattern_takes_long_or_fails(globs: list[str], paths: list[str]) -> None:
    """Patterns that are taken are matched in time, against paths of any length."""
    try:
        policy = read_policy(yaml.safe_dump({"protected_paths": globs}))
    except PolicyInvalid:
        return
    paths = [*paths, *(each * 25 for each in paths), "a/" * 500 + "b", "a" * 1_000]
    began = time.process_time()

    assert set(policy.protected(paths)) <= set(paths)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "text",
    [
        "[" * 60_000, "{a: " * 10_000, "a: !!python/object/apply:os.system ['true']",
        "a: &x [1]\nb: *x", "- " * 30_000, "? " * 20_000, "a: |\n" + " x\n" * 15_000, "\x00",
        "%YAML 9.9\n---\n", "a: 1\na: 2", "<<: {a: 1}", "!!binary x", "2026-13-45", "0o9: .inf",
        "a: " + "9" * 50_000, '"' + "\\x41" * 12_000 + '"', "\ufeff", "---\n---\n", "'" * 60_000,
        "a: 0x" + "f" * 30_000, "a: 1:" + "30:" * 15_000 + "1",
    ],
)  # fmt: skip
def test_no_hostile_policy_takes_long(text: str) -> None:
    """As large as one may be: read or refused within seconds, and nothing of it is run."""
    assert len(text) <= MAX_POLICY_CHARACTERS + 1_000
    began = time.process_time()
    assert_policy(text)

    assert time.process_time() - began < 5


REPORT_KEYS = st.sampled_from(
    "head_sha conclusion reason phases name outcome duration_s exit_code tests passed failed "
    "skipped failures message file line measure statements transcript".split()
)
SMALL = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
PARTS = st.dictionaries(REPORT_KEYS, SMALL | st.lists(SMALL, max_size=2), max_size=4)
REPORTS = st.dictionaries(
    REPORT_KEYS,
    SMALL | PARTS | st.lists(PARTS, max_size=2) | st.dictionaries(REPORT_KEYS, st.lists(PARTS)),
    max_size=6,
)
CASE = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


@fuzz("pure", usual=100)
@given(REPORTS, st.booleans())
def test_no_report_makes_its_reading_or_its_showing_fail(root: dict[str, Any], whole: bool) -> None:
    """The report is written beside untrusted code: each field may be anything."""
    if whole:
        root = {**root, "head_sha": "a" * 40, "conclusion": "failure"}
    try:
        report = parse_report(json.dumps(root).encode())
    except MalformedPayload:
        return
    validation = Validation(
        head_sha=HeadSha("a" * 40), nonce="n", workflow="x.yml", requested_at=CASE
    ).completed(report, at=CASE)
    for failure in validation.failures:
        assert failure.line is None or 1 <= failure.line < 2**31
    text = repr(validation).encode()
    assert len(text) < MAX_REPORT_BYTES


@fuzz("pure", usual=100)
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_no_bytes_make_the_reading_of_a_report_fail(data: bytes) -> None:
    """JSON or not."""
    try:
        parse_report(data)
    except MalformedPayload as error:
        assert "report.json" in str(error)


def archive(data: bytes, *, name: str = "report.json", deflate: bool = True) -> bytes:
    """A zip archive of one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED if deflate else 0) as made:
        made.writestr(name, data)
        made.writestr("../../etc/passwd", b"x")
    return buffer.getvalue()


@fuzz("pure", usual=100)
@given(
    st.binary(max_size=200),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=4),
    st.integers(0, 400),
    st.booleans(),
)
def test_no_archive_makes_the_reading_of_an_artifact_fail(
    data: bytes, flips: list[tuple[int, int]], cut: int, deflate: bool
) -> None:
    """Bytes flipped and ends cut off: the report as it was, something bounded, or not found."""
    made = bytearray(archive(data, deflate=deflate))
    for at, value in flips:
        made[at % len(made)] = value
    made = made[: len(made) - cut % len(made)] if cut % 3 == 0 else made
    try:
        found = member_of(bytes(made))
    except NotFound as error:
        assert "report.json" in str(error)
        return
    assert len(found) <= MAX_REPORT_BYTES
    assert flips or cut % 3 == 0 or found == data


def test_an_archive_that_unpacks_to_gigabytes_is_not_unpacked() -> None:
    """A bomb of 10 MB of zeros: refused at the limit, in memory of the limit's size."""
    with pytest.raises(NotFound, match="over"):
        member_of(archive(b"\0" * 10_000_000))


EVENTS = st.sampled_from(
    [
        ("issue_comment", "created"), ("issue_comment", "deleted"), ("pull_request", "opened"),
        ("pull_request", "synchronize"), ("pull_request_review", "submitted"),
        ("pull_request_review", "dismissed"), ("pull_request_review_thread", "resolved"),
        ("workflow_run", "completed"), ("check_run", "rerequested"), ("push", None),
        ("issues", "closed"), ("installation", "created"), ("ping", None),
    ]
)  # fmt: skip
FIELDS = st.sampled_from(
    "installation repository owner login name default_branch sender type issue number state locked "
    "pull_request comment id body html_url created_at user head sha ref updated_at review "
    "submitted_at workflow_run run_attempt event path head_branch display_title status conclusion "
    "check_run head_sha external_id".split()
)
LEAVES = st.one_of(
    JSON,
    st.sampled_from(["2026-11-20T07:41:52Z", "a" * 40, 7, "7", "User", "9999-99-99", 2**80]),
    st.datetimes().map(lambda each: each.isoformat()),
)
PAYLOADS = st.dictionaries(
    FIELDS, LEAVES | st.dictionaries(FIELDS, LEAVES | st.dictionaries(FIELDS, LEAVES)), max_size=9
)


@fuzz("pure", usual=100)
@given(EVENTS, PAYLOADS)
def test_no_payload_makes_the_reading_of_an_event_fail(
    event: tuple[str, str | None], payload: dict[str, Any]
) -> None:
    """An event, none, or malformed; and what the inbox keeps of it is read the same."""
    name, action = event
    payload = {**payload, "action": action}
    try:
        parsed = parse_event(name, payload)
    except MalformedPayload as error:
        assert len(str(error)) < 5_000
        return
    assert parse_event(name, used_part(payload)) == parsed
