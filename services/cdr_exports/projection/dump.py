"""The read model as sorted JSON lines: two read models are equal if and only if their dumps are, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson

from cdr_exports.runtime.postgres import Database, named_sql


async def dump(database: Database) -> AsyncIterator[bytes]:
    """A line for each export, the not yet visible ones included, all as of one moment. Raises Transient."""
    statement = named_sql(__package__)["dump"]
    async with database.transaction() as transaction:
        async for row in transaction.stream(statement):
            yield orjson.dumps(row | {"state": orjson.loads(row["state"])}, option=orjson.OPT_SORT_KEYS) + b"\n"
