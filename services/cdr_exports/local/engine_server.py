"""A ClickHouse server for one machine: ClickHouse's HTTP protocol over the engine of the chdb-core wheel.

    python -m cdr_exports.local.engine_server DATA_FOLDER PORT

On loopback, one user; name and password come by environment (CDR_EXPORTS_ENGINE_USER, CDR_EXPORTS_ENGINE_PASSWORD), and
CDR_EXPORTS_ENGINE_FAULTS=1 allows planted faults. clickhouse-connect takes it for the real thing; what is missing:
grants and quotas, the query log, packed answers, progress headers, external data, the native protocol.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from cdr_exports.local.engine import Engine
from cdr_exports.local.engine_calls import Call, authenticate, read_call
from cdr_exports.local.engine_errors import EngineError, refusal
from cdr_exports.local.engine_execution import Execution, PlantedError
from cdr_exports.local.engine_faults import Action, Fault, Faults
from cdr_exports.local.engine_statements import insert_head
from cdr_exports.local.engine_wire import Answer, body_pieces, unpacked

IDLE_SECONDS = 60
HEAD_BYTES = 1 << 16
"""How much of a body is looked at to tell an INSERT's text from its data."""
STOP_SECONDS = 3
_PINGS = frozenset({"/ping", "/replicas_status"})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may ask, and whether faults may be planted."""

    user: str
    password: str
    faults_allowed: bool = False


class EngineServer(ThreadingHTTPServer):
    """One thread a connection."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, engine: Engine, port: int, access: Access) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.engine = engine
        self.access = access
        self.execution = Execution(engine)
        self.faults = Faults()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: EngineServer

    def handle(self) -> None:
        try:
            super().handle()
        except OSError as error:  # whoever raised it: this connection serves no more
            log.debug("connection lost: %s", error)

    def do_GET(self) -> None:
        self._serve(may_write=False)

    def do_POST(self) -> None:
        self._serve(may_write=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the library's
        """A line a request would drown the rest."""
        log.debug(format, *args)

    def _serve(self, *, may_write: bool) -> None:
        url = urlsplit(self.path)
        fields = {"query_id": str(uuid.uuid4())} | dict(parse_qsl(url.query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        engine = self.server.engine
        answer = Answer(
            self.connection,
            query_id=fields["query_id"],
            version=engine.version,
            time_zone=engine.time_zone,
            keep=not self.close_connection,
        )
        body = body_pieces(self.rfile, headers)
        try:
            if url.path in _PINGS or (not may_write and url.path == "/" and "query" not in fields):
                answer.whole(200, b"Ok.\n")
            else:
                authenticate(fields, headers, user=self.server.access.user, password=self.server.access.password)
                pieces = unpacked(body, headers.get("content-encoding"))
                self._dispatch(url.path, fields, pieces, answer, may_write=may_write)
        except EngineError as error:
            answer.fail(error)
        except PlantedError as planted:
            answer.fail(planted.error, planted.dialect)
        for _ in body:  # what nobody read stands before the next request
            pass
        self.close_connection = not answer.kept_open

    def _dispatch(
        self, path: str, fields: Mapping[str, str], pieces: Iterator[bytes], answer: Answer, *, may_write: bool
    ) -> None:
        if path == "/__faults" and self.server.access.faults_allowed:
            self._plant(pieces, answer, replace_rules=may_write)
        elif path != "/":
            answer.whole(404, b"There is no handle for this path.\n")
        else:
            call = read_call(fields, setting_names=self.server.engine.setting_names, may_write=may_write)
            self.connection.settimeout(call.send_seconds)
            self._execute(call, pieces, answer)
            self.connection.settimeout(self.timeout)

    def _plant(self, pieces: Iterator[bytes], answer: Answer, *, replace_rules: bool) -> None:
        if replace_rules:
            try:
                self.server.faults.plant(b"".join(pieces))
            except ValueError as error:
                answer.whole(400, f"{error}\n".encode())
                return
        answer.whole(200, self.server.faults.document(), {"Content-Type": "application/json"})

    def _execute(self, call: Call, pieces: Iterator[bytes], answer: Answer) -> None:
        text = call.sql_in_url.encode() or _beginning(pieces)
        head = insert_head(text)
        sql = head.sql if head else _joined(text, pieces)
        if not sql.strip():
            raise refusal(62, "SYNTAX_ERROR", "Empty query")
        fault = self.server.faults.strike(sql)
        if fault and _is_struck_at_once(fault, answer):
            return
        if fault and fault.action is Action.SHORT:
            call = replace(call, settings={**call.settings, "limit": str(fault.rows)})
        if head:
            self.server.execution.insert(call, head, pieces, answer)
        else:
            self.server.execution.run(call, sql, answer, self.connection, fault)


def _beginning(pieces: Iterator[bytes]) -> bytes:
    text = b""
    while len(text) < HEAD_BYTES and (piece := next(pieces, b"")):
        text += piece
    return text


def _joined(text: bytes, pieces: Iterator[bytes]) -> str:
    rest = b"".join(pieces)
    try:
        return (text + b"\n" + rest if rest else text).decode()
    except UnicodeDecodeError as error:
        raise refusal(62, "SYNTAX_ERROR", f"the statement is not UTF-8: {error}") from error


def _is_struck_at_once(fault: Fault, answer: Answer) -> bool:
    """Faults that come before the statement runs; true if the answer has been given."""
    if fault.action is Action.STATUS:
        answer.whole(fault.status, fault.body.encode())
        return True
    if fault.action is Action.DROP and not fault.after_bytes:
        raise ConnectionAbortedError(fault.message)
    if fault.action is Action.DELAY and not fault.after_bytes:
        time.sleep(fault.seconds)
    return False


def main() -> None:
    """Serves until SIGTERM or SIGINT; then running queries are cut off, as clients must expect of a server's end."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    data, port = Path(sys.argv[1]), int(sys.argv[2])
    access = Access(
        user=os.environ["CDR_EXPORTS_ENGINE_USER"],
        password=os.environ["CDR_EXPORTS_ENGINE_PASSWORD"],
        faults_allowed=os.environ.get("CDR_EXPORTS_ENGINE_FAULTS") == "1",
    )
    over = threading.Event()
    for number in signal.SIGTERM, signal.SIGINT:
        signal.signal(number, lambda *_: over.set())
    engine = Engine(data)
    server = EngineServer(engine, port, access)
    threading.Thread(target=server.serve_forever, name="accept", daemon=True).start()
    log.info("ClickHouse engine %s on port %d", engine.version, port)
    over.wait()
    server.shutdown()
    server.server_close()
    threading.Timer(STOP_SECONDS, os._exit, (1,)).start()  # whatever a running query does, the process ends
    engine.close()
    os._exit(0)  # threads in the middle of a query would hold up a regular end


if __name__ == "__main__":
    main()
