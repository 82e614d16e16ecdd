"""
The Redis that the contract tests run against.
"""

from __future__ import annotations

from redis_fixture import redis, redis_server

__all__ = ["redis", "redis_server"]
