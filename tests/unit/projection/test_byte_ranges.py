from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdr_exports.domain.events import NO_TOTALS, ExportedFile
from cdr_exports.domain.filters import FileFormat
from cdr_exports.domain.identity import AccountId, ExportId
from cdr_exports.domain.parts import Manifest, StoredObject
from cdr_exports.projection.byte_ranges import ByteRange, ObjectBytes, Unsatisfiable, asked_range, pieces

AT = datetime(2026, 1, 1, tzinfo=UTC)


def manifest_of(head: bytes, objects: dict[str, bytes], tail: bytes) -> Manifest:
    size = len(head) + sum(map(len, objects.values())) + len(tail)
    return Manifest(
        export_id=ExportId(UUID(int=1)),
        account_id=AccountId(1),
        rows=0,
        file=ExportedFile(
            format=FileFormat.CSV, parts=len(objects), bytes=size, raw_bytes=0, sha256="", crc32=0, manifest=""
        ),
        totals=NO_TOTALS,
        head=head,
        objects=tuple(StoredObject(name=name, bytes=len(data), sha256="") for name, data in objects.items()),
        tail=tail,
        columns=(),
        data_through=None,
        started_at=AT,
        completed_at=AT,
    )


@given(
    head=st.binary(max_size=5),
    contents=st.lists(st.binary(max_size=7), max_size=4),
    tail=st.binary(max_size=5),
    data=st.data(),
)
def test_the_pieces_of_a_range_are_the_bytes_of_that_range(
    head: bytes, contents: list[bytes], tail: bytes, data: st.DataObject
) -> None:
    objects = {f"part-{number}": content for number, content in enumerate(contents)}
    whole = head + b"".join(contents) + tail
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))

    found = list(pieces(manifest_of(head, objects, tail), ByteRange(start=start, end=end)))

    read = [
        objects[each.name][each.start : each.start + each.length] if isinstance(each, ObjectBytes) else each
        for each in found
    ]
    assert b"".join(read) == whole[start:end]
    assert all(read)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("bytes=0-0", (0, 1), id="the first byte"),
        pytest.param("bytes=3-5", (3, 6), id="from the middle"),
        pytest.param("bytes=3-", (3, 10), id="to the end"),
        pytest.param("bytes=3-99", (3, 10), id="beyond the end"),
        pytest.param("bytes=-4", (6, 10), id="the last four"),
        pytest.param("bytes=-99", (0, 10), id="more than all of it"),
        pytest.param("Bytes = 3-5", (3, 6), id="in another spelling"),
    ],
)
def test_a_range_header_names_bytes(header: str, expected: tuple[int, int]) -> None:
    start, end = expected

    assert asked_range(header, 10) == ByteRange(start=start, end=end)


@pytest.mark.parametrize(
    "header", [None, "", "bytes=", "bytes=-", "bytes=5-3", "bytes=0-1,4-5", "rows=0-1", "bytes=a-b"]
)
def test_a_header_that_asks_for_no_single_range_is_ignored(header: str | None) -> None:
    assert asked_range(header, 10) is None


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_a_range_outside_the_file_cannot_be_served(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        asked_range(header, 10)
