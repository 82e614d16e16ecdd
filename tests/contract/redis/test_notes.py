"""
Notes in Redis: alarms that stand.
"""

from __future__ import annotations

from redis.asyncio import Redis

from domain.samples import REPOSITORY
from odyssey.adapters.redis_notes import RedisNotes
from odyssey.domain.identifiers import InstallationId, RepositoryRef


async def test_an_alarm_stands_until_it_is_answered(redis: Redis) -> None:
    """
    Several may stand, each in its own repository, whose name ignores case; all is repeatable.
    """
    notes = RedisNotes(redis)
    other = RepositoryRef(InstallationId(1), "octo", "other")
    shouted = RepositoryRef(InstallationId(1), "OCTO", "Hello")
    for issue in (5, 9, 5):
        await notes.alarm_raised(REPOSITORY, issue)
    assert await notes.alarms(shouted) == {5, 9}
    assert await notes.alarms(other) == frozenset()

    for _ in range(2):
        await notes.alarm_answered(REPOSITORY, 5)

    assert await RedisNotes(redis).alarms(REPOSITORY) == {9}
    assert await redis.ttl("odyssey:alarms:octo/hello") == -1
