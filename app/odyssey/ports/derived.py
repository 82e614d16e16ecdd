"""
What derived memory needs from outside, as contracts: notebooks, the queue, a language model.

All of it is of one tenant at a time. A method raises `Unavailable` when the notebook or the
model is away, and may then be called again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from odyssey.domain.errors import ChangeRefused, Unavailable
from odyssey.domain.memory.jobs import Counters, Job, JobKind
from odyssey.domain.memory.observation import Observation
from odyssey.domain.memory.prompt import Prompt
from odyssey.domain.memory.record import Record, Tenant
from odyssey.domain.memory.subscription import Hook, Subscription, Tally
from odyssey.ports.tasks import Blocks, MemoryEvents, NoSubscribers, Patterns, Tasks


class Unanswered(Unavailable):
    """
    The model was there and gave no usable answer: too late, no JSON, an error of its own.

    Other than when it is away, asking the same again may do no better: it counts.
    """


class CallbackRefused(ChangeRefused):
    """An address that is not posted to, whatever happens."""


class Language(Protocol):
    """A language model that answers in JSON."""

    @property
    def name(self) -> str:
        """Which model, for people."""
        ...

    async def answer(self, prompt: Prompt, schema: Mapping[str, Any]) -> dict[str, Any]:
        """
        The model's answer, an object; nothing in it may be believed.

        Raises:
            Unanswered: it answered with something else, or not in time.
            Unavailable: it is away, or there is no such model.
        """
        ...

    async def close(self) -> None:
        """Ends the connections."""
        ...


class Jobs(Protocol):
    """The durable queue of each tenant; see `odyssey.domain.memory.jobs`."""

    async def ask(
        self,
        tenant: Tenant,
        kind: JobKind,
        *,
        now: datetime,
        key: str = "",
        payload: Mapping[str, Any] | None = None,
    ) -> str:
        """The id of the job that waits for this kind and key, made if there is none. Repeatable."""
        ...

    async def take(
        self, tenant: Tenant, kinds: Collection[JobKind], *, now: datetime, lease: timedelta
    ) -> Job | None:
        """The next job that is due, leased; None if there is none."""
        ...

    async def finish(
        self, tenant: Tenant, job: Job, *, now: datetime, result: Mapping[str, Any] | None = None
    ) -> None:
        """Notes that the job is done. Raises `LeaseLost`."""
        ...

    async def again(
        self,
        tenant: Tenant,
        job: Job,
        reason: str,
        *,
        wait: timedelta,
        now: datetime,
        counts: bool = True,
        is_final: bool = False,
    ) -> Job:
        """Hands the job back, or makes a dead letter of it. Raises `LeaseLost`."""
        ...

    async def hold(self, tenant: Tenant, job: Job, payload: Mapping[str, Any]) -> Job:
        """Notes what a leased job works on. Raises `LeaseLost`."""
        ...

    async def find(self, tenant: Tenant, job_id: str) -> Job | None:
        """The job with this id."""
        ...

    async def revive(self, tenant: Tenant, *, now: datetime) -> int:
        """Gives every dead letter its attempts again; how many."""
        ...

    async def counters(self, tenant: Tenant) -> Counters:
        """How many jobs there are, counted just now."""
        ...

    async def tenants(self) -> list[Tenant]:
        """Every tenant that may have jobs."""
        ...

    def state(self, tenant: Tenant) -> tuple[int, ...]:
        """What is another after a write by any process, or empty; costs next to nothing."""
        ...

    async def next_at(self, tenant: Tenant, kinds: Collection[JobKind]) -> datetime | None:
        """When the next job of these kinds is due; None when none waits."""
        ...


class Learning(Protocol):
    """Which records a consolidation has seen."""

    async def note(self, tenant: Tenant, records: Sequence[Record], *, now: datetime) -> None:
        """Notes events to be learnt from; what was injected never is. Repeatable."""
        ...

    async def scopes(self, tenant: Tenant, *, now: datetime) -> list[str]:
        """The scopes in which something is to be learnt."""
        ...

    async def pending(self, tenant: Tenant, scope: str, *, limit: int, now: datetime) -> list[str]:
        """The ids of records nobody has learnt from, those that wait longest first."""
        ...

    async def still(self, tenant: Tenant, record_ids: Sequence[str]) -> list[str]:
        """Those of the records that are to be learnt from."""
        ...

    async def missed(self, tenant: Tenant, record_ids: Sequence[str], *, now: datetime) -> None:
        """Lets ids that no record has be looked for later, and drops those missed often."""
        ...


class Observations(Protocol):
    """Versions of observations, which are only ever added."""

    async def present(self, tenant: Tenant, scope: str) -> dict[str, Observation]:
        """The active version of each observation of exactly this scope, by key."""
        ...

    async def versions(
        self, tenant: Tenant, *, scope: str | None = None, key: str | None = None
    ) -> list[Observation]:
        """Every version of a scope, or of one observation, by key and version."""
        ...

    async def resting_on(self, tenant: Tenant, record_id: str) -> list[str]:
        """The keys of the observations that rest, or once rested, on a record, sorted."""
        ...

    async def settle(
        self,
        tenant: Tenant,
        job: Job,
        decide: Callable[[Mapping[str, Observation]], Sequence[Observation]],
        *,
        scope: str,
        learnt: Sequence[str],
        now: datetime,
        result: Callable[[Sequence[Observation]], Mapping[str, Any]] = ...,
    ) -> list[Observation]:
        """
        Writes what *decide* gives, told the highest versions as they are now, and ends the job.

        Raises:
            LeaseLost: the job was handed to another.
            Conflict: what was shown has changed.
        """
        ...

    async def invalidate(
        self, tenant: Tenant, record_ids: Collection[str], *, scope: str, now: datetime
    ) -> list[Observation]:
        """
        Takes records of *scope* away from what rests on them; its new versions. Repeatable.

        A record of another scope is as one that is not there.
        """
        ...

    async def unindexed(self, tenant: Tenant, *, limit: int) -> dict[str, Observation | None]:
        """The highest versions that the index lacks, by key; None where all are forgotten."""
        ...

    async def indexed(self, tenant: Tenant, versions: Mapping[str, int | None]) -> None:
        """Notes what the index has now, None for nothing; what has changed by then stays due."""
        ...

    async def reindex(self, tenant: Tenant) -> int:
        """Lets every observation be indexed anew; how many."""
        ...


class Conversations(Protocol):
    """The batcher: messages wait until there are enough, or long enough."""

    async def add(
        self,
        tenant: Tenant,
        scope: str,
        record_ids: Sequence[str],
        *,
        size: int,
        now: datetime,
        session: str = "",
    ) -> tuple[list[str], int]:
        """
        Adds messages; the jobs of full batches, and how many of the session wait. Repeatable.
        """
        ...

    async def known(self, tenant: Tenant, record_ids: Sequence[str]) -> list[str]:
        """Those of the messages that were added before."""
        ...

    async def flush(
        self, tenant: Tenant, *, added_before: datetime, size: int, now: datetime
    ) -> list[str]:
        """The jobs of batches whose first message was added before then. Repeatable."""
        ...


class Forgets(Protocol):
    """What forgets in every part of the notebooks at once."""

    async def __call__(
        self,
        tenant: Tenant,
        *,
        record_ids: Collection[str] = (),
        source: str | None = None,
        person: str | None = None,
        rehearses: bool = False,
    ) -> list[str]:
        """
        Deletes what rests on the records, the source or the person, and proves it.

        Gives the ids (`kind:key`) of what was deleted; they are the `source` of its rows on
        the shelves, so that `Memory.forget(tenant, source=id)` takes it out there. Where it
        only *rehearses*, of what would be deleted. Repeatable.

        Raises:
            Unavailable: something is there still; call again.
        """
        ...


class Delivers(Protocol):
    """What posts signed callbacks."""

    def check(self, url: str, *, secret: str = "") -> None:
        """
        Passes an address that may be posted to; *secret* is its own, in the server's place.

        Raises:
            CallbackRefused: it never may; says why.
        """
        ...

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        headers: Mapping[str, str],
        event: str,
        secret: str = "",
    ) -> None:
        """
        Posts the body, signed; follows no redirect.

        Raises:
            CallbackRefused: the address leads where none may.
            Unavailable: it did not answer with 2xx.
        """
        ...


class Subscriptions(Protocol):
    """Who is told what happens in memory."""

    def subscribe(self, hook: Hook) -> Callable[[], None]:
        """Lets *hook* be told in this process, until what is returned is called."""
        ...

    async def add(self, tenant: Tenant, subscription: Subscription) -> None:
        """
        Keeps it.

        Raises:
            TooManySubscriptions: the tenant has enough.
        """
        ...

    async def of(self, tenant: Tenant) -> list[tuple[Subscription, Tally]]:
        """All of a tenant with what became of their notifications, oldest first."""
        ...

    async def find(self, tenant: Tenant, subscription_id: str) -> Subscription | None:
        """The one with this id."""
        ...

    async def delete(self, tenant: Tenant, subscription_id: str) -> bool:
        """Ends it; whether it was there. What waits for it is dropped. Repeatable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deriving:
    """
    How memories are derived: the settings of it.

    `flush_after` is how long the first message of a batch waits for others.
    """

    batch_size: int = 10
    flush_after: timedelta = timedelta(minutes=10)
    link_threshold: float = 0.5
    min_confidence: float = 0.5
    language_timeout: timedelta = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPorts:
    """All of the above. Without a `language` model what needs one waits."""

    jobs: Jobs
    learning: Learning
    observations: Observations
    conversations: Conversations
    forget: Forgets
    callbacks: Delivers
    language: Language | None
    deriving: Deriving
    tasks: Tasks
    patterns: Patterns
    blocks: Blocks
    subscriptions: Subscriptions
    events: MemoryEvents = field(default_factory=NoSubscribers)
