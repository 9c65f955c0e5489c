"""Runs one statement of one request: streams its result, takes its data, or gives its answer whole.

A query's result goes through a pipe from the engine to the socket: memory stays bounded and a slow client slows the
engine. When the client goes, the query is killed.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Any

from cdr_exports.local.engine import Connection, Engine, Outcome
from cdr_exports.local.engine_calls import Call
from cdr_exports.local.engine_errors import Dialect, refusal
from cdr_exports.local.engine_faults import Action, Fault
from cdr_exports.local.engine_sessions import Sessions
from cdr_exports.local.engine_statements import InsertHead, Statement, split, with_client_ids
from cdr_exports.local.engine_wire import PIECE_BYTES, Answer

QUERIES_AT_MOST = 100
KILL_AGAIN_SECONDS = 0.2
"""A KILL that comes before its query has begun finds nothing, so it is repeated."""
SPOOL_BYTES = 8 << 20


class PlantedError(Exception):
    """A planted fault that breaks an answer in its middle."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.error = refusal(fault.code, "PLANTED_FAULT", fault.message)
        self.dialect: Dialect = fault.dialect


class Execution:
    """What all requests share: the engine, the sessions, the limit on queries. Thread-safe.

    Every method writes an answer and raises EngineError, PlantedError, or OSError when the client has gone.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions = Sessions(engine)
        self._places = threading.BoundedSemaphore(QUERIES_AT_MOST)
        self._workers = ThreadPoolExecutor(QUERIES_AT_MOST, thread_name_prefix="query")

    def insert(self, call: Call, head: InsertHead, pieces: Iterator[bytes], answer: Answer) -> None:
        """INSERT … FORMAT with its data, which is never whole in memory."""
        data = chain((head.data,) if head.data else (), pieces)
        with self._place(), self._sessions.connection(call) as connection:
            outcome = connection.insert(head.sql, data, query_id=call.query_id, format_name=head.format_name)
        answer.begin(None, _summary(outcome))
        answer.end()

    def run(self, call: Call, sql: str, answer: Answer, client: socket.socket, fault: Fault | None) -> None:
        """Every other statement."""
        statement = split(sql)
        if statement.names_outfile:
            raise refusal(344, "SUPPORT_IS_DISABLED", "INTO OUTFILE is not allowed")
        with self._place(), self._sessions.connection(call) as connection:
            if statement.has_result:
                self._stream(connection, call, statement, answer, client, fault)
            else:
                self._answer_whole(connection, call, statement, sql, answer)

    def _answer_whole(self, connection: Connection, call: Call, statement: Statement, sql: str, answer: Answer) -> None:
        is_kill = statement.keyword == "KILL"
        format_name = (statement.format_name or call.default_format) if is_kill else "TabSeparated"
        outcome = connection.run(
            with_client_ids(statement) if is_kill else sql,
            query_id=call.query_id,
            format_name=format_name,
            parameters=call.parameters,
        )
        answer.begin(format_name if is_kill or outcome.data else None, _summary(outcome))
        answer.piece(outcome.data)
        answer.end()

    def _stream(
        self,
        connection: Connection,
        call: Call,
        statement: Statement,
        answer: Answer,
        client: socket.socket,
        fault: Fault | None,
    ) -> None:
        format_name = statement.format_name or call.default_format
        read_end, write_end = os.pipe()
        with suppress(OSError):  # a user has only so many large pipes
            fcntl.fcntl(write_end, fcntl.F_SETPIPE_SZ, PIECE_BYTES)

        def work() -> Outcome:
            try:
                return connection.run_into(
                    write_end,
                    with_client_ids(statement),
                    query_id=call.query_id,
                    format_name=format_name,
                    tail=statement.tail,
                    parameters=call.parameters,
                )
            finally:
                os.close(write_end)

        query = self._workers.submit(work)
        try:
            pieces = _with_fault(_pieces(read_end, client), fault)
            if call.sends_at_end:
                self._send_at_end(pieces, query, format_name, answer)
            else:
                self._send(pieces, query, format_name, answer)
        finally:
            os.close(read_end)
            while not query.done():
                self._engine.kill(call.query_id)
                wait([query], timeout=KILL_AGAIN_SECONDS)

    def _send(self, pieces: Iterator[bytes], query: Future[Outcome], format_name: str, answer: Answer) -> None:
        """The head goes out with the first piece: a query that fails before it still gets its status."""
        for piece in pieces:
            answer.begin(format_name, {})
            answer.piece(piece)
        answer.begin(format_name, _summary(query.result()))
        answer.end()

    def _send_at_end(self, pieces: Iterator[bytes], query: Future[Outcome], format_name: str, answer: Answer) -> None:
        with tempfile.SpooledTemporaryFile(SPOOL_BYTES) as spool:
            for piece in pieces:
                spool.write(piece)
            answer.begin(format_name, _summary(query.result()))
            spool.seek(0)
            while piece := spool.read(PIECE_BYTES):
                answer.piece(piece)
        answer.end()

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            why = f"Too many simultaneous queries. Maximum: {QUERIES_AT_MOST}"
            raise refusal(202, "TOO_MANY_SIMULTANEOUS_QUERIES", why)
        try:
            yield
        finally:
            self._places.release()


def _pieces(read_end: int, client: socket.socket) -> Iterator[bytes]:
    """What comes out of the pipe, until its end. Raises ConnectionResetError as soon as the client has gone."""
    poll = select.poll()
    poll.register(read_end, select.POLLIN)
    poll.register(client, select.POLLRDHUP)
    while True:
        events = dict(poll.poll())
        if client.fileno() in events:
            raise ConnectionResetError("the client has gone")
        piece = os.read(read_end, PIECE_BYTES)
        if not piece:
            return
        yield piece


def _with_fault(pieces: Iterator[bytes], fault: Fault | None) -> Iterator[bytes]:
    """`pieces`, with `fault` after `after_bytes` of them, or at their end if that comes first.

    Before it strikes there is a piece, if an empty one: the head of the answer has gone out.
    """
    strike = _IN_MIDSTREAM.get(fault.action) if fault else None
    if fault is None or strike is None:
        yield from pieces
        return
    left = fault.after_bytes
    for piece in pieces:
        if len(piece) > left:
            yield piece[:left]
            strike(fault)
            yield piece[left:]
            yield from pieces
            return
        left -= len(piece)
        yield piece
    yield b""
    strike(fault)


def _stall(fault: Fault) -> None:
    if fault.after_bytes:  # else it has been served before the query began
        time.sleep(fault.seconds)


def _cut(fault: Fault) -> None:
    raise ConnectionAbortedError(fault.message)


def _break_off(fault: Fault) -> None:
    raise PlantedError(fault)


_IN_MIDSTREAM: dict[Action, Callable[[Fault], None]] = {
    Action.DELAY: _stall,
    Action.DROP: _cut,
    Action.ERROR: _break_off,
}


def _summary(outcome: Outcome) -> dict[str, Any]:
    return {
        "read_rows": outcome.read_rows,
        "read_bytes": outcome.read_bytes,
        "written_rows": outcome.written_rows,
        "written_bytes": outcome.written_bytes,
        "elapsed_ns": int(outcome.elapsed_seconds * 1e9),
    }
