r"""What is demanded of the bytes of a slice before they may become a part: whole rows, counted, and nothing else.

ClickHouse reports an error that happens after the first byte inside the answer, under HTTP 200, in three dialects:
before 24.11 the text and a regular end; until 25.10 the text and a cut; since 25.11 a tagged block and a cut. It is not
looked for by its words, which a caller may have put into a CDR: every value of ours stands in quotes, so that outside of
quotes there are commas and line ends only, and whatever else stands there was not a CDR.
"""

from __future__ import annotations

TAIL_BYTES = 64 << 10
"""Error texts come last, and are shorter."""
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
