"""
What the intake answers, to GitHub and to everybody else.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from odyssey.adapters.redis_connection import connect
from odyssey.adapters.redis_inbox import RedisInbox
from odyssey.domain.events import parse_event
from odyssey.domain.identifiers import DeliveryId
from odyssey.ports import RECONCILE, Ports
from odyssey.settings import Settings
from odyssey.web.app import create_app
from odyssey.web.intake import MAX_BODY_BYTES, Intake
from web.conftest import SECRET
from web.deliveries import BODY, PATH, chunks, headers, kept, sign, without

EVENT = parse_event("issue_comment", json.loads(BODY))


async def test_a_signed_delivery_is_accepted_and_kept(
    client: httpx.AsyncClient, ports: Ports
) -> None:
    """
    The answer names it, and the worker reads the same event from what was kept.
    """
    sent = headers()
    response = await client.post(PATH, content=BODY, headers=sent)
    id = DeliveryId(sent["X-GitHub-Delivery"])
    taken = await ports.inbox.take(id)

    assert response.status_code == 202
    assert response.json() == {"status": "accepted", "delivery": id}
    assert taken is not None
    assert parse_event("issue_comment", json.loads(taken.body)) == EVENT
    assert (taken.event, taken.received_at) == ("issue_comment", ports.now())


async def test_a_redelivery_is_acknowledged_and_kept_once(
    client: httpx.AsyncClient, redis: Redis
) -> None:
    """
    GitHub sends the same id again; its letters' case makes no other of it.
    """
    first = headers()
    again = {**first, "X-GitHub-Delivery": first["X-GitHub-Delivery"].upper()}
    await client.post(PATH, content=BODY, headers=first)
    response = await client.post(PATH, content=BODY, headers=again)

    assert (response.status_code, response.json()["status"]) == (202, "duplicate")
    assert await kept(redis) == 1


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("ping", {"zen": "Keep it logically awesome.", "hook_id": 1}),
        ("star", {"action": "created"}),
        ("issue_comment", {"action": "edited"}),
        ("pull_request", {"action": "labeled"}),
        (RECONCILE, {"installation_id": 1, "owner": "octo-org", "name": "widgets", "number": 1}),
    ],
)
async def test_what_is_of_no_use_is_acknowledged_and_not_kept(
    client: httpx.AsyncClient, redis: Redis, event: str, payload: dict[str, Any]
) -> None:
    """
    GitHub's log shows a success; and nobody speaks to the worker in Odyssey's own name.
    """
    body = json.dumps(payload).encode()
    response = await client.post(PATH, content=body, headers=headers(body, event))

    assert (response.status_code, response.json()["status"]) == (202, "ignored")
    assert await kept(redis) == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("Nice weather.", "ignored"),
        ("Use odyssey for it.", "ignored"),
        ("What does odyssey/odyssey do?", "ignored"),
        ("Fine.\r\n   /Odyssey approve abc1234", "accepted"),
        ("/ody\u200bssey help", "accepted"),
        ("> /odyssey help", "ignored"),
        ("```\n/odyssey help\n```", "accepted"),  # the worker reads the Markdown
    ],
)
async def test_what_people_say_to_each_other_is_not_kept(
    client: httpx.AsyncClient, redis: Redis, body: str, status: str
) -> None:
    """
    A comment that can hold no command would only be in the way of those that do.
    """
    payload = json.loads(BODY)
    payload["comment"]["body"] = body
    sent = json.dumps(payload).encode()
    response = await client.post(PATH, content=sent, headers=headers(sent))

    assert response.json()["status"] == status
    assert await kept(redis) == (status == "accepted")


@pytest.mark.parametrize(
    ("branch", "status"),
    [("proposal/prop_yj63ldwtml_change_2", "accepted"), ("patch-1", "ignored")],
)
async def test_pull_requests_that_are_no_proposals_are_not_kept(
    client: httpx.AsyncClient, redis: Redis, branch: str, status: str
) -> None:
    """
    A proposal is known by its branch, also when Redis has forgotten it.
    """
    payload = json.loads(BODY)
    payload |= {
        "action": "synchronize",
        "pull_request": {
            "number": 7,
            "head": {"sha": "0" * 40, "ref": branch},
            "updated_at": "2026-11-21T09:30:00Z",
        },
    }
    sent = json.dumps(payload).encode()
    response = await client.post(PATH, content=sent, headers=headers(sent, "pull_request"))

    assert response.json()["status"] == status
    assert await kept(redis) == (status == "accepted")


@pytest.mark.parametrize(
    "signature",
    [
        sign(BODY, "another secret"),
        sign(BODY + b" "),
        sign(BODY)[:-1],
        sign(BODY) + "0",
        sign(BODY).removeprefix("sha256="),
        "sha1=" + hmac.new(SECRET.encode(), BODY, hashlib.sha1).hexdigest(),
        f" {sign(BODY)}\n",
        "sha256=" + "٣" * 64,
        "sha256=" + "g" * 64,
        "",
    ],
)
async def test_a_wrong_signature_is_refused(
    client: httpx.AsyncClient, redis: Redis, signature: str
) -> None:
    """
    401, whatever is wrong with it, and nothing is kept.
    """
    raw = {**headers(), "X-Hub-Signature-256": signature.encode()}
    response = await client.post(PATH, content=BODY, headers=raw)  # type: ignore[arg-type]  # bytes

    assert (response.status_code, response.json()["error"]) == (401, "InvalidSignature")
    assert await kept(redis) == 0


async def test_a_missing_signature_is_refused(client: httpx.AsyncClient) -> None:
    """
    401; the answer says what to look for on GitHub.
    """
    response = await client.post(PATH, content=BODY, headers=without("X-Hub-Signature-256"))

    assert response.status_code == 401
    assert "webhook secret" in response.json()["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        without("X-GitHub-Event"),
        without("X-GitHub-Delivery"),
        headers(event=""),
        headers(event="Issue Comment"),
        headers(X_GitHub_Delivery="1"),
        headers(X_GitHub_Delivery="../../etc/passwd"),
        headers(X_GitHub_Delivery=f"{uuid.uuid4()}:1"),
    ],
)
async def test_headers_that_github_would_not_send_are_malformed(
    client: httpx.AsyncClient, wrong: dict[str, str]
) -> None:
    """
    400, and the header's name.
    """
    response = await client.post(PATH, content=BODY, headers=wrong)

    assert (response.status_code, response.json()["error"]) == (400, "MalformedPayload")
    assert "X-GitHub-" in response.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b"\xff\xfe",
        b'{"action":"created","comment":"\\ud800"}',
        b'{"action":"created"}',
        b"[" * 5_000,
        json.dumps({**json.loads(BODY), "repository": None}).encode(),
        json.dumps({**json.loads(BODY), "issue": []}).encode(),
        BODY.replace(b'"number":101', b'"number":' + b"9" * 6_000),
        BODY.replace(b'"number":101', b'"number":1e999'),
        BODY.replace(b"2026-11-20T07:41:52Z", b"0001-01-01T00:00:00+14:00"),
    ],
)
async def test_a_signed_body_that_github_would_not_send_is_malformed(
    client: httpx.AsyncClient, redis: Redis, body: bytes
) -> None:
    """
    400, so that GitHub's own log shows it, and nothing is kept.
    """
    response = await client.post(PATH, content=body, headers=headers(body))

    assert (response.status_code, response.json()["error"]) == (400, "MalformedPayload")
    assert await kept(redis) == 0


async def test_a_form_is_malformed_and_the_remedy_is_said(client: httpx.AsyncClient) -> None:
    """
    GitHub's other content type is a setting of the webhook.
    """
    body = b"payload=%7B%7D"
    response = await client.post(PATH, content=body, headers=headers(body))

    assert response.status_code == 400
    assert "application/json" in response.json()["detail"]


async def test_a_body_said_to_be_too_large_is_not_read(client: httpx.AsyncClient) -> None:
    """
    413 by its length alone, also when it is no length a machine could hold.
    """
    for length in (str(MAX_BODY_BYTES + 1), "9" * 40):
        response = await client.post(
            PATH, content=_never_sent(), headers=headers(Content_Length=length)
        )

        assert (response.status_code, response.json()["error"]) == (413, "PayloadTooLarge")
        assert response.headers["connection"] == "close"


async def test_a_body_that_turns_out_too_large_is_not_read_on(client: httpx.AsyncClient) -> None:
    """
    413 for a chunked body without end.
    """
    response = await client.post(PATH, content=_endless(), headers=headers())

    assert response.status_code == 413


async def test_a_body_of_almost_25_mb_is_accepted(client: httpx.AsyncClient) -> None:
    """
    In chunks, as it would come.
    """
    payload = json.loads(BODY)
    payload["comment"]["body"] = "/odyssey help " + "x" * (MAX_BODY_BYTES - 20_000)
    body = json.dumps(payload).encode()
    response = await client.post(PATH, content=chunks(body), headers=headers(body))

    assert (response.status_code, response.json()["status"]) == (202, "accepted")


async def test_other_methods_are_not_allowed(client: httpx.AsyncClient) -> None:
    """
    405 in the one form of all errors.
    """
    response = await client.get(PATH)

    assert response.status_code == 405
    assert response.json()["error"] == "MethodNotAllowed"


async def test_without_redis_a_delivery_is_not_acknowledged(
    ports: Ports, app_settings: Settings, tmp_path: Any
) -> None:
    """
    503 and Retry-After: GitHub lists it as failed, and it can be redelivered.
    """
    away = connect(f"unix://{tmp_path}/no.sock")
    intake = Intake(RedisInbox(away), SECRET, now=ports.now)
    transport = httpx.ASGITransport(intake)
    async with httpx.AsyncClient(transport=transport, base_url="http://odyssey") as client:
        response = await client.post(PATH, content=BODY, headers=headers())

    assert (response.status_code, response.json()["error"]) == (503, "Unavailable")
    assert int(response.headers["retry-after"]) >= 1


async def test_without_a_secret_nothing_is_accepted(ports: Ports, app_settings: Settings) -> None:
    """
    A signature made with the empty secret is one that everybody can make.
    """
    unset = app_settings.model_copy(update={"webhook_secret": SecretStr("")})
    transport = httpx.ASGITransport(create_app(unset, ports))
    async with httpx.AsyncClient(transport=transport, base_url="http://odyssey") as client:
        response = await client.post(
            PATH, content=BODY, headers=headers(X_Hub_Signature_256=sign(BODY, ""))
        )

    assert response.status_code == 503
    assert "ODYSSEY_WEBHOOK_SECRET" in response.json()["detail"]


async def test_a_sender_that_goes_away_leaves_nothing_behind(ports: Ports, redis: Redis) -> None:
    """
    Half a body is no delivery.
    """
    answers: list[Any] = []
    incoming = iter(
        [
            {"type": "http.request", "body": BODY[:100], "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> Any:
        return next(incoming)

    async def send(message: Any) -> None:
        answers.append(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in headers().items()]
    await Intake(ports.inbox, SECRET, now=ports.now)({"headers": raw}, receive, send)

    assert answers == []
    assert await kept(redis) == 0


async def _never_sent() -> AsyncIterator[bytes]:
    raise AssertionError("the body was read")
    yield b""


async def _endless() -> AsyncIterator[bytes]:
    sent = 0
    while sent <= 2 * MAX_BODY_BYTES:
        sent += 1 << 20
        yield bytes(1 << 20)
        await asyncio.sleep(0)
    raise AssertionError("twice the limit was read")
