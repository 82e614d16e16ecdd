"""
The heart of a process: keeps its leases and locks alive, from a thread of its own.

Loading torch keeps Python's event loop still for up to a second, so a task of
the loop would beat too late. The thread has its own connection and beats for
everything the process holds at once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Literal

from redis import ConnectionPool, Redis
from redis.asyncio import Redis as AsyncRedis
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import RedisError
from redis.retry import Retry

from odyssey.adapters.guard import guarded
from odyssey.domain.errors import OdysseyError

BEATS = 5
"""Beats in the time after which what is held would be lost."""
IDLE_S = 5.0
"""The thread ends when nothing was held for so long."""

BEAT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answers = {}
for at = 1, #ARGV, 4 do
  local kind, name, holder, ttl = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local is_held = 0
  if kind == 'lease' then
    local state, owner = unpack(redis.call('HMGET', 'odyssey:inbox:' .. name, 'state', 'owner'))
    if state == 'leased' and owner == holder then
      redis.call('ZADD', KEYS[1], now + ttl, name)
      is_held = 1
    end
  else
    local present = redis.call('GET', name)
    -- It may have run out while nobody beat; it is ours again if nobody else had it since.
    if present == holder or (not present and redis.call('GET', name .. ':last') == holder) then
      redis.call('SET', name, holder, 'PX', ttl)
      is_held = 1
    end
  end
  answers[#answers + 1] = is_held
end
return answers
"""
ANSWER_S = 1.0
"""A disk that is busy keeps Redis from answering for longer than one would think."""
UNSURE_TIMES = 2
"""Without a word from Redis what is held is given up this many times its length after its end."""
_CONNECTIONS = {"Connection": Connection, "SSLConnection": SSLConnection}


class Hold:
    """
    One lease or lock that is held, surely until `sure_until` (by `clock`).

    *since* is when it was asked for, *holder* who it was given to, and *error* what
    its loss means.
    """

    def __init__(
        self,
        kind: Literal["lease", "lock"],
        name: str,
        holder: str,
        *,
        ttl: timedelta,
        since: float,
        error: Callable[[], OdysseyError],
    ) -> None:
        self.words: tuple[str, ...] = (kind, name, holder, str(ttl // timedelta(milliseconds=1)))
        self.ttl_s = ttl.total_seconds()
        self.sure_until = since + self.ttl_s
        self.error = error
        self.is_lost = False
        self.tell: Callable[[], None] = lambda: None

    @property
    def is_hopeless(self) -> bool:
        """Whether its end was so long ago that no beat will be waited for."""
        return clock() >= self.sure_until + UNSURE_TIMES * self.ttl_s

    async def check(self) -> None:
        """See `Guard.check`. The next beat tells whether what ran out is still ours."""
        while self.is_lost or clock() >= self.sure_until:
            if self.is_lost or self.is_hopeless:
                raise self.error()
            await asyncio.sleep(self.ttl_s / BEATS / 4)


class Heart:
    """
    Beats for the holds of one process on the server that *redis* is connected to.

    *open_key* is the inbox's set of open deliveries. The thread is started by
    the first hold, and ends when nothing is held.
    """

    def __init__(self, redis: AsyncRedis, *, open_key: str) -> None:
        self._of = redis
        self._open_key = open_key
        self._holds: set[Hold] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @asynccontextmanager
    async def holding(self, hold: Hold) -> AsyncIterator[None]:
        """
        Keeps *hold*, which was just taken, while the block runs.

        Raises:
            OdysseyError: its own error; it was lost, and the block was cancelled.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None) as held:

                def lost() -> None:
                    # It may be over by the time the loop comes to this.
                    if hold in self._holds and not held.expired():
                        held.reschedule(loop.time())

                hold.tell = lambda: _call_in(loop, lost)
                self._add(hold)
                try:
                    with guarded(hold):
                        yield
                finally:
                    self._remove(hold)
        except TimeoutError as error:
            if not held.expired():
                raise
            raise hold.error() from error

    def _add(self, hold: Hold) -> None:
        with self._changed:
            self._holds.add(hold)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="heart", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _remove(self, hold: Hold) -> None:
        with self._changed:
            self._holds.discard(hold)

    def _run(self) -> None:
        redis = twin(self._of)
        beat = redis.register_script(BEAT)
        try:
            while holds := self._waited_for_holds():
                self._beat(beat, holds)
                time.sleep(min(each.ttl_s for each in holds) / BEATS)
        finally:
            redis.close()

    def _waited_for_holds(self) -> list[Hold]:
        with self._changed:
            if not self._holds:
                self._changed.wait(IDLE_S)
            if not self._holds:
                self._thread = None
            return list(self._holds)

    def _beat(self, beat: Callable[..., list[int]], holds: list[Hold]) -> None:
        asked_at = clock()
        try:
            answers = beat(
                keys=[self._open_key], args=[word for hold in holds for word in hold.words]
            )
        except (RedisError, OSError):
            # The next beat may come through; until then nobody acts who is not sure.
            for hold in holds:
                hold.is_lost = hold.is_hopeless
        else:
            for hold, is_held in zip(holds, answers, strict=True):
                hold.is_lost = not is_held
                hold.sure_until = asked_at + hold.ttl_s
        for hold in holds:
            if hold.is_lost:
                hold.tell()


def clock() -> float:
    """
    Seconds that also pass while the machine sleeps, where the system has such a clock.
    """
    boot_time: int | None = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot_time is None else time.clock_gettime(boot_time)


def twin(redis: AsyncRedis) -> Redis:
    """
    A client for threads, of the server that *redis* is a client of; it waits up to `ANSWER_S`.
    """
    pool = redis.connection_pool
    kind = pool.connection_class.__name__
    options = {**pool.connection_kwargs, "retry": Retry(NoBackoff(), 0)}
    options |= {"socket_timeout": ANSWER_S, "socket_connect_timeout": ANSWER_S}
    connection = _CONNECTIONS.get(kind, UnixDomainSocketConnection)
    return Redis(connection_pool=ConnectionPool(connection_class=connection, **options))


def _call_in(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        # The loop is closed: whoever held it is gone already.
        return
