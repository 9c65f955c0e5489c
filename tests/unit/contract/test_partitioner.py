from __future__ import annotations

import json

import pytest
from aiokafka.partitioner import murmur2 as murmur2_of_the_client

from cdr_exports.contract.partitioner import murmur2, partition_of
from cdr_exports.contract.resources import repository_path

VECTORS = json.loads((repository_path("schemas") / "golden" / "murmur2.json").read_bytes())


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_the_one_that_kafkas_own_tests_name(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["key"])
def test_the_published_vectors_hold(vector: dict[str, str | int]) -> None:
    key = str(vector["key"]).encode()

    assert murmur2(key) == int(vector["murmur2"]) % 2**32
    assert partition_of(key, 24) == vector["partition_of_24"]


@pytest.mark.parametrize("length", range(9))
def test_the_hash_is_the_clients_for_every_length_of_rest(length: int) -> None:
    key = bytes(range(250, 250 - length, -1))

    assert murmur2(key) == murmur2_of_the_client(key) % 2**32
