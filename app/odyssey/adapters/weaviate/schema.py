"""
The collections, one for each shelf, each behind an alias.

An alias can be pointed at another collection in one step: that is how all vectors are
made anew without a moment in which there are none.
"""

from __future__ import annotations

from weaviate import WeaviateAsyncClient
from weaviate.classes.config import (
    Configure,
    DataType,
    Property,
    StopwordsPreset,
    Tokenization,
    VectorDistances,
)
from weaviate.exceptions import UnexpectedStatusCodeError

VECTOR = "text"

_EXACT = (
    "record_id", "kind", "actor", "trust", "source", "thread", "person", "model", "tier", "owner",
    "main",
)  # fmt: skip
_EXACT_LISTS = ("pairs", "people")
_SEARCHED = ("terms", "nearby")
_KEPT = ("text", "attributes", "occurred", "before", "after")
_COUNTS = {"chunk": True, "attempts": True, "masked": False, "chunks": False}
"""Whole numbers, and whether they are filtered by."""


async def ensure_collection(client: WeaviateAsyncClient, alias: str) -> str:
    """
    The collection behind *alias*, made unless it is there. Repeatable, also by two at once.
    """
    known = await client.alias.get(alias_name=alias)
    if known is not None:
        return known.collection
    first = f"{alias}_1"
    try:
        await make_collection(client, first)
        await client.alias.create(alias_name=alias, target_collection=first)
    except UnexpectedStatusCodeError:
        known = await client.alias.get(alias_name=alias)
        if known is None:
            raise
        return known.collection
    return first


async def make_collection(client: WeaviateAsyncClient, name: str) -> None:
    """
    Makes the collection *name* unless it is there.

    The index is flat: a repository's memories are few enough to be compared one
    by one, which is exact. Text is analysed by Odyssey, not by the server, which
    has no stemmer: both stores then find by the same words.
    """
    if await client.collections.exists(name):
        return
    try:
        await client.collections.create(
            name,
            multi_tenancy_config=Configure.multi_tenancy(
                enabled=True, auto_tenant_creation=True, auto_tenant_activation=True
            ),
            vector_config=[
                Configure.Vectors.self_provided(
                    name=VECTOR,
                    vector_index_config=Configure.VectorIndex.flat(
                        distance_metric=VectorDistances.COSINE
                    ),
                )
            ],
            inverted_index_config=Configure.inverted_index(
                stopwords_preset=StopwordsPreset.NONE, index_null_state=True
            ),
            properties=_properties(),
        )
    except UnexpectedStatusCodeError:
        if not await client.collections.exists(name):
            raise


def _properties() -> list[Property]:
    exact = [
        Property(
            name=name,
            data_type=data_type,
            tokenization=Tokenization.FIELD,
            index_filterable=True,
            index_searchable=False,
        )
        for names, data_type in ((_EXACT, DataType.TEXT), (_EXACT_LISTS, DataType.TEXT_ARRAY))
        for name in names
    ]
    searched = [
        Property(
            name=name,
            data_type=DataType.TEXT,
            tokenization=Tokenization.WHITESPACE,
            index_filterable=False,
            index_searchable=True,
        )
        for name in _SEARCHED
    ]
    kept = [
        Property(name=name, data_type=DataType.TEXT, index_filterable=False, index_searchable=False)
        for name in _KEPT
    ]
    counts = [
        Property(name=name, data_type=DataType.INT, index_filterable=is_filtered)
        for name, is_filtered in _COUNTS.items()
    ]
    return [
        *exact,
        *searched,
        *kept,
        *counts,
        # Microseconds since 1970: a double holds them exactly until the year 2255.
        Property(
            name="moment",
            data_type=DataType.NUMBER,
            index_filterable=True,
            index_range_filters=True,
        ),
        Property(name="waiting", data_type=DataType.BOOL, index_filterable=True),
    ]
