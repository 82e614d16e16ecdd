"""
The intake under arbitrary requests: only what GitHub signed gets in, and nothing makes it fail.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
from hypothesis import example, given
from hypothesis import strategies as st

from bench.payload import issue_comment_created
from fuzz.amount import fuzz
from odyssey.ports import Delivery
from odyssey.simulator.hosting import Host
from odyssey.web.intake import PATH, Intake

SECRET = "It's a Secret to Everybody"
BODY = issue_comment_created(1)
AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


class Kept:
    """An inbox that only counts."""

    def __init__(self) -> None:
        self.deliveries: list[Delivery] = []

    async def accept(self, delivery: Delivery) -> bool:
        """Keeps it."""
        self.deliveries.append(delivery)
        return True


async def post(
    parts: list[bytes], headers: dict[str, bytes], *, ends: bool = True
) -> tuple[int, dict[str, Any], Kept]:
    """The status, the answer, and what was kept, of one request in *parts*; none if it is cut."""
    kept, sent = Kept(), []
    waiting = list(parts)

    async def receive() -> dict[str, Any]:
        if waiting:
            part = waiting.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(waiting) or not ends}
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(k.lower().encode(), v) for k, v in headers.items()]}
    intake = Intake(kept, SECRET, now=lambda: AT)  # type: ignore[arg-type]  # keeps only
    await asyncio.wait_for(intake(scope, receive, send), 20)
    if not sent:
        return 0, {}, kept
    return sent[0]["status"], json.loads(sent[1]["body"]), kept


def signed(body: bytes, *, secret: str = SECRET, **others: bytes) -> dict[str, bytes]:
    """GitHub's headers for *body*."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "X-GitHub-Event": b"issue_comment",
        "X-GitHub-Delivery": str(uuid.uuid4()).encode(),
        "X-Hub-Signature-256": f"sha256={digest}".encode(),
        **{name.replace("_", "-"): value for name, value in others.items()},
    }


def cut(body: bytes, places: list[int]) -> list[bytes]:
    """*body* in parts, some of them empty."""
    ends = sorted(each % (len(body) + 1) for each in places)
    return [body[a:b] for a, b in zip([0, *ends], [*ends, len(body)], strict=True)]


@fuzz("pure", usual=60)
@given(st.lists(st.integers(0, 100_000), max_size=6))
async def test_however_a_body_is_cut_it_is_the_same_delivery(places: list[int]) -> None:
    """Whole, in parts, with empty parts between them."""
    status, answer, kept = await post(cut(BODY, places), signed(BODY))

    assert (status, answer["status"]) == (202, "accepted")
    assert len(kept.deliveries) == 1


@fuzz("pure", usual=100)
@given(
    place=st.integers(0, 10**6),
    bit=st.integers(0, 7),
    secret=st.text(max_size=30),
    kind=st.sampled_from(["body", "secret", "signature", "cut", "more"]),
)
@example(place=0, bit=0, secret="", kind="secret")
async def test_what_is_not_signed_with_the_secret_is_never_kept(
    place: int, bit: int, secret: str, kind: str
) -> None:
    """One bit of the body or the signature, another secret, a byte less or more."""
    headers, body = signed(BODY), BODY
    match kind:
        case "body":
            at = place % len(BODY)
            body = BODY[:at] + bytes([BODY[at] ^ (1 << bit)]) + BODY[at + 1 :]
        case "secret" if secret != SECRET:
            headers = signed(BODY, secret=secret)
        case "signature":
            at = 7 + place % 64
            value = headers["X-Hub-Signature-256"]
            other = b"0" if value[at : at + 1] != b"0" else b"1"
            headers["X-Hub-Signature-256"] = value[:at] + other + value[at + 1 :]
        case "cut":
            body = BODY[:-1]
        case _:
            body = BODY + b" "
    status, answer, kept = await post([body], headers)

    assert (status, answer["error"]) == (401, "InvalidSignature")
    assert kept.deliveries == []
    assert SECRET not in json.dumps(answer)


@fuzz("pure", usual=150)
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ["X-GitHub-Event", "X-GitHub-Delivery", "X-Hub-Signature-256", "Content-Length"]
        ),
        st.binary(max_size=80) | st.integers().map(lambda each: str(each).encode()),
        max_size=4,
    ),
    body=st.binary(max_size=200),
    places=st.lists(st.integers(0, 300), max_size=4),
    ends=st.booleans(),
    is_signed=st.booleans(),
)
async def test_no_request_makes_the_intake_fail_or_wait(
    headers: dict[str, bytes], body: bytes, places: list[int], ends: bool, is_signed: bool
) -> None:
    """An answer of 202 or 4xx in the one form, or none to who went away."""
    base = signed(body) if is_signed else {}
    status, answer, kept = await post(cut(body, places), {**base, **headers}, ends=ends)

    assert status in (0, 202, 400, 401, 413)
    assert status == 0 or answer
    assert len(kept.deliveries) <= (status == 202)


async def test_a_body_without_end_is_given_up() -> None:
    """More than GitHub ever sends, without saying how much: refused when that is reached."""
    part = b"x" * 1_000_000
    status, answer, kept = await post([part] * 40, signed(b"x"))

    assert (status, answer["error"]) == (413, "PayloadTooLarge")
    assert kept.deliveries == []


RAW = st.lists(
    st.sampled_from(
        [
            b"POST /webhooks/github HTTP/1.1\r\n", b"Host: x\r\n", b"Content-Length: 5\r\n",
            b"Content-Length: 99999999999999999999\r\n", b"Content-Length: -1\r\n",
            b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFFF\r\n",
            b"\r\n", b"GET / HTTP/1.0\r\n", b"Expect: 100-continue\r\n",
            b"X-GitHub-Event: push\r\n",
            b"POST http://[ HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00",
            b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"A" * 70_000 + b"\r\n", b"hello",
        ]
    )
    | st.binary(max_size=40),
    min_size=1,
    max_size=7,
)  # fmt: skip


async def test_no_bytes_on_the_wire_stop_the_server() -> None:
    """Over real sockets, through the HTTP parser: afterwards it takes a delivery as before."""
    examples: list[list[bytes]] = []

    @fuzz("web", usual=40)
    @given(RAW)
    def collect(parts: list[bytes]) -> None:
        examples.append(parts)

    collect()
    kept, host = Kept(), Host()
    intake = Intake(kept, SECRET, now=lambda: AT)  # type: ignore[arg-type]  # keeps only
    await host.start(intake)
    try:
        port = int(host.url.rpartition(":")[2])
        for parts in examples:
            answer = await asyncio.wait_for(_exchange(port, parts), 20)
            assert b"HTTP/1.1 5" not in answer
        async with httpx.AsyncClient(trust_env=False) as client:
            headers = {name: value.decode() for name, value in signed(BODY).items()}
            response = await client.post(host.url + PATH, content=BODY, headers=headers)
    finally:
        await host.stop()

    assert response.status_code == 202
    assert len(kept.deliveries) == 1


async def _exchange(port: int, parts: list[bytes]) -> bytes:
    """What the server answers to *parts*, sent with nothing after them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
        writer.write_eof()
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()
