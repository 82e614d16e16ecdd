"""
Memory in Weaviate: one multi-tenant collection for each shelf, one tenant for each repository.

Reading order: `schema` (the collections), `connection`, `objects` (records as objects and
back), `threads` (keys among neighbours), `writing`, `search` (one recall), `forgetting`,
`copying` (export), `reembedding`, `backups`, `outbox` (what waits, written), `store` (all of
it), `memory` (the port).
"""

from odyssey.adapters.weaviate.memory import WeaviateMemory

__all__ = ["WeaviateMemory"]
