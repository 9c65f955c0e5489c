"""Which partition a key belongs to: murmur2, as Kafka's Java client has it.

Our producers' client does the same by itself. This is for the test vectors that publishers check theirs against, and
for whoever must know a record's partition without asking a producer.
"""

from __future__ import annotations

_M = 0x5BD1E995
_SEED = 0x9747B28C
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The hash of `data`, 0 to 2^32 - 1 (Java prints the same 32 bits as a signed number)."""
    h = _SEED ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        h = (h * _M ^ (k ^ k >> 24) * _M) & _MASK
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of `key` in a topic of so many partitions. They are never added to a live topic: keys would move."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
