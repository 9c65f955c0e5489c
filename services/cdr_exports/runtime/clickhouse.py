"""The one door to ClickHouse (clickhouse-connect): control queries, and the byte streams that files are made of.

A stream that ends well proves nothing: an error in mid-stream arrives under HTTP 200 as data, a server may cut an
answer short and end it cleanly. What comes out of here is bytes; whether they are the slice is the processor's to judge.

The synchronous client is used, in threads: for raw streams it costs 40 % less CPU than the asynchronous one.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any
from urllib.parse import unquote, urlsplit

import clickhouse_connect
import urllib3
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, ProgrammingError
from urllib3.exceptions import HTTPError

from cdr_exports.domain.errors import CdrExportsError, Transient
from cdr_exports.runtime.settings import ClickHouseSettings

PIECE_BYTES = 1 << 20
CONNECT_SECONDS, READ_SECONDS = 5, 60
"""A server that sends no byte for `READ_SECONDS`, not even a line of its progress, has stalled: the query is given up
and made again."""

OUTAGE = frozenset({
    60, 81,  # the table or database is not there: a deployment under way
    192, 193, 194, 497, 516,  # our user is not let in: an operator's to mend, no export's fault
    201,  # our quota is used up until its interval is over
    173, 198, 202, 203, 209, 210, 225, 236, 242, 279, 285, 369, 439, 745, 999,  # too busy, network, shutting down, Keeper
})  # fmt: skip
"""Codes of errors that say nothing about the query: it waits until they are over, and burns no attempts."""
TIMEOUT_EXCEEDED = 159
AGAIN = frozenset({
    3, 32, 33, 74, 499,  # a file that could not be read to its end, maybe on a remote disk
    TIMEOUT_EXCEEDED, 160,
    216, 373,  # an earlier query under the same id, or session, has not ended yet
    241,  # memory: the plan is fixed, so the query is not made smaller; later there may be more
    394, 735,  # killed, and not by us
})  # fmt: skip
"""Codes of errors that another attempt at the same query may not meet. With any other code none is worth making: the
query is wrong for this server (36, 47, 62, 115), or runs into a limit that is there to stop it (158, 307, 396)."""


_CODE = re.compile(r"\bCode: (\d+)\. DB::")


class QueryFailed(CdrExportsError):
    """ClickHouse refused or broke off this very query. `may_succeed_later` says whether an attempt is worth making."""

    def __init__(self, code: int | None, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.may_succeed_later = code in AGAIN


class ClickHouse:
    """One server, any number of threads. Connects when first used; a lost connection is made anew by the next call."""

    def __init__(
        self, settings: ClickHouseSettings, *, connections: int = 8, read_seconds: float = READ_SECONDS
    ) -> None:
        address = urlsplit(settings.clickhouse_url)
        self._options: dict[str, Any] = {
            "host": address.hostname,
            "port": address.port,
            "secure": address.scheme == "https",
            "username": unquote(address.username or settings.clickhouse_user),
            "password": unquote(address.password or "") or settings.clickhouse_password.get_secret_value(),
            "database": address.path.strip("/") or None,
            "connect_timeout": CONNECT_SECONDS,
            "send_receive_timeout": read_seconds,
            "autogenerate_session_id": False,  # a session would make queries wait for one another
            "pool_mgr": urllib3.PoolManager(num_pools=1, maxsize=connections, block=False),
        }
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._streams: dict[str, Any] = {}

    async def rows(
        self, sql: str, params: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None
    ) -> Sequence[Sequence[Any]]:
        """The whole answer of a small query. Raises Transient, QueryFailed."""

        def ask() -> Sequence[Sequence[Any]]:
            with _translated():
                client = self._connected()
                return client.query(sql, dict(params or {}), settings=_known(client, settings or {})).result_rows

        return await asyncio.to_thread(ask)

    async def command(self, sql: str, settings: Mapping[str, Any] | None = None) -> None:
        """A statement without an answer. Raises Transient, QueryFailed."""

        def order() -> None:
            with _translated():
                client = self._connected()
                client.command(sql, settings=_known(client, settings or {}))

        await asyncio.to_thread(order)

    @contextmanager
    def stream(
        self, sql: str, params: Mapping[str, Any], settings: Mapping[str, Any], *, query_id: str, fmt: str
    ) -> Iterator[Iterator[bytes]]:
        """The answer's bytes in pieces of up to 1 MiB; blocks. Left before its end, the query is killed on the server.

        `max_execution_time` among the settings is for the whole transfer: a server keeps to it, a slow network does not.
        Raises Transient, QueryFailed; also from the iterator.
        """
        ends_at = monotonic() + float(settings.get("max_execution_time", "inf"))
        with _translated():
            client = self._connected()
            wanted = _known(client, settings) | {"query_id": query_id}
            response: Any = client.raw_stream(sql, dict(params), settings=wanted, fmt=fmt)
        self._streams[query_id] = response
        ended = False

        def pieces() -> Iterator[bytes]:
            nonlocal ended
            with _translated():
                for piece in response.stream(PIECE_BYTES):
                    yield piece
                    if monotonic() > ends_at:
                        raise QueryFailed(TIMEOUT_EXCEEDED, "the answer had not ended by its deadline")
            ended = True

        try:
            yield pieces()
        finally:
            del self._streams[query_id]
            if ended:
                response.release_conn()
            else:
                response.close()
                self.kill(query_id)

    def break_off(self, query_id: str) -> None:
        """From another thread: stops a stream's query, and wakes its reader, who may wait for a byte, with an error."""
        response = self._streams.get(query_id)
        if response is not None:
            with suppress(HTTPError, OSError, RuntimeError, ValueError):  # it may end, or be closed, just now
                response.shutdown()
        self.kill(query_id)

    def kill(self, query_id: str) -> None:
        """Asks the server to stop a query of ours; blocks. Closing the connection does so as well, this is quicker."""
        with suppress(ClickHouseError, HTTPError, OSError):
            self._connected().command(
                "KILL QUERY WHERE query_id = {query_id:String} ASYNC", parameters={"query_id": query_id}
            )

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _connected(self) -> Client:
        with self._lock:
            if self._client is None:
                self._client = clickhouse_connect.get_client(**self._options)
            return self._client


def _known(client: Client, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings this server has: older ones lack some of those that newer ones need, and refuse the unknown."""
    return {name: value for name, value in settings.items() if name in client.server_settings}


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ClickHouseError as error:
        code = _code(error)
        ours = code is None and isinstance(error, ProgrammingError)  # we called the library wrongly
        if code in OUTAGE or (code is None and not ours):  # without a code: the transport's, or a proxy's in between
            raise Transient(f"ClickHouse is unavailable: {_first_line(error)}") from error
        raise QueryFailed(code, _first_line(error)) from error
    except (HTTPError, OSError) as error:
        raise Transient(f"the connection to ClickHouse broke: {type(error).__name__}") from error


def _code(error: ClickHouseError) -> int | None:
    """ClickHouse's number of the error; from its text where the answer came without the header."""
    code = getattr(error, "code", None)
    found = _CODE.search(str(error)) if code is None else None
    return int(found[1]) if found else code


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:500] if str(error) else type(error).__name__
