"""
The chain of the audit log: whatever is done to its lines is found, at its first line.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from odyssey.domain.audit import (
    MAX_LINE,
    NOTHING,
    START,
    End,
    Entry,
    Kind,
    NotAnEntry,
    chained,
    end_of,
    read_line,
    read_witness,
    torn_details,
    write_line,
)
from odyssey.domain.audit_chain import (
    Problem,
    check_file,
    follow,
    is_witnessed,
    missing_before,
    verify,
)

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def a_log(count: int = 6, *, after: End = START) -> list[bytes]:
    """The lines of a file with *count* entries."""
    lines, end = [], after
    for number in range(count):
        entry = Entry(
            kind=Kind.INTENT,
            at=AT + timedelta(seconds=number),
            verb="post_comment",
            repository="octo-org/widgets",
            number=12,
            details={"body_length": number},
        )
        written = chained(entry, end)
        lines.append(write_line(written))
        end = end_of(written)
    return lines


def test_a_log_as_it_was_written_is_intact() -> None:
    """From the first entry of all, and as a later file."""
    assert verify(a_log(), after=START) is None
    assert verify(a_log(after=End(sequence=7, hash="a" * 64))) is None


def test_an_entry_is_read_as_it_was_written() -> None:
    """Every field; times in UTC."""
    entry = Entry(
        kind=Kind.UNKNOWN,
        at=datetime(2026, 11, 21, 12, 0, tzinfo=timezone(timedelta(hours=2))),
        verb="merge",
        repository="octo-org/widgets",
        number=7,
        branch="proposal/ä\n",
        sha="1f3c9d2",
        delivery="guid",
        actor="mona",
        intent=3,
        result="8a07e55",
        reason="Unavailable: \ud800",
        details={"a": 1, "b": True, "c": "x"},
    )
    written = chained(entry, START)

    line = write_line(written)
    assert read_line(line[:-1]) == written
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert (written.sequence, written.previous) == (1, NOTHING)


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (lambda log: log.pop(2), 3, "1 entry is missing before it"),
        (lambda log: log.__delitem__(slice(1, 4)), 2, "3 entries are missing before it"),
        (lambda log: log.insert(3, log.pop(2)), 3, "1 entry is missing"),
        (lambda log: log.insert(2, log[1]), 3, "out of its order, or there twice"),
        (lambda log: log.insert(4, b"{\n"), 5, "is not JSON"),
        (lambda log: log.insert(4, b"\n"), 5, "is not JSON"),
        (lambda log: log.insert(0, b"[1]\n"), 1, "no entry of an audit log"),
        (lambda log: log.__setitem__(2, log[2].replace(b"12", b"13")), 3, "was changed"),
        (lambda log: log.__setitem__(2, log[2].replace(b",", b", ", 1)), 3, "was changed"),
        (lambda log: log.__setitem__(2, log[2][:40]), 3, "cut off"),
        (lambda log: log.__setitem__(-1, log[-1][:-1]), 6, "is cut off"),
        (lambda log: log.__setitem__(-1, log[-1][:-20]), 6, "is cut off"),
        (lambda log: log.clear(), 1, "the file is empty"),
    ],
)  # fmt: skip
def test_the_first_wrong_line_is_named_with_what_is_wrong(
    change: object, line: int, words: str
) -> None:
    """Taken out, swapped, doubled, put in, changed, cut: each is told apart."""
    log = a_log()
    change(log)  # type: ignore[operator]

    problem = verify(log, after=START)
    assert problem is not None
    assert (problem.line, words in problem.what) == (line, True), problem


def test_an_entry_replaced_by_one_with_a_right_hash_is_found_by_the_next() -> None:
    """Who computes the hash anew must do so for all that follow."""
    log = a_log()
    other = read_line(log[2][:-1])
    forged = chained(
        Entry(kind=other.kind, at=other.at, verb="merge"),
        End(sequence=other.sequence - 1, hash=other.previous),
    )
    log[2] = write_line(forged)

    assert verify(log, after=START) == Problem(
        line=4, what="does not follow the line before it: entry 3 was replaced"
    )


def test_a_chain_computed_anew_is_found_by_a_witness_alone() -> None:
    """So is an end that was cut off: the lines themselves are as they should be."""
    log = a_log()
    witness = read_witness(f"5:{read_line(log[4][:-1]).hash[:32]}")
    cut = log[:4]
    forged = [write_line(chained(Entry(kind=Kind.INTENT, at=AT, verb="react"), START))]
    for line in log[1:]:
        entry = read_line(line[:-1])
        forged.append(write_line(chained(entry, end_of(read_line(forged[-1][:-1])))))

    assert [verify(each, after=START) for each in (log, cut, forged)] == [None, None, None]
    assert is_witnessed(witness, _entries(log))
    assert not is_witnessed(witness, _entries(cut))
    assert not is_witnessed(witness, _entries(forged))


def _entries(log: list[bytes]) -> list[Entry]:
    return [each for each in follow(log) if isinstance(each, Entry)]


@example(position=0, cut=1, junk=b"\n\n")
@given(position=st.integers(0), cut=st.integers(1, 400), junk=st.binary(max_size=40))
def test_a_line_that_a_crash_cut_off_is_no_problem_once_the_next_entry_names_it(
    position: int, cut: int, junk: bytes
) -> None:
    """Wherever it was cut, and whatever a power cut left behind it; unnamed it is a problem."""
    log = a_log()
    keep = 1 + position % (len(log) - 1)
    fragment = log[keep][:cut].rstrip(b"\n}") + junk
    assume(not is_json(fragment))
    end = end_of(read_line(log[keep - 1][:-1]))
    named = chained(Entry(kind=Kind.TORN, at=AT, details=torn_details(fragment)), end)
    after = chained(Entry(kind=Kind.INTENT, at=AT), end_of(named))
    torn = b"".join([*log[:keep], fragment, b"\n", write_line(named), write_line(after)])
    lines = [each + b"\n" for each in torn.split(b"\n")[:-1]]

    assert verify(lines, after=START) is None
    without = [each for each in lines if each != write_line(named)]
    assert verify(without, after=START) is not None


def is_json(data: bytes) -> bool:
    """Whether a line of *data* can be read as JSON, which nothing that is cut off can."""
    for line in data.split(b"\n"):
        try:
            json.loads(line)
        except ValueError:
            continue
        return True
    return False


def test_a_changed_entry_cannot_be_passed_off_as_a_torn_line() -> None:
    """Only what is no JSON can have been cut off."""
    log = a_log(3)
    changed = log[1].replace(b"12", b"13")
    named = chained(
        Entry(kind=Kind.TORN, at=AT, details=torn_details(changed[:-1])),
        end_of(read_line(log[0][:-1])),
    )

    problem = verify([log[0], changed, write_line(named)], after=START)
    assert problem is not None
    assert problem.line == 2


@given(
    lines=st.lists(
        st.binary(max_size=60) | st.sampled_from(a_log()) | st.just(b'{"at":1}\n'), max_size=8
    )
)
def test_whatever_the_lines_are_verification_ends_with_a_verdict(lines: list[bytes]) -> None:
    """Nothing is raised, and nothing but the log itself is taken for it."""
    problem = verify(lines, after=START)

    assert (problem is None) == (bool(lines) and lines == a_log()[: len(lines)])


@pytest.mark.parametrize(
    "line",
    [
        b"null", b"1e999", b"[" * 100_000, b"{" * 20_000, b'{"hash":"x"}', b"\xff",
        b'{"a":' + b"9" * 5_000 + b"}", b'"' + b"a" * MAX_LINE + b'"',
    ],
)  # fmt: skip
def test_no_line_makes_the_reader_fail(line: bytes) -> None:
    """Deep, long, huge numbers, no UTF-8: not an entry, and no more than that."""
    with pytest.raises(NotAnEntry):
        read_line(line)


def test_an_entry_with_an_unknown_field_or_a_wrong_type_is_none() -> None:
    """Also when its hash was computed for it."""
    [line] = a_log(1)
    for change in ({"number": True}, {"more": 1}, {"details": {"a": None}}, {"at": "2026"}):
        node = {**json.loads(line), **change}
        with pytest.raises(NotAnEntry):
            read_line(json.dumps(node, sort_keys=True, separators=(",", ":")).encode())


def test_the_files_of_a_chain_must_follow_each_other() -> None:
    """One taken out of the middle, one cut at its end, one begun anew: each is told."""
    first = check_file("a/1", follow(a_log(3)))
    cut = check_file("a/1", follow(a_log(2)))
    assert first.end is not None
    second = check_file("a/2", follow(a_log(2, after=first.end)))
    anew = check_file("a/2", follow(a_log(2)))
    elsewhere = check_file("b/1", follow(a_log(2)))

    assert missing_before([first, second, elsewhere]) == {}
    assert missing_before([second], may_begin_late=True) == {}
    assert "whose file is not here" in missing_before([second])["a/2"].what
    assert "1 entry is missing between them" in missing_before([cut, second])["a/2"].what
    assert "a chain of its own" in missing_before([first, anew])["a/2"].what


@pytest.mark.parametrize("text", ["12:" + "a" * 16, "Audit: entry 12, `" + "a" * 32 + "`"])
def test_a_witness_is_read_as_it_was_shown(text: str) -> None:
    """As `verify` prints it, and as the status comment does."""
    assert read_witness(text).sequence == 12


@pytest.mark.parametrize("text", ["", "12", "0:" + "a" * 32, "12:abc", "12:" + "g" * 32, "x" * 999])
def test_what_is_no_witness_is_refused_with_its_form(text: str) -> None:
    """A short hash proves nothing."""
    with pytest.raises(ValueError, match="write N:HASH"):
        read_witness(text)
