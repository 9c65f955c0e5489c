"""What every object store must do for the ledger to hold: one suite, every store."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from cdr_exports.domain.errors import Misconfigured
from cdr_exports.runtime.storage import PART_BUFFER_BYTES, PIECE_BYTES, Store


@pytest.fixture(params=["file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store.open(f"file://{tmp_path}/a folder" if request.param == "file" else "memory:///")


async def test_of_many_who_create_one_name_exactly_one_wins_and_its_bytes_stay(store: Store) -> None:
    won = await asyncio.gather(*(store.create("a/b.json", str(n).encode()) for n in range(20)))

    assert won.count(True) == 1
    assert await store.read("a/b.json") == str(won.index(True)).encode()


async def test_what_is_not_there_is_none_and_as_good_as_deleted(store: Store) -> None:
    await store.delete("nothing")

    assert await store.read("nothing") is None
    assert not await store.exists("nothing")
    with pytest.raises(FileNotFoundError):
        [piece async for piece in store.stream("nothing")]
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


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PART_BUFFER_BYTES + 1, 3 * PART_BUFFER_BYTES], ids=str)
async def test_a_part_exists_when_it_is_closed_and_not_before(store: Store, size: int) -> None:
    data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    part = store.part("part")
    for start in range(0, size, 300_000):
        part.write(data[start : start + 300_000])
    assert not await store.exists("part")

    part.close()

    assert b"".join(store.pieces("part")) == data
    streamed = hashlib.sha256()
    async for piece in store.stream("part"):
        streamed.update(piece)
    assert streamed.digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize(("start", "length"), [(0, 5), (5, 5), (999_990, 10), (5, None), (0, None), (1_048_570, 20)])
async def test_a_range_is_exactly_those_bytes(store: Store, start: int, length: int | None) -> None:
    data = bytes(n % 251 for n in range(2 * PIECE_BYTES))
    await store.create("object", data)

    got = b"".join([piece async for piece in store.stream("object", start, length)])

    assert got == data[start : None if length is None else start + length]


@pytest.mark.parametrize("url", ["file:///proc/no/such/folder", "s3://", "ftp://x"])
def test_a_url_that_names_no_store_is_said_to_be_misconfigured(url: str) -> None:
    with pytest.raises(Misconfigured, match="STORE_URL"):
        Store.open(url)
