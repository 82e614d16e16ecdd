"""
Subscriptions to what happens in memory: made, listed, ended, and posted to.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

from odyssey.domain.errors import NotFound
from odyssey.domain.memory.happening import Happened
from odyssey.domain.memory.jobs import Job
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.subscription import Subscription
from odyssey.handlers.memory.needs import Needs


async def subscribe(
    url: str, events: Sequence[Happened], repository: str, tenant: Tenant, ports: Needs
) -> Subscription:
    """
    A new subscription, with the secret that its notifications are signed with.

    Raises:
        CallbackRefused: that address is not posted to.
        TooManySubscriptions: the repository has enough.
    """
    subscription = Subscription(
        id=f"sub_{secrets.token_hex(8)}",
        url=url,
        events=tuple(dict.fromkeys(events)),
        repository=repository,
        created_at=ports.now(),
        secret=secrets.token_urlsafe(32),
    )
    ports.derived.callbacks.check(url, secret=subscription.secret)
    await ports.derived.subscriptions.add(tenant, subscription)
    return subscription


async def unsubscribe(subscription_id: str, tenant: Tenant, ports: Needs) -> None:
    """
    Ends a subscription; what waits for it is dropped.

    Raises:
        NotFound: there is none with this id.
    """
    if not await ports.derived.subscriptions.delete(tenant, subscription_id):
        raise NotFound(f"Subscription {subscription_id[:40]} does not exist.")


async def run_notification(tenant: Tenant, job: Job, ports: Needs) -> None:
    """
    Posts one event to one subscriber; it may see an event twice, under one `id`.

    Raises:
        CallbackRefused: the address is not posted to.
        Unavailable: no answer with 2xx.
    """
    body = job.payload["body"]
    subscription_id = str(job.payload["subscription_id"])
    subscription = await ports.derived.subscriptions.find(tenant, subscription_id)
    if subscription is not None:
        await ports.derived.callbacks.post(
            subscription.url,
            json.dumps(body, ensure_ascii=False).encode(),
            headers={"X-Odyssey-Delivery": str(body["id"])},
            event=str(body["event"]),
            secret=subscription.secret,
        )
    await ports.derived.jobs.finish(
        tenant, job, now=ports.now(), result={"subscription_id": subscription_id}
    )
