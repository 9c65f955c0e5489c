"""Parts compressed apart are one ordinary gzip member."""

from __future__ import annotations

import gzip
import hashlib
import random
import zlib
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from cdr_exports.processor.gzip_member import HEAD, DeflateRun, combined_crc, tail


def member(parts: list[list[bytes]]) -> bytes:
    runs, stored = [], []
    for pieces in parts:
        run = DeflateRun()
        stored.append(b"".join(map(run.feed, pieces)) + run.end())
        runs.append(run)
    crc = combined_crc((run.crc32, run.raw_bytes) for run in runs)
    return HEAD + b"".join(stored) + tail(crc, sum(run.raw_bytes for run in runs))


@given(st.lists(st.lists(st.binary(max_size=300), max_size=4), max_size=5))
def test_parts_made_apart_are_one_member_that_any_reader_takes(parts: list[list[bytes]]) -> None:
    file = member(parts)

    reader = zlib.decompressobj(wbits=31)
    assert reader.decompress(file) == b"".join(map(b"".join, parts))
    assert reader.eof
    assert reader.unused_data == b""
    assert gzip.decompress(file) == b"".join(map(b"".join, parts))


def test_the_same_text_is_the_same_bytes_however_it_comes() -> None:
    chance = random.Random(7)
    text = b"".join(b'"%d","%032x"\n' % (number, chance.getrandbits(128)) for number in range(60_000))

    def cut(places: list[int]) -> bytes:
        borders = [0, *sorted(places), len(text)]
        return member([[text[start:end] for start, end in pairwise(borders)]])

    cuts = [[chance.randrange(len(text)) for _ in range(chance.randrange(1, 30))] for _ in range(8)]

    assert {hashlib.sha256(cut(places)).digest() for places in [[], *cuts]} == {hashlib.sha256(cut([])).digest()}


def test_a_member_with_a_part_missing_is_refused_by_readers() -> None:
    whole = member([[b"a" * 100], [b"b" * 100]])
    run = DeflateRun()
    first = run.feed(b"a" * 100) + run.end()

    broken = whole.replace(first, b"", 1)

    try:
        gzip.decompress(broken)
    except gzip.BadGzipFile:
        return
    raise AssertionError("a reader took it")
