"""What a format of file has to decide: how its query is written, how the answer is judged and becomes a part, and what
stands before and after the parts. All that differs between CSV, JSON Lines and Parquet is behind this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cdr_exports.domain.parts import Part
from cdr_exports.domain.slices import Plan, Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEnds:
    """What makes parts a file. `raw_bytes` and `crc32` are those of ExportedFile."""

    head: bytes
    tail: bytes
    raw_bytes: int
    crc32: int


class PartMaking(Protocol):
    """One answer of ClickHouse on its way to becoming a part. Bytes go in by `feed` as they come, those of the part come
    out of it and of `end`; `defect` is asked between the two. Memory does not depend on the size of the answer.
    """

    @property
    def rows(self) -> int:
        """Counted in the bytes. Final when `defect` was asked."""

    @property
    def raw_bytes(self) -> int: ...

    @property
    def crc32(self) -> int: ...

    @property
    def footer(self) -> bytes:
        """What the file's end needs to know of the part; final when `defect` was asked."""

    def feed(self, data: bytes) -> bytes: ...

    def defect(self) -> str | None:
        """Why the answer is no whole slice, for the log. None says only that it looks like one: its rows are to be held
        against a count.
        """

    def end(self) -> bytes:
        """The rest of the part."""


class Format(Protocol):
    """Has no state."""

    @property
    def clickhouse_name(self) -> str:
        """ClickHouse's word for it."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Pins every setting that could change a byte; a server's profile may have set it."""

    def expressions(self, plan: Plan) -> Sequence[str]:
        """The plan's columns, in order, as they are selected."""

    def part(self, plan: Plan, piece: Slice) -> PartMaking: ...

    def ends(self, parts: Sequence[Part]) -> FileEnds:
        """Of the file made of these parts, in file order; may take seconds. Raises ValueError for parts that make none."""
