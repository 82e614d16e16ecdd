"""
Memory in SQLite: one file for each tenant, with FTS5 for words and numpy for meaning.

Reading order: `schema` (tables), `files` (connections), `rows` and `neighbours` (what is
written and read), `vectors` (the vectors in memory), `narrowing` (which rows a question
may see), `frequencies` (which terms are worth asking for), `search` (one recall),
`forgetting`, `reembedding`, `backups`, `store` (all of it), `memory` (the port).
"""

from odyssey.adapters.sqlite.memory import SqliteMemory

__all__ = ["SqliteMemory"]
