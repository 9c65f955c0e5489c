"""Against a registry that speaks Confluent's HTTP protocol: who registers what, and what is asked for how often."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cdr_exports.contract.codec import Codec
from cdr_exports.contract.dead_letters import Unusable
from cdr_exports.domain.errors import Misconfigured, Transient
from cdr_exports.runtime.registry import HttpRegistry, codec_for
from cdr_exports.runtime.settings import KafkaSettings
from tests.integration.processor.exports import request


class Registry(ThreadingHTTPServer):
    """Numbers schemas as they come; `asked` are the paths in order; `refuse` answers everything with that status."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.schemas: list[str] = []
        self.subjects: list[str] = []
        self.asked: list[str] = []
        self.refuse: int | None = None

    @property
    def url(self) -> str:
        return f"http://user:secret@127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_POST(self) -> None:
        schema = json.loads(self.rfile.read(int(self.headers["content-length"])))["schema"]
        if schema not in self.server.schemas:
            self.server.schemas.append(schema)
            self.server.subjects.append(self.path.split("/")[2])
        self._answer(200, {"id": self.server.schemas.index(schema) + 1})

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        number = int(self.path.rpartition("/")[2])
        known = number <= len(self.server.schemas)
        self._answer(
            200 if known else 404, {"schema": self.server.schemas[number - 1]} if known else {"error_code": 40403}
        )

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        assert self.headers["authorization"] == "Basic dXNlcjpzZWNyZXQ="
        data = json.dumps(body).encode()
        self.send_response(self.server.refuse or status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_what_one_service_writes_another_reads_and_asks_for_each_id_once(registry: Registry) -> None:
    writer, reader = codec_for(KafkaSettings(schema_registry_url=registry.url)), Codec.load(HttpRegistry(registry.url))
    wanted = request()

    data = writer.encode(wanted)
    read = [reader.decode(data), reader.decode(data)]

    assert data[0] == 0
    assert read == [wanted, wanted]
    assert "cdr_exports.v1.ExportRequested" in registry.subjects
    assert len(registry.schemas) == len(set(registry.subjects)) == 11


def test_both_framings_are_read_with_a_registry_and_one_without(registry: Registry) -> None:
    with_registry, without = codec_for(KafkaSettings(schema_registry_url=registry.url)), codec_for(KafkaSettings())
    wanted = request()

    assert with_registry.decode(without.encode(wanted)) == wanted
    with pytest.raises(Unusable, match="none is configured"):
        without.decode(with_registry.encode(wanted))


def test_an_unknown_id_is_poison_and_is_asked_for_once(registry: Registry) -> None:
    codec = codec_for(KafkaSettings(schema_registry_url=registry.url))

    for _ in range(3):
        with pytest.raises(Unusable, match="schema id 999"):
            codec.decode(b"\x00\x00\x00\x03\xe7rest")

    assert registry.asked == ["/schemas/ids/999"]


def test_a_registry_that_is_down_or_refuses_is_said_to_be(registry: Registry) -> None:
    registry.refuse = 503
    with pytest.raises(Transient, match="503"):
        codec_for(KafkaSettings(schema_registry_url=registry.url))
    registry.refuse = 409
    with pytest.raises(Misconfigured, match="409"):
        codec_for(KafkaSettings(schema_registry_url=registry.url))
    with pytest.raises(Transient, match="does not answer"):
        codec_for(KafkaSettings(schema_registry_url="http://127.0.0.1:1"))
    with pytest.raises(Misconfigured, match="not an http"):
        codec_for(KafkaSettings(schema_registry_url="ftp://example"))
