"""
The evolution of an observation and every form it is told in.
"""

from __future__ import annotations

import dataclasses
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from odyssey.domain.memory.evolution import (
    Change,
    Evolution,
    difference,
    evolution,
    key_of,
)
from odyssey.domain.memory.evolution_formats import EvolutionFormat, told
from odyssey.domain.memory.evolution_page import CONTENT_SECURITY_POLICY
from odyssey.domain.memory.observation import Observation, Source, deleted, invalidated, updated
from odyssey.domain.memory.record import Record, Trust

NOW = datetime(2026, 3, 14, tzinfo=UTC)

_HOSTILE = st.one_of(
    st.sampled_from(
        [
            '"]; v1 --> v9',
            '"\nclick v1 "javascript:alert(1)"',
            '\\" ]; digraph x { a -> b }',
            "\\",
            "%%{init: {}}%%",
            "</style><script>alert(1)</script>",
            "'\"><img src=https://x.test/a onerror=alert(1)>",
            "```\n# heading\n@octocat fixes #1",
            "![x](https://x.test/a.png) [a](javascript:alert(1))",
            "<!-- odyssey: approved -->",
            "a\u202eb\u2028c\x00d\ud800e",
            "graph end; subgraph s",
        ]
    ),
    st.text(st.characters(exclude_categories=()), max_size=60),
).filter(lambda text: bool(text.strip()))


def day(number: int) -> datetime:
    """A day of March 2026."""
    return datetime(2026, 3, number, tzinfo=UTC)


def observation(*sources: str, text: str = "CI runs on every push") -> Observation:
    """A first version, of 2 March."""
    return Observation(
        key="obs_1",
        version=1,
        text=text,
        sources=tuple(Source(day(1), each) for each in sources or ("a",)),
        confidence=0.6,
        scope="repository",
        created_at=day(2),
    )


def record(name: str, text: str, *, actor: str | None = "ada", source: str = "") -> Record:
    """A source that memory still holds."""
    return Record(
        id=name, kind="comment", text=text, occurred_at=day(1), trust=Trust.PERSON,
        source=source or "https://github.com/acme/shop/pull/41", actor=actor,
    )  # fmt: skip


def history() -> list[Observation]:
    """Created, reworded, without one source, deleted, said again; as a notebook gives it."""
    first = observation("a")
    second, first = updated(
        first,
        text="CI used to run on every push, now on tags",
        sources=[Source(day(5), "b")],
        confidence=0.9,
        at=day(6),
    )
    lost = invalidated(second, {"a"}, at=day(7))
    assert lost is not None
    third, second = lost
    fourth, third = deleted(third, reason="CI was removed", at=day(8))
    fifth = Observation(
        key="obs_1", version=5, text="CI runs on tags", sources=(Source(day(9), "c"),),
        confidence=0.8, scope="repository", created_at=day(10),
    )  # fmt: skip
    return [first, second, third, fourth, fifth]


def test_each_version_says_what_it_did_to_the_one_before() -> None:
    """In order, however they are given, with what was added and what was lost."""
    versions = history()

    found = evolution([*versions[::-1], versions[0]])

    assert [step.change for step in found.steps] == [
        Change.CREATED,
        Change.REWORDED,
        Change.WEAKENED,
        Change.DELETED,
        Change.RESTORED,
    ]
    assert [[each.record_id for each in step.added] for step in found.steps] == [
        ["a"], ["b"], [], [], ["c"],
    ]  # fmt: skip
    assert [each.record_id for each in found.steps[2].lost] == ["a"]
    assert [each.record_id for each in found.sources] == ["a", "b", "c"]


def test_a_source_more_with_the_same_words_confirms() -> None:
    """And with no source more it was judged again."""
    first = observation("a")
    second, first = updated(
        first, text=first.text, sources=[Source(day(5), "b")], confidence=0.9, at=day(6)
    )
    third, second = updated(second, text=first.text, sources=[], confidence=0.9, at=day(7))

    found = evolution([first, second, third])

    assert [step.change for step in found.steps[1:]] == [Change.CONFIRMED, Change.JUDGED]


def test_two_observations_have_no_one_evolution() -> None:
    """Nor have none."""
    other = Observation(
        key="obs_2", version=1, text="x", sources=(Source(day(1), "a"),), confidence=1,
        scope="repository", created_at=day(1),
    )  # fmt: skip

    for wrong in ([], [observation(), other]):
        with pytest.raises(ValueError, match="of one observation"):
            evolution(wrong)


