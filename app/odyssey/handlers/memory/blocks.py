"""
Core memory blocks: read whole, made, changed, restored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from odyssey.domain.errors import NotFound
from odyssey.domain.memory.blocks import (
    DEFAULT_LIMIT,
    MAX_BLOCKS,
    Append,
    Block,
    BlockRefused,
    Change,
    Configure,
    Patch,
    Replace,
    Restore,
    Rethink,
    changed,
    check_deletable,
    default_blocks,
)
from odyssey.domain.memory.masking import mask
from odyssey.domain.memory.record import Tenant
from odyssey.domain.memory.retention import storable
from odyssey.domain.memory.scope import Scope
from odyssey.handlers.memory.needs import Needs


async def load_blocks(tenant: Tenant, ports: Needs, *, scope: Scope) -> list[Block]:
    """Every block of the tier, whole, by label; the repository's are made on first use."""
    return await ports.derived.blocks.present(tenant, scope, default_blocks(scope, at=ports.now()))


async def get_block(label: str, tenant: Tenant, ports: Needs, *, scope: Scope) -> Block:
    """
    The present version of one block.

    Raises:
        NotFound: there is no such block.
    """
    for block in await load_blocks(tenant, ports, scope=scope):
        if block.label == label:
            return block
    raise _missing(label)


async def block_versions(label: str, tenant: Tenant, ports: Needs, *, scope: Scope) -> list[Block]:
    """
    Every version of one block, the newest first.

    Raises:
        NotFound: there is no such block.
    """
    await load_blocks(tenant, ports, scope=scope)
    versions = await ports.derived.blocks.versions(tenant, scope, label)
    if not versions:
        raise _missing(label)
    return versions


async def put_block(
    label: str,
    wanted: Configure,
    tenant: Tenant,
    ports: Needs,
    *,
    scope: Scope,
    by: str,
    expected: int | None = None,
) -> Block:
    """
    The block with this text and these settings, made if it is not there.

    *expected* is the version that was read, 0 for a block that must not be there yet.

    Raises:
        BlockChanged, BlockReadOnly, BlockRefused: nothing was changed.
    """
    count = len(await load_blocks(tenant, ports, scope=scope))
    wanted = _configured(wanted)

    def decide(present: Block | None) -> Block:
        if present is not None:
            return changed(present, wanted, by=by, at=ports.now(), expected=expected)
        if expected:
            raise _missing(label)
        if count >= MAX_BLOCKS:
            raise BlockRefused(
                f"block {label}: there are {MAX_BLOCKS} blocks, which are always loaded whole; "
                "delete one, or put it in the archive"
            )
        return Block(
            label=label,
            value=wanted.value or "",
            limit=DEFAULT_LIMIT if wanted.limit is None else wanted.limit,
            read_only=bool(wanted.read_only),
            description=wanted.description or "",
            updated_by=by,
            updated_at=ports.now(),
            scope=scope,
        )

    return await ports.derived.blocks.change(tenant, scope, label, decide)


async def change_block(
    label: str,
    change: Change,
    tenant: Tenant,
    ports: Needs,
    *,
    scope: Scope,
    by: str,
    expected: int | None = None,
) -> Block:
    """
    The block after the change; the version that was there, if it changes nothing.

    Raises:
        NotFound: there is no such block.
        BlockChanged, BlockReadOnly, BlockRefused: nothing was changed.
    """
    await load_blocks(tenant, ports, scope=scope)
    change = _masked(change)

    def decide(present: Block | None) -> Block:
        if present is None:
            raise _missing(label)
        return changed(present, change, by=by, at=ports.now(), expected=expected)

    return await ports.derived.blocks.change(tenant, scope, label, decide)


async def restore_block(
    label: str,
    version: int,
    tenant: Tenant,
    ports: Needs,
    *,
    scope: Scope,
    by: str,
    expected: int | None = None,
) -> Block:
    """
    The block with the text of an older version, as a new one.

    Raises:
        NotFound: there is no such block or version.
        BlockChanged, BlockReadOnly: nothing was changed.
    """
    versions = await block_versions(label, tenant, ports, scope=scope)
    old = next((one for one in versions if one.version == version), None)
    if old is None:
        raise NotFound(f"Block {label} has no version {version}; see its versions.")
    return await change_block(
        label, Restore(old=old), tenant, ports, scope=scope, by=by, expected=expected
    )


async def delete_block(
    label: str, tenant: Tenant, ports: Needs, *, scope: Scope, expected: int | None = None
) -> None:
    """
    Deletes a block with all its versions; one that is made anew goes on from their number.

    Raises:
        NotFound: there is no such block.
        BlockChanged, BlockReadOnly: nothing was deleted.
    """

    found = await ports.derived.blocks.delete(
        tenant, scope, label, partial(check_deletable, expected=expected)
    )
    if found is None:
        raise _missing(label)


def shown(blocks: Sequence[Block]) -> str:
    """
    The blocks as one text for a model, each marked with its label; empty ones left out.

    They are instructions of the repository's people, and no more trusted than these are.
    """
    # A text must not end its own block, and so speak for another.
    return "\n\n".join(
        f'<block label="{block.label}" version="{block.version}">\n'
        f"{block.value.replace('</block', '<|block')}\n</block>"
        for block in blocks
        if block.value.strip()
    )


def _masked(change: Change) -> Change:
    match change:
        case Append(text=text):
            return Append(text=_clean(text))
        case Replace():
            return Replace(old=change.old, new=_clean(change.new), everywhere=change.everywhere)
        case Patch(diff=diff):
            return Patch(diff=_clean(diff))
        case Rethink(value=value):
            return Rethink(value=_clean(value))
        case Configure():
            return _configured(change)
        case Restore():
            return change


def _configured(change: Configure) -> Configure:
    return replace(
        change,
        value=None if change.value is None else _clean(change.value),
        description=None if change.description is None else _clean(change.description),
    )


def _clean(text: str) -> str:
    return mask(storable(text)).text


def _missing(label: str) -> NotFound:
    return NotFound(f"Block {label[:60]} does not exist; see the list of blocks, or make it.")
