"""Which bytes of which object make a piece of a file, and which piece a Range header asks for. Pure arithmetic.

A file is the manifest's head, its objects in order, its tail. Ranges follow RFC 9110, section 14: one range is served;
a header that is malformed, of another unit, or asks for several ranges is ignored, which the RFC allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cdr_exports.domain.parts import Manifest

_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteRange:
    """Bytes [start, end) of a file."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectBytes:
    """`length` bytes of the object `name`, from `start`."""

    name: str
    start: int
    length: int


class Unsatisfiable(Exception):
    """The range asked for lies outside the file."""


def asked_range(header: str | None, size: int) -> ByteRange | None:
    """The range that a Range header asks of a file of `size` bytes; None: the whole. Raises Unsatisfiable."""
    match = _ONE_RANGE.fullmatch(header or "")
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:  # the last so many bytes
        if int(last) == 0:
            raise Unsatisfiable
        return ByteRange(start=max(size - int(last), 0), end=size)
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise Unsatisfiable
    return ByteRange(start=int(first), end=min(int(last) + 1, size) if last else size)


def pieces(manifest: Manifest, wanted: ByteRange) -> Iterator[bytes | ObjectBytes]:
    """What makes the wanted bytes, in order: bytes as they are, or bytes of an object. None of it is empty."""
    at = 0
    for source, size in _sources(manifest):
        start, end = max(wanted.start - at, 0), min(wanted.end - at, size)
        if start < end:
            if isinstance(source, bytes):
                yield source[start:end]
            else:
                yield ObjectBytes(name=source, start=start, length=end - start)
        at += size


def _sources(manifest: Manifest) -> Iterator[tuple[bytes | str, int]]:
    yield manifest.head, len(manifest.head)
    for each in manifest.objects:
        yield each.name, each.bytes
    yield manifest.tail, len(manifest.tail)
