"""
Summarise: a conversation in short, at once or by a signed callback.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from odyssey.domain.errors import Unavailable
from odyssey.domain.memory.derived import scope_name
from odyssey.domain.memory.jobs import Job, JobKind
from odyssey.domain.memory.masking import mask
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.scope import Scope
from odyssey.domain.memory.summary import (
    SUMMARY_SCHEMA,
    Message,
    Summary,
    extract,
    summary_of,
    summary_prompt,
)
from odyssey.handlers.memory.needs import Needs
from odyssey.ports.derived import Unanswered

log = logging.getLogger("odyssey.memory")

EVENT = "memory.summary"

PATIENCE = timedelta(minutes=10)
"""How long a callback waits for a model that is away; then it holds an extract."""


async def summarise(messages: Sequence[Message], ports: Needs) -> Summary:
    """
    A summary by the model; without a model, or while it is away, an extract that says so.
    """
    masked = [Message(one.role, mask(one.content).text) for one in messages]
    try:
        return await _by_model(masked, ports)
    except Unavailable as error:
        log.warning("summary: an extract instead: %s", error)
        return extract(masked)


async def ask_summary(
    tenant: Tenant,
    scope: Scope,
    messages: Sequence[Message],
    ports: Needs,
    *,
    callback_url: str,
    callback_headers: Mapping[str, str],
) -> str:
    """
    The job that summarises and then posts to *callback_url*.

    Raises:
        CallbackRefused: that address is not posted to.
    """
    ports.derived.callbacks.check(callback_url)
    return await ports.derived.jobs.ask(
        tenant,
        JobKind.SUMMARISE,
        now=ports.now(),
        key=uuid.uuid4().hex,
        payload={
            "scope": scope_name(scope),
            "messages": [[one.role, mask(one.content).text] for one in messages],
            "callback_url": callback_url,
            "callback_headers": dict(callback_headers),
        },
    )


async def run_summary(tenant: Tenant, job: Job, ports: Needs) -> None:
    """
    Makes the summary that was asked for, and asks for it to be delivered.

    Cut off between the two, the delivery is asked for once more, under the same key.

    Raises:
        Unavailable: the model gave none, or is away, and there is time yet.
    """
    messages = [Message(role, content) for role, content in job.payload["messages"]]
    try:
        summary = await _by_model(messages, ports)
    except Unavailable as error:
        is_over = job.created_at + PATIENCE <= ports.now()
        if not is_over and not (isinstance(error, Unanswered) and job.is_last_attempt):
            raise
        log.warning("job %s: an extract instead: %s", job.id, error)
        summary = extract(messages)
    await ports.derived.jobs.ask(
        tenant,
        JobKind.DELIVER,
        now=ports.now(),
        key=job.id,
        payload={
            "scope": job.payload["scope"],
            "callback_url": job.payload["callback_url"],
            "callback_headers": job.payload["callback_headers"],
            "body": {
                "task_id": job.id,
                "status": "completed",
                "content": summary.content,
                "method": summary.method.value,
                "delivery": "webhook",
                "generated_at": ports.now().isoformat(),
            },
        },
    )
    await ports.derived.jobs.finish(
        tenant, job, now=ports.now(), result={"method": summary.method.value}
    )


async def run_delivery(tenant: Tenant, job: Job, ports: Needs) -> None:
    """
    Posts what is to be delivered; its receiver may see it twice, under one `task_id`.

    Raises:
        CallbackRefused: the address is not posted to.
        Unavailable: no answer with 2xx.
    """
    body = json.dumps(job.payload["body"], ensure_ascii=False).encode()
    headers: dict[str, Any] = job.payload["callback_headers"]
    await ports.derived.callbacks.post(
        str(job.payload["callback_url"]), body, headers=headers, event=EVENT
    )
    await ports.derived.jobs.finish(tenant, job, now=ports.now(), result={"delivered": True})


def delivery_wait(attempts: int) -> timedelta:
    """1 s, 2 s, 4 s."""
    return timedelta(seconds=2 ** (attempts - 1))


async def _by_model(messages: Sequence[Message], ports: Needs) -> Summary:
    language = ports.derived.language
    if language is None:
        return extract(messages)
    answer = await language.answer(summary_prompt(messages), SUMMARY_SCHEMA)
    summary = summary_of(answer)
    if summary is None:
        raise Unanswered(f"{language.name}: its answer holds no summary")
    return summary
