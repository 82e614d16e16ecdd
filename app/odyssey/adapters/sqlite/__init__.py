"""
Memory in SQLite: one file for each tenant, with FTS5 for words and numpy for meaning.

Reading order: `schema` (tables, connections), `rows` (what is written and read),
`vectors` (the vectors in memory), `frequencies` (which terms are worth asking for),
`search` (one recall), `memory` (the port).
"""

from odyssey.adapters.sqlite.memory import SqliteMemory

__all__ = ["SqliteMemory"]
