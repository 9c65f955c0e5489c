"""A part of a gzipped text: the answer's bytes, scrutinised and compressed as they come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cdr_exports.domain.parts import Part
from cdr_exports.processor import gzip_member
from cdr_exports.processor.file_format import FileEnds


class Scrutiny(Protocol):
    """Reads the text in pieces of any size, counts its rows and says in the end what is wrong with it."""

    @property
    def rows(self) -> int: ...

    def feed(self, data: bytes) -> None: ...

    def defect(self) -> str | None: ...


class GzippedPart:
    """Makes one part. `heading` comes before the answer's bytes."""

    footer = b""

    def __init__(self, scrutiny: Scrutiny, heading: bytes = b"") -> None:
        self._scrutiny, self._run = scrutiny, gzip_member.DeflateRun()
        self._compressed = self._run.feed(heading)

    @property
    def rows(self) -> int:
        return self._scrutiny.rows

    @property
    def raw_bytes(self) -> int:
        return self._run.raw_bytes

    @property
    def crc32(self) -> int:
        return self._run.crc32

    def feed(self, data: bytes) -> bytes:
        self._scrutiny.feed(data)
        compressed, self._compressed = self._compressed, b""
        return compressed + self._run.feed(data)

    def defect(self) -> str | None:
        return self._scrutiny.defect()

    def end(self) -> bytes:
        return self._compressed + self._run.end()


def ends(parts: Sequence[Part]) -> FileEnds:
    """Header and trailer of the one gzip member that the parts are."""
    crc32 = gzip_member.combined_crc((part.crc32, part.raw_bytes) for part in parts)
    raw_bytes = sum(part.raw_bytes for part in parts)
    return FileEnds(head=gzip_member.HEAD, tail=gzip_member.tail(crc32, raw_bytes), raw_bytes=raw_bytes, crc32=crc32)
