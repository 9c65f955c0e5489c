"""What is in a `.jsonl.gz`, read once from its first byte to its last. Every line must be one JSON object, all with the
same members in the same order, and the last must end.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from decimal import InvalidOperation
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from cdr_exports.cli.file_figures import PIECE_BYTES, ROWS_AT_ONCE, Figures, GzipMember, Sums, figures
from cdr_exports.cli.output import Failed


def measure(path: Path, on_bytes: Callable[[int], None] = lambda _: None) -> Figures:
    """All figures. `on_bytes` hears how many bytes of the file are read. Raises Failed, OSError."""
    with path.open("rb") as file:
        member = GzipMember(file, on_bytes)
        objects = _objects(io.BufferedReader(member, PIECE_BYTES), path)
        try:
            first = next(objects, None)
            sums = _sum(first, objects, path) if first is not None else Sums(())
        except zlib.error as error:
            raise Failed(f"{path}: is no whole gzip file: {error}") from error
        except EOFError as error:
            raise Failed(f"{path}: {error}") from error
    return figures(member, None if first is None else list(first), sums)


def _objects(lines: io.BufferedReader, path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            raise Failed(f"{path}: line {number} does not end")
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise Failed(f"{path}: line {number} is no JSON: {error}") from error
        if not isinstance(row, dict):
            raise Failed(f"{path}: line {number} is no object")
        yield row


def _sum(first: dict[str, Any], rest: Iterator[dict[str, Any]], path: Path) -> Sums:
    names = list(first)
    sums = Sums(names)
    batch = [first]
    while batch:
        for offset, row in enumerate(batch, start=1):
            if list(row) != names:
                raise Failed(f"{path}: line {sums.rows + offset} has other members than the first")
        try:
            sums.add([list(row.values()) for row in batch])
        except (TypeError, ValueError, InvalidOperation) as error:
            raise Failed(f"{path}: one of the lines {sums.rows - len(batch) + 1} to {sums.rows}: {error}") from error
        batch = list(islice(rest, ROWS_AT_ONCE))
    return sums
