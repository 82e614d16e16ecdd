"""
Names: proposals, branches, repositories.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from odyssey.domain.identifiers import (
    MAX_SLUG,
    ProposalId,
    branch_name,
    find_proposal_id,
    is_proposal_id,
    proposal_id,
    slug,
    split_full_name,
)

ID = ProposalId("prop_abcdefghij")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("feat: Implement new feature X and update documentation",
         "implement_new_feature_x_and_update"),
        ("fix(api)!: Stop it", "stop_it"),
        ("Fix the greeting\n\nbecause", "fix_the_greeting"),
        ("Größe ändern", "gr_e_ndern"),
        ("漢字", "change"),
        ("", "change"),
        ("   \n  x", "x"),
        ("a" * 60, "change"),
        ("../../etc; rm -rf $HOME", "etc_rm_rf_home"),
    ],
)  # fmt: skip
def test_a_slug_is_the_first_line_in_plain_words(message: str, words: str) -> None:
    """
    Lower case, joined by underscores, cut at a word; nothing a shell or git could read.
    """
    assert slug(message) == words


@given(st.text(max_size=200))
def test_a_branch_leads_back_to_its_proposal(message: str) -> None:
    """
    Whatever the message, the branch's name is plain and gives the id again.
    """
    branch = branch_name(ID, message)

    assert find_proposal_id(branch) == ID
    assert branch.isascii() and len(branch) <= len("proposal/prop_abcdefghij_") + MAX_SLUG


@pytest.mark.parametrize("prefix", ["feature", "dev", "a.b", "a-b_c", "x" * 40])
def test_plain_prefixes_are_taken(prefix: str) -> None:
    """
    The REST API's `branch_prefix`, as one segment.
    """
    assert branch_name(ID, "Do it", prefix=prefix) == f"{prefix}/prop_abcdefghij_do_it"


@pytest.mark.parametrize(
    "prefix", ["", "a/b", "-x", ".x", "x.", "x.lock", "a b", "ä", "x" * 41, "a\n", "a~1", "a:b"]
)
def test_other_prefixes_are_refused(prefix: str) -> None:
    """
    What git would refuse as a branch name, or would read as something else.
    """
    with pytest.raises(ValueError, match="branch prefix"):
        branch_name(ID, "Do it", prefix=prefix)


@pytest.mark.parametrize(
    "branch",
    ["main", "proposal/prop_abcdefghij", "proposal/prop_abc_x", "a/b/prop_abcdefghij_x",
     "proposal/prop_ABCDEFGHIJ_x", "proposal/prop_abcdefghi1_x", "proposal/prop_abcdefghij_x\n",
     ""],
)  # fmt: skip
def test_other_branches_belong_to_no_proposal(branch: str) -> None:
    """
    Only the exact form counts.
    """
    assert find_proposal_id(branch) is None


def test_the_same_seed_gives_the_same_id() -> None:
    """
    A delivery that is worked twice finds the proposal of the first time.
    """
    assert proposal_id("octo/hello", "comment", "1") == proposal_id("octo/hello", "comment", "1")
    assert proposal_id("octo/hello", "comment", "1") != proposal_id("octo/hello", "comment", "11")
    assert proposal_id("a", "bc") != proposal_id("ab", "c")
    assert is_proposal_id(proposal_id("octo/hello"))


@pytest.mark.parametrize("text", ["octo/hello", "o/.github", "a-b/c_d.e", "o/" + "x" * 100])
def test_full_names_are_split(text: str) -> None:
    """
    Owner and name, joined again, are the full name.
    """
    assert "/".join(split_full_name(text)) == text


@pytest.mark.parametrize(
    "text",
    ["octo", "octo/", "/hello", "a/b/c", "octo/..", "octo/.", "octo/x.git", "-o/x", "o o/x",
     "octo/hello\n", "o_o/x", "../x", "o/" + "x" * 101],
)  # fmt: skip
def test_what_is_no_repository_is_refused(text: str) -> None:
    """
    Nothing that could become another path or address.
    """
    with pytest.raises(ValueError, match="owner/name"):
        split_full_name(text)
