"""
Memory in Weaviate: one multi-tenant collection, one tenant for each repository.

Reading order: `schema` (the collection), `objects` (records as objects and back),
`threads` (keys among neighbours), `search` (one recall), `memory` (the port).
"""

from odyssey.adapters.weaviate.memory import WeaviateMemory

__all__ = ["WeaviateMemory"]
