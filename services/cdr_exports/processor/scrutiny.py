r"""What is demanded of the bytes of a slice before they may become a part: whole rows, counted, and nothing else.

ClickHouse reports an error that happens after the first byte inside the answer, under HTTP 200, in three dialects:
before 24.11 the text and a regular end; until 25.10 the text and a cut; since 25.11 a tagged block and a cut. It is not
looked for by its words, which a caller may have put into a CDR. In CSV every value of ours stands in quotes, so that
outside of quotes there are commas and line ends only; in JSON Lines every line is an object of our columns. Whatever else
stands there was not a CDR.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

TAIL_BYTES = 64 << 10
"""Error texts come last, and are shorter."""
LONGEST_LINE_BYTES = 64 << 20
_OTHERS = bytes(set(range(256)) - {ord('"'), ord("\n")})


class CsvScrutiny:
    """Reads CSV in which every value that is not NULL is quoted, in pieces of any size."""

    def __init__(self) -> None:
        self.rows = 0
        """Line ends outside of quotes so far: exact for any contents."""
        self._inside = False
        self._tail = b""

    def feed(self, data: bytes) -> None:
        """Only quotes and line ends matter for the count: all else is deleted, then every pair of quotes that touch.
        What is left are the line ends, and single quotes around those that stand inside a value.
        """
        left = data.translate(None, _OTHERS).replace(b'""', b"").split(b'"')
        self.rows += sum(piece.count(b"\n") for piece in left[self._inside :: 2])
        self._inside ^= len(left) % 2 == 0
        self._tail = data[-TAIL_BYTES:] if len(data) >= TAIL_BYTES else (self._tail + data)[-TAIL_BYTES:]

    def defect(self) -> str | None:
        """What is wrong with the end of the bytes, for the log; None where they end as rows do."""
        pieces = self._tail.split(b'"')
        began_inside = self._inside ^ (len(pieces) % 2 == 0)
        for piece in pieces[began_inside::2]:
            if stray := piece.strip(b",\n"):
                return f"stray text: {stray[:300].decode(errors='replace')!r}"
        if self._inside:
            return "ends inside a value"
        if self._tail and not self._tail.endswith(b"\n"):
            return "ends inside a row"
        return None


class JsonLinesScrutiny:
    r"""Reads JSON Lines, objects of `columns`, in pieces of any size. JSON writes a line end within a text as `\n`, so that
    a raw one can only be the end of a row.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self.rows = 0
        """Line ends so far: exact for any contents."""
        self._columns = list(columns)
        self._borders = 0
        """Places where an object ends, its line ends, and an object begins."""
        self._tail = b""
        """From a start of a line on; all bytes so far, or more than TAIL_BYTES of them."""

    def feed(self, data: bytes) -> None:
        seam = self._tail[-2:] + data[:2]
        self.rows += data.count(b"\n")
        self._borders += data.count(b"}\n{") + seam.count(b"}\n{")
        if len(data) > TAIL_BYTES and (start := data.rfind(b"\n", 0, -TAIL_BYTES)) >= 0:
            self._tail = data[start + 1 :]
            return
        self._tail += data
        if (start := self._tail.rfind(b"\n", 0, -TAIL_BYTES)) >= 0:
            self._tail = self._tail[start + 1 :]
        if len(self._tail) > LONGEST_LINE_BYTES:
            self._tail = self._tail[-TAIL_BYTES:]  # no row of ours; begins inside a line, and so is refused in the end

    def defect(self) -> str | None:
        """What is wrong with the bytes, for the log; None where they are rows and nothing else."""
        if self._tail and not self._tail.endswith(b"\n"):
            return f"ends inside a row: {self._tail[-300:].decode(errors='replace')!r}"
        for line in self._tail.split(b"\n")[:-1]:
            if not self._is_row(line):
                return f"stray text: {line[:300].decode(errors='replace')!r}"
        if self._borders != max(self.rows - 1, 0):
            return f"{self.rows} lines, of which some are no objects"
        return None

    def _is_row(self, line: bytes) -> bool:
        try:
            row = json.loads(line)
        except ValueError:
            return False
        return isinstance(row, dict) and list(row) == self._columns
