"""Webhooks on their way: pending until a scenario lets them go, logged when they went."""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx

from odyssey.simulator.faults import FaultBoard
from odyssey.simulator.ids import Ids, guid
from odyssey.simulator.loopback import loopback_client
from odyssey.simulator.state import App, Installation

Predicate = Callable[["Delivery"], bool]
# GitHub waits ten seconds for an answer and sends nothing above 25 MB.
ANSWER_WITHIN = 10.0
LARGEST_PAYLOAD = 25 * 1024 * 1024
RETENTION = timedelta(days=3)


@dataclass(slots=True)
class Delivery:
    """One attempt to deliver one event to one App; `id` is new for each attempt, `guid` is not."""

    id: int
    guid: str
    event: str
    action: str | None
    app: App
    installation_id: int | None
    repository_id: int | None
    body: bytes
    due_at: datetime
    redelivery: bool = False
    held: bool = False
    delivered_at: datetime | None = None
    duration: float = 0.0
    status: str = "pending"
    status_code: int = 0
    request_headers: dict[str, str] = field(default_factory=dict)
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""

    @property
    def payload(self) -> dict[str, Any]:
        """The parsed body."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def name(self) -> str:
        """`event.action`, or the event alone when it has no action."""
        return f"{self.event}.{self.action}" if self.action else self.event


def headers_of(delivery: Delivery) -> dict[str, str]:
    """The headers GitHub sends with a delivery, both signatures included."""
    secret = delivery.app.webhook_secret.encode()
    signature_256 = hmac.new(secret, delivery.body, hashlib.sha256).hexdigest()
    signature = hmac.new(secret, delivery.body, hashlib.sha1).hexdigest()
    return {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/5c2f1ab",
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(delivery.app.hook_id),
        "X-GitHub-Hook-Installation-Target-ID": str(delivery.app.app_id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        "X-Hub-Signature": f"sha1={signature}",
        "X-Hub-Signature-256": f"sha256={signature_256}",
    }


class Outbox:
    """
    The deliveries that wait (`pending`) and those that were attempted (`log`).

    Nothing leaves by itself: a scenario calls `deliver_next` or `deliver_all`,
    and before that may drop, repeat, delay, hold or reorder what waits.
    """

    def __init__(
        self,
        ids: Ids,
        clock: Callable[[], datetime],
        faults: FaultBoard,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.pending: list[Delivery] = []
        self.log: list[Delivery] = []
        self.transport = transport
        self._ids, self._clock, self._faults = ids, clock, faults
        self._client: httpx.AsyncClient | None = None

    def add(
        self,
        app: App,
        event: str,
        payload: dict[str, Any],
        *,
        installation: Installation | None,
        repository_id: int | None,
    ) -> Delivery | None:
        """Schedule one event for *app*; None when the App has no webhook or it is too large."""
        body = json.dumps(payload, separators=(",", ":")).encode()
        if not app.webhook_url or len(body) > LARGEST_PAYLOAD:
            return None
        delivery = Delivery(
            id=self._ids.next("delivery"),
            guid=guid(),
            event=event,
            action=payload.get("action"),
            app=app,
            installation_id=installation.installation_id if installation else None,
            repository_id=repository_id,
            body=body,
            due_at=self._clock(),
        )
        self.pending.append(delivery)
        if self._faults.take("*", delivery.name, "double_delivery"):
            self.pending.append(copy.copy(delivery))
        return delivery

    def redeliver(self, attempt: Delivery) -> Delivery:
        """Schedule *attempt* again: same GUID and body, new delivery id."""
        again = copy.copy(attempt)
        again.id, again.redelivery, again.held = self._ids.next("delivery"), True, False
        again.due_at, again.delivered_at = self._clock(), None
        again.status, again.status_code = "pending", 0
        self.pending.append(again)
        return again

    def due(self) -> list[Delivery]:
        """What may be delivered now, in order."""
        now = self._clock()
        return [d for d in self.pending if not d.held and d.due_at <= now]

    def drop(self, which: Predicate) -> int:
        """Lose the pending deliveries that match (logged as timed out); how many those were."""
        lost = [d for d in self.pending if which(d)]
        for delivery in lost:
            self.pending.remove(delivery)
            self._record(delivery, "timed out", 0)
        return len(lost)

    def repeat(self, which: Predicate) -> int:
        """Send the pending deliveries that match twice, at once; how many those were."""
        twice = [d for d in self.pending if which(d)]
        for delivery in twice:
            self.pending.insert(self.pending.index(delivery), copy.copy(delivery))
        return len(twice)

    def delay(self, which: Predicate, *, by: timedelta) -> int:
        """Make the pending deliveries that match due later by *by*; how many those were."""
        late = [d for d in self.pending if which(d)]
        for delivery in late:
            delivery.due_at += by
        return len(late)

    def hold(self, which: Predicate) -> int:
        """Keep the pending deliveries that match back until `release`; how many those were."""
        kept = [d for d in self.pending if which(d)]
        for delivery in kept:
            delivery.held = True
        return len(kept)

    def release(self) -> None:
        """Let go of everything that is held."""
        for delivery in self.pending:
            delivery.held = False

    def reorder(self, key: Callable[[Delivery], Any]) -> None:
        """Sort what is pending by *key*."""
        self.pending.sort(key=key)

    async def deliver_next(self) -> Delivery | None:
        """Deliver the first that is due; None when nothing is."""
        due = self.due()
        if not due:
            return None
        delivery = due[0]
        self.pending.remove(delivery)
        if self._faults.take("*", delivery.name, "drop_delivery"):
            self._record(delivery, "timed out", 0)
        else:
            await self._send(delivery)
        return delivery

    async def deliver_all(self) -> int:
        """Deliver what is due, and what becomes due by that, in order; how many those were."""
        count = 0
        while await self.deliver_next() is not None:
            count += 1
        return count

    async def aclose(self) -> None:
        """Close the connections that deliveries used."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _send(self, delivery: Delivery) -> None:
        if self._client is None:
            self._client = loopback_client(transport=self.transport, timeout=ANSWER_WITHIN)
        delivery.request_headers = headers_of(delivery)
        started = time.perf_counter()
        try:
            answer = await self._client.post(
                delivery.app.webhook_url, content=delivery.body, headers=delivery.request_headers
            )
        except httpx.TimeoutException:
            delivery.duration = time.perf_counter() - started
            self._record(delivery, "timed out", 0)
            return
        except httpx.TransportError:
            delivery.duration = time.perf_counter() - started
            self._record(delivery, "failed to connect to host", 0)
            return
        delivery.duration = time.perf_counter() - started
        delivery.response_headers = dict(answer.headers)
        delivery.response_body = answer.text
        reason = "OK" if answer.is_success else answer.reason_phrase or "Invalid HTTP Response"
        self._record(delivery, reason, answer.status_code)

    def _record(self, delivery: Delivery, status: str, code: int) -> None:
        delivery.status, delivery.status_code = status, code
        delivery.delivered_at = self._clock()
        self.log.append(delivery)
