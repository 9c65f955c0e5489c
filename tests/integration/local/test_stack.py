"""The servers of the stack: they come back with their data, and nothing of them outlives their supervisor."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cdr_exports.local.control import NotRunning, ask
from cdr_exports.local.folder import Folder
from cdr_exports.runtime import clickhouse as runtime
from cdr_exports.runtime.settings import ClickHouseSettings
from tests.stack import Stack, supervisor_of

BACK_SECONDS = 15
"""On a quiet machine Kafka takes five, the others two."""
NOTHING_LEFT_SECONDS = 15


@pytest.fixture
async def clickhouse_client(stack: Stack) -> AsyncIterator[runtime.ClickHouse]:
    client = runtime.ClickHouse(ClickHouseSettings(clickhouse_url=stack.clickhouse.url))
    yield client
    client.close()


async def killed_and_back(stack: Stack, name: str) -> float:
    """Kills a server and waits for it; the seconds that took."""
    before = next(each for each in (await stack.status())["processes"] if each["name"] == name)
    began = time.monotonic()
    await stack.kill(name)
    await stack.start(name)
    seconds = time.monotonic() - began
    after = next(each for each in (await stack.status())["processes"] if each["name"] == name)
    assert (after["state"], after["restarts"]) == ("running", before["restarts"] + 1)
    assert after["pid"] != before["pid"]
    return seconds


async def test_a_killed_kafka_comes_back_with_its_records(stack: Stack) -> None:
    topic = f"kept-{uuid4().hex[:8]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka_bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka_bootstrap, acks="all")
    await producer.start()
    await producer.send_and_wait(topic, b"still here")
    await producer.stop()

    seconds = await killed_and_back(stack, "kafka")

    consumer = AIOKafkaConsumer(topic, bootstrap_servers=stack.kafka_bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    record = await consumer.getone()
    await consumer.stop()
    assert record.value == b"still here"
    assert seconds < BACK_SECONDS


async def test_a_killed_postgres_comes_back_with_its_rows_though_a_backend_is_busy(stack: Stack) -> None:
    table = f"kept_{uuid4().hex[:8]}"
    async with await psycopg.AsyncConnection.connect(stack.postgres_dsn, autocommit=True) as connection:
        await connection.execute(f"CREATE TABLE {table} AS SELECT 'still here' AS word")
    busy = psycopg.connect(stack.postgres_dsn, autocommit=True)
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000)")

    seconds = await killed_and_back(stack, "postgres")

    busy.close()
    async with await psycopg.AsyncConnection.connect(stack.postgres_dsn, autocommit=True) as connection:
        rows = await (await connection.execute(f"SELECT word FROM {table}")).fetchall()
        await connection.execute(f"DROP TABLE {table}")
    assert rows == [("still here",)]
    assert seconds < BACK_SECONDS


async def test_a_killed_clickhouse_comes_back_with_its_rows(
    stack: Stack, clickhouse_client: runtime.ClickHouse
) -> None:
    table = f"kept_{uuid4().hex[:8]}"
    await clickhouse_client.command(f"CREATE TABLE {table} (a UInt64) ENGINE = MergeTree ORDER BY a")
    await clickhouse_client.command(f"INSERT INTO {table} SELECT number FROM numbers(1000)")

    seconds = await killed_and_back(stack, "clickhouse")

    assert list((await clickhouse_client.rows(f"SELECT count(), sum(a) FROM {table}"))[0]) == [1000, 499_500]
    await clickhouse_client.command(f"DROP TABLE {table}")
    assert seconds < BACK_SECONDS


async def test_a_server_can_be_stopped_and_started(stack: Stack) -> None:
    await stack.stop("postgres")
    stopped = await stack.status()

    await stack.start("postgres")

    assert not stopped["ready"]
    assert [each for each in stopped["processes"] if each["name"] == "postgres"] == [
        {"name": "postgres", "pid": None, "state": "stopped", "restarts": stopped["processes"][1]["restarts"]}
    ]
    assert (await stack.status())["ready"]


async def test_all_servers_listen_on_loopback_only(stack: Stack) -> None:
    port = int(stack.kafka_bootstrap.rpartition(":")[2])
    listening = {each for each in open_ports() if each[1] == port}

    assert listening <= {("127.0.0.1", port), ("::ffff:127.0.0.1", port)}
    assert listening


def open_ports() -> Iterator[tuple[str, int]]:
    """Address and port of every listening TCP socket of this machine."""
    for file, family in ("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6):
        for line in Path(file).read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == "0A":
                address, _, port = local.partition(":")
                words = [bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8)]
                yield socket.inet_ntop(family, b"".join(words)), int(port, 16)


def processes_in(folder: Path) -> list[int]:
    """Who works in a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                where = (entry / "cwd").readlink()
            except OSError:
                continue
            if where.is_relative_to(folder) and where != folder:
                found.append(int(entry.name))
    return found


def test_nothing_outlives_a_supervisor_that_is_killed_and_the_next_one_finds_the_data(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "a folder with a name that is longer than the path of a socket may be" / ("x" * 60))
    with supervisor_of(folder) as supervisor:
        before = Stack(folder)
        with psycopg.connect(before.postgres_dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'still here' AS word")
        assert len(processes_in(folder.path)) >= 3

        os.kill(supervisor.pid, signal.SIGKILL)
        supervisor.wait()

        wait_until_nothing_is_left(folder)
        with pytest.raises(NotRunning):
            ask(folder, "status")

    with supervisor_of(folder) as supervisor:
        after = Stack(folder)
        with psycopg.connect(after.postgres_dsn) as connection:
            row = connection.execute("SELECT word FROM kept").fetchone()
        assert row == ("still here",)
        assert after.kafka_bootstrap == before.kafka_bootstrap  # a restart keeps the ports

        ask(folder, "down")
        supervisor.wait(NOTHING_LEFT_SECONDS)

    assert processes_in(folder.path) == []
    assert not folder.status.exists()


def wait_until_nothing_is_left(folder: Folder) -> None:
    end = time.monotonic() + NOTHING_LEFT_SECONDS
    while left := processes_in(folder.path):
        assert time.monotonic() < end, f"left: {left}"
        time.sleep(0.1)
