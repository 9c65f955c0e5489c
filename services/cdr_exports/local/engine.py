"""The one door to chDB, the ClickHouse engine as a library: connections, queries, inserts, and how its errors read.

Facts about chDB that this file rests on: one process to a data folder; queries run in parallel if each has its own
connection (1 ms to make); the GIL is released while the engine works; a query's id cannot be set, so ours rides in a
leading comment. How statements and answers travel over HTTP is left to the other engine_* files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import chdb

from cdr_exports.local.engine_errors import EngineError
from cdr_exports.local.engine_statements import identified, literal, query_mark

_NOISE = re.compile(r"(?:Streaming (?:query|insert \w+) failed|Failed to create connection|Query Error): ")
_CODE = re.compile(r"Code: (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a finished statement did. `data` is its whole result, for statements that are not streamed."""

    data: bytes = b""
    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    elapsed_seconds: float = 0.0


class Connection:
    """One client's view of the engine: its settings, its database, its temporary tables. One query at a time."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(self, sql: str, *, query_id: str, format_name: str, parameters: Mapping[str, str]) -> Outcome:
        """Runs a statement to its end, with its whole result in memory. Blocks. Raises EngineError."""
        with _translated():
            done = self._connection.query(identified(query_id, sql), format_name, params=dict(parameters))
        return Outcome(
            data=done.bytes() or b"",
            read_rows=done.rows_read(),
            read_bytes=done.bytes_read(),
            elapsed_seconds=done.elapsed(),
        )

    def run_into(
        self, descriptor: int, body: str, *, query_id: str, format_name: str, tail: str, parameters: Mapping[str, str]
    ) -> Outcome:
        """Runs a query whose result the engine writes to a file descriptor, as one document of any format.

        (chDB's own streaming makes every block a document of its own: repeated headers, one Parquet file a block.)
        A pipe gives back-pressure and bounded memory. Blocks until the last byte is taken. Raises EngineError.
        """
        target = f"INTO OUTFILE '/proc/self/fd/{descriptor}' TRUNCATE COMPRESSION 'none' FORMAT {format_name} {tail}"
        return self.run(f"{body}\n{target}", query_id=query_id, format_name="TabSeparated", parameters=parameters)

    def insert(self, sql: str, pieces: Iterator[bytes], *, query_id: str, format_name: str) -> Outcome:
        """Inserts data as it comes. If `pieces` raises, nothing that is not yet written will be. Raises EngineError."""
        with _translated():
            stream = self._connection.send_insert(identified(query_id, sql), format_name)
        try:
            for piece in pieces:
                with _translated():
                    stream.append(piece)
            with _translated():
                done = stream.finish()
        except BaseException:
            with suppress(RuntimeError):
                stream.cancel()
            raise
        return Outcome(
            read_rows=done.rows_written,
            read_bytes=done.bytes_written,
            written_rows=done.rows_written,
            written_bytes=done.bytes_written,
            elapsed_seconds=done.elapsed,
        )

    def rows(self, sql: str) -> list[list[str]]:
        """A small result as text, tab-separated. Raises EngineError."""
        with _translated():
            text = str(self._connection.query(sql, "TabSeparatedRaw"))
        return [line.split("\t") for line in text.splitlines()]

    def set(self, settings: Mapping[str, str]) -> None:
        """`readonly` comes last: it forbids what follows. (In a connection string an empty value would read as 1.)"""
        if settings:
            names = sorted(settings, key=lambda name: name == "readonly")
            self.rows("SET " + ", ".join(f"{name} = {literal(settings[name])}" for name in names))

    @contextmanager
    def overlaid(self, settings: Mapping[str, str]) -> Iterator[None]:
        """`settings` for the time of the context, then what was before."""
        names = ", ".join(map(literal, settings))
        query = f"SELECT name, value, changed FROM system.settings WHERE name IN ({names})"  # noqa: S608 -- literals
        before = self.rows(query) if settings else []
        self.set(settings)
        try:
            yield
        finally:
            for name, value, changed in before:
                self.rows(f"SET {name} = {literal(value) if changed == '1' else 'DEFAULT'}")

    def use(self, database: str) -> None:
        self.rows("USE `" + database.replace("\\", "\\\\").replace("`", "\\`") + "`")

    def close(self) -> None:
        self._connection.close()


class Engine:
    """The engine over one data folder. Raises EngineError if the folder cannot be opened."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._root = self.connect()
        self.version = self._root.rows("SELECT version()")[0][0]
        self.time_zone = self._root.rows("SELECT timezone()")[0][0]
        self.setting_names = frozenset(name for (name,) in self._root.rows("SELECT name FROM system.settings"))

    def connect(self, database: str | None = None) -> Connection:
        """A new connection; the caller closes it. Raises EngineError, also for an unknown database."""
        options = f"?database={quote(database)}" if database else ""
        with _translated():
            return Connection(chdb.connect(f"{self._data}{options}"))

    def kill(self, query_id: str) -> None:
        """Asks for the end of a query; it may have ended already."""
        with suppress(EngineError):
            mark = literal(query_mark(query_id))
            self._root.rows(f"KILL QUERY WHERE startsWith(query, {mark}) OR Settings['log_comment'] = {mark} ASYNC")

    def close(self) -> None:
        self._root.close()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # chDB's only class of errors; the number is in the text
        text = _NOISE.sub("", str(error)).strip()
        code = _CODE.search(text)
        raise EngineError(int(code[1]) if code else 1002, text) from error
