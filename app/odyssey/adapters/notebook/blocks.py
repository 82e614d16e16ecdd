"""
Core memory blocks in a notebook: every version of every block.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from odyssey.adapters.notebook.database import Gone, Notebooks, Part
from odyssey.adapters.notebook.tasks import owner_columns, scope_of
from odyssey.domain.memory.blocks import Block, without_person
from odyssey.domain.memory.record import Tenant, login_of
from odyssey.domain.memory.scope import Scope, Tier

_STEPS = (
    """
    CREATE TABLE block (
        tier TEXT NOT NULL,
        owner TEXT NOT NULL,
        label TEXT NOT NULL,
        version INTEGER NOT NULL,
        value TEXT NOT NULL,
        most INTEGER NOT NULL,
        read_only INTEGER NOT NULL,
        description TEXT NOT NULL,
        updated_by TEXT NOT NULL,
        operation TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        PRIMARY KEY (tier, owner, label, version)
    ) STRICT, WITHOUT ROWID
    """,
    "CREATE INDEX block_by ON block (updated_by)",
    # The last version of a block that was deleted: one that is made anew goes on from there,
    # or a writer who read the old one would be taken for one who read the new one.
    "CREATE TABLE block_deleted (tier TEXT NOT NULL, owner TEXT NOT NULL, label TEXT NOT NULL,"
    " version INTEGER NOT NULL, PRIMARY KEY (tier, owner, label)) STRICT, WITHOUT ROWID",
)

_COLUMNS = (
    "tier, owner, label, version, value, most, read_only, description, updated_by, operation,"
    " updated_at"
)

Decide = Callable[[Block | None], Block]
"""Gives the version to write, told the present one; it may raise, and nothing is written."""


class SqliteBlocks:
    """The blocks of all tenants."""

    def __init__(self, notebooks: Notebooks) -> None:
        self._notebooks = notebooks

    async def present(self, tenant: Tenant, scope: Scope, defaults: Sequence[Block]) -> list[Block]:
        """
        The present version of every block of exactly this tier, by label.

        In a tier without any, *defaults* are made. Repeatable, and safe for several
        processes at once.
        """
        if await self._notebooks.exists(tenant):
            found = await self._notebooks.read(tenant, lambda one: _present(one, scope))
            if found:
                return found
        if not defaults:
            return []

        def write(connection: sqlite3.Connection) -> list[Block]:
            if not (there := _present(connection, scope)):
                for block in defaults:
                    _insert(connection, _going_on(connection, block))
                there = _present(connection, scope)
            return there

        return await self._notebooks.write(tenant, write)

    async def versions(self, tenant: Tenant, scope: Scope, label: str) -> list[Block]:
        """Every version of one block, the newest first; none if there is no such block."""
        if not await self._notebooks.exists(tenant):
            return []
        return await self._notebooks.read(
            tenant,
            lambda connection: _read(
                connection,
                "WHERE tier = ? AND owner = ? AND label = ? ORDER BY version DESC",
                *owner_columns(scope),
                label,
            ),
        )

    async def change(self, tenant: Tenant, scope: Scope, label: str, decide: Decide) -> Block:
        """
        What *decide* makes of the present version, written unless it is the present version.

        A new block goes on from the last version of one that was deleted. Nobody else
        writes between reading and writing.
        """

        def write(connection: sqlite3.Connection) -> Block:
            found = _read(
                connection,
                "WHERE tier = ? AND owner = ? AND label = ? ORDER BY version DESC LIMIT 1",
                *owner_columns(scope),
                label,
            )
            present = found[0] if found else None
            following = decide(present)
            if present is None:
                following = _going_on(connection, following)
            if following is not present:
                _insert(connection, following)
            return following

        return await self._notebooks.write(tenant, write)

    async def delete(
        self, tenant: Tenant, scope: Scope, label: str, allow: Callable[[Block], None]
    ) -> Block | None:
        """
        Deletes every version of a block unless *allow* raises; the last one. Repeatable.

        Of a deleted block its number of versions is kept, and no text.
        """

        def write(connection: sqlite3.Connection) -> Block | None:
            columns = (*owner_columns(scope), label)
            found = _read(
                connection,
                "WHERE tier = ? AND owner = ? AND label = ? ORDER BY version DESC LIMIT 1",
                *columns,
            )
            if not found:
                return None
            allow(found[0])
            connection.execute(
                "DELETE FROM block WHERE tier = ? AND owner = ? AND label = ?", columns
            )
            connection.execute(
                "INSERT INTO block_deleted VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
                " SET version = max(version, excluded.version)",
                (*columns, found[0].version),
            )
            return found[0]

        if not await self._notebooks.exists(tenant):
            return None
        return await self._notebooks.write(tenant, write)

    async def naming(self, tenant: Tenant, login: str) -> int:
        """How many blocks of whatever tier name *login* as a word in any version."""
        if not await self._notebooks.exists(tenant):
            return 0
        return await self._notebooks.read(
            tenant,
            lambda connection: len(
                {
                    (block.scope, block.label)
                    for block in _read(connection, "ORDER BY version")
                    if _names(block, login_of(login))
                }
            ),
        )


def of_label(connection: sqlite3.Connection, key: tuple[str, ...]) -> list[Block]:
    """Every version of one block by tier, owner and label, the oldest first."""
    return _read(connection, "WHERE tier = ? AND owner = ? AND label = ? ORDER BY version", *key)


def _present(connection: sqlite3.Connection, scope: Scope) -> list[Block]:
    return _read(
        connection,
        "WHERE tier = ? AND owner = ? AND version = (SELECT max(version) FROM block AS other"
        " WHERE other.tier = block.tier AND other.owner = block.owner"
        " AND other.label = block.label) ORDER BY label",
        *owner_columns(scope),
    )


def _going_on(connection: sqlite3.Connection, block: Block) -> Block:
    row = connection.execute(
        "SELECT version FROM block_deleted WHERE tier = ? AND owner = ? AND label = ?",
        (*owner_columns(block.scope), block.label),
    ).fetchone()
    return replace(block, version=int(row[0]) + 1) if row else block


def _insert(connection: sqlite3.Connection, block: Block) -> None:
    connection.execute(
        f"INSERT INTO block ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - own names
        (
            *owner_columns(block.scope), block.label, block.version, block.value, block.limit,
            int(block.read_only), block.description, login_of(block.updated_by), block.operation,
            block.updated_at.astimezone(UTC).isoformat(),
        ),
    )  # fmt: skip


def _forget(connection: sqlite3.Connection, gone: Gone) -> list[str]:
    """
    Deletes a person's own blocks, also what is left of deleted ones, and their name and the
    lines about them elsewhere.

    Who wrote a version is taken off it. Of `people` blocks, versions that name the person
    are deleted, and the present one is written anew without those lines. Other text that
    they wrote into the repository's blocks is the repository's, and stays.
    """
    if gone.person is None:
        return []
    login = login_of(gone.person)
    own = connection.execute(
        "DELETE FROM block WHERE tier = ? AND owner = ? RETURNING label", (Tier.PERSON.value, login)
    ).fetchall()
    connection.execute(
        "DELETE FROM block_deleted WHERE tier = ? AND owner = ?", (Tier.PERSON.value, login)
    )
    deleted = {f"block:{label}" for (label,) in own}
    connection.execute("UPDATE block SET updated_by = '' WHERE updated_by = ?", (login,))
    newest: dict[tuple[Scope, str], Block] = {}
    for block in _people(connection):
        newest[block.scope, block.label] = block
        if without_person(block, login) is not block:
            connection.execute(
                "DELETE FROM block WHERE tier = ? AND owner = ? AND label = ? AND version = ?",
                (*owner_columns(block.scope), block.label, block.version),
            )
            deleted.add(f"block:{block.label}")
    for block in newest.values():
        cleaned = without_person(block, login)
        if cleaned is not block:
            _insert(connection, replace(cleaned, version=block.version + 1))
    return sorted(deleted)


def _left(connection: sqlite3.Connection, gone: Gone) -> int:
    if gone.person is None:
        return 0
    login = login_of(gone.person)
    (named,) = connection.execute(
        "SELECT (SELECT count(*) FROM block WHERE updated_by = :login"
        " OR (tier = :tier AND owner = :login))"
        " + (SELECT count(*) FROM block_deleted WHERE tier = :tier AND owner = :login)",
        {"login": login, "tier": Tier.PERSON.value},
    ).fetchone()
    return int(named) + sum(
        without_person(block, login) is not block for block in _people(connection)
    )


def _names(block: Block, login: str) -> bool:
    said = replace(block, value=f"{block.value}\n{block.description}")
    return without_person(said, login) is not said


def _people(connection: sqlite3.Connection) -> list[Block]:
    return _read(connection, "WHERE label = 'people' ORDER BY version")


def _read(connection: sqlite3.Connection, condition: str, *values: object) -> list[Block]:
    return [
        Block(
            label=row[2],
            version=row[3],
            value=row[4],
            limit=row[5],
            read_only=bool(row[6]),
            description=row[7],
            updated_by=row[8],
            operation=row[9],
            updated_at=datetime.fromisoformat(row[10]),
            scope=scope_of(row[0], row[1]),
        )
        for row in connection.execute(
            f"SELECT {_COLUMNS} FROM block {condition}",  # noqa: S608 - own names
            values,
        )
    ]


PART = Part(name="block", steps=_STEPS, forget=_forget, left=_left)
