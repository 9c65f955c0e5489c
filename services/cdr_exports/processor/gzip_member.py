"""One gzip member made of parts that were compressed apart.

Each part is a run of deflate blocks that ends on a byte border (a sync flush) and refers to nothing before it, so parts
may be made in any order by anybody. Member = head + parts + tail; the CRC of the whole is combined from the parts'.
igzip level 1: 14 times as fast as zlib 6 for 12 % more bytes, deterministic, releases the GIL.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from isal import isal_zlib

LEVEL = 1
HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
"""No name, no time: the same rows make the same file."""
_LAST_BLOCK = b"\x03\x00"
RUN_BYTES = 1 << 20
"""igzip is fed in runs of exactly this size: what it makes depends on where its input is cut, and where a network cuts it
is chance. Without this, a slice made again is the same text in other bytes.
"""


class DeflateRun:
    """Compresses one part, in which way ever its bytes come; `crc32` and `raw_bytes` are of what went in."""

    def __init__(self) -> None:
        self._compressor = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, -15)
        self._waiting = bytearray()
        self.crc32, self.raw_bytes = 0, 0

    def feed(self, data: bytes) -> bytes:
        self.crc32 = isal_zlib.crc32(data, self.crc32)
        self.raw_bytes += len(data)
        self._waiting += data
        made = []
        while len(self._waiting) >= RUN_BYTES:
            made.append(self._compressor.compress(bytes(self._waiting[:RUN_BYTES])))
            del self._waiting[:RUN_BYTES]
        return b"".join(made)

    def end(self) -> bytes:
        """The rest of the run, up to a byte border."""
        last = self._compressor.compress(bytes(self._waiting))
        self._waiting.clear()
        return bytes(last + self._compressor.flush(isal_zlib.Z_SYNC_FLUSH))


def combined_crc(parts: Iterable[tuple[int, int]]) -> int:
    """The CRC of parts one after another, from each one's CRC and uncompressed length."""
    crc = 0
    for part_crc, raw_bytes in parts:
        crc = isal_zlib.crc32_combine(crc, part_crc, raw_bytes)
    return int(crc)


def tail(crc: int, raw_bytes: int) -> bytes:
    """What ends the member: a last, empty block, the CRC and the length of the uncompressed bytes."""
    return _LAST_BLOCK + struct.pack("<II", crc, raw_bytes & 0xFFFFFFFF)
