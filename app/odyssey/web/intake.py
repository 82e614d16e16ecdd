"""
`POST /webhooks/github`: from a signed request to a durable delivery, and nothing else.

Written against ASGI itself: it is the one place where load is not of our making,
and where whatever is on the internet may knock.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from starlette.types import Message, Receive, Scope, Send

from odyssey.domain.coalescing import subject_of
from odyssey.domain.comment_lines import may_hold_a_call
from odyssey.domain.errors import (
    DeliveryRejected,
    InvalidSignature,
    MalformedPayload,
    PayloadTooLarge,
    Unavailable,
)
from odyssey.domain.events import (
    Event,
    IssueCommented,
    PullRequestChanged,
    ReconcileAsked,
    parse_event,
    used_part,
)
from odyssey.domain.identifiers import DeliveryId, RepositoryRef, find_proposal_id
from odyssey.ports import Delivery, Inbox

log = logging.getLogger("odyssey.intake")

PATH = "/webhooks/github"

MAX_BODY_BYTES = 25 * 1024 * 1024
"""GitHub sends no larger ones: docs.github.com/en/webhooks, "Payload cap"."""
BODY_TIMEOUT_S = 10
"""GitHub has given up by then."""
HASH_APART_FROM_BYTES = 512 * 1024
"""From this size hashing is given to a thread, so that others need not wait for it."""

ABOUT_ONE = (PullRequestChanged, ReconcileAsked)
"""Events about one pull request, which they name."""

_SIGNATURE = re.compile(rb"sha256=([0-9a-fA-F]{64})")
_DELIVERY_ID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_EVENT = re.compile(rb"[a-z_]{1,64}")


class Intake:
    """
    The ASGI application that takes deliveries in.

    Answers 202 with `accepted`, `duplicate` (its id is known) or `ignored` (Odyssey
    has no use for it), 4xx for what GitHub would not send, and 503 when a
    delivery cannot be kept: GitHub then lists it as failed, and it can be redelivered.
    """

    def __init__(self, inbox: Inbox, secret: str, *, now: Callable[[], datetime]) -> None:
        self._inbox = inbox
        self._secret = secret.encode()
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Answers one request; its method and path are right already.
        """
        try:
            await _answer(send, 202, await self._take_in(scope, receive))
        except Disconnected:
            return
        except DeliveryRejected as error:
            # What the sender wrote is not logged: it may be anything and it may be much.
            log.info("delivery refused: %s", error)
            await _answer(send, _status(error), _error(error), closing=True)
        except Unavailable as error:
            log.warning("delivery not kept: %s", error)
            after = error.retry_after or timedelta(seconds=5)
            await _answer(send, 503, _error(error), retry_after=after)

    async def _take_in(self, scope: Scope, receive: Receive) -> bytes:
        headers = dict(scope["headers"])
        # With an empty secret anybody could sign.
        if not self._secret:
            raise Unavailable("no webhook secret is set: set ODYSSEY_WEBHOOK_SECRET")
        event = headers.get(b"x-github-event", b"")
        if not _EVENT.fullmatch(event):
            raise MalformedPayload("header X-GitHub-Event is missing or no event's name")
        guid = headers.get(b"x-github-delivery", b"")
        if not _DELIVERY_ID.fullmatch(guid):
            raise MalformedPayload("header X-GitHub-Delivery is missing or no GUID")
        signature = _SIGNATURE.fullmatch(headers.get(b"x-hub-signature-256", b""))
        if signature is None:
            raise InvalidSignature(
                "header X-Hub-Signature-256 is missing or not `sha256=` and 64 hex digits: "
                "is a webhook secret set on GitHub?"
            )
        body = await read_body(headers, receive)
        if not hmac.compare_digest(await self._digest(body), bytes.fromhex(signature[1].decode())):
            raise InvalidSignature(
                "the signature does not fit the body: "
                "is ODYSSEY_WEBHOOK_SECRET the secret that is set on GitHub?"
            )
        delivery_id = DeliveryId(guid.decode().lower())
        kept = kept_part(event.decode(), body)
        if kept is None:
            return _outcome("ignored", delivery_id)
        is_new = await self._inbox.accept(
            Delivery(
                id=delivery_id,
                event=event.decode(),
                body=kept.body,
                received_at=self._now(),
                repository=kept.repository,
                subject=kept.subject,
            )
        )
        return _outcome("accepted" if is_new else "duplicate", delivery_id)

    async def _digest(self, body: bytes) -> bytes:
        if len(body) < HASH_APART_FROM_BYTES:
            return hmac.digest(self._secret, body, hashlib.sha256)
        return await asyncio.to_thread(hmac.digest, self._secret, body, hashlib.sha256)


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a delivery: the part that is read, and what its turn depends on."""

    body: bytes
    repository: RepositoryRef
    subject: str


def kept_part(event: str, body: bytes) -> Kept | None:
    """
    What the worker needs of the signed *body*; None when no handler has anything to do for it.

    Raises:
        MalformedPayload: it is no JSON object, or lacks what GitHub always sends.
    """
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        hint = ": set the webhook's content type to application/json"
        raise MalformedPayload(
            f"the body is not JSON{hint if body.startswith(b'payload=') else ''}"
        ) from error
    if not isinstance(payload, dict):
        raise MalformedPayload("the body is not a JSON object")
    try:
        found = parse_event(event, payload)
        if found is None or not _concerns_odyssey(found):
            return None
        subject = subject_of(found)
        return Kept(
            orjson.dumps(used_part(payload)),
            found.ref.repository if isinstance(found, ABOUT_ONE) else found.repository,
            "" if subject is None else str(subject),
        )
    except OverflowError as error:
        raise MalformedPayload(f"{event}: a number or time is out of range") from error


def _concerns_odyssey(event: Event) -> bool:
    """
    False for most of what an App hears all day: it would only be in a command's way.

    What people say to each other, and pull requests whose branch is no proposal's.
    """
    match event:
        case IssueCommented():
            return event.author_is_person and may_hold_a_call(event.body)
        case PullRequestChanged():
            return find_proposal_id(event.head_branch) is not None
        case _:
            return True


async def read_body(headers: dict[bytes, bytes], receive: Receive) -> bytes:
    """
    The whole body, if it comes in time and is no larger than GitHub's own limit.

    Raises:
        PayloadTooLarge: it is said to be, or turns out to be, over the limit.
        MalformedPayload: it did not come in time.
        Disconnected: the sender went away.
    """
    length = headers.get(b"content-length", b"")
    if length.isdigit() and (len(length) > 18 or int(length) > MAX_BODY_BYTES):
        raise PayloadTooLarge(_TOO_LARGE)
    message = await receive()
    body = _part(message)
    if not message.get("more_body"):
        return body
    parts, size = [body], len(body)
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            while message.get("more_body"):
                message = await receive()
                parts.append(_part(message))
                size += len(parts[-1])
                if size > MAX_BODY_BYTES:
                    raise PayloadTooLarge(_TOO_LARGE)
    except TimeoutError as error:
        raise MalformedPayload(f"the body did not come within {BODY_TIMEOUT_S} s") from error
    return b"".join(parts)


class Disconnected(Exception):
    """
    The sender closed the connection before the end of the body; there is nobody to answer.
    """


_TOO_LARGE = f"the body is over {MAX_BODY_BYTES} bytes, GitHub's own limit"


def _part(message: Message) -> bytes:
    if message["type"] == "http.disconnect":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if len(body) > MAX_BODY_BYTES:
        raise PayloadTooLarge(_TOO_LARGE)
    return body


def _outcome(status: str, delivery_id: DeliveryId) -> bytes:
    return orjson.dumps({"status": status, "delivery": delivery_id})


def _error(error: DeliveryRejected | Unavailable) -> bytes:
    return orjson.dumps({"error": type(error).__name__, "detail": str(error)})


def _status(error: DeliveryRejected) -> int:
    match error:
        case InvalidSignature():
            return 401
        case PayloadTooLarge():
            return 413
        case _:
            return 400


async def _answer(
    send: Send,
    status: int,
    body: bytes,
    *,
    retry_after: timedelta | None = None,
    closing: bool = False,
) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if retry_after is not None:
        headers.append((b"retry-after", str(max(1, round(retry_after.total_seconds()))).encode()))
    if closing:
        # The rest of a body that nobody will read must not keep the connection busy.
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
