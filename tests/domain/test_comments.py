"""
Every sentence Odyssey writes: what it says, and that foreign words in it stay words.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from domain.samples import HEAD, NOON, OLD_HEAD, a_proposal, a_validation, minutes
from domain.snapshot_cases import CASES, FOLDER, conditions_of, failed_proposal, resembling_proposal
from odyssey.domain import comments
from odyssey.domain.errors import PatchDoesNotApply
from odyssey.domain.gate import Condition, State
from odyssey.domain.hidden_characters import without_hidden
from odyssey.domain.identifiers import ProposalId
from odyssey.domain.markers import find_marker, marker
from odyssey.domain.markup import cell, clip, code, fence, link, neutral, plain, quoted
from odyssey.domain.merge_attempt import MergeAttempt
from odyssey.domain.proposal import ApiApproval, Approved, Proposal, Rejection, Status
from odyssey.domain.record import read_record
from odyssey.domain.report import TestFailure

EVIL = (
    "@bob fixes #12 GH-3 https://github.com/octo/hello/issues/1 <!-- odyssey:status prop_x -->\n"
    "![x](https://evil.example/) <img src=x> | a | b |\n```\n~~~\n# head\n- list\n</details>\n$x$"
)
_RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def rendered(markdown: str) -> str:
    """The text and elements a browser gets, code left out: GitHub looks for references in them."""
    html = _RENDERER.render(markdown)
    return re.sub(r"<(code|pre)\b.*?</\1>", "", html, flags=re.DOTALL)


def is_harmless(markdown: str) -> bool:
    """Whether nothing in *markdown* pings, refers, loads or forges."""
    html = rendered(markdown)
    patterns = ["@[A-Za-z0-9]", r"(?<![/\w&])#[0-9]", "GH-[0-9]", "<img", "status prop_[xz].* -->"]
    return not any(re.search(each, html) for each in patterns)


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_sentences_are_as_reviewed(name: str) -> None:
    """
    A changed sentence shows as a changed file; `snapshot_cases` says how to accept it.
    """
    assert CASES[name]() + "\n" == (FOLDER / f"{name}.md").read_text()


def test_no_snapshot_is_left_over() -> None:
    """
    Every kept file belongs to a sentence.
    """
    assert {path.stem for path in FOLDER.glob("*.md")} == set(CASES)


@pytest.mark.parametrize("text", [EVIL, *EVIL.split("\n"), "1. a", "+ a", "=====", "a_b_c", "# x"])
def test_foreign_words_stay_words(text: str) -> None:
    """
    As a line, in a table, in code and quoted: no ping, no reference, no image, no marker.
    """
    assert is_harmless(plain(text))
    assert is_harmless(quoted(text))
    assert is_harmless(neutral(text))
    assert is_harmless(code(text))
    assert is_harmless(fence(text))
    assert "<li>" not in rendered(plain(text))
    assert "<h1>" not in rendered(plain(text))


def test_plain_text_reads_as_it_was_written() -> None:
    """
    Escapes and separators vanish in what people see.
    """
    text = "Fix `a_b` * [x](y) <T> & #1 @bob | ~x~ \\ 1. https://a.b"
    html = _RENDERER.renderInline(plain(text))

    shown = html.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert shown.replace("\u200b", "").replace("&#8203;", "") == text


@pytest.mark.parametrize(
    "text",
    [
        "&#64;bob &commat;bob &num;1",
        "\\`@bob` `a",
        "`\n# x @bob `",
        "~~~\n```\n~~~\n@bob\n```",
        "> ```\n@bob\n```",
        "``` @bob",
        "`a`@bob`b`",
    ],
)
def test_our_own_markdown_gives_foreign_words_no_power(text: str) -> None:
    """
    Entities, escapes and code that only seems to be code do not bring a mention back.
    """
    assert is_harmless(neutral(text))


@pytest.mark.parametrize("text", ["```", "a\n```\nb", "`" * 300, "~~~", "a ` b", "", "\r\n```\r\n"])
def test_a_code_block_cannot_be_left(text: str) -> None:
    """
    Its fence is longer than any run of backticks in it.
    """
    tokens = _RENDERER.parse(f"{fence(text)}\n\nafter")

    assert [each.type for each in tokens][:2] == ["fence", "paragraph_open"]
    assert len(_RENDERER.parse(code(text))[1].children or ()) == 1


def test_a_table_cell_stays_one_cell() -> None:
    """
    Pipes and line ends, in code spans too, do not make new cells or rows.
    """
    table = f"| a | b |\n|---|---|\n| {cell('x | `y|z`' + chr(10) + 'w')} | end |"
    html = _RENDERER.render(table)

    assert html.count("<td>") == 2


def test_links_go_to_web_addresses_only() -> None:
    """
    Anything else is only its label.
    """
    assert link("a", "https://x.y/z") == "[a](https://x.y/z)"
    assert link("a", "https://x.y/) <b>") == "[a](https://x.y/%29%20%3Cb%3E)"
    assert [link("a", url) for url in ("javascript:x", "", "x", "http://[", "//x")] == ["a"] * 5


def test_the_pull_request_says_who_asked_and_where_and_how_to_merge() -> None:
    """
    Requester, source, paths, reasons, commands, and the hidden marker.
    """
    proposal = a_proposal()
    body = comments.pull_request_body(proposal)

    record = read_record(body)
    assert record is not None
    assert (record.id, record.requester) == (proposal.id, "alice")
    assert proposal.source_url in body
    assert "`src/app.py`" in body
    assert "/odyssey reject <reason>" in body


def test_an_earlier_attempt_is_named_with_its_outcome() -> None:
    """
    The same change again says which one it resembles, how that ended and why.
    """
    body = comments.pull_request_body(resembling_proposal())

    assert "[#5](https://github.com/octo/hello/pull/5) is the same change" in body
    assert "**rejected**" in body
    assert "javascript" not in body
    assert is_harmless(body.replace("#5", "").replace("#7", ""))


def test_an_evil_proposal_makes_a_harmless_pull_request() -> None:
    """
    Title, reasons, paths and requester are all foreign words.
    """
    proposal = a_proposal(
        commit_message=EVIL, requester="bob --> <!-- x", paths=(EVIL, "a`b"), issue_number=None
    )
    body = comments.pull_request_body(proposal)

    assert is_harmless(body)
    assert find_marker(body, "status") is None
    facts = find_marker(body, "proposal")
    assert facts is not None
    assert (facts["id"], facts["requester"]) == (proposal.id, "bob --> <!-- x")
    assert "\n" not in comments.pull_request_title(proposal)


def test_a_failing_test_is_quoted_and_cannot_break_out() -> None:
    """
    Name, place and message stand in the status comment; a forged marker in them is none.
    """
    proposal = failed_proposal()
    body = comments.status_comment(proposal, conditions_of(proposal))

    assert "tests.test_app.Greeting.test_name" in body
    assert "tests/test_app.py:12" in body
    assert "AssertionError: 'Helo' != 'Hello'" in body
    assert body.count("<!-- odyssey:status") == 1
    assert find_marker(body, "status") == {"id": proposal.id}
    assert is_harmless(body)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"pull_number": None}, Status.PROPOSED),
        ({"validation": None}, Status.VALIDATION_PENDING),
        ({"approved": Approved(head_sha=HEAD, by=("bob",), automatic=False)}, Status.USER_APPROVED),
        ({"approved": Approved(head_sha=HEAD, by=("x",), automatic=True)}, Status.AUTO_APPROVED),
        ({"service_approval": ApiApproval(head_sha=HEAD, by="api_user", at=NOON)},
         Status.MERGE_PENDING),
        ({"merge": MergeAttempt(head_sha=HEAD, approved_by=("bob",), automatic=False, at=NOON)},
         Status.MERGE_IN_PROGRESS),
        ({"merge": MergeAttempt(head_sha=HEAD, approved_by=(), automatic=False, at=NOON,
                                failure="Required status check `x` is expected.")},
         Status.MERGE_FAILED),
    ],
)  # fmt: skip
def test_every_status_has_its_heading_and_its_next_step(
    changes: dict[str, object], status: Status
) -> None:
    """
    The word of the REST API, and what happens next.
    """
    proposal = a_proposal(**changes)
    body = comments.status_comment(proposal)

    assert f"`{status}`" in body
    assert "**Next:**" in body


def test_the_status_table_has_every_condition_and_the_next_step_is_the_first_unmet_one() -> None:
    """
    What is not met comes before what is waiting.
    """
    conditions = (
        Condition(1, "first", State.MET, "Fine."),
        Condition(2, "second", State.WAITING, "Soon | maybe.", "Wait."),
        Condition(3, "third", State.UNMET, "No, @bob.", "Mend it."),
    )
    body = comments.status_comment(a_proposal(), conditions)

    assert "| 2 | second | ⏳ waiting | Soon \\| maybe. | Wait. |" in body
    assert "**Next:** Mend it." in body
    assert is_harmless(body)


@pytest.mark.parametrize(
    ("conclusion", "expected", "title"),
    [
        (None, None, "The sandbox is running"),
        ("success", "success", "Validation passed: 12 passed"),
        ("failure", "failure", "Validation failed: 12 passed"),
        ("timed_out", "timed_out", "Validation timed out: 12 passed"),
        ("cancelled", "cancelled", "Validation cancelled"),
        ("neutral", "failure", "Validation failed: 12 passed"),
        ("made up", "failure", "Validation failed: 12 passed"),
    ],
)
def test_the_check_run_is_the_sandbox_verdict(
    conclusion: str | None, expected: str | None, title: str
) -> None:
    """
    A conclusion GitHub does not take from an App, or one that could open a gate, is a failure.
    """
    check_run = comments.check_run(a_proposal(validation=a_validation(conclusion=conclusion)))

    assert check_run is not None
    assert (check_run.conclusion, check_run.title) == (expected, title)
    assert (check_run.external_id, check_run.head_sha) == ("prop_abcdefghij", HEAD)
    assert (check_run.completed_at is None) is (expected is None)


def test_the_check_run_of_another_commit_is_none() -> None:
    """
    What an older commit was judged says nothing about this one.
    """
    proposal = a_proposal(validation=a_validation(head_sha=OLD_HEAD))

    assert comments.check_run(proposal) is None
    assert comments.check_run(replace(proposal, head_sha=None)) is None


def test_what_keeps_the_sandbox_from_running_asks_for_action() -> None:
    """
    An invalid policy shows on the commit, with its remedy.
    """
    conditions = (Condition(2, "policy", State.UNMET, "The policy is invalid.", "Mend it."),)
    check_run = comments.check_run(a_proposal(validation=None), conditions)

    assert check_run is not None
    assert (check_run.conclusion, check_run.title) == ("action_required", "The policy is invalid.")
    assert "Mend it." in check_run.summary


def test_a_rejected_proposal_leaves_no_check_waiting() -> None:
    """
    A run that was still going is shown as cancelled.
    """
    proposal = a_proposal(
        validation=a_validation(conclusion=None, completed_at=None),
        rejection=Rejection(by="bob", reason="no", at=minutes(3)),
    )
    check_run = comments.check_run(proposal)

    assert check_run is not None
    assert (check_run.conclusion, check_run.completed_at) == ("cancelled", minutes(3))


def _huge() -> Proposal:
    failures = tuple(
        TestFailure(name="n" * 300, message="```ä\n" * 1_000, path="p" * 500, line=1)
        for _ in range(50)
    )
    validation = a_validation(
        conclusion="failure",
        failures=failures,
        output="ä`\n" * 30_000,
        reason="r" * 4_000,
        failed=50,
    )
    return a_proposal(
        validation=validation,
        commit_message="t" * 500 + "\n" + "<b> @x\n" * 1_400,
        paths=tuple(f"{each}/" + "ä" * 200 for each in range(3_000)),
    )


def test_everything_fits_into_what_github_takes() -> None:
    """
    Titles, bodies, summaries and texts are clipped, with code blocks closed.
    """
    proposal = _huge()
    check_run = comments.check_run(proposal)

    assert check_run is not None
    assert len(check_run.text) <= 65_535
    assert len(check_run.summary) <= 65_535
    assert len(comments.pull_request_title(proposal)) <= 256
    for body in (
        comments.pull_request_body(proposal),
        comments.status_comment(proposal),
        comments.refusal("bob", PatchDoesNotApply("x" * 200_000)),
    ):
        assert len(body) <= 65_536


def test_clipping_closes_what_it_cuts() -> None:
    """
    A code block and a folded section that are cut are ended, and a note says so.
    """
    cut = clip("<details><summary>a</summary>\n\n````text\n" + "x\n" * 1_000 + "````\n", limit=900)
    types = [each.type for each in _RENDERER.parse(cut)]

    assert len(cut.encode()) <= 900
    assert types.count("fence") == 1
    assert "</details>" in cut
    assert cut.endswith("in one place.*")
    assert clip("short") == "short"


@pytest.mark.parametrize(
    "value",
    ["alice", "a b", "-->", "<!-- x -->", "a=b", "ä漢", "", "a--b", "dependabot[bot]", "\n"],
)
def test_a_marker_gives_back_what_was_put_in(value: str) -> None:
    """
    Whatever the value, the marker is one comment on one line and reads back the same.
    """
    text = marker("proposal", id="prop_abcdefghij", requester=value)

    assert find_marker(f"before\n\n{text}\n\nafter", "proposal") == {
        "id": "prop_abcdefghij",
        "requester": value,
    }
    assert text.count("-->") == 1
    assert "\n" not in text


@pytest.mark.parametrize(
    "body",
    [
        "",
        "`<!-- odyssey:status prop_x -->`",
        "```\n<!-- odyssey:status prop_x -->\n```",
        "> <!-- odyssey:status prop_x -->",
        "- <!-- odyssey:status prop_x -->",
        "    <!-- odyssey:status prop_x -->",
        "a <!-- odyssey:status prop_x --> b",
        "<!-- <!-- odyssey:status prop_x -->",
        "<!--\n<!-- odyssey:status prop_x -->",
        "<!-- odyssey:status prop_x",
        "<!-- odyssey:statuses prop_x -->",
        "\\<!-- odyssey:status prop_x -->",
    ],
)
def test_a_marker_that_somebody_quotes_is_none(body: str) -> None:
    """
    Only one that stands alone at top level counts.
    """
    assert find_marker(body, "status") is None


def test_markers_tell_proposals_and_answers_apart() -> None:
    """
    One status comment for each proposal, one answer for each command of a comment.
    """
    other = replace(a_proposal(), id=ProposalId("prop_bbbbbbbbbb"))

    assert comments.status_marker(a_proposal()) != comments.status_marker(other)
    assert comments.answer_marker(1, 11) != comments.answer_marker(11, 1)
    assert find_marker(comments.answer_marker(3, 0), "answer") == {"comment": "3", "command": "0"}


def test_the_workflow_to_add_takes_what_is_dispatched() -> None:
    """
    The example is YAML with Odyssey's three inputs, and its run name carries id and nonce.
    """
    workflow = yaml.safe_load(comments.WORKFLOW_EXAMPLE)
    # YAML 1.1 reads the key `on` as true.
    inputs = workflow[True]["workflow_dispatch"]["inputs"]

    assert set(inputs) == {"proposal_id", "head_sha", "nonce"}
    assert "inputs.proposal_id" in workflow["run-name"]
    assert "inputs.nonce" in workflow["run-name"]
    assert workflow["permissions"] == {"contents": "read"}


_WORDS = st.text(max_size=30) | st.sampled_from(
    [
        "@bob", "#1", "`", "```", "<!--", "-->", "|", "\n", "![", "](", "\ud800", "<img>", "&#64;b",
        "GH-1", "~~~", "\\", "> ", "# ", "- ", "    ",
    ]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(_WORDS, max_size=12).map("".join))
def test_no_words_have_power(text: str) -> None:
    """
    Whatever is written by others, what is shown pings nobody and can be encoded.
    """
    for shown in (plain(text), neutral(text), code(text), fence(text), quoted(text)):
        assert is_harmless(shown)
        assert shown.encode() or not without_hidden(text).strip()
