"""What every object store must do for the ledger to hold: one suite, every store."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from cdr_exports.domain.errors import Misconfigured, Transient
from cdr_exports.runtime.clock import utc_now
from cdr_exports.runtime.storage import PART_BUFFER_BYTES, Store
from tests.stack import S3


@pytest.fixture(params=["file", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty one."""
    match request.param:
        case "file":
            return Store.open(f"file://{tmp_path}/a folder")
        case "memory":
            return Store.open("memory:///")
    s3: S3 = request.getfixturevalue("s3")
    return Store.open(f"{s3.url}/{uuid4()}", s3.environment)


async def test_of_many_who_create_one_name_exactly_one_wins_and_its_bytes_stay(store: Store) -> None:
    won = await asyncio.gather(*(store.create("a/b.json", str(n).encode()) for n in range(10)))

    assert won.count(True) == 1
    assert await store.read("a/b.json") == str(won.index(True)).encode()


async def test_what_is_not_there_is_none_and_as_good_as_deleted(store: Store) -> None:
    await store.delete("nothing")

    assert await store.read("nothing") is None
    assert not await store.exists("nothing")
    with pytest.raises(FileNotFoundError):
        await store.range("nothing", 0, 1)
    with pytest.raises(FileNotFoundError):
        list(store.pieces("nothing"))


async def test_a_deleted_name_can_be_created_again(store: Store) -> None:
    await store.create("a", b"1")
    await store.delete("a")

    assert await store.create("a", b"2")
    assert await store.read("a") == b"2"


async def test_listing_finds_what_lies_below_a_folder_and_nothing_beside_it(store: Store) -> None:
    for name in "x/1/a", "x/1/b/c", "x/10/a", "y/a":
        await store.create(name, b"")

    assert sorted(await store.list("x/1/")) == ["x/1/a", "x/1/b/c"]


@pytest.mark.parametrize("size", [0, 1, 1 << 20, PART_BUFFER_BYTES + 1, 3 * PART_BUFFER_BYTES], ids=str)
async def test_a_part_exists_when_it_is_closed_and_not_before(store: Store, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    part = store.part("part")
    for start in range(0, size, 300_000):
        part.write(data[start : start + 300_000])
    assert not await store.exists("part")

    part.close()

    assert b"".join(store.pieces("part")) == data


@pytest.mark.parametrize(("start", "end"), [(0, 5), (5, 10), (999_990, 1_000_000), (5, 1_000_000), (0, 1_000_000)])
async def test_a_range_is_exactly_those_bytes(store: Store, start: int, end: int) -> None:
    data = bytes(n % 251 for n in range(1_000_000))
    await store.create("object", data)

    assert await store.range("object", start, end) == data[start:end]


@pytest.mark.parametrize(("start", "end"), [(5, 11), (10, 11), (99, 100)])
async def test_a_range_that_an_object_does_not_have_is_never_cut_short(store: Store, start: int, end: int) -> None:
    await store.create("object", b"0123456789")

    with pytest.raises(Transient):
        await store.range("object", start, end)


async def test_a_listing_says_how_large_an_object_is_and_when_it_was_written(store: Store) -> None:
    before = utc_now()
    await store.create("x/a", b"12345")

    (found,) = await store.listing("x/")

    assert (found.name, found.bytes) == ("x/a", 5)
    assert abs(found.modified_at - before) < timedelta(minutes=1)


async def test_a_part_that_is_abandoned_leaves_nothing_visible(store: Store) -> None:
    part = store.part("x/part")
    part.write(b"x" * (3 * PART_BUFFER_BYTES))

    del part

    assert not await store.exists("x/part")
    assert await store.list("x/") == []


@pytest.mark.parametrize(("environment", "bucket", "said"), [
    ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "exports", "refuses access to"),
    ({"AWS_ACCESS_KEY_ID": "nobody"}, "exports", "refuses access to"),
    ({}, "no-such-bucket", "refuses access to|does not exist"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "exports", "does not serve"),
], ids=["wrong secret", "unknown key", "no bucket", "server down"])  # fmt: skip
async def test_an_s3_that_serves_nothing_is_waited_for_and_says_why(
    s3: S3, environment: dict[str, str], bucket: str, said: str
) -> None:
    store = Store.open(f"s3://{bucket}", s3.environment | environment)

    def write() -> None:
        part = store.part("part")
        part.write(b"x" * (2 * PART_BUFFER_BYTES))
        part.close()

    with pytest.raises(Transient, match=said):
        await store.create("a", b"1")
    with pytest.raises(Transient, match=said):
        await store.read("a")
    with pytest.raises(Transient, match=said):
        await store.list("a/")
    with pytest.raises(Transient, match=said):
        await asyncio.to_thread(write)
    with pytest.raises(Transient, match=said):
        await asyncio.to_thread(lambda: list(store.pieces("a")))


async def test_what_an_s3_has_taken_outlives_its_restart(s3: S3) -> None:
    store = Store.open(f"{s3.url}/{uuid4()}", s3.environment)
    await store.create("a", b"1")

    await s3.stop()
    await s3.start()

    assert await store.read("a") == b"1"
    assert not await store.create("a", b"2")


async def test_an_s3_is_told_by_the_usual_environment(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)

    store = Store.open(f"{s3.url}/{uuid4()}")

    assert await store.create("a", b"1")


@pytest.mark.parametrize("url", ["file:///proc/no/such/folder", "s3://", "ftp://x"])
def test_a_url_that_names_no_store_is_said_to_be_misconfigured(url: str) -> None:
    with pytest.raises(Misconfigured, match="STORE_URL"):
        Store.open(url)