@pytest.mark.parametrize("asked", ["obs_1", "observation:obs_1", "observation:obs_1:3"])
def test_an_observation_is_known_by_each_of_its_names(asked: str) -> None:
    """As the list of observations and as a recall tells it."""
    assert key_of(asked) == "obs_1"
    assert key_of("https://github.com/acme") == "https://github.com/acme"


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_difference_holds_both_texts(before: str, after: str) -> None:
    """Nothing is lost between them."""
    pieces = difference(before, after)

    assert "".join(piece for name, piece in pieces if name != "new") == before
    assert "".join(piece for name, piece in pieces if name != "gone") == after


@given(st.lists(_HOSTILE, min_size=6, max_size=6))
@settings(max_examples=60)
def test_no_text_is_anything_but_data(texts: list[str]) -> None:
    """Whatever is written in a memory: the structure of every form stays ours."""
    plain, hostile = told_by([f"words {n}" for n in range(6)]), told_by(texts)

    assert _mermaid_shape(hostile[EvolutionFormat.MERMAID]) == _mermaid_shape(
        plain[EvolutionFormat.MERMAID]
    )
    assert _dot_shape(hostile[EvolutionFormat.DOT]) == _dot_shape(plain[EvolutionFormat.DOT])
    assert _tags(hostile[EvolutionFormat.HTML]) == _tags(plain[EvolutionFormat.HTML])
    assert hostile[EvolutionFormat.MARKDOWN].count("\n#") == 2
    assert not re.search(r"@[A-Za-z0-9]|<[A-Za-z!/]|(?<!\\)!\[", hostile[EvolutionFormat.MARKDOWN])
    assert hostile[EvolutionFormat.TEXT].count("\n") == plain[EvolutionFormat.TEXT].count("\n")
    assert json.loads(hostile[EvolutionFormat.JSON])["text"] == texts[1]
    for each in hostile.values():
        assert each.encode()


def test_the_page_asks_nobody_for_anything() -> None:
    """No script, no image, no font; its policy would stop one, and links do not load."""
    page = told(_told_evolution(), EvolutionFormat.HTML, NOW)

    tags = [tag for tag, _ in _tags(page)]
    assert not {"script", "img", "link", "iframe", "object", "form", "svg"} & set(tags)
    assert "url(" not in page and "@import" not in page
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    "source", ["javascript:alert(1)", "data:text/html,x", "//x.test", "https://[", "obs:1"]
)
def test_only_web_addresses_become_links(source: str) -> None:
    """A record's source is whatever its sender says."""
    page = told(_told_evolution(source), EvolutionFormat.HTML, NOW)
    report = told(_told_evolution(source), EvolutionFormat.MARKDOWN, NOW)

    assert "<a " not in page
    assert "](" not in report


def test_the_findings_are_read_off_the_history() -> None:
    """Counts, confidence, trend; of what is deleted no trend."""
    now = evolution(history())
    gone = evolution(history()[:4])

    report = told(now, EvolutionFormat.TEXT, day(20))

    assert "5 versions in 8 days" in report
    assert "Confidence rose from 60% to 80%" in report
    assert "Its trend is new" in report
    assert "It is deleted" in told(gone, EvolutionFormat.MARKDOWN, day(20))
    assert json.loads(told(gone, EvolutionFormat.JSON, day(20)))["trend"] is None


def test_a_source_that_was_forgotten_is_named_and_not_shown() -> None:
    """Its id stays in the chain; its words are nowhere."""
    found = evolution(history(), {"a": record("a", "we ship on tags")})

    for form in EvolutionFormat:
        if form is not EvolutionFormat.JSON:
            assert "not kept" in told(found, form, NOW)


def told_by(texts: list[str]) -> dict[EvolutionFormat, str]:
    """Every form of one and the same history, told with these texts."""
    first, second, said, actor, reason, source = texts
    one = observation("a", text=first)
    two, one = updated(one, text=second, sources=[], confidence=0.9, at=day(5))
    two = dataclasses.replace(two, reason=reason)
    found = evolution([one, two], {"a": record("a", said, actor=actor, source=source)})
    return {form: told(found, form, NOW + timedelta(days=1)) for form in EvolutionFormat}


def _told_evolution(source: str = "") -> Evolution:
    return evolution(history(), {"b": record("b", "tags only, please", source=source)})


def _mermaid_shape(graph: str) -> list[str]:
    return [re.sub(r'"[^"]*"', '""', line) for line in graph.split("\n")]


def _dot_shape(graph: str) -> list[str]:
    return [re.sub(r'"(?:[^"\\]|\\.)*"', '""', line) for line in graph.split("\n")]


def _tags(page: str) -> list[tuple[str, tuple[str, ...]]]:
    found: list[tuple[str, tuple[str, ...]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in ("ins", "del", "a", "b"):
                found.append((tag, tuple(sorted(name for name, _ in attrs))))

        def handle_comment(self, data: str) -> None:
            raise AssertionError(f"a comment: {data}")

    Reader().feed(page)
    return found
