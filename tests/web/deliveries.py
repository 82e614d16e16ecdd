"""
Deliveries as GitHub sends them.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import AsyncIterator, Iterable

from redis.asyncio import Redis

from bench.payload import issue_comment_created
from web.conftest import SECRET

PATH = "/webhooks/github"

BODY = issue_comment_created(1)


def sign(body: bytes, secret: str = SECRET) -> str:
    """
    The signature GitHub would send.
    """
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(body: bytes = BODY, event: str = "issue_comment", **others: str) -> dict[str, str]:
    """
    GitHub's headers for *body*, with a new delivery id; *others* replace or add.
    """
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": sign(body),
        **{name.replace("_", "-"): value for name, value in others.items()},
    }


def without(name: str) -> dict[str, str]:
    """
    GitHub's headers without one.
    """
    return {each: value for each, value in headers().items() if each != name}


async def kept(redis: Redis) -> int:
    """
    How many deliveries are waiting.
    """
    waiting: int = await redis.zcard("odyssey:inbox:open")
    return waiting


async def chunks(body: bytes) -> AsyncIterator[bytes]:
    for chunk in cut(body):
        yield chunk


def cut(body: bytes) -> Iterable[bytes]:
    size = max(1, len(body) // 7)
    return (body[start : start + size] for start in range(0, len(body), size))
