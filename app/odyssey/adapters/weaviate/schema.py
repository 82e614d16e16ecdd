"""
The collection that holds every tenant's records.
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

COLLECTION = "OdysseyEvent"
VECTOR = "text"

_EXACT = ("record_id", "kind", "actor", "trust", "source", "thread", "person", "model")
_SEARCHED = ("terms", "nearby")
_KEPT = ("text", "attributes", "occurred", "main", "before", "after")


async def ensure_collection(client: WeaviateAsyncClient) -> None:
    """
    Makes the collection unless it is there. Repeatable, also by two processes at once.

    The index is flat: a repository's memories are few enough to be compared one
    by one, which is exact. Text is analysed by Odyssey, not by the server, which
    has no stemmer: both stores then find by the same words.
    """
    if await client.collections.exists(COLLECTION):
        return
    try:
        await client.collections.create(
            COLLECTION,
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
        if not await client.collections.exists(COLLECTION):
            raise


def _properties() -> list[Property]:
    exact = [
        Property(
            name=name,
            data_type=DataType.TEXT,
            tokenization=Tokenization.FIELD,
            index_filterable=True,
            index_searchable=False,
        )
        for name in _EXACT
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
    return [
        *exact,
        *searched,
        *kept,
        Property(
            name="pairs",
            data_type=DataType.TEXT_ARRAY,
            tokenization=Tokenization.FIELD,
            index_filterable=True,
            index_searchable=False,
        ),
        # Microseconds since 1970: a double holds them exactly until the year 2255.
        Property(
            name="moment",
            data_type=DataType.NUMBER,
            index_filterable=True,
            index_range_filters=True,
        ),
        Property(name="chunk", data_type=DataType.INT, index_filterable=True),
        Property(name="masked", data_type=DataType.INT, index_filterable=False),
        Property(name="waiting", data_type=DataType.BOOL, index_filterable=True),
    ]
