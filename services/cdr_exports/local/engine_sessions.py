"""Connections to the engine, one a request, or one a session where the client names one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cdr_exports.local.engine import Connection, Engine
from cdr_exports.local.engine_calls import Call
from cdr_exports.local.engine_errors import refusal
from cdr_exports.local.engine_statements import query_mark


@dataclass(slots=True, kw_only=True)
class _Session:
    connection: Connection
    ends_at: float = 0.0
    guard: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """Sessions by id. One that is not used for its time is closed when the next request comes. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sessions: dict[str, _Session] = {}
        self._guard = threading.Lock()

    @contextmanager
    def connection(self, call: Call) -> Iterator[Connection]:
        """The connection for one request, in its database and under its settings. Raises EngineError."""
        if call.session_id is not None:
            with self._session(call) as connection:
                yield connection
            return
        connection = self._engine.connect(call.database)
        try:
            mark = {"log_comment": query_mark(call.query_id)} if call.parameters else {}
            connection.set({**call.settings, **mark})
            yield connection
        finally:
            connection.close()

    @contextmanager
    def _session(self, call: Call) -> Iterator[Connection]:
        session = self._entered(str(call.session_id))
        try:
            if call.database:
                session.connection.use(call.database)
            with session.connection.overlaid(call.settings):  # a request's settings do not outlive it
                yield session.connection
        finally:
            session.ends_at = time.monotonic() + call.session_seconds
            session.guard.release()

    def _entered(self, session_id: str) -> _Session:
        with self._guard:
            self._close_ended()
            session = self._sessions.get(session_id)
            if session is None:
                session = self._sessions[session_id] = _Session(connection=self._engine.connect())
            if not session.guard.acquire(blocking=False):
                raise refusal(373, "SESSION_IS_LOCKED", f"Session {session_id} is locked by a concurrent client")
            return session

    def _close_ended(self) -> None:
        now = time.monotonic()
        for session_id, session in list(self._sessions.items()):
            if session.ends_at < now and session.guard.acquire(blocking=False):
                del self._sessions[session_id]
                session.connection.close()
