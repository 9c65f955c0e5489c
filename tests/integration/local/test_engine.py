"""The engine's server, taken by clickhouse-connect for ClickHouse: what holds of the one must hold of the other."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DatabaseError
from urllib3.exceptions import HTTPError

from tests.stack import ClickHouse

WHOLE = "SELECT number FROM numbers(100000) FORMAT CSV"
WHOLE_BYTES = b"".join(b"%d\n" % number for number in range(100_000))
ENDLESS = "SELECT number, repeat('x', 1000) FROM numbers(100000000) FORMAT CSV"


@pytest.fixture
def client(clickhouse: ClickHouse) -> Iterator[Client]:
    client = connected(clickhouse)
    yield client
    client.close()


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    name = f"t_{uuid4().hex[:8]}"
    client.command(f"CREATE TABLE {name} (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    yield name
    client.command(f"DROP TABLE {name}")


@pytest.fixture(autouse=True)
async def no_faults(clickhouse: ClickHouse) -> AsyncIterator[None]:
    yield
    if clickhouse.has_faults:
        await clickhouse.faults([])


def connected(clickhouse: ClickHouse, **options: Any) -> Client:
    parts = urlsplit(clickhouse.url)
    where = {"host": parts.hostname, "port": parts.port, "username": clickhouse.user, "password": clickhouse.password}
    return clickhouse_connect.get_client(**(where | {"autogenerate_session_id": False} | options))


def streamed(client: Client, sql: str, **settings: Any) -> bytes:
    """The bytes of an answer. Raises BrokenOffError with whatever had come."""
    got = bytearray()
    response: Any = client.raw_stream(sql, settings=settings)
    try:
        while piece := response.read1(1 << 16):
            got += piece
    except HTTPError as error:
        raise BrokenOffError(bytes(got)) from error
    finally:
        response.close()
    return bytes(got)


class BrokenOffError(Exception):
    """The connection was cut in the middle of an answer."""

    def __init__(self, got: bytes) -> None:
        super().__init__(f"after {len(got)} bytes")
        self.got = got


def test_the_handshake_tells_version_zone_and_settings(client: Client) -> None:
    assert int(str(client.server_version).split(".")[0]) >= 26
    assert len(client.server_settings) > 1000


def test_values_come_back_as_they_were_sent(client: Client) -> None:
    values = {"number": 2**63, "text": "quote ' backslash \\ tab \t 📞", "empty": ""}

    rows = client.query("SELECT {number:UInt64}, {text:String}, {empty:String}", parameters=values).result_rows

    assert rows == [tuple(values.values())]


def test_what_was_inserted_can_be_read(client: Client, table: str) -> None:
    client.insert(table, [[1, "one"], [2, "two\nlines"]], column_names=["a", "b"])

    assert client.query(f"SELECT * FROM {table} ORDER BY a").result_rows == [(1, "one"), (2, "two\nlines")]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_data_of_any_format_can_be_inserted(client: Client, table: str, packed: bool) -> None:
    rows = b"".join(b'%d,"text %d"\n' % (number, number) for number in range(100_000))

    client.raw_insert(
        table,
        column_names=["a", "b"],
        insert_block=gzip.compress(rows) if packed else rows,
        fmt="CSV",
        compression="gzip" if packed else None,
    )

    assert client.query(f"SELECT count(), sum(a) FROM {table}").result_rows == [(100_000, sum(range(100_000)))]


def test_a_bad_row_is_refused_by_name(client: Client, table: str) -> None:
    with pytest.raises(DatabaseError, match="CANNOT_PARSE"):
        client.raw_insert(table, column_names=["a", "b"], insert_block=b"no number,x\n", fmt="CSV")


def test_an_answer_is_one_document_however_long(client: Client) -> None:
    answer = streamed(client, "SELECT number FROM numbers(300000) FORMAT CSVWithNames")

    assert answer.startswith(b'"number"\n0\n')
    assert answer.count(b'"number"') == 1
    assert answer.count(b"\n") == 300_001


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT nothing", "UNKNOWN_IDENTIFIER"),
        ("SELECT * FROM no_such_table", "UNKNOWN_TABLE"),
        ("SELEC 1", "SYNTAX_ERROR"),
        ("SELECT throwIf(number = 3) FROM numbers(10)", "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", "SUPPORT_IS_DISABLED"),
    ],
)
def test_an_error_has_its_name(client: Client, sql: str, code: str) -> None:
    with pytest.raises(DatabaseError, match=code):
        client.raw_query(sql)


def test_an_unknown_setting_is_refused(client: Client) -> None:
    with pytest.raises(ClickHouseError, match="max_treads"):
        client.raw_query("SELECT 1", settings={"max_treads": 1})


def test_a_wrong_password_is_refused(clickhouse: ClickHouse) -> None:
    with pytest.raises(DatabaseError, match="AUTHENTICATION_FAILED"):
        connected(clickhouse, password="wrong")


def test_the_connection_serves_on_after_an_error(client: Client) -> None:
    with pytest.raises(DatabaseError):
        client.query("SELECT nothing")

    assert client.query("SELECT 1").result_rows == [(1,)]


def test_settings_of_one_query_do_not_reach_the_next_of_its_session(clickhouse: ClickHouse) -> None:
    client = connected(clickhouse, session_id=str(uuid4()))
    client.command("CREATE TEMPORARY TABLE mine (a Int8)")
    client.command("INSERT INTO mine VALUES (1), (2)")

    first = client.query("SELECT count() FROM (SELECT * FROM mine)", settings={"max_result_rows": 1, "max_threads": 1})
    second = client.query("SELECT value FROM system.settings WHERE name = 'max_result_rows'")

    assert (first.result_rows, second.result_rows) == ([(2,)], [("0",)])
    client.close()


def test_queries_run_side_by_side(client: Client) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: client.query(f"SELECT {number}").result_rows[0][0], range(60)))

    assert answers == list(range(60))


async def test_a_query_ends_when_its_client_goes(client: Client) -> None:
    query_id = str(uuid4())
    response: Any = client.raw_stream(ENDLESS, settings={"query_id": query_id})
    response.read(1000)
    assert running(client, query_id) == 1

    response.close()

    async with asyncio.timeout(10):
        while running(client, query_id):
            await asyncio.sleep(0.05)


def test_a_query_can_be_killed_by_its_id(client: Client) -> None:
    query_id = str(uuid4())
    response: Any = client.raw_stream(ENDLESS, settings={"query_id": query_id})
    response.read(1000)

    client.command("KILL QUERY WHERE query_id = {query_id:String} ASYNC", parameters={"query_id": query_id})

    with pytest.raises(HTTPError):
        read_to_end(response)


def test_a_query_with_parameters_can_be_killed_by_its_id(client: Client) -> None:
    query_id = str(uuid4())
    endless = "SELECT number, repeat({x:String}, 1000) FROM numbers(100000000) FORMAT CSV"
    response: Any = client.raw_stream(endless, {"x": "x"}, settings={"query_id": query_id})
    response.read(1000)
    assert running(client, query_id) == 1

    client.command("KILL QUERY WHERE query_id = {query_id:String} ASYNC", parameters={"query_id": query_id})

    with pytest.raises(HTTPError):
        read_to_end(response)


def read_to_end(response: Any) -> None:
    while response.read(1 << 20):
        pass


def running(client: Client, query_id: str) -> int:
    sql = "SELECT count() FROM system.processes WHERE query_id = {query_id:String}"
    return int(client.query(sql, parameters={"query_id": query_id}).result_rows[0][0])


async def test_an_error_in_midstream_of_the_old_dialect_looks_like_a_good_end(
    clickhouse: ClickHouse, client: Client
) -> None:
    await clickhouse.faults([{"action": "error", "dialect": "legacy", "after_bytes": 1000, "match": "numbers"}])

    got = streamed(client, WHOLE)

    assert got.startswith(WHOLE_BYTES[:1000] + b"Code: 241. DB::Exception: a planted fault.")
    assert got.endswith(b")\n")


@pytest.mark.parametrize(("dialect", "is_marked"), [("break", False), ("tag", True)])
async def test_an_error_in_midstream_of_the_newer_dialects_cuts_the_connection(
    clickhouse: ClickHouse, client: Client, dialect: str, is_marked: bool
) -> None:
    await clickhouse.faults([{"action": "error", "dialect": dialect, "after_bytes": 1000, "match": "numbers"}])

    with pytest.raises(BrokenOffError) as broken:
        streamed(client, WHOLE)

    assert broken.value.got.startswith(WHOLE_BYTES[:1000])
    assert b"DB::Exception: a planted fault" in broken.value.got
    assert (b"__exception__" in broken.value.got) is is_marked


async def test_an_error_of_the_engine_in_midstream_cuts_the_connection(client: Client) -> None:
    with pytest.raises(BrokenOffError) as broken:
        streamed(client, "SELECT throwIf(number = 3000000) FROM numbers(10000000) FORMAT CSV")

    assert len(broken.value.got) > 1000


async def test_a_query_that_fails_late_has_its_status_if_it_is_held_back(client: Client) -> None:
    sql = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000)"

    with pytest.raises(DatabaseError, match="THROW_IF"):
        client.raw_query(sql, settings={"wait_end_of_query": 1})


async def test_a_cut_comes_after_the_bytes_it_says(clickhouse: ClickHouse, client: Client) -> None:
    await clickhouse.faults([{"action": "drop", "after_bytes": 70_000, "match": "numbers"}])

    with pytest.raises(BrokenOffError) as broken:
        streamed(client, WHOLE)

    assert WHOLE_BYTES[:70_000].startswith(broken.value.got)


async def test_a_short_answer_ends_well(clickhouse: ClickHouse, client: Client) -> None:
    await clickhouse.faults([{"action": "short", "rows": 7, "match": "numbers"}])

    assert streamed(client, WHOLE) == b"0\n1\n2\n3\n4\n5\n6\n"
    assert streamed(client, WHOLE) == WHOLE_BYTES


async def test_a_status_is_given_instead_of_an_answer(clickhouse: ClickHouse, client: Client) -> None:
    await clickhouse.faults([{"action": "status", "status": 500, "match": "numbers"}])

    with pytest.raises(DatabaseError, match="a planted fault"):
        streamed(client, WHOLE)

    assert await clickhouse.faults_left() == []


@pytest.mark.parametrize("after_bytes", [0, 1000])
async def test_a_delayed_answer_is_whole(clickhouse: ClickHouse, client: Client, after_bytes: int) -> None:
    await clickhouse.faults([{"action": "delay", "seconds": 0.2, "after_bytes": after_bytes, "match": "numbers"}])
    began = asyncio.get_running_loop().time()

    assert streamed(client, WHOLE) == WHOLE_BYTES
    assert asyncio.get_running_loop().time() - began >= 0.2
