"""
The frame of the benchmarks: the form of a figure, the choice of subjects, the load.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncIterator

import pytest

from bench.__main__ import chosen, measure, subjects
from bench.figure import Figure, NotMeasurable
from bench.load import Load, send

SECRET = "a secret of the test"
HEADER = re.compile(rb"^([A-Za-z0-9-]+): (.*?)\r$", re.MULTILINE)


@pytest.mark.parametrize(
    ("figure", "line"),
    [
        (
            Figure("intake_p99", 41.237, "ms", bar=50),
            "bench intake_p99 41.24 ms (bar at most 50): ok",
        ),
        (
            Figure("intake_p99", 50.01, "ms", bar=50),
            "bench intake_p99 50.01 ms (bar at most 50): short",
        ),
        (Figure("calls", 14, "calls", bar=14), "bench calls 14 calls (bar at most 14): ok"),
        (
            Figure("intake_rate", 2999.6, "deliveries/s", bar=3000.4, at_most=False),
            "bench intake_rate 3000 deliveries/s (bar at least 3000): short",
        ),
        (
            Figure("intake_rate", None, "deliveries/s", note="no node"),
            "bench intake_rate - deliveries/s (bar none): short",
        ),
        (
            Figure("probot_rate", 3129.2, "deliveries/s"),
            "bench probot_rate 3129 deliveries/s (bar none): ok",
        ),
    ],
)
def test_a_figure_is_one_line_with_its_bar(figure: Figure, line: str) -> None:
    """
    Equal to the bar is enough; what could not be measured falls short.
    """
    assert figure.line() == line


def test_a_subject_can_be_chosen_by_its_beginning() -> None:
    """
    `make bench ONLY=intake`; no name means all.
    """
    known = ["intake", "memory_recall", "memory_rss"]

    assert chosen(["memory"], known=known) == ["memory_recall", "memory_rss"]
    assert chosen([], known=known) == known


def test_an_unknown_subject_is_answered_with_the_known_ones() -> None:
    """
    A slip of the pen is no empty, successful run.
    """
    with pytest.raises(SystemExit, match="intake, memory_rss"):
        chosen(["intaek"], known=["intake", "memory_rss"])


def test_benchmarks_are_found_by_their_module_name() -> None:
    """
    `bench_<subject>` is all it takes.
    """
    assert subjects(["bench_zeta", "load", "bench_alpha"]) == ["alpha", "zeta"]
    assert "intake" in subjects()


async def test_figures_may_come_one_by_one_or_as_a_list() -> None:
    """
    A benchmark is written in whichever form is shorter.
    """
    one = Figure("one", 1, "s", bar=2)

    async def as_list() -> list[Figure]:
        return [one]

    async def one_by_one() -> AsyncIterator[Figure]:
        yield one

    assert [figure async for figure in measure("any", as_list)] == [one]
    assert [figure async for figure in measure("any", one_by_one)] == [one]


async def test_what_cannot_be_measured_here_is_a_short_figure_that_says_why() -> None:
    """
    The other benchmarks go on.
    """

    async def figures() -> list[Figure]:
        raise NotMeasurable("there is no node on this machine")

    found = [figure async for figure in measure("intake", figures)]

    assert [figure.note for figure in found] == ["there is no node on this machine"]
    assert not any(figure.is_ok for figure in found)


async def test_the_load_is_signed_and_every_delivery_has_its_own_id() -> None:
    """
    A server that checks signatures and refuses repeated ids accepts all of it.
    """
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                writer.close()
                return
            headers = {name.lower(): value for name, value in HEADER.findall(head)}
            body = await reader.readexactly(int(headers[b"content-length"]))
            signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
            is_signed = headers[b"x-hub-signature-256"] == f"sha256={signature}".encode()
            is_new = headers[b"x-github-delivery"] not in seen
            seen.append(headers[b"x-github-delivery"])
            status = b"202 Accepted" if is_signed and is_new else b"401 Unauthorized"
            writer.write(b"HTTP/1.1 " + status + b"\r\ntransfer-encoding: chunked\r\n\r\n")
            writer.write(b"3\r\nok\n\r\n0\r\n\r\n")

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        outcome = await send(
            Load(port=port, path="/hook", secret=SECRET, requests=50, connections=4)
        )

    assert outcome.accepted == 50
    assert outcome.statuses == {"202": 50}
    assert len(set(seen)) == 50
